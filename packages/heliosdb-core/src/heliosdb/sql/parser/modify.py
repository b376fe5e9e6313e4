"""INSERT, UPDATE, DELETE, MERGE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from heliosdb.sql.parser import expressions, from_items, indexes, query
from heliosdb.sql.parser.indirection import indirection
from heliosdb.sql.statements import (
    Alias,
    Assignment,
    AssignmentTarget,
    ConflictTarget,
    CurrentOf,
    Delete,
    Expression,
    Insert,
    Merge,
    MergeWhen,
    MultiAssignment,
    OnConflict,
    Query,
    RangeTable,
    Statement,
    Target,
    Update,
    With,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["STATEMENTS", "insert"]


def insert(p: Parser, members: With | None) -> Insert:
    """Read INSERT."""
    position = p.position
    p.advance()
    p.expect("into")
    at = p.position
    name = p.qualified_name()
    extensions = p.clauses("table") if p.grammar.clauses else ()
    found = None
    if p.accept("as"):
        where = p.position
        found = Alias(p.identifier(), position=where)
    target = RangeTable(name, found, extensions=extensions, position=at)
    columns: tuple[AssignmentTarget, ...] = ()
    source: Query | None = None
    overriding = None
    if p.kind == "default":
        p.advance()
        p.expect("values")
    else:
        if p.kind == "(" and not begins_query(p):
            columns = column_list(p)
        overriding = override(p)
        source = query.query(p)
    on_conflict = conflict(p) if p.kind == "on" else None
    return Insert(
        target,
        columns,
        source,
        overriding,  # type: ignore[arg-type]
        on_conflict,
        returning(p),
        members,
        position=position,
    )


def begins_query(p: Parser) -> bool:
    """Whether the parenthesis here opens a query rather than a list of columns."""
    following = p.next_kind()
    return following in ("(", "select", "with", "with_la", "table") or (following == "values" and p.next_kind(2) == "(")


def override(p: Parser) -> str | None:
    """Read ``OVERRIDING USER | SYSTEM VALUE`` if it is there."""
    if not p.accept("overriding"):
        return None
    what = p.one_of("user", "system")
    p.expect("value")
    return what


def column_list(p: Parser) -> tuple[AssignmentTarget, ...]:
    """Read ``(a, b.c, d[1])``."""
    p.expect("(")
    columns = p.separated(lambda: assignment_target(p))
    p.expect(")")
    return columns


def assignment_target(p: Parser) -> AssignmentTarget:
    """Read a column to be written, with its path."""
    position = p.position
    name = p.identifier()
    if p.kind not in (".", "["):
        return AssignmentTarget(name, position=position)
    elements = indirection(p)
    if None in elements:
        raise p.near('improper use of "*"')
    return AssignmentTarget(name, tuple(e for e in elements if e is not None), position=position)


def conflict(p: Parser) -> OnConflict:
    """Read ``ON CONFLICT ...``."""
    position = p.position
    p.advance()
    p.expect("conflict")
    target = None
    at = p.position
    if p.accept("("):
        elements = p.separated(lambda: indexes.index_element(p))
        p.expect(")")
        where = expressions.expression(p) if p.accept("where") else None
        target = ConflictTarget(elements, where, position=at)
    elif p.accept("on"):
        p.expect("constraint")
        target = ConflictTarget(constraint=p.identifier(), position=at)
    p.expect("do")
    if p.accept("nothing"):
        return OnConflict(target, "nothing", position=position)
    p.expect_all("update", "set")
    assigned = assignments(p)
    where = expressions.expression(p) if p.accept("where") else None
    return OnConflict(target, "update", assigned, where, position=position)


def assignments(p: Parser) -> tuple[Assignment | MultiAssignment, ...]:
    """Read what stands behind SET."""
    return p.separated(lambda: assignment(p))


def assignment(p: Parser) -> Assignment | MultiAssignment:
    position = p.position
    if p.kind == "(":
        targets = column_list(p)
        p.expect("=")
        return MultiAssignment(targets, expressions.expression(p), position=position)
    target = assignment_target(p)
    p.expect("=")
    return Assignment(target, expressions.expression(p), position=position)


def returning(p: Parser) -> tuple[Target, ...]:
    """Read ``RETURNING ...`` if it is there."""
    return query.targets(p) if p.accept("returning") else ()


def where_clause(p: Parser) -> Expression | None:
    """Read ``WHERE condition`` or ``WHERE CURRENT OF cursor`` if it is there."""
    if not p.accept("where"):
        return None
    if p.kind == "current" and p.next_kind() == "of":
        position = p.position
        p.advance()
        p.advance()
        return CurrentOf(p.identifier(), position=position)
    return expressions.expression(p)


def update(p: Parser, members: With | None) -> Update:
    """Read UPDATE."""
    position = p.position
    p.advance()
    target = from_items.target_relation(p)
    p.expect("set")
    assigned = assignments(p)
    relations = from_items.from_clause(p) if p.kind == "from" else ()
    where = where_clause(p)
    return Update(target, assigned, relations, where, returning(p), members, position=position)


def delete(p: Parser, members: With | None) -> Delete:
    """Read DELETE."""
    position = p.position
    p.advance()
    p.expect("from")
    target = from_items.target_relation(p)
    using = from_items.from_list(p) if p.accept("using") else ()
    where = where_clause(p)
    return Delete(target, using, where, returning(p), members, position=position)


def merge(p: Parser, members: With | None) -> Merge:
    """Read MERGE."""
    position = p.position
    p.advance()
    p.expect("into")
    target = from_items.target_relation(p)
    p.expect("using")
    source = from_items.from_item(p)
    p.expect("on")
    condition = expressions.expression(p)
    if p.kind != "when":
        p.unexpected()
    whens: list[MergeWhen] = []
    while p.kind == "when":
        whens.append(merge_when(p))
    return Merge(target, source, condition, tuple(whens), members, position=position)


def merge_when(p: Parser) -> MergeWhen:
    position = p.position
    p.advance()
    matched = not p.accept("not")
    p.expect("matched")
    condition = expressions.expression(p) if p.accept("and") else None
    p.expect("then")
    if p.accept("do"):
        p.expect("nothing")
        return MergeWhen(matched, "nothing", condition, position=position)
    if matched:
        if p.one_of("update", "delete") == "delete":
            return MergeWhen(True, "delete", condition, position=position)
        p.expect("set")
        return MergeWhen(True, "update", condition, assignments(p), position=position)
    p.expect("insert")
    if p.accept("default"):
        p.expect("values")
        return MergeWhen(False, "insert", condition, position=position)
    columns = column_list(p) if p.kind == "(" else ()
    overriding = override(p)
    p.expect("values")
    p.expect("(")
    values = expressions.expression_list(p)
    p.expect(")")
    return MergeWhen(
        False,
        "insert",
        condition,
        columns=columns,
        values=values,
        overriding=overriding,  # type: ignore[arg-type]
        position=position,
    )


STATEMENTS: Final[Mapping[str, Callable[[Parser, With | None], Statement]]] = {
    "insert": insert,
    "update": update,
    "delete": delete,
    "merge": merge,
}
