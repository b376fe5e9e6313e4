"""The journal: how commits become durable, many with one sync.

    committer, commit lock held     append(record)         the bytes are in the log, and promise nothing
                                    enter, order           pending: later committers see it, readers do not
    any thread, no lock held        wait(SCN)              who comes first syncs for all that are in the log by then,
                                                           publishes them in order, and calls the others

After a failed sync nobody knows which bytes are on the device, so a second try would prove nothing: the pending commits
are never published, the journal takes no more records, and the database can only be read until it is opened anew.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from attrs import asdict

from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import Error, IoError
from heliosdb.store.commits import Author
from heliosdb.store.manifest import StoredTimeline
from heliosdb.store.records import (
    COMMIT,
    COUNTERS,
    HOLDS,
    TIMELINES,
    TOLD,
    encode_author,
    encode_changes,
    encode_head,
    encode_rows,
)

if TYPE_CHECKING:
    from heliosdb.store.log import Log
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import RelationChanges, Store
    from heliosdb.store.versions import Row

__all__ = ["Journal"]

SYSTEM = Author()

PATIENCE = 1.0
"""Seconds after which a waiting thread looks again by itself: Ctrl-C may have come between a sync and the calls."""


class Journal:
    """The journal of one open store. ``durable`` is the SCN up to which everything is on the device.

    ``wake`` calls whoever syncs in the background.
    """

    __slots__ = (
        "_authors",
        "_failure",
        "_followers",
        "_logged",
        "_options",
        "_since",
        "_store",
        "_syncing",
        "_waiting",
        "_wake",
        "durable",
        "frames",
        "log",
        "tail",
    )

    def __init__(self, store: Store, log: Log, frames: StoredFrames, durable: int, wake: Callable[[], None]) -> None:
        self._store = store
        self._options = store.options
        self.frames = frames
        """Turns rows into bytes and back."""
        self._wake = wake
        self.log = log
        self.durable = durable
        self.tail = 0
        """Commits in the log since the last checkpoint."""
        self._since = 0
        """How large the log was when a checkpoint failed."""
        self._syncing = Lock()
        self._waiting: deque[tuple[int, Lock]] = deque()
        """The SCN and a lock of each thread that waits for another's sync: released when it may look again."""
        self._failure: Error | None = None
        self._logged = 0
        """The SCN of the last record, or of that which is being appended."""
        self._authors: dict[Author, bytes] = {}
        self._followers: list[tuple[int, Callable[[Error | None], None]]] = []

    def record_of(self, changed: Iterable[RelationChanges]) -> list[bytes]:
        """Return what the record of a commit is to say of its changes."""
        frames = self.frames
        return [
            encode_changes(frames, relation.oid, rows, bulk)
            for relation, rows, bulk, _ in changed
            if relation.is_logged and (rows or bulk)
        ]

    def record_of_row(self, relation: Relation, row_id: int, row: Row | None) -> list[bytes]:
        """Return the same for one row."""
        return [encode_rows(self.frames, relation.oid, [row_id], [row])] if relation.is_logged else []

    def append(
        self,
        scn: int,
        time: int,
        transaction_id: int,
        timeline: int,
        author: Author,
        parts: Sequence[bytes],
        dropped: Collection[int] = (),
    ) -> None:
        """Append the record of a commit; the caller holds the commit lock. Nothing has happened where it raises.

        Where Ctrl-C comes between that and entering the commit, the log has a record of it that nobody knows: another
        one with its SCN would not count when the log is read. Then no more commits are taken.
        """
        if scn == self._logged:
            raise self._interrupted()
        log, self._logged = self.log, scn
        size = log.size
        try:
            self._append(scn, COMMIT, time, transaction_id, timeline, author, parts, dropped)
        except BaseException:
            if log.size == size:
                self._logged = 0
            raise
        self.tail += 1
        if self.is_due():
            self._wake()

    def put_off(self) -> None:
        """Let the log grow once more as much before the next checkpoint: one has failed."""
        self._since = self.log.size

    def is_due(self) -> bool:
        """Whether a checkpoint is due."""
        options, large = self._options, self._store.large
        # Segments of commits need not be read again; but indexes are to follow them.
        size = self.log.size - self._since + (0 if large is None else large.size // 4)
        return size >= options.checkpoint_log_size or self.tail >= options.checkpoint_commits

    def append_counters(self, time: int, author: Author) -> None:
        """Append a record of changed counters alone; the caller holds the commit lock."""
        self._append(0, COUNTERS, time, 0, 0, author, (), ())

    def append_timelines(self, time: int, timelines: StoredTimeline | Sequence[StoredTimeline]) -> None:
        """Append a record of one more timeline, or of what timelines there are; the caller holds the commit lock."""
        listed = asdict(timelines) if isinstance(timelines, StoredTimeline) else list(map(asdict, timelines))
        part = json.dumps(listed, separators=(",", ":")).encode()
        self._append(0, TIMELINES, time, 0, 0, SYSTEM, (part,), ())

    def append_holds(self, time: int, holds: Mapping[str, Any]) -> None:
        """Append a record of what has changed of pins and retentions; the caller holds the commit lock."""
        part = json.dumps(holds, separators=(",", ":")).encode()
        self._append(0, HOLDS, time, 0, 0, SYSTEM, (part,), ())

    def _append(
        self,
        scn: int,
        kind: int,
        time: int,
        transaction_id: int,
        timeline: int,
        author: Author,
        parts: Sequence[bytes],
        dropped: Collection[int],
    ) -> None:
        if self._failure is not None:
            raise self._sealed()
        if author.statement and kind != COMMIT:
            author = author._replace(statement="")
        written = self._authors.get(author)
        if written is None:
            if len(self._authors) > 1000:
                self._authors.clear()
            written = self._authors[author] = encode_author(author)
        counters = self._store.counters
        changed: Mapping[int, tuple[int, bool]] = counters.take_changed() if counters.has_changed else {}
        try:
            written_as = TOLD if author.statement else kind
            head = encode_head(written_as, time, transaction_id, timeline, written, changed, tuple(dropped))
            # While somebody syncs, others gather for the next.
            hold = kind == COMMIT and (bool(self._waiting) or self._syncing.locked())
            self.log.append(b"".join((head, *parts)), scn, hold=hold)
        except BaseException:
            counters.give_back(changed)
            raise

    def wait(self, scn: int) -> None:
        """Return when the commit with this SCN is durable and published; raise what made it fail.

        One of those who wait syncs for all. The others do not wait for the lock: when it is free the next sync has
        begun, and who is durable by then need not see its end.
        """
        while scn > self.durable:
            if self._syncing.locked():
                turn = Lock()
                turn.acquire()
                self._waiting.append((scn, turn))
                # Whoever holds the lock now calls those who stand there when it is done; if nobody does, nobody may.
                if self._syncing.locked():
                    turn.acquire(timeout=PATIENCE)
                    continue
            try:
                with self._syncing:
                    if scn > self.durable:
                        self._sync()
            finally:
                self._call_waiting()

    def sync(self) -> None:
        """Make everything durable that has been committed by now, counters too."""
        with self._alone():
            self._sync()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep all others from syncing, and call those afterwards who may have waited for what was synced."""
        try:
            with self._syncing:
                yield
        finally:
            self._call_waiting()

    def _call_waiting(self) -> None:
        """Call those whose commits are durable, and of the others one: it syncs for all of them."""
        waiting, durable = self._waiting, -1
        while waiting and durable != self.durable:
            # Another thread may have synced, and called, while some stood here and not there: then once more.
            durable = self.durable
            others = []
            while waiting:
                try:
                    scn, turn = waiting.popleft()
                except IndexError:
                    break  # another thread has called the last one
                if scn <= durable or self._failure is not None:
                    turn.release()
                else:
                    others.append((scn, turn))
            if others:
                waiting.extendleft(reversed(others[1:]))
                others[0][1].release()
        if self._followers:
            self._tell_followers()

    def follow(self, scn: int, answer: Callable[[Error | None], None]) -> None:
        """Call back when a commit is durable (None) or has failed, and see to it that somebody syncs."""
        self._followers.append((scn, answer))
        if scn <= self.durable or self._failure is not None:
            self._tell_followers()  # somebody synced in between, and may have looked before
        else:
            self._wake()

    def _tell_followers(self) -> None:
        """Answer those whose commits are durable, or all of them after a failure; no lock is held."""
        error = None if self._failure is None else self._sealed()
        waiting, self._followers = self._followers, []
        for scn, answer in waiting:
            if scn <= self.durable:
                answer(None)
            elif error is not None:
                answer(error)
            else:
                self._followers.append((scn, answer))

    def _sync(self) -> None:
        if self._failure is not None:
            raise self._sealed()
        target = self._store.last_scn  # whose record was appended before
        try:
            self.log.sync()
        except Error as error:
            self._failure = error
            raise
        self.durable = target
        self._store.publish_to(target)

    def settle(self, scn: int, *, synchronous: bool) -> None:
        """Return when a commit is published: after it is durable if ``synchronous``."""
        if synchronous or not self.publish_early(scn):
            self.wait(scn)

    def publish_early(self, scn: int) -> bool:
        """Publish a commit before it is durable (synchronous_commit = off), unless commits before it have to wait."""
        store = self._store
        with store.commit_lock:
            if store.published != scn - 1:
                return store.published >= scn
            try:
                self.log.write()
            except Error:
                return False  # the sync tells
            store.publish_to(scn)
        self._wake()
        return True

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """Keep all others from syncing: what is logged is synced, and the log may be changed for another."""
        with self._alone():
            self._sync()
            yield

    def end_log(self) -> None:
        """Sync what was logged since ``rotating`` began, and cut the log to it; the caller holds the commit lock."""
        self.log.give_back_room()
        self._sync()

    def rotate(self, log: Log) -> None:
        """Go on in another log; the caller holds the commit lock and has synced the one before."""
        self.log = log
        self.tail = self._since = 0

    @property
    def is_sealed(self) -> bool:
        """Whether a sync has failed."""
        return self._failure is not None

    def require_open(self) -> None:
        """Raise IoError when a sync has failed."""
        if self._failure is not None:
            raise self._sealed()

    def _interrupted(self) -> IoError:
        return IoError(
            "the database accepts no more commits",
            detail="A commit was interrupted after it had been logged, and before it was entered.",
            hint="Close the database and open it again. What was committed before can be read.",
        )

    def _sealed(self) -> IoError:
        return IoError(
            "the database accepts no more commits",
            detail=f"Its log could not be made durable: {self._failure}. What was committed before can be read.",
            hint="Mend the device, then close the database and open it again.",
        )
