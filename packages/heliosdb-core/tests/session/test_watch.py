"""What is noted of statements: pg_stat_statements, pg_stat_activity, the log of those that take long."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase
from heliosdb.errors import (
    DivisionByZero,
    FeatureNotSupported,
    InsufficientPrivilege,
    NumericValueOutOfRange,
    QueryCanceled,
)
from heliosdb.session.watch import Counters, StatementCounts, normalized

PATIENCE = 60


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        opened.execute("INSERT INTO t SELECT g, g FROM generate_series(1, 100) g")
        yield opened


def counted(db: EmbeddedDatabase) -> dict[str, tuple[int, int]]:
    """Return calls and rows of the statements about the table, by text."""
    rows = db.query("SELECT query, calls, rows FROM pg_stat_statements WHERE query LIKE '% t %'")
    return {row["query"]: (row["calls"], row["rows"]) for row in rows}


def test_statements_that_differ_in_constants_are_one(db: EmbeddedDatabase) -> None:
    db.execute("SELECT n FROM t WHERE id = 0")
    assert counted(db) == {}
    db.execute("SET pg_stat_statements.track = top")
    for number in range(1, 8):
        db.query(f"SELECT n FROM t WHERE id = {number} OR n < $1", (3,))
    db.query("SELECT n FROM t WHERE id = 1")
    db.query("SELECT n FROM t WHERE id = 2")
    db.execute("UPDATE t SET n = 'x'::text::int WHERE false")
    db.execute("INSERT INTO t SELECT g FROM generate_series(200, 209) g")
    with pytest.raises(DivisionByZero):
        db.query("SELECT 1 / 0 FROM t WHERE id = 5")
    found = counted(db)
    assert found == {
        "SELECT n FROM t WHERE id = $2 OR n < $1": (7, 2 + 2 + 5 * 3),
        "SELECT n FROM t WHERE id = $1": (2, 2),
        "UPDATE t SET n = $1::text::int WHERE false": (1, 0),
    } | {text: count for text, count in found.items() if text.startswith("INSERT")}
    db.execute("SET pg_stat_statements.track = none")
    db.query("SELECT n FROM t WHERE id = 1")
    assert counted(db) == found


def test_look_ups_that_run_as_functions_are_counted(db: EmbeddedDatabase) -> None:
    db.execute("SET pg_stat_statements.track = top")
    for number in range(50):
        db.query("SELECT n FROM t WHERE id = $1", (number,))
        db.execute("UPDATE t SET n = $2 WHERE id = $1", (number, 7))
    assert counted(db) == {
        "SELECT n FROM t WHERE id = $1": (50, 49),
        "UPDATE t SET n = $2 WHERE id = $1": (50, 49),
    }
    assert db.query("SELECT pg_stat_statements_reset()") == [(None,)]
    for number in range(3):
        db.query("SELECT n FROM t WHERE id = $1", (number,))
    assert counted(db) == {"SELECT n FROM t WHERE id = $1": (3, 2)}


def test_every_door_counts_and_sessions_are_added_up(db: EmbeddedDatabase) -> None:
    with heliosdb.connect(db, autocommit=True) as conn:
        conn.execute("SET pg_stat_statements.track = top")
        for number in range(10):
            conn.execute("SELECT n FROM t WHERE id = %s", (number,))
        with conn.cursor().copy("COPY t (id) FROM STDIN") as copy:
            copy.write("1000\n1001\n")
        with conn.cursor().copy("COPY t TO STDOUT") as copy:
            assert len(list(copy)) == 1
        here = counted(db)
    assert here == counted(db), "what a session counted stays when it ends"
    assert here == {
        "SELECT n FROM t WHERE id = $1": (10, 9),
        "COPY t (id) FROM STDIN": (1, 2),
        "COPY t TO STDOUT": (1, 102),
    }


def test_times_are_milliseconds(db: EmbeddedDatabase) -> None:
    db.execute("SET pg_stat_statements.track = top")
    db.query("SELECT pg_sleep(0.05) FROM t WHERE id = 1")
    db.query("SELECT pg_sleep(0.01) FROM t WHERE id = 1")
    (row,) = db.query("SELECT * FROM pg_stat_statements WHERE query LIKE '%pg_sleep%'")
    assert (row["calls"], row["rows"], row["userid"]) == (2, 2, 10)
    assert 10 <= row["min_exec_time"] < row["mean_exec_time"] < row["max_exec_time"] < 5000
    assert row["max_exec_time"] >= 50
    assert row["total_exec_time"] == pytest.approx(2 * row["mean_exec_time"])
    half = (row["max_exec_time"] - row["min_exec_time"]) / 2
    assert row["stddev_exec_time"] == pytest.approx(half)
    assert [row[f"{name}_time"] for name in ("total", "min", "max", "mean", "stddev")] == [
        row[f"{name}_exec_time"] for name in ("total", "min", "max", "mean", "stddev")
    ]


def test_counters_are_exact_and_bounded() -> None:
    one, other = Counters(), Counters()
    for value in (10**15, 10**15 + 1, 10**15 + 2):
        one.add(value, 1)
    other.take(one)
    assert other.deviation == pytest.approx((2 / 3) ** 0.5, rel=1e-12)
    assert Counters().deviation == 0
    counts = StatementCounts()
    busy: dict[Any, Counters] = {(10, (f"SELECT {n}",)): Counters() for n in range(6000)}
    for n, counters in enumerate(busy.values()):
        counters.calls = n
    counts.take(busy, {})
    left = counts.all_with(())
    assert len(left) == 4500
    assert min(counters.calls for counters in left.values()) == 1500


def test_a_session_that_meets_very_many_statements_keeps_few(db: EmbeddedDatabase) -> None:
    db.execute("SET pg_stat_statements.track = top")
    for number in range(1100):
        db.query(f"SELECT {number} AS column_{number}")
    session = db.session()
    assert max(len(other.watch.counted) for other in session.database.sessions.values()) <= 1000
    (row,) = db.query("SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'SELECT $1 AS column%'")
    assert row == (1100,)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (("SELECT 1 no constants",), "SELECT 1 no constants"),
        (("SELECT ", "int4", ""), "SELECT $1"),
        (("SELECT $2, ", "int4", ", ", "string", " FROM t"), "SELECT $2, $3, $4 FROM t"),
    ],
)
def test_constants_are_numbered_behind_parameters(shape: tuple[str, ...], text: str) -> None:
    assert normalized(shape) == text


def test_passwords_are_nowhere(db: EmbeddedDatabase, caplog: pytest.LogCaptureFixture) -> None:
    db.execute("SET pg_stat_statements.track = top")
    db.execute("SET log_min_duration_statement = 0")
    caplog.set_level(logging.INFO, "heliosdb")
    secret = "sEcReT"
    db.execute(f"CREATE ROLE r PASSWORD '{secret}'")
    db.execute(f"ALTER ROLE r PASSWORD E'{secret}'")
    db.execute(f"ALTER ROLE r PASSWORD '{secret}' /* {'long ' * 4000} */")
    shown = str([tuple(row) for row in db.query("SELECT query FROM pg_stat_statements")])
    shown += str([tuple(row) for row in db.query("SELECT query FROM pg_stat_activity")])
    assert "ALTER ROLE r PASSWORD" in shown
    assert "CREATE ROLE r PASSWORD" in caplog.text
    assert secret not in shown + caplog.text


def test_statements_that_take_long_are_logged(db: EmbeddedDatabase, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "heliosdb.statements")
    db.execute("SET log_min_duration_statement = 20")
    db.execute("SET application_name = 'a program'")
    db.query("SELECT n FROM t WHERE id = 1")
    assert caplog.records == []
    db.query("SELECT pg_sleep(0.03), $1::text, $2::int, $3::bytea", ("it's\n" + "x" * 500, None, b"123"))
    (record,) = caplog.records
    assert re.fullmatch(
        r"duration: \d+\.\d{3} ms  statement: SELECT pg_sleep\(0\.03\), \$1::text, \$2::int, \$3::bytea"
        rf"  parameters: \$1 = 'it''s\n{'x' * 195}\.\.\.', \$2 = NULL, \$3 = '3 bytes'",
        record.getMessage(),
    )
    fields = record.__dict__["fields"]
    assert fields["duration_ms"] >= 30
    assert (fields["user"], fields["application"]) == ("helios", "a program")
    caplog.clear()
    db.execute("SET log_min_duration_statement = 0")
    caplog.clear()
    for _ in range(5):  # none of them becomes a function that nobody times
        db.query("SELECT n FROM t WHERE id = $1", (1,))
    with pytest.raises(DivisionByZero):
        db.query("SELECT 1 / 0")
    assert ["statement: SELECT n FROM t" in record.getMessage() for record in caplog.records] == [True] * 5 + [False]
    db.execute("RESET log_min_duration_statement")
    caplog.clear()
    db.query("SELECT 1 / 1")
    assert caplog.records == []


def test_only_superusers_say_what_is_noted(db: EmbeddedDatabase) -> None:
    db.execute("SET pg_stat_statements.track = top")
    db.execute("CREATE ROLE r LOGIN")
    db.query("SELECT 1 FROM t WHERE id = 1")
    session = db.session(user="r")
    for name, value in (("log_min_duration_statement", "5"), ("pg_stat_statements.track", "none")):
        with pytest.raises(InsufficientPrivilege, match=f'permission denied to set parameter "{name}"'):
            session.execute(f"SET {name} = '{value}'")
        with pytest.raises(InsufficientPrivilege):
            db.session(user="r", settings={name: value})
    with pytest.raises(InsufficientPrivilege):
        session.execute("SELECT pg_stat_statements_reset()")
    for view in ("pg_stat_statements", "pg_stat_activity"):
        (result,) = session.execute(f"SELECT query FROM {view} WHERE query LIKE '%FROM t%' OR query LIKE '<%'")
        assert {row[0] for row in result.rows} <= {"<insufficient privilege>", session.latest_query}
        assert ("<insufficient privilege>",) in result.rows
    db.execute("GRANT pg_read_all_stats TO r")
    (result,) = session.execute("SELECT query FROM pg_stat_statements WHERE query LIKE '%FROM t%'")
    assert "SELECT $1 FROM t WHERE id = $2" in [row[0] for row in result.rows]
    session.close()


def test_a_statement_to_log_that_nobody_would_hear_of_is_refused(db: EmbeddedDatabase) -> None:
    db.execute("SET log_statement = none")
    with pytest.raises(FeatureNotSupported) as refused:
        db.execute("SET log_statement = 'all'")
    assert refused.value.detail == "log_min_duration_statement = 0 logs every statement."


def used(db: EmbeddedDatabase) -> dict[str, Any]:
    (row,) = db.query("SELECT * FROM pg_stat_user_tables WHERE relname = 't'")
    names = ("seq_scan", "idx_scan", "n_tup_ins", "n_tup_upd", "n_tup_del", "n_live_tup")
    return {name: row[name] for name in names}


def test_scans_searches_and_written_rows_are_counted_with_the_statements(db: EmbeddedDatabase) -> None:
    db.execute("CREATE INDEX by_n ON t (n)")
    nothing = dict.fromkeys(("seq_scan", "idx_scan", "n_tup_ins", "n_tup_upd", "n_tup_del"))
    assert used(db) == nothing | {"n_live_tup": 100}
    db.execute("SET pg_stat_statements.track = top")
    db.query("SELECT count(*) FROM t")
    db.query("SELECT (SELECT sum(b.n) FROM t b WHERE b.n + 0 > 5) FROM t a")
    db.execute("INSERT INTO t SELECT g, g FROM generate_series(101, 110) g")
    db.execute("UPDATE t SET n = 0 WHERE n + 0 > 105")
    db.execute("DELETE FROM t WHERE n + 0 = 0")
    with pytest.raises(DivisionByZero):
        db.execute("DELETE FROM t WHERE 1 / (n - 1) = 0")
    assert used(db) == {
        "seq_scan": 5, "idx_scan": 0, "n_tup_ins": 10, "n_tup_upd": 5, "n_tup_del": 5, "n_live_tup": 105,
    }  # fmt: skip
    for number in range(10):  # soon a function that is wrapped
        db.query("SELECT n FROM t WHERE id = $1", (number,))
        db.execute("INSERT INTO t VALUES ($1, 1)", (1000 + number,))
        db.execute("UPDATE t SET n = 2 WHERE id = $1", (1000 + number,))
    with heliosdb.connect(db, autocommit=True) as conn:
        conn.execute("SET pg_stat_statements.track = top")
        with conn.cursor().copy("COPY t (id) FROM STDIN") as copy:
            copy.write("2000\n2001\n")
    assert used(db) == {
        "seq_scan": 5, "idx_scan": 20, "n_tup_ins": 22, "n_tup_upd": 15, "n_tup_del": 5, "n_live_tup": 117,
    }  # fmt: skip
    db.query("SELECT id FROM t WHERE n = 7")
    rows = db.query("SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE relname = 't' ORDER BY 1")
    assert [tuple(row) for row in rows] == [("by_n", 1), ("t_pkey", 20)]
    db.execute("SELECT pg_stat_reset()")
    db.query("SELECT n FROM t WHERE id = $1", (1,))
    assert (used(db)["seq_scan"], used(db)["idx_scan"]) == (0, 1)
    assert counted(db)["SELECT n FROM t WHERE id = $1"] == (11, 10)
    query = "SELECT numbackends, tup_inserted, tup_updated, tup_deleted, xact_rollback FROM pg_stat_database"
    assert [tuple(row) for row in db.query(query)] == [(1, 0, 0, 0, None)]
    db.execute("INSERT INTO t VALUES (5000, 1), (5001, 1)")
    db.execute("CREATE TABLE u (id int)")
    db.execute("INSERT INTO u VALUES (1)")
    assert [tuple(row) for row in db.query(query)] == [(1, 3, 0, 0, None)]


def test_tools_create_the_extension(db: EmbeddedDatabase) -> None:
    query = "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'pg_stat_statements'"
    assert [tuple(row) for row in db.query(query)] == [("1.10", None)]
    db.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    db.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    assert [tuple(row) for row in db.query(query)] == [("1.10", "1.10")]
    assert [row["extname"] for row in db.query("SELECT extname FROM pg_extension")] == ["pg_stat_statements"]
    db.execute("DROP EXTENSION pg_stat_statements")
    assert db.query("SELECT count(*) FROM pg_extension") == [(0,)]
    with pytest.raises(FeatureNotSupported, match='extension "pg_stat_plans" is not available'):
        db.execute("CREATE EXTENSION pg_stat_plans")


# -- pg_stat_activity ------------------------------------------------------------------------------------------------

ACTIVITY = """SELECT state, wait_event_type, wait_event, query, usename, application_name, client_addr, client_port,
    backend_start <= query_start AND query_start <= state_change AS in_order, xact_start IS NULL AS no_transaction
    FROM pg_stat_activity WHERE pid = $1"""


def test_what_a_session_does_can_be_seen(db: EmbeddedDatabase) -> None:
    session = db.session(settings={"application_name": "other"})
    session.execute("BEGIN")
    session.execute("SELECT 1")

    def seen() -> Any:
        (row,) = db.query(ACTIVITY, (session.number,))
        return row

    row = seen()
    assert tuple(row)[:6] == ("idle in transaction", "Client", "ClientRead", "SELECT 1", "helios", "other")
    assert tuple(row)[6:] == (None, None, True, False)
    session.execute("ROLLBACK")
    assert (seen()["state"], seen()["query"], seen()["no_transaction"]) == ("idle", "ROLLBACK", True)
    with db.begin_transaction() as transaction:
        transaction.execute("LOCK TABLE t")
        waiter = threading.Thread(target=session.execute, args=("UPDATE t SET n = 1",))
        waiter.start()
        deadline = time.monotonic() + PATIENCE
        while seen()["wait_event"] != "relation":
            assert time.monotonic() < deadline
        assert (seen()["state"], seen()["wait_event_type"], seen()["query"]) == ("active", "Lock", "UPDATE t SET n = 1")
    waiter.join(PATIENCE)
    session.close()
    assert db.query(ACTIVITY, (session.number,)) == []


def test_statements_of_others_are_cancelled_by_who_may(db: EmbeddedDatabase) -> None:
    db.execute("CREATE ROLE r")
    db.execute("CREATE ROLE helper")
    mine, other, owner = db.session(user="r"), db.session(user="r"), db.session()
    (result,) = mine.execute(f"SELECT pg_cancel_backend({other.number})")
    assert list(result.rows) == [(True,)]
    with pytest.raises(InsufficientPrivilege, match="must be a superuser to cancel superuser query"):
        mine.execute(f"SELECT pg_cancel_backend({owner.number})")
    helper = db.session(user="helper")
    with pytest.raises(InsufficientPrivilege, match="member of the role whose process is being terminated"):
        helper.execute(f"SELECT pg_terminate_backend({mine.number})")
    db.execute("GRANT pg_signal_backend TO helper")
    with pytest.raises(FeatureNotSupported, match=f"session {mine.number} is the program's own"):
        helper.execute(f"SELECT pg_terminate_backend({mine.number})")
    with pytest.raises(NumericValueOutOfRange):
        helper.execute(f"SELECT pg_terminate_backend({mine.number}, -1)")
    (result,) = helper.execute("SELECT pg_terminate_backend(987654)")
    assert list(result.rows) == [(False,)]
    failures: list[Exception] = []

    def sleep() -> None:
        try:
            mine.execute("SELECT pg_sleep(100)")
        except QueryCanceled as error:
            failures.append(error)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    while not failures and sleeper.is_alive():
        helper.execute(f"SELECT pg_cancel_backend({mine.number})")
    sleeper.join(PATIENCE)
    assert len(failures) == 1
    for session in (mine, other, owner, helper):
        session.close()
