"""Random schedules, played here and then on PostgreSQL: do the same steps wait, fail and answer?

``python -m tests.isolation.random_schedules [--seconds 60] [--seed N]`` with a server in POSTGRESQL_REFERENCE, or one
that is started for the occasion. A schedule is made while it is played here, for only then it is known who waits; it is
printed where PostgreSQL does otherwise. Levels are read committed and repeatable read: at serializable the two refuse
transactions by different rules. A few in a hundred differ by what is no defect: whom PostgreSQL wakes first of several,
keys of rows that it looks at again because they were changed before in the same transaction, tables that are locked
when a statement begins rather than when its foreign keys are looked at.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from contextlib import nullcontext

import psycopg

from tests.differential.recording import Answer
from tests.differential.reference import reachable, started_cluster

from .play import Player, play, settle, shown
from .schedule import Case, Step
from .stages import OwnStage, ReferenceStage

__all__ = ["difference", "main"]

SETUP = (
    "CREATE TABLE p (id int PRIMARY KEY, v int, u int UNIQUE)",
    "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE, q int REFERENCES p (u), v int)",
    "CREATE TABLE d (id int UNIQUE DEFERRABLE, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO p VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3), (4, 40, NULL)",
    "INSERT INTO c VALUES (1, 1, NULL, 1), (2, 2, 3, 2)",
)
LOCKS = ("KEY SHARE", "SHARE", "NO KEY UPDATE", "UPDATE")
DATABASE = "isolation_random"


class _Writer:
    """Thinks of the next statement of a session."""

    def __init__(self, r: random.Random) -> None:
        self.r = r
        self.is_open = self.has_failed = False
        self.savepoints = 0
        self.left = r.randint(2, 9)

    def next(self) -> str:
        r = self.r
        self.left -= 1
        if not self.is_open:
            if r.random() < 0.25:
                return self.statement()
            self.is_open, self.savepoints = True, 0
            return f"BEGIN ISOLATION LEVEL {r.choice(('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ'))}"
        if self.has_failed:
            if self.savepoints and r.random() < 0.7:
                self.has_failed = False
                return "ROLLBACK TO s"
            return self.end("ROLLBACK")
        if self.left <= 0 or r.random() < 0.1:
            return self.end("COMMIT" if r.random() < 0.75 else "ROLLBACK")
        if r.random() < 0.1:
            self.savepoints += 1
            return "SAVEPOINT s"
        if self.savepoints and r.random() < 0.15:
            return "ROLLBACK TO s"
        return self.statement()

    def fail(self) -> None:
        """Note that the statement failed."""
        self.has_failed = self.is_open

    def end(self, word: str) -> str:
        self.is_open = self.has_failed = False
        return word

    def statement(self) -> str:
        r = self.r
        key, other, value = r.randint(1, 5), r.randint(1, 5), r.randint(100, 999)
        group = r.choice(("read", "lock", "p", "p", "p", "c", "c", "conflict", "advisory", "many", "many", "table"))
        if group == "read":
            return r.choice((
                f"SELECT * FROM p WHERE id = {key}",
                "SELECT * FROM p ORDER BY id",
                "SELECT * FROM c ORDER BY id",
                f"SELECT count(*), sum(v) FROM p WHERE u >= {other}",
                f"SELECT c.id, p.v FROM c JOIN p ON p.id = c.p WHERE p.id = {key} ORDER BY c.id",
            ))  # fmt: skip
        if group == "lock":
            wait = r.choice(("", "", " NOWAIT", " SKIP LOCKED"))
            where = r.choice((f"WHERE id = {key}", f"WHERE u = {key}", f"WHERE id = {key} AND v < 500"))
            return f"SELECT * FROM p {where} FOR {r.choice(LOCKS)}{wait}"
        if group == "p":
            return r.choice((
                f"UPDATE p SET v = v + {value} WHERE id = {key} RETURNING *",
                f"UPDATE p SET v = {value} WHERE id = {key} AND v < 500 RETURNING *",
                f"UPDATE p SET u = {other} WHERE id = {key} RETURNING *",
                f"UPDATE p SET id = {other} WHERE id = {key} RETURNING *",
                f"DELETE FROM p WHERE id = {key} RETURNING *",
                f"DELETE FROM p WHERE u = {key} RETURNING *",
                f"INSERT INTO p VALUES ({key}, {value}, {r.choice((other, 'NULL'))}) RETURNING *",
            ))  # fmt: skip
        if group == "c":
            return r.choice((
                f"INSERT INTO c VALUES ({other}, {key}, NULL, {value}) RETURNING *",
                f"INSERT INTO c VALUES ({other}, {key}, {r.randint(1, 4)}, {value}) RETURNING *",
                f"UPDATE c SET p = {key} WHERE id = {other} RETURNING *",
                f"UPDATE c SET v = {value} WHERE id = {other} RETURNING *",
                f"UPDATE c SET q = {key} WHERE id = {other} RETURNING *",
                f"DELETE FROM c WHERE id = {other} RETURNING *",
            ))  # fmt: skip
        if group == "conflict":
            target = r.choice(("(id)", "(u)"))
            action = r.choice(("NOTHING", "NOTHING", "UPDATE SET v = p.v + excluded.v", "UPDATE SET u = excluded.u"))
            target = "" if action == "NOTHING" and r.random() < 0.5 else target
            return f"INSERT INTO p VALUES ({key}, {value}, {other}) ON CONFLICT {target} DO {action} RETURNING *"
        if group == "many":
            return r.choice((
                f"SELECT id, v FROM p WHERE v < {value} ORDER BY id FOR {r.choice(LOCKS)}",
                f"SELECT p.id, c.id FROM p JOIN c ON c.p = p.id ORDER BY c.id FOR UPDATE OF {r.choice('pc')}",
                "UPDATE p SET v = v + c.v FROM c WHERE c.p = p.id AND c.id = 1 RETURNING p.*",
                f"UPDATE p SET v = (SELECT sum(v) FROM c) WHERE id = {key} RETURNING *",
                f"UPDATE c SET v = v + 1 WHERE p IN (SELECT id FROM p WHERE v > {value}) RETURNING *",
                f"DELETE FROM c WHERE p = {key} RETURNING *",
                f"INSERT INTO c SELECT id + {other}, id, u, v FROM p WHERE id = {key} RETURNING *",
                f"WITH gone AS (DELETE FROM c WHERE id = {key} RETURNING *) INSERT INTO p SELECT id, v FROM gone "
                "ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING *",
                f"INSERT INTO d VALUES ({key}, {other}) RETURNING *",
                f"UPDATE d SET p = {key} WHERE id = {other} RETURNING *",
                f"DELETE FROM d WHERE id = {key} RETURNING *",
                "SELECT * FROM d ORDER BY id",
            ))  # fmt: skip
        if group == "table":
            if not self.is_open or r.random() < 0.5:
                return "SELECT count(*) FROM p WHERE v > 15" if self.is_open else f"UPDATE p SET v = 5 WHERE id = {key}"
            modes = ("ROW SHARE", "ROW EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
            return f"LOCK TABLE {r.choice('pcd')} IN {r.choice(modes)} MODE{r.choice(('', ' NOWAIT'))}"
        return f"SELECT pg_{r.choice(('', 'try_'))}advisory_xact_lock{r.choice(('', '_shared'))}({key})"


def _play_here(seed: int) -> tuple[Case, list[str]]:
    """Make a schedule and play it; return it with what happened."""
    r = random.Random(seed)
    case = Case(f"seed {seed}", SETUP, ())
    stage = OwnStage(case)
    done = threading.Condition()
    names = "ABCD"[: r.randint(2, 4)]
    players = {name: Player(stage.open(), done) for name in names}
    writers = {name: _Writer(r) for name in names}
    texts = dict.fromkeys(names, "")
    steps: list[Step] = []
    lines: list[str] = []

    def note(name: str, answer: Answer) -> str:
        if answer.failure is not None and texts[name] not in ("COMMIT", "ROLLBACK"):
            writers[name].fail()
        return shown(texts[name], answer)

    try:
        while True:
            ready = [name for name in names if not players[name].is_busy]
            ready = [name for name in ready if writers[name].left > 0 or writers[name].is_open]
            if not ready:
                break
            name = r.choice(ready)
            texts[name] = writers[name].next()
            players[name].start(texts[name])
            if not settle(players, None, done):
                raise TimeoutError(f"neither waiting nor done: {lines}")
            answer = players[name].take()
            fails = answer is not None and answer.failure is not None and answer.failure.sqlstate == "40P01"
            steps.append(Step(name, texts[name], fails))
            lines.append(f"{name} {texts[name]} -> {'waits' if answer is None else note(name, answer)}")
            for other in names:
                late = players[other].take()
                if late is not None:
                    lines.append(f"  {other} -> {note(other, late)}")
    finally:
        for player in players.values():
            player.stop()
        stage.close()
    return Case(case.title, SETUP, tuple(steps)), lines


def _collated(lines: list[str]) -> list[str]:
    """Return the lines with answers that came late in the order of their sessions."""
    numbered, number = [], 0
    for line in lines:
        number += not line.startswith("  ")
        numbered.append((number, line.startswith("  "), line))
    return [line for _, _, line in sorted(numbered)]


def difference(seed: int, conninfo: str) -> str | None:
    """Play a schedule on both; return how they differ."""
    case, ours = _play_here(seed)
    stage = ReferenceStage(conninfo, DATABASE, case)
    try:
        theirs = play(case, stage)
    except (TimeoutError, ValueError) as error:
        return "\n".join([*ours, f"PostgreSQL: {error}"])
    finally:
        stage.close()
    ours, theirs = _collated(ours), _collated(theirs)
    if ours == theirs:
        return None
    same = next((i for i, (mine, other) in enumerate(zip(ours, theirs)) if mine != other), min(len(ours), len(theirs)))
    shown_lines = [*ours[:same], f"HERE       {ours[same : same + 3]}", f"PostgreSQL {theirs[same : same + 3]}"]
    return "\n".join([f"seed {seed}", *shown_lines])


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.isolation.random_schedules", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9), help="the first schedule's")
    arguments = parser.parse_args()
    print(f"schedules from seed {arguments.seed}", flush=True)
    end, seed, differing = time.monotonic() + arguments.seconds, arguments.seed, 0
    found = reachable()
    with nullcontext(found) if found else started_cluster() as conninfo:
        assert conninfo is not None
        with psycopg.connect(conninfo, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
            while time.monotonic() < end:
                report = difference(seed, conninfo)
                if report is not None:
                    differing += 1
                    print(report, end="\n\n", flush=True)
                seed += 1
            server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    print(f"{seed - arguments.seed} schedules, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
