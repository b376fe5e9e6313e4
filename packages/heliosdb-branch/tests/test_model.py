"""Random statements on several branches beside plain dicts that copy everything.

Each round makes, renames and drops branches, now and at earlier SCNs, changes rows and definitions on them, and ends
the process on the way: closed, killed, struck by a power loss between two statements or within one. After each step the
branch that it was on shows what its dicts hold, by scan and by index; at the end of each life all of them do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from attrs import define, field

from heliosdb.database import Database
from heliosdb.errors import Error
from heliosdb.spi import Retention
from heliosdb_testkit import FaultyVolume, PowerLoss

STEPS = 150


@define
class State:
    """What a branch shows: rows of t and of c, which refers to t, by key; columns that were added to t."""

    t: dict[int, tuple[int, int]] = field(factory=dict)
    c: dict[int, int] = field(factory=dict)
    added: list[int] = field(factory=list)

    def rows(self) -> list[tuple[int, ...]]:
        return [(key, *values, *self.added) for key, values in sorted(self.t.items())]


Branches = dict[str, list[tuple[int, State]]]
"""By name: what each branch showed from which SCN on, what it has from before its fork included."""


@contextmanager
def quiet_ends() -> Iterator[None]:
    """Let threads of the database end by the power loss without a report."""
    before = threading.excepthook
    threading.excepthook = lambda args: None if isinstance(args.exc_value, PowerLoss) else before(args)
    try:
        yield
    finally:
        threading.excepthook = before


class Round:
    """A database and its model."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.volume = FaultyVolume()
        self.number = 0
        self.done = 0
        self.refused = 0
        self.open()
        self.database.history.retain(Retention())
        self.session.execute("CREATE TABLE t (id int PRIMARY KEY, k int UNIQUE, v int)")
        self.session.execute("CREATE INDEX t_v ON t (v)")
        self.session.execute("CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)")
        self.branches: Branches = {"main": [(self.scn, State())]}

    def open(self) -> None:
        self.database = Database(volume=self.volume, plugins=["branch"])
        self.session = self.database.session()

    @property
    def scn(self) -> int:
        return self.database.history.published

    def step(self) -> None:
        """Do one thing, and see that it was done, or was refused as it should be."""
        name = self.random.choice(list(self.branches))
        self.session.execute(f'USE BRANCH "{name}"')
        text, sqlstate, after = self.random.choice((self.write, self.write, self.write, self.write, self.branch))(name)
        crashes = self.random.random() < 0.1
        if crashes:
            self.volume.crash_at(self.random.randint(1, 4))
        try:
            answer = self.answer(text)
        except PowerLoss:
            before = self.branches
            self.again(self.volume.crash)
            if self.shows(after):
                self.branches = after
            else:
                assert self.shows(before), text
            return
        assert answer == sqlstate, text
        if answer is not None:
            self.refused += 1
            after = self.branches
        if crashes:
            self.branches = after
            self.again(self.volume.crash)
        self.done += 1
        self.branches = after
        touched = name if name in after else "main"
        states = after[touched]
        if states[-1][0] < 0:
            states[-1] = (self.scn, states[-1][1])
        self.compare(touched)

    def answer(self, text: str) -> str | None:
        """Run a statement and return the SQLSTATE of its error."""
        try:
            self.session.execute(text)
        except Error as error:
            return error.sqlstate
        return None

    def write(self, name: str) -> tuple[str, str | None, Branches]:
        """Return a statement for a branch, the error it should raise, and what is so afterwards."""
        random = self.random
        after = dict(self.branches)
        state = deepcopy(after[name][-1][1])
        # -1: the SCN that it is about to get.
        after[name] = [*after[name], (-1, state)]
        key, k, v = random.randrange(12), random.randrange(12), random.randrange(4)
        taken = {values[0] for other, values in state.t.items() if other != key}
        match random.choice(("insert", "insert", "update", "update", "delete", "child", "child", "column")):
            case "insert":
                if key in state.t or k in taken:
                    return f"INSERT INTO t (id, k, v) VALUES ({key}, {k}, {v})", "23505", self.branches
                state.t[key] = (k, v)
                return f"INSERT INTO t (id, k, v) VALUES ({key}, {k}, {v})", None, after
            case "update":
                text = f"UPDATE t SET k = {k}, v = {v} WHERE id = {key}"
                if key not in state.t:
                    return text, None, self.branches
                if k in taken:
                    return text, "23505", self.branches
                state.t[key] = (k, v)
                return text, None, after
            case "delete":
                gone = {key for key, values in state.t.items() if values[1] == v}
                state.t = {key: values for key, values in state.t.items() if key not in gone}
                state.c = {child: parent for child, parent in state.c.items() if parent not in gone}
                return f"DELETE FROM t WHERE v = {v}", None, after
            case "child":
                text = f"INSERT INTO c VALUES ({k}, {key})"
                if k in state.c or key not in state.t:
                    return text, "23505" if k in state.c else "23503", self.branches
                state.c[k] = key
                return text, None, after
        if len(state.added) > 3:
            return "ALTER TABLE t ADD COLUMN x0 int", "42701", self.branches
        state.added.append(v)
        return f"ALTER TABLE t ADD COLUMN x{len(state.added) - 1} int DEFAULT {v}", None, after

    def branch(self, name: str) -> tuple[str, str | None, Branches]:
        """Return a statement about branches, as ``write`` does."""
        random = self.random
        after = dict(self.branches)
        self.number += 1
        match random.choice(("create", "create", "past", "rename", "drop", "drop", "replace")):
            case "create" if len(after) < 8:
                after[f"b-{self.number}"] = list(after[name])
                return f"CREATE BRANCH b-{self.number}", None, after
            case "past" if len(after) < 8:
                scn = random.randint(after["main"][0][0], self.scn)
                after[f"p-{self.number}"] = [entry for entry in after[name] if entry[0] <= scn]
                return f'CREATE BRANCH p-{self.number} FROM "{name}" AS OF SCN {scn}', None, after
            case "rename":
                other = random.choice(list(after))
                if other == "main":
                    return "ALTER BRANCH main RENAME TO other", "55006", self.branches
                after[f"r-{self.number}"] = after.pop(other)
                return f"ALTER BRANCH {other} RENAME TO r-{self.number}", None, after
            case "replace" if len(after) > 1:
                other = random.choice([found for found in after if found != "main"])
                after["main"] = after.pop(other)
                return f'DROP BRANCH main; ALTER BRANCH "{other}" RENAME TO main', None, after
        other = random.choice(list(after))
        if other in ("main", name):
            return f"DROP BRANCH {other}", None if other == "main" else "55006", self.branches
        del after[other]
        return f"DROP BRANCH {other}", None, after

    # -- looking

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return list(self.session.execute(text)[-1].rows)

    def compare(self, name: str) -> None:
        """A branch shows what the model has."""
        state = self.branches[name][-1][1]
        self.session.execute(f'USE BRANCH "{name}"')
        assert self.rows("SELECT * FROM t ORDER BY id") == state.rows(), name
        assert self.rows("SELECT * FROM c ORDER BY id") == sorted(state.c.items()), name
        for v in range(4):
            expected = sorted(key for key, values in state.t.items() if values[1] == v)
            assert self.rows(f"SELECT id FROM t WHERE v = {v} ORDER BY id") == [(key,) for key in expected], name
        for k in range(12):
            found = [(key,) for key, values in state.t.items() if values[0] == k]
            assert self.rows(f"SELECT id FROM t WHERE k = {k}") == found, name

    def shows(self, branches: Branches) -> bool:
        """Whether the database is what a model says, and if so note the SCNs that it did not know."""
        if {name for (name,) in self.rows("SELECT name FROM heliosdb_branches")} != set(branches):
            return False
        for name, states in branches.items():
            self.session.execute(f'USE BRANCH "{name}"')
            columns = (
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 3 AND NOT attisdropped"
            )
            state = states[-1][1]
            if self.rows("SELECT * FROM t ORDER BY id") != state.rows():
                return False
            if self.rows("SELECT * FROM c ORDER BY id") != sorted(state.c.items()):
                return False
            if self.rows(columns) != [(len(state.added),)]:
                return False
        for states in branches.values():
            if states[-1][0] < 0:
                states[-1] = (self.scn, states[-1][1])
        return True

    def compare_all(self) -> None:
        found = {name for (name,) in self.rows("SELECT name FROM heliosdb_branches")}
        assert found == set(self.branches)
        for name in self.branches:
            self.compare(name)

    # -- ends

    def again(self, left: Callable[[Random], FaultyVolume]) -> None:
        """Open what a power loss has left."""
        self.volume.lose_power()
        self.database.workers.stop()
        maintenance = self.database.store.maintenance
        assert maintenance is not None
        with suppress(PowerLoss):
            maintenance.stop()
        self.volume = left(self.random)
        self.open()

    def end(self) -> None:
        """End the process in some way, and look at everything in the next."""
        match self.random.choice(("close", "kill", "power")):
            case "close":
                self.session.close()
                self.database.close()
                self.volume = self.volume.kill()
                self.open()
            case "kill":
                self.again(lambda random: self.volume.kill())
            case _:
                self.again(self.volume.crash)
        self.compare_all()


@pytest.mark.parametrize("seed", range(6))
def test_branches_are_their_forks_and_their_own_changes(seed: int) -> None:
    with quiet_ends():
        played = Round(seed)
        for _ in range(STEPS):
            played.step()
            if played.random.random() < 0.03:
                played.end()
        played.end()
        played.database.close()
    assert played.done > STEPS / 2
    assert played.refused > 5
