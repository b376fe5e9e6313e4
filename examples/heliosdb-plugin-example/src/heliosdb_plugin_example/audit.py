"""``AUDIT VERSIONS OF table (column)``: the versions that skip the one that should have come before.

After ``1.4.2`` come ``1.4.3``, ``1.5.0`` or ``2.0.0``; a ``1.6.0`` has skipped ``1.5.0``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.spi import OutputColumn, Result
from heliosdb_plugin_example.semver import Version, sort_key

if TYPE_CHECKING:
    from heliosdb.spi import Cursor, Session

__all__ = ["Audit", "execute", "parse"]


@frozen
class Audit:
    """What was written; hashable, for it is cached with the text."""

    table: tuple[str, ...]
    column: str


# [parse]
def parse(cursor: Cursor) -> Audit:
    """Read ``OF table (column)`` behind ``AUDIT VERSIONS``."""
    cursor.expect_keyword("of")
    table = cursor.qualified_name()
    cursor.expect_mark("(")
    column = cursor.identifier()
    cursor.expect_mark(")")
    return Audit(table.parts, column)


# [end parse]


# [execute]
def execute(session: Session, audit: Audit) -> Result:
    """Read the versions and return those that skip, with what they should have been."""
    rows = session.run_query(query(audit)).rows
    versions = sorted({version for (version,) in rows if version is not None}, key=sort_key)
    columns = (OutputColumn(name="version", type="semver"), OutputColumn(name="expected", type="_semver"))
    return Result("AUDIT", columns, list(skips(versions)))


# [end execute]


def query(audit: Audit) -> Any:
    """Return the tree of ``SELECT column FROM table``: names travel as names, so nothing needs quoting."""
    from heliosdb.spi import statements as tree

    target = tree.Target(tree.ColumnRef((audit.column,)))
    return tree.Select((target,), (tree.RangeTable(tree.QualifiedName(audit.table)),))


def skips(versions: list[Version]) -> Iterator[tuple[Version, tuple[Version, ...]]]:
    """Yield (version, what could have come) for each release that does not follow the one before."""
    releases = [version for version in versions if not version.prerelease]
    for before, version in pairwise(releases):
        expected = (
            Version(before.major, before.minor, before.patch + 1),
            Version(before.major, before.minor + 1, 0),
            Version(before.major + 1, 0, 0),
        )
        if version[:3] not in [candidate[:3] for candidate in expected]:
            yield version, expected
