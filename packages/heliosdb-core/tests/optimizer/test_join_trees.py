"""Random trees of joins, answered as loops over all rows answer them, whatever order and methods the plan chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase

Row = dict[str, "int | None"]
Test = Callable[[Row], "bool | None"]
SIZES = {"p": 14, "q": 5, "r": 40, "s": 3, "u": 9}
"""Rows of the tables; each has a key ``id`` and columns ``a``, ``b`` with few values and NULLs."""

OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "=": lambda x, y: x == y,
    "<": lambda x, y: x < y,
    "<>": lambda x, y: x != y,
}


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[EmbeddedDatabase, dict[str, list[tuple[int | None, ...]]]]]:
    random = Random(11)
    tables: dict[str, list[tuple[int | None, ...]]] = {}
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        for name, size in SIZES.items():
            made.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, a int, b int)")
            rows = [
                (number, random.choice([None, *range(6)]), random.choice([None, *range(size)]))
                for number in range(size)
            ]
            made.prepare(f"INSERT INTO {name} VALUES ($1, $2, $3)").execute_many(rows)
            tables[name] = list(rows)
        made.execute("CREATE INDEX ON r (b); CREATE INDEX ON r (a, b); CREATE INDEX ON p (a)")
        made.execute("ANALYZE")
        yield made, tables


MOST_PAIRS = 4000


class TooLarge(Exception):
    """The loops would take too long."""


class Maker:
    """Makes one query and its answer by loops. ``names`` are the columns that are in reach."""

    def __init__(self, random: Random, tables: dict[str, list[tuple[int | None, ...]]]) -> None:
        self.random = random
        self.tables = tables
        self.count = 0

    def rows(self) -> tuple[str, list[str], list[Row]]:
        """Return a table, or a query of one, under a new alias: its text, columns and rows."""
        table = self.random.choice(list(SIZES))
        alias = f"t{self.count}"
        self.count += 1
        names = [f"{alias}.{column}" for column in ("id", "a", "b")]
        text, rows = f"{table} {alias}", self.tables[table]
        form = self.random.random()
        if form < 0.15:
            bound = self.random.randrange(6)
            text = f"(SELECT id, a, b FROM {table} WHERE a < {bound}) {alias}"
            rows = [row for row in rows if row[1] is not None and row[1] < bound]
        elif form < 0.3:
            text = f"(SELECT id, a + 1 AS a, coalesce(b, 3) AS b FROM {table}) {alias}"
            rows = [(i, None if a is None else a + 1, 3 if b is None else b) for i, a, b in rows]
        elif form < 0.4:
            text = f"(SELECT {table}.id, other.a, {table}.b FROM {table} JOIN q other ON other.id = {table}.a) {alias}"
            others = {row[0]: row[1] for row in self.tables["q"]}
            rows = [(i, others[a], b) for i, a, b in rows if a in others]
        return text, names, [dict(zip(names, row, strict=True)) for row in rows]

    def condition(self, names: list[str], other: list[str]) -> tuple[str, Test]:
        """Return a conjunction about columns of both sides."""
        parts: list[tuple[str, Test]] = []
        for _ in range(self.random.choice([1, 1, 1, 2, 2, 3])):
            left = self.random.choice(names)
            operator = self.random.choice(["=", "=", "=", "=", "<", "<>"])
            if self.random.random() < 0.25:
                parts.append(_compared(left, operator, self.random.randrange(8)))
            else:
                parts.append(_compared(left, operator, self.random.choice(other)))
        return " AND ".join(text for text, _ in parts), _all([test for _, test in parts])

    def tree(self, depth: int) -> tuple[str, list[str], list[Row]]:
        """Return the text of a join, its columns and rows."""
        if depth == 0:
            return self.rows()
        text, names, rows = self.tree(depth - 1)
        bushy = depth > 1 and self.random.random() < 0.2
        right_text, right_names, right_rows = self.tree(1) if bushy else self.rows()
        if len(rows) * len(right_rows) > MOST_PAIRS:
            raise TooLarge
        condition, test = self.condition([*names, *right_names], [*right_names, *names])
        kind = self.random.choice(["JOIN", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        joined: list[Row] = []
        met: set[int] = set()
        for row in rows:
            found = [number for number, other in enumerate(right_rows) if test({**row, **other})]
            met.update(found)
            joined.extend({**row, **right_rows[number]} for number in found)
            if not found and kind in ("LEFT JOIN", "FULL JOIN"):
                joined.append({**row, **dict.fromkeys(right_names)})
        if kind in ("RIGHT JOIN", "FULL JOIN"):
            joined.extend(
                {**dict.fromkeys(names), **other} for number, other in enumerate(right_rows) if number not in met
            )
        return f"{text} {kind} ({right_text}) ON {condition}" if bushy else (
            f"{text} {kind} {right_text} ON {condition}"
        ), [*names, *right_names], joined  # fmt: skip

    def query(self) -> tuple[str, Counter[tuple[Any, ...]]]:
        """Return a query and its answer."""
        text, names, rows = self.tree(self.random.randrange(1, 4))
        conditions = []
        if self.random.random() < 0.6:
            condition, test = self.condition(names, names)
            conditions.append(condition)
            rows = [row for row in rows if test(row)]
        for _ in range(self.random.choice([0, 0, 1, 2])):
            inner_text, inner_names, inner_rows = self.rows() if self.random.random() < 0.7 else self.tree(1)
            condition, test = self.condition([*inner_names, *names], [*names, *inner_names])
            negated = self.random.random() < 0.5
            conditions.append(f"{'NOT ' if negated else ''}EXISTS (SELECT FROM {inner_text} WHERE {condition})")
            rows = [row for row in rows if any(test({**row, **inner}) for inner in inner_rows) is not negated]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        output = self.random.sample(names, min(4, len(names)))
        answer = Counter(tuple(row[name] for name in output) for row in rows)
        return f"SELECT {', '.join(output)} FROM {text}{where}", answer


def _compared(left: str, operator: str, right: str | int) -> tuple[str, Test]:
    compare = OPERATORS[operator]

    def test(row: Row) -> bool | None:
        a, b = row[left], right if isinstance(right, int) else row[right]
        return None if a is None or b is None else compare(a, b)

    return f"{left} {operator} {right}", test


def _all(tests: list[Test]) -> Test:
    return lambda row: all(test(row) for test in tests)


@pytest.mark.parametrize("seed", range(12))
def test_a_tree_of_joins_is_what_its_text_says(
    world: tuple[EmbeddedDatabase, dict[str, list[tuple[int | None, ...]]]], seed: int
) -> None:
    database, tables = world
    random = Random(seed)
    tried = 0
    while tried < 20:
        try:
            query, answer = Maker(random, tables).query()
        except TooLarge:
            continue
        tried += 1
        found = Counter(tuple(row) for row in database.query(query))
        assert found == answer, query + "\n" + "\n".join(row[0] for row in database.query("EXPLAIN " + query))
