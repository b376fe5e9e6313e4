"""What a dump or a restore did, and who is told while it does."""

from __future__ import annotations

from typing import Protocol

from attrs import Factory, define

__all__ = ["OnProgress", "Report", "nobody"]


class OnProgress(Protocol):
    """Is told what is being done: ``title`` of the object, rows or bytes done since the last call."""

    def __call__(self, title: str, amount: int) -> None:
        """Take note."""
        ...


def nobody(title: str, amount: int) -> None:
    """Tell nobody."""


@define
class Report:
    """How many tables and rows there were, and what was left out: what it is -> how often."""

    objects: int = 0
    tables: int = 0
    rows: int = 0
    skipped: dict[str, int] = Factory(dict)

    def skip(self, what: str) -> None:
        """Note that something was left out."""
        self.skipped[what] = self.skipped.get(what, 0) + 1
