"""``connect(autocommit=True).execute`` takes the short way of point statements, and nobody sees a difference.

Each history runs on two connections: one whose point statements are made as usual, one that never makes any.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase, errors
from heliosdb.dbapi import Connection, dict_row, named_row, scalar_row

TABLES = """
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE TABLE p (id int PRIMARY KEY, n int CHECK (n < 1000), name text, price numeric(6, 2), born date);
INSERT INTO p VALUES (1, 10, 'one', 1.5, '2000-01-01'), (2, 20, NULL, NULL, NULL);
CREATE TABLE q (id int PRIMARY KEY, d small, big bigint);
INSERT INTO q VALUES (1, 7, 8);
"""
STATEMENTS: list[tuple[str, int]] = [
    ("SELECT * FROM p WHERE id = %s", 1),
    ("SELECT name, n + 1 AS more, price FROM p WHERE id = %s AND n > 5", 1),
    ("SELECT 10 %% n AS rest FROM p WHERE id = %s", 1),
    ("SELECT n FROM p WHERE id = $1", 1),
    ("SELECT d, big, id FROM q WHERE id = %s", 1),
    ("SELECT n FROM p WHERE id = 1", 0),
    ("UPDATE p SET n = %s WHERE id = 1", 1),
    ("UPDATE p SET n = n + 1 WHERE id = %s", 1),
    ("INSERT INTO p (id, n) VALUES (%s, 5)", 1),
    ("DELETE FROM p WHERE id = %s", 1),
    ("UPDATE p SET n = n + 1 WHERE id = %s RETURNING n", 1),
]
VALUES: list[Any] = [1, 2, 3, 0, -1, None, True, 2**31, 2**63, 1.0, Decimal(1), "1", "x", b"a", [1], object, 5000]


@pytest.fixture
def conn() -> Iterator[Connection]:
    with heliosdb.connect(":memory:", plugins=[], autocommit=True) as made:
        made.execute(TABLES)
        yield made


def repeat(conn: Connection, text: str, params: Any, times: int = 3) -> None:
    """Run a statement until it is short."""
    for _ in range(times):
        conn.execute(text, params)
    assert conn.session.fast


def outcome(conn: Connection, text: str, params: Any) -> Any:
    """Return everything that a client sees of a statement."""
    try:
        cursor = conn.execute(text, params)
    except errors.Error as error:
        return error.sqlstate, str(error), error.detail
    head = (cursor.rowcount, cursor.rownumber, cursor.statusmessage, cursor.description)
    if cursor.description is None:
        with pytest.raises(heliosdb.ProgrammingError):
            cursor.fetchall()
        return head
    names = [(column.name, column.type_code) for column in cursor.description]
    rows = cursor.fetchall()
    return head, names, [(type(row), row, [type(value) for value in row]) for row in rows], cursor.nextset()


@pytest.mark.parametrize(("text", "count"), STATEMENTS)
def test_every_value_gives_the_same_both_ways(text: str, count: int) -> None:
    quick, plain = (heliosdb.connect(":memory:", plugins=[], autocommit=True) for _ in range(2))
    plain.session.points.offer = lambda *_, **__: None  # type: ignore[method-assign]
    with quick, plain:
        for conn in (quick, plain):
            conn.execute(TABLES)
        for value in VALUES[:2] * 2 + VALUES:
            for params in [(value,), [value], {"id": value}] if count else [(), None]:
                assert repr(outcome(quick, text, params)) == repr(outcome(plain, text, params)), params
        assert outcome(quick, "TABLE p ORDER BY 1", None) == outcome(plain, "TABLE p ORDER BY 1", None)
        assert bool(quick.session.fast or quick.session.lifted) == ("RETURNING" not in text)
        assert not plain.session.fast


def test_row_factories_see_the_columns(conn: Connection) -> None:
    text = "SELECT id, name FROM p WHERE id = %s"
    repeat(conn, text, (1,))
    assert text.replace("%s", "$1") in conn.session.fast
    assert conn.cursor(row_factory=dict_row).execute(text, (1,)).fetchone() == {"id": 1, "name": "one"}
    assert conn.cursor(row_factory=named_row).execute(text, (1,)).fetchone()["name"] == "one"
    assert conn.cursor(row_factory=scalar_row).execute(text, (1,)).fetchall() == [1]
    assert conn.cursor(row_factory=scalar_row).execute(text, (9,)).fetchall() == []


def test_a_cursor_forgets_what_it_held_before(conn: Connection) -> None:
    update = "UPDATE p SET n = n + 1 WHERE id = %s"
    repeat(conn, update, (1,))
    cursor = conn.cursor()
    cursor.execute("SELECT 1; SELECT 2")
    assert cursor.execute(update, (1,)).rowcount == 1
    assert cursor.nextset() is None
    assert cursor.description is None
    cursor.close()
    with pytest.raises(heliosdb.InterfaceError, match="cursor is closed"):
        cursor.execute(update, (1,))


def test_without_autocommit_a_statement_is_part_of_the_transaction(conn: Connection) -> None:
    update = "UPDATE p SET n = %s WHERE id = 1"
    repeat(conn, update, (11,))
    conn.autocommit = False
    conn.execute(update, (12,))
    assert conn.in_transaction
    conn.rollback()
    assert conn.execute("SELECT n FROM p WHERE id = 1").fetchone() == (11,)


def test_inside_a_block_a_statement_is_part_of_it(conn: Connection) -> None:
    update = "UPDATE p SET n = %s WHERE id = 1"
    repeat(conn, update, (11,))
    conn.execute("BEGIN")
    conn.execute(update, (12,))
    conn.execute("ROLLBACK")
    with conn.transaction():
        conn.execute("SAVEPOINT s")
        conn.execute(update, (13,))
        conn.execute("ROLLBACK TO s")
    assert conn.execute("SELECT n FROM p WHERE id = 1").fetchone() == (11,)
    conn.execute(update, (14,))
    assert conn.execute("SELECT n FROM p WHERE id = 1").fetchone() == (14,)


def test_a_changed_table_is_seen(conn: Connection) -> None:
    text = "SELECT * FROM p WHERE id = %s"
    repeat(conn, text, (2,))
    conn.execute("ALTER TABLE p DROP COLUMN born")
    conn.execute("ALTER TABLE p ADD COLUMN extra int DEFAULT 3")
    for _ in range(4):
        cursor = conn.execute(text, (2,))
        assert cursor.fetchall() == [(2, 20, None, None, 3)]
        assert [column.name for column in cursor.description or ()] == ["id", "n", "name", "price", "extra"]


def test_a_copy_keeps_it_from_running(conn: Connection) -> None:
    update = "UPDATE p SET n = n + 1 WHERE id = %s"
    repeat(conn, update, (1,), 3)
    with conn.cursor().copy("COPY p (id) FROM STDIN") as copy:
        with pytest.raises(heliosdb.OperationalError, match="COPY"):
            conn.execute(update, (1,))
        copy.write("7\n")
    assert conn.execute("SELECT n FROM p WHERE id = 1").fetchone() == (13,)


def test_a_closed_connection_runs_nothing(conn: Connection) -> None:
    update = "UPDATE p SET n = n + 1 WHERE id = %s"
    repeat(conn, update, (1,))
    cursor = conn.cursor()
    conn.close()
    with pytest.raises(heliosdb.InterfaceError, match="closed"):
        cursor.execute(update, (1,))


def test_a_database_that_was_closed_behind_a_connection_says_so() -> None:
    database = EmbeddedDatabase.new_in_memory(plugins=[])
    conn = heliosdb.connect(database, autocommit=True)
    conn.execute(TABLES)
    repeat(conn, "SELECT n FROM p WHERE id = %s", (1,))
    database.close()
    with pytest.raises(heliosdb.InterfaceError, match="closed"):
        conn.execute("SELECT n FROM p WHERE id = %s", (1,))


def test_a_transaction_that_was_idle_too_long_is_told_to_a_point_statement() -> None:
    """Else it would be done by itself, and the program take it for part of the transaction that is gone."""
    database = EmbeddedDatabase.new_in_memory(plugins=[])
    database.execute(TABLES)
    with heliosdb.connect(database, autocommit=True) as conn:
        update = "UPDATE p SET n = n + 1 WHERE id = %s"
        repeat(conn, update, (1,))
        conn.execute("SET idle_in_transaction_session_timeout = '50ms'")
        repeat(conn, update, (1,))
        conn.execute("BEGIN")
        conn.execute(update, (2,))
        # Waits for the row's lock, which only the end of the idle transaction gives back.
        database.query("SELECT * FROM p WHERE id = 2 FOR UPDATE")
        with pytest.raises(errors.IdleInTransactionSessionTimeout):
            conn.execute(update, (1,))
        assert conn.execute(update, (1,)).rowcount == 1
        assert update.replace("%s", "$1") in conn.session.fast
        assert conn.execute("SELECT n FROM p ORDER BY id").fetchall() == [(17,), (20,)]
    database.close()


def test_threads_that_share_a_connection_each_get_their_own_rows(conn: Connection) -> None:
    text = "SELECT id FROM p WHERE id = %s"
    repeat(conn, text, (1,))
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for _ in range(300):
            found = conn.execute(text, (number,)).fetchall()
            if found != [(number,)]:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
