"""Money is neither made nor lost: transfers of sixteen threads at every level; a hundred threads on one database and
on one connection.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors

ACCOUNTS = 8
TOTAL = ACCOUNTS * 100
CONFLICTS = (errors.SerializationFailure, errors.DeadlockDetected)


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    made = EmbeddedDatabase.new_in_memory(plugins=[])
    made.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))")
    made.execute(f"INSERT INTO accounts SELECT i, 100 FROM generate_series(0, {ACCOUNTS - 1}) i")
    made.execute("CREATE TABLE ledger (id bigserial PRIMARY KEY, source int, target int, amount int)")
    made.execute("CREATE INDEX ON ledger (source)")
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield made
    sys.setswitchinterval(before)
    made.close()


def together(threads: int, work: Callable[[int], object]) -> None:
    """Run ``work(number)`` in so many threads at once, and raise what any of them raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(threads)

    def run(number: int) -> None:
        try:
            start.wait(60)
            work(number)
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    running = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(100)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in running)


def transfer(transaction: Any, r: random.Random, way: str) -> None:
    source, target = r.sample(range(ACCOUNTS), 2)
    amount = r.randint(1, 40)
    lock = " FOR UPDATE" if way == "locking" else ""
    if way == "computed here" or lock:
        found = dict(
            transaction.query(
                f"SELECT id, balance FROM accounts WHERE id IN ($1, $2) ORDER BY id{lock}", (source, target)
            )
        )
        if found[source] < amount:
            return
        transaction.execute("UPDATE accounts SET balance = $1 WHERE id = $2", (found[source] - amount, source))
        transaction.execute("UPDATE accounts SET balance = $1 WHERE id = $2", (found[target] + amount, target))
    else:
        taken = transaction.execute(
            "UPDATE accounts SET balance = balance - $1 WHERE id = $2 AND balance >= $1", (amount, source)
        )
        if taken == 0:
            return
        transaction.execute("UPDATE accounts SET balance = balance + $1 WHERE id = $2", (amount, target))
    transaction.execute("INSERT INTO ledger (source, target, amount) VALUES ($1, $2, $3)", (source, target, amount))


@pytest.mark.parametrize(
    ("level", "way"),
    [
        ("read committed", "computed there"),
        ("read committed", "locking"),
        ("repeatable read", "computed there"),
        ("repeatable read", "computed here"),
        ("serializable", "computed here"),
    ],
)
def test_sixteen_threads_move_money(db: EmbeddedDatabase, level: str, way: str) -> None:
    db.execute(f"SET default_transaction_isolation = '{level}'")

    def work(number: int) -> None:
        r = random.Random(number)
        for _ in range(20):
            if r.random() < 0.25:
                assert db.query("SELECT sum(balance) FROM accounts") == [(TOTAL,)]
            db.run(lambda transaction: transfer(transaction, r, way), retries=1000)

    together(16, work)
    assert db.query("SELECT sum(balance), count(*) FROM accounts") == [(TOTAL, ACCOUNTS)]
    moved = db.query(
        "SELECT a.id, balance - 100 - coalesce((SELECT sum(amount) FROM ledger WHERE target = a.id), 0)"
        " + coalesce((SELECT sum(amount) FROM ledger WHERE source = a.id), 0) FROM accounts a ORDER BY id"
    )
    assert moved == [(account, 0) for account in range(ACCOUNTS)]
    assert db.query("SELECT count(*) FROM ledger")[0][0] > 20


def test_a_reader_at_a_kept_snapshot_sees_one_total_all_the_time(db: EmbeddedDatabase) -> None:
    stop = threading.Event()

    def work(number: int) -> None:
        r = random.Random(number)
        if number == 0:
            try:
                for _ in range(40):
                    with db.begin_transaction(isolation="repeatable read") as transaction:
                        sums = [sum(b for (b,) in transaction.query("SELECT balance FROM accounts")) for _ in range(5)]
                    assert sums == [TOTAL] * 5
            finally:
                stop.set()
            return
        while not stop.is_set():
            db.run(lambda transaction: transfer(transaction, r, "computed there"), retries=1000)

    together(5, work)


def test_two_accounts_that_cover_each_other_are_never_overdrawn_at_serializable(db: EmbeddedDatabase) -> None:
    """A condition over rows that each transaction writes only one of: a snapshot would let it be broken."""
    db.execute("CREATE TABLE pairs (id int, side int, balance int, PRIMARY KEY (id, side))")
    db.execute("INSERT INTO pairs SELECT i, s, 50 FROM generate_series(1, 3) i, generate_series(0, 1) s")

    def work(number: int) -> None:
        r = random.Random(number)
        for _ in range(6):
            pair, side, amount = r.randint(1, 3), r.randint(0, 1), r.randint(10, 60)

            def withdraw(transaction: Any, pair: int = pair, side: int = side, amount: int = amount) -> None:
                ((total,),) = transaction.query("SELECT sum(balance) FROM pairs WHERE id = $1", (pair,))
                if total >= amount:
                    transaction.execute(
                        "UPDATE pairs SET balance = balance - $1 WHERE id = $2 AND side = $3", (amount, pair, side)
                    )

            db.run(withdraw, retries=1000)

    db.execute("SET default_transaction_isolation = 'serializable'")
    together(16, work)
    assert db.query("SELECT id FROM pairs GROUP BY id HAVING sum(balance) < 0") == []
    assert db.query("SELECT sum(balance) < 300 FROM pairs") == [(True,)]


def test_a_hundred_threads_on_one_database(db: EmbeddedDatabase) -> None:
    def work(number: int) -> None:
        with heliosdb.connect(db, autocommit=True) as connection:
            connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = %s", (number % ACCOUNTS,))
            connection.execute("INSERT INTO ledger (source, target, amount) VALUES (%s, 0, 0)", (number,))
            found = connection.execute("SELECT source FROM ledger WHERE source = %s", (number,)).fetchall()
            assert found == [(number,)]
            with connection.transaction():
                connection.execute("UPDATE accounts SET balance = balance - 1 WHERE id = %s", (number % ACCOUNTS,))
                connection.execute("DELETE FROM ledger WHERE source = %s", (number,))
                connection.execute("INSERT INTO ledger (source, target, amount) VALUES (%s, 1, 1)", (number,))

    together(100, work)
    assert db.query("SELECT balance, count(*) FROM accounts GROUP BY balance") == [(100, ACCOUNTS)]
    assert db.query("SELECT count(DISTINCT source), count(*), sum(amount) FROM ledger") == [(100, 100, 100)]
    assert not db.database.store.snapshots.readers


def test_a_hundred_threads_on_one_connection(db: EmbeddedDatabase) -> None:
    """Statements take turns, and everybody gets the rows of his own."""
    connection = heliosdb.connect(db, autocommit=True)

    def work(number: int) -> None:
        for turn in range(5):
            cursor = connection.cursor()
            cursor.execute("INSERT INTO ledger (source, target, amount) VALUES (%s, %s, 1)", (number, turn))
            cursor.execute("SELECT source, target FROM ledger WHERE source = %s ORDER BY target", (number,))
            assert cursor.fetchall() == [(number, t) for t in range(turn + 1)]
            with pytest.raises(errors.DivisionByZero):
                connection.execute("SELECT 1 / (source - %s) FROM ledger WHERE source = %s", (number, number))

    together(100, work)
    assert db.query("SELECT count(*), sum(amount) FROM ledger") == [(500, 500)]
    connection.close()


def test_a_hundred_threads_in_one_transaction_of_one_connection(db: EmbeddedDatabase) -> None:
    """The transaction is the connection's: who commits, commits for all, and an error fails it for all."""
    connection = heliosdb.connect(db)

    def work(number: int) -> None:
        connection.execute("INSERT INTO ledger (source, target, amount) VALUES (%s, 0, 1)", (number,))
        connection.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 0")

    together(100, work)
    assert db.query("SELECT count(*) FROM ledger") == [(0,)]
    connection.commit()
    assert db.query("SELECT count(*) FROM ledger") == [(100,)]
    assert db.query("SELECT balance FROM accounts WHERE id = 0") == [(200,)]
    outcomes: list[str] = []

    def fail_once(number: int) -> None:
        try:
            connection.execute("SELECT 1 / %s", (number,))
            outcomes.append("done")
        except errors.Error as error:
            outcomes.append(error.sqlstate)

    together(100, fail_once)
    assert len(outcomes) == 100
    assert outcomes.count("22012") == 1
    assert set(outcomes) <= {"done", "22012", "25P02"}
    with pytest.raises(errors.InFailedSqlTransaction):
        connection.execute("SELECT 1")
    connection.rollback()
    connection.close()
