"""Room for statements whose expressions are nested very deeply, as a sum of ten thousand terms is.

Frames of Python code take no stack of the machine, but the interpreter counts them, and its limit is the whole
process's: what recurses for ever in somebody else's code, by way of C, would crash instead of being told. So the limit
is raised only when such a statement is planned, and given back.

Giving back needs care: an interpreter that finds a thread far beyond its limit ends the process ("cannot recover from
stack overflow"). Any thread may have gone beyond while the limit was raised, one that plans as well as one that runs
code of the application's. So it is given back when nobody plans and no thread has more than half of the frames that
will be allowed; until then it stays, and whoever plans next looks again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["allow_recursion", "deep_recursion", "planning"]

USUAL = 8000
DEEPEST = 60_000

_lock = Lock()
_planners = 0
_before: list[int] = []
"""The limit as it was, while it is raised; else empty."""


def allow_recursion() -> None:
    """Have the interpreter allow USUAL frames from now on, which is enough for what people write."""
    if sys.getrecursionlimit() < USUAL:
        with _lock:
            sys.setrecursionlimit(max(USUAL, sys.getrecursionlimit()))


@contextmanager
def planning() -> Iterator[None]:
    """Count this thread among those that plan; within it, `deep_recursion` may be called."""
    global _planners
    with _lock:
        _planners += 1
    try:
        yield
    finally:
        with _lock:
            _planners -= 1
            if _before and not _planners:
                _give_back()


def deep_recursion() -> None:
    """Have the interpreter allow DEEPEST frames, until the planning has ended."""
    with _lock:
        if not _before:
            _before.append(sys.getrecursionlimit())
        sys.setrecursionlimit(max(DEEPEST, _before[0]))


def _give_back() -> None:
    before = _before[0]
    if sys.getrecursionlimit() != max(DEEPEST, before):
        _before.clear()  # Somebody else has set another since: it is theirs.
    elif not _is_deeper(before // 2):
        _before.clear()
        sys.setrecursionlimit(before)


def _is_deeper(depth: int) -> bool:
    """Return whether some thread of the process has more frames than that."""
    for frame in sys._current_frames().values():
        count = 0
        above = frame.f_back
        while above is not None:
            count += 1
            if count > depth:
                return True
            above = above.f_back
    return False
