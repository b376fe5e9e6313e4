"""Random window function calls."""

from __future__ import annotations

import random

from .expressions import Expressions, Scope
from .tree import Node

__all__ = ["Windows"]

MIN_MAX = frozenset({"integer", "bigint", "smallint", "numeric", "double precision", "real", "text", "date"}) | {
    "timestamp",
    "timestamptz",
    "time",
    "interval",
    "character(3)",
    "integer[]",
    "text[]",
}
OFFSETS = {
    "integer": ["1", "2", "0", "10"],
    "bigint": ["1", "5"],
    "smallint": ["1::smallint", "3::smallint"],
    "numeric": ["0.5", "2"],
    "double precision": ["0.5::float8", "2::float8"],
    "date": ["interval '1 day'", "interval '1 month'", "interval '0'"],
    "timestamp": ["interval '1 day'", "interval '1 hour'", "interval '1 year'"],
    "interval": ["interval '1 day'", "interval '0'"],
}
"""What RANGE takes as an offset over an order by each type."""


class Windows:
    """Calls over one FROM clause's columns; ``total`` is an order in which no two different rows are equal."""

    def __init__(self, rng: random.Random, scope: Scope, total: str) -> None:
        self.rng = rng
        self.scope = scope
        self.total = total
        self.grammar = Expressions(rng)

    def call(self, kind: str) -> Node:
        """Return a window function with a result of a type that no freedom of order can change."""
        rng = self.rng
        roll = rng.random()
        if kind in ("bigint", "double precision", "integer") and roll < 0.35:
            return self._ranking(kind)
        if roll < 0.55:
            return self._offset(kind)
        value = self.grammar.make(kind, self.scope, 2)
        keep = Node("filter", (" FILTER (WHERE ", self.grammar.make("boolean", self.scope, 1), ")"), True)
        name: str
        if kind == "boolean":
            name = rng.choice(["bool_or", "bool_and"])
        elif kind == "bigint":
            name, value = rng.choice(["count", "sum"]), self.grammar.make("integer", self.scope, 2)
        elif kind == "numeric":
            name = rng.choice(["sum", "avg", "max", "min", "variance"])
        elif kind == "text" and rng.random() < 0.4:
            return Node(kind, ("string_agg(", value, ", ',') OVER (", self._total(), ")"))
        elif kind == "integer[]":
            value = self.grammar.make("integer", self.scope, 2)
            return Node(kind, ("array_agg(", value, ") OVER (", self._total(frame=True), ")"))
        elif kind == "interval" and rng.random() < 0.4:
            name = "sum"
        elif kind in MIN_MAX:
            name = rng.choice(["min", "max"])
        else:
            return self._offset(kind)
        return Node(kind, (f"{name}(", value, ")", keep if rng.random() < 0.2 else "", " OVER (", self._peers(), ")"))

    def _ranking(self, kind: str) -> Node:
        rng = self.rng
        if kind == "integer":
            return Node(kind, (f"ntile({rng.randint(1, 4)}) OVER ({self._total()})",))
        if kind == "bigint" and rng.random() < 0.4:
            return Node(kind, (f"row_number() OVER ({self._total()})",))
        names = ["rank", "dense_rank"] if kind == "bigint" else ["percent_rank", "cume_dist"]
        return Node(kind, (f"{rng.choice(names)}() OVER ({self._partition()}{self._order()})",))

    def _offset(self, kind: str) -> Node:
        rng = self.rng
        value = self.grammar.make(kind, self.scope, 2)
        match rng.randrange(4):
            case 0 | 1:
                rest: tuple[str | Node, ...] = ()
                if rng.random() < 0.6:
                    offset = rng.choice(["1", "2", "0", "-1"])
                    rest = (f", {offset}",)
                    if rng.random() < 0.4:
                        rest = (*rest, ", ", self.grammar.make(kind, self.scope, 1))
                return Node(kind, (f"{rng.choice(['lag', 'lead'])}(", value, *rest, f") OVER ({self._total()})"))
            case 2:
                name = rng.choice(["first_value", "last_value"])
                return Node(kind, (f"{name}(", value, f") OVER ({self._total(frame=True)})"))
        return Node(kind, ("nth_value(", value, f", {rng.randint(1, 3)}) OVER ({self._total(frame=True)})"))

    def _partition(self) -> str:
        rng = self.rng
        if not self.scope.columns or rng.random() < 0.5:
            return ""
        return f"PARTITION BY {rng.choice(self.scope.columns).name} "

    def _order(self) -> str:
        columns = self.rng.sample(self.scope.columns, min(len(self.scope.columns), self.rng.randint(1, 2)))
        return "ORDER BY " + ", ".join(f"{c.name}{self._direction()}" for c in columns)

    def _direction(self) -> str:
        return self.rng.choice(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"])

    def _total(self, frame: bool = False) -> str:
        """Return a window in a total order, with any frame if wanted."""
        text = f"{self._partition()}ORDER BY {self.total}"
        return text + (self._frame("ROWS", ["1", "2", "0"]) if frame and self.rng.random() < 0.7 else "")

    def _peers(self) -> str:
        """Return a window whose frames consist of whole peer groups, or one in a total order with any frame."""
        rng = self.rng
        roll = rng.random()
        if not self.scope.columns or roll < 0.2:
            return self._partition().strip()
        if roll < 0.4:
            return self._total(frame=True)
        if roll < 0.6:
            return f"{self._partition()}{self._order()}"
        if roll < 0.8:
            return self._partition() + self._order() + self._frame("GROUPS", ["1", "2", "0"])
        able = [c for c in self.scope.columns if c.kind in OFFSETS]
        if not able:
            return f"{self._partition()}{self._order()}"
        column = rng.choice(able)
        order = f"ORDER BY {column.name}{self._direction()}"
        return self._partition() + order + self._frame("RANGE", OFFSETS[column.kind])

    def _frame(self, mode: str, offsets: list[str]) -> str:
        rng = self.rng

        def bound(last: bool) -> tuple[int, str]:
            roll = rng.random()
            if roll < 0.2:
                return (4, "UNBOUNDED FOLLOWING") if last else (0, "UNBOUNDED PRECEDING")
            if roll < 0.45:
                return 2, "CURRENT ROW"
            word = rng.choice(["PRECEDING", "FOLLOWING"])
            return (1 if word == "PRECEDING" else 3), f"{rng.choice(offsets)} {word}"

        start, end = bound(False), bound(True)
        if start[0] > end[0]:
            end = (4, "UNBOUNDED FOLLOWING")
        # what is left of a peer group without the current row depends on which of its rows that is
        exclude = rng.choice(
            ["", "", "", " EXCLUDE GROUP", " EXCLUDE TIES", " EXCLUDE CURRENT ROW", " EXCLUDE NO OTHERS"]
        )
        if mode != "ROWS" and exclude in (" EXCLUDE TIES", " EXCLUDE CURRENT ROW"):
            exclude = " EXCLUDE GROUP"
        return f" {mode} BETWEEN {start[1]} AND {end[1]}{exclude}"
