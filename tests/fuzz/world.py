"""Worlds: a few tables with random rows, indexes and constraints."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

__all__ = ["TYPES", "Table", "World", "literal", "make_world"]

VALUES: dict[str, list[str]] = {
    "integer": ["0", "1", "2", "3", "-1", "7", "10", "100", "-5", "42"],
    "bigint": ["0", "1", "-3", "10000000000", "5", "2", "-10000000000"],
    "smallint": ["0", "1", "2", "-7", "100", "3"],
    "numeric": ["0", "1.50", "-2.25", "3", "0.1", "10.00", "99.99", "1.5", "-0.5"],
    "double precision": ["0", "1.5", "-2.25", "0.25", "1e10", "-0.5", "3"],
    "real": ["0", "1.5", "-2.25", "0.1", "100", "3"],
    "text": ["''", "'a'", "'b'", "'ab'", "'A'", "'abc'", "'B c'", "'10'", "'%'", "'ä'", "'a,b'", "' a '"],
    "character(3)": ["'a'", "'ab '", "'abc'", "''", "'B'"],
    "boolean": ["true", "false"],
    "date": ["'2024-01-31'", "'2024-02-29'", "'2023-12-31'", "'2000-01-01'", "'1999-12-31'"],
    "timestamp": ["'2024-01-31 10:20:30.5'", "'2024-02-29 00:00'", "'2000-01-01 23:59:59'", "'1999-12-31 12:00'"],
    "timestamptz": ["'2024-01-31 10:20:30.5+00'", "'2024-03-31 01:30+00'", "'1999-12-31 12:00+02'"],
    "time": ["'00:00'", "'10:20:30.5'", "'23:59:59.999999'", "'12:00'"],
    "interval": ["'1 day'", "'24 hours'", "'1 month'", "'30 days'", "'-02:30'", "'0'", "'1 year 2 days 3.5 secs'"],
    "uuid": [f"'{digit * 8}-0000-4000-8000-000000000000'" for digit in "01af"],
    "bytea": ["'\\x'", "'\\x00'", "'\\x6162'", "'\\xff00'", "'\\x61'"],
    "jsonb": [
        '\'{"a": 1, "b": [1, "x"]}\'',
        "'[1, null, \"a\"]'",
        "'1'",
        "'null'",
        "'\"a\"'",
        "'{}'",
        '\'{"a": {"b": 2.50}, "c": true}\'',
        "'1.0'",
    ],
    "integer[]": ["'{}'", "'{1,2,3}'", "'{1,NULL}'", "'{3}'", "'{1,2}'", "'{-5,42,1,1}'"],
    "mood": ["'sad'", "'ok'", "'happy'"],
    "posint": ["0", "1", "2", "7", "42"],
    "text[]": ["'{}'", "'{a,b}'", "'{a,NULL,\"\"}'", "'{ab}'", "'{\"B c\",a}'"],
}
TYPES = list(VALUES)
VIEWS = [
    "WHERE k > 0",
    "WHERE k IS NULL OR id < 5",
    "WHERE k < 3 WITH CHECK OPTION",
    "WHERE k IS NOT NULL WITH LOCAL CHECK OPTION",
    "WHERE true",
]
DEFINED = (
    "DROP TYPE IF EXISTS mood, posint CASCADE",
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
    "CREATE DOMAIN posint AS integer CHECK (VALUE >= 0)",
)
"""The types that the statements make."""
SETTINGS = [
    "SET TimeZone = 'America/New_York'",
    "SET TimeZone = 'Europe/Berlin'",
    "SET TimeZone = 'Asia/Kolkata'",
    "SET TimeZone = 'Pacific/Apia'",
    "SET DateStyle = 'SQL, DMY'",
    "SET DateStyle = 'German'",
    "SET DateStyle = 'Postgres, MDY'",
    "SET IntervalStyle = 'iso_8601'",
    "SET IntervalStyle = 'sql_standard'",
    "SET IntervalStyle = 'postgres_verbose'",
    "SET bytea_output = 'escape'",
    "SET extra_float_digits = 0",
    "SET extra_float_digits = -3",
    "SET work_mem = '64kB'",
]
"""What changes how values are read and written, and where work is done."""
COMMON = ["integer", "bigint", "numeric", "double precision", "text", "boolean", "date", "timestamp", "interval"]


@dataclass(frozen=True)
class Table:
    """A table: columns with types, rows of literals, and what else belongs to it.

    ``computed`` are columns that rows do not give, (name, type, the rest of its definition); ``indexes`` and
    ``constraints`` are texts.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    keyed: bool = False
    indexes: tuple[str, ...] = ()
    computed: tuple[tuple[str, str, str], ...] = ()
    constraints: tuple[str, ...] = ()
    analyzed: bool = False
    view: str = ""
    """The condition, and perhaps WITH CHECK OPTION, of a view over the table, which has the table's name with a v."""

    @property
    def all_columns(self) -> tuple[tuple[str, str], ...]:
        """The columns, computed ones last."""
        return (*self.columns, *((name, kind) for name, kind, _ in self.computed))

    def statements(self) -> list[str]:
        """Return the statements that make and fill the table."""
        parts = [f"{name} {kind}" for name, kind in self.columns]
        if self.keyed:
            parts[0] += " PRIMARY KEY"
        parts += [f"{name} {kind} {rest}" for name, kind, rest in self.computed]
        made = [f"CREATE TABLE {self.name} ({', '.join([*parts, *self.constraints])})"]
        made += self.indexes
        if self.rows:
            rows = ", ".join(f"({', '.join(row)})" for row in self.rows)
            names = f" ({', '.join(name for name, _ in self.columns)})" if self.computed else ""
            made.append(f"INSERT INTO {self.name}{names} VALUES {rows}")
        if self.analyzed:
            made.append(f"ANALYZE {self.name}")
        if self.view:
            made.append(f"CREATE VIEW {self.name}v AS SELECT * FROM {self.name} {self.view}")
        return made


@dataclass(frozen=True)
class World:
    """Tables, and settings of the session that asks."""

    tables: tuple[Table, ...]
    settings: tuple[str, ...] = ()

    def statements(self) -> list[str]:
        """Return the statements that make the world."""
        return [*self.settings, *DEFINED, *(statement for table in self.tables for statement in table.statements())]

    @property
    def readable(self) -> tuple[Table, ...]:
        """The tables, and their views as if they were tables."""
        return (*self.tables, *(replace(t, name=f"{t.name}v", rows=(), view="") for t in self.tables if t.view))

    def with_table(self, index: int, table: Table) -> World:
        """Return the world with another table in one's place."""
        return replace(self, tables=(*self.tables[:index], table, *self.tables[index + 1 :]))

    def with_rows(self, index: int, rows: tuple[tuple[str, ...], ...]) -> World:
        """Return the world with other rows in one table."""
        return self.with_table(index, replace(self.tables[index], rows=rows))


def literal(rng: random.Random, kind: str) -> str:
    """Return a literal of a type, without a cast."""
    return rng.choice(VALUES[kind])


def make_world(rng: random.Random) -> World:
    """Return a random world."""
    palette = rng.sample(COMMON, 3) + rng.sample(TYPES, 2)
    tables: list[Table] = []
    for number in range(rng.randint(2, 3)):
        columns = [("id", "integer"), ("k", "integer")]
        columns += [(f"c{i}", rng.choice(palette)) for i in range(rng.randint(2, 5))]
        keyed = rng.random() < 0.5
        rows = []
        for i in range(rng.choice([0, 1, 3, 8, 20, 40, 150] if number else [0, 1, 3, 8, 20, 40])):
            identity = str(i) if keyed or rng.random() < 0.8 else "NULL"
            key = rng.choice(["NULL", "0", "1", "2", "3"])
            rest = ["NULL" if rng.random() < 0.25 else literal(rng, kind) for _, kind in columns[2:]]
            rows.append((identity, key, *rest))
        table = Table(f"t{number}", tuple(columns), tuple(rows), keyed)
        indexes = tuple(_index(rng, table) for _ in range(rng.choice([0, 0, 1, 2])))
        tables.append(
            replace(
                table,
                indexes=indexes,
                computed=_computed(rng),
                constraints=_constraints(rng, table, tables),
                analyzed=rng.random() < 0.3,
                view=rng.choice(VIEWS) if rng.random() < 0.3 else "",
            )
        )
    settings = tuple(rng.sample(SETTINGS, rng.randint(1, 2))) if rng.random() < 0.3 else ()
    return World(tuple(tables), settings)


def _index(rng: random.Random, table: Table) -> str:
    """Return an index: unique, partial, over expressions, descending."""
    keys: list[str] = []
    for name, kind in rng.sample(table.columns, rng.randint(1, 2)):
        key = name
        if rng.random() < 0.2:
            if kind in ("integer", "bigint", "numeric"):
                key = f"({name} % 3)"
            elif kind == "text":
                key = f"lower({name})"
            elif kind == "boolean":
                key = f"(NOT {name})"
        keys.append(f"{key}{rng.choice(['', '', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}")
    unique = "UNIQUE " if table.keyed and keys[0] == "id" else ""
    where = rng.choice(["", "", "", " WHERE k > 1", " WHERE k IS NOT NULL", " WHERE k = 2 OR k IS NULL"])
    return f"CREATE {unique}INDEX ON {table.name} ({', '.join(keys)}){where}"


def _computed(rng: random.Random) -> tuple[tuple[str, str, str], ...]:
    if rng.random() < 0.8:
        return ()
    return (
        rng.choice(
            [
                ("g", "integer", "GENERATED ALWAYS AS (k * 2 + 1) STORED"),
                ("g", "text", "GENERATED ALWAYS AS (coalesce(id::text, '-') || coalesce(k::text, '')) STORED"),
                ("g", "integer", "DEFAULT 7"),
                ("g", "text", "DEFAULT 'x' || 'y'"),
                ("g", "boolean", "GENERATED ALWAYS AS (id > k) STORED"),
            ]
        ),
    )


def _constraints(rng: random.Random, own: Table, before: list[Table]) -> tuple[str, ...]:
    made: list[str] = []
    if own.keyed and rng.random() < 0.15:
        made.append(f"UNIQUE (id, k) DEFERRABLE INITIALLY {rng.choice(['DEFERRED', 'IMMEDIATE'])}")
    if rng.random() < 0.25:
        made.append(rng.choice(["CHECK (k < 50)", "CHECK (k IS NULL OR k >= -20)", "CHECK (id + k < 1000)"]))
    targets = [table for table in (*before, own) if table.keyed and len(table.rows) >= 4]
    if targets and rng.random() < 0.5:
        action = rng.choice(
            [
                "",
                " ON DELETE CASCADE",
                " ON DELETE SET NULL",
                " ON UPDATE CASCADE",
                " ON DELETE RESTRICT",
                " ON UPDATE CASCADE ON DELETE CASCADE",
                " DEFERRABLE INITIALLY DEFERRED",
                " ON DELETE SET DEFAULT",
            ]
        )
        made.append(f"FOREIGN KEY (k) REFERENCES {rng.choice(targets).name}{action}")
    return tuple(made)
