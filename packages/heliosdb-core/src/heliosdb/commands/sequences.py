"""CREATE SEQUENCE and ALTER SEQUENCE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.names import creation_schema, find_relation, relation_named
from heliosdb.commands.privileges import require_owner
from heliosdb.commands.sequence_options import new_options, new_sequence, options_of
from heliosdb.errors import (
    DuplicateTable,
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_alter_object", "execute_create_sequence"]


def execute_create_sequence(session: CommandSession, statement: tree.CreateSequence) -> Result:
    """Execute CREATE SEQUENCE."""
    schema, persistence = creation_schema(session, statement.name, statement.persistence)
    name = statement.name.name
    if session.catalog.is_name_taken(schema, name):
        if not statement.if_not_exists:
            raise DuplicateTable(f'relation "{name}" already exists')
        session.notice(f'relation "{name}" already exists, skipping', sqlstate="42P07")
        return done("CREATE SEQUENCE")
    plain, owner = _split(statement.options)
    sequence = new_sequence(session, schema, name, new_options(session, plain), persistence)
    edit = edit_of(session)
    edit.put(_owned(session, sequence, owner))
    apply(session, edit)
    return done("CREATE SEQUENCE")


def _split(options: Sequence[tree.Option]) -> tuple[list[tree.Option], tree.Option | None]:
    owners = [option for option in options if option.name == "owned_by"]
    if len(owners) > 1:
        raise SqlSyntaxError("conflicting or redundant options", position=owners[1].position or None)
    return [option for option in options if option.name != "owned_by"], owners[0] if owners else None


def _owned(session: CommandSession, sequence: Relation, option: tree.Option | None) -> Relation:
    """Return the sequence with OWNED BY applied."""
    if option is None:
        return sequence
    assert sequence.sequence is not None
    if sequence.sequence.identity:
        raise FeatureNotSupported(
            "cannot change ownership of identity sequence",
            detail=f'Sequence "{sequence.name}" is linked to table "{_owner_name(session, sequence)}".',
        )
    name = option.value
    assert isinstance(name, tree.QualifiedName)
    if len(name.parts) == 1:
        if name.name.lower() != "none":
            raise SqlSyntaxError("invalid OWNED BY option", hint="Specify OWNED BY table.column or OWNED BY NONE.")
        return evolve(sequence, sequence=evolve(sequence.sequence, owned_by=None))
    table = relation_named(session, tree.QualifiedName(name.parts[:-1], position=name.position))
    if table.kind != "table":
        raise WrongObjectType(f'sequence cannot be owned by relation "{table.name}"')
    if table.owner != sequence.owner:
        raise ObjectNotInPrerequisiteState("sequence must have same owner as table it is linked to")
    if table.schema != sequence.schema:
        raise ObjectNotInPrerequisiteState("sequence must be in same schema as table it is linked to")
    column = table.column(name.parts[-1])
    if column is None:
        raise UndefinedColumn(f'column "{name.parts[-1]}" of relation "{table.name}" does not exist')
    return evolve(sequence, sequence=evolve(sequence.sequence, owned_by=(table.oid, column.number)))


def _owner_name(session: CommandSession, sequence: Relation) -> str:
    owned_by = sequence.sequence.owned_by if sequence.sequence is not None else None
    table = session.catalog.relation_by_oid(owned_by[0]) if owned_by is not None else None
    return table.name if table is not None else ""


def execute_alter_object(session: CommandSession, statement: tree.AlterObject) -> Result:
    """Execute ALTER SEQUENCE; other kinds that come in this form are refused."""
    kind = statement.object.kind
    if kind != "sequence":
        raise FeatureNotSupported(f"ALTER {kind.upper()} is not supported", position=statement.position or None)
    name = statement.object.name
    relation = find_relation(session, name)
    if relation is None:
        if statement.if_exists:
            session.notice(f'relation "{name.name}" does not exist, skipping')
            return done("ALTER SEQUENCE")
        raise UndefinedTable(f'relation "{name}" does not exist', position=name.position or None)
    if relation.sequence is None:
        raise WrongObjectType(f'"{relation.name}" is not a sequence')
    require_owner(session, relation)
    lock_relation(session, relation, "share row exclusive")
    edit = edit_of(session)
    relation = edit.existing(relation.oid)
    plain, owner = _split(statement.options)
    changed = evolve(relation, sequence=options_of(session, plain, relation.sequence))
    edit.put(_owned(session, changed, owner))
    apply(session, edit)
    return done("ALTER SEQUENCE")
