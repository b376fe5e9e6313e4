"""What a durable store does in the background: syncs that nobody waits for, and checkpoints.

One thread, started when there is first something to do. It syncs what was committed with synchronous_commit = off
within a fifth of a second, answers those who asked to be called back, and makes a checkpoint when the log has grown to
the limit. A checkpoint that fails is noted and tried again when the log has grown as much once more: nothing is lost
by it, but opening after a crash takes longer.
"""

from __future__ import annotations

from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING

from heliosdb.config import log
from heliosdb.errors import Error
from heliosdb.store.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container

    from heliosdb.store.checkpoint import Checkpointer
    from heliosdb.store.store import Store

__all__ = ["Maintenance"]

EVERY_RELATION = range(1 << 63)

REWRITTEN_AT_ONCE = 64 << 20
"""Bytes that ``rewrite`` puts into one checkpoint, about."""


class Maintenance:
    """The background work of one store."""

    def __init__(self, store: Store, checkpointer: Checkpointer) -> None:
        self._store = store
        self._checkpointer = checkpointer
        self._woken = Event()
        self._stopping = False
        self._lock = Lock()
        self._thread: Thread | None = None
        self._compact_at = self._next_compaction()
        rate, clock = store.options.background_write_rate, store.options.clock
        self.pace = Pace(rate, self._is_late, self._sync, clock=clock)
        """How fast is written what nobody waits for."""

    def _is_late(self) -> bool:
        """Whether the log grows faster than checkpoints go on."""
        journal = self._store.journal
        return journal is not None and journal.log.size >= 2 * self._store.options.checkpoint_log_size

    def wake(self) -> None:
        """See soon whether there is something to do."""
        self._woken.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._stopping:
                    self._thread = Thread(target=self._work, name="heliosdb-maintenance", daemon=True)
                    self._thread.start()

    def checkpoint(self, compact: Container[int] = ()) -> dict[int, int]:
        """Make a checkpoint now, in this thread. Relations in ``compact`` lose the versions that nobody needs, in
        segments, too: returned is how many there, by relation."""
        with self.pace.hurried():
            return self._checkpointer.run(compact=compact)

    def erase(self, relation_oid: int, row_ids: Collection[int]) -> None:
        """Make a checkpoint in which no version of some deleted rows is left."""
        with self.pace.hurried():
            self._checkpointer.run(erase=(relation_oid, row_ids))

    def checkpoint_at_leisure(self, compact: Container[int] = ()) -> dict[int, int]:
        """Make a checkpoint as ``checkpoint`` does, as fast as background work may go; commits that want to be synced
        are, meanwhile."""
        return self._checkpointer.run(compact=compact, pay=self.pace.pay)

    def _sync(self) -> None:
        """Make durable what has been committed and nobody waits for."""
        journal = self._store.journal
        if journal is not None and not journal.is_sealed and self._store.last_scn > journal.durable:
            journal.sync()

    def read_busy_indexes(self) -> None:
        """Read indexes into memory that are asked again and again."""
        self._checkpointer.read_busy_indexes()

    def compact(self) -> None:
        """Drop the versions that nobody needs, and write what is left."""
        self._store.vacuum()
        self.checkpoint(EVERY_RELATION)

    def rewrite(self, on_progress: Callable[[int, int], None] = lambda done, files: None) -> int:
        """Write anew whatever passed other codecs than new files do, and return how many files could not be yet.

        It takes a checkpoint for about every ``REWRITTEN_AT_ONCE`` bytes, so that what is done stays done whenever it
        is stopped. ``on_progress`` gets how many files are done, of how many. An index run that somebody who reads an
        older state may still need waits for the next time.
        """
        volume, done = self._store.volume, 0
        self._checkpointer.run()  # the log, and what only the log names
        waiting = self._checkpointer.outdated()
        while waiting:
            chosen: set[str] = set()
            size = 0
            for name in waiting:
                chosen.add(name)
                size += volume.size(name)
                if size >= REWRITTEN_AT_ONCE:
                    break
            self._checkpointer.attach_indexes(chosen)
            self._checkpointer.run(outdated=chosen)
            left = self._checkpointer.outdated()
            rewritten = len(set(waiting).difference(left))
            if not rewritten:
                break
            done += rewritten
            on_progress(done, done + len(left))
            waiting = left
        return len(waiting)

    def start(self) -> None:
        """Start the thread where there is something to do from time to time."""
        if self._store.options.compact_interval_hours is not None:
            self.wake()

    def size_of(self, line: int) -> int:
        """Return the bytes of the files that a timeline has of its own, by number, as of the last checkpoint."""
        with self._lock:
            return self._checkpointer.size_of(line)

    def stop(self) -> None:
        """Make everything durable, make a last checkpoint if there is anything to put into it, and end the thread."""
        with self._lock:
            self._stopping = True
        thread = self._thread
        if thread is not None and thread is not current_thread():
            self._woken.set()
            with self.pace.hurried():
                thread.join()
        journal = self._store.journal
        if journal is None or journal.is_sealed:
            return
        journal.sync()
        try:
            if journal.tail or not self._checkpointer.is_closed:
                self._checkpointer.run(closed=True)
            else:
                with journal.rotating(), self._store.commit_lock:
                    journal.end_log()
        except Error as error:
            # The log has everything.
            log("warn", "the last checkpoint failed: %s", error)

    def _next_compaction(self) -> float | None:
        hours, clock = self._store.options.compact_interval_hours, self._store.options.clock
        return None if hours is None else clock() + hours * 3600

    def _work(self) -> None:
        clock = self._store.options.clock
        while not self._stopping:
            due = self._compact_at
            self._woken.wait(None if due is None else max(0, due - clock()))
            self._woken.clear()
            if self._stopping:
                return
            try:
                self._do()
                # Also where somebody calls all the time: who waits for a quiet hour may wait for ever.
                if due is not None and clock() >= due:
                    self._compact_at = self._next_compaction()
                    dropped = self._store.vacuum()
                    dropped += sum(self.checkpoint_at_leisure(EVERY_RELATION).values())
                    log("info", "compaction by the clock dropped %d older versions of rows", dropped)
            except Error as error:
                if self._store.journal is not None:
                    self._store.journal.put_off()
                log("warn", "background work of the store failed: %s", error)

    def _do(self) -> None:
        journal = self._store.journal
        assert journal is not None
        if journal.is_sealed:
            return
        self._sync()
        if journal.is_due():
            self.checkpoint_at_leisure()
        self.read_busy_indexes()
