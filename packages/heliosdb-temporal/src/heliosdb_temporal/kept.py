"""The view ``heliosdb_history_size``: how much of the past each table has, and how far back it goes.

Versions are counted when somebody asks, by a pass over all tables. A table that keeps nothing may have superseded
versions all the same, until a vacuum: what a commit replaces stays for those who read at that moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.spi import first_readable, row_versions

__all__ = ["sizes"]

DAY = 86_400_000_000


def sizes(session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each table of the session's timeline. ``retention_days`` is NULL where everything is kept."""
    transaction = session.transaction
    line = transaction.timeline
    history = session.database.history
    retentions = history.retentions()
    for relation in session.catalog.relations():
        if relation.kind != "table" or relation.persistence == "temporary":
            continue
        rule = retentions.get(relation.oid, retentions.get(0))
        keeps = rule is not None and rule.period != 0
        since = first_readable(transaction, relation.oid, line)
        there = superseded = 0
        for versions in row_versions(transaction, relation.oid, line, since, transaction.scn):
            present = sum([version.end is None or version.end > transaction.scn for version in versions])
            there += present
            superseded += len(versions) - present
        first = max(since, 1)
        commit = history.commits.get(first)
        yield (
            relation.schema,
            relation.name,
            keeps,
            None if not keeps or rule.period is None else rule.period / DAY,
            first,
            None if commit is None else commit.time,
            there,
            superseded,
        )
