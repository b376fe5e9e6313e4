"""Syntax of ALTER TABLE and of the ALTER forms that work on any kind of object (rename, owner, schema, options)."""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.base import Expression, Node, QualifiedName, Statement
from heliosdb.sql.statements.expressions import TypeName
from heliosdb.sql.statements.option import Option, RoleName
from heliosdb.sql.statements.table import ColumnDefinition, Constraint, PartitionBound
from heliosdb.value import frozen

__all__ = [
    "AddColumn",
    "AddConstraint",
    "AlterColumnType",
    "AlterConstraint",
    "AlterDependsOnExtension",
    "AlterObject",
    "AlterOwner",
    "AlterSchema",
    "AlterTable",
    "AttachPartition",
    "ColumnAction",
    "DetachPartition",
    "DropColumn",
    "DropConstraint",
    "ObjectName",
    "Rename",
    "RoleName",
    "SetDefault",
    "TableAction",
    "ValidateConstraint",
]


@frozen(eq=False, repr=False)
class ObjectName(Node):
    """An object of any kind in DROP, ALTER, COMMENT, GRANT.

    ``kind`` is PostgreSQL's word in lower case: table, view, materialized view, index, sequence, schema, type, domain,
    function, procedure, routine, aggregate, operator, operator class, trigger (on ``relation``), policy, rule,
    constraint, column, cast, role, database, extension, ... ``arguments`` are those of routines, None where none were
    given; ``method`` is the access method of operator classes and families.
    """

    kind: str
    name: QualifiedName
    arguments: tuple[TypeName | None, ...] | None = None
    relation: QualifiedName | None = None
    method: str | None = None


@frozen(eq=False, repr=False)
class AddColumn(Node):
    """``ADD [COLUMN] [IF NOT EXISTS] definition``; ``cascade`` only for attributes of types."""

    column: ColumnDefinition
    if_not_exists: bool = False
    cascade: bool = False


@frozen(eq=False, repr=False)
class DropColumn(Node):
    """``DROP [COLUMN] [IF EXISTS] name [CASCADE]``."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@frozen(eq=False, repr=False)
class AlterColumnType(Node):
    """``ALTER name TYPE type [COLLATE c] [USING expression]``; ``cascade`` only for attributes of types."""

    name: str
    type: TypeName
    collation: QualifiedName | None = None
    using: Expression | None = None
    cascade: bool = False


@frozen(eq=False, repr=False)
class SetDefault(Node):
    """``ALTER name SET DEFAULT expression``; None is DROP DEFAULT."""

    name: str
    expression: Expression | None


@frozen(eq=False, repr=False)
class ColumnAction(Node):
    """The other things ALTER COLUMN does.

    ``kind``: set not null, drop not null, drop expression, set statistics (``value``), set options, reset options,
    set storage (``value``), set compression (``value``), add identity (``value`` always or by default, ``options``),
    alter identity (``options``; SET GENERATED is option ``generated``), drop identity. ``number`` is the column of
    ``ALTER INDEX ... ALTER COLUMN 2``.
    """

    kind: str
    name: str | None
    value: str | None = None
    options: tuple[Option, ...] = ()
    if_exists: bool = False
    number: int | None = None


@frozen(eq=False, repr=False)
class AddConstraint(Node):
    """``ADD constraint``."""

    constraint: Constraint


@frozen(eq=False, repr=False)
class AlterConstraint(Node):
    """``ALTER CONSTRAINT name [DEFERRABLE ...]``."""

    name: str
    deferrable: bool
    initially_deferred: bool


@frozen(eq=False, repr=False)
class ValidateConstraint(Node):
    """``VALIDATE CONSTRAINT name``."""

    name: str


@frozen(eq=False, repr=False)
class DropConstraint(Node):
    """``DROP CONSTRAINT [IF EXISTS] name [CASCADE]``."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@frozen(eq=False, repr=False)
class AttachPartition(Node):
    """``ATTACH PARTITION name bound``; for an index ``bound`` is None."""

    partition: QualifiedName
    bound: PartitionBound | None


@frozen(eq=False, repr=False)
class DetachPartition(Node):
    """``DETACH PARTITION name [CONCURRENTLY | FINALIZE]``."""

    partition: QualifiedName
    concurrently: bool = False
    finalize: bool = False


@frozen(eq=False, repr=False)
class TableAction(Node):
    """The other things ALTER TABLE does.

    ``kind``: set options, reset options (``options``), set tablespace, set access method, cluster on (``name``),
    set without cluster, set without oids, set logged, set unlogged, enable/disable trigger and rule, with ``always`` or
    ``replica`` between (``name``; for all, user: ``name`` is ``all``, ``user`` and ``special``), enable row level
    security, disable ..., force ..., no force ..., inherit, no inherit, of (``table``), not of, replica identity
    (``name`` nothing, full, default, or index name with kind ``replica identity using index``), owner (``role``).
    """

    kind: str
    name: str | None = None
    table: QualifiedName | None = None
    role: RoleName | None = None
    options: tuple[Option, ...] = ()
    special: bool = False


@frozen(eq=False, repr=False)
class AlterTable(Statement):
    """``ALTER TABLE`` and the forms for relations of another ``kind``: index, view, materialized view, sequence, ...

    ``ALTER TYPE ... ADD ATTRIBUTE`` comes as kind ``type``.
    """

    kind: str
    name: QualifiedName
    actions: tuple[Node, ...]
    only: bool = False
    if_exists: bool = False


@frozen(eq=False, repr=False)
class Rename(Statement):
    """``ALTER kind object RENAME TO new_name``; of a column, constraint, attribute ``part`` says which, and ``old``."""

    object: ObjectName
    new_name: str
    part: OneOf["column", "constraint", "attribute", "value"] | None = None
    old: str | None = None
    if_exists: bool = False
    cascade: bool = False
    only: bool = False


@frozen(eq=False, repr=False)
class AlterSchema(Statement):
    """``ALTER kind object SET SCHEMA schema``."""

    object: ObjectName
    schema: str
    if_exists: bool = False


@frozen(eq=False, repr=False)
class AlterOwner(Statement):
    """``ALTER kind object OWNER TO role`` (relations: a TableAction)."""

    object: ObjectName
    owner: RoleName


@frozen(eq=False, repr=False)
class AlterDependsOnExtension(Statement):
    """``ALTER kind object [NO] DEPENDS ON EXTENSION name``."""

    object: ObjectName
    extension: str
    remove: bool = False


@frozen(eq=False, repr=False)
class AlterObject(Statement):
    """Other ALTER statements that give options to one object: its ``action`` says which form.

    Used for ALTER SEQUENCE, FUNCTION, EXTENSION (update, add, drop), STATISTICS, COLLATION REFRESH, OPERATOR, ...
    """

    object: ObjectName
    action: str
    options: tuple[Option, ...] = ()
    member: ObjectName | None = None
    if_exists: bool = False
    settings: tuple[Statement, ...] = ()
