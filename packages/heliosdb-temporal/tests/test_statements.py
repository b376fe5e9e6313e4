"""Which statement a change was made by: ``heliosdb_history(...).statement``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliosdb import EmbeddedDatabase, connect
from heliosdb.database import Database
from heliosdb.spi import Retention
from heliosdb_testkit import FaultyVolume

SECRET = "nobody shall read this"


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
        yield database


def told(db: EmbeddedDatabase) -> list[str | None]:
    return [row[0] for row in db.query("SELECT statement FROM heliosdb_history('t')")]


def test_the_text_is_kept_without_its_constants(db: EmbeddedDatabase) -> None:
    db.execute(f"INSERT INTO t VALUES (1, '{SECRET}')")
    db.execute(f"UPDATE  t\n SET a = $${SECRET}$$ || E'{SECRET}\\x41'")
    db.execute("UPDATE t SET a = $1 WHERE id = $2", [SECRET, 1])
    db.execute("DELETE FROM t")
    assert told(db) == [
        "INSERT INTO t VALUES (?, ?)",
        "UPDATE t SET a = ? || ?",
        "UPDATE t SET a = $1 WHERE id = $2",
        "DELETE FROM t",
    ]
    history = db.database.history
    assert SECRET not in repr([commit.author for commit in history.commits.between(1, history.published)])


def test_statements_that_become_short_ones_tell_too(db: EmbeddedDatabase) -> None:
    db.execute("INSERT INTO t VALUES (1, '')")
    for turn in range(5):
        db.execute("UPDATE t SET a = 'x' || $1 WHERE id = 1", [str(turn)])
    assert len(db.database.sessions) == 1
    assert told(db)[1:] == ["UPDATE t SET a = ? || $1 WHERE id = ?"] * 5


def test_a_transaction_has_what_it_ran_and_did_not_undo(db: EmbeddedDatabase) -> None:
    for text in (
        "BEGIN",
        "INSERT INTO t VALUES (1, 'a')",
        "SELECT * FROM t",
        "SAVEPOINT s",
        "DELETE FROM t WHERE id = 1",
        "ROLLBACK TO s",
        "UPDATE t SET a = 'b'",
        "UPDATE t SET a = 'c'",
        "COMMIT",
    ):
        db.execute(text)
    assert told(db) == ["INSERT INTO t VALUES (?, ?); UPDATE t SET a = ?"]
    db.execute("INSERT INTO t VALUES (2, 'a'); DELETE FROM t WHERE id = 1")
    assert told(db)[1:] == ["INSERT INTO t VALUES (?, ?); DELETE FROM t WHERE id = ?"] * 2
    db.execute("BEGIN; DELETE FROM t; ROLLBACK")
    db.execute("BEGIN; INSERT INTO t VALUES (3, 'a'); COMMIT")
    assert told(db)[-1] == "INSERT INTO t VALUES (?, ?)"


def test_what_is_long_is_cut(db: EmbeddedDatabase) -> None:
    db.execute("INSERT INTO t VALUES " + ", ".join(f"({n}, 'a')" for n in range(500)))
    (text,) = set(told(db))
    assert text is not None
    assert (len(text), text[:27], text[-1]) == (1000, "INSERT INTO t VALUES (?, ?)", "…")
    db.execute("BEGIN")
    for n in range(1000, 1100):
        db.execute(f"INSERT INTO t (id) SELECT {n} AS column_{n}")
    db.execute("COMMIT")
    assert {len(text or "") for text in told(db)} == {1000}


def test_many_rows_and_copies_tell_their_statement(db: EmbeddedDatabase) -> None:
    with connect(db) as connection:
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "a"), (2, "b")])
            connection.commit()
            with cursor.copy("COPY t (id) FROM STDIN") as copy:
                copy.write_row((3,))
        connection.commit()
    assert told(db) == ["INSERT INTO t VALUES ($1, $2)"] * 2 + ["COPY t (id) FROM STDIN"]


def test_a_session_may_keep_it_to_itself(db: EmbeddedDatabase) -> None:
    text = "INSERT INTO t VALUES ($1, $2)"
    for key in range(4):
        db.execute(text, [key, "a"])
    db.execute("SET heliosdb.history_statements = off")
    for key in range(4, 8):
        db.execute(text, [key, "a"])
    db.execute("RESET heliosdb.history_statements")
    db.execute(text, [8, "a"])
    assert told(db) == [text] * 4 + [None] * 4 + [text]


def test_it_outlives_the_process_with_and_without_a_checkpoint() -> None:
    volume = FaultyVolume()
    session = Database(volume=volume).session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY)")
    session.execute("INSERT INTO t VALUES (1)")
    session.execute("CHECKPOINT")
    session.execute("CREATE SEQUENCE s; SELECT nextval('s')")
    session.execute("DELETE FROM t WHERE id = 1")
    session.execute("SELECT nextval('s')")
    expected = [("INSERT", "INSERT INTO t VALUES (?)"), ("DELETE", "DELETE FROM t WHERE id = ?")]
    for _ in range(2):
        volume = volume.kill()
        session = Database(volume=volume).session()
        found = session.execute("SELECT operation, statement FROM heliosdb_history('t')")[0].rows
        assert [tuple(row) for row in found] == expected
        session.execute("CHECKPOINT")


def test_without_the_package_nothing_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, plugins=[]) as plain:
        plain.database.history.retain(Retention())
        plain.execute("CREATE TABLE t (id int PRIMARY KEY)")
        plain.execute("INSERT INTO t VALUES (2)")
    with EmbeddedDatabase(path) as db:
        db.execute("DELETE FROM t WHERE id = 2")
        assert told(db) == [None, "DELETE FROM t WHERE id = ?"]


def test_no_form_of_a_constant_is_kept(db: EmbeddedDatabase) -> None:
    values = [
        f"'{SECRET}'", f"'a''{SECRET}'", f"'a'\n'{SECRET}'", f"E'\\n{SECRET}'", f"U&'{SECRET}\\0041'", f"$${SECRET}$$",
        f"$x${SECRET}$x$", f"text '{SECRET}'", f"N'{SECRET}'", f"CAST('{SECRET}' AS varchar)",
    ]  # fmt: skip
    for key, value in enumerate(values):
        db.execute(f"INSERT INTO t VALUES ({key}, {value})")
        assert db.query("SELECT position($1 in a) > 0 FROM t WHERE id = $2", [SECRET, key]) == [(True,)]
    db.execute(f"CREATE ROLE somebody PASSWORD '{SECRET}'")
    history = db.database.history
    kept = [commit.author.statement for commit in history.commits.between(1, history.published)]
    assert not [text for text in kept if SECRET in text]
    assert kept[-1].startswith("CREATE ROLE somebody PASSWORD ")
