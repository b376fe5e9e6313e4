"""Sequences at run time: counters that no transaction undoes and all timelines share, and the functions over them.

    catalog     Relation(kind "sequence") with SequenceOptions      what it counts, transactional and versioned
    counters    storage number -> (last value, is_called)           where it stands, not transactional

``storage`` in the options names the counter. What PostgreSQL undoes with the transaction (RESTART, TRUNCATE ...
RESTART IDENTITY) gives the sequence a new one; what it does not undo (nextval, setval) changes the counter in place.
A counter comes into being when it is first asked, from the options.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.catalog.access import allowed, require
from heliosdb.catalog.definitions import Relation, SequenceOptions
from heliosdb.catalog.registries import CatalogView
from heliosdb.errors import (
    NumericValueOutOfRange,
    ObjectNotInPrerequisiteState,
    ReadOnlySqlTransaction,
    SequenceGeneratorLimitExceeded,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.store.counters import Counters
from heliosdb.types.definitions import ScalarFunction, TableFunction, Volatility

__all__ = ["FUNCTIONS", "NEXT_IDENTITY", "TABLE_FUNCTIONS", "SequenceCounters", "SessionSequences", "sequence_view"]


class SequenceCounters:
    """The counters of one database's sequences. Safe for any number of threads."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def next(self, name: str, options: SequenceOptions) -> int:
        """Return the next value; SequenceGeneratorLimitExceeded at the end of a sequence that does not cycle."""
        with self._counters.lock:
            last, called = self.state(options)
            value = last + options.increment if called else last
            if value > options.maximum:
                if not options.cycle:
                    raise SequenceGeneratorLimitExceeded(
                        f'nextval: reached maximum value of sequence "{name}" ({options.maximum})'
                    )
                value = options.minimum
            elif value < options.minimum:
                if not options.cycle:
                    raise SequenceGeneratorLimitExceeded(
                        f'nextval: reached minimum value of sequence "{name}" ({options.minimum})'
                    )
                value = options.maximum
            self._counters.set(options.storage, value)
            return value

    def set(self, options: SequenceOptions, value: int, called: bool) -> None:
        """Set the counter: the next value is ``value`` where it was not called yet, else the one after."""
        with self._counters.lock:
            self._counters.set(options.storage, value, called)

    def state(self, options: SequenceOptions) -> tuple[int, bool]:
        """Return (last value, is_called)."""
        found = self._counters.get(options.storage)
        if found is None:
            return (options.start if options.restart is None else options.restart, False)
        return found


class SessionSequences:
    """What ``currval`` and ``lastval`` answer in one session."""

    __slots__ = ("last", "values")

    def __init__(self) -> None:
        self.values: dict[int, int] = {}
        self.last: int | None = None

    def discard(self) -> None:
        """Forget everything (DISCARD SEQUENCES)."""
        self.values.clear()
        self.last = None


def _sequence(session: Any, oid: int) -> tuple[Relation, SequenceOptions]:
    relation = session.catalog.relation_by_oid(oid)
    if relation is None:
        raise UndefinedTable(f"could not open relation with OID {oid}")
    if relation.sequence is None:
        raise WrongObjectType(f'"{relation.name}" is not a sequence')
    return relation, relation.sequence


def _require_writable(session: Any, relation: Relation, what: str) -> None:
    if relation.persistence != "temporary" and session.transaction.read_only:
        raise ReadOnlySqlTransaction(f"cannot execute {what} in a read-only transaction")


def nextval(oid: int, session: Any) -> int:
    """Advance a sequence and return its new value."""
    require(session.catalog, session.role, _sequence(session, oid)[0], "Uw")
    return next_identity(oid, session)


def next_identity(oid: int, session: Any) -> int:
    """As ``nextval``, for who may write to the table whose column has the sequence."""
    relation, options = _sequence(session, oid)
    _require_writable(session, relation, "nextval()")
    value: int = session.database.sequences.next(relation.name, options)
    session.transaction.has_counted = True
    own = session.sequences
    own.values[oid] = value
    own.last = oid
    return value


def currval(oid: int, session: Any) -> int:
    """Return the value that nextval gave last in this session."""
    relation, _ = _sequence(session, oid)
    require(session.catalog, session.role, relation, "Ur")
    found: int | None = session.sequences.values.get(oid)
    if found is None:
        raise ObjectNotInPrerequisiteState(f'currval of sequence "{relation.name}" is not yet defined in this session')
    return found


def lastval(session: Any) -> int:
    """Return the value that the last nextval of this session gave, whatever sequence it was."""
    own = session.sequences
    relation = None if own.last is None else session.catalog.relation_by_oid(own.last)
    if relation is None:
        raise ObjectNotInPrerequisiteState("lastval is not yet defined in this session")
    require(session.catalog, session.role, relation, "Ur")
    value: int = own.values[own.last]
    return value


def setval(oid: int, value: int, session: Any) -> int:
    """Set a sequence so that the next value is the one after."""
    return setval_called(oid, value, True, session)


def setval_called(oid: int, value: int, called: bool, session: Any) -> int:
    """Set a sequence; where ``called`` is false the next value is this one."""
    relation, options = _sequence(session, oid)
    require(session.catalog, session.role, relation, "w")
    _require_writable(session, relation, "setval()")
    if not options.minimum <= value <= options.maximum:
        raise NumericValueOutOfRange(
            f'setval: value {value} is out of bounds for sequence "{relation.name}" '
            f"({options.minimum}..{options.maximum})"
        )
    session.database.sequences.set(options, value, called)
    session.transaction.has_counted = True
    if called:
        session.sequences.values[oid] = value
    return value


def pg_sequence_last_value(oid: int, session: Any) -> int | None:
    """Return a sequence's last value, NULL where it was not used yet."""
    relation, options = _sequence(session, oid)
    value, called = session.database.sequences.state(options)
    return value if called and allowed(session.catalog, session.role, relation, "Ur") else None


def pg_sequence_parameters(oid: int, session: Any) -> Iterator[tuple[Any, ...]]:
    """Return start_value, minimum_value, maximum_value, increment, cycle_option, cache_size and data_type as one
    row."""
    relation, options = _sequence(session, oid)
    require(session.catalog, session.role, relation, "Urw")
    type_oid = session.types.by_name(options.type).oid
    yield (
        options.start,
        options.minimum,
        options.maximum,
        options.increment,
        options.cycle,
        options.cache,
        type_oid,
    )


def sequence_view(relation: Relation) -> CatalogView:
    """Return what ``SELECT ... FROM sequence`` reads: one row that says where the sequence stands."""
    options = relation.sequence
    assert options is not None

    def rows(session: Any) -> Iterator[tuple[Any, ...]]:
        last, called = session.database.sequences.state(options)
        yield last, 0, called

    columns = (("last_value", "int8"), ("log_cnt", "int8"), ("is_called", "bool"))
    return CatalogView(name=relation.name, columns=columns, rows=rows, schema=relation.schema, callable_form=False)


NEXT_IDENTITY = ScalarFunction(
    "nextval", ("regclass",), "int8", next_identity, volatility=Volatility.VOLATILE, needs_session=True
)
"""What gives an identity column its values: nobody can call it."""

FUNCTIONS = (
    ScalarFunction("nextval", ("regclass",), "int8", nextval, volatility=Volatility.VOLATILE, needs_session=True),
    ScalarFunction("currval", ("regclass",), "int8", currval, volatility=Volatility.VOLATILE, needs_session=True),
    ScalarFunction("lastval", (), "int8", lastval, volatility=Volatility.VOLATILE, needs_session=True),
    ScalarFunction("setval", ("regclass", "int8"), "int8", setval, volatility=Volatility.VOLATILE, needs_session=True),
    ScalarFunction(
        "setval",
        ("regclass", "int8", "bool"),
        "int8",
        setval_called,
        volatility=Volatility.VOLATILE,
        needs_session=True,
    ),
    ScalarFunction(
        "pg_sequence_last_value",
        ("regclass",),
        "int8",
        pg_sequence_last_value,
        volatility=Volatility.VOLATILE,
        needs_session=True,
    ),
)

TABLE_FUNCTIONS = (
    TableFunction(
        "pg_sequence_parameters",
        ("oid",),
        "record",
        pg_sequence_parameters,
        columns=(
            ("start_value", "int8"),
            ("minimum_value", "int8"),
            ("maximum_value", "int8"),
            ("increment", "int8"),
            ("cycle_option", "bool"),
            ("cache_size", "int8"),
            ("data_type", "oid"),
        ),
        volatility=Volatility.STABLE,
        needs_session=True,
        rows=1.0,
    ),
)
