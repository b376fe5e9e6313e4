"""A progress bar on the error output, where that is a terminal.

The bar lives on the terminal's last line; ``hide`` takes it away before anything else is printed, and the next
``advance`` draws it again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar", "progress"]

WORTH_IT: Final = 200_000
"""Shorter texts and files are done before a bar is drawn."""


class Bar:
    """How much is done of a total; shown where there is something to show it with."""

    def __init__(self, drawn: Progress | None = None, task: TaskID | None = None) -> None:
        self._drawn = drawn
        self._task = task
        self._is_shown = False

    def advance(self, amount: int) -> None:
        """Add to what has been done."""
        if self._drawn is None or self._task is None:
            return
        if not self._is_shown:
            self._drawn.start()
            self._is_shown = True
        self._drawn.advance(self._task, amount)

    def hide(self) -> None:
        """Take the bar away until there is more progress."""
        if self._is_shown and self._drawn is not None:
            self._drawn.stop()
            self._is_shown = False


@contextmanager
def progress(title: str, total: int, *, hidden: bool = False) -> Iterator[Bar]:
    """Yield the bar of a work of a known size."""
    if hidden or total < WORTH_IT or not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    drawn = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    bar = Bar(drawn, drawn.add_task(title, total=total))
    try:
        yield bar
    finally:
        bar.hide()
