"""The databases that engines of this process have open.

A path can be open once in a process, and a program may well make two engines for it: the application and its
migrations. So engines share it. Who uses it is counted: it opens with the first connection of the first engine and
closes when the last engine that has connected is disposed. A database in memory is its engine's alone.

An engine that is forgotten without ``dispose()`` is found out by the garbage collector, which may come in the middle
of anything, of what the database's own threads do, too. Nothing can be closed there; the next engine that connects does
it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define
from sqlalchemy.exc import ArgumentError

if TYPE_CHECKING:
    from heliosdb import EmbeddedDatabase

__all__ = ["MEMORY", "Home"]

MEMORY = ":memory:"


@define(eq=False)
class _Open:
    database: EmbeddedDatabase
    stated: dict[str, Any]
    users: int = 1


_LOCK = threading.Lock()
_BY_PATH: dict[str, _Open] = {}
"""The open ones on disk by their real paths, as the process has them open; guarded by the lock."""

_GONE: deque[Home] = deque()
"""Of engines that were forgotten."""


class Home:
    """One engine's database."""

    def __init__(self) -> None:
        self._found: _Open | None = None
        self._place: str | None = None

    def database(self, path: str, stated: dict[str, Any]) -> EmbeddedDatabase:
        """Return the open database at a path; ``stated`` are arguments of ``EmbeddedDatabase``.

        ArgumentError where it is open with other arguments, or the engine has another database.
        """
        place = MEMORY if path == MEMORY else os.path.realpath(path)
        while _GONE:
            _GONE.popleft().close()
        with _LOCK:
            found = self._found
            if found is None:
                found = _BY_PATH.get(place)
                if found is None:
                    from heliosdb import EmbeddedDatabase

                    found = _Open(EmbeddedDatabase(path, **stated), stated)
                    if place != MEMORY:
                        _BY_PATH[place] = found
                else:
                    found.users += 1
                self._place = place
            if self._place != place or found.stated != stated:
                if self._found is None:
                    found.users -= 1
                raise ArgumentError(
                    f"the database {path!r} is open with other arguments, or the engine has another one"
                )
            self._found = found
            return found.database

    def close(self) -> None:
        """Do without it; the last one closes it."""
        with _LOCK:
            found, self._found = self._found, None
            if found is None:
                return
            found.users -= 1
            if found.users == 0:
                _BY_PATH.pop(self._place or "", None)
                found.database.close()

    def abandon(self) -> None:
        """Have it closed by whoever connects next."""
        _GONE.append(self)
