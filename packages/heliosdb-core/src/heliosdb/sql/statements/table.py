"""Syntax of tables: CREATE TABLE, its columns and constraints, CREATE INDEX, views, CREATE TABLE AS."""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.base import Clause, Expression, Node, QualifiedName, Statement
from heliosdb.sql.statements.expressions import TypeName
from heliosdb.sql.statements.modify import IndexElement
from heliosdb.sql.statements.option import Option
from heliosdb.sql.statements.query import Query
from heliosdb.value import field, frozen

__all__ = [
    "CheckConstraint",
    "ColumnDefinition",
    "Constraint",
    "CreateIndex",
    "CreateTable",
    "CreateTableAs",
    "CreateView",
    "DefaultConstraint",
    "ExclusionConstraint",
    "ForeignKeyConstraint",
    "GeneratedColumn",
    "IdentityColumn",
    "LikeClause",
    "NotNullConstraint",
    "NullConstraint",
    "PartitionBound",
    "PartitionElement",
    "PartitionSpec",
    "Persistence",
    "PrimaryKeyConstraint",
    "UniqueConstraint",
]

Persistence = OneOf["permanent", "temporary", "unlogged"]


@frozen(eq=False, repr=False)
class Constraint(Node):
    """Base of constraints; column and table constraints share the classes (a column's own has empty ``columns``)."""

    name: str | None = field(default=None, kw_only=True)
    deferrable: bool = field(default=False, kw_only=True)
    initially_deferred: bool = field(default=False, kw_only=True)
    not_valid: bool = field(default=False, kw_only=True)


@frozen(eq=False, repr=False)
class NotNullConstraint(Constraint):
    """``NOT NULL``."""


@frozen(eq=False, repr=False)
class NullConstraint(Constraint):
    """``NULL``."""


@frozen(eq=False, repr=False)
class DefaultConstraint(Constraint):
    """``DEFAULT expression``."""

    expression: Expression


@frozen(eq=False, repr=False)
class GeneratedColumn(Constraint):
    """``GENERATED ALWAYS AS (expression) STORED``."""

    expression: Expression


@frozen(eq=False, repr=False)
class IdentityColumn(Constraint):
    """``GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(sequence options)]``."""

    when: OneOf["always", "by default"]
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class CheckConstraint(Constraint):
    """``CHECK (expression) [NO INHERIT]``."""

    expression: Expression
    no_inherit: bool = False


@frozen(eq=False, repr=False)
class UniqueConstraint(Constraint):
    """``UNIQUE [NULLS NOT DISTINCT] (columns) [INCLUDE ...]`` or ``UNIQUE USING INDEX index``."""

    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    options: tuple[Option, ...] = ()
    tablespace: str | None = None
    index: str | None = None


@frozen(eq=False, repr=False)
class PrimaryKeyConstraint(Constraint):
    """``PRIMARY KEY (columns) [INCLUDE ...]`` or ``PRIMARY KEY USING INDEX index``."""

    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    tablespace: str | None = None
    index: str | None = None


@frozen(eq=False, repr=False)
class ForeignKeyConstraint(Constraint):
    """``FOREIGN KEY (columns) REFERENCES table (columns)``; the column lists after SET NULL in ``delete_columns``."""

    columns: tuple[str, ...]
    table: QualifiedName
    referenced_columns: tuple[str, ...] = ()
    match: OneOf["simple", "full", "partial"] = "simple"
    on_delete: OneOf["no action", "restrict", "cascade", "set null", "set default"] = "no action"
    on_update: OneOf["no action", "restrict", "cascade", "set null", "set default"] = "no action"
    delete_columns: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class ExclusionConstraint(Constraint):
    """``EXCLUDE USING method (element WITH operator, ...) WHERE (...)``."""

    elements: tuple[tuple[IndexElement, QualifiedName], ...]
    method: str | None = None
    include: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    tablespace: str | None = None
    where: Expression | None = None


@frozen(eq=False, repr=False)
class ColumnDefinition(Node):
    """A column of CREATE TABLE or ADD COLUMN; ``type`` is None only in ``CREATE TABLE ... OF type (column ...)``."""

    name: str
    type: TypeName | None
    collation: QualifiedName | None = None
    compression: str | None = None
    constraints: tuple[Constraint, ...] = ()
    options: tuple[Option, ...] = ()
    extensions: tuple[Clause, ...] = ()


@frozen(eq=False, repr=False)
class LikeClause(Node):
    """``LIKE table INCLUDING | EXCLUDING ...`` as (including, what) pairs in order of writing."""

    table: QualifiedName
    options: tuple[tuple[bool, str], ...] = ()


@frozen(eq=False, repr=False)
class PartitionElement(Node):
    """One key of PARTITION BY: a column ``name`` or an ``expression``."""

    name: str | None = None
    expression: Expression | None = None
    collation: tuple[str, ...] = ()
    operator_class: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class PartitionSpec(Node):
    """``PARTITION BY strategy (elements)``."""

    strategy: str
    elements: tuple[PartitionElement, ...]


@frozen(eq=False, repr=False)
class PartitionBound(Node):
    """``FOR VALUES IN | FROM ... TO | WITH (MODULUS, REMAINDER)`` or ``DEFAULT``."""

    kind: OneOf["list", "range", "hash", "default"]
    values: tuple[Expression, ...] = ()
    upper: tuple[Expression, ...] = ()
    modulus: int | None = None
    remainder: int | None = None


@frozen(eq=False, repr=False)
class CreateTable(Statement):
    """``CREATE TABLE``; ``elements`` in order of writing. ``of_type`` and ``partition_of`` exclude ``inherits``."""

    name: QualifiedName
    elements: tuple[ColumnDefinition | Constraint | LikeClause, ...] = ()
    persistence: Persistence = "permanent"
    if_not_exists: bool = False
    inherits: tuple[QualifiedName, ...] = ()
    of_type: QualifiedName | None = None
    partition_of: QualifiedName | None = None
    partition_bound: PartitionBound | None = None
    partition_by: PartitionSpec | None = None
    access_method: str | None = None
    options: tuple[Option, ...] = ()
    on_commit: OneOf["drop", "delete rows", "preserve rows"] | None = None
    tablespace: str | None = None
    extensions: tuple[Clause, ...] = ()
    server: str | None = None
    server_options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class CreateTableAs(Statement):
    """``CREATE TABLE ... AS query | EXECUTE`` and, with ``materialized``, ``CREATE MATERIALIZED VIEW``."""

    name: QualifiedName
    query: Statement
    columns: tuple[str, ...] = ()
    materialized: bool = False
    persistence: Persistence = "permanent"
    if_not_exists: bool = False
    with_data: bool = True
    access_method: str | None = None
    options: tuple[Option, ...] = ()
    on_commit: OneOf["drop", "delete rows", "preserve rows"] | None = None
    tablespace: str | None = None
    extensions: tuple[Clause, ...] = ()


@frozen(eq=False, repr=False)
class CreateView(Statement):
    """``CREATE [OR REPLACE] [TEMPORARY] [RECURSIVE] VIEW``."""

    name: QualifiedName
    query: Query
    columns: tuple[str, ...] = ()
    replace: bool = False
    recursive: bool = False
    persistence: Persistence = "permanent"
    options: tuple[Option, ...] = ()
    check_option: OneOf["local", "cascaded"] | None = None


@frozen(eq=False, repr=False)
class CreateIndex(Statement):
    """``CREATE INDEX``; ``name`` None: to be chosen."""

    name: str | None
    table: QualifiedName
    elements: tuple[IndexElement, ...]
    unique: bool = False
    concurrently: bool = False
    if_not_exists: bool = False
    only: bool = False
    method: str | None = None
    include: tuple[IndexElement, ...] = ()
    nulls_not_distinct: bool = False
    options: tuple[Option, ...] = ()
    tablespace: str | None = None
    where: Expression | None = None
    extensions: tuple[Clause, ...] = ()
