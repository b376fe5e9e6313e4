"""A progress bar on the error output, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]

WORTH_IT = 200_000
"""Shorter texts and files are done before a bar is drawn."""


@contextmanager
def progress(title: str, total: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """Yield the function that is told how much has been done of the total."""
    if hidden or total < WORTH_IT or not sys.stderr.isatty():
        yield _nowhere
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # Redirecting is what rich does to print above its bar; results belong to standard output as they are.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(title, total=total)
        yield lambda amount: bar.advance(task, amount)


def _nowhere(amount: int) -> None:
    return
