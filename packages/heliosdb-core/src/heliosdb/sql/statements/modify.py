"""Syntax of INSERT, UPDATE, DELETE, MERGE."""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.base import Expression, Node, Statement
from heliosdb.sql.statements.expressions import ArrayIndex, ArraySlice
from heliosdb.sql.statements.query import FromItem, Query, RangeTable, Target, With
from heliosdb.value import frozen

__all__ = [
    "Assignment",
    "AssignmentTarget",
    "ConflictTarget",
    "Delete",
    "IndexElement",
    "Insert",
    "Merge",
    "MergeWhen",
    "MultiAssignment",
    "OnConflict",
    "Update",
]


@frozen(eq=False, repr=False)
class AssignmentTarget(Node):
    """A column to write: in INSERT's list and left of ``=`` in SET; ``path`` is ``.field`` and subscripts after it."""

    name: str
    path: tuple[str | ArrayIndex | ArraySlice, ...] = ()


@frozen(eq=False, repr=False)
class Assignment(Node):
    """``column = value``; value may be Default."""

    target: AssignmentTarget
    value: Expression


@frozen(eq=False, repr=False)
class MultiAssignment(Node):
    """``(a, b) = source``, where source is a RowConstructor, a ScalarSubquery, or what the binder refuses."""

    targets: tuple[AssignmentTarget, ...]
    source: Expression


@frozen(eq=False, repr=False)
class IndexElement(Node):
    """One key of an index or of ON CONFLICT: a ``name`` or an ``expression``."""

    name: str | None = None
    expression: Expression | None = None
    collation: tuple[str, ...] = ()
    operator_class: tuple[str, ...] = ()
    operator_class_options: tuple[Node, ...] = ()
    direction: OneOf["asc", "desc"] | None = None
    nulls: OneOf["first", "last"] | None = None


@frozen(eq=False, repr=False)
class ConflictTarget(Node):
    """``ON CONFLICT (elements) [WHERE ...]`` or ``ON CONFLICT ON CONSTRAINT name``."""

    elements: tuple[IndexElement, ...] = ()
    where: Expression | None = None
    constraint: str | None = None


@frozen(eq=False, repr=False)
class OnConflict(Node):
    """``ON CONFLICT [target] DO NOTHING | DO UPDATE SET assignments [WHERE ...]``."""

    target: ConflictTarget | None
    action: OneOf["nothing", "update"]
    assignments: tuple[Assignment | MultiAssignment, ...] = ()
    where: Expression | None = None


@frozen(eq=False, repr=False)
class Insert(Statement):
    """``INSERT INTO``; ``columns`` empty: none listed; ``source`` None: DEFAULT VALUES."""

    target: RangeTable
    columns: tuple[AssignmentTarget, ...]
    source: Query | None
    overriding: OneOf["user", "system"] | None = None
    on_conflict: OnConflict | None = None
    returning: tuple[Target, ...] = ()
    with_clause: With | None = None


@frozen(eq=False, repr=False)
class Update(Statement):
    """``UPDATE``; ``where`` may be CurrentOf."""

    target: RangeTable
    assignments: tuple[Assignment | MultiAssignment, ...]
    from_items: tuple[FromItem, ...] = ()
    where: Expression | None = None
    returning: tuple[Target, ...] = ()
    with_clause: With | None = None


@frozen(eq=False, repr=False)
class Delete(Statement):
    """``DELETE FROM``; ``where`` may be CurrentOf."""

    target: RangeTable
    using: tuple[FromItem, ...] = ()
    where: Expression | None = None
    returning: tuple[Target, ...] = ()
    with_clause: With | None = None


@frozen(eq=False, repr=False)
class MergeWhen(Node):
    """``WHEN [NOT] MATCHED [AND condition] THEN action``; for insert ``values`` None means DEFAULT VALUES."""

    matched: bool
    action: OneOf["update", "delete", "insert", "nothing"]
    condition: Expression | None = None
    assignments: tuple[Assignment | MultiAssignment, ...] = ()
    columns: tuple[AssignmentTarget, ...] = ()
    values: tuple[Expression, ...] | None = None
    overriding: OneOf["user", "system"] | None = None


@frozen(eq=False, repr=False)
class Merge(Statement):
    """``MERGE INTO target USING source ON condition WHEN ...``."""

    target: RangeTable
    source: FromItem
    condition: Expression
    whens: tuple[MergeWhen, ...]
    with_clause: With | None = None
