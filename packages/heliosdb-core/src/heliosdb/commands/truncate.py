"""TRUNCATE: all rows of the tables, with those that refer to them where CASCADE says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.names import relation_named
from heliosdb.commands.privileges import require_owner, require_privilege
from heliosdb.errors import FeatureNotSupported
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_truncate"]


def execute_truncate(session: CommandSession, statement: tree.Truncate) -> Result:
    """Execute TRUNCATE."""
    tables: dict[int, Relation] = {}
    for item in statement.relations:
        assert isinstance(item, tree.RangeTable)
        relation = relation_named(session, item.name, "table")
        require_privilege(session, relation, "truncate")
        if relation.oid not in tables:
            lock_relation(session, relation, action="TRUNCATE")
            tables[relation.oid] = relation
    pending = list(tables.values())
    while pending:
        relation = pending.pop(0)
        for other, _ in session.catalog.relations_referencing(relation.oid):
            if other.oid in tables:
                continue
            if not statement.cascade:
                raise FeatureNotSupported(
                    "cannot truncate a table referenced in a foreign key constraint",
                    detail=f'Table "{other.name}" references "{relation.name}".',
                    hint=f'Truncate table "{other.name}" at the same time, or use TRUNCATE ... CASCADE.',
                )
            session.notice(f'truncate cascades to table "{other.name}"')
            require_privilege(session, other, "truncate")
            lock_relation(session, other, action="TRUNCATE")
            tables[other.oid] = other
            pending.append(other)
    for relation in tables.values():
        delete_all(session, relation)
    if statement.restart_identity:
        for sequence in session.catalog.sequences():
            if sequence.sequence is not None and (sequence.sequence.owned_by or (0, 0))[0] in tables:
                require_owner(session, sequence)
        _restart(session, set(tables))
    return done("TRUNCATE TABLE")


def delete_all(session: CommandSession, relation: Relation) -> None:
    """Delete every row of a table."""
    transaction = session.transaction
    for row_ids, rows in transaction.view(relation.oid).item_blocks():
        for row_id, row in zip(row_ids, rows):
            transaction.delete(relation.oid, row_id, row)


def _restart(session: CommandSession, tables: set[int]) -> None:
    edit = edit_of(session)
    for relation in list(edit.relations()):
        options = relation.sequence
        if options is not None and options.owned_by is not None and options.owned_by[0] in tables:
            # A new counter: undone with the transaction.
            fresh = evolve(options, storage=session.database.next_oid(), restart=None)
            edit.put(evolve(relation, sequence=fresh))
    apply(session, edit)
