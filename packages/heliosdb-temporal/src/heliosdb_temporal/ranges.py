"""``FOR SYSTEM_TIME FROM a TO b | BETWEEN a AND b | ALL``: every version that a table had meanwhile.

    FROM a TO b       versions that were there at a or later, and before b
    BETWEEN a AND b   the same, and those that begin at b
    ALL               all that are kept (ERASE asks for what pins keep besides: "every")

They are read by the definition of now: columns are matched by their number, so that a column that was renamed is the
same one, and one that was added since is NULL in older versions. Where a column's type has changed, a value is read
from its text; one that is no value of the type of now is NULL. Besides, each version has, by name only,

    system_time, system_time_end    when it began and ended; the end is NULL while it is there
    system_scn                      the commit that began it
    system_operation                how: INSERT or UPDATE
    system_row                      the number of the row, which all of its versions share

NULL where that is not known any more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from heliosdb.errors import Error, NullValueNotAllowed, ObjectNotInPrerequisiteState
from heliosdb.spi import (
    ClauseContext,
    Cursor,
    Relation,
    RowsRequest,
    RowVersion,
    Session,
    definitions,
    first_readable,
    row_versions,
)
from heliosdb_temporal import erasures, points

__all__ = ["COLUMNS", "Converted", "parse", "request"]

COLUMNS = (
    ("system_time", "timestamptz"),
    ("system_time_end", "timestamptz"),
    ("system_scn", "int8"),
    ("system_operation", "text"),
    ("system_row", "int8"),
)

Row = tuple[Any, ...]


def parse(cursor: Cursor, bound: Callable[[Cursor], tuple[str, Any]]) -> tuple[Any, ...] | None:
    """Read a range; None where there is none. ``bound`` reads one of its ends."""
    if cursor.accept_keyword("all"):
        return ("all",)
    if cursor.accept_keyword("from"):
        low = bound(cursor)
        cursor.expect("to")
        return ("from", low, bound(cursor))
    if cursor.accept_keyword("between"):
        low = bound(cursor)
        cursor.expect("and")
        return ("between", low, bound(cursor))
    return None


def request(context: ClauseContext, payload: tuple[Any, ...], value: Callable[..., Any]) -> RowsRequest:
    """Return what is read in place of each table."""
    form, *bounds = payload
    kinds = tuple([kind for kind, _ in bounds])
    arguments = tuple([value(context, kind, tree) for kind, tree in bounds])
    return RowsRequest(clause="FOR SYSTEM_TIME", rows=partial(_rows, form, kinds), columns=COLUMNS, arguments=arguments)


def _rows(form: str, kinds: Sequence[str], relation: Relation, *values: Any) -> Iterator[Row]:
    """Yield the versions, as ``RowsRequest`` wants them; the last value is the session."""
    *bounds, session = values
    transaction = session.transaction
    line = transaction.timeline
    first = first_readable(transaction, relation.oid, line)
    since, until = first, transaction.scn
    if form in ("from", "between"):
        since, until = _points(session, form, kinds, bounds)
    if since < first:
        commit = session.database.history.commits.get(first)
        raise ObjectNotInPrerequisiteState(
            f'the range begins before the horizon of relation "{relation.name}"',
            detail=f"All versions are kept from SCN {first} on"
            + (
                "."
                if commit is None
                else f", which is of {session.registries.types.output('timestamptz')(commit.time, session)}."
            ),
        )
    converted = Converted(session, relation)
    time = Times(session)
    if form == "every":
        yield from _pinned(session, relation, first, converted)
    else:
        erasures.tell_range(session, relation, since, until)
    for versions in row_versions(transaction, relation.oid, line, since, min(until, transaction.scn)):
        for version in versions:
            row = converted(version)
            yield (*row, time(version.begin), time(version.end), version.begin, operation(version), version.row_id)


def _pinned(session: Session, relation: Relation, first: int, converted: Converted) -> Iterator[Row]:
    """Yield what pins keep of main from before all versions are kept."""
    line = session.transaction.timeline
    for pin in session.database.history.pins().values():
        if pin.timeline == line.id and pin.scn < first:
            for row_ids, rows in session.transaction.view(relation.oid, at=(line, pin.scn)).item_blocks():
                for row_id, row in zip(row_ids, rows):
                    version = RowVersion(row_id, row, pin.scn, None, None, False)
                    yield (*converted(version), None, None, None, None, row_id)


def operation(version: RowVersion) -> str | None:
    """Return what made a version."""
    return None if version.is_first is None else "INSERT" if version.is_first else "UPDATE"


def _points(session: Session, form: str, kinds: Sequence[str], bounds: Sequence[Any]) -> tuple[int, int]:
    """Return the first and the last SCN of a range; one that ends before it begins is empty."""
    for value in bounds:
        if value is None:
            raise NullValueNotAllowed("a bound of FOR SYSTEM_TIME must not be null")
    history = session.database.history
    (low_kind, high_kind), (low, high) = kinds, bounds
    last = history.published
    if low_kind == "timestamp":
        since = last + 1 if low > history.commits.clock() else history.scn_at(low)
    else:
        since = low if low_kind == "scn" else points.scn_of_transaction(history, low)
    before = 1 if form == "from" else 0
    if high_kind == "timestamp":
        until = last if high > history.commits.clock() else history.scn_at(high - before)
    else:
        until = (high if high_kind == "scn" else points.scn_of_transaction(history, high)) - before
    if low_kind == high_kind == "timestamp" and (high < low or (before and high == low)):
        until = since - 1
    return max(since, 0), until


class Times:
    """When commits were made, by SCN; None for None and for what is not known."""

    def __init__(self, session: Session) -> None:
        self._commits = session.database.history.commits
        self._known: dict[int | None, int | None] = {None: None}

    def __call__(self, scn: int | None) -> int | None:
        """Return the time of a commit."""
        if scn not in self._known:
            assert scn is not None
            commit = self._commits.get(scn)
            self._known[scn] = None if commit is None else commit.time
        return self._known[scn]


class Converted:
    """Rows of then as rows of a definition of now; see the module."""

    def __init__(self, session: Session, relation: Relation) -> None:
        self._session = session
        self._now = relation
        self._width = max((column.number for column in relation.columns), default=0)
        known = definitions(session, relation.oid)
        self._since = list(map(itemgetter(0), known))
        self._then = [definition for _, definition in known]
        self._converters: dict[int, Callable[[Row], Row]] = {}

    def __call__(self, version: RowVersion) -> Row:
        """Return a version's row."""
        place = 0 if version.begin is None else max(bisect_right(self._since, version.begin) - 1, 0)
        convert = self._converters.get(place)
        if convert is None:
            then = self._then[place] if self._then else self._now
            convert = self._converters[place] = self._converter(then)
        return convert(version.row)

    def _converter(self, then: Relation) -> Callable[[Row], Row]:
        readers: list[Callable[[Row], Any]] = [lambda row: None] * self._width
        before = {column.number: column for column in then.columns if not column.dropped}
        changed = False
        for column in self._now.columns:
            old = before.get(column.number)
            if column.dropped:
                continue
            if old is None:
                changed = True
            elif (old.type, old.form) == (column.type, column.form):
                readers[column.number - 1] = _reader(column.number - 1)
            else:
                changed = True
                if old.form is None and column.form is None:
                    readers[column.number - 1] = self._from_text(old, column)
        width = self._width
        if not changed:
            return lambda row: row if len(row) == width else (*row, *[None] * (width - len(row)))[:width]
        return lambda row: tuple([read(row) for read in readers])

    def _from_text(self, old: Any, new: Any) -> Callable[[Row], Any]:
        session, place = self._session, old.number - 1
        types = session.registries.types
        if types.find(old.type) is None:
            return lambda row: None
        write, read = types.output(old.type), types.input(new.type)

        def converted(row: Row) -> Any:
            value = row[place] if place < len(row) else None
            if value is None:
                return None
            try:
                return read(write(value, session), new.typmod, session)
            except Error:
                return None

        return converted


def _reader(place: int) -> Callable[[Row], Any]:
    return lambda row: row[place] if place < len(row) else None
