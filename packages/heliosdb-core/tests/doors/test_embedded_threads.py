"""``EmbeddedDatabase`` stopped from outside, shared by threads, and after a fork."""

# ruff: noqa: BLE001 - threads and children report whatever happens; blocks that raise are what is tested

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.embedded import Transaction

# -- stopping ----------------------------------------------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"


def test_interrupt_stops_a_statement_from_another_thread(db: EmbeddedDatabase) -> None:
    db.interrupt()
    assert db.query("SELECT 1") == [(1,)]
    outcome: list[BaseException] = []

    def work() -> None:
        try:
            db.query(ENDLESS)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    give_up = time.monotonic() + 30
    while thread.is_alive() and time.monotonic() < give_up:
        db.interrupt()
        thread.join(0.01)
    assert not thread.is_alive()
    assert isinstance(outcome[0], errors.QueryCanceled)
    assert outcome[0].sqlstate == "57014"
    assert db.query("SELECT 1") == [(1,)]


def test_a_timeout_stops_a_statement(db: EmbeddedDatabase) -> None:
    statement = db.prepare(ENDLESS)
    with db.begin_transaction() as tx:
        for run in (
            lambda: db.query(ENDLESS, timeout=0.05),
            lambda: db.execute(ENDLESS, timeout=0.05),
            lambda: statement.query(timeout=0.05),
            lambda: tx.query(ENDLESS, timeout=0.05),
        ):
            start = time.monotonic()
            with pytest.raises(errors.QueryCanceled):
                run()
            assert time.monotonic() - start < 5
    assert db.query("SELECT 1", timeout=5) == [(1,)]
    with pytest.raises(errors.InterfaceError):
        db.query("SELECT 1", timeout=-1)
    db.execute("SET statement_timeout = '50ms'")
    with pytest.raises(errors.QueryCanceled, match="statement timeout"):
        db.query(ENDLESS)
    with pytest.raises(errors.QueryCanceled):
        db.query("SELECT pg_sleep(20)")


def test_a_timeout_ends_waiting_for_a_lock(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as tx:
        tx.execute("UPDATE users SET name = 'x' WHERE id = 1")
        with pytest.raises(errors.QueryCanceled):
            db.execute("UPDATE users SET name = 'y' WHERE id = 1", timeout=0.05)
        for _ in range(3):
            with pytest.raises(errors.QueryCanceled):
                db.execute("UPDATE users SET name = $1 WHERE id = $2", ("y", 1), timeout=0.05)


# -- threads and processes ---------------------------------------------------------------------------------------------


def run_threads(count: int, work: Any) -> list[BaseException]:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failures


def test_threads_share_a_database_and_a_transaction(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE counts (id int PRIMARY KEY, n int); INSERT INTO counts VALUES (1, 0), (2, 0)")

    def count(number: int) -> None:
        for _ in range(50):
            db.execute("UPDATE counts SET n = n + 1 WHERE id = $1", (1,))
            db.query("SELECT n FROM counts WHERE id = $1", (1,))

    assert run_threads(4, count) == []
    assert db.query("SELECT n FROM counts WHERE id = 1") == [(200,)]
    with db.begin_transaction() as tx:

        def count_in_one(number: int) -> None:
            for _ in range(20):
                tx.execute("UPDATE counts SET n = n + 1 WHERE id = $1", (2,))

        assert run_threads(4, count_in_one) == []
        tx.commit()
    assert db.query("SELECT n FROM counts WHERE id = 2") == [(80,)]


def test_transactions_of_threads_run_side_by_side(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE counts (id int PRIMARY KEY, n int); INSERT INTO counts VALUES (1, 0)")

    def add(tx: Transaction) -> None:
        (n,) = tx.query("SELECT n FROM counts WHERE id = 1")[0]
        tx.execute("UPDATE counts SET n = $1 WHERE id = 1", (n + 1,))

    def work(number: int) -> None:
        for _ in range(10):
            db.run(add, retries=1000)

    assert run_threads(4, work) == []
    assert db.query("SELECT n FROM counts") == [(40,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told_and_cannot_harm_the_parent(db: EmbeddedDatabase) -> None:
    tx = db.begin_transaction()
    tx.execute("INSERT INTO users VALUES (3, 'c')")
    for _ in range(4):
        db.query("SELECT name FROM users WHERE id = $1", (1,))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        try:
            for run in (
                lambda: db.query("SELECT 1"),
                lambda: db.query("SELECT name FROM users WHERE id = $1", (1,)),
                lambda: tx.execute("SELECT 1"),
                lambda: tx.commit(),
                lambda: db.begin_transaction(),
                lambda: db.session(),
            ):
                try:
                    run()
                    said.append("nothing")
                except errors.InterfaceError as error:
                    said.append("told" if "another process" in str(error) else str(error))
                except BaseException as error:
                    said.append(repr(error))
            tx.rollback()
            db.close()
            db.close()
            said.append("closed")
        except BaseException as error:
            said.append(repr(error))
        finally:
            os.write(write, "|".join(said).encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert answer.split("|") == ["told"] * 6 + ["closed"]
    tx.commit()
    assert db.query("SELECT name FROM users WHERE id = $1", (3,)) == [("c",)]


def test_closing_stops_what_other_threads_run(db: EmbeddedDatabase) -> None:
    started = threading.Event()
    outcome: list[BaseException] = []

    def note(n: int) -> int:
        started.set()
        return n

    db.create_function("note", ["int"], "int", note)

    def work() -> None:
        try:
            db.query("SELECT count(note(x)) FROM generate_series(1, 1000000000) x")
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(30)
    db.close()
    thread.join(30)
    assert not thread.is_alive()
    assert isinstance(outcome[0], errors.QueryCanceled)
