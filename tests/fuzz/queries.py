"""Random queries: joins, filters, grouping, windows, set operations, common table expressions, and data changes."""

from __future__ import annotations

import random

from .expressions import Column, Expressions, Scope, with_other_literals, with_parameters
from .tree import Node, listing
from .windows import Windows
from .world import TYPES, Table, World

__all__ = ["Queries"]

MIN_MAX = frozenset(TYPES) - {"boolean", "uuid", "bytea", "jsonb", "posint"}
"""Types that ``min`` and ``max`` take."""
UNORDERED_TIES = frozenset({"numeric", "interval", "double precision", "jsonb", "character(3)", "real"})
"""Types with values that are equal and look different."""


class Queries:
    """The grammar over one world."""

    def __init__(self, rng: random.Random, world: World) -> None:
        self.rng = rng
        self.world = world
        self.expressions = Expressions(rng, self.one_column)
        self._aliases = 0
        self._common: list[tuple[str, tuple[Column, ...]]] = []
        self.kinds = sorted({kind for table in world.tables for _, kind in table.all_columns})

    def kind(self) -> str:
        """Return a type, rather one that the world has."""
        return self.rng.choice(self.kinds if self.rng.random() < 0.7 else TYPES)

    def statement(self) -> Node:
        """Return a query whose rows are in a known order, or a multiset."""
        rng = self.rng
        kinds = [self.kind() for _ in range(rng.randint(1, 4))]
        parts: list[str | Node] = []
        self._common = []
        roll = rng.random()
        if roll < 0.15:
            parts.append(self.common())
        query = self.query(Scope(()), kinds, 3)
        self._common = []
        if 0.15 < roll < 0.25:
            name = self._alias("w")
            columns = tuple(Column(f"{name}.x{i}", kind) for i, kind in enumerate(kinds))
            items = self.items(Scope(columns), kinds, 2)
            query = Node("statement", ("SELECT ", items, " FROM (", query, f") AS {name} ({self._names(kinds)})"))
        parts.append(query)
        order = ", ".join(
            f"{i + 1} {rng.choice(['', 'DESC', 'NULLS FIRST', 'DESC NULLS LAST'])}".strip() for i in range(len(kinds))
        )
        parts.append(Node("order", (f" ORDER BY {order}",), True))
        if rng.random() < 0.3:
            limit = rng.choice(["LIMIT {} OFFSET {}", "OFFSET {1} FETCH FIRST {0} ROWS ONLY", "LIMIT {0}"])
            parts.append(Node("limit", (" " + limit.format(rng.randint(0, 10), rng.randint(0, 3)),), True))
        return Node("statement", tuple(parts))

    def repeated(self) -> Node:
        """Return a query several times, with other literals each time."""
        first = self.statement()
        if self.rng.random() < 0.5:
            first = with_parameters(first, self.rng)
        again = [with_other_literals(first, self.rng) for _ in range(self.rng.randint(1, 2))]
        return listing("series", [first, *again], ";\n")

    def common(self) -> Node:
        """Return a WITH clause and note what it defines."""
        rng = self.rng
        parts: list[str | Node] = []
        recursive = ""
        for number in range(rng.randint(1, 2)):
            name = self._alias("w")
            parts.append(", " * (number > 0))
            if rng.random() < 0.2:
                recursive = "RECURSIVE "
                kinds = ["integer", "integer"]
                word = rng.choice(["UNION", "UNION ALL"])
                start = rng.choice(["SELECT 1, 0", "VALUES (1, 0), (2, 1)", "SELECT k, 0 FROM t0"])
                step = rng.choice(
                    [f"SELECT x0 + 1, x1 + 1 FROM {name}", f"SELECT t1.id, x1 + 1 FROM {name} JOIN t1 ON t1.k = x0"]
                )
                body = Node("query", (f"{start} {word} {step} WHERE x1 < {rng.randint(0, 3)}",))
            else:
                kinds = [self.kind() for _ in range(rng.randint(1, 3))]
                body = self.query(Scope(()), kinds, 2)
            how = rng.choice(["", "", "MATERIALIZED ", "NOT MATERIALIZED "])
            parts += [f"{name} ({self._names(kinds)}) AS {how}(", body, ")"]
            self._common.append((name, tuple(Column(f"x{i}", kind) for i, kind in enumerate(kinds))))
        return Node("with", (f"WITH {recursive}", *parts, " "))

    def one_column(self, scope: Scope, kind: str, depth: int) -> Node:
        """Return a query of one column, and of one row where it stands for a value."""
        rng = self.rng
        outer = Scope((), scope.columns + scope.outer)
        source, inner = self.source(outer, max(depth, 0))
        make = self.expressions.make
        where = self.where(inner, depth)
        if kind == "boolean":
            value = Node("boolean", ("bool_or(", make("boolean", inner, depth), ")"), simplest="true")
        elif kind in MIN_MAX and rng.random() < 0.8:
            value = Node(kind, (f"{rng.choice(['max', 'min'])}(", make(kind, inner, depth), ")"))
        else:
            value = make(kind, inner, depth)
            tail = f" ORDER BY 1 {rng.choice(['', 'DESC'])} LIMIT 1" if kind not in UNORDERED_TIES else ""
            if not tail:
                name = self._alias("q")
                return Node(
                    "query",
                    (
                        f"SELECT {name}.x FROM (SELECT ",
                        value,
                        " AS x FROM ",
                        source,
                        where,
                        f") AS {name} ORDER BY {name}.x::text LIMIT 1",
                    ),
                )
            return Node("query", ("SELECT ", value, " FROM ", source, where, tail))
        return Node("query", ("SELECT ", value, " FROM ", source, where))

    def query(self, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a query with columns of the given types."""
        rng = self.rng
        roll = rng.random()
        if depth > 1 and roll < 0.15:
            word = rng.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
            left, right = self.query(scope, kinds, depth - 1), self.query(scope, kinds, depth - 1)
            return Node("query", ("(", left, f") {word} (", right, ")"))
        if roll < 0.18:
            rows = [self.items(Scope((), scope.columns + scope.outer), kinds, 1) for _ in range(rng.randint(1, 3))]
            return Node(
                "query", ("VALUES ", Node("rows", tuple(Node("row", ("(", r, ")")) for r in rows), separator=", "))
            )
        source, inner = self.source(Scope((), scope.columns + scope.outer), depth)
        if roll < 0.4:
            return self.grouped(source, inner, kinds, depth)
        if roll < 0.6:
            return self.windowed(source, inner, kinds, depth)
        where = self.where(inner, depth)
        if roll < 0.68:
            return self.distinct_on(source, inner, kinds, where, depth)
        distinct = Node("distinct", ("DISTINCT ",), True) if roll < 0.75 else ""
        if roll > 0.93:
            items = Node("items", tuple(self._separated([self._several(kind, inner) for kind in kinds])))
        else:
            items = self.items(inner, kinds, depth)
        return Node("query", ("SELECT ", distinct, items, " FROM ", source, where))

    def _several(self, kind: str, scope: Scope) -> Node:
        """Return a set-returning call where the type has one."""
        rng = self.rng
        make = self.expressions.make
        forms = {
            "integer": ["generate_series(1, {i} % 4)", "unnest({ai})", "generate_series(3, 1, -1)"],
            "text": [
                "unnest({at})",
                "regexp_split_to_table({t}, 'b')",
                "jsonb_object_keys(jsonb_build_object('a', {i}))",
            ],
            "jsonb": ["jsonb_array_elements(jsonb_build_array({any}, {i}))"],
            "timestamp": ["generate_series(timestamp '2024-01-01', '2024-01-03', '1 day')"],
        }
        if kind not in forms or rng.random() < 0.3:
            return make(kind, scope, 1)
        return self.expressions.filled(rng.choice(forms[kind]), kind, scope, 1)

    def distinct_on(self, source: Node, scope: Scope, kinds: list[str], where: Node, depth: int) -> Node:
        """Return DISTINCT ON in an order that decides which row is kept."""
        rng = self.rng
        keys = rng.sample(scope.columns, min(len(scope.columns), rng.randint(1, 2)))
        named = ", ".join(key.name for key in keys)
        order = [f"{key.name}{rng.choice(['', ' DESC', ' NULLS FIRST'])}" for key in keys]
        order.append(self.total_order(scope))
        items = self.items(scope, kinds, depth)
        text = f"SELECT DISTINCT ON ({named}) "
        return Node("query", (text, items, " FROM ", source, where, f" ORDER BY {', '.join(order)}"))

    @staticmethod
    def total_order(scope: Scope) -> str:
        """Return an order in which no two different rows are equal."""
        return ", ".join(f"{c.name}::text" if c.kind in UNORDERED_TIES else c.name for c in scope.columns)

    def items(self, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a select list."""
        return Node("items", tuple(self._separated([self.expressions.make(k, scope, depth) for k in kinds])))

    def where(self, scope: Scope, depth: int) -> Node:
        """Return a WHERE clause or nothing."""
        if self.rng.random() < 0.4:
            return Node("where", (), True)
        return Node("where", (" WHERE ", self.expressions.condition(scope, depth)), True)

    def source(self, scope: Scope, depth: int) -> tuple[Node, Scope]:
        """Return a FROM list and what it brings into scope."""
        source, columns = self.relation(depth)
        for _ in range(self.rng.choice([0, 0, 1, 1, 2]) if depth > 0 else 0):
            other, more = self.relation(depth, before=Scope(columns, scope.outer))
            word = self.rng.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])
            if str(other).startswith("LATERAL") and word in ("RIGHT JOIN", "FULL JOIN"):
                word = "LEFT JOIN"
            both = columns + more
            condition: Node | str
            if word == "CROSS JOIN":
                condition = ""
            elif word == "FULL JOIN" or self.rng.random() < 0.6:
                # a full join needs a condition that can be hashed or merged
                condition = self._equality(columns, more)
            else:
                inner = Scope(both, scope.outer)
                condition = Node("on", (" ON ", self.expressions.make("boolean", inner, min(depth, 2))))
            source = Node("from", ("(", source, f" {word} ", other, condition, ")"))
            columns = both
        return source, Scope(columns, scope.outer)

    def _equality(self, left: tuple[Column, ...], right: tuple[Column, ...]) -> Node:
        pairs = [(a, b) for a in left for b in right if a.kind == b.kind]
        if not pairs:
            return Node("on", (" ON true",))
        one, other = self.rng.choice(pairs)
        more = ""
        if self.rng.random() < 0.3:
            extra = self.rng.choice(pairs)
            more = f" AND {extra[0].name} {self.rng.choice(['=', '=', '<', '>='])} {extra[1].name}"
        return Node("on", (f" ON {one.name} = {other.name}", Node("more", (more,), True)))

    def relation(self, depth: int, before: Scope | None = None) -> tuple[Node, tuple[Column, ...]]:
        """Return a table, a sub-select or a function with its columns; LATERAL ones name columns of ``before``."""
        rng = self.rng
        name = self._alias("r")
        roll = rng.random()
        if depth > 1 and roll < 0.12:
            kinds = [self.kind() for _ in range(rng.randint(1, 3))]
            lateral = "LATERAL " if before is not None and rng.random() < 0.5 else ""
            outer = Scope((), before.columns) if before is not None and lateral else Scope(())
            inner = self.query(outer, kinds, depth - 2)
            columns = tuple(Column(f"{name}.x{i}", kind) for i, kind in enumerate(kinds))
            return Node("from", (lateral, "(", inner, f") AS {name} ({self._names(kinds)})")), columns
        if roll < 0.17:
            return self._function(name, before)
        if roll < 0.21:
            left, right = rng.choice(self.world.tables), rng.choice(self.world.tables)
            word = rng.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
            text = f"(SELECT k, a.id AS x, b.id AS y FROM {left.name} a {word} {right.name} b USING (k)) AS {name}"
            return Node("from", (text,)), tuple(Column(f"{name}.{c}", "integer") for c in ("k", "x", "y"))
        if self._common and roll < 0.6:
            common, defined = rng.choice(self._common)
            return Node("from", (f"{common} AS {name}",)), tuple(Column(f"{name}.{c.name}", c.kind) for c in defined)
        table = rng.choice(self.world.readable)
        return Node("from", (f"{table.name} AS {name}",)), self.columns(table, name)

    def _function(self, name: str, before: Scope | None) -> tuple[Node, tuple[Column, ...]]:
        rng = self.rng
        outer = before if before is not None else Scope(())
        match rng.randrange(3):
            case 0:
                text: tuple[str | Node, ...] = (f"generate_series({rng.randint(-1, 2)}, {rng.randint(0, 4)})",)
                kind = "integer"
            case 1:
                text, kind = ("unnest(", self.expressions.make("integer[]", outer, 1), ")"), "integer"
            case _:
                text, kind = ("unnest(", self.expressions.make("text[]", outer, 1), ")"), "text"
        if rng.random() < 0.5:
            columns = (Column(f"{name}.x", kind), Column(f"{name}.n", "bigint"))
            return Node("from", ("LATERAL ", *text, f" WITH ORDINALITY AS {name} (x, n)")), columns
        return Node("from", ("LATERAL ", *text, f" AS {name} (x)")), (Column(f"{name}.x", kind),)

    @staticmethod
    def columns(table: Table, name: str) -> tuple[Column, ...]:
        """Return a table's columns as they are named under an alias."""
        return tuple(Column(f"{name}.{column}", kind) for column, kind in table.all_columns)

    def grouped(self, source: Node, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a query with GROUP BY, grouping sets too, or with aggregates over everything."""
        rng = self.rng
        keys = rng.sample(scope.columns, min(len(scope.columns), rng.randint(0, 3)))
        visible = Scope(tuple(keys), scope.outer)
        items: list[Node] = []
        names = [key.name for key in keys]
        sets = bool(keys) and rng.random() < 0.3
        for kind in kinds:
            if keys and rng.random() < 0.4:
                items.append(self._over_keys(kind, visible, depth))
            elif sets and kind == "integer" and rng.random() < 0.5:
                items.append(Node(kind, (f"grouping({', '.join(names)})",)))
            else:
                items.append(self.aggregate(kind, scope, depth))
        parts: list[str | Node] = ["SELECT ", Node("items", tuple(self._separated(items))), " FROM ", source]
        parts.append(self.where(scope, depth))
        if sets:
            form = rng.choice(["ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({}), ())", f"{names[0]}, ROLLUP ({{}})"])
            parts.append(" GROUP BY " + form.format(", ".join(names)))
        elif keys:
            parts.append(" GROUP BY " + ", ".join(names))
        if rng.random() < 0.3:
            if rng.random() < 0.5:
                operator = rng.choice([">", "<=", "="])
                parts.append(Node("having", (f" HAVING count(*) {operator} {rng.randint(0, 3)}",), True))
            else:
                condition = self.expressions.make("boolean", visible, 2)
                parts.append(Node("having", (" HAVING ", condition), True))
        return Node("query", tuple(parts))

    def _over_keys(self, kind: str, scope: Scope, depth: int) -> Node:
        grammar = self.expressions if self.rng.random() < 0.3 else Expressions(self.rng)
        return grammar.make(kind, scope, min(depth, 2))

    def aggregate(self, kind: str, scope: Scope, depth: int) -> Node:
        """Return an aggregate with a result of a type."""
        rng = self.rng
        grammar = Expressions(rng)

        def sub(k: str) -> Node:
            return grammar.make(k, scope, min(depth, 2))

        keep = Node("filter", (" FILTER (WHERE ", sub("boolean"), ")"), True) if rng.random() < 0.2 else ""
        distinct = rng.choice(["", "", "DISTINCT "])
        order = f" ORDER BY {self.total_order(scope)}" if scope.columns else ""

        def ordered(name: str, k: str, rest: str = "") -> Node:
            """An aggregate that shows in which order its rows came."""
            if k not in UNORDERED_TIES and rng.random() < 0.5:
                return Node(kind, (f"{name}(DISTINCT ", sub(k), f"{rest})", keep))
            return Node(kind, (f"{name}(", sub(k), f"{rest}{order})", keep))

        if kind == "bigint":
            roll = rng.random()
            if roll < 0.3:
                return Node(kind, ("count(*)", keep))
            if roll < 0.7:
                return Node(kind, (f"count({distinct}", sub(self.kind()), ")", keep))
            return Node(kind, (f"sum({distinct}", sub(rng.choice(["integer", "smallint"])), ")", keep))
        if kind == "numeric" and rng.random() < 0.7:
            name = rng.choice(["sum", "avg", "stddev", "var_pop", "variance", "stddev_pop"])
            argument = rng.choice(["integer", "bigint", "numeric", "smallint"])
            if name == "sum" and argument != "bigint":
                argument = "numeric"
            return Node(kind, (f"{name}({distinct}", sub(argument), ")", keep))
        if kind == "double precision" and rng.random() < 0.5:
            roll = rng.random()
            if roll < 0.3:
                within = f"({rng.choice(['0.5', '0', '1', '0.25'])}) WITHIN GROUP (ORDER BY "
                return Node(kind, (f"percentile_cont{within}", sub("integer"), ")", keep))
            if roll < 0.6:
                name = rng.choice(["regr_slope", "corr", "covar_pop", "regr_avgx", "regr_r2"])
                return Node(kind, (f"{name}(", sub("integer"), ", ", sub("integer"), ")", keep))
            return Node(kind, (f"avg({distinct}", sub("double precision"), ")", keep))
        if kind == "integer" and rng.random() < 0.4:
            if rng.random() < 0.5:
                return Node(kind, (f"{rng.choice(['bit_and', 'bit_or', 'bit_xor'])}(", sub(kind), ")", keep))
            return Node(kind, ("percentile_disc(0.5) WITHIN GROUP (ORDER BY ", sub(kind), ")", keep))
        if kind == "boolean":
            return Node(kind, (f"{rng.choice(['bool_and', 'bool_or', 'every'])}(", sub(kind), ")", keep))
        if kind == "text" and rng.random() < 0.5:
            return ordered("string_agg", "text", ", ','")
        if kind in ("integer[]", "text[]"):
            return ordered("array_agg", kind[:-2])
        if kind == "jsonb":
            if rng.random() < 0.5:
                return Node(kind, ("jsonb_agg(", sub(self.kind()), f"{order})", keep))
            return Node(
                kind, ("jsonb_object_agg(coalesce(", sub("text"), ", ''), ", sub(self.kind()), f"{order})", keep)
            )
        if kind == "interval" and rng.random() < 0.4:
            return Node(kind, ("sum(", sub(kind), ")", keep))
        if kind not in MIN_MAX:
            return Node(kind, ("(array_agg(", sub(kind), f"{order})", keep, ")[1]"))
        return Node(kind, (f"{rng.choice(['max', 'min'])}({distinct}", sub(kind), ")", keep))

    def windowed(self, source: Node, scope: Scope, kinds: list[str], depth: int) -> Node:
        """Return a query with window functions among its columns."""
        windows = Windows(self.rng, scope, self.total_order(scope))
        items = [
            windows.call(kind) if self.rng.random() < 0.6 else self.expressions.make(kind, scope, depth)
            for kind in kinds
        ]
        body = Node("items", tuple(self._separated(items)))
        return Node("query", ("SELECT ", body, " FROM ", source, self.where(scope, depth)))

    def _alias(self, prefix: str) -> str:
        self._aliases += 1
        return f"{prefix}{self._aliases}"

    @staticmethod
    def _names(kinds: list[str]) -> str:
        return ", ".join(f"x{i}" for i in range(len(kinds)))

    @staticmethod
    def _separated(nodes: list[Node]) -> list[str | Node]:
        parts: list[str | Node] = []
        for index, node in enumerate(nodes):
            parts += [", "] * (index > 0) + [node]
        return parts
