"""URLs, and which database an engine has open for how long."""

from __future__ import annotations

import gc
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchTableError
from sqlalchemy.pool import NullPool

import heliosdb
from heliosdb_sqlalchemy.urls import arguments


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("heliosdb://", {"path": ":memory:", "branch": None}),
        ("heliosdb:///:memory:", {"path": ":memory:", "branch": None}),
        ("heliosdb:///app.db", {"path": "app.db", "branch": None}),
        ("heliosdb:////srv/a b/app.db", {"path": "/srv/a b/app.db", "branch": None}),
        ("postgresql+heliosdb:///app.db", {"path": "app.db", "branch": None}),
        ("heliosdb:///app.db@experiment", {"path": "app.db", "branch": "experiment"}),
        ("heliosdb:////srv/x@y/app.db", {"path": "/srv/x@y/app.db", "branch": None}),
        ("heliosdb:///a@b.db?branch=main", {"path": "a@b.db", "branch": "main"}),
        ("heliosdb:///app.db?timeout=1.5", {"path": "app.db", "branch": None, "timeout": 1.5}),
    ],
)
def test_a_url_says_path_branch_and_timeout(url: str, expected: dict[str, Any]) -> None:
    assert arguments(sa.make_url(url)) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("heliosdb://host/app.db", "has no host"),
        ("heliosdb://me:secret@/app.db", "has no user"),
        ("heliosdb:///app.db@", "no name on one side of the @"),
        ("heliosdb:///@b", "no name on one side of the @"),
        ("heliosdb:///app.db?timeout=soon", "a number of seconds, not 'soon'"),
        ("heliosdb:///app.db?sslmode=require", "has no option sslmode"),
        ("heliosdb:///app.db?branch=a&branch=b", "branch is given more than once"),
    ],
)
def test_what_a_url_cannot_say_is_refused_without_the_password(url: str, said: str) -> None:
    with pytest.raises(ArgumentError, match=said) as caught:
        sa.create_engine(url).connect()
    assert "secret" not in str(caught.value)


def test_the_connections_of_an_engine_share_a_database_in_memory() -> None:
    engine = sa.create_engine("heliosdb://")
    with engine.connect() as one, engine.connect() as two:
        one.exec_driver_sql("CREATE TABLE t (n int)")
        with pytest.raises(sa.exc.ProgrammingError, match='relation "t" does not exist'):
            two.exec_driver_sql("SELECT * FROM t")
        two.rollback()
        one.commit()
        assert two.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    engine.dispose()
    with engine.connect() as again, pytest.raises(sa.exc.ProgrammingError, match="does not exist"):
        again.exec_driver_sql("SELECT * FROM t")
    engine.dispose()


def test_engines_of_one_path_share_it_until_the_last_is_disposed(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    first = sa.create_engine(f"heliosdb:///{path}")
    second = sa.create_engine(f"postgresql+heliosdb:///{tmp_path}/./app.db", poolclass=NullPool)
    with first.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT 7 AS n")
    with second.connect() as connection:
        assert connection.exec_driver_sql("SELECT n FROM t").scalar() == 7
    first.dispose()
    with second.connect() as connection:
        assert connection.exec_driver_sql("SELECT n FROM t").scalar() == 7
    with pytest.raises(heliosdb.OperationalError, match="already open"):
        heliosdb.connect(str(path))
    second.dispose()
    with heliosdb.connect(str(path)) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_the_database_of_an_engine_that_is_gone_can_be_opened_in_another_way(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    engine = sa.create_engine(f"heliosdb:///{path}", connect_args={"plugins": []})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n int)")
    del engine, connection
    gc.collect()
    again = sa.create_engine(f"heliosdb:///{path}")
    assert sa.inspect(again).get_table_names() == ["t"]
    again.dispose()


def test_an_open_database_is_not_opened_in_another_way(tmp_path: Path) -> None:
    engine = sa.create_engine(f"heliosdb:///{tmp_path}/app.db", connect_args={"plugins": []})
    engine.connect().close()
    other = sa.create_engine(f"heliosdb:///{tmp_path}/app.db")
    with pytest.raises(ArgumentError, match="open with other arguments"):
        other.connect()
    engine.dispose()
    other.connect().close()
    other.dispose()


def test_a_key_goes_in_beside_the_url(tmp_path: Path) -> None:
    pytest.importorskip("heliosdb_crypto")
    url = f"heliosdb:///{tmp_path}/app.db"
    engine = sa.create_engine(url, connect_args={"encryption_key": "passphrase:correct horse"})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n int)")
    engine.dispose()
    with pytest.raises(sa.exc.DBAPIError):
        sa.create_engine(url).connect()


def test_a_branch_stands_behind_the_path(tmp_path: Path) -> None:
    pytest.importorskip("heliosdb_branch")
    main = sa.create_engine(f"heliosdb:///{tmp_path}/app.db")
    with main.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS n")
    with main.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE BRANCH trial")
    trial = sa.create_engine(f"heliosdb:///{tmp_path}/app.db@trial")
    with trial.begin() as connection:
        connection.exec_driver_sql("UPDATE t SET n = 2")
    with main.connect() as one, trial.connect() as two:
        assert (one.exec_driver_sql("SELECT n FROM t").scalar(), two.exec_driver_sql("SELECT n FROM t").scalar()) == (
            1,
            2,
        )
    main.dispose()
    trial.dispose()


def test_isolation_read_only_and_autocommit() -> None:
    engine = sa.create_engine("heliosdb://", isolation_level="SERIALIZABLE")
    with engine.connect() as connection:
        assert connection.get_isolation_level() == "SERIALIZABLE"
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("CREATE TABLE t (n int)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.rollback()
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 1
    with engine.connect().execution_options(postgresql_readonly=True) as connection:
        with pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (3)")
    engine.dispose()


def test_rows_are_streamed_in_parts() -> None:
    engine = sa.create_engine("heliosdb://")
    with engine.connect().execution_options(yield_per=10) as connection:
        result = connection.execute(sa.text("SELECT g FROM generate_series(1, 100000) g"))
        assert result.fetchmany(3) == [(1,), (2,), (3,)]
        assert result.cursor is not None
        assert result.cursor.name.startswith("sqlalchemy_")
        assert len(result.all()) == 99997
    engine.dispose()


def test_a_program_may_read_json_itself() -> None:
    engine = sa.create_engine("heliosdb://", json_deserializer=lambda text: json.loads(text, parse_float=Decimal))
    table = sa.Table("t", sa.MetaData(), sa.Column("plain", sa.JSON), sa.Column("binary", sa.dialects.postgresql.JSONB))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), {"plain": {"n": 1}, "binary": [2]})
        connection.exec_driver_sql("""UPDATE t SET plain = '{"n": 1.10}'""")
        assert connection.execute(sa.select(table)).one() == ({"n": Decimal("1.10")}, [2])
    engine.dispose()


def test_threads_have_connections_of_their_own() -> None:
    engine = sa.create_engine("heliosdb://", pool_size=4)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n int)")

    def insert(number: int) -> None:
        for step in range(20):
            with engine.begin() as connection:
                connection.execute(sa.text("INSERT INTO t VALUES (:n)"), {"n": number * 100 + step})

    threads = [threading.Thread(target=insert, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(DISTINCT n) FROM t").scalar() == 80
    engine.dispose()


def test_a_table_that_is_not_there_is_not_reflected() -> None:
    engine = sa.create_engine("heliosdb://")
    with pytest.raises(NoSuchTableError):
        sa.Table("nobody", sa.MetaData(), autoload_with=engine)
    engine.dispose()
