"""The catalog view ``semver_columns``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heliosdb.spi import SessionContext

__all__ = ["semver_columns"]


def semver_columns(session: SessionContext) -> Iterator[tuple[str, str, str]]:
    """Yield (schema, table, column) for each column of type semver, as the session's snapshot sees the catalog."""
    for relation in session.catalog.relations():
        for column in relation.columns:
            if column.type in ("semver", "_semver") and not column.dropped:
                yield relation.schema, relation.name, column.name
