"""The DB-API: PEP 249 to the letter, and what psycopg 3 adds to it."""

# ruff: noqa: BLE001, PT012 - threads and children report whatever happens; blocks that raise are what is tested

from __future__ import annotations

import datetime
import inspect
import os
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heliosdb
from heliosdb import dbapi, errors
from heliosdb.dbapi import Connection, dict_row, named_row, scalar_row


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = heliosdb.connect(":memory:", plugins=[])
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, n numeric(6,2))")
    connection.execute("INSERT INTO t VALUES (1, 'one', 1.5), (2, 'two', NULL), (3, 'three', 3)")
    connection.commit()
    yield connection
    connection.close()


# -- module ------------------------------------------------------------------------------------------------------------


def test_the_module_says_what_pep_249_asks_for() -> None:
    assert heliosdb.apilevel == dbapi.apilevel == "2.0"
    assert heliosdb.threadsafety == 2
    assert heliosdb.paramstyle == "pyformat"
    assert issubclass(heliosdb.Warning, Exception)
    assert issubclass(heliosdb.Error, Exception)
    assert issubclass(heliosdb.InterfaceError, heliosdb.Error)
    assert issubclass(heliosdb.DatabaseError, heliosdb.Error)
    for name in (
        "DataError",
        "OperationalError",
        "IntegrityError",
        "InternalError",
        "ProgrammingError",
        "NotSupportedError",
    ):
        assert issubclass(getattr(heliosdb, name), heliosdb.DatabaseError)
        assert getattr(Connection, name) is getattr(heliosdb, name)
    assert heliosdb.Date(2024, 2, 29) == datetime.date(2024, 2, 29)
    assert heliosdb.Time(1, 2, 3) == datetime.time(1, 2, 3)
    assert heliosdb.Timestamp(2024, 2, 29, 1, 2, 3) == datetime.datetime(2024, 2, 29, 1, 2, 3)
    now = 1_700_000_000
    assert heliosdb.DateFromTicks(now) == datetime.datetime.fromtimestamp(now).date()
    assert heliosdb.TimeFromTicks(now) == datetime.datetime.fromtimestamp(now).time()
    assert heliosdb.TimestampFromTicks(now) == datetime.datetime.fromtimestamp(now)
    assert heliosdb.Binary(b"a") == b"a"


@pytest.mark.parametrize(
    ("sql", "kind", "state"),
    [
        ("SELEC 1", heliosdb.ProgrammingError, "42601"),
        ("SELECT * FROM nowhere", heliosdb.ProgrammingError, "42P01"),
        ("SELECT nope FROM t", heliosdb.ProgrammingError, "42703"),
        ("SELECT 1/0", heliosdb.DataError, "22012"),
        ("SELECT 'x'::int", heliosdb.DataError, "22P02"),
        ("SELECT 2147483647 + 1", heliosdb.DataError, "22003"),
        ("INSERT INTO t VALUES (1, 'x')", heliosdb.IntegrityError, "23505"),
        ("INSERT INTO t VALUES (9, NULL)", heliosdb.IntegrityError, "23502"),
        ("SELECT (SELECT id FROM t)", heliosdb.ProgrammingError, "21000"),
        ("CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()", heliosdb.NotSupportedError, "0A000"),
    ],
)
def test_exceptions_follow_the_sqlstate(conn: Connection, sql: str, kind: type[heliosdb.Error], state: str) -> None:
    with pytest.raises(kind) as failure:
        conn.execute(sql)
    assert failure.value.sqlstate == state
    assert str(failure.value)
    with pytest.raises(heliosdb.Error) as failed:
        conn.execute("SELECT 1")
    assert failed.value.sqlstate == "25P02"
    conn.rollback()
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_type_objects_compare_with_type_codes(conn: Connection) -> None:
    cursor = conn.execute(
        "SELECT 'a'::text, 'b'::varchar(3), '\\x00'::bytea, 1::int2, 1::int8, 1.5::numeric, 1.5::float4,"
        " now(), current_date, current_time, interval '1 day', 1::oid"
    )
    assert cursor.description is not None
    kinds = [heliosdb.STRING] * 2 + [heliosdb.BINARY] + [heliosdb.NUMBER] * 4 + [heliosdb.DATETIME] * 4
    kinds.append(heliosdb.ROWID)
    everything = [heliosdb.STRING, heliosdb.BINARY, heliosdb.NUMBER, heliosdb.DATETIME, heliosdb.ROWID]
    for column, kind in zip(cursor.description, kinds, strict=True):
        assert column[1] == kind
        assert kind == column[1]
        assert [other for other in everything if other == column[1]] == [kind]
    assert heliosdb.STRING != heliosdb.NUMBER
    assert heliosdb.STRING != [25]
    assert heliosdb.STRING != "text"


# -- description, rowcount, fetching -----------------------------------------------------------------------------------


def test_a_description_has_seven_items_a_column(conn: Connection) -> None:
    cursor = conn.cursor()
    assert cursor.description is None
    cursor.execute("SELECT id, v AS name, n FROM t")
    assert cursor.description is not None
    assert [len(column) for column in cursor.description] == [7, 7, 7]
    assert [column[0] for column in cursor.description] == ["id", "name", "n"]
    assert cursor.description[2].precision == 6
    assert cursor.description[2].scale == 2
    assert cursor.description[0].name == "id"
    cursor.execute("SELECT * FROM t WHERE false")
    assert cursor.description is not None
    assert cursor.fetchall() == []
    cursor.execute("UPDATE t SET v = v")
    assert cursor.description is None
    cursor.execute("UPDATE t SET v = v RETURNING id")
    assert cursor.description is not None
    cursor.execute("SELECT FROM t")
    assert cursor.description == []
    assert cursor.fetchall() == [(), (), ()]


def test_rowcount_counts_what_was_given_or_changed(conn: Connection) -> None:
    cursor = conn.cursor()
    assert cursor.rowcount == -1
    for sql, count in (
        ("SELECT * FROM t", 3),
        ("SELECT * FROM t WHERE false", 0),
        ("UPDATE t SET v = v WHERE id > 1", 2),
        ("INSERT INTO t VALUES (4, 'four'), (5, 'five')", 2),
        ("DELETE FROM t WHERE id > 3 RETURNING id", 2),
    ):
        assert cursor.execute(sql).rowcount == count, sql
    assert cursor.execute("CREATE TABLE x (a int)").rowcount == -1
    assert cursor.statusmessage == "CREATE TABLE"
    assert cursor.execute("INSERT INTO x VALUES (1)").statusmessage == "INSERT 0 1"


def test_fetching_goes_on_where_it_stopped(conn: Connection) -> None:
    cursor = conn.execute("SELECT g FROM generate_series(1, 10) g")
    assert cursor.rownumber == 0
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany() == [(2,)]
    cursor.arraysize = 2
    assert cursor.fetchmany() == [(3,), (4,)]
    assert cursor.fetchmany(0) == []
    assert cursor.fetchmany(3) == [(5,), (6,), (7,)]
    assert cursor.rownumber == 7
    assert next(iter(cursor)) == (8,)
    assert cursor.fetchall() == [(9,), (10,)]
    assert cursor.fetchone() is None
    assert cursor.fetchmany(5) == []
    assert cursor.fetchall() == []
    assert list(cursor) == []
    with pytest.raises(heliosdb.Error):
        cursor.fetchmany(-1)


def test_scrolling(conn: Connection) -> None:
    cursor = conn.execute("SELECT g FROM generate_series(0, 9) g")
    cursor.scroll(4)
    assert cursor.fetchone() == (4,)
    cursor.scroll(-2)
    assert cursor.fetchone() == (3,)
    cursor.scroll(9, mode="absolute")
    assert cursor.fetchone() == (9,)
    for value, mode in ((100, "relative"), (-100, "relative"), (-1, "absolute"), (11, "absolute")):
        with pytest.raises(IndexError):
            cursor.scroll(value, mode=mode)
    with pytest.raises(ValueError, match="mode"):
        cursor.scroll(0, mode="sideways")


def test_fetching_without_a_result_is_an_error(conn: Connection) -> None:
    cursor = conn.cursor()
    for prepare in (lambda: None, lambda: cursor.execute("UPDATE t SET v = v"), lambda: cursor.execute("")):
        prepare()
        for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchmany, lambda: next(iter(cursor))):
            with pytest.raises(heliosdb.ProgrammingError):
                fetch()
    cursor.execute("SELECT 1")
    with pytest.raises(heliosdb.DataError):
        cursor.execute("SELECT 1/0")


def test_nextset_walks_the_results_of_a_text(conn: Connection) -> None:
    cursor = conn.execute("SELECT 1; UPDATE t SET v = v; SELECT 'a', 'b'")
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset() is True
    assert cursor.rowcount == 3
    assert cursor.nextset() is True
    assert cursor.fetchall() == [("a", "b")]
    assert cursor.nextset() is None
    assert not cursor.nextset()


def test_sizes_may_be_set_and_mean_nothing(conn: Connection) -> None:
    cursor = conn.cursor()
    cursor.setinputsizes([5])
    cursor.setoutputsize(5)
    cursor.setoutputsize(5, 0)
    assert cursor.connection is conn


# -- row factories -----------------------------------------------------------------------------------------------------


def test_row_factories(conn: Connection) -> None:
    sql = "SELECT id, n FROM t ORDER BY id LIMIT 2"
    assert conn.execute(sql).fetchall() == [(1, Decimal("1.50")), (2, None)]
    assert type(conn.execute(sql).fetchone()) is tuple
    assert conn.cursor(row_factory=dict_row).execute(sql).fetchone() == {"id": 1, "n": Decimal("1.50")}
    row = conn.cursor(row_factory=named_row).execute(sql).fetchone()
    assert row["n"] == row[1] == Decimal("1.50")
    conn.row_factory = scalar_row
    assert conn.execute(sql).fetchall() == [1, 2]
    assert list(conn.execute("SELECT n FROM t ORDER BY id")) == [Decimal("1.50"), None, Decimal("3.00")]
    conn.row_factory = lambda cursor: lambda row: [type(value).__name__ for value in row]
    assert conn.execute(sql).fetchone() == ["int", "Decimal"]


# -- placeholders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("SELECT %s::int + %s::int", (1, 2), 3),
        ("SELECT %s::int + %s::int", [1, 2], 3),
        ("SELECT %(a)s::int + %(b)s::int + %(a)s::int", {"a": 1, "b": 2, "unused": 3}, 4),
        ("SELECT $1::int + $2::int + $1::int", (1, 2), 4),
        ("SELECT '%s'", None, "%s"),
        ("SELECT '%'", None, "%"),
        ("SELECT 5 % 3", None, 2),
        ("SELECT 5 %% 3 + %s::int", (1,), 3),
        ("SELECT '100%%' || %s", ("!",), "100%!"),
        ("SELECT 5 %% 3", (), 2),
        ("SELECT $1::int %% 3", (5,), 2),
        ("SELECT '$1' || %s", ("x",), "$1x"),
        ("SELECT $q$ $1 $q$ || %s", ("x",), " $1 x"),
        ("SELECT /* $1 */ %s::int", (1,), 1),
        ("SELECT %(a b)s::int", {"a b": 1}, 1),
        ("SELECT %(é)s::int", {"é": 1}, 1),
        ("SELECT %s", ("%s",), "%s"),
        ("SELECT %s", ("'; DROP TABLE t; --",), "'; DROP TABLE t; --"),
    ],
)
def test_placeholders(conn: Connection, sql: str, params: Any, expected: Any) -> None:
    assert conn.execute(sql, params).fetchone() == (expected,)


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT %s, %(a)s", (1,)),
        ("SELECT %s, %(a)s", {"a": 1}),
        ("SELECT %s, $1", (1,)),
        ("SELECT %(a)s, $1", {"a": 1}),
        ("SELECT %s", ()),
        ("SELECT %s", (1, 2)),
        ("SELECT 1", (1,)),
        ("SELECT %s", {"a": 1}),
        ("SELECT %(a)s", (1,)),
        ("SELECT %(a)s", {"b": 1}),
        ("SELECT $1", {"a": 1}),
        ("SELECT $2::int", (1,)),
        ("SELECT $1::int", (1, 2)),
        ("SELECT 5 % 3 + %s", (1,)),
        ("SELECT '%' || %s", (1,)),
        ("SELECT %d", (1,)),
        ("SELECT %", (1,)),
        ("SELECT %(a", {"a": 1}),
        ("SELECT %s", "a"),
        ("SELECT %s", b"a"),
        ("SELECT %s", 5),
        ("SELECT %s", {1}),
        ("SELECT %s; SELECT 2", (1,)),
    ],
)
def test_placeholders_that_do_not_fit_are_refused(conn: Connection, sql: str, params: Any) -> None:
    with pytest.raises((heliosdb.ProgrammingError, heliosdb.InterfaceError, errors.ProtocolViolation)):
        conn.execute(sql, params)


@given(st.text(alphabet="%s()ad$1 '\"-", max_size=12), st.integers(0, 3))
def test_no_text_with_percent_signs_fails_in_python(text: str, count: int) -> None:
    from heliosdb.placeholders import rewrite

    for params in (None, tuple(range(count)), {"a": 1, "d": 2}):
        try:
            made, values = rewrite(text, params)
        except heliosdb.Error:
            continue
        assert params is not None or (made == text and values == ())


# -- transactions ------------------------------------------------------------------------------------------------------


def test_the_first_statement_begins_a_transaction(conn: Connection) -> None:
    assert not conn.in_transaction
    conn.execute("DELETE FROM t")
    assert conn.in_transaction
    conn.rollback()
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (3,)
    conn.execute("DELETE FROM t WHERE id = 1")
    conn.commit()
    conn.commit()
    conn.rollback()
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert conn.execute("SHOW transaction_isolation").fetchone() == ("read committed",)


def test_autocommit(conn: Connection) -> None:
    conn.autocommit = True
    conn.execute("DELETE FROM t WHERE id = 1")
    assert not conn.in_transaction
    conn.rollback()
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (2,)
    conn.execute("BEGIN")
    with pytest.raises(heliosdb.Error):
        conn.autocommit = False
    conn.execute("ROLLBACK")
    conn.autocommit = False
    conn.execute("SELECT 1")
    with pytest.raises(heliosdb.Error):
        conn.autocommit = True


def test_transaction_blocks_nest(conn: Connection) -> None:
    with conn.transaction():
        conn.execute("INSERT INTO t VALUES (4, 'four')")
        with pytest.raises(heliosdb.IntegrityError), conn.transaction():
            conn.execute("INSERT INTO t VALUES (5, 'five')")
            with conn.transaction():
                conn.execute("INSERT INTO t VALUES (5, 'again')")
        with conn.transaction():
            conn.execute("INSERT INTO t VALUES (6, 'six')")
        for end in (conn.commit, conn.rollback):
            with pytest.raises(heliosdb.ProgrammingError):
                end()
    assert not conn.in_transaction
    assert [row[0] for row in conn.execute("SELECT id FROM t ORDER BY id")] == [1, 2, 3, 4, 6]
    conn.rollback()
    with pytest.raises(ValueError, match="own"), conn.transaction():
        conn.execute("DELETE FROM t")
        raise ValueError("own")
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (5,)


def test_a_transaction_block_that_swallowed_an_error_does_not_pretend_to_commit(conn: Connection) -> None:
    with pytest.raises(errors.InFailedSqlTransaction), conn.transaction():
        conn.execute("INSERT INTO t VALUES (4, 'four')")
        with pytest.raises(heliosdb.IntegrityError):
            conn.execute("INSERT INTO t VALUES (4, 'four')")
    assert not conn.in_transaction
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_leaving_the_connection_commits_or_rolls_back_and_closes() -> None:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        with heliosdb.connect(db) as conn:
            conn.execute("CREATE TABLE t (a int)")
        assert conn.closed
        with pytest.raises(KeyError), heliosdb.connect(db) as conn:
            conn.execute("INSERT INTO t VALUES (1)")
            raise KeyError
        assert db.query("SELECT count(*) FROM t") == [(0,)]
        with pytest.raises(heliosdb.InterfaceError):
            heliosdb.connect(db, plugins=[])


def test_executemany(conn: Connection) -> None:
    cursor = conn.cursor()
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(10, "a"), (11, "b"), (12, "c")])
    assert cursor.rowcount == 3
    cursor.executemany("UPDATE t SET v = %(v)s WHERE id = %(id)s", ({"id": n, "v": "x"} for n in (10, 11, 99)))
    assert cursor.rowcount == 2
    assert cursor.executemany("INSERT INTO t VALUES (%s, %s)", []).rowcount == 0
    conn.commit()
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", iter([(16, "p"), [17, "q"]]))
    assert conn.execute("SELECT v FROM t WHERE id > 15 ORDER BY id").fetchall() == [("p",), ("q",)]
    conn.rollback()
    for rows in (
        [(13, "d"), (13, "e")],
        [(13, "d"), (14,)],
        [(13,), (14,)],
        [(13, "d"), (14, None)],
        [(13, "d"), "ab"],
        [(13, "d"), {"id": 14, "v": "e"}],
        [(13, "d"), 14],
        [5],
    ):
        with pytest.raises(heliosdb.Error):
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", rows)  # type: ignore[arg-type]
        conn.rollback()
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (6,)
    conn.rollback()
    conn.autocommit = True
    with pytest.raises(heliosdb.IntegrityError):
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(20, "d"), (20, "e")])
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (6,)


# -- closing, threads, processes ---------------------------------------------------------------------------------------


def test_closed_things_say_so(conn: Connection) -> None:
    cursor = conn.execute("SELECT 1")
    cursor.close()
    cursor.close()
    for use in (cursor.fetchone, cursor.fetchall, lambda: cursor.execute("SELECT 1"), lambda: list(cursor)):
        with pytest.raises(heliosdb.InterfaceError):
            use()
    with conn.cursor() as inner:
        inner.execute("SELECT 1")
    assert inner.closed
    open_cursor = conn.execute("SELECT 1")
    conn.close()
    conn.close()
    for use in (
        conn.cursor,
        conn.commit,
        conn.rollback,
        lambda: conn.execute("SELECT 1"),
        lambda: conn.executemany("SELECT 1", [()]),
        open_cursor.fetchone,
        lambda: conn.transaction().__enter__(),
        lambda: conn.create_function("f", [], "int", lambda: 1),
    ):
        with pytest.raises(heliosdb.InterfaceError):
            use()


def test_connections_to_one_database_are_sessions_apart() -> None:
    with heliosdb.EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute("CREATE TABLE t (a int)")
        one, other = heliosdb.connect(db), heliosdb.connect(db)
        one.execute("INSERT INTO t VALUES (1); SET application_name = 'one'")
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)
        one.commit()
        assert other.execute("SELECT count(*) FROM t").fetchone() == (1,)
        assert other.execute("SHOW application_name").fetchone() == ("",)
        one.close()
        assert db.query("SELECT count(*) FROM t") == [(1,)]
        other.close()


def test_threads_take_turns_on_a_connection(conn: Connection) -> None:
    conn.autocommit = True
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(50):
                conn.execute("UPDATE t SET n = coalesce(n, 0) + 1 WHERE id = %s", (2,))
                assert conn.execute("SELECT v FROM t WHERE id = %s", (1,)).fetchone() == ("one",)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert conn.execute("SELECT n FROM t WHERE id = 2").fetchone() == (Decimal("200.00"),)


def test_a_connections_timeout_is_for_every_statement() -> None:
    with heliosdb.connect(":memory:", plugins=[], timeout=0.05) as conn:
        with pytest.raises(errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(20)")
        conn.rollback()
        with pytest.raises(errors.QueryCanceled):
            conn.executemany("SELECT pg_sleep(%s)", [(20,)])
        conn.rollback()
        assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_cannot_use_the_parents_connection(conn: Connection) -> None:
    conn.execute("INSERT INTO t VALUES (4, 'four')")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        try:
            for run in (lambda: conn.execute("SELECT 1"), conn.commit, conn.rollback, conn.cursor):
                try:
                    run()
                    said.append("nothing")
                except heliosdb.InterfaceError:
                    said.append("told")
            conn.close()
            said.append("closed")
        except BaseException as error:
            said.append(repr(error))
        finally:
            os.write(write, "|".join(said).encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read().split("|") == ["told"] * 4 + ["closed"]
    os.waitpid(child, 0)
    conn.commit()
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (4,)


def test_notices_reach_the_client(conn: Connection) -> None:
    conn.execute("DROP TABLE IF EXISTS nowhere")
    assert 'table "nowhere" does not exist, skipping' in [notice.message for notice in conn.notices]


def test_public_functions_have_no_catch_all_arguments() -> None:
    for thing in (heliosdb.connect, *(member for _, member in inspect.getmembers(Connection, inspect.isfunction))):
        kinds = {parameter.kind for parameter in inspect.signature(thing).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds, thing


@pytest.mark.parametrize("parameters", [None, (1,)])
@pytest.mark.parametrize("sql", [None, 5, b"SELECT %s"])
def test_a_statement_that_is_no_str_is_refused(sql: Any, parameters: Any) -> None:
    with (
        heliosdb.connect(":memory:") as connection,
        pytest.raises(heliosdb.InterfaceError, match=f"a statement must be a str, not {type(sql).__name__}"),
    ):
        connection.execute(sql, parameters)


def test_what_is_no_database_cannot_be_connected_to() -> None:
    with pytest.raises(heliosdb.InterfaceError, match="path must be a str or an EmbeddedDatabase, not int"):
        heliosdb.connect(5)  # type: ignore[arg-type]
