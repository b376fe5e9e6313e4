"""A database on disk beside a naive model: tables, branches, merges, the past, and ends of the process.

The model copies everything. Each commit is a node with the whole state and its parents, as in git; a merge has two. So
it finds bases by walking the nodes, and merges by looking at every row, where the database looks at what has changed.
At every step what a branch shows by scan and by index is what the model has, and a refused statement has changed
nothing.

``STATEFUL_EXAMPLES=2000 pytest tests/test_stateful.py`` goes on for longer.
"""

from __future__ import annotations

import os
from contextlib import suppress
from copy import deepcopy
from typing import Any

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from heliosdb.database import Database
from heliosdb.errors import Error
from heliosdb.spi import Retention
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume, PowerLoss

Row = dict[str, Any]
Table = dict[int, Row]
TABLES = ("p", "c", "n")
MOST_BRANCHES = 5


@define
class State:
    """What a branch shows: rows by key, columns that were added to p with their defaults, indexes, more tables."""

    p: Table = field(factory=dict)
    c: Table = field(factory=dict)
    n: Table = field(factory=dict)
    added: dict[str, int | None] = field(factory=dict)
    names: dict[str, str] = field(factory=dict)
    """What added columns are called now; elsewhere they go by their first name."""
    indexes: set[str] = field(factory=set)
    tables: set[str] = field(factory=set)

    def columns(self, table: str) -> dict[str, int | None]:
        """Return a table's columns but the key, with their defaults."""
        return {"p": {"k": None, "v": None, **self.added}, "c": {"p": None}, "n": {"v": None}}[table]

    def violations(self) -> set[str]:
        """Return the SQLSTATEs of the constraints that do not hold."""
        keys = [row["k"] for row in self.p.values() if row["k"] is not None]
        found = {"23505"} if len(set(keys)) < len(keys) else set()
        if any(row["p"] is not None and row["p"] not in self.p for row in self.c.values()):
            found.add("23503")
        return found


@define(eq=False)
class Node:
    """A commit: its state, what came before it, and the branch that it was made on."""

    scn: int
    state: State
    parents: tuple[Node, ...]
    branch: Branch

    def ancestors(self) -> set[Node]:
        """Return this node and all before it."""
        found: set[Node] = set()
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += node.parents
        return found


@define(eq=False)
class Branch:
    """A branch, and the nodes that it has shown, what it has from before its fork included."""

    name: str
    parent: Branch | None
    nodes: list[Node] = field(factory=list)

    @property
    def head(self) -> Node:
        return self.nodes[-1]

    def at(self, scn: int) -> Node:
        return next(node for node in reversed(self.nodes) if node.scn <= scn)


class Conflict(Exception):
    """Both sides have changed the same."""


def merged_rows(name: str, base: State, source: State, target: State, columns: dict[str, Any], wins: str) -> Table:
    """Merge the rows of a table by key; raises Conflict where nobody wins."""
    sides: list[Table] = [getattr(state, name) for state in (base, source, target)]
    found: Table = {}
    for key in sorted(sides[0].keys() | sides[1].keys() | sides[2].keys()):
        b, x, y = (side.get(key) for side in sides)
        row = merged_row(b, x, y, columns, wins)
        if row is not None:
            found[key] = {column: row.get(column, default) for column, default in columns.items()}
    return found


def changed(before: Row, after: Row, columns: dict[str, Any]) -> bool:
    return any(before[name] != after[name] for name in columns if name in before and name in after)


def merged_row(b: Row | None, x: Row | None, y: Row | None, columns: dict[str, Any], wins: str) -> Row | None:
    if x is None:
        if b is None or y is None or not changed(b, y, columns):
            return y if b is None else None
        return None if decided(wins) == "source" else y
    if y is None:
        if b is None:
            return x
        if not changed(b, x, columns):
            return None
        return x if decided(wins) == "source" else None
    row = dict(y)
    for name in columns:
        if name not in x or (name in y and x[name] == y[name]):
            continue
        is_theirs = name not in y or (b is not None and name in b and y[name] == b[name])
        is_ours = not is_theirs and b is not None and name in b and x[name] == b[name]
        if is_theirs or (not is_ours and decided(wins) == "source"):
            row[name] = x[name]
    return row


def decided(wins: str) -> str:
    if wins == "fail":
        raise Conflict
    return "source" if wins == "branch_wins" else "target"


def three_ways(base: Any, source: Any, target: Any) -> set[Any]:
    """Merge sets: what one side has added or taken away."""
    return (set(target) | (set(source) - set(base))) - (set(base) - set(source))


def merged_state(base: State, source: State, target: State, wins: str) -> State:
    made = State(indexes=three_ways(base.indexes, source.indexes, target.indexes))
    made.tables = three_ways(base.tables, source.tables, target.tables)
    for column, default in {**source.added, **target.added}.items():
        was, theirs, ours = (side.names.get(column) for side in (base, source, target))
        if theirs not in (ours, was) and (ours == was or decided(wins) == "source"):
            ours = theirs
        if ours is not None:
            made.added[column], made.names[column] = default, ours
    for name in TABLES:
        setattr(made, name, merged_rows(name, base, source, target, made.columns(name), wins))
    return made


numbers = st.integers(0, 1 << 16)
keys = st.integers(0, 5)
values = st.integers(0, 3)


class Databases(RuleBasedStateMachine):
    """See the module."""

    @initialize()
    def start(self) -> None:
        self.volume = FaultyVolume()
        self.open()
        self.database.history.retain(Retention())
        self.session.execute("CREATE TABLE p (id int PRIMARY KEY, k int UNIQUE, v int)")
        self.session.execute("CREATE INDEX p_v ON p (v)")
        self.session.execute("CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p)")
        self.session.execute("CREATE TABLE n (id int, v int)")
        self.counter = 0
        main = Branch("main", None)
        state = State(c={0: {"p": 0}}, n={0: {"v": 0}})
        state.p = {key: {"k": key, "v": key} for key in range(4)}
        self.session.execute("INSERT INTO p SELECT i, i, i FROM generate_series(0, 3) AS g(i)")
        self.session.execute("INSERT INTO c VALUES (0, 0)")
        self.session.execute("INSERT INTO n VALUES (0, 0)")
        main.nodes.append(Node(self.scn, state, (), main))
        self.branches = {"main": main}
        self.current = main
        for parent in (0, 1):
            self.create_branch(parent, 1)

    def open(self) -> None:
        self.database = Database(volume=self.volume, plugins=["branch", "temporal"])
        self.session = self.database.session()

    @property
    def scn(self) -> int:
        return self.database.history.published

    @property
    def state(self) -> State:
        return self.current.head.state

    def next(self) -> int:
        self.counter += 1
        return self.counter

    def pick(self, number: int) -> Branch:
        return self.branches[sorted(self.branches)[number % len(self.branches)]]

    def run(
        self, text: str, expected: set[str] | frozenset[str] = frozenset(), allowed: frozenset[str] = frozenset()
    ) -> bool:
        """Run a statement; return whether it was done, or refused as it should be or may be."""
        refused = None
        try:
            self.session.execute(text)
        except Error as error:
            refused = error
        if refused is not None:
            assert refused.sqlstate in expected | allowed, (text, refused, expected)
            return False
        assert not expected, (text, "was to be refused", expected)
        return True

    def write(self, text: str, after: State, expected: set[str] | None = None) -> None:
        """Run a statement that leads to a state, or to what violates something."""
        expected = after.violations() if expected is None else expected
        if self.run(text, expected) and self.scn > self.current.head.scn:
            self.current.nodes.append(Node(self.scn, after, (self.current.head,), self.current))
        self.compare(self.current)

    # -- rows

    @rule(branch=numbers, key=keys, k=keys | st.none(), v=values)
    def insert(self, branch: int, key: int, k: int | None, v: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        expected = {"23505"} if key in after.p else None
        after.p[key] = {"k": k, "v": v, **after.added}
        self.write(f"INSERT INTO p (id, k, v) VALUES ({key}, {sql(k)}, {v})", after, expected)

    @rule(branch=numbers, key=keys, k=keys, v=values)
    def update(self, branch: int, key: int, k: int, v: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        if key in after.p:
            after.p[key] |= {"k": k, "v": v}
        self.write(f"UPDATE p SET k = {k}, v = {v} WHERE id = {key}", after)

    @rule(branch=numbers, key=keys, v=values)
    def update_one_column(self, branch: int, key: int, v: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        name = next(iter(after.added), "v")
        if key in after.p:
            after.p[key][name] = v
        self.write(f"UPDATE p SET {after.names.get(name, name)} = {v} WHERE id = {key}", after)

    @rule(branch=numbers, key=keys, new=keys)
    def change_key(self, branch: int, key: int, new: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        expected = None
        if key in after.p and new != key:
            row = after.p.pop(key)
            expected = ({"23505"} if new in after.p else set()) | ({"23503"} if self.is_referenced(key) else set())
            after.p[new] = row
        self.write(f"UPDATE p SET id = {new} WHERE id = {key}", after, expected)

    def is_referenced(self, key: int) -> bool:
        return any(row["p"] == key for row in self.state.c.values())

    @rule(branch=numbers, v=values)
    def delete(self, branch: int, v: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        after.p = {key: row for key, row in after.p.items() if row["v"] != v}
        self.write(f"DELETE FROM p WHERE v = {v}", after)

    @rule(branch=numbers, key=keys, parent=keys | st.none())
    def child(self, branch: int, key: int, parent: int | None) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        expected = {"23505"} if key in after.c else None
        after.c[key] = {"p": parent}
        self.write(f"INSERT INTO c VALUES ({key}, {sql(parent)})", after, expected)

    @rule(branch=numbers, key=keys)
    def orphan(self, branch: int, key: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        after.c.pop(key, None)
        self.write(f"DELETE FROM c WHERE id = {key}", after)

    @rule(branch=numbers, v=values, number=numbers)
    def without_a_key(self, branch: int, v: int, number: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        if number % 3 == 0 or not after.n:
            tag = self.next()
            after.n[tag] = {"v": v}
            self.write(f"INSERT INTO n VALUES ({tag}, {v})", after)
            return
        tag = sorted(after.n)[number % len(after.n)]
        if number % 3 == 1:
            after.n[tag]["v"] = v
            self.write(f"UPDATE n SET v = {v} WHERE id = {tag}", after)
        else:
            del after.n[tag]
            self.write(f"DELETE FROM n WHERE id = {tag}", after)

    @rule(branch=numbers, key=keys, v=values, commits=st.booleans())
    def transaction(self, branch: int, key: int, v: int, commits: bool) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        texts = ["BEGIN", f"UPDATE p SET v = {v}", "SAVEPOINT s", "DELETE FROM c", "ROLLBACK TO s"]
        texts.append(f"DELETE FROM c WHERE id = {key}")
        for text in texts:
            self.run(text)
        if commits:
            for row in after.p.values():
                row["v"] = v
            after.c.pop(key, None)
        self.write("COMMIT" if commits else "ROLLBACK", after)

    # -- definitions

    @rule(branch=numbers, v=values | st.none())
    def add_column(self, branch: int, v: int | None) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        name = f"a{self.next()}"
        after.added[name], after.names[name] = v, name
        for row in after.p.values():
            row[name] = v
        self.write(f"ALTER TABLE p ADD COLUMN {name} int DEFAULT {sql(v)}", after)

    @rule(branch=numbers, number=numbers)
    def drop_column(self, branch: int, number: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        if not after.added:
            return
        name = sorted(after.added)[number % len(after.added)]
        del after.added[name]
        for row in after.p.values():
            del row[name]
        self.write(f"ALTER TABLE p DROP COLUMN {after.names.pop(name)}", after)

    @rule(branch=numbers, number=numbers)
    def rename_column(self, branch: int, number: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        if not after.added:
            return
        column = sorted(after.added)[number % len(after.added)]
        before, after.names[column] = after.names[column], f"r{self.next()}"
        self.write(f"ALTER TABLE p RENAME COLUMN {before} TO {after.names[column]}", after)

    @rule(branch=numbers)
    def create_index(self, branch: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        name = f"i{self.next()}"
        after.indexes.add(name)
        self.write(f"CREATE INDEX {name} ON p (v, k)", after)

    @rule(branch=numbers, number=numbers)
    def make_or_drop_table(self, branch: int, number: int) -> None:
        self.work_on(self.pick(branch))
        after = deepcopy(self.state)
        if number % 2 or not after.tables:
            name = f"e{self.next()}"
            after.tables.add(name)
            self.write(f"CREATE TABLE {name} AS SELECT 1 AS x", after)
        else:
            name = sorted(after.tables)[number % len(after.tables)]
            after.tables.discard(name)
            self.write(f"DROP TABLE {name}", after)

    # -- branches

    def work_on(self, branch: Branch) -> None:
        self.run(f'USE BRANCH "{branch.name}"')
        self.current = branch

    @precondition(lambda self: len(self.branches) < MOST_BRANCHES)
    @rule(branch=numbers, back=numbers)
    def create_branch(self, branch: int, back: int) -> None:
        parent = self.pick(branch)
        made = Branch(f"b{self.next()}", parent)
        scn = self.scn
        text = f'CREATE BRANCH {made.name} FROM "{parent.name}"'
        if back % 3 == 0:
            first = parent.nodes[0].scn
            scn = first + back % (scn - first + 1)
            text += f" AS OF SCN {scn}"
        made.nodes = [node for node in parent.nodes if node.scn <= scn]
        if self.run(text):
            self.branches[made.name] = made
            self.work_on(made)
            self.compare(made)

    @rule(branch=numbers)
    def drop_branch(self, branch: int) -> None:
        gone = self.pick(branch)
        if gone.name != "main":
            if gone is self.current:
                self.work_on(self.branches["main"])
            self.run(f"DROP BRANCH {gone.name}")
            del self.branches[gone.name]

    @rule(source=numbers, step=st.integers(0, MOST_BRANCHES))
    def merge(self, source: int, step: int) -> None:
        self.merge_one(source, step, "fail")

    @rule(source=numbers, step=st.integers(0, MOST_BRANCHES), wins=st.sampled_from(["branch_wins", "target_wins"]))
    def merge_one(self, source: int, step: int, wins: str) -> None:
        one = self.pick(source)
        other = self.pick(source + 1 + step % max(1, len(self.branches) - 1))
        text = f'MERGE BRANCH "{one.name}" INTO "{other.name}" WITH (conflict_resolution = \'{wins}\')'
        if one is other:
            self.run(text, {"22023"})
            return
        after, expected, allowed = self.merged(one, other, wins)
        if self.run(text, expected, allowed):
            other.nodes.append(Node(self.scn, after, (other.head, one.head), other))
        self.compare(one)
        self.compare(other)

    def merged(self, source: Branch, target: Branch, wins: str) -> tuple[State, set[str], frozenset[str]]:
        """Return what a merge leads to, the errors with which it is refused, if any, and those with which it may be.

        With two bases that come to the same it may be refused even so: the database compares how it is come to.
        """
        outcomes: list[tuple[State | None, set[str]]] = []
        for base in self.bases(source, target):
            try:
                state = merged_state(base.state, source.head.state, target.head.state, wins)
                outcomes.append((state, state.violations()))
            except Conflict:
                outcomes.append((None, {"40001"}))
        states = [state for state, _ in outcomes]
        state = states[0] or target.head.state
        crosswise = frozenset({"55000"} if len(outcomes) > 1 else ())
        if any(other != states[0] for other in states):
            return state, {"55000"}, frozenset()
        return state, set().union(*(errors for _, errors in outcomes)), crosswise

    def bases(self, source: Branch, target: Branch) -> list[Node]:
        """Return the last nodes that both have, as far as their branch is there or others start from it."""
        known: set[Branch] = set()
        for branch in self.branches.values():
            ancestor: Branch | None = branch
            while ancestor is not None:
                known.add(ancestor)
                ancestor = ancestor.parent
        common = {node for node in source.head.ancestors() & target.head.ancestors() if node.branch in known}
        return [node for node in common if not any(node is not n and node in n.ancestors() for n in common)]

    # -- the past, and ends

    @rule(branch=numbers, number=numbers)
    def read_the_past(self, branch: int, number: int) -> None:
        self.work_on(self.pick(branch))
        first = self.branches["main"].nodes[0].scn
        scn = first + number % (self.scn - first + 1)
        then = self.current.at(scn).state
        found = self.rows(f"SELECT id, v FROM n AS OF SCN {scn} ORDER BY id")
        assert found == [(tag, row["v"]) for tag, row in sorted(then.n.items())]
        if then.added == self.state.added:
            found = self.rows(f"SELECT id, k, v FROM p AS OF SCN {scn} ORDER BY id")
            assert found == [(key, row["k"], row["v"]) for key, row in sorted(then.p.items())]

    @rule()
    def vacuum(self) -> None:
        self.session.execute("VACUUM")

    @rule(closes=st.booleans())
    def open_again(self, closes: bool) -> None:
        if closes:
            self.session.close()
            self.database.close()
        else:
            self.volume.lose_power()
            self.database.workers.stop()
            assert self.database.store.maintenance is not None
            with suppress(PowerLoss):
                self.database.store.maintenance.stop()
        self.volume = self.volume.kill()
        self.open()
        for branch in self.branches.values():
            self.compare(branch)
        self.work_on(self.branches["main"])

    # -- looking

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return list(self.session.execute(text)[-1].rows)

    def compare(self, branch: Branch) -> None:
        """A branch shows what the model has."""
        self.run(f'USE BRANCH "{branch.name}"')
        state = branch.head.state
        for name in TABLES:
            columns = list(state.columns(name))
            expected = [(key, *(row[c] for c in columns)) for key, row in sorted(getattr(state, name).items())]
            called = ", ".join(state.names.get(c, c) for c in columns)
            assert self.rows(f"SELECT id, {called} FROM {name} ORDER BY id") == expected, branch.name
        for v in range(4):
            with_value = sorted(key for key, row in state.p.items() if row["v"] == v)
            assert self.rows(f"SELECT id FROM p WHERE v = {v} ORDER BY id") == [(key,) for key in with_value]
        for k in range(6):
            with_key = [(key,) for key, row in state.p.items() if row["k"] == k]
            assert self.rows(f"SELECT id FROM p WHERE k = {k}") == with_key
        found = self.rows("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'i%' ORDER BY 1")
        assert found == [(name,) for name in sorted(state.indexes)]
        found = self.rows("SELECT tablename FROM pg_tables WHERE tablename LIKE 'e%' ORDER BY 1")
        assert found == [(name,) for name in sorted(state.tables)]
        self.run(f'USE BRANCH "{self.current.name}"')

    def teardown(self) -> None:
        if hasattr(self, "branches"):
            for branch in self.branches.values():
                self.compare(branch)
            assert verify(self.database).problems == ()
            self.database.close()


def sql(value: int | None) -> str:
    return "NULL" if value is None else str(value)


TestDatabases = Databases.TestCase
TestDatabases.settings = settings(
    max_examples=int(os.environ.get("STATEFUL_EXAMPLES", "15")),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
