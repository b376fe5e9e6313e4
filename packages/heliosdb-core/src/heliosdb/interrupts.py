"""How long pieces of work deep inside a statement learn that the statement is to stop.

Generated code asks its execution once a block. A regular expression or an index being built may take much longer than
a block, and knows no execution: it calls ``poll`` now and then, which asks whoever runs the statement in this thread,
and raises QueryCanceled where the answer is to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

__all__ = ["ask", "poll"]

_check: ContextVar[Callable[[], None] | None] = ContextVar("heliosdb_check_interrupt", default=None)

ask: Callable[[Callable[[], None] | None], object] = _check.set
"""Let ``poll`` ask this function from now on, in this thread or task; None: nobody."""


def poll() -> None:
    """Raise what the statement's session raises when the statement is to stop."""
    check = _check.get()
    if check is not None:
        check()
