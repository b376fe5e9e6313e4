"""``FROM table STABLE BY column``: the rows of a table whose version is no prerelease.

``bind`` gets the table's scan and returns the plan node that takes its place: here a filter over it, ``NOT
semver_is_prerelease(column)``, which the optimizer treats like any condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.spi import expressions, nodes

if TYPE_CHECKING:
    from heliosdb.spi import ClauseContext, Cursor

__all__ = ["bind", "parse"]


def parse(cursor: Cursor) -> str:
    """Read the column behind ``STABLE BY``."""
    return cursor.identifier()


# [bind]
def bind(context: ClauseContext, scan: Any, column: str) -> Any:
    """Return the scan without prereleases."""
    is_prerelease = context.call("semver_is_prerelease", context.column(scan, column))
    return nodes.Filter(input=scan, condition=expressions.Not(operand=is_prerelease))


# [end bind]
