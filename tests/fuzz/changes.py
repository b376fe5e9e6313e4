"""Random changes: INSERT, UPDATE, DELETE, TRUNCATE and definitions, in transactions with savepoints, by one session."""

from __future__ import annotations

import random

from .expressions import Expressions, Scope
from .queries import UNORDERED_TIES, Queries
from .tree import Node, listing
from .world import Table, World, literal

__all__ = ["Changes"]


class Changes:
    """The grammar of changes to one world."""

    def __init__(self, rng: random.Random, world: World, queries: Queries) -> None:
        self.rng = rng
        self.world = world
        self.queries = queries
        self.expressions: Expressions = queries.expressions
        self._savepoints = 0

    def series(self) -> Node:
        """Return some changes, most of them in transactions."""
        self._savepoints = 0
        steps = [self.step() for _ in range(self.rng.randint(2, 7))]
        if self.rng.random() < 0.6:
            end = self.rng.choice(["COMMIT", "COMMIT", "ROLLBACK"])
            level = self.rng.choice(["", "", " ISOLATION LEVEL REPEATABLE READ", " ISOLATION LEVEL SERIALIZABLE"])
            steps = [Node("control", (f"BEGIN{level}",)), *steps, Node("control", (end,))]
            if self.rng.random() < 0.5:
                steps.append(self.step())
        return listing("series", steps, ";\n")

    def step(self) -> Node:
        """Return one statement of a series."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.1 and self._savepoints < 4:
            self._savepoints += 1
            return Node("control", (f"SAVEPOINT s{self._savepoints}",))
        if roll < 0.2 and self._savepoints:
            word = rng.choice(["ROLLBACK TO", "ROLLBACK TO", "RELEASE"])
            return Node("control", (f"{word} s{rng.randint(1, self._savepoints)}",))
        if roll < 0.23:
            return Node("control", (f"TRUNCATE {rng.choice(self.world.tables).name}",))
        if roll < 0.28:
            return self.definition()
        return self.change()

    def definition(self) -> Node:
        """Return a change of a table's definition."""
        rng = self.rng
        table = rng.choice(self.world.tables)
        name = rng.choice(table.columns[2:])[0]
        forms = [
            f"CREATE INDEX ON {table.name} ({name}, k)",
            f"CREATE UNIQUE INDEX ON {table.name} (id)",
            f"CREATE UNIQUE INDEX ON {table.name} (k, {name}) WHERE k = 1",
            f"ALTER TABLE {table.name} ADD COLUMN z{rng.randint(1, 3)} integer DEFAULT 5",
            f"ALTER TABLE {table.name} DROP COLUMN {name}",
            f"ALTER TABLE {table.name} ADD CHECK (k < 10)",
            f"ALTER TABLE {table.name} ALTER COLUMN k SET NOT NULL",
            f"ALTER TABLE {table.name} ALTER COLUMN k TYPE bigint",
            f"ALTER TABLE {table.name} ALTER COLUMN {name} TYPE text",
            f"ALTER TABLE {table.name} ALTER COLUMN {name} SET DEFAULT NULL",
            f"ALTER TABLE {table.name} RENAME COLUMN {name} TO q",
        ]
        return Node("control", (rng.choice(forms),))

    def change(self) -> Node:
        """Return an INSERT, UPDATE or DELETE with RETURNING."""
        rng = self.rng
        table = rng.choice(self.world.readable)
        roll = rng.random()
        if roll < 0.05:
            return self._merge(table)
        if roll < 0.35:
            return self._update(table)
        if roll < 0.5:
            return self._delete(table)
        if roll < 0.55:
            return self._chained(table)
        return self._insert(table)

    def _chained(self, table: Table) -> Node:
        """Return a change whose rows are what another change returned."""
        rng = self.rng
        forms = [
            f"DELETE FROM {table.name} WHERE k = {rng.randint(0, 3)} RETURNING id, k",
            f"UPDATE {table.name} SET k = k + 1 WHERE id < 3 RETURNING id, k",
            f"INSERT INTO {table.name} (id, k) VALUES (900, 1) RETURNING id, k",
        ]
        apart = rng.randint(1000, 10**6)  # else it matters how far the first change has come when a row is inserted
        insert = f"INSERT INTO {rng.choice(self.world.tables).name} (id, k) SELECT id + {apart}, k FROM w RETURNING id"
        return Node("change", (f"WITH w AS ({rng.choice(forms)}) {insert}",))

    def _merge(self, table: Table) -> Node:
        """Return a MERGE whose source has at most one row for each row of the target."""
        rng = self.rng
        other = rng.choice(self.world.tables)
        scope = Scope((*self.queries.columns(table, "m"), *self.queries.columns(other, "s")))
        name, kind = rng.choice(table.columns[1:])
        source = f"(SELECT DISTINCT ON (id) * FROM {other.name} ORDER BY id, k, {other.columns[2][0]}::text)"
        make = self.expressions.make
        matched = Node("when", (" WHEN MATCHED AND ", make("boolean", scope, 1), " THEN DELETE"), True)
        update = Node("when", (f" WHEN MATCHED THEN UPDATE SET {name} = ", make(kind, scope, 1)), True)
        missing = f" WHEN NOT MATCHED AND s.id IS NOT NULL THEN INSERT (id, {name}) VALUES (s.id + 2000, "
        own = Scope(self.queries.columns(other, "s"))
        insert = Node("when", (missing, make(kind, own, 1), ")"), True)
        nothing = Node("when", (" WHEN NOT MATCHED THEN DO NOTHING",))
        start = f"MERGE INTO {table.name} AS m USING {source} AS s ON m.id = s.{rng.choice(['id', 'id', 'k'])}"
        return Node("change", (start, matched, update, insert, nothing))

    def _scope(self, table: Table) -> Scope:
        return Scope(self.queries.columns(table, table.name))

    def _where(self, scope: Scope) -> Node:
        if self.rng.random() < 0.4 and scope.columns:
            name = self.rng.choice([c for c in scope.columns if c.name.endswith((".id", ".k"))]).name
            test = self.rng.choice(["= 1", "> 2", "IN (0, 2, 5)", "IS NULL", "BETWEEN 1 AND 6", "< 3"])
            return Node("where", (f" WHERE {name} {test}",), True)
        return Node("where", (" WHERE ", self.expressions.condition(scope, 2)), True)

    def _update(self, table: Table) -> Node:
        rng = self.rng
        scope = self._scope(table)
        parts: list[str | Node] = []
        source = ""
        if rng.random() < 0.2:
            # rows that meet several partners take any of them: only values of the table itself are set then
            source = f" FROM {rng.choice(self.world.tables).name} AS o"
            where = Node("where", (f" WHERE {table.name}.k = o.id",))
        else:
            where = self._where(scope)
        for number, (name, kind) in enumerate(rng.sample(table.columns[1:], rng.randint(1, 2))):
            value = self.expressions.make(kind, scope, 2) if rng.random() < 0.9 else Node("default", ("DEFAULT",))
            parts += [", " * (number > 0), f"{name} = ", value]
        if table.keyed and rng.random() < 0.2:
            parts.append(f", id = {table.name}.id + {rng.choice(['100', '1000'])}")
        return Node("change", (f"UPDATE {table.name} SET ", *parts, source, where, self._returning(table)))

    def _delete(self, table: Table) -> Node:
        if self.rng.random() < 0.2:
            other = self.rng.choice(self.world.tables)
            text = f"DELETE FROM {table.name} USING {other.name} AS o WHERE {table.name}.id = o.k"
            return Node("change", (text, self._returning(table)))
        return Node("change", (f"DELETE FROM {table.name}", self._where(self._scope(table)), self._returning(table)))

    def _returning(self, table: Table) -> Node:
        if self.rng.random() < 0.5:
            names = ", ".join(f"{table.name}.{name}" for name, _ in table.all_columns)
            return Node("returning", (f" RETURNING {names}",), True)
        value = Expressions(self.rng).make(self.queries.kind(), self._scope(table), 2)
        return Node("returning", (" RETURNING ", value), True)

    def _insert(self, table: Table) -> Node:
        rng = self.rng
        names = ", ".join(name for name, _ in table.columns)
        if rng.random() < 0.5:
            rows = listing("rows", [self._row(table) for _ in range(rng.randint(1, 4))])
            body = Node("values", ("VALUES ", rows))
        else:
            body = self._selected(table)
        conflict = ""
        if rng.random() < 0.4:
            forms = [" ON CONFLICT DO NOTHING"]
            if table.keyed:
                name, _ = rng.choice(table.columns[1:])
                forms += [
                    f" ON CONFLICT (id) DO UPDATE SET {name} = excluded.{name}",
                    f" ON CONFLICT (id) DO UPDATE SET k = {table.name}.k + 1 WHERE {table.name}.k < excluded.k",
                    " ON CONFLICT (id) DO NOTHING",
                ]
            conflict = rng.choice(forms)
        clause = Node("conflict", (conflict,), True)
        return Node("change", (f"INSERT INTO {table.name} ({names}) ", body, clause, self._returning(table)))

    def _selected(self, table: Table) -> Node:
        """Return a query whose rows can be inserted, in a known order."""
        kinds = ["integer", *(kind for _, kind in table.columns[2:])]
        inner = self.queries.query(Scope(()), kinds, 1)
        columns = ", ".join(f"q.x{i}" for i in range(len(kinds)))
        given = ", ".join(f"x{i}" for i in range(len(kinds)))
        order = ", ".join(f"q.x{i}{'::text' * (kind in UNORDERED_TIES)}" for i, kind in enumerate(kinds))
        number = f"{self.rng.choice([100, 200, 300])} + row_number() OVER (ORDER BY {order})"
        return Node("values", (f"SELECT {number}, {columns} FROM (", inner, f") AS q ({given}) ORDER BY {order}"))

    def _row(self, table: Table) -> Node:
        rng = self.rng
        key = str(rng.choice([0, 1, 2, 50, 51, 52, 53, 54]))
        parts: list[str | Node] = [key, ", ", rng.choice(["NULL", "0", "1", "2", "3", "60"])]
        for _, kind in table.columns[2:]:
            roll = rng.random()
            value: str | Node = "DEFAULT" if roll < 0.05 else "NULL" if roll < 0.15 else literal(rng, kind)
            if roll > 0.7:
                value = self.expressions.make(kind, Scope(()), 1)
            parts += [", ", value]
        return Node("row", ("(", *parts, ")"))
