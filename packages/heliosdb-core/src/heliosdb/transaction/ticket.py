"""Commit tickets: a commit is answered when it is durable, which may be later than when it was ordered.

prepare     validate, append to the journal, enter the changes: *pending*
sync        one for all that are pending (a volume without a log skips it)
publish     in SCN order; readers see the commit
answer      ``wait`` returns, ``on_durable`` callbacks run
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from heliosdb.errors import Error
from heliosdb.store.relation import Relation
from heliosdb.store.store import RowChange

if TYPE_CHECKING:
    from heliosdb.store.journal import Journal

__all__ = ["Changes", "CommitTicket"]

Changes = list[tuple[Relation, list[RowChange]]]


class CommitTicket:
    """What ``commit`` returns. ``scn`` is 0 for a transaction that wrote nothing.

    ``changes`` is what the commit did, [(relation, [(row id, old, new)])], where somebody listens to commits. With a
    ``journal`` the commit is pending until that has made it durable.
    """

    __slots__ = ("_at_answer", "_journal", "changes", "error", "scn", "time", "transaction_id")

    def __init__(
        self,
        scn: int,
        transaction_id: int | None,
        time: int = 0,
        changes: Changes | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.scn = scn
        self.transaction_id = transaction_id
        self.time = time
        self.changes = changes
        self.error: Error | None = None
        self._journal = journal
        self._at_answer: list[Callable[[], None]] = []

    @property
    def is_pending(self) -> bool:
        """Whether it is not known yet that the commit is durable."""
        return self._journal is not None

    def at_answer(self, action: Callable[[], None]) -> None:
        """Do something when the ticket is answered, in the thread that learns it first; nobody syncs for this."""
        self._at_answer.append(action)

    def _act(self) -> None:
        while self._at_answer:
            try:
                action = self._at_answer.pop()
            except IndexError:
                return  # another thread was faster
            action()

    def wait(self) -> CommitTicket:
        """Block until the commit is durable; raise what made it fail."""
        journal = self._journal
        if journal is not None:
            try:
                journal.wait(self.scn)
            finally:
                self._act()
            self._journal = None
        if self.error is not None:
            raise self.error
        return self

    def on_durable(self, callback: Callable[[CommitTicket], None]) -> None:
        """Call back with the ticket when the commit is durable or has failed (``error``); at once if that is known
        already, else in the thread that syncs."""
        journal = self._journal
        if journal is None:
            callback(self)
        else:
            journal.follow(self.scn, lambda error: self._answer(error, callback))

    def _answer(self, error: Error | None, callback: Callable[[CommitTicket], None]) -> None:
        self.error = error
        self._journal = None
        self._act()
        callback(self)
