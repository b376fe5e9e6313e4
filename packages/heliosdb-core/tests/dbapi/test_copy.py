"""``cursor.copy()`` and named cursors of the DB-API."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

import heliosdb
from heliosdb import errors
from heliosdb.dbapi import Connection


@pytest.fixture
def connection() -> Iterator[Connection]:
    with heliosdb.connect(plugins=[]) as opened:
        opened.execute("CREATE TABLE t (a int PRIMARY KEY, b text, d date)")
        opened.commit()
        yield opened


def test_rows_are_read_as_parameters_are(connection: Connection) -> None:
    cursor = connection.cursor()
    with cursor.copy("COPY t FROM STDIN") as copy:
        for number in range(2500):
            copy.write_row((number, f"x\t{number}" if number % 2 else None, datetime.date(2020, 1, 1)))
    assert (cursor.rowcount, cursor.statusmessage) == (2500, "COPY 2500")
    row = connection.execute("SELECT * FROM t WHERE a = 1001").fetchone()
    assert row == (1001, "x\t1001", datetime.date(2020, 1, 1))
    with pytest.raises(errors.BadCopyFileFormat, match='missing data for column "d"'):
        with cursor.copy("COPY t FROM STDIN") as copy:
            copy.write_row((1, "x"))


def test_text_comes_in_pieces(connection: Connection) -> None:
    cursor = connection.cursor()
    with cursor.copy("COPY t (a, b) FROM STDIN (FORMAT csv)") as copy:
        copy.write(b"1,caf\xc3")
        copy.write(b"\xa9\n2,")
        copy.write('"two\nlines"\n')
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == [(1, "caf\u00e9"), (2, "two\nlines")]


def test_reading(connection: Connection) -> None:
    connection.execute("INSERT INTO t VALUES (1, 'a', '2020-01-01'), (2, NULL, NULL)")
    cursor = connection.cursor()
    query = "COPY (SELECT * FROM t ORDER BY a) TO STDOUT"
    with cursor.copy(query) as copy:
        assert b"".join(copy) == b"1\ta\t2020-01-01\n2\t\\N\t\\N\n"
    assert cursor.rowcount == 2
    with cursor.copy(query) as copy:
        assert copy.read() == b"1\ta\t2020-01-01\n2\t\\N\t\\N\n"
        assert copy.read() == b""
    with cursor.copy(query) as copy:
        assert list(copy.rows()) == [(1, "a", datetime.date(2020, 1, 1)), (2, None, None)]
    with cursor.copy(query) as copy:
        assert copy.read_row() == (1, "a", datetime.date(2020, 1, 1))
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_connection_does_nothing_else_meanwhile(connection: Connection) -> None:
    with connection.cursor().copy("COPY t (a) FROM STDIN") as copy:
        for action in (lambda: connection.execute("SELECT 1"), connection.commit, connection.cursor):
            with pytest.raises(errors.OperationalError, match="already in progress"):
                action()
        copy.write("1\n")
    assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def _broken_copy(connection: Connection) -> None:
    with connection.cursor().copy("COPY t (a) FROM STDIN") as copy:
        copy.write("1\n")
        raise KeyError("mine")


def test_an_exception_in_the_block_undoes_the_copy(connection: Connection) -> None:
    with pytest.raises(KeyError, match="mine"):
        _broken_copy(connection)
    with pytest.raises(errors.InFailedSqlTransaction):
        connection.execute("SELECT 1")
    connection.rollback()
    connection.autocommit = True
    with pytest.raises(KeyError, match="mine"):
        _broken_copy(connection)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with connection.cursor().copy("COPY t (a) FROM STDIN") as copy:
        copy.write("1\n")
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


@pytest.fixture
def filled(connection: Connection) -> Connection:
    connection.execute("INSERT INTO t SELECT g, 'r' || g FROM generate_series(1, 3000) g")
    connection.commit()
    return connection


def test_a_named_cursor_fetches_piece_by_piece(filled: Connection) -> None:
    cursor = filled.cursor("named")
    cursor.execute("SELECT a, b FROM t WHERE a > %s ORDER BY a", (10,))
    assert [column.name for column in cursor.description or ()] == ["a", "b"]
    assert cursor.fetchone() == (11, "r11")
    filled.execute("DELETE FROM t")
    assert cursor.fetchmany(2) == [(12, "r12"), (13, "r13")]
    assert filled.execute("FETCH 1 FROM named").fetchone() == (14, "r14")
    assert sum(1 for _ in cursor) == 2986
    assert cursor.fetchone() is None
    cursor.close()
    with pytest.raises(errors.InvalidCursorName):
        filled.execute("FETCH 1 FROM named")


def test_a_named_cursor_ends_with_its_transaction_unless_it_is_held(filled: Connection) -> None:
    plain, held = filled.cursor("plain"), filled.cursor("held", withhold=True)
    plain.execute("SELECT a FROM t")
    held.execute("SELECT a FROM t ORDER BY a LIMIT 3")
    filled.commit()
    with pytest.raises(errors.InvalidCursorName):
        plain.fetchone()
    filled.rollback()
    assert held.fetchall() == [(1,), (2,), (3,)]
    held.close()
    assert filled.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)


def test_scrolling(filled: Connection) -> None:
    cursor = filled.cursor("s", scrollable=True)
    cursor.execute("SELECT a FROM t ORDER BY a")
    assert cursor.fetchone() == (1,)
    cursor.scroll(5)
    assert cursor.fetchone() == (7,)
    cursor.scroll(0, "absolute")
    assert cursor.fetchone() == (1,)
    forward = filled.cursor("f", scrollable=False)
    forward.execute("SELECT a FROM t ORDER BY a")
    forward.fetchmany(10)
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="cursor can only scan forward"):
        forward.scroll(-2)


def test_outside_a_transaction_a_named_cursor_must_be_held(filled: Connection) -> None:
    filled.autocommit = True
    with pytest.raises(errors.NoActiveSqlTransaction):
        filled.cursor("c").execute("SELECT 1")
    cursor = filled.cursor("c", withhold=True)
    cursor.execute("SELECT a FROM t ORDER BY a LIMIT 2")
    assert cursor.fetchall() == [(1,), (2,)]


def test_a_domain_that_allows_no_null_gets_none(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE DOMAIN counted AS int NOT NULL CHECK (VALUE > 0)")
    cursor.execute("CREATE TABLE stock (n counted, label text)")
    connection.commit()
    with pytest.raises(errors.NotNullViolation) as caught, cursor.copy("COPY stock FROM STDIN") as copy:
        copy.write("1\tone\n\\N\tnone\n")
    assert caught.value.context == "COPY stock, line 2, column n: null input"
    connection.rollback()
    with pytest.raises(errors.NotNullViolation), cursor.copy("COPY stock FROM STDIN") as copy:
        copy.write_row((None, "none"))
    connection.rollback()
    assert cursor.execute("SELECT count(*) FROM stock").fetchone() == (0,)


def test_binary_there_and_back_with_types_that_sql_made(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (n int, m mood)")
    cursor.execute("CREATE DOMAIN short AS varchar(3) NOT NULL CHECK (VALUE <> 'bad')")
    cursor.execute("CREATE TABLE made (m mood, p pair, ps pair[], s short)")
    cursor.execute("""INSERT INTO made VALUES
        ('ok', (1, 'sad'), ARRAY[(2, NULL), NULL]::pair[], 'abc'), (NULL, NULL, NULL, 'd')""")
    with cursor.copy("COPY made TO STDOUT (FORMAT binary)") as copy:
        data = b"".join(copy)
    before = cursor.execute("SELECT * FROM made").fetchall()
    cursor.execute("DELETE FROM made")
    with cursor.copy("COPY made FROM STDIN (FORMAT binary)") as copy:
        for place in range(0, len(data), 5):
            copy.write(data[place : place + 5])
    assert cursor.execute("SELECT * FROM made").fetchall() == before
    connection.commit()
    for wrong, problem in ((b"abcd", errors.StringDataRightTruncation), (b"bad", errors.CheckViolation)):
        damaged = data.replace(b"\0\0\0\3abc", len(wrong).to_bytes(4, "big") + wrong)
        with pytest.raises(problem) as caught, cursor.copy("COPY made FROM STDIN (FORMAT binary)") as copy:
            copy.write(damaged)
        assert caught.value.context == "COPY made, line 1, column s"
        connection.rollback()
    with pytest.raises(errors.NotNullViolation) as caught, cursor.copy("COPY made FROM STDIN (FORMAT binary)") as copy:
        copy.write(data.replace(b"\0\0\0\1d", b"\xff\xff\xff\xff"))
    assert caught.value.context == "COPY made, line 2, column s"


@pytest.mark.parametrize("length", [3, 5, 0])
def test_a_binary_value_of_a_wrong_length_is_an_error_that_names_its_place(connection: Connection, length: int) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE lengths (a int, b int)")
    rows = b"\0\2\0\0\0\4\0\0\0\1\xff\xff\xff\xff" + b"\0\2\xff\xff\xff\xff" + length.to_bytes(4, "big") + b"x" * length
    with (
        pytest.raises(errors.InvalidBinaryRepresentation) as caught,
        cursor.copy("COPY lengths FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows)
    assert caught.value.context == "COPY lengths, line 2, column b"


def test_binary_takes_no_text_but_python_objects(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE objects (a int, b text)")
    with pytest.raises(errors.InterfaceError), cursor.copy("COPY objects FROM STDIN (FORMAT binary)") as copy:
        copy.write("1\tx\n")
    connection.rollback()
    cursor.execute("CREATE TABLE objects (a int, b text)")
    with cursor.copy("COPY objects FROM STDIN (FORMAT binary)") as copy:
        copy.write_row((1, "x"))
    assert cursor.execute("SELECT * FROM objects").fetchall() == [(1, "x")]


def test_binary_values_longer_than_a_piece(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE long (a bytea, b text)")
    values = (b"\0\xff" * 300_000, "é" * 200_000)
    cursor.execute("INSERT INTO long VALUES (%s, %s), (%s, %s)", (*values, *values))
    with cursor.copy("COPY long TO STDOUT (FORMAT binary)") as copy:
        data = b"".join(copy)
    cursor.execute("TRUNCATE long")
    with cursor.copy("COPY long FROM STDIN (FORMAT binary)") as copy:
        for place in range(0, len(data), 60_000):
            copy.write(data[place : place + 60_000])
    assert cursor.execute("SELECT a, b FROM long").fetchall() == [values, values]


def test_binary_files(connection: Connection, tmp_path: Path) -> None:
    cursor = connection.cursor()
    file = tmp_path / "rows.bin"
    cursor.execute(f"COPY (SELECT g, g::text FROM generate_series(1, 3000) g) TO '{file}' (FORMAT binary)")
    cursor.execute("CREATE TABLE many (a int, b text)")
    cursor.execute(f"COPY many FROM '{file}' (FORMAT binary)")
    assert cursor.rowcount == 3000
    assert cursor.execute("SELECT count(*), min(a), max(b) FROM many WHERE a::text = b").fetchone() == (3000, 1, "999")
    assert file.read_bytes().startswith(b"PGCOPY\n\xff\r\n\0")
