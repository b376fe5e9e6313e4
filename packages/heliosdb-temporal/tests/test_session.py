"""SET heliosdb.as_of: a session in the past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import heliosdb
from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    ActiveSqlTransaction,
    Error,
    ObjectInUse,
    ObjectNotInPrerequisiteState,
    ReadOnlySqlTransaction,
    UndefinedTable,
)

KEPT = Config(options={"temporal.time_travel_enabled": True})


def scn(db: EmbeddedDatabase) -> int:
    return int(db.query("SELECT heliosdb_current_scn()")[0][0])


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(":memory:", config=KEPT) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        database.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        yield database


def test_everything_is_read_at_the_point(db: EmbeddedDatabase) -> None:
    then = scn(db)
    time = db.query("SELECT heliosdb_scn_timestamp($1)::text", [then])[0][0]
    number = db.query("SELECT heliosdb_scn_transaction($1)::text", [then])[0][0]
    for _ in range(3):
        assert db.query("SELECT state FROM t WHERE id = $1", [1]) == [("a",)]
    db.execute("UPDATE t SET state = 'now' WHERE id = 1; ALTER TABLE t ADD COLUMN more int; CREATE INDEX ON t (state)")
    db.execute("CREATE TABLE later (id int)")
    for text in (f"SCN {then}", str(then), f" scn  {then} ", time, f"TIMESTAMP '{time}'", f"transaction {number}"):
        db.execute(f"""SET heliosdb.as_of = '{text.replace("'", "''")}'""")
        assert db.query("SHOW heliosdb.as_of") == [(f"SCN {then}",)]
        for _ in range(4):
            assert db.query("SELECT * FROM t WHERE id = $1", [1]) == [(1, "a")]
            assert db.query("SELECT id FROM t WHERE state = 'a'") == [(1,)]
        assert [
            row[0]
            for row in db.query("SELECT column_name FROM information_schema.columns WHERE table_name = 't' ORDER BY 1")
        ] == ["id", "state"]
        with pytest.raises(UndefinedTable):
            db.query("SELECT * FROM later")
        with db.stream("SELECT * FROM t ORDER BY id") as stream:
            assert [tuple(row) for row in stream] == [(1, "a"), (2, "b")]
        db.execute("RESET heliosdb.as_of")
        assert db.query("SHOW heliosdb.as_of") == [("",)]
        for _ in range(4):
            assert db.query("SELECT * FROM t WHERE id = $1", [1]) == [(1, "now", None)]


@pytest.mark.parametrize("text", ["RESET ALL", "DISCARD ALL"])
def test_it_goes_with_all_settings(db: EmbeddedDatabase, text: str) -> None:
    then = scn(db)
    db.execute("DELETE FROM t")
    for settings, count, shown in ((None, 0, ""), ({"heliosdb.as_of": f" scn {then}"}, 2, f"SCN {then}")):
        session = db.database.session(settings=settings)
        session.execute(f"SET heliosdb.as_of = {then - 1}; SET extra_float_digits = 3")
        assert list(session.execute("SELECT count(*) FROM t")[0].rows) == [(0,)]
        session.execute(text)
        assert (session.show_setting("heliosdb.as_of"), session.setting("extra_float_digits")) == (shown, 1)
        assert list(session.execute("SELECT count(*) FROM t")[0].rows) == [(count,)]
        session.close()


def test_all_settings_stay_where_the_point_cannot_be_left(db: EmbeddedDatabase) -> None:
    session = db.database.session()
    session.execute(f"SET heliosdb.as_of = {scn(db)}; SET extra_float_digits = 3")
    session.execute("BEGIN; SELECT * FROM t")
    with pytest.raises(ActiveSqlTransaction, match="before any query"):
        session.execute("RESET ALL")
    session.execute("ROLLBACK")
    assert session.setting("extra_float_digits") == 3
    session.execute("BEGIN; SELECT * FROM t; RESET extra_float_digits; COMMIT; RESET ALL")
    assert (session.setting("heliosdb.as_of"), session.setting("extra_float_digits")) == ("", 1)
    session.execute("BEGIN; SELECT * FROM t; RESET ALL; COMMIT")
    session.close()


def test_nothing_is_written_there(db: EmbeddedDatabase) -> None:
    db.execute("CREATE SEQUENCE s; CREATE TEMP TABLE own (id int)")
    with pytest.raises(ObjectInUse, match="temporary objects"):
        db.execute(f"SET heliosdb.as_of = '{scn(db)}'")
    db.execute("DISCARD TEMP")
    db.execute(f"SET heliosdb.as_of = '{scn(db)}'")
    for text in (
        "INSERT INTO t VALUES (3, 'c')",
        "UPDATE t SET state = 'x'",
        "UPDATE t SET state = 'x' WHERE id = 1",
        "DELETE FROM t",
        "CREATE TEMP TABLE own (id int)",
        "CREATE TABLE u (id int)",
        "DROP TABLE t",
        "TRUNCATE t",
        "SELECT * FROM t FOR UPDATE",
        "SELECT nextval('s')",
        "COPY t FROM '/nowhere'",
        "ALTER TABLE t ADD SYSTEM VERSIONING",
        "BEGIN READ WRITE; DELETE FROM t; COMMIT",
    ):
        with pytest.raises(Error) as caught:
            db.execute(text)
        assert caught.value.sqlstate == ReadOnlySqlTransaction.sqlstate, text
        db.execute("ROLLBACK")
    db.execute("RESET heliosdb.as_of")
    assert db.query("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, "b")]


def test_it_is_the_sessions_alone_and_holds_over_its_transactions(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, config=KEPT) as db:
        db.execute("CREATE TABLE t (id int)")
        db.execute("INSERT INTO t VALUES (1)")
        then = scn(db)
        db.execute("UPDATE t SET id = 2")
        first, second = db.database.session(), db.database.session()
        first.execute(f"SET heliosdb.as_of = {then}")
        for _ in range(2):
            assert list(first.execute("SELECT * FROM t")[0].rows) == [(1,)]
            assert list(second.execute("SELECT * FROM t")[0].rows) == [(2,)]
            second.execute("UPDATE t SET id = 2; DROP TABLE IF EXISTS other; CREATE TABLE other (id int)")
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
            first.execute(f"BEGIN ISOLATION LEVEL {level}")
            assert list(first.execute("SELECT * FROM t")[0].rows) == [(1,)]
            assert list(first.execute(f"SELECT * FROM t AS OF SCN {then - 1}")[0].rows) == []
            first.execute("COMMIT")
        first.execute("DISCARD ALL")
        assert list(first.execute("SELECT * FROM t")[0].rows) == [(2,)]
        first.close()
        second.close()


def test_it_is_chosen_before_the_first_query_of_a_transaction(db: EmbeddedDatabase) -> None:
    then = scn(db)
    db.execute("DELETE FROM t")
    with db.begin_transaction() as transaction:
        transaction.execute(f"SET heliosdb.as_of = {then}")
        assert transaction.query("SELECT count(*) FROM t") == [(2,)]
    db.execute("RESET heliosdb.as_of")
    with db.begin_transaction() as transaction:
        assert transaction.query("SELECT count(*) FROM t") == [(0,)]
        with pytest.raises(ActiveSqlTransaction, match="before any query"):
            transaction.execute(f"SET heliosdb.as_of = {then}")
        transaction.rollback()
    assert db.query("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "text", ["SCN 1000000", "SCN -1", "SCN x", "TRANSACTION 99999", "infinity", "tomorrow", "0", "x"]
)
def test_what_is_no_point_is_refused_and_leaves_the_session_where_it_was(db: EmbeddedDatabase, text: str) -> None:
    with pytest.raises(Error):
        db.execute(f"SET heliosdb.as_of = '{text}'")
    assert db.query("SHOW heliosdb.as_of") == [("",)]
    db.execute("INSERT INTO t VALUES (3, 'c')")


def test_a_point_whose_rows_are_gone_is_an_error_and_the_way_back_is_open() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=0)) as db:
        db.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        then = scn(db)
        db.execute("UPDATE t SET id = 2")
        db.execute("VACUUM")
        db.execute(f"SET heliosdb.as_of = {then}")
        with pytest.raises(ObjectNotInPrerequisiteState, match=f"SCN {then} is before the horizon"):
            db.query("SELECT * FROM t")
        db.execute("RESET heliosdb.as_of")
        assert db.query("SELECT * FROM t") == [(2,)]


def test_a_connection_reads_at_a_point(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, config=KEPT) as db:
        db.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        then = scn(db)
        db.execute("DELETE FROM t")
    with heliosdb.connect(path) as connection:
        connection.execute(f"SET heliosdb.as_of = {then}")
        connection.commit()
        assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
