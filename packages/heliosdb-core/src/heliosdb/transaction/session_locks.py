"""Advisory locks that belong to a session, not to one of its transactions."""

from __future__ import annotations

from typing import Any

from heliosdb.transaction.locks import ADVISORY_CONFLICTS, AdvisoryLock, LockOwner, LockTable, SessionToken

__all__ = ["SessionLocks"]


class SessionLocks:
    """A session's advisory locks, counted as PostgreSQL counts them: taken twice, released twice."""

    __slots__ = ("_counts", "_locks", "_owner", "_session")

    def __init__(self, locks: LockTable, session: SessionToken) -> None:
        self._locks = locks
        self._session = session
        self._owner = LockOwner(session)
        self._counts: dict[tuple[Any, int], int] = {}

    def acquire(self, key: Any, mode: AdvisoryLock | int, wait: str = "block") -> bool:
        """Take a lock until it is released or the session ends."""
        locks = self._locks
        count = self._counts.get((key, mode), 0)
        if not count:
            held = len(self._owner.held)
            try:
                if not locks.acquire(
                    locks.advisory,
                    key,
                    self._owner,
                    mode,
                    ADVISORY_CONFLICTS,
                    wait=wait,
                    session=self._session,
                    what="advisory lock",
                ):
                    return False
            except BaseException:
                # It may have been granted at the moment of the interruption.
                locks.release(self._owner, held)
                raise
        self._counts[key, mode] = count + 1
        return True

    def release(self, key: Any, mode: AdvisoryLock | int) -> bool:
        """Release a lock once; False when the session does not hold it in this mode."""
        count = self._counts.get((key, mode), 0)
        if not count:
            return False
        if count > 1:
            self._counts[key, mode] = count - 1
        else:
            del self._counts[key, mode]
            self._locks.release_mode(self._owner, self._locks.advisory, key, mode)
        return True

    def release_all(self) -> None:
        """Release everything: the session ends, or asks for it."""
        self._counts.clear()
        self._locks.release(self._owner)
