"""The lock table: rows, unique keys, relations and advisory locks, with waits, deadlock detection and timeouts.

A lock lives in a *space*, a dict from key to who holds it: a relation's rows by row id, a unique index's keys, the
database's relations by OID, advisory numbers. The value is

    (owner, mask)     one owner with these modes: put there by one ``setdefault``, which is all an uncontended lock
    costs LockQueue         several owners, or somebody waits

Only "absent -> (owner, mask)" happens without the mutex; everything else, release included, is done under it. A
released lock goes to the waiters in the order they came. An owner waits for one lock at a time, so the wait-for
graph is looked at once, when a wait begins: if it would close a circle, the one who closes it gets 40P01 at once.

Owners of one session do not block each other (its transaction and its session-level advisory locks).

Modes are PostgreSQL 15's (section 13.3): four for rows, eight for relations, two for advisory locks, one for keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import compress
from threading import Event, Lock
from time import monotonic, time_ns
from typing import Any, Protocol

from heliosdb.errors import DeadlockDetected, LockNotAvailable
from heliosdb.store.block import BLOCK_BITS
from heliosdb.store.row_locks import BlockLock, RowLocks

__all__ = [
    "ADVISORY_CONFLICTS",
    "ADVISORY_MODES",
    "KEY_CONFLICTS",
    "RELATION_CONFLICTS",
    "RELATION_MODES",
    "ROW_CONFLICTS",
    "ROW_MODES",
    "AdvisoryLock",
    "LockOwner",
    "LockQueue",
    "LockTable",
    "RelationLock",
    "RowLock",
    "SessionToken",
    "Waiter",
    "WouldWait",
]

POLL_SECONDS = 0.02
"""How often a waiter looks whether its statement was cancelled."""

RELEASE_BATCH = 1000
"""Locks given back in one hold of the mutex."""

EPOCH = 946_684_800_000_000
"""2000-01-01 in microseconds of the Unix clock."""

Space = dict[Any, Any]
Grant = tuple["LockOwner", int]


class WouldWait(Exception):
    """Somebody who never waits would have to: what was begun is to be undone, and done by a thread that may."""


class SessionToken(Protocol):
    """What the lock table, and who words errors, ask of a session."""

    @property
    def name(self) -> str:
        """How the session is called in messages."""
        ...

    @property
    def lock_timeout(self) -> float | None:
        """Seconds to wait for one lock, or None."""
        ...

    def check_interrupt(self) -> None:
        """Raise QueryCanceled when the running statement is to stop."""
        ...

    def may_read(self, schema: str | None, table: str) -> bool:
        """Whether values of a table may be told in messages."""
        ...


class RowLock(IntEnum):
    """Row lock modes (PostgreSQL 15, section 13.3.2), weakest first."""

    KEY_SHARE = 0
    SHARE = 1
    NO_KEY_UPDATE = 2
    UPDATE = 3


class RelationLock(IntEnum):
    """Table-level lock modes (PostgreSQL 15, section 13.3.1), weakest first."""

    ACCESS_SHARE = 0
    ROW_SHARE = 1
    ROW_EXCLUSIVE = 2
    SHARE_UPDATE_EXCLUSIVE = 3
    SHARE = 4
    SHARE_ROW_EXCLUSIVE = 5
    EXCLUSIVE = 6
    ACCESS_EXCLUSIVE = 7


class AdvisoryLock(IntEnum):
    """Advisory lock modes."""

    SHARE = 0
    EXCLUSIVE = 1


def _masks(*conflicting: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sum(1 << mode for mode in modes) for modes in conflicting)


ROW_CONFLICTS = _masks((3,), (2, 3), (1, 2, 3), (0, 1, 2, 3))
RELATION_CONFLICTS = _masks(
    (7,),
    (6, 7),
    (4, 5, 6, 7),
    (3, 4, 5, 6, 7),
    (2, 3, 5, 6, 7),
    (2, 3, 4, 5, 6, 7),
    (1, 2, 3, 4, 5, 6, 7),
    (0, 1, 2, 3, 4, 5, 6, 7),
)
ADVISORY_CONFLICTS = _masks((1,), (0, 1))
KEY_CONFLICTS = _masks((0,))

RELATION_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
ROW_MODES = ("AccessShareLock", "RowShareLock", "ExclusiveLock", "AccessExclusiveLock")
ADVISORY_MODES = ("ShareLock", "ExclusiveLock")

LOCK_NAMES = {id(RELATION_CONFLICTS): RELATION_MODES, id(ADVISORY_CONFLICTS): ADVISORY_MODES}


class LockOwner:
    """Who holds locks: a transaction, or a session for its session-level advisory locks.

    ``held`` lists space, key, mask before, space, key, ... in the order the locks were taken, so that a savepoint
    can give back what came after it. (Flat, because a million small tuples would keep the garbage collector busy.)
    Owners of one ``session`` do not block each other; without a session an owner stands for itself.
    """

    __slots__ = ("grants", "held", "never_waits", "session", "waiter")

    def __init__(self, session: SessionToken | None = None) -> None:
        self.session = session
        self.never_waits = False
        """Whether it gets WouldWait where it would have to wait."""
        self.held: list[Any] = []
        self.grants: dict[int, Grant] = {}
        self.waiter: Waiter | None = None

    def grant(self, mode: int) -> Grant:
        """Return the value that stands for this owner in a lock space: always the same object for a mode."""
        found = self.grants.get(mode)
        if found is None:
            found = self.grants[mode] = (self, 1 << mode)
        return found

    @property
    def transaction_id(self) -> int | None:
        """The id of the transaction, where this is one."""
        return None

    def is_of_session_of(self, other: LockOwner) -> bool:
        """Whether both belong to one session."""
        return self is other or (self.session is not None and self.session is other.session)

    def has_written_row(self, relation_oid: int, row_id: int) -> bool:
        """Whether this owner has changed a row without having committed."""
        return False


class Waiter:
    """One owner waiting for one lock."""

    __slots__ = ("conflicts", "event", "key", "mode", "owner", "queue", "since", "space")

    def __init__(self, owner: LockOwner, mode: int, conflicts: Sequence[int], space: Space, key: Any) -> None:
        self.owner = owner
        self.mode = mode
        self.conflicts = conflicts
        self.space = space
        self.key = key
        self.queue: LockQueue | None = None
        self.event = Event()
        self.since = time_ns() // 1000 - EPOCH
        """When the wait began, in microseconds since 2000-01-01 UTC."""


class LockQueue:
    """The holders of a contended lock and who waits for it, first come first served."""

    __slots__ = ("holders", "waiters")

    def __init__(self, holders: dict[LockOwner, int]) -> None:
        self.holders = holders
        self.waiters: list[Waiter] = []

    def blockers(self, owner: LockOwner, mode: int, conflicts: Sequence[int]) -> Iterator[LockOwner]:
        """Yield the holders that a request must wait for."""
        mask = conflicts[mode]
        for holder, held in self.holders.items():
            if held & mask and not holder.is_of_session_of(owner):
                yield holder

    def admits(self, owner: LockOwner, mode: int, conflicts: Sequence[int], before: Iterable[Waiter]) -> bool:
        """Whether a request can be granted now, holders and earlier waiters considered."""
        for _ in self.blockers(owner, mode, conflicts):
            return False
        if owner in self.holders:
            return True  # an upgrade does not queue behind those who wait for its own lock
        return not any(conflicts[mode] >> waiter.mode & 1 for waiter in before)


class LockTable:
    """The locks of one store."""

    __slots__ = ("_mutex", "_waiting", "advisory", "relations")

    def __init__(self) -> None:
        self._mutex = Lock()
        self._waiting: dict[Waiter, None] = {}
        self.relations: Space = {}
        self.advisory: Space = {}

    def may_write(self, relation: Any, mode: RelationLock = RelationLock.ROW_EXCLUSIVE) -> bool:
        """Whether nobody has, or waits for, a lock on a relation that a writer's would have to wait for."""
        if self.relations.get(relation) is None:
            return True
        with self._mutex:
            present = self.relations.get(relation)
            if present is None:
                return True
            mask = RELATION_CONFLICTS[mode]
            if type(present) is tuple:
                return not present[1] & mask
            return not any(held & mask for held in present.holders.values()) and not any(
                mask >> waiter.mode & 1 for waiter in present.waiters
            )

    def acquire(
        self,
        space: Space,
        key: Any,
        owner: LockOwner,
        mode: int,
        conflicts: Sequence[int],
        *,
        wait: str = "block",
        session: SessionToken | None = None,
        what: str = "",
    ) -> bool:
        """Take a lock and note it in ``owner.held``; return False where ``wait="skip"`` and it is not free.

        ``wait="nowait"`` raises LockNotAvailable instead, with "could not obtain lock on ``what``".
        """
        grant = owner.grant(mode)
        rows = space if space.__class__ is RowLocks else None
        # Only this owner's thread puts this grant there, so "absent, and now it is mine" means that it was taken
        # just now.
        if not (rows is not None and rows.blocks) and space.get(key) is None and space.setdefault(key, grant) is grant:
            owner.held += (space, key, 0)
            if rows is None or not rows.blocks or rows.block_of(key) is None:
                return True
            self.release_one(owner, space, key)  # somebody has locked the block meanwhile
        with self._mutex:
            if rows is not None and rows.blocks and (block := rows.block_of(key)) is not None:
                _spread(block, key >> BLOCK_BITS)
            present: Any = space.get(key)
            if present is None and (present := space.setdefault(key, grant)) is grant:
                owner.held += (space, key, 0)
                return True
            if type(present) is tuple:
                holder, mask = present
                if holder is owner:
                    if not mask >> mode & 1:
                        owner.held += (space, key, mask)
                        space[key] = (owner, mask | 1 << mode)
                    return True
                queue = LockQueue({holder: mask})
            else:
                queue = present
            if queue.holders.get(owner, 0) >> mode & 1:
                return True
            # As in PostgreSQL, who comes to a row that is free enough for him takes it, whoever waits for more:
            # children go on to be inserted while somebody waits to delete their parent.
            if queue.admits(owner, mode, conflicts, () if conflicts is ROW_CONFLICTS else queue.waiters):
                space[key] = queue
                self._grant(queue, owner, mode, space, key)
                return True
            if wait == "skip":
                return False
            if wait == "nowait":
                raise LockNotAvailable(f"could not obtain lock on {what}")
            if owner.never_waits:
                raise WouldWait
            space[key] = queue
            waiter = Waiter(owner, mode, conflicts, space, key)
            waiter.queue = queue
            self._refuse_deadlock(waiter)
            queue.waiters.append(waiter)
            self._waiting[waiter] = None
            owner.waiter = waiter
        self._wait(waiter, session)
        return True

    def acquire_block(self, space: RowLocks, number: int, slots: bytes, owner: LockOwner) -> bool:
        """Lock rows of a block if nobody has any of them; else return False, and nothing is locked.

        ``slots`` has a byte for each slot: 0, or a bit for the mode.
        """
        with self._mutex:
            present = space.blocks.get(number)
            if present is not None:
                if present.owner is not owner or present.spread:
                    return False
                both = int.from_bytes(slots, "little") | int.from_bytes(present.slots, "little")
                slots = both.to_bytes(max(len(slots), len(present.slots)), "little")
                if slots == present.slots:
                    return True
            space.blocks[number] = BlockLock(space, owner, slots)
            first = number << BLOCK_BITS
            if space and not space.keys().isdisjoint(compress(range(first, first + len(slots)), slots)):
                if present is None:
                    del space.blocks[number]
                else:
                    space.blocks[number] = present
                return False
            owner.held += (space.blocks, number, 0 if present is None else present)
            return True

    @staticmethod
    def _grant(queue: LockQueue, owner: LockOwner, mode: int, space: Space, key: Any) -> None:
        before = queue.holders.get(owner, 0)
        queue.holders[owner] = before | 1 << mode
        owner.held += (space, key, before)

    def _wait(self, waiter: Waiter, session: SessionToken | None) -> None:
        timeout = None if session is None else session.lock_timeout
        deadline = None if timeout is None else monotonic() + timeout
        try:
            while True:
                left = POLL_SECONDS if deadline is None else min(POLL_SECONDS, deadline - monotonic())
                if waiter.event.wait(max(left, 0.0)):
                    return
                if session is not None:
                    session.check_interrupt()
                if deadline is not None and monotonic() >= deadline:
                    raise LockNotAvailable("canceling statement due to lock timeout")
        except BaseException:
            with self._mutex:
                queue = waiter.queue
                if queue is not None:
                    queue.waiters.remove(waiter)
                    del self._waiting[waiter]
                    waiter.owner.waiter = None
                    self._wake(queue, waiter.space, waiter.key)
                # else the lock was granted at the last moment; it is in ``held`` and goes with the rest
            raise

    def _refuse_deadlock(self, request: Waiter) -> None:
        """Raise DeadlockDetected if somebody whom this request would wait for waits, over any steps, for its
        session."""
        path: list[tuple[Waiter, LockOwner]] = []
        seen: set[int] = set()

        def leads_back(waiter: Waiter, ahead: Sequence[Waiter]) -> bool:
            queue = waiter.queue
            assert queue is not None
            blockers = list(queue.blockers(waiter.owner, waiter.mode, waiter.conflicts))
            if waiter.owner not in queue.holders:
                blockers += [other.owner for other in ahead if waiter.conflicts[waiter.mode] >> other.mode & 1]
            for blocker in blockers:
                path.append((waiter, blocker))
                if blocker.is_of_session_of(request.owner):
                    return True
                for following in self._waiters_of(blocker):
                    if id(following) not in seen and following.queue is not None:
                        seen.add(id(following))
                        waiting = following.queue.waiters
                        if leads_back(following, waiting[: waiting.index(following)]):
                            return True
                path.pop()
            return False

        assert request.queue is not None
        if leads_back(request, request.queue.waiters):
            lines = [
                f"{_called(waiter.owner)} waits for {_lock_name(waiter)}; blocked by {_called(blocker)}."
                for waiter, blocker in path
            ]
            raise DeadlockDetected("deadlock detected", detail="\n".join(lines))

    def _waiters_of(self, blocker: LockOwner) -> list[Waiter]:
        # Locks held by a session are waited for as long as its transaction waits.
        return [waiter for waiter in self._waiting if waiter.owner.is_of_session_of(blocker)]

    def _wake(self, queue: LockQueue, space: Space, key: Any) -> None:
        """Grant the lock to every waiter who can have it now; keep the table's entry in its simplest form."""
        still: list[Waiter] = []
        for waiter in queue.waiters:
            if queue.admits(waiter.owner, waiter.mode, waiter.conflicts, still):
                waiter.queue = None
                del self._waiting[waiter]
                waiter.owner.waiter = None
                self._grant(queue, waiter.owner, waiter.mode, space, key)
                waiter.event.set()
            else:
                still.append(waiter)
        queue.waiters = still
        if not still:
            if not queue.holders:
                del space[key]
            elif len(queue.holders) == 1:
                space[key] = next(iter(queue.holders.items()))

    def release(self, owner: LockOwner, keep: int = 0) -> None:
        """Give back what ``owner`` took, down to the first ``keep`` items of ``held``, latest first."""
        held = owner.held
        while len(held) > keep:
            end = max(keep, len(held) - 3 * RELEASE_BATCH)
            batch = held[end:]
            del held[end:]
            with self._mutex:
                if not any(batch[2::3]):
                    # First locks on different keys all of them, so that the order does not matter.
                    for space, key in zip(batch[0::3], batch[1::3]):
                        present = space[key]
                        if type(present) is tuple:
                            del space[key]
                        elif type(present) is BlockLock:
                            self._release_block(present, key, None)
                        else:
                            self._restore(space, key, owner, 0)
                    continue
                while batch:
                    before, key, space = batch.pop(), batch.pop(), batch.pop()
                    present = space.get(key)
                    if not before and type(present) is tuple:
                        del space[key]
                    elif type(present) is BlockLock:
                        self._release_block(present, key, before or None)
                    else:
                        self._restore(space, key, owner, before)

    def release_one(self, owner: LockOwner, space: Space, key: Any) -> bool:
        """Give back the lock that ``owner`` took last on this key; return whether there was one."""
        with self._mutex:
            held = owner.held
            for place in range(len(held) - 3, -1, -3):
                if held[place] is space and held[place + 1] == key:
                    before = held[place + 2]
                    del held[place : place + 3]
                    self._restore(space, key, owner, before)
                    return True
        return False

    def release_mode(self, owner: LockOwner, space: Space, key: Any, mode: int) -> None:
        """Give back one mode of a lock, whichever was taken first."""
        with self._mutex:
            held, kept = owner.held, []
            for place in range(0, len(held), 3):
                if held[place] is not space or held[place + 1] != key:
                    kept += held[place : place + 3]
            present = space[key]
            mask = (present[1] if type(present) is tuple else present.holders[owner]) & ~(1 << mode)
            if mask:
                kept += (space, key, 0)
            owner.held = kept
            self._restore(space, key, owner, mask)

    def _release_block(self, lock: BlockLock, number: int, before: BlockLock | None) -> None:
        """Go back to the lock that the owner had on the block before."""
        if lock.spread:
            kept = (b"" if before is None else before.slots).ljust(len(lock.slots), b"\0")
            first = number << BLOCK_BITS
            for slot, mask in enumerate(lock.slots):
                if mask:
                    self._restore(lock.space, first + slot, lock.owner, kept[slot])
        if before is None:
            del lock.space.blocks[number]
        else:
            before.spread = lock.spread
            lock.space.blocks[number] = before

    def _restore(self, space: Space, key: Any, owner: LockOwner, before: int) -> None:
        present = space.get(key)
        if type(present) is tuple:
            if before:
                space[key] = (owner, before)
            else:
                del space[key]
        elif present is not None:
            if before:
                present.holders[owner] = before
            else:
                present.holders.pop(owner, None)
            self._wake(present, space, key)

    def give_back(self, space: Space, key: Any, owner: LockOwner) -> None:
        """Release a lock that was taken by a bare ``setdefault`` and is not in ``held``."""
        with self._mutex:
            if type(space[key]) is tuple:
                del space[key]
            else:
                self._restore(space, key, owner, 0)

    def is_waiting(self, session: SessionToken) -> bool:
        """Whether a session waits for a lock just now. Ask from any thread."""
        return any(waiter.owner.session is session for waiter in self.waiting())

    def blockers_of(self, number: int) -> list[LockOwner]:
        """Return whom the session with a number waits for: holders, and those who stand before it."""
        found: list[LockOwner] = []
        with self._mutex:
            for waiter in self._waiting:
                queue = waiter.queue
                if queue is not None and getattr(waiter.owner.session, "number", None) == number:
                    found += queue.blockers(waiter.owner, waiter.mode, waiter.conflicts)
                    before = queue.waiters[: queue.waiters.index(waiter)]
                    found += [other.owner for other in before if waiter.conflicts[waiter.mode] >> other.mode & 1]
        return found

    def waiting(self) -> list[Waiter]:
        """Return who waits for a lock."""
        with self._mutex:
            return list(self._waiting)

    def holders(self, space: Space, key: Any) -> list[LockOwner]:
        """Return who holds a lock."""
        with self._mutex:
            if space.__class__ is RowLocks and (block := space.block_of(key)) is not None:
                _spread(block, key >> BLOCK_BITS)
            present = space.get(key)
            if present is None:
                return []
            return [present[0]] if type(present) is tuple else list(present.holders)


def _spread(lock: BlockLock, number: int) -> None:
    """Enter the locks of a block's rows one by one."""
    if lock.spread:
        return
    lock.spread = True
    space, owner, first = lock.space, lock.owner, number << BLOCK_BITS
    grants = {mask: (owner, mask) for mask in set(lock.slots)}
    for slot, mask in enumerate(lock.slots):
        if mask:
            present = space.setdefault(first + slot, grants[mask])
            if present is not grants[mask]:
                # Somebody who did not see the block's lock yet, and will in a moment.
                holder, other = present
                space[first + slot] = LockQueue({holder: other, owner: mask})


def _called(owner: LockOwner) -> str:
    return "Process" if owner.session is None else f"Process {owner.session.name}"


def _lock_name(waiter: Waiter) -> str:
    names = LOCK_NAMES.get(id(waiter.conflicts))
    if names is None:
        holder = next(iter(waiter.queue.holders), None) if waiter.queue is not None else None
        return "ShareLock on transaction" + ("" if holder is None else f" {holder.transaction_id}")
    return f"{names[waiter.mode]} on {waiter.key}"
