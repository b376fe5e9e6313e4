"""Room for statements whose expressions are nested very deeply, as a sum of ten thousand terms is.

Frames of Python code take no stack of the machine, but the interpreter counts them, and its limit is the whole
process's: what recurses for ever in somebody else's code, by way of C, would crash instead of being told. So the limit
is raised only while such a statement is planned, by however many threads, and given back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["allow_recursion", "deep_recursion"]

USUAL = 8000
DEEPEST = 60_000

_lock = Lock()
_before: list[int] = []
"""The limit as it was, once for each thread that is at it: the process has one limit, and so there is one of these."""


def allow_recursion() -> None:
    """Have the interpreter allow USUAL frames from now on, which is enough for what people write."""
    if sys.getrecursionlimit() < USUAL:
        with _lock:
            sys.setrecursionlimit(max(USUAL, sys.getrecursionlimit()))


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Have the interpreter allow DEEPEST frames while the block runs."""
    with _lock:
        _before.append(_before[0] if _before else sys.getrecursionlimit())
        sys.setrecursionlimit(max(DEEPEST, _before[0]))
    try:
        yield
    finally:
        with _lock:
            before = _before.pop()
            if not _before:
                sys.setrecursionlimit(before)
