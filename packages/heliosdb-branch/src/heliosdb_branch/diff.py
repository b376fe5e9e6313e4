"""What is different between two branches, or two moments of one; and who last changed each row.

A *point* is written ``branch``, ``branch@123`` (an SCN) or ``branch@2025-01-31 12:00+01`` (a time); without a name it
is the current branch. Or it is the name of a tag. Only what is committed counts. Rows are matched as a merge matches
them, by primary key where the table has one, else by where they come from. Columns are those of the table now, matched
by attribute number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen

from heliosdb.errors import InsufficientPrivilege, InvalidParameterValue, UndefinedTable
from heliosdb.spi import (
    CATALOG_RELATION,
    Relation,
    differences,
    is_same_datum,
    require_privilege,
    require_schema,
    row_origins,
    spelled,
)
from heliosdb_branch.merge_bases import Point
from heliosdb_branch.sessions import find, find_tag, named

__all__ = [
    "Comparison",
    "blame",
    "catalog_at",
    "compare_branches",
    "diff",
    "diff_scns",
    "diff_times",
    "key_text",
    "table_counts",
]

Row = tuple[Any, ...]
Change = tuple[Any, "Row | None", "Row | None"]


def diff(table: str, first: str, second: str, session: Any) -> Iterator[Row]:
    """Yield (key, operation, column, old, new) for every value that is not the same at two points."""
    return _diff(session, table, _point(session, first), _point(session, second))


def diff_scns(table: str, first: int, second: int, session: Any) -> Iterator[Row]:
    """Do the same for two SCNs of the current branch."""
    return diff(table, f"@{first}", f"@{second}", session)


def diff_times(table: str, first: int, second: int, session: Any) -> Iterator[Row]:
    """Do the same for two times of the current branch."""
    line = session.transaction.timeline
    return _diff(session, table, (line, _scn_at(session, first)), (line, _scn_at(session, second)))


def _diff(session: Any, table: str, first: Point, second: Point) -> Iterator[Row]:
    relation = _table(session, table, (second, first))
    columns = [column for column in relation.columns if not column.dropped]
    registries = session.registries
    for _, old, new in _changes(session, relation, first, second):
        key = key_text(session, relation, new or old)
        operation = "insert" if old is None else "delete" if new is None else "update"
        for column in columns:
            slot = column.number - 1
            before, after = (None if row is None or slot >= len(row) else row[slot] for row in (old, new))
            if old is None or new is None or not is_same_datum(before, after):
                texts = [None if v is None else spelled(registries, column, v, session) for v in (before, after)]
                yield key, operation, column.name, *texts


def _changes(session: Any, relation: Relation, first: Point, second: Point) -> Iterator[Change]:
    """Yield (key or row id, old row, new row); what went and what came under one key is one change."""
    numbers = next((c.columns for c in relation.constraints if c.kind == "primary key"), ())
    found: dict[Any, list[Row | None]] = {}
    for block in differences(session.transaction, relation.oid, first, second):
        session.check_interrupt()
        for row_id, old, new in block:
            for place, row in enumerate((old, new)):
                if row is not None:
                    key = tuple([row[number - 1] for number in numbers]) if numbers else row_id
                    found.setdefault(key, [None, None])[place] = row
    for key, (old, new) in found.items():
        if old is None or new is None or not all(map(is_same_datum, old, new)) or len(old) != len(new):
            yield key, old, new


def blame(table: str, session: Any) -> Iterator[Row]:
    """Yield (key, SCN, time, transaction, branch, user, application) of the commit that each row is from.

    All but the key are NULL where the versions of then are gone.
    """
    relation = _table(session, table, ())
    commits = session.database.history.commits
    known: dict[int | None, tuple[Any, ...]] = {None: (None,) * 6}
    for block in row_origins(session.transaction, relation.oid):
        session.check_interrupt()
        for _, row, scn in block:
            if scn not in known:
                commit = commits.get(scn)
                known[scn] = (
                    (scn, None, None, None, None, None)
                    if commit is None
                    else (
                        scn,
                        commit.time,
                        commit.transaction_id,
                        commit.author.timeline,
                        commit.author.session_user,
                        commit.author.application_name,
                    )
                )
            yield key_text(session, relation, row), *known[scn]


def table_counts(first: str, second: str, session: Any) -> Iterator[Row]:
    """Yield (table, rows inserted, updated, deleted) from one point to another, of tables in which any are, and that
    the current role may read."""
    points = _point(session, first), _point(session, second)
    tables: dict[int, Relation] = {}
    for point in points:
        tables |= {r.oid: r for r in catalog_at(session, point).relations() if r.kind == "table"}
    for oid, relation in sorted(tables.items(), key=lambda item: (item[1].schema, item[1].name)):
        if relation.persistence == "temporary" or not _may_read(session, relation, points):
            continue
        counts = [0, 0, 0]
        for _, old, new in _changes(session, tables[oid], *points):
            counts[0 if old is None else 2 if new is None else 1] += 1
        if any(counts):
            yield relation.name if relation.schema == "public" else f"{relation.schema}.{relation.name}", *counts


@frozen
class Comparison:
    """What ``compare_branches`` returns: by table, rows (inserted, updated, deleted) from one branch to the other."""

    tables: dict[str, tuple[int, int, int]]

    @property
    def tables_modified(self) -> list[str]:
        """The names of the tables whose rows are not the same."""
        return list(self.tables)

    @property
    def total_row_changes(self) -> int:
        """How many rows are not the same."""
        return sum(map(sum, self.tables.values()))


def compare_branches(db: Any, first: str, second: str = "main") -> Comparison:
    """Return in which tables, and how many, rows of two branches are different, from the first to the second."""
    found = db.query("SELECT * FROM heliosdb_compare_branches($1, $2)", (first, second))
    return Comparison({table: (inserts, updates, deletes) for table, inserts, updates, deletes in found})


def key_text(session: Any, relation: Relation, row: Any) -> str:
    """Return what a row is called: its primary key, or all of its values."""
    numbers = next((c.columns for c in relation.constraints if c.kind == "primary key"), None)
    if numbers is None:
        numbers = tuple([column.number for column in relation.columns if not column.dropped])
    return ", ".join([
        spelled(session.registries, relation.columns[number - 1], row[number - 1], session)
        for number in numbers
        if number <= len(row)
    ])  # fmt: skip


def _require_reader(session: Any, relation: Relation, points: tuple[Point, ...]) -> None:
    """Raise InsufficientPrivilege where the current role may not read a table, as it is now on this branch or that of
    one of the points; what was granted on one that is nowhere any more has gone with it."""
    transaction = session.transaction
    found = session.catalog.relation_by_oid(relation.oid)
    for line in {line.id: line for line, _ in points if line is not transaction.timeline}.values():
        found = found or catalog_at(session, (line, transaction.scn)).relation_by_oid(relation.oid)
    require_privilege(session, found or evolve(relation, acl=()), "select")


def _may_read(session: Any, relation: Relation, points: tuple[Point, ...]) -> bool:
    try:
        _require_reader(session, relation, points)
    except InsufficientPrivilege:
        return False
    return True


# -- names


def _table(session: Any, name: str, points: tuple[Point, ...]) -> Relation:
    """Return a table by the name that it has for the session, or at one of the points; the current role must be one
    that may read it."""
    schema, _, table = name.rpartition(".")
    require_schema(session, _unquoted(schema))
    for catalog in (session.catalog, *(catalog_at(session, point) for point in points)):
        found = catalog.lookup_relation(_unquoted(schema) or None, _unquoted(table), session.search_path)
        if found is not None and found.kind == "table":
            relation: Relation = found
            _require_reader(session, found, points)
            return relation
    raise UndefinedTable(f'table "{name}" does not exist')


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.lower()


def catalog_at(session: Any, point: Point) -> Any:
    """Return the catalog at a point."""
    view = session.transaction.view(CATALOG_RELATION, at=point)
    return session.database.catalogs.snapshot((point[0].id, -1 - point[1]), view.row_blocks())


def _point(session: Any, text: str) -> Point:
    """Return the point that a text means."""
    transaction = session.transaction
    line = find(session, text)
    if line is not None:
        return line, transaction.scn
    tag = find_tag(session, text)
    if tag is not None:
        return tag
    name, mark, moment = text.rpartition("@")
    if not mark:
        return named(session, text), transaction.scn
    line = named(session, name) if name else transaction.timeline
    if moment.isdecimal():
        scn = int(moment)
        if scn > transaction.scn:
            raise InvalidParameterValue(f"SCN {scn} is in the future")
        return line, scn
    ((time,),) = session.run_internal("SELECT $1::text::timestamptz", (moment,))
    return line, _scn_at(session, time)


def _scn_at(session: Any, time: int) -> int:
    history = session.database.history
    if time > history.commits.clock():
        raise InvalidParameterValue("a point cannot be in the future")
    return min(int(history.commits.scn_at(time)), int(session.transaction.scn))
