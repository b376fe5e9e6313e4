"""How an index outlives its backend's library: where that raises, the index is broken and the database goes on.

A commit that has begun to enter rows cannot be taken back, and a table has to open, whatever an index needs for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType

__all__ = ["Survival"]


class Survival:
    """A context manager: calls ``let_go`` with the reason where something is raised in it that is none of the refusals,
    and warns. It has no state, so that many threads may be in it at once.
    """

    __slots__ = ("_let_go", "_name", "_refusals")

    def __init__(self, name: str, let_go: Callable[[str], None], *refusals: type[Exception]) -> None:
        self._name = name
        self._let_go = let_go
        self._refusals = refusals

    def but(self, *refusals: type[Exception]) -> Survival:
        """Return one through which these come."""
        return Survival(self._name, self._let_go, *refusals)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool:
        # Whatever a library raises that others may have written.
        if not isinstance(error, Exception) or isinstance(error, self._refusals):
            return False
        trouble = f"broken until REINDEX by {type(error).__name__}: {error}"
        self._let_go(trouble)
        logging.getLogger("heliosdb").warning("%s: %s", self._name, trouble)
        return True
