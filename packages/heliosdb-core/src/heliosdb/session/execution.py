"""One execution of a compiled statement: what the generated function may ask for while it runs."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.session.past import past_relation, resolved
from heliosdb.store.temporary import TemporaryFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from heliosdb.catalog.definitions import Relation
    from heliosdb.plan.nodes import SnapshotRequest


class Execution:
    """The argument ``x`` of generated functions. ``parameter_rows`` are those of ``executemany``, Python objects still.

    ``parameters`` and ``slots`` are datums already of the types that the plan expects. ``cancelled`` is polled once a
    block. ``row_count`` is what a data modification counts, ``counts`` the rows of each node under EXPLAIN ANALYZE.
    """

    __slots__ = (
        "at_end",
        "counts",
        "feed",
        "files",
        "fixed_views",
        "parameter_rows",
        "parameters",
        "reports",
        "row_count",
        "session",
        "slots",
        "snapshots",
        "transaction",
        "watched",
    )

    def __init__(self, session: Any, transaction: Any, parameters: tuple[Any, ...], slots: tuple[Any, ...]) -> None:
        self.session = session
        self.transaction = transaction
        self.parameters = parameters
        self.slots = slots
        self.row_count = 0
        self.fixed_views: dict[int, Any] | None = None
        """Views taken before the function runs: a cursor's, which shows what was there when it was declared."""
        self.parameter_rows: Sequence[Sequence[Any]] = ()
        self.feed: Iterable[Iterable[tuple[Any, ...]] | None] = ()
        """Blocks of rows that COPY FROM brings; None: there is nothing yet (``codegen/feed.py``)."""
        self.at_end: list[Callable[[], None]] = []
        """Checks that have to wait until all data modifications of the statement are done."""
        self.counts: dict[int, int] = {}
        self.watched: list[Any] = []
        """What may outgrow ``work_mem`` (``codegen/spill.py``)."""
        self.files: TemporaryFiles | None = None
        self.snapshots: Mapping[int, Any] = {}
        """What clauses lead to, by the number of the request, where it is known."""
        self.reports: dict[int, Any] = {}
        """What operators say of their memory, by ``id`` of the node, under EXPLAIN ANALYZE."""

    @property
    def temporary(self) -> TemporaryFiles:
        """The temporary files of this execution."""
        if self.files is None:
            self.files = TemporaryFiles(self.session.database.temporary, self.session)
        return self.files

    def close(self) -> None:
        """Delete the temporary files: at the end, however it came."""
        if self.files is not None:
            self.files.close()

    def run_at_end(self) -> None:
        """Run the checks that waited for the end of the statement."""
        for check in self.at_end:
            check()

    @property
    def cancelled(self) -> bool:
        """Whether somebody interrupted the statement or its time is over. Asked once a block, it is also the moment to
        look at what grows.
        """
        # As Session.interrupted, written out: this is asked often.
        for watched in self.watched:
            if len(watched.held) >= watched.look:
                watched.relieve()
        session = self.session
        deadline = session.deadline
        return session.interruption is not None or (deadline is not None and monotonic() > deadline)

    @property
    def work_mem(self) -> int:
        """How many bytes an operator may hold before it puts rows aside."""
        return int(self.session.setting("work_mem")) * 1024

    def raise_cancelled(self) -> None:
        """Raise QueryCanceled with the reason."""
        self.session.check_interrupt()
        raise errors.QueryCanceled("canceling statement due to user request")

    def view(self, relation: int) -> Any:
        """Return the relation as this statement sees it."""
        if self.fixed_views is not None:
            found = self.fixed_views.get(relation)
            if found is not None:
                return found
        return self.transaction.view(relation)

    def snapshot(self, request: SnapshotRequest, arguments: tuple[Any, ...], base: Any) -> Any:
        """Return the snapshot that a clause asks for."""
        known = self.snapshots.get(request.number)
        return resolved(self.session, request, arguments, base) if known is None else known

    def view_at(self, relation: Relation, snapshot: Any) -> Any:
        """Return a relation as a snapshot sees it; the plan was made for this definition of it."""
        return past_relation(self.session, relation, snapshot, is_held=bool(self.snapshots))
