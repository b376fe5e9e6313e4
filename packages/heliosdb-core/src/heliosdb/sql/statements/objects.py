"""Syntax of the other objects: schemas, sequences, types, routines, triggers, roles, policies, DROP, COMMENT, GRANT."""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.alter import ObjectName, RoleName
from heliosdb.sql.statements.base import Expression, Node, QualifiedName, Statement
from heliosdb.sql.statements.expressions import TypeName
from heliosdb.sql.statements.option import Option
from heliosdb.sql.statements.query import ColumnDefinitionItem
from heliosdb.sql.statements.table import Constraint, Persistence
from heliosdb.value import frozen

__all__ = [
    "AlterDatabaseSet",
    "AlterDefaultPrivileges",
    "AlterDomain",
    "AlterEnum",
    "AlterPolicy",
    "AlterRole",
    "Comment",
    "CreateCast",
    "CreateCompositeType",
    "CreateDatabase",
    "CreateDomain",
    "CreateEnum",
    "CreateExtension",
    "CreateObject",
    "CreatePolicy",
    "CreateRangeType",
    "CreateRole",
    "CreateRoutine",
    "CreateRule",
    "CreateSchema",
    "CreateSequence",
    "CreateStatistics",
    "CreateTrigger",
    "Drop",
    "DropOwned",
    "Grant",
    "GrantRole",
    "Privilege",
    "ReassignOwned",
    "RoutineParameter",
    "SecurityLabel",
    "TransitionTable",
    "TriggerEvent",
]


@frozen(eq=False, repr=False)
class CreateSchema(Statement):
    """``CREATE SCHEMA [IF NOT EXISTS] [name] [AUTHORIZATION owner] elements``."""

    name: str | None
    owner: RoleName | None = None
    if_not_exists: bool = False
    elements: tuple[Statement, ...] = ()


@frozen(eq=False, repr=False)
class CreateSequence(Statement):
    """``CREATE SEQUENCE``.

    Options: ``as`` (TypeName), increment, minvalue, maxvalue, start, cache, cycle (``true`` or ``false``), restart,
    owned_by (QualifiedName), sequence_name, logged, unlogged; a missing value of minvalue or maxvalue is NO MINVALUE.
    """

    name: QualifiedName
    options: tuple[Option, ...] = ()
    persistence: Persistence = "permanent"
    if_not_exists: bool = False


@frozen(eq=False, repr=False)
class CreateEnum(Statement):
    """``CREATE TYPE name AS ENUM (labels)``."""

    name: QualifiedName
    labels: tuple[str, ...]


@frozen(eq=False, repr=False)
class AlterEnum(Statement):
    """``ALTER TYPE name ADD VALUE [IF NOT EXISTS] label [BEFORE | AFTER neighbour]`` or RENAME VALUE ``old`` TO."""

    name: QualifiedName
    label: str
    neighbour: str | None = None
    after: bool = True
    if_not_exists: bool = False
    old: str | None = None


@frozen(eq=False, repr=False)
class CreateCompositeType(Statement):
    """``CREATE TYPE name AS (attributes)``."""

    name: QualifiedName
    attributes: tuple[ColumnDefinitionItem, ...]


@frozen(eq=False, repr=False)
class CreateRangeType(Statement):
    """``CREATE TYPE name AS RANGE (options)``."""

    name: QualifiedName
    options: tuple[Option, ...]


@frozen(eq=False, repr=False)
class CreateDomain(Statement):
    """``CREATE DOMAIN name AS type [COLLATE c] constraints``."""

    name: QualifiedName
    type: TypeName
    collation: QualifiedName | None = None
    constraints: tuple[Constraint, ...] = ()


@frozen(eq=False, repr=False)
class AlterDomain(Statement):
    """``ALTER DOMAIN``; action: set default (``expression``), drop default, set not null, drop not null,
    add constraint (``constraint``), drop constraint, validate constraint (``name_of_constraint``)."""

    name: QualifiedName
    action: str
    expression: Expression | None = None
    constraint: Constraint | None = None
    name_of_constraint: str | None = None
    if_exists: bool = False
    cascade: bool = False


@frozen(eq=False, repr=False)
class RoutineParameter(Node):
    """A parameter of a routine, or with mode ``table`` a column of RETURNS TABLE."""

    type: TypeName
    name: str | None = None
    mode: OneOf["default", "in", "out", "inout", "variadic", "table"] = "default"
    default: Expression | None = None


@frozen(eq=False, repr=False)
class CreateRoutine(Statement):
    """``CREATE [OR REPLACE] FUNCTION | PROCEDURE``.

    ``options``: language, as (tuple of one or two strings), transform, window, volatility, strict, security, leakproof,
    cost, rows, support, parallel; ``settings`` are its SET and RESET clauses. ``body`` is ``RETURN expression`` (one
    Expression) or the statements of ``BEGIN ATOMIC ... END`` (RETURN among them is a RoutineReturn of utility).
    """

    kind: OneOf["function", "procedure"]
    name: QualifiedName
    parameters: tuple[RoutineParameter, ...]
    returns: TypeName | None = None
    options: tuple[Option, ...] = ()
    body: Expression | tuple[Statement, ...] | None = None
    replace: bool = False
    settings: tuple[Statement, ...] = ()


@frozen(eq=False, repr=False)
class TriggerEvent(Node):
    """``INSERT``, ``UPDATE [OF columns]``, ``DELETE``, ``TRUNCATE``."""

    event: OneOf["insert", "update", "delete", "truncate"]
    columns: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class TransitionTable(Node):
    """``REFERENCING NEW | OLD TABLE | ROW AS name``."""

    name: str
    new: bool
    table: bool


@frozen(eq=False, repr=False)
class CreateTrigger(Statement):
    """``CREATE [OR REPLACE] [CONSTRAINT] TRIGGER``."""

    name: str
    table: QualifiedName
    timing: OneOf["before", "after", "instead of"]
    events: tuple[TriggerEvent, ...]
    function: QualifiedName
    arguments: tuple[str, ...] = ()
    for_each_row: bool = False
    when: Expression | None = None
    transitions: tuple[TransitionTable, ...] = ()
    constraint: bool = False
    referenced: QualifiedName | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    replace: bool = False


@frozen(eq=False, repr=False)
class CreateRule(Statement):
    """``CREATE [OR REPLACE] RULE``."""

    name: str
    table: QualifiedName
    event: OneOf["select", "insert", "update", "delete"]
    where: Expression | None
    instead: bool
    actions: tuple[Statement, ...]
    replace: bool = False


@frozen(eq=False, repr=False)
class CreateRole(Statement):
    """``CREATE ROLE | USER | GROUP``; options as written: superuser ``true``/``false``, password, in_role, ..."""

    kind: OneOf["role", "user", "group"]
    name: RoleName
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class AlterRole(Statement):
    """``ALTER ROLE name options``, or ``ALTER ROLE name [IN DATABASE d] SET ...`` (``setting`` is a Set or Reset).

    ``ALTER GROUP g ADD | DROP USER u`` has the option ``members`` with that action.
    """

    role: RoleName | None
    options: tuple[Option, ...] = ()
    database: str | None = None
    setting: Statement | None = None


@frozen(eq=False, repr=False)
class CreatePolicy(Statement):
    """``CREATE POLICY``."""

    name: str
    table: QualifiedName
    permissive: bool = True
    command: OneOf["all", "select", "insert", "update", "delete"] = "all"
    roles: tuple[RoleName, ...] = ()
    using: Expression | None = None
    check: Expression | None = None


@frozen(eq=False, repr=False)
class AlterPolicy(Statement):
    """``ALTER POLICY``; what was not given is None."""

    name: str
    table: QualifiedName
    roles: tuple[RoleName, ...] | None = None
    using: Expression | None = None
    check: Expression | None = None


@frozen(eq=False, repr=False)
class CreateExtension(Statement):
    """``CREATE EXTENSION [IF NOT EXISTS] name [WITH] options`` (schema, new_version, cascade)."""

    name: str
    options: tuple[Option, ...] = ()
    if_not_exists: bool = False


@frozen(eq=False, repr=False)
class CreateStatistics(Statement):
    """``CREATE STATISTICS name (kinds) ON expressions FROM tables``."""

    name: QualifiedName
    kinds: tuple[str, ...]
    expressions: tuple[Expression, ...]
    tables: tuple[Node, ...]
    if_not_exists: bool = False


@frozen(eq=False, repr=False)
class CreateCast(Statement):
    """``CREATE CAST (source AS target) WITH FUNCTION f | WITHOUT FUNCTION | WITH INOUT``."""

    source: TypeName
    target: TypeName
    method: OneOf["function", "binary", "inout"]
    function: ObjectName | None
    context: OneOf["explicit", "assignment", "implicit"] = "explicit"


@frozen(eq=False, repr=False)
class CreateDatabase(Statement):
    """``CREATE DATABASE``."""

    name: str
    options: tuple[Option, ...] = ()


@frozen(eq=False, repr=False)
class AlterDatabaseSet(Statement):
    """``ALTER DATABASE name SET | RESET ...``; ``setting`` is a Set or Reset."""

    name: str
    setting: Statement


@frozen(eq=False, repr=False)
class CreateObject(Statement):
    """CREATE of the kinds that are a name and options: aggregate, operator, collation, text search ..., tablespace."""

    object: ObjectName
    options: tuple[Option, ...] = ()
    replace: bool = False
    if_not_exists: bool = False
    source: QualifiedName | None = None


@frozen(eq=False, repr=False)
class Drop(Statement):
    """``DROP kind [IF EXISTS] objects [CASCADE]``; ``options`` only for DATABASE."""

    kind: str
    objects: tuple[ObjectName, ...]
    if_exists: bool = False
    cascade: bool = False
    concurrently: bool = False
    options: tuple[Option, ...] = ()
    types: tuple[TypeName, ...] = ()


@frozen(eq=False, repr=False)
class DropOwned(Statement):
    """``DROP OWNED BY roles``."""

    roles: tuple[RoleName, ...]
    cascade: bool = False


@frozen(eq=False, repr=False)
class ReassignOwned(Statement):
    """``REASSIGN OWNED BY roles TO role``."""

    roles: tuple[RoleName, ...]
    new_owner: RoleName


@frozen(eq=False, repr=False)
class Comment(Statement):
    """``COMMENT ON object IS 'text'``; None removes it."""

    object: ObjectName
    text: str | None
    types: tuple[TypeName, ...] = ()


@frozen(eq=False, repr=False)
class SecurityLabel(Statement):
    """``SECURITY LABEL [FOR provider] ON object IS 'label'``."""

    object: ObjectName
    label: str | None
    provider: str | None = None


@frozen(eq=False, repr=False)
class Privilege(Node):
    """``SELECT (a, b)``; the name ``all`` is ALL PRIVILEGES."""

    name: str
    columns: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class Grant(Statement):
    """``GRANT | REVOKE privileges ON objects TO roles``; ``all_in_schema``: the objects are schemas."""

    grant: bool
    privileges: tuple[Privilege, ...]
    kind: str
    objects: tuple[ObjectName, ...]
    grantees: tuple[RoleName, ...]
    grant_option: bool = False
    granted_by: RoleName | None = None
    all_in_schema: bool = False
    cascade: bool = False


@frozen(eq=False, repr=False)
class GrantRole(Statement):
    """``GRANT | REVOKE roles TO roles``."""

    grant: bool
    roles: tuple[Privilege, ...]
    grantees: tuple[RoleName, ...]
    admin_option: bool = False
    granted_by: RoleName | None = None
    cascade: bool = False


@frozen(eq=False, repr=False)
class AlterDefaultPrivileges(Statement):
    """``ALTER DEFAULT PRIVILEGES [FOR ROLE ...] [IN SCHEMA ...] GRANT | REVOKE ...``."""

    roles: tuple[RoleName, ...]
    schemas: tuple[str, ...]
    action: Grant
