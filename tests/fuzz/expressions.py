"""Random expressions of a wanted type over columns in scope."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .templates import CONDITIONS, KINDS, NUMBERS, ORDERED, TEMPLATES
from .tree import Node, listing
from .world import TYPES, literal

__all__ = [
    "LITERAL",
    "ORDERED_KINDS",
    "PARAMETER",
    "Column",
    "Expressions",
    "Scope",
    "rendered",
    "with_other_literals",
    "with_parameters",
]

SIMPLEST = {
    "integer": "1",
    "bigint": "1::bigint",
    "smallint": "1::smallint",
    "numeric": "1.5",
    "double precision": "1::float8",
    "real": "1::real",
    "text": "'a'",
    "character(3)": "'a'::character(3)",
    "boolean": "true",
    "date": "date '2024-01-31'",
    "timestamp": "timestamp '2024-01-31'",
    "timestamptz": "timestamptz '2024-01-31'",
    "time": "time '10:00'",
    "interval": "interval '1 day'",
    "uuid": "uuid '00000000-0000-0000-0000-000000000001'",
    "bytea": "bytea '\\x01'",
    "jsonb": "jsonb '1'",
    "integer[]": "ARRAY[1]",
    "text[]": "ARRAY['a']",
    "mood": "'ok'::mood",
    "posint": "1::posint",
}
ORDERED_KINDS = [KINDS[short] for short in ORDERED]
_SHORT = {kind: short for short, kind in KINDS.items()}
LITERAL = "literal:"
"""Before the type in the kind of a node that is a literal."""
PARAMETER = "parameter:"
"""Before the type in the kind of a node that is a literal and is sent as a parameter."""
_CHOICE = re.compile("«([^«»]*)»")
_HOLE = re.compile(r"\{(\w+)\}")


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
            return self.constant(kind)
        roll = rng.random()
        if roll < 0.12:
            return self.conditional(kind, scope, depth)
        if roll < 0.16 and self.subquery is not None:
            return self.node(kind, "(", self.subquery(scope, kind, depth - 2), ")")
        if kind == "boolean" and self.subquery is not None and roll < 0.24:
            return self.membership(scope, depth)
        return self.templated(kind, scope, depth)

    def constant(self, kind: str) -> Node:
        """Return a constant of a type; its literal is a node of its own that can be exchanged."""
        value = literal(self.rng, kind)
        inner = Node(LITERAL + kind, (value,))
        if kind in ("integer", "numeric") and not (kind == "numeric" and "." not in value):
            return self.node(kind, "(", inner, ")") if value.startswith("-") else self.node(kind, inner)
        return self.node(kind, inner) if kind in ("text", "boolean") else self.node(kind, "(", inner, f")::{kind}")

    def simple(self, scope: Scope) -> Node:
        """Return a condition on a column that an index could serve."""
        rng = self.rng
        if not scope.columns:
            return self.make("boolean", scope, 1)
        column = rng.choice(scope.columns)
        operator = rng.choice(["=", "=", "<", "<=", ">", ">="])
        others = [c for c in (*scope.columns, *scope.outer) if c.kind == column.kind and c is not column]

        def value() -> Node:
            if others and rng.random() < 0.2:
                return self.leaf(column.kind, rng.choice(others).name)
            return self.constant(column.kind)

        match rng.randrange(9):
            case 0 | 1 | 2:
                test: tuple[str | Node, ...] = (f" {operator} ", value())
            case 3:
                test = (" IN (", value(), ", ", value(), ", ", value(), ")")
            case 4:
                test = (" BETWEEN ", value(), " AND ", value())
            case 5:
                test = (rng.choice([" IS NULL", " IS NOT NULL"]),)
            case 6:
                test = (" = ANY (ARRAY[", value(), ", ", value(), "])")
            case 7:
                test = (" >= ", value(), f" AND {column.name} < ", value())
            case _:
                if column.kind == "text":
                    test = (f" LIKE {rng.choice(['%sa%%%s', '%sab%%%s', '%s_b%s', '%sA%s']) % (chr(39), chr(39))}",)
                elif others:
                    other = rng.choice(others)
                    test = (f" {operator} {other.name}",)
                    if rng.random() < 0.5:
                        text = (
                            f"({column.name}, {other.name}) {operator} (",
                            value(),
                            ", ",
                            self.constant(other.kind),
                            ")",
                        )
                        return self.node("boolean", "(", *text, ")")
                else:
                    test = (" <> ", value())
        if column.kind == "boolean" and rng.random() < 0.5:
            return self.node("boolean", rng.choice(["", "NOT "]), column.name)
        return self.node("boolean", f"({column.name}", *test, ")")

    def condition(self, scope: Scope, depth: int) -> Node:
        """Return a condition for WHERE: some that indexes serve, joined by AND and OR, or any."""
        rng = self.rng
        if rng.random() < 0.5:
            return self.make("boolean", scope, depth)
        tests = [self.simple(scope) for _ in range(rng.choice([1, 1, 2, 3]))]
        if rng.random() < 0.3:
            tests.append(self.make("boolean", scope, depth))
        parts: list[str | Node] = []
        for number, test in enumerate(tests):
            parts += [f" {rng.choice(['AND', 'AND', 'OR'])} "] * (number > 0) + [test]
        return self.node("boolean", "(", *parts, ")")

    @staticmethod
    def leaf(kind: str, text: str) -> Node:
        """Return an expression without parts."""
        return Node(kind, (text,), simplest=SIMPLEST[kind])

    @staticmethod
    def node(kind: str, *parts: str | Node) -> Node:
        """Return an expression of parts."""
        return Node(kind, parts, simplest=SIMPLEST[kind])

    def templated(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return an expression from one of the type's templates."""
        return self.filled(self.rng.choice(TEMPLATES[_SHORT[kind]]), kind, scope, depth)

    def filled(self, template: str, kind: str, scope: Scope, depth: int) -> Node:
        """Return a template's text with its choices taken and its holes filled."""
        rng = self.rng
        while (found := _CHOICE.search(template)) is not None:
            template = template[: found.start()] + rng.choice(found[1].split("¦")) + template[found.end() :]
        chosen_kinds = {
            "any": rng.choice(TYPES),
            "ordered": KINDS[rng.choice(ORDERED)],
            "number": KINDS[rng.choice(NUMBERS)],
            "number2": KINDS[rng.choice(NUMBERS)],
            "self": kind,
        }
        parts: list[str | Node] = []
        position = 0
        for found in _HOLE.finditer(template):
            wanted = chosen_kinds.get(found[1]) or KINDS.get(found[1])
            if wanted is None and found[1] != "KIND":
                continue  # braces of an array literal
            parts.append(template[position : found.start()])
            parts.append(kind if wanted is None else self.make(wanted, scope, depth - 1))
            position = found.end()
        parts.append(template[position:])
        return self.node(kind, *(part for part in parts if part != ""))

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

    def membership(self, scope: Scope, depth: int) -> Node:
        """Return EXISTS or a comparison with a subquery's rows."""
        rng = self.rng
        kind = rng.choice(ORDERED_KINDS)
        assert self.subquery is not None
        query = self.subquery(scope, kind, depth - 2)
        if rng.random() < 0.4:
            return self.node("boolean", f"({rng.choice(['', 'NOT '])}EXISTS (", query, "))")
        word = rng.choice(["IN", "NOT IN", "= ANY", "< ALL", "<> ALL", ">= ANY"])
        return self.node("boolean", "(", self.make(kind, scope, depth - 1), f" {word} (", query, "))")

    def predicate(self, scope: Scope, depth: int) -> Node:
        """Return a boolean expression that is not a constant or a column."""
        return self.filled(self.rng.choice(CONDITIONS), "boolean", scope, depth)


def with_other_literals(node: Node, rng: random.Random) -> Node:
    """Return the text with other literals of the same types: a statement that may share the first one's plan."""
    if node.kind.startswith((LITERAL, PARAMETER)):
        kind = node.kind.partition(":")[2]
        return replace(node, parts=(literal(rng, kind),)) if rng.random() < 0.7 else node
    parts = tuple(with_other_literals(part, rng) if isinstance(part, Node) else part for part in node.parts)
    return replace(node, parts=parts)


def with_parameters(node: Node, rng: random.Random) -> Node:
    """Return the text with parameters in place of some literals."""
    if node.kind.startswith(LITERAL):
        return replace(node, kind=PARAMETER + node.kind.removeprefix(LITERAL)) if rng.random() < 0.5 else node
    parts = tuple(with_parameters(part, rng) if isinstance(part, Node) else part for part in node.parts)
    return replace(node, parts=parts)


def rendered(node: Node) -> tuple[str, tuple[str | None, ...] | None]:
    """Return a statement's text and its parameters' values."""
    values: list[str | None] = []

    def write(part: str | Node) -> str:
        if isinstance(part, str):
            return part
        if part.kind.startswith(PARAMETER):
            text = str(part)
            values.append(text[1:-1].replace("''", "'") if text.startswith("'") else text)
            return f"${len(values)}::{part.kind.removeprefix(PARAMETER)}"
        return part.separator.join(map(write, part.parts))

    return write(node), tuple(values) or None
