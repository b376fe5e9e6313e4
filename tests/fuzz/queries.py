"""Random queries: joins, filters, grouping, windows, set operations, common table expressions, and data changes."""

from __future__ import annotations

import random

from .expressions import Column, Expressions, Scope
from .tree import Node
from .world import TYPES, World

__all__ = ["Queries"]


class Queries:
    """The grammar over one world."""

    def __init__(self, rng: random.Random, world: World) -> None:
        self.rng = rng
        self.world = world
        self.expressions = Expressions(rng, self.one_column)
        self._aliases = 0

    def statement(self) -> Node:
        """Return a query whose rows are in a known order, or a multiset."""
        kinds = [self.rng.choice(TYPES) for _ in range(self.rng.randint(1, 4))]
        query = self.query(Scope(()), kinds, 3)
        roll = self.rng.random()
        if roll < 0.15:
            name = self._alias("w")
            named = ", ".join(f"x{i}" for i in range(len(kinds)))
            query = Node("statement", (f"WITH {name} ({named}) AS (", query, f") SELECT * FROM {name}"))
        elif roll < 0.25:
            name = self._alias("w")
            named = ", ".join(f"x{i}" for i in range(len(kinds)))
            columns = tuple(Column(f"{name}.x{i}", kind) for i, kind in enumerate(kinds))
            items = self.items(Scope(columns), kinds, 2)
            query = Node("statement", ("SELECT ", items, " FROM (", query, f") AS {name} ({named})"))
        order = ", ".join(
            f"{i + 1} {self.rng.choice(['', 'DESC', 'NULLS FIRST', 'DESC NULLS LAST'])}".strip()
            for i in range(len(kinds))
        )
        parts: list[str | Node] = [query, Node("order", (f" ORDER BY {order}",))]
        if self.rng.random() < 0.3:
            parts.append(Node("limit", (f" LIMIT {self.rng.randint(0, 10)} OFFSET {self.rng.randint(0, 3)}",), True))
        return Node("statement", tuple(parts))

    def one_column(self, scope: Scope, kind: str, depth: int) -> Node:
        """Return a query of one column, and of one row where it stands for a value."""
        outer = Scope((), scope.columns + scope.outer)
        source, inner = self.source(outer, max(depth, 0))
        name = self.rng.choice(["max", "min"])
        if kind == "boolean":
            value = Node("boolean", ("bool_or(", self.expressions.make("boolean", inner, depth), ")"), simplest="true")
        else:
            value = Node(kind, (f"{name}(", self.expressions.make(kind, inner, depth), ")"))
        return Node("query", ("SELECT ", value, " FROM ", source, self.where(inner, depth)))

    def query(self, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a query with columns of the given types."""
        roll = self.rng.random()
        if depth > 1 and roll < 0.15:
            word = self.rng.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
            left, right = self.query(scope, kinds, depth - 1), self.query(scope, kinds, depth - 1)
            return Node("query", ("(", left, f") {word} (", right, ")"))
        source, inner = self.source(Scope((), scope.columns + scope.outer), depth)
        if roll < 0.4:
            return self.grouped(source, inner, kinds, depth)
        if roll < 0.6:
            return self.windowed(source, inner, kinds, depth)
        distinct = Node("distinct", ("DISTINCT ",), True) if roll < 0.7 else ""
        items = self.items(inner, kinds, depth)
        return Node("query", ("SELECT ", distinct, items, " FROM ", source, self.where(inner, depth)))

    def items(self, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a select list."""
        return Node("items", tuple(self._separated([self.expressions.make(k, scope, depth) for k in kinds])))

    def where(self, scope: Scope, depth: int) -> Node:
        """Return a WHERE clause or nothing."""
        if self.rng.random() < 0.4:
            return Node("where", (), True)
        return Node("where", (" WHERE ", self.expressions.make("boolean", scope, depth)), True)

    def source(self, scope: Scope, depth: int) -> tuple[Node, Scope]:
        """Return a FROM list and what it brings into scope."""
        source, columns = self.relation(depth)
        for _ in range(self.rng.choice([0, 0, 1, 1, 2]) if depth > 0 else 0):
            other, more = self.relation(depth)
            word = self.rng.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])
            both = columns + more
            condition: Node | str
            if word == "CROSS JOIN":
                condition = ""
            elif word == "FULL JOIN" or self.rng.random() < 0.6:
                # a full join needs a condition that can be hashed or merged
                condition = self._equality(columns, more)
            else:
                condition = Node("on", (" ON ", self.expressions.make("boolean", Scope(both), min(depth, 2))))
            source = Node("from", ("(", source, f" {word} ", other, condition, ")"))
            columns = both
        return source, Scope(columns, scope.outer)

    def _equality(self, left: tuple[Column, ...], right: tuple[Column, ...]) -> Node:
        pairs = [(a, b) for a in left for b in right if a.kind == b.kind]
        if not pairs:
            return Node("on", (" ON true",))
        one, other = self.rng.choice(pairs)
        return Node("on", (f" ON {one.name} = {other.name}",))

    def relation(self, depth: int) -> tuple[Node, tuple[Column, ...]]:
        """Return a table or a sub-select with its columns."""
        name = self._alias("r")
        if depth > 1 and self.rng.random() < 0.12:
            kinds = [self.rng.choice(TYPES) for _ in range(self.rng.randint(1, 3))]
            inner = self.query(Scope(()), kinds, depth - 2)
            named = ", ".join(f"x{i}" for i in range(len(kinds)))
            columns = tuple(Column(f"{name}.x{i}", kind) for i, kind in enumerate(kinds))
            return Node("from", ("(", inner, f") AS {name} ({named})")), columns
        table = self.rng.choice(self.world.tables)
        columns = tuple(Column(f"{name}.{column}", kind) for column, kind in table.columns)
        return Node("from", (f"{table.name} AS {name}",)), columns

    def grouped(self, source: Node, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a query with GROUP BY or with aggregates over everything."""
        keys = self.rng.sample(scope.columns, min(len(scope.columns), self.rng.randint(0, 2)))
        visible = Scope(tuple(keys), scope.outer)
        items: list[Node] = []
        for kind in kinds:
            if keys and self.rng.random() < 0.4:
                items.append(self._over_keys(kind, visible, depth))
            else:
                items.append(self.aggregate(kind, scope, depth))
        parts: list[str | Node] = ["SELECT ", Node("items", tuple(self._separated(items))), " FROM ", source]
        parts.append(self.where(scope, depth))
        if keys:
            parts.append(" GROUP BY " + ", ".join(key.name for key in keys))
            if self.rng.random() < 0.3:
                operator = self.rng.choice([">", "<=", "="])
                parts.append(Node("having", (f" HAVING count(*) {operator} {self.rng.randint(0, 3)}",), True))
        return Node("query", tuple(parts))

    def _over_keys(self, kind: str, scope: Scope, depth: int) -> Node:
        grammar = Expressions(self.rng)
        return grammar.make(kind, scope, min(depth, 2))

    def aggregate(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return an aggregate with a result of a type."""
        rng = self.rng
        grammar = Expressions(rng)

        def sub(k: str) -> Node:
            return grammar.make(k, scope, min(depth, 2))

        keep = Node("filter", (" FILTER (WHERE ", sub("boolean"), ")"), True) if rng.random() < 0.2 else ""
        distinct = rng.choice(["", "", "DISTINCT "])
        if kind == "bigint":
            roll = rng.random()
            if roll < 0.3:
                return Node(kind, ("count(*)", keep))
            if roll < 0.7:
                return Node(kind, (f"count({distinct}", sub(rng.choice(TYPES)), ")", keep))
            return Node(kind, (f"sum({distinct}", sub("integer"), ")", keep))
        if kind == "numeric":
            name = rng.choice(["sum", "avg", "max", "min"])
            argument = rng.choice(["integer", "bigint"]) if name == "avg" else "numeric"
            return Node(kind, (f"{name}({distinct}", sub(argument), ")", keep))
        if kind == "boolean":
            return Node(kind, (f"{rng.choice(['bool_and', 'bool_or', 'every'])}(", sub(kind), ")", keep))
        if kind == "text" and rng.random() < 0.4:
            value = sub("text")
            if rng.random() < 0.5:
                return Node(kind, ("string_agg(DISTINCT ", value, ", ',')", keep))
            return Node(kind, ("string_agg(", value, ", ',' ORDER BY ", value, ")", keep))
        if kind in ("interval",) and rng.random() < 0.4:
            return Node(kind, ("sum(", sub(kind), ")", keep))
        return Node(kind, (f"{rng.choice(['max', 'min'])}({distinct}", sub(kind), ")", keep))

    def windowed(self, source: Node, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a query with window functions among its columns."""
        items = [
            self.window(kind, scope, depth) if self.rng.random() < 0.6 else self.expressions.make(kind, scope, depth)
            for kind in kinds
        ]
        body = Node("items", tuple(self._separated(items)))
        return Node("query", ("SELECT ", body, " FROM ", source, self.where(scope, depth)))

    def window(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return a window function with a result of a type, the same for rows that the window's order leaves equal."""
        rng = self.rng
        grammar = Expressions(rng)
        value = grammar.make(kind, scope, min(depth, 2))
        order = ", ".join(
            f"{column.name}{rng.choice(['', ' DESC', ' NULLS FIRST'])}"
            for column in rng.sample(scope.columns, min(len(scope.columns), rng.randint(1, 2)))
        )
        partition = f"PARTITION BY {rng.choice(scope.columns).name} " if rng.random() < 0.5 else ""
        over = f"({partition}ORDER BY {order})"
        if rng.random() < 0.3:
            over = f"({partition.strip()})"
        elif rng.random() < 0.3:
            frame = rng.choice(
                [
                    "UNBOUNDED PRECEDING AND CURRENT ROW",
                    "CURRENT ROW AND UNBOUNDED FOLLOWING",
                    "1 PRECEDING AND 1 FOLLOWING",
                ]
            )
            over = f"({partition}ORDER BY {order} GROUPS BETWEEN {frame})"
        if kind == "bigint" and "ORDER" in over and rng.random() < 0.5 and "GROUPS" not in over:
            return Node(kind, (f"{rng.choice(['rank', 'dense_rank'])}() OVER {over}",))
        if kind == "bigint":
            return Node(kind, (f"count({rng.choice(scope.columns).name}) OVER {over}",))
        if kind == "double precision" and "ORDER" in over and "GROUPS" not in over:
            return Node(kind, (f"{rng.choice(['percent_rank', 'cume_dist'])}() OVER {over}",))
        if kind == "boolean":
            return Node(kind, ("bool_or(", value, f") OVER {over}"))
        if kind == "numeric":
            return Node(kind, (f"{rng.choice(['sum', 'max'])}(", value, f") OVER {over}"))
        return Node(kind, (f"{rng.choice(['min', 'max'])}(", value, f") OVER {over}"))

    def change(self) -> Node:
        """Return an INSERT, UPDATE or DELETE with RETURNING."""
        rng = self.rng
        table = rng.choice(self.world.tables)
        scope = Scope(tuple(Column(f"{table.name}.{name}", kind) for name, kind in table.columns))
        returning = " RETURNING *"
        where = Node("where", (" WHERE ", self.expressions.make("boolean", scope, 2)), True)
        roll = rng.random()
        settable = list(table.columns[1:])
        name, kind = rng.choice(settable)
        if roll < 0.5:
            value = self.expressions.make(kind, scope, 2)
            return Node("change", (f"UPDATE {table.name} SET {name} = ", value, where, returning))
        if roll < 0.7:
            return Node("change", (f"DELETE FROM {table.name}", where, returning))
        kinds = [kind for _, kind in table.columns[1:]]
        query = self.query(Scope(()), kinds, 1)
        return Node("change", (f"INSERT INTO {table.name} ({', '.join(n for n, _ in settable)}) ", query, returning))

    def _alias(self, prefix: str) -> str:
        self._aliases += 1
        return f"{prefix}{self._aliases}"

    @staticmethod
    def _separated(nodes: list[Node]) -> list[str | Node]:
        parts: list[str | Node] = []
        for index, node in enumerate(nodes):
            parts += [", "] * (index > 0) + [node]
        return parts
