"""Worlds: a few tables with random rows."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

__all__ = ["TYPES", "Table", "World", "make_world"]

VALUES: dict[str, list[str]] = {
    "integer": ["0", "1", "2", "3", "-1", "7", "10", "100", "-5", "42"],
    "bigint": ["0", "1", "-3", "10000000000", "5", "2", "-10000000000"],
    "numeric": ["0", "1.50", "-2.25", "3", "0.1", "10.00", "99.99", "1.5", "-0.5"],
    "double precision": ["0", "1.5", "-2.25", "0.25", "1e10", "-0.5", "3"],
    "text": ["''", "'a'", "'b'", "'ab'", "'A'", "'abc'", "'B c'", "'10'", "'%'", "'ä'"],
    "boolean": ["true", "false"],
    "date": ["'2024-01-31'", "'2024-02-29'", "'2023-12-31'", "'2000-01-01'", "'1999-12-31'"],
    "timestamp": ["'2024-01-31 10:20:30.5'", "'2024-02-29 00:00'", "'2000-01-01 23:59:59'", "'1999-12-31 12:00'"],
    "interval": ["'1 day'", "'24 hours'", "'1 month'", "'30 days'", "'-02:30'", "'0'"],
}
TYPES = list(VALUES)


@dataclass(frozen=True)
class Table:
    """A table: columns with types, and rows of literals."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    keyed: bool = False
    indexes: tuple[str, ...] = ()

    def statements(self) -> list[str]:
        """Return the statements that make and fill the table."""
        columns = [f"{name} {kind}" for name, kind in self.columns]
        if self.keyed:
            columns[0] += " PRIMARY KEY"
        made = [f"CREATE TABLE {self.name} ({', '.join(columns)})"]
        made += [f"CREATE INDEX ON {self.name} ({columns})" for columns in self.indexes]
        if self.rows:
            rows = ", ".join(f"({', '.join(row)})" for row in self.rows)
            made.append(f"INSERT INTO {self.name} VALUES {rows}")
        return made


@dataclass(frozen=True)
class World:
    """Tables."""

    tables: tuple[Table, ...]

    def statements(self) -> list[str]:
        """Return the statements that make the world."""
        return [statement for table in self.tables for statement in table.statements()]

    def drop(self) -> str:
        """Return the statement that ends the world."""
        return "DROP TABLE IF EXISTS " + ", ".join(table.name for table in self.tables)

    def with_rows(self, index: int, rows: tuple[tuple[str, ...], ...]) -> World:
        """Return the world with other rows in one table."""
        table = replace(self.tables[index], rows=rows)
        return World((*self.tables[:index], table, *self.tables[index + 1 :]))


def literal(rng: random.Random, kind: str) -> str:
    """Return a literal of a type, without a cast."""
    return rng.choice(VALUES[kind])


def make_world(rng: random.Random) -> World:
    """Return a random world."""
    tables: list[Table] = []
    for number in range(rng.randint(2, 3)):
        columns = [("id", "integer"), ("k", "integer")]
        columns += [(f"c{i}", rng.choice(TYPES)) for i in range(rng.randint(2, 5))]
        keyed = rng.random() < 0.5
        rows = []
        for i in range(rng.choice([0, 1, 3, 8, 20, 40])):
            identity = str(i) if keyed or rng.random() < 0.8 else "NULL"
            key = rng.choice(["NULL", "0", "1", "2", "3"])
            rest = ["NULL" if rng.random() < 0.25 else literal(rng, kind) for _, kind in columns[2:]]
            rows.append((identity, key, *rest))
        names = [name for name, _ in columns]
        indexes = tuple(", ".join(rng.sample(names, rng.randint(1, 2))) for _ in range(rng.choice([0, 0, 1, 2])))
        tables.append(Table(f"t{number}", tuple(columns), tuple(rows), keyed, indexes))
    return World(tuple(tables))
