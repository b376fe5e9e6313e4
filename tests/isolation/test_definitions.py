"""Definitions change while threads write: indexes are complete, columns are as they are, nobody's row is lost."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors

ROWS = 2000
GONE = (errors.UndefinedObject, errors.UndefinedTable, errors.UndefinedColumn)
AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)


@pytest.fixture(params=["in memory", "on disk"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    if request.param == "in memory":
        made = EmbeddedDatabase.new_in_memory(plugins=[])
    else:
        made = EmbeddedDatabase(str(tmp_path / "db.helio"), plugins=[])
    made.execute("CREATE TABLE t (id int PRIMARY KEY, v int, w int)")
    made.execute(f"INSERT INTO t SELECT i, i, 0 FROM generate_series(1, {ROWS}) i")
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield made
    sys.setswitchinterval(before)
    made.close()


def beside_writers(db: EmbeddedDatabase, change: Callable[[int], None], rounds: int) -> int:
    """Run ``change(round)`` while three threads write, each its own rows; return the number of their statements."""
    stop = threading.Event()
    failures: list[BaseException] = []
    done = [0, 0, 0]

    def write(number: int) -> None:
        r = random.Random(number)
        fresh = 10_000 * (number + 1)
        try:
            with heliosdb.connect(db, autocommit=True) as connection:
                while not stop.is_set():
                    key = r.randrange(number + 1, ROWS, 3)
                    value = r.randrange(10**6)
                    kind = r.random()
                    try:
                        if kind < 0.5:
                            connection.execute("UPDATE t SET v = %s WHERE id = %s", (value, key))
                        elif kind < 0.7:
                            fresh += 1
                            connection.execute("INSERT INTO t (id, v, w) VALUES (%s, %s, 0)", (fresh, value))
                        elif kind < 0.8:
                            connection.execute("DELETE FROM t WHERE id = %s", (fresh,))
                        else:
                            with connection.transaction():
                                connection.execute("UPDATE t SET v = v + 1 WHERE id = %s", (key,))
                                connection.execute("UPDATE t SET w = w + 1 WHERE id = %s", (key,))
                    except AGAIN:
                        continue
                    done[number] += 1
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(rounds):
            before = sum(done)
            change(number)
            while sum(done) < before + 20 and not failures:
                threads[0].join(0.001)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    if failures:
        raise failures[0]
    return sum(done)


def by_index(db: EmbeddedDatabase, values: list[int]) -> list[tuple[int, int]]:
    plan = "\n".join(line for (line,) in db.query("EXPLAIN SELECT id, v FROM t WHERE v = 7"))
    assert "Index" in plan, plan
    found: list[tuple[int, int]] = []
    for value in values:
        found += map(tuple, db.query("SELECT id, v FROM t WHERE v = $1", (value,)))
    return sorted(found)


def test_an_index_that_is_made_beside_writers_is_complete(db: EmbeddedDatabase) -> None:
    def change(number: int) -> None:
        if number % 2 == 0:
            db.execute("CREATE INDEX i ON t (v)")
        else:
            db.execute("DROP INDEX i")

    assert beside_writers(db, change, rounds=9) > 100
    rows = sorted(map(tuple, db.query("SELECT id, v FROM t")))
    assert by_index(db, sorted({v for _, v in rows})) == rows


def test_a_unique_index_beside_writers_is_made_or_refused_and_leaves_nothing(db: EmbeddedDatabase) -> None:
    outcomes = set()

    def change(number: int) -> None:
        column = "id + 0" if number % 2 else "w"
        try:
            db.execute(f"CREATE UNIQUE INDEX i ON t (({column}))")
            outcomes.add("made")
            db.execute("DROP INDEX i")
        except errors.UniqueViolation:
            outcomes.add("refused")

    beside_writers(db, change, rounds=6)
    assert outcomes == {"made", "refused"}
    assert db.query("SELECT count(*) FROM pg_indexes WHERE tablename = 't'") == [(1,)]


def test_columns_come_and_go_beside_writers(db: EmbeddedDatabase) -> None:
    def change(number: int) -> None:
        if number % 2 == 0:
            db.execute(f"ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT {number}")
        else:
            assert db.query("SELECT min(x), max(x), count(*) = count(x) FROM t") == [(number - 1, number - 1, True)]
            db.execute("ALTER TABLE t DROP COLUMN x")

    assert beside_writers(db, change, rounds=8) > 100
    assert db.query("SELECT * FROM t WHERE id = -1") == []
    assert db.query("SELECT count(*) FROM t WHERE id <= $1", (ROWS,)) == [(ROWS,)]


def test_a_table_that_is_dropped_and_made_again_has_only_its_own_rows(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE u (id int PRIMARY KEY, generation int)")
    stop = threading.Event()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with heliosdb.connect(db, autocommit=True) as connection:
                key = 0
                while not stop.is_set():
                    key += 1
                    try:
                        with connection.transaction():
                            rows = connection.execute("SELECT DISTINCT generation FROM u").fetchall()
                            assert len(rows) <= 1, rows
                            if rows:
                                connection.execute(
                                    "INSERT INTO u SELECT %s, max(generation) FROM u", (1000 * number + key,)
                                )
                    except (*AGAIN, *GONE, errors.NotNullViolation):
                        continue
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for generation in range(15):
        with db.begin_transaction(isolation="read committed") as transaction:
            transaction.execute("DROP TABLE u")
            transaction.execute("CREATE TABLE u (id int PRIMARY KEY, generation int)")
            transaction.execute(f"INSERT INTO u VALUES (0, {generation})")
            transaction.commit()
        threads[0].join(0.001)
    stop.set()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    assert db.query("SELECT DISTINCT generation FROM u") == [(14,)]
