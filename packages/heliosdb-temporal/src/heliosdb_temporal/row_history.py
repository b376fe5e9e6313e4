"""``heliosdb_history('t')`` and ``heliosdb_history('t', key)``: what became of the rows of a table, by whom.

One row for each change that is kept, in the order of commits: INSERT and UPDATE with the row that they made, DELETE
with the one that they removed, as jsonb by the definition of now (``ranges.Converted``). Where the first version that
is kept was made by a commit of before the horizon, there is no change to tell of.

A commit has its author, and what is kept of the statements that it is of (``statements``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from heliosdb.errors import FeatureNotSupported, UndefinedTable, WrongObjectType
from heliosdb.spi import (
    CallTypes,
    Relation,
    Session,
    first_readable,
    require_privilege,
    require_schema,
    resolve_implementation,
    row_ids_of_key,
    row_versions,
)
from heliosdb_temporal.ranges import Converted

__all__ = ["of_key", "of_table"]

Row = tuple[Any, ...]


def of_table(name: str, session: Any) -> Iterator[Row]:
    """Yield the changes of all rows."""
    return _changes(session, _table(session, name), None)


def of_key(call: CallTypes) -> Callable[[str, Any, Any], Iterator[Row]]:
    """Make the function for keys of a type."""
    (_, key_type) = call.arguments

    def changes(name: str, key: Any, session: Any) -> Iterator[Row]:
        relation = _table(session, name)
        return _changes(session, relation, _rows_with(session, relation, key_type, key))

    return changes


def _table(session: Any, name: str) -> Relation:
    oid = session.relation_oid(name)
    if oid is None:
        raise UndefinedTable(f'relation "{name}" does not exist')
    relation = session.catalog.relation_by_oid(oid)
    if relation is None or relation.kind != "table":
        raise WrongObjectType(f'"{name}" is not a table')
    found: Relation = relation
    require_schema(session, found.schema)
    require_privilege(session, found, "select")
    return found


def _rows_with(session: Session, relation: Relation, key_type: str, key: Any) -> Iterable[int]:
    """Return the ids of rows that ever had a primary key, and of some that had not."""
    primary = next((c for c in relation.constraints if c.kind == "primary key"), None)
    index = None if primary is None else next((i for i in relation.indexes if i.oid == primary.index), None)
    if index is None or len(index.keys) != 1 or index.keys[0].column is None:
        raise FeatureNotSupported(
            f'table "{relation.name}" has no primary key of one column',
            hint="heliosdb_history('t') gives the changes of all rows.",
        )
    place = index.keys[0].column - 1
    column = next(c for c in relation.columns if c.number == place + 1)
    if key is not None and key_type != column.type:
        types = session.registries.types
        key = types.input(column.type)(types.output(key_type)(key, session), column.typmod, session)
    transaction = session.transaction
    line = transaction.timeline
    probe = tuple([key if number == place else None for number in range(len(relation.columns))])
    since = first_readable(transaction, relation.oid, line)
    return row_ids_of_key(transaction, relation.oid, index.oid, probe, since, line)


def _changes(session: Any, relation: Relation, row_ids: Iterable[int] | None) -> Iterator[Row]:
    transaction = session.transaction
    line = transaction.timeline
    since = first_readable(transaction, relation.oid, line)
    converted = Converted(session, relation)
    as_json = _as_json(session, relation)
    commits = session.database.history.commits
    made: list[tuple[int, int, str, Any]] = []
    for versions in row_versions(transaction, relation.oid, line, since, transaction.scn, row_ids):
        for version in versions:
            text = as_json(converted(version))
            if version.begin is not None and version.is_first is not None:
                made.append((version.begin, version.row_id, "INSERT" if version.is_first else "UPDATE", text))
            if version.is_last and version.end is not None and version.end <= transaction.scn:
                made.append((version.end, version.row_id, "DELETE", text))
    made.sort(key=itemgetter(0, 1))
    for scn, _, operation, text in made:
        commit = commits.get(scn)
        if commit is None:
            yield (scn, None, operation, None, None, None, None, None, text)
            continue
        author = commit.author
        yield (
            scn,
            commit.time,
            operation,
            commit.transaction_id,
            author.session_user,
            author.role,
            author.application_name,
            author.statement or None,
            text,
        )


def _as_json(session: Any, relation: Relation) -> Callable[[Row], Any]:
    live = [column for column in relation.columns if not column.dropped]
    registries = session.registries
    arguments = [name for column in live for name in ("text", column.stored_type)]
    (function,) = [f for f in registries.functions["jsonb_build_object"] if f.arguments]
    build = resolve_implementation(function.implementation)(CallTypes(tuple(arguments), "jsonb", registries.types))
    places = [(column.name, column.number - 1) for column in live]

    def as_json(row: Row) -> Any:
        return build(*[item for name, place in places for item in (name, row[place])], session)

    return as_json
