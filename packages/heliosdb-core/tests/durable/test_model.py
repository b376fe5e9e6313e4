"""A database on disk beside a dict: whatever is committed, checkpointed, evicted and opened again, both say the same.

Look-ups, ranges and orders go through indexes that are in memory, in runs, or on their way from one to the other.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import UniqueViolation

KEYS = 3000
STEPS = 120
INSERT = "INSERT INTO t VALUES ($1, $2, $3)"

Value = tuple[str, Decimal]


class Model:
    """The database, what it should hold, and steps that change both."""

    def __init__(self, path: str, seed: int) -> None:
        self.path = path
        self.random = Random(seed)
        self.rows: dict[int, Value] = {}
        self.database = self.opened()
        self.database.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b numeric)")
        for keys in ("a", "b", "a, id", "(b * 2)"):
            self.database.execute(f"CREATE INDEX ON t ({keys})")
        self.database.execute("CREATE INDEX ON t (id) WHERE b > 500")

    def opened(self) -> EmbeddedDatabase:
        """Open the database, with room for many index entries in memory, for few, or for none."""
        database = EmbeddedDatabase(self.path)
        indexes = database.database.store.indexes
        assert indexes is not None
        indexes.most_entries = self.random.choice((0, 1500, 1 << 30))
        return database

    def value(self) -> Value:
        """Return what a row may hold."""
        return f"v{self.random.randrange(40)}", Decimal(self.random.randrange(1000))

    def insert(self) -> None:
        """Insert single rows; keys that are taken are refused."""
        for _ in range(self.random.choice((1, 5, 200))):
            key, value = self.random.randrange(KEYS), self.value()
            if key in self.rows:
                with pytest.raises(UniqueViolation):
                    self.database.execute(INSERT, (key, *value))
            else:
                self.database.execute(INSERT, (key, *value))
                self.rows[key] = value

    def insert_many(self) -> None:
        """Insert enough rows at once for blocks of their own."""
        free = [key for key in range(KEYS) if key not in self.rows][:700]
        fresh = {key: self.value() for key in free}
        self.database.prepare(INSERT).execute_many([(key, *fresh[key]) for key in free])
        self.rows |= fresh

    def bounds(self) -> tuple[int, int]:
        """Return a range of keys, mostly a short one."""
        low = self.random.randrange(KEYS)
        return low, low + self.random.choice((0, 1, 30, 400))

    def update(self) -> None:
        """Change indexed and other columns of a range of rows."""
        low, high = self.bounds()
        text = self.value()[0]
        self.database.execute("UPDATE t SET a = $1, b = b + 1 WHERE id BETWEEN $2 AND $3", (text, low, high))
        for key in range(low, high + 1):
            if key in self.rows:
                self.rows[key] = (text, self.rows[key][1] + 1)

    def update_one(self) -> None:
        """Change a row the short way."""
        key = self.random.randrange(KEYS)
        for _ in range(3):  # the function is made on the second run
            text, number = self.value()
            self.database.execute("UPDATE t SET a = $1, b = $2 WHERE id = $3", (text, number, key))
            if key in self.rows:
                self.rows[key] = (text, number)

    def delete(self) -> None:
        """Delete a range of rows."""
        low, high = self.bounds()
        self.database.execute("DELETE FROM t WHERE id BETWEEN $1 AND $2", (low, high))
        for key in range(low, high + 1):
            self.rows.pop(key, None)

    def move_key(self) -> None:
        """Give a row another key, and its key to a new row."""
        free = next((key for key in range(KEYS, KEYS + 50) if key not in self.rows), None)
        if not self.rows or free is None:
            return
        key = self.random.choice(list(self.rows))
        self.database.execute("UPDATE t SET id = $1 WHERE id = $2", (free, key))
        self.rows[free] = self.rows[key]
        self.rows[key] = self.value()
        self.database.execute(INSERT, (key, *self.rows[key]))

    def checkpoint(self) -> None:
        """Make a checkpoint."""
        self.database.execute("CHECKPOINT")

    def reopen(self) -> None:
        """Close the database and open it."""
        self.database.close()
        self.database = self.opened()

    def abandon(self) -> None:
        """Let go of the database as a process does that is killed: nothing is written any more."""
        self.database.database.volume.close()
        self.database = self.opened()

    def read_indexes(self) -> None:
        """Read indexes into memory, as if they had been asked often."""
        store = self.database.database.store
        for relation in store.main.relations.values():
            for index in relation.indexes.values():
                if index.runs is not None:
                    index.runs.asked = 1 << 20
        assert store.maintenance is not None
        store.maintenance.read_busy_indexes()

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples."""
        return [tuple(row) for row in self.database.query(text, values)]

    def check(self) -> None:
        """Compare."""
        rows = self.rows
        assert {key: (a, b) for key, a, b in self.query("SELECT id, a, b FROM t")} == rows
        for key in self.random.sample(range(KEYS + 50), 30):
            assert self.query("SELECT a, b FROM t WHERE id = $1", key) == ([rows[key]] if key in rows else [])
        for number in range(0, 40, 7):
            text = f"v{number}"
            of_text = sorted(key for key, value in rows.items() if value[0] == text)
            assert sorted(self.query("SELECT id FROM t WHERE a = $1", text)) == [(key,) for key in of_text]
            assert self.query("SELECT id FROM t WHERE a = $1 ORDER BY a, id", text) == [(key,) for key in of_text]
        ascending = [(key,) for key in sorted(rows)]
        assert self.query("SELECT id FROM t WHERE id >= $1 ORDER BY id", 1000) == [k for k in ascending if k[0] >= 1000]
        assert self.query("SELECT id FROM t WHERE id < $1 ORDER BY id DESC", 900) == [
            key for key in reversed(ascending) if key[0] < 900
        ]
        some = sorted((key,) for key, value in rows.items() if 100 <= value[1] < 120)
        assert sorted(self.query("SELECT id FROM t WHERE b >= 100 AND b < 120")) == some
        assert sorted(self.query("SELECT id FROM t WHERE b * 2 >= 200 AND b * 2 < 240")) == some
        assert self.query("SELECT count(*) FROM t WHERE id < 700 AND b > 500") == [
            (sum(value[1] > 500 for key, value in rows.items() if key < 700),)
        ]


@pytest.mark.parametrize("seed", range(6))
def test_a_database_on_disk_holds_what_was_committed(tmp_path: Path, seed: int) -> None:
    model = Model(str(tmp_path / "db"), seed)
    steps = [
        *([model.insert, model.update, model.update_one, model.delete, model.checkpoint, model.check] * 3),
        *([model.insert_many, model.move_key, model.read_indexes] * 2),
        model.reopen,
        model.abandon,
    ]
    for _ in range(STEPS):
        model.random.choice(steps)()
    model.check()
    model.reopen()
    model.check()
    model.database.close()
