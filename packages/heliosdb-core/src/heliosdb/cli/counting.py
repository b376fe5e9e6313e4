"""A progress bar for what is counted in rows or bytes, as the library tells it: ``counter(title, amount)``.

What is titled like the place itself are its bytes, everything else are rows. Where the total is known in that unit it
is a bar, else a count that goes up. It is drawn on the error
output, where that is a terminal, and only once the work has lasted for a moment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Counter", "counting"]

PATIENCE: Final = 0.5
"""Seconds before anything is drawn."""


class Counter:
    """Counts, and draws what it counts. ``seconds`` is how long it has been at it."""

    def __init__(self, place: str, total: int, *, is_bytes: bool, is_drawn: bool) -> None:
        self._place = place
        self._is_bytes = is_bytes
        self._total = total
        self._is_drawn = is_drawn
        self._drawn: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started = time.perf_counter()
        self._ended: float | None = None
        self.amount = 0

    @property
    def seconds(self) -> float:
        """How long the work has taken."""
        return (self._ended or time.perf_counter()) - self._started

    def __call__(self, title: str, amount: int) -> None:
        """Take note that so much more was done, and of what."""
        self.amount += amount
        if not self._is_drawn:
            return
        if self._drawn is None:
            if time.perf_counter() - self._started < PATIENCE:
                return
            self._drawn = _progress()
            self._drawn.start()
        self._draw(self._drawn, title)

    def _draw(self, drawn: Progress, title: str) -> None:
        if not self._tasks:
            known = self._total > 0 and (title == self._place) is self._is_bytes
            self._tasks["all"] = drawn.add_task(title, total=self._total if known else None)
        drawn.update(self._tasks["all"], completed=self.amount, description=title)

    def end(self) -> None:
        """Take the bar away."""
        self._ended = time.perf_counter()
        if self._drawn is not None:
            self._drawn.stop()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


@contextmanager
def counting(place: str, total: int, *, is_bytes: bool = False, hidden: bool = False) -> Iterator[Counter]:
    """Yield the counter of a work; ``total``, rows or bytes, is 0 where it is not known."""
    counter = Counter(place, total, is_bytes=is_bytes, is_drawn=not hidden and sys.stderr.isatty())
    try:
        yield counter
    finally:
        counter.end()
