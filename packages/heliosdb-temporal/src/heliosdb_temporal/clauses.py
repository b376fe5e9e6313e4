"""``AS OF TIMESTAMP | TRANSACTION | SCN value`` and ``FOR SYSTEM_TIME AS OF value``.

The words are read where the grammar has a place for clauses, so that the same words in a literal, as an alias (``AS
of``) or as a column's name stay what they are. The value is bound as an expression of nothing (a constant, a
parameter, a subquery), computed once when the statement starts, and leads to a commit (``points``).

    point      what it reads
    table      this table, or all tables of this view
    query      every table of the query that has no clause of its own
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from heliosdb.errors import DatatypeMismatch, InvalidParameterValue, NullValueNotAllowed
from heliosdb.spi import ClauseContext, Cursor, RowsRequest, Snapshot, nodes
from heliosdb_temporal import points, ranges

__all__ = ["CLAUSE", "When", "moment", "parse_as_of", "parse_system_time", "resolve"]

CLAUSE = "as_of"
"""The name in requests for snapshots."""

TYPES = {"timestamp": "timestamptz", "transaction": "int8", "scn": "int8"}
"""What the value is converted to."""


@frozen
class When:
    """What was written: ``form`` is "as of", or that of a range; ``bounds`` are (kind, expression)."""

    form: str
    bounds: tuple[tuple[str, Any], ...] = ()

    def deparse(self, write: Callable[[Any], str]) -> str:
        """Return the clause as text, for stored queries."""
        bounds = [f"{kind.upper()} ({write(tree)})" for kind, tree in self.bounds]
        if self.form == "as of":
            return f"AS OF {bounds[0]}"
        words = {"all": "ALL", "from": "FROM {} TO {}", "between": "BETWEEN {} AND {}"}[self.form]
        return f"FOR SYSTEM_TIME {words.format(*bounds)}"


def parse_as_of(cursor: Cursor) -> When | None:
    """Read the kind and the value behind ``AS OF``; None where OF is an alias."""
    for kind in TYPES:
        if cursor.accept_keyword(kind):
            return When("as of", ((kind, cursor.expression()),))
    return None


def parse_system_time(cursor: Cursor) -> When:
    """Read what stands behind ``FOR SYSTEM_TIME``: a point, or a range (``ranges``)."""
    if cursor.accept_keyword("as", "of"):
        cursor.accept_keyword("timestamp")
        return When("as of", (("timestamp", cursor.expression()),))
    found = ranges.parse(cursor, _bound)
    if found is None:
        cursor.unexpected()
    form, *bounds = found
    return When(form, tuple(bounds))


def _bound(cursor: Cursor) -> tuple[str, Any]:
    for kind in TYPES:
        if cursor.accept_keyword(kind):
            return kind, cursor.operand()
    return "timestamp", cursor.operand()


def moment(context: ClauseContext, payload: When) -> nodes.SnapshotRequest | RowsRequest:
    """Return when the tables are read."""
    if payload.form != "as of":
        return ranges.request(context, (payload.form, *payload.bounds), _value)
    ((kind, tree),) = payload.bounds
    return nodes.SnapshotRequest(clause=CLAUSE, arguments=(_value(context, kind, tree),), payload=kind)


def _value(context: ClauseContext, kind: str, tree: Any) -> Any:
    try:
        return context.expression(tree, type_=TYPES[kind])
    except DatatypeMismatch:
        value = context.expression(tree)
        if kind == "transaction" and value.type == "xid8":
            return value
        raise


def resolve(session: Any, kind: str, value: Any, base: Snapshot | None) -> Snapshot:
    """Return the snapshot that a value means, on the timeline of what it is within, else of the transaction."""
    if value is None:
        raise NullValueNotAllowed(f"the value of AS OF {kind.upper()} must not be null")
    history = session.database.history
    if kind == "scn":
        scn = points.scn_of(history, value)
    elif kind == "transaction":
        scn = points.scn_of_transaction(history, value)
    elif kind == "timestamp":
        scn = history.scn_at(value)
    else:
        raise InvalidParameterValue(f"AS OF {kind} means nothing")
    return Snapshot(session.transaction.timeline.name if base is None else base.timeline, scn)
