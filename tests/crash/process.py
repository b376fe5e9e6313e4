"""Real processes on a real directory: threads move money and report each answered commit, until SIGKILL ends them.

A transfer is one transaction: two accounts change, and a line of the ledger says from where to where. Whatever moment
the process ends at, the ledger holds each thread's transfers from the first to the last that it reported, at most the
one under way more, and the accounts are what the ledger makes of them.

    python -m tests.crash.process DIRECTORY SEED     works until it is killed
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

from heliosdb.database import Database
from heliosdb.errors import SerializationFailure

from .check import index_problems, rows_of

__all__ = ["THREADS", "Bank", "prepare", "transfer", "verify_ledger"]

ACCOUNTS = 20
MONEY = 1000
THREADS = 4

SCHEMA = (
    "BEGIN",
    "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)",
    "CREATE TABLE ledger (id serial PRIMARY KEY, thread int, number int, giver int, taker int, amount int, note text, "
    "UNIQUE (thread, number))",
    "CREATE INDEX ON ledger (giver)",
    f"INSERT INTO account SELECT g, {MONEY} FROM generate_series(1, {ACCOUNTS}) AS g",
    "COMMIT",
)


class Bank:
    """The parent's side: one directory, many processes after each other."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.random = Random(seed)
        self.reported = dict.fromkeys(range(THREADS), 0)
        """The number of the last transfer that each thread has reported."""

    def run(self, kills: int) -> int:
        """Start a process and kill it, again and again; return how many transfers there are in the end."""
        for _ in range(kills):
            self._one_process()
            self._verify()
        return sum(self.reported.values())

    def _one_process(self) -> None:
        command = [sys.executable, "-m", "tests.crash.process", str(self.path), str(self.random.random())]
        root = Path(__file__).parent.parent.parent
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as worker:
            assert worker.stdout is not None
            pipe = worker.stdout.fileno()
            reports = b""
            wanted = self.random.choice((0, 1, 20, 100, 300))
            while reports.count(b"\n") < wanted:
                found = os.read(pipe, 4096)
                assert found, "the process ended by itself"
                reports += found
            # A moment more, at an unknown place between two reports.
            until = time.monotonic() + self.random.random() * (0.02 if wanted else 0.3)
            while (left := until - time.monotonic()) > 0:
                if select.select([pipe], [], [], left)[0]:
                    reports += os.read(pipe, 4096)
            worker.kill()
            reports += worker.stdout.read()
        # What came through the pipe was answered before the end, however late it is read.
        for line in reports.split(b"\n")[:-1]:
            thread, number = map(int, line.split())
            self.reported[thread] = max(number, self.reported[thread])

    def _verify(self) -> None:
        database = Database(str(self.path), plugins=[])
        try:
            verify_ledger(database, self.reported)
        finally:
            database.close()


def verify_ledger(database: Database, reported: dict[int, int]) -> None:
    """Check the accounts and the ledger against what each thread has reported; afterwards it has reported all that is
    there."""
    session = database.session()
    if not rows_of(session, "SELECT 1 FROM pg_class WHERE relname = 'account'"):
        assert not any(reported.values()), "the tables are gone"
        return
    balances = dict.fromkeys(range(1, ACCOUNTS + 1), MONEY)
    numbers: dict[int, list[int]] = {thread: [] for thread in reported}
    rows = rows_of(session, "SELECT thread, number, giver, taker, amount, note FROM ledger ORDER BY thread, number")
    for thread, number, giver, taker, amount, note in rows:
        numbers[thread].append(number)
        balances[giver] -= amount
        balances[taker] += amount
        assert note == note_of(thread, number), f"transfer {number} of thread {thread} is damaged"
    for thread, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), f"thread {thread} has holes in its transfers"
        last = reported[thread]
        assert last <= len(found) <= last + 1, f"thread {thread} reported {last} transfers, not {len(found)}"
        reported[thread] = len(found)
    assert dict(rows_of(session, "SELECT id, balance FROM account")) == balances
    assert index_problems(database, session) == []


def note_of(thread: int, number: int) -> str:
    """Return what the ledger says beside a transfer: texts of all sizes."""
    return f"{thread}/{number} " * (1 + number * 7919 % 200)


def transfer(session: Any, random: Random, thread: int, number: int) -> None:
    """Move money from one account to another."""
    giver, taker = random.sample(range(1, ACCOUNTS + 1), 2)
    amount = random.randint(1, 50)
    while True:
        session.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        # In one order, so that no two wait for each other.
        for account, change in sorted(((giver, -amount), (taker, amount))):
            session.execute(f"UPDATE account SET balance = balance + {change} WHERE id = {account}")
        session.execute(
            "INSERT INTO ledger (thread, number, giver, taker, amount, note) "
            f"VALUES ({thread}, {number}, {giver}, {taker}, {amount}, '{note_of(thread, number)}')"
        )
        try:
            session.execute("COMMIT")
        except SerializationFailure:
            session.execute("ROLLBACK")
            continue
        return


def prepare(session: Any) -> None:
    """Make the tables, where there are none."""
    if not rows_of(session, "SELECT 1 FROM pg_class WHERE relname = 'account'"):
        for statement in SCHEMA:
            session.execute(statement)


def work(path: str, seed: str) -> None:
    """Transfer money in several threads, make checkpoints between, and never end."""
    database = Database(path, plugins=[])
    session = database.session()
    prepare(session)
    last = dict(rows_of(session, "SELECT thread, max(number) FROM ledger GROUP BY thread"))

    def transfers(thread: int) -> None:
        random = Random(f"{seed} {thread}")
        own = database.session()
        number = last.get(thread, 0)
        while True:
            number += 1
            transfer(own, random, thread, number)
            os.write(1, b"%d %d\n" % (thread, number))

    threads = [threading.Thread(target=transfers, args=(thread,), daemon=True) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    random = Random(seed)
    while all(thread.is_alive() for thread in threads):
        time.sleep(random.random() * 0.1)
        assert database.store.maintenance is not None
        database.store.maintenance.checkpoint()
    os._exit(1)


if __name__ == "__main__":
    work(*sys.argv[1:])
