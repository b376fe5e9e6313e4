"""One-row statements on tables with foreign keys and partial indexes are short, and keep what those promise."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors

INSERT = "INSERT INTO child VALUES ($1, $2, $3)"
MOVE = "UPDATE child SET parent = $1 WHERE id = $2"
REMOVE = "DELETE FROM child WHERE id = $1"
ORPHAN = "DELETE FROM parent WHERE id = $1"


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE TABLE parent (id integer PRIMARY KEY, name text)")
        database.execute("CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent, v text)")
        database.execute("CREATE INDEX child_parent ON child (parent)")
        for number in range(10):
            database.execute("INSERT INTO parent VALUES ($1, 'p')", (number,))
        # A text is made short when it was run twice.
        for number in range(-3, 0):
            database.execute(INSERT, (number, 0, "x"))
            database.execute(MOVE, (1, number))
            database.execute(REMOVE, (number,))
            database.execute(ORPHAN, (number,))
        yield database


def is_short(database: EmbeddedDatabase, text: str) -> bool:
    return text in database._session.fast


def test_all_of_them_are_short(database: EmbeddedDatabase) -> None:
    assert all(is_short(database, text) for text in (INSERT, MOVE, REMOVE, ORPHAN))


def test_a_key_that_is_not_there_is_refused_as_ever(database: EmbeddedDatabase) -> None:
    assert database.execute(INSERT, (1, 3, "x")) == 1
    assert database.execute(INSERT, (2, None, "x")) == 1
    with pytest.raises(errors.ForeignKeyViolation) as raised:
        database.execute(INSERT, (3, 77, "x"))
    assert raised.value.constraint == "child_parent_fkey"
    assert raised.value.detail == 'Key (parent)=(77) is not present in table "parent".'
    with pytest.raises(errors.ForeignKeyViolation):
        database.execute(MOVE, (77, 1))
    assert database.execute(MOVE, (4, 1)) == 1
    assert database.execute(MOVE, (None, 2)) == 1
    assert database.query("SELECT id, parent FROM child ORDER BY id") == [(1, 4), (2, None)]


def test_a_row_that_is_referred_to_is_kept(database: EmbeddedDatabase) -> None:
    database.execute(INSERT, (1, 3, "x"))
    with pytest.raises(errors.ForeignKeyViolation) as raised:
        database.execute(ORPHAN, (3,))
    assert raised.value.detail == 'Key (id)=(3) is still referenced from table "child".'
    assert database.execute(ORPHAN, (4,)) == 1
    database.execute(MOVE, (5, 1))
    assert database.execute(ORPHAN, (3,)) == 1
    database.execute(REMOVE, (1,))
    assert database.execute(ORPHAN, (5,)) == 1
    assert database.query("SELECT count(*) FROM parent") == [(7,)]


def test_actions_are_run(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE pet (id integer PRIMARY KEY, parent integer REFERENCES parent ON DELETE CASCADE)")
    database.execute("CREATE INDEX ON pet (parent)")
    for number in range(6, 9):
        database.execute("INSERT INTO pet VALUES ($1, $2)", (number, number))
    for number in (-1, -2, 6, 7):
        database.execute(ORPHAN, (number,))
    assert is_short(database, ORPHAN)
    assert database.query("SELECT id FROM pet") == [(8,)]


def test_without_an_index_on_the_referencing_columns_it_is_an_ordinary_delete(database: EmbeddedDatabase) -> None:
    database.execute("DROP INDEX child_parent")
    database.execute(INSERT, (1, 3, "x"))
    for number in (-1, -2, 4):
        database.execute(ORPHAN, (number,))
    assert not is_short(database, ORPHAN)
    with pytest.raises(errors.ForeignKeyViolation):
        database.execute(ORPHAN, (3,))


def test_an_open_transaction_that_deletes_the_parent_is_waited_for(database: EmbeddedDatabase) -> None:
    other = database.begin_transaction()
    other.execute("DELETE FROM parent WHERE id = 3")
    database.execute("SET lock_timeout = '50ms'")
    for _ in range(3):
        with pytest.raises(errors.LockNotAvailable):
            database.execute(INSERT, (1, 3, "x"))
    other.commit()
    with pytest.raises(errors.ForeignKeyViolation):
        database.execute(INSERT, (1, 3, "x"))


def test_an_open_transaction_that_refers_to_the_parent_is_waited_for(database: EmbeddedDatabase) -> None:
    other = database.begin_transaction()
    other.execute("INSERT INTO child VALUES (50, 3, 'x')")
    database.execute("SET lock_timeout = '50ms'")
    for _ in range(3):
        with pytest.raises(errors.LockNotAvailable):
            database.execute(ORPHAN, (3,))
    other.rollback()
    assert database.execute(ORPHAN, (3,)) == 1


@pytest.mark.parametrize("in_blocks", [False, True])
def test_nobody_is_orphaned_whoever_is_first(database: EmbeddedDatabase, in_blocks: bool) -> None:
    stop = threading.Event()
    done = [0, 0]

    def refer(seed: int) -> None:
        chooser = random.Random(seed)
        for number in range(20_000):
            if number >= 400 and done[1] >= 5:
                break
            key = seed * 100_000 + number
            try:
                database.execute(INSERT, (key, chooser.randrange(10), "x"))
                done[0] += 1
                database.execute(MOVE, (chooser.randrange(10), key))
            except errors.ForeignKeyViolation:
                pass
            database.execute(REMOVE, (key - 2,))

    def replace() -> None:
        chooser = random.Random(9)
        while not stop.is_set():
            key = chooser.randrange(10)
            try:
                if in_blocks:
                    with database.begin_transaction(isolation="read committed") as block:
                        done[1] += block.execute(ORPHAN, (key,))
                else:
                    done[1] += database.execute(ORPHAN, (key,))
            except (errors.ForeignKeyViolation, errors.DeadlockDetected):
                pass
            database.execute("INSERT INTO parent VALUES ($1, 'p') ON CONFLICT DO NOTHING", (key,))

    threads = [threading.Thread(target=refer, args=(seed,)) for seed in (1, 2)]
    remover = threading.Thread(target=replace)
    for thread in (*threads, remover):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    remover.join()
    assert min(done) > 0
    orphans = "SELECT count(*) FROM child c WHERE NOT EXISTS (SELECT FROM parent p WHERE p.id = c.parent)"
    assert database.query(orphans + " AND c.parent IS NOT NULL") == [(0,)]


def test_keys_of_several_columns_and_to_the_table_itself(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE place (x integer, y text, PRIMARY KEY (x, y))")
    database.execute(
        "CREATE TABLE visit (id integer PRIMARY KEY, y text, x integer, before integer REFERENCES visit,"
        " FOREIGN KEY (x, y) REFERENCES place)"
    )
    insert = "INSERT INTO visit VALUES ($1, $2, $3, $4)"
    database.execute("INSERT INTO place VALUES (1, 'a'), (2, 'b')")
    for number, (y, x, before) in enumerate([("a", 1, None), ("b", 2, 0), (None, 7, 1), ("b", None, 3)]):
        database.execute(insert, (number, y, x, before))
    assert is_short(database, insert)
    for row in ((8, "b", 1, None), (8, "a", 1, 9)):
        with pytest.raises(errors.ForeignKeyViolation):
            database.execute(insert, row)
    assert database.query("SELECT id, x, y FROM visit ORDER BY id") == [
        (0, 1, "a"),
        (1, 2, "b"),
        (2, 7, None),
        (3, None, "b"),
    ]


def test_partial_and_expression_indexes_follow(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE q (id integer PRIMARY KEY, a integer, b text, c float)")
    database.execute("CREATE INDEX q_a ON q (a) WHERE b IS NOT NULL")
    database.execute("CREATE INDEX q_b ON q (lower(b))")
    database.execute("CREATE INDEX q_c ON q (c) WHERE a > 5")
    texts = {
        "INSERT INTO q VALUES ($1, $2, $3, $4)": lambda n: (n, n % 10, "Ab" if n % 3 else None, n / 2),
        "UPDATE q SET a = a + $1 WHERE id = $2": lambda n: (n % 4, n),
        "UPDATE q SET b = $1, c = -1 WHERE id = $2": lambda n: (None if n % 2 else "Cd", n),
        "DELETE FROM q WHERE id = $1": lambda n: (n if n % 5 == 0 else -1,),
    }
    held: dict[int, list[Any]] = {}
    for text, parameters in texts.items():
        for number in range(40):
            values = parameters(number)
            database.execute(text, values)
            if text.startswith("INSERT"):
                held[number] = [*values[1:]]
            elif "a = a" in text:
                held[number][0] += values[0]
            elif "SET b" in text:
                held[number][1:] = [values[0], -1.0]
            else:
                held.pop(values[0], None)
            if number % 8 == 0:
                for a in range(14):
                    found = database.query("SELECT id FROM q WHERE a = $1 AND b IS NOT NULL ORDER BY id", (a,))
                    assert found == [(n,) for n, row in held.items() if row[0] == a and row[1] is not None]
                for b in ("ab", "cd"):
                    found = database.query("SELECT id FROM q WHERE lower(b) = $1 ORDER BY id", (b,))
                    assert found == [(n,) for n, row in held.items() if (row[1] or "").lower() == b]
                found = database.query("SELECT count(*) FROM q WHERE c < $1 AND a > 5", (7.5,))
                assert found == [(sum(row[2] < 7.5 and row[0] > 5 for row in held.values()),)]
        assert is_short(database, text)


def test_what_an_index_expression_refuses_is_refused_as_ever(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE d (id integer PRIMARY KEY, a integer)")
    database.execute("CREATE INDEX ON d ((10 / a))")
    for number in range(1, 4):
        database.execute("INSERT INTO d VALUES ($1, $2)", (number, number))
    with pytest.raises(errors.DivisionByZero):
        database.execute("INSERT INTO d VALUES ($1, $2)", (9, 0))
    assert database.query("SELECT count(*) FROM d") == [(3,)]
