"""CREATE, ALTER and (with types) DROP DOMAIN; and the conditions of a domain as a function.

The conditions are kept as SQL text about VALUE and bound as if VALUE were the one column of a row. They are checked
wherever a value becomes one of the domain: ``catalog/types.py`` says by whom.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import ColumnDefinition, DataType, DomainCheck
from heliosdb.catalog.result import Result
from heliosdb.commands.binding import (
    bind_assignment,
    bind_condition,
    check_constants,
    check_contents,
    compile_row,
    parse_expression,
    refuse_columns,
    row_reader,
    stored_text,
    type_of,
)
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.types import new_type_name, type_named
from heliosdb.errors import (
    CheckViolation,
    DatatypeMismatch,
    DuplicateObject,
    FeatureNotSupported,
    NotNullViolation,
    SqlSyntaxError,
    UndefinedObject,
    WrongObjectType,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["compile_checks", "execute_alter_domain", "execute_create_domain"]

NOT_POSSIBLE = {
    tree.UniqueConstraint: "unique constraints",
    tree.PrimaryKeyConstraint: "primary key constraints",
    tree.ExclusionConstraint: "exclusion constraints",
    tree.ForeignKeyConstraint: "foreign key constraints",
}


def _value_column(definition: DataType) -> ColumnDefinition:
    return ColumnDefinition(number=1, name="value", type=definition.base or "", typmod=definition.typmod)


def compile_checks(session: Any, definition: DataType) -> Callable[[Any, Any], None]:
    """Return the function of (value, session) that raises for what a domain, or one below it, does not allow."""
    display = session.types.by_name(definition.internal_name).display
    chain = [definition]
    while (below := session.types.definition(chain[0].base or "")) is not None and below.kind == "domain":
        chain.insert(0, below)
    checks = [
        (check.name, compile_row(session, [_bound(session, domain, parse_expression(session, check.expression))]))
        for domain in chain
        for check in sorted(domain.checks, key=lambda check: check.name)
    ]
    refuses_null = any(domain.not_null for domain in chain)

    def run(value: Any, session: Any) -> None:
        if value is None and refuses_null:
            raise NotNullViolation(f"domain {display} does not allow null values", datatype=definition.name)
        row = (value,)
        for name, holds in checks:
            if holds(row)[0] is False:
                raise CheckViolation(
                    f'value for domain {display} violates check constraint "{name}"',
                    datatype=definition.name,
                    constraint=name,
                )

    return run


def _bound(session: CommandSession, definition: DataType, expression: tree.Expression) -> Any:
    return bind_condition(session, expression, [_value_column(definition)], "", "CHECK")


def _new_check(session: CommandSession, definition: DataType, written: tree.CheckConstraint) -> DomainCheck:
    """Return a CHECK of a domain, whose expression was looked at."""
    check_contents(session, written.expression, "check constraint", "check constraints")
    check_constants(session, _bound(session, definition, written.expression))
    taken = {check.name for check in definition.checks}
    name = written.name
    if name is None:
        name = base = f"{definition.name}_check"
        number = 0
        while name in taken:
            number += 1
            name = f"{base}{number}"
    elif name in taken:
        raise DuplicateObject(f'constraint "{name}" for domain "{definition.name}" already exists')
    return DomainCheck(oid=session.database.next_oid(), name=name, expression=stored_text(session, written.expression))


def _default(session: CommandSession, definition: DataType, expression: tree.Expression) -> str | None:
    refuse_columns(expression)
    check_contents(session, expression, "DEFAULT expression", "DEFAULT expressions")
    column = evolve(_value_column(definition), name=definition.name)
    check_constants(session, bind_assignment(session, expression, column))
    if isinstance(expression, tree.Literal) and expression.kind == "null":
        return None
    return stored_text(session, expression)


def execute_create_domain(session: CommandSession, statement: tree.CreateDomain) -> Result:
    """Execute CREATE DOMAIN."""
    schema, name = new_type_name(session, statement.name)
    base, typmod = type_of(session, statement.type)
    found = session.registries.types.by_name(base)
    if found.kind == "pseudo":
        raise DatatypeMismatch(f'"{found.display}" is not a valid base type for a domain')
    if statement.collation is not None:
        if statement.collation.name not in session.registries.collations:
            raise UndefinedObject(f'collation "{statement.collation}" for encoding "UTF8" does not exist')
        if not found.collatable:
            raise DatatypeMismatch(f"collations are not supported by type {found.display}")
    database = session.database
    definition = DataType(
        oid=database.next_oid(),
        array_oid=database.next_oid(),
        schema=schema,
        name=name,
        kind="domain",
        owner=session.role,
        base=base,
        typmod=typmod,
        collation=None if statement.collation is None else statement.collation.name,
    )
    has_default = saw_null = False
    for item in statement.constraints:
        if isinstance(item, tree.DefaultConstraint):
            if has_default:
                raise SqlSyntaxError("multiple default expressions")
            has_default = True
            definition = evolve(definition, default=_default(session, definition, item.expression))
        elif isinstance(item, tree.NotNullConstraint | tree.NullConstraint):
            wants = isinstance(item, tree.NotNullConstraint)
            if saw_null and wants != definition.not_null:
                raise SqlSyntaxError("conflicting NULL/NOT NULL constraints")
            saw_null = True
            definition = evolve(definition, not_null=wants)
        elif isinstance(item, tree.CheckConstraint):
            if item.no_inherit:
                raise FeatureNotSupported("check constraints for domains cannot be marked NO INHERIT")
            check = _new_check(session, definition, item)
            definition = evolve(definition, checks=(*definition.checks, check))
        else:
            raise _not_possible(item)
    edit = edit_of(session)
    edit.put(definition)
    apply(session, edit)
    return done("CREATE DOMAIN")


def _not_possible(item: tree.Constraint) -> Exception:
    for kind, words in NOT_POSSIBLE.items():
        if isinstance(item, kind):
            return SqlSyntaxError(f"{words} not possible for domains")
    return FeatureNotSupported("specifying constraint deferrability not supported for domains")


# -- ALTER DOMAIN ------------------------------------------------------------------------------------------------------


def execute_alter_domain(session: CommandSession, statement: tree.AlterDomain) -> Result:
    """Execute ALTER DOMAIN."""
    found = type_named(session, statement.name)
    if found.kind != "domain":
        raise WrongObjectType(f'"{statement.name}" is not a domain')
    action = statement.action
    changed = found
    if action == "set default":
        assert statement.expression is not None
        changed = evolve(found, default=_default(session, found, statement.expression))
    elif action == "drop default":
        changed = evolve(found, default=None)
    elif action == "drop not null":
        changed = evolve(found, not_null=False)
    elif action == "set not null":
        if not found.not_null:
            _require(session, found, lambda value: value is not None, "contains null values")
        changed = evolve(found, not_null=True)
    elif action == "add constraint":
        changed = _with_constraint(session, found, statement.constraint)
    elif action == "drop constraint":
        rest = tuple(check for check in found.checks if check.name != statement.name_of_constraint)
        if len(rest) == len(found.checks):
            message = f'constraint "{statement.name_of_constraint}" of domain "{found.name}" does not exist'
            if not statement.if_exists:
                raise UndefinedObject(message)
            session.notice(f"{message}, skipping")
        changed = evolve(found, checks=rest)
    else:
        changed = _validated(session, found, statement.name_of_constraint or "")
    if changed is not found:
        edit = edit_of(session)
        edit.put(changed)
        apply(session, edit)
    return done("ALTER DOMAIN")


def _with_constraint(session: CommandSession, found: DataType, written: tree.Constraint | None) -> DataType:
    if not isinstance(written, tree.CheckConstraint):
        assert written is not None
        raise _not_possible(written)
    check = _new_check(session, found, written)
    if written.not_valid:
        return evolve(found, checks=(*found.checks, evolve(check, validated=False)))
    _require_check(session, found, check)
    return evolve(found, checks=(*found.checks, check))


def _validated(session: CommandSession, found: DataType, name: str) -> DataType:
    check = next((check for check in found.checks if check.name == name), None)
    if check is None:
        raise UndefinedObject(f'constraint "{name}" of domain "{found.name}" does not exist')
    _require_check(session, found, check)
    checks = tuple(evolve(other, validated=True) if other is check else other for other in found.checks)
    return evolve(found, checks=checks)


def _require_check(session: CommandSession, found: DataType, check: DomainCheck) -> None:
    holds = compile_row(session, [_bound(session, found, parse_expression(session, check.expression))])
    _require(
        session,
        found,
        lambda value: holds((value,))[0] is not False,
        "contains values that violate the new constraint",
    )


def _require(session: CommandSession, found: DataType, holds: Callable[[Any], bool], what: str) -> None:
    """Look at the values that tables have of a domain, and of domains over it."""
    names = {found.internal_name}
    for _ in range(len(list(session.catalog.types()))):
        names |= {other.internal_name for other in session.catalog.types() if other.base in names}
    for relation in list(session.catalog.relations()):
        columns = [column for column in relation.columns if not column.dropped and column.type in names]
        if relation.kind not in ("table", "materialized view") or not columns:
            continue
        lock_relation(session, relation, "share")
        read = row_reader(session, columns)
        for block in session.transaction.view(relation.oid).row_blocks():
            for row in block:
                for column, value in zip(columns, read(row)):
                    if not holds(value):
                        kind = NotNullViolation if what == "contains null values" else CheckViolation
                        raise kind(f'column "{column.name}" of table "{relation.name}" {what}')
