"""Random expressions of a wanted type over columns in scope."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .tree import Node, listing
from .world import TYPES, literal

__all__ = ["Column", "Expressions", "Scope"]

SIMPLEST = {
    "integer": "1",
    "bigint": "1::bigint",
    "numeric": "1.5",
    "double precision": "1::float8",
    "text": "'a'",
    "boolean": "true",
    "date": "date '2024-01-31'",
    "timestamp": "timestamp '2024-01-31'",
    "interval": "interval '1 day'",
}
ORDERED = ["integer", "bigint", "numeric", "double precision", "text", "date", "timestamp", "interval"]
NUMBERS = ["integer", "bigint", "numeric", "double precision"]


@dataclass(frozen=True)
class Column:
    """A column that can be named."""

    name: str
    kind: str


@dataclass(frozen=True)
class Scope:
    """Columns in scope; ``outer`` are those of the queries around, named less often."""

    columns: tuple[Column, ...]
    outer: tuple[Column, ...] = ()


@dataclass
class Expressions:
    """The grammar. ``subquery`` makes a one-column query of a type, where queries may be nested."""

    rng: random.Random
    subquery: Callable[[Scope, str, int], Node] | None = None
    scopes: list[Scope] = field(default_factory=list)

    def make(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return an expression of a type."""
        rng = self.rng
        columns = [c for c in scope.columns if c.kind == kind]
        outer = [c for c in scope.outer if c.kind == kind]
        if depth <= 0 or rng.random() < 0.3:
            if outer and rng.random() < 0.4:
                return self.leaf(kind, rng.choice(outer).name)
            if columns and rng.random() < 0.75:
                return self.leaf(kind, rng.choice(columns).name)
            if rng.random() < 0.08:
                return self.leaf(kind, f"NULL::{kind}")
            return self.leaf(kind, self.constant(kind))
        roll = rng.random()
        if roll < 0.12:
            return self.conditional(kind, scope, depth)
        if roll < 0.16 and self.subquery is not None:
            return self.node(kind, "(", self.subquery(scope, kind, depth - 2), ")")
        return self.specific(kind, scope, depth)

    def constant(self, kind: str) -> str:
        """Return a constant of a type."""
        value = literal(self.rng, kind)
        if kind in ("integer", "numeric") and not (kind == "numeric" and "." not in value):
            return f"({value})" if value.startswith("-") else value
        return value if kind in ("text", "boolean") else f"({value})::{kind}"

    @staticmethod
    def leaf(kind: str, text: str) -> Node:
        """Return an expression without parts."""
        return Node(kind, (text,), simplest=SIMPLEST[kind])

    @staticmethod
    def node(kind: str, *parts: str | Node) -> Node:
        """Return an expression of parts."""
        return Node(kind, parts, simplest=SIMPLEST[kind])

    def conditional(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return CASE, COALESCE and the like, which exist for every type."""

        def sub(k: str) -> Node:
            return self.make(k, scope, depth - 1)

        match self.rng.randrange(5):
            case 0:
                return self.node(kind, "CASE WHEN ", sub("boolean"), " THEN ", sub(kind), " ELSE ", sub(kind), " END")
            case 1:
                return self.node(kind, "CASE WHEN ", sub("boolean"), " THEN ", sub(kind), " END")
            case 2:
                return self.node(kind, "coalesce(", sub(kind), ", ", sub(kind), ")")
            case 3:
                return self.node(kind, "nullif(", sub(kind), ", ", sub(kind), ")")
            case _:
                name = self.rng.choice(["greatest", "least"])
                return self.node(kind, f"{name}(", listing("arguments", [sub(kind), sub(kind)]), ")")

    def specific(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return an expression that only this type has."""
        rng = self.rng

        def sub(k: str) -> Node:
            return self.make(k, scope, depth - 1)

        def binary(operators: str, left: str = kind, right: str = kind) -> Node:
            return self.node(kind, "(", sub(left), f" {rng.choice(operators.split())} ", sub(right), ")")

        def call(name: str, *kinds: str) -> Node:
            parts: list[str | Node] = [f"{name}("]
            for index, k in enumerate(kinds):
                parts += [", "] * (index > 0) + [sub(k)]
            return self.node(kind, *parts, ")")

        def divided(operator: str) -> Node:
            return self.node(kind, "(", sub(kind), f" {operator} nullif(", sub(kind), ", 0))")

        if kind == "boolean":
            return self.predicate(scope, depth)
        if kind in NUMBERS:
            choices: list[Callable[[], Node]] = [
                lambda: binary("+ - *"),
                lambda: binary("+ -"),
                lambda: divided("/"),
                lambda: call("abs", kind),
                lambda: self.node(kind, "(- ", sub(kind), ")"),
            ]
            if kind != "double precision":
                choices.append(lambda: divided("%"))
        match kind:
            case "integer":
                choices += [
                    lambda: call("length", "text"),
                    lambda: self.node(kind, "(", sub("date"), " - ", sub("date"), ")"),
                    lambda: self.node(kind, "(", sub("boolean"), ")::integer"),
                    lambda: self.node(kind, "extract(day FROM ", sub(rng.choice(["date", "timestamp"])), ")::integer"),
                    lambda: call("strpos", "text", "text"),
                    lambda: self.node(kind, "round(", sub("numeric"), ")::integer"),
                ]
            case "bigint":
                choices += [
                    lambda: self.node(kind, "(", sub("integer"), ")::bigint"),
                    lambda: binary("+ - *", "bigint", "integer"),
                    lambda: binary("+ - *", "integer", "bigint"),
                ]
            case "numeric":
                choices += [
                    lambda: self.node(kind, "round(", sub("numeric"), f", {rng.randint(-1, 4)})"),
                    lambda: self.node(kind, "trunc(", sub("numeric"), f", {rng.randint(0, 2)})"),
                    lambda: call(rng.choice(["ceil", "floor", "round"]), "numeric"),
                    lambda: self.node(kind, "(", sub(rng.choice(["integer", "bigint"])), ")::numeric"),
                    lambda: binary("+ - *", "numeric", "integer"),
                    lambda: self.node(kind, "extract(epoch FROM ", sub(rng.choice(["timestamp", "interval"])), ")"),
                    lambda: self.node(kind, "(", sub("numeric"), ")::numeric(20,3)"),
                ]
            case "double precision":
                choices += [
                    lambda: self.node(kind, "(", sub(rng.choice(["integer", "numeric"])), ")::float8"),
                    lambda: self.node(kind, "sqrt(abs(", sub(kind), "))"),
                    lambda: binary("+ - *", "double precision", "integer"),
                    lambda: call(rng.choice(["ceil", "floor", "round", "trunc", "sign"]), kind),
                ]
            case "text":
                choices = [
                    lambda: binary("||"),
                    lambda: self.node(kind, "(", sub("text"), " || ", sub(rng.choice(["integer", "date"])), ")"),
                    lambda: call(rng.choice(["upper", "lower", "trim", "reverse", "md5", "initcap"]), "text"),
                    lambda: self.node(kind, "substr(", sub("text"), f", {rng.randint(-1, 3)}, {rng.randint(0, 3)})"),
                    lambda: self.node(
                        kind, f"{rng.choice(['left', 'right'])}(", sub("text"), f", {rng.randint(-2, 3)})"
                    ),
                    lambda: call("replace", "text", "text", "text"),
                    lambda: call("concat", "text", rng.choice(TYPES), "text"),
                    lambda: self.node(kind, "(", sub(rng.choice(TYPES)), ")::text"),
                    lambda: self.node(kind, "lpad(", sub("text"), f", {rng.randint(0, 5)}, ", sub("text"), ")"),
                    lambda: self.node(kind, "split_part(", sub("text"), ", 'b', ", str(rng.choice([1, 2, -1])), ")"),
                ]
            case "date":
                choices = [
                    lambda: self.node(kind, "(", sub("date"), f" + {rng.randint(-40, 40)})"),
                    lambda: self.node(kind, "(", sub("timestamp"), ")::date"),
                ]
            case "timestamp":
                choices = [
                    lambda: self.node(kind, "(", sub("date"), ")::timestamp"),
                    lambda: binary("+ -", "timestamp", "interval"),
                    lambda: binary("+ -", "date", "interval"),
                    lambda: self.node(
                        kind,
                        f"date_trunc('{rng.choice(['hour', 'day', 'week', 'month', 'quarter', 'year'])}', ",
                        sub("timestamp"),
                        ")",
                    ),
                ]
            case "interval":
                choices = [
                    lambda: binary("+ -"),
                    lambda: binary("-", "timestamp", "timestamp"),
                    lambda: self.node(kind, "(", sub("interval"), f" * {rng.randint(-3, 3)})"),
                    lambda: self.node(kind, "(", sub("interval"), f" / {rng.choice([2, 3, 7])})"),
                    lambda: call("age", "timestamp", "timestamp"),
                ]
        return rng.choice(choices)()

    def predicate(self, scope: Scope, depth: int) -> Node:
        """Return a boolean expression."""
        rng = self.rng

        def sub(k: str) -> Node:
            return self.make(k, scope, depth - 1)

        kind = rng.choice(TYPES)
        match rng.randrange(14):
            case 0 | 1 | 2 | 3:
                operator = rng.choice(["=", "<>", "<", "<=", ">", ">="])
                other = rng.choice(NUMBERS) if kind in NUMBERS and rng.random() < 0.3 else kind
                return self.node("boolean", "(", sub(kind), f" {operator} ", sub(other), ")")
            case 4 | 5:
                return self.node("boolean", "(", sub("boolean"), f" {rng.choice(['AND', 'OR'])} ", sub("boolean"), ")")
            case 6:
                return self.node("boolean", "(NOT ", sub("boolean"), ")")
            case 7:
                test = rng.choice(["IS NULL", "IS NOT NULL"])
                return self.node("boolean", "(", sub(kind), f" {test})")
            case 8:
                test = rng.choice(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
                return self.node("boolean", "(", sub(kind), f" {test} ", sub(kind), ")")
            case 9:
                word = rng.choice(["BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC"])
                return self.node("boolean", "(", sub(kind), f" {word} ", sub(kind), " AND ", sub(kind), ")")
            case 10:
                values = listing("values", [sub(kind) for _ in range(rng.randint(1, 3))])
                return self.node("boolean", "(", sub(kind), f" {rng.choice(['IN', 'NOT IN'])} (", values, "))")
            case 11:
                word = rng.choice(["LIKE", "NOT LIKE", "ILIKE"])
                pattern = rng.choice(["'a%'", "'%b%'", "'_'", "'%'", "'A_c'", "''"])
                return self.node("boolean", "(", sub("text"), f" {word} {pattern})")
            case 12:
                test = rng.choice(["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"])
                return self.node("boolean", "(", sub("boolean"), f" {test})")
        if self.subquery is None or depth < 1:
            return self.node("boolean", "(", sub("boolean"), " IS TRUE)")
        query = self.subquery(scope, kind, depth - 2)
        if rng.random() < 0.4:
            return self.node("boolean", f"({rng.choice(['', 'NOT '])}EXISTS (", query, "))")
        word = rng.choice(["IN", "NOT IN", "= ANY", "< ALL", "<> ALL", ">= ANY"])
        return self.node("boolean", "(", sub(kind), f" {word} (", query, "))")
