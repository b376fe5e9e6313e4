"""What is known of rows that were erased: the records of ``ERASE``, and notices to who reads the past.

A record says which table, when, who and how many. As long as it is not done, it has the numbers of the rows, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import define

from heliosdb.spi import Relation, Snapshot

__all__ = ["ERASURES", "Erasure", "erasures", "records", "tell", "tell_range"]

ERASURES = 9310
"""The relation in which the records stand."""


@define
class Erasure:
    """A record. ``scn`` is 0 and ``row_ids`` are there as long as it is not done; ``first`` is the SCN of the oldest
    version that was known."""

    relation: int
    schema: str
    name: str
    role: str
    session_user: str
    count: int
    first: int
    time: int = 0
    scn: int = 0
    row_ids: str = ""

    def row(self) -> tuple[Any, ...]:
        """Return it as it is stored."""
        return (
            self.relation, self.schema, self.name, self.role, self.session_user, self.count, self.first,
            self.time, self.scn, self.row_ids,
        )  # fmt: skip


def records(database: Any, *, pending: bool | None = None) -> Iterator[tuple[int, Erasure]]:
    with database.store_transaction() as transaction:
        found = [
            (row_id, Erasure(*row))
            for row_ids, rows in transaction.view(ERASURES).item_blocks()
            for row_id, row in zip(row_ids, rows)
        ]
    return iter([(row_id, erasure) for row_id, erasure in found if pending in (None, bool(erasure.row_ids))])


def erasures(session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of ``heliosdb_erasures``."""
    for _, erasure in records(session.database):
        is_done = not erasure.row_ids
        yield (
            erasure.schema, erasure.name, erasure.time if is_done else None, erasure.scn if is_done else None,
            erasure.role, erasure.session_user, erasure.count, is_done,
        )  # fmt: skip


def tell(session: Any, relation: Relation, snapshot: Snapshot) -> None:
    """Send a notice where rows were erased that a snapshot would have shown."""
    _tell(session, relation, snapshot.scn, snapshot.scn)


def tell_range(session: Any, relation: Relation, since: int, until: int) -> None:
    """Do so for all versions between two SCNs."""
    _tell(session, relation, since, until)


def _tell(session: Any, relation: Relation, since: int, until: int) -> None:
    count = sum(_erased(session, relation.oid, since, until))
    seen = session.memory.setdefault("heliosdb-temporal erasures", set())
    mark = (session.statement_timestamp, relation.oid, since, until)
    if not count or mark in seen:
        return
    seen.clear()
    seen.add(mark)
    rows = f"{count} rows" if count > 1 else "a row"
    session.notice(
        f'{rows} of relation "{relation.name}" ha{"ve" if count > 1 else "s"} been erased since',
        hint="heliosdb_erasures says when, and by whom.",
    )


def _erased(session: Any, oid: int, since: int, until: int) -> Iterable[int]:
    if not session.transaction.view(ERASURES).estimated_rows():
        return ()  # which is quick: this is asked whenever the past is read
    return [
        erasure.count
        for _, erasure in records(session.database, pending=False)
        if erasure.relation == oid and erasure.first <= until and since < erasure.scn
    ]
