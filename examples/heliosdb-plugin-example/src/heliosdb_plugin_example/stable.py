"""``FROM table STABLE BY column``: the rows of a table whose version is no prerelease.

``bind`` returns a function of the table's scan that gives the plan node which takes its place: here a filter over it,
``NOT semver_is_prerelease(column)``, which the optimizer treats like any condition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.spi import expressions, nodes

if TYPE_CHECKING:
    from heliosdb.spi import ClauseContext, Cursor

__all__ = ["bind", "parse"]


def parse(cursor: Cursor) -> str:
    """Read the column behind ``STABLE BY``."""
    return cursor.identifier()


def bind(context: ClauseContext, column: str) -> Callable[[Any], Any]:
    """Return what takes the place of the scan: only its rows without a prerelease part."""

    def without_prereleases(scan: Any) -> Any:
        is_prerelease = context.call("semver_is_prerelease", context.column(scan, column))
        return nodes.Filter(input=scan, condition=expressions.Not(operand=is_prerelease))

    return without_prereleases
