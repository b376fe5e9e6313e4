"""What is noted of the statements of a session: ``pg_stat_statements``, what they use, the log of those that take long.

    run ──begin──► the statement's time runs ──end──► its counters, and a line of the log where it took long

Statements of one shape, which differ in constants only, have counters of their own for each role. Counters belong to a
session, whose thread alone changes them, so counting waits for nobody; whoever reads the view adds up those of all
sessions, and one that ends leaves its own with the database. A point statement's function (``session/points.py``) is
wrapped by one that counts, while statements are tracked; otherwise it is called as it is.

With the statements it is counted how often each table is scanned and each index searched, and how many rows are
written: by what a plan has of them, so that counting takes no part in running it.

Threads that use one session at once, which point statements may, can lose a call in the counting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from threading import Lock
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb.session.environment import SessionEnvironment
    from heliosdb.session.statements import Plan, StatementText

__all__ = ["Counters", "StatementCounts", "StatementWatch", "normalized", "uses_of"]

TRACK = "pg_stat_statements.track"
LEAST = "log_min_duration_statement"
KEPT_BY_SESSION = 1_000
KEPT = 5_000
LONGEST = 1_000
"""Characters of a text that is too long to be cut into its constants: what is behind makes no other statement of it."""

READING = ("scan", "search")
LONGEST_LOGGED = 10_000
LONGEST_VALUE = 200

Key = tuple[int, tuple[str, ...]]
"""The OID of a role, and a shape."""

Use = tuple[str, int]
"""What is done to a table or index ("scan", "search", "insert", "update", "delete"), and its OID."""


class Counters:
    """How often a statement ran, how long (in nanoseconds: sum, sum of squares, least and most), for how many rows."""

    __slots__ = ("calls", "least", "most", "rows", "squares", "total")

    def __init__(self) -> None:
        self.calls = self.total = self.squares = self.most = self.rows = 0
        self.least = 1 << 62

    def add(self, nanoseconds: int, rows: int) -> None:
        """Count a run."""
        self.calls += 1
        self.total += nanoseconds
        self.squares += nanoseconds * nanoseconds
        self.rows += rows
        if nanoseconds < self.least:
            self.least = nanoseconds
        if nanoseconds > self.most:
            self.most = nanoseconds

    def take(self, other: Counters) -> None:
        """Count what another has counted."""
        self.calls += other.calls
        self.total += other.total
        self.squares += other.squares
        self.rows += other.rows
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    @property
    def deviation(self) -> float:
        """The standard deviation of the runs, in nanoseconds."""
        if not self.calls:
            return 0.0
        # Integers: a difference of large sums that has lost nothing.
        return sqrt(max(0, self.calls * self.squares - self.total * self.total)) / self.calls


class StatementCounts:
    """Those of a database: of sessions that have ended, and on request of all."""

    def __init__(self) -> None:
        self._ended: dict[Key, Counters] = {}
        self._uses: dict[Use, int] = {}
        self._lock = Lock()

    def take(self, counted: dict[Key, Counters], uses: dict[Use, int]) -> None:
        """Keep what a session has counted. Where it is too much the statements that ran least go."""
        with self._lock:
            for use, times in uses.items():
                self._uses[use] = self._uses.get(use, 0) + times
            for key, counters in counted.items():
                self._ended.setdefault(key, Counters()).take(counters)
            if len(self._ended) > KEPT:
                by_calls = sorted(self._ended.items(), key=lambda item: item[1].calls, reverse=True)
                self._ended = dict(by_calls[: KEPT * 9 // 10])

    def all_with(self, sessions: Sequence[Any]) -> dict[Key, Counters]:
        """Return the counters of all sessions together."""
        found: dict[Key, Counters] = {}
        with self._lock:
            parts = [self._ended.copy(), *(session.watch.counted.copy() for session in sessions)]
            points = [session.watch.points.copy() for session in sessions]
        for part in parts:
            for key, counters in part.items():
                found.setdefault(key, Counters()).take(counters)
        for functions in points:
            for (key, _), counters in functions.items():
                found.setdefault(key, Counters()).take(counters)
        return found

    def uses_with(self, sessions: Sequence[Any]) -> dict[Use, int]:
        """Return what the statements of all sessions have used; empty where none was tracked."""
        with self._lock:
            found = self._uses.copy()
            for session in sessions:
                for use, times in session.watch.all_uses().items():
                    found[use] = found.get(use, 0) + times
        return found

    def reset_uses(self, sessions: Sequence[Any]) -> None:
        """Begin anew with what is used."""
        with self._lock:
            self._uses = {}
            for session in sessions:
                session.watch.settle()
                session.watch.uses = {}

    def reset(self, sessions: Sequence[Any]) -> None:
        """Begin anew with the statements."""
        with self._lock:
            self._ended = {}
            for session in sessions:
                session.watch.settle()
                session.watch.counted = {}


class StatementWatch:
    """That of one session. ``is_on`` says whether there is anything to be told."""

    def __init__(self, session: SessionEnvironment) -> None:
        self._session = session
        self._statement: StatementText | None = None
        self._parameters: Sequence[Any] = ()
        self._since = 0
        self._tracks = False
        self._least = -1
        self.counted: dict[Key, Counters] = {}
        self.uses: dict[Use, int] = {}
        self.points: dict[tuple[Key, tuple[Use, ...]], Counters] = {}
        """What functions of point statements have counted, by the statement and what each call uses."""
        self.rows: int | None = None
        """How many rows the statement that runs has given or changed, once that is known."""
        self.is_on = False

    def renew(self) -> None:
        """Follow the settings: one may have changed."""
        session = self._session
        self._tracks = session.setting(TRACK) != "none"
        self._least = session.setting(LEAST)
        self.is_on = self._tracks or self._least >= 0

    def begin(self, statement: StatementText, parameters: Sequence[Any] | None) -> None:
        """Note that a statement runs from now on. What runs inside of it is part of it."""
        if self._statement is None:
            self._statement, self._parameters, self.rows = statement, parameters or (), None
            self._since = perf_counter_ns()

    def end(self, *, failed: bool = False) -> None:
        """Note that the statement has ended; nothing where none runs. As PostgreSQL's, counters are of those that did
        not fail, and the log is of all."""
        statement, self._statement = self._statement, None
        if statement is None:
            return
        taken = perf_counter_ns() - self._since
        if self._tracks and not failed:
            self._of(statement).add(taken, self.rows or 0)
            plan = self._session.last_plan
            if plan is not None:
                for use in uses_of(plan):
                    self.note(use, 1 if use[0] in READING else self.rows or 0)
        if 0 <= self._least * 1_000_000 <= taken:
            self._log(statement, taken)
        self._parameters = ()

    def forget(self) -> None:
        """Forget the statement that has begun: nothing was done, and it will begin again."""
        self._statement = None

    def note(self, use: Use, times: int) -> None:
        """Count that something has been used so many times, while statements are tracked."""
        if self._tracks:
            self.uses[use] = self.uses.get(use, 0) + times

    def _key(self, statement: StatementText) -> Key:
        shape = statement.shape
        if len(shape) == 1:
            # Nothing was lifted: there is none, or the text is too long. A password is in neither.
            shape = ((statement.shown or statement.text)[:LONGEST],)
        return (self._session.role, shape)

    def _of(self, statement: StatementText) -> Counters:
        key = self._key(statement)
        found = self.counted.get(key)
        if found is None:
            if len(self.counted) >= KEPT_BY_SESSION:
                self.leave()
            found = self.counted[key] = Counters()
        return found

    def around(self, function: Callable[[Any], Any], statement: StatementText, plan: Plan) -> Callable[[Any], Any]:
        """Return a point statement's function that counts its calls; the same where nothing is noted."""
        if not self._tracks:
            return function
        if len(self.points) >= KEPT_BY_SESSION:
            self.leave()
        count, now = self.points.setdefault((self._key(statement), uses_of(plan)), Counters()).add, perf_counter_ns

        def counting(values: Any) -> Any:
            since = now()
            found = function(values)
            if found is not None:
                count(now() - since, found if found.__class__ is int else len(found))
            return found

        return counting

    @property
    def allows_points(self) -> bool:
        """Whether point statements may run as functions, which are never logged."""
        return self._least < 0

    def all_uses(self) -> dict[Use, int]:
        """Return what has been used, by functions of point statements as well."""
        found = self.uses.copy()
        for (_, uses), counters in self.points.copy().items():
            for use in uses:
                found[use] = found.get(use, 0) + (counters.calls if use[0] in READING else counters.rows)
        return found

    def settle(self) -> None:
        """Count what functions of point statements have counted with the rest. They count where nobody looks any more,
        so they are to be made anew."""
        self.uses = self.all_uses()
        points, self.points = self.points, {}
        for (key, _), counters in points.items():
            self.counted.setdefault(key, Counters()).take(counters)
        self._session.points.forget()

    def leave(self) -> None:
        """Leave what has been counted with the database."""
        self.settle()
        counted, self.counted = self.counted, {}
        uses, self.uses = self.uses, {}
        if counted or uses:
            self._session.database.statement_counts.take(counted, uses)

    def _log(self, statement: StatementText, taken: int) -> None:
        import logging

        session = self._session
        text = statement.shown or statement.text
        if len(text) > LONGEST_LOGGED:
            text = f"{text[:LONGEST_LOGGED]}..."
        # A statement about a password is shown without it, and so may its parameters be one.
        given = () if statement.shown else tuple(map(_written, self._parameters))
        fields: dict[str, Any] = {
            "duration_ms": round(taken / 1_000_000, 3),
            "session": session.number,
            "user": session.user,
            "application": session.setting("application_name"),
        }
        logging.getLogger("heliosdb.statements").info(
            "duration: %.3f ms  statement: %s%s",
            taken / 1_000_000,
            text,
            f"  parameters: {', '.join(f'${n} = {value}' for n, value in enumerate(given, 1))}" if given else "",
            extra={"fields": fields},
        )


def uses_of(plan: Plan) -> tuple[Use, ...]:
    """Return what a plan uses: each scan and search once, and the table that its rows are written to."""
    if plan.uses is None:
        from heliosdb.plan import nodes as pn
        from heliosdb.plan.rewrite import walk

        found: list[Use] = []
        for node in walk(plan.explained):
            if isinstance(node, pn.IndexScan):
                found.append(("search", node.index.oid))
            elif isinstance(node, pn.Scan):
                found.append(("scan", node.relation.oid))
        if isinstance(plan.explained, pn.Insert | pn.Update | pn.Delete):
            found.append((type(plan.explained).__name__.lower(), plan.explained.relation.oid))
        plan.uses = tuple(found)
    return plan.uses


def _written(value: Any) -> str:
    """Return a parameter for the log."""
    if value is None:
        return "NULL"
    text = str(value) if not isinstance(value, bytes | bytearray | memoryview) else f"{len(value)} bytes"
    text = text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
    return "'" + text.replace("'", "''") + "'"


def normalized(shape: Sequence[str]) -> str:
    """Return a text with $1, $2, ... where its constants were, counted behind its parameters."""
    import re

    pieces = shape[::2]
    last = max((int(number) for piece in pieces for number in re.findall(r"\$(\d{1,9})", piece)), default=0)

    def parts() -> Iterator[str]:
        for number, piece in enumerate(pieces, last):
            if number > last:
                yield f"${number}"
            yield piece

    return "".join(parts())
