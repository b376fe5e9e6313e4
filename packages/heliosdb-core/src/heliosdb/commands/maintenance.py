"""VACUUM, ANALYZE, REINDEX and CHECKPOINT: what there is to be done by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.result import Result
from heliosdb.commands.ddl import apply, done, edit_of, lock_relation
from heliosdb.commands.names import find_index, relation_named
from heliosdb.errors import (
    ActiveSqlTransaction,
    FeatureNotSupported,
    InvalidSchemaName,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
)
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["execute_analyze", "execute_checkpoint", "execute_reindex", "execute_vacuum", "renew_indexes"]

NO_STATISTICS = "no statistics are kept: plans are made from the present sizes of the tables"


def execute_vacuum(session: CommandSession, statement: tree.Vacuum) -> Result:
    """Execute VACUUM: drop the versions that nobody can read any more, of some tables or of all."""
    if session.block.is_open:
        raise ActiveSqlTransaction("VACUUM cannot run inside a transaction block")
    options = _switches("VACUUM", statement.options, ("analyze", "full", "verbose"))
    # What runs now is the only reader of its own snapshot, and needs no old version.
    store = session.database.store
    if statement.targets:
        for target in statement.targets:
            relation = _target(session, target)
            store.vacuum_relation(session.transaction.relation(relation.oid))
            if "verbose" in options:
                session.notice(f'vacuumed "{relation.schema}.{relation.name}"', severity="INFO")
    else:
        store.vacuum()
        if "verbose" in options:
            session.notice("vacuumed every relation", severity="INFO")
    if "analyze" in options:
        session.notice(NO_STATISTICS)
    return done("VACUUM")


def execute_analyze(session: CommandSession, statement: tree.Analyze) -> Result:
    """Execute ANALYZE: the tables must exist; there is nothing to collect."""
    _switches("ANALYZE", statement.options, ("verbose",))
    for target in statement.targets:
        _target(session, target)
    session.notice(NO_STATISTICS)
    return done("ANALYZE")


def execute_checkpoint(session: CommandSession, statement: tree.Checkpoint) -> Result:
    """Execute CHECKPOINT: a database in memory has nothing to write."""
    return done("CHECKPOINT")


def _switches(command: str, options: Sequence[tree.Option], known: tuple[str, ...]) -> set[str]:
    """Return the options that are switched on."""
    found = set()
    for option in options:
        if option.name not in known:
            recognized = option.name in ("freeze", "disable_page_skipping", "skip_locked", "index_cleanup", "parallel")
            if recognized or option.name in ("process_toast", "truncate"):
                raise FeatureNotSupported(f"{command} option {option.name.upper()} is not supported")
            raise SqlSyntaxError(f'unrecognized {command} option "{option.name}"', position=option.position or None)
        if option.text not in ("false", "off", "0"):
            found.add(option.name)
    return found


def _target(session: CommandSession, target: tree.VacuumTarget) -> Relation:
    relation = relation_named(session, target.name, "table", "materialized view")
    for name in target.columns:
        if relation.column(name) is None:
            raise UndefinedColumn(f'column "{name}" of relation "{relation.name}" does not exist')
    return relation


def execute_reindex(session: CommandSession, statement: tree.Reindex) -> Result:
    """Execute REINDEX: build indexes again from the rows."""
    name = statement.name
    for option in statement.options:
        if option.name not in ("concurrently", "verbose"):
            raise SqlSyntaxError(f'unrecognized REINDEX option "{option.name}"', position=option.position or None)
    chosen: dict[int, set[int]] = {}
    if statement.kind == "index":
        entry = find_index(session, name)
        if entry is None:
            raise UndefinedTable(f'relation "{name}" does not exist', position=name.position or None)
        chosen[entry[0].oid] = {entry[1].oid}
    elif statement.kind == "table":
        relation = relation_named(session, name, "table")
        chosen[relation.oid] = {index.oid for index in relation.indexes}
        if not relation.indexes:
            session.notice(f'table "{relation.name}" has no indexes to reindex')
    else:
        if statement.kind == "schema" and session.catalog.schema(name.name) is None:
            raise InvalidSchemaName(f'schema "{name.name}" does not exist')
        for relation in session.catalog.relations():
            if statement.kind != "schema" or relation.schema == name.name:
                chosen[relation.oid] = {index.oid for index in relation.indexes}
    for oid in chosen:
        lock_relation(session, session.catalog.relation_by_oid(oid) or relation_named(session, name), "share")
    edit = edit_of(session)
    for oid, indexes in chosen.items():
        renew_indexes(session, edit, edit.existing(oid), indexes)
    apply(session, edit)
    return done("REINDEX")


def renew_indexes(session: CommandSession, edit: CatalogEdit, relation: Relation, oids: set[int]) -> None:
    """Give indexes new OIDs, which makes the store build them again; what refers to them follows."""
    renamed = {oid: session.database.next_oid() for oid in oids}
    if not renamed:
        return
    edit.put(
        evolve(
            relation,
            indexes=tuple(evolve(index, oid=renamed.get(index.oid, index.oid)) for index in relation.indexes),
            constraints=tuple(
                evolve(item, index=renamed[item.index]) if item.index in renamed and item.foreign is None else item
                for item in relation.constraints
            ),
        )
    )
    for other, constraint in edit.relations_referencing(relation.oid):
        if constraint.index in renamed:
            current = edit.existing(other.oid)
            items = tuple(
                evolve(item, index=renamed[item.index])
                if item.oid == constraint.oid and item.index is not None
                else item
                for item in current.constraints
            )
            edit.put(evolve(current, constraints=items))
