"""Rounds of a database with indexes of a plugin's access method, which are kept as blobs of their own.

What such an index has at opening is as old as the last checkpoint that wrote it, and not each does: blocks that have
changed since are compared with it. So it must miss no row afterwards, whatever the power failed in.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from heliosdb.database import Database
from heliosdb.store import kept_index
from heliosdb.transaction.index_view import IndexView

from .rounds import Round, abandon
from .workload import Change, Model, Table, Workload

__all__ = ["KeptRound"]

LIKE = 2
"""The strategy of the method that LIKE is."""
PATTERNS = ("%all 1%", "%upserted%", "n1%", "%bc%", "%é%", "%9")


class KeptWorkload(Workload):
    """Most indexes are of trigrams."""

    def _create_index(self, name: str, table: Table) -> Change:
        if self.random.random() < 0.2:
            return super()._create_index(name, table)
        index = self._name("i")

        def apply(model: Model, returned: list[tuple[Any, ...]]) -> None:
            model[name].indexes |= {index}

        return f"CREATE INDEX {index} ON {name} USING trigram (note)", apply

    def _note(self) -> str | None:
        # A long text has thousands of trigrams, and to look at them all would be most of the work.
        note = super()._note()
        return note if note is None else note[:300]


class KeptRound(Round):
    """See the module."""

    def __init__(self, seed: int, skip: Container[str] = (), focus: Sequence[str] = ()) -> None:
        super().__init__(seed, skip, focus)
        self.workload = KeptWorkload(self.random)
        self.looked = 0
        """How many rows such indexes have given."""

    def run(self) -> int:
        """Go through all lives and return how many transactions were answered."""
        with written_often():
            return super().run()

    def _database(self, storage: Mapping[str, Any]) -> Database:
        return Database(volume=self.volume, plugins=["semver"], storage=storage)

    def _verify(self) -> None:
        super()._verify()
        database = self._open(300_000)
        with database.store_transaction() as transaction:
            for relation in database.catalogs.of(transaction).relations():
                table = self.visible.get(relation.name)
                for index in relation.indexes if table is not None else ():
                    view = transaction.view(relation.oid).index(index.oid)
                    if view.index.tree is None:
                        self._look(f"{relation.name}.{index.name}", view, list(table.rows.values()))  # type: ignore[union-attr]
        abandon(database)
        self.volume = self.volume.kill()

    def _look(self, name: str, view: IndexView, rows: list[tuple[Any, ...]]) -> None:
        for pattern in PATTERNS:
            expected = sorted(row[0] for row in rows if row[2] is not None and is_like(row[2], pattern))
            candidates = [row for batch in view.search(LIKE, pattern) for _, row in batch]
            found = sorted(row[0] for row in candidates if row[2] is not None and is_like(row[2], pattern))
            self.looked += len(found)
            if found != expected:
                raise self._violation(f"{name} does not give the rows like {pattern}")


def is_like(text: str, pattern: str) -> bool:
    """Whether a text is like a pattern that has % at its ends only."""
    part = pattern.strip("%")
    if pattern.startswith("%"):
        return part in text if pattern.endswith("%") else text.endswith(part)
    return text.startswith(part)


@contextmanager
def written_often() -> Iterator[None]:
    """Have an index written when few of its rows have changed."""
    before, kept_index.FEW = kept_index.FEW, 20
    try:
        yield
    finally:
        kept_index.FEW = before
