"""BACKUP TO and RESTORE FROM: their options, their places, and when they may not run."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase
from heliosdb.dump import dump_script
from heliosdb.errors import (
    ActiveSqlTransaction,
    DuplicateFile,
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    QueryCanceled,
    ReadOnlySqlTransaction,
    SqlSyntaxError,
    UndefinedFile,
    UndefinedTable,
    WrongObjectType,
)

fresh = EmbeddedDatabase.new_in_memory


def text_of(database: EmbeddedDatabase) -> str:
    return "".join(dump_script(database))


@pytest.mark.parametrize("name", ["all.sql", "all.hda", "all"])
def test_a_database_goes_out_and_comes_back(everything: EmbeddedDatabase, tmp_path: Path, name: str) -> None:
    place = str(tmp_path / name)
    everything.execute(f"BACKUP TO '{place}'")
    assert Path(place).read_bytes().startswith(b"--" if name.endswith(".sql") else b"\x89HDBA")
    with fresh() as other:
        other.execute(f"RESTORE FROM '{place}'")
        assert text_of(other) == text_of(everything)


def test_the_result_says_how_many_rows(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    session = everything.session()
    (made,) = session.execute(f"BACKUP TO '{tmp_path / 'x'}' WITH (table = (tree, 'public.h*'))")
    assert (made.tag, made.row_count) == ("BACKUP", 5)
    with fresh() as other:
        (back,) = other.session().execute(f"RESTORE FROM '{tmp_path / 'x'}' WITH (table tree)")
        assert (back.tag, back.row_count) == ("RESTORE", 3)
        assert [name for (name,) in other.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")] == [
            "tree"
        ]


def test_what_stays_behind_is_told(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    everything.execute(f"BACKUP TO '{tmp_path / 'x'}'")
    with fresh() as other:
        other.execute(f"RESTORE FROM '{tmp_path / 'x'}' WITH (table = hen)")
        assert other.notices[-1].message == "left out: references to public.egg, which is not there (1)"


def test_an_existing_place_is_kept_unless_it_may_go(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    place = tmp_path / "x.sql"
    place.write_text("precious")
    with pytest.raises(DuplicateFile) as caught:
        everything.execute(f"BACKUP TO '{place}'")
    assert caught.value.sqlstate == "58P02"
    with pytest.raises(UndefinedTable):
        everything.execute(f"BACKUP TO '{place}' WITH (overwrite, table = absent)")
    assert place.read_text() == "precious"
    everything.execute(f"BACKUP TO '{place}' WITH (overwrite = true)")
    assert place.read_text() == text_of(everything)
    assert os.listdir(tmp_path) == ["x.sql"]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("BACKUP TO 'x' WITH (nonsense)", SqlSyntaxError),
        ("BACKUP TO 'x' WITH (overwrite, overwrite)", SqlSyntaxError),
        ("BACKUP TO 'x' WITH (overwrite = maybe)", SqlSyntaxError),
        ("BACKUP TO 'x' WITH (format = tar)", InvalidParameterValue),
        ("BACKUP TO 'x' WITH (level = high)", InvalidParameterValue),
        ("BACKUP TO 'x' WITH (level = 99)", InvalidParameterValue),
        ("BACKUP TO 'x' WITH (compression = brotli)", Error),
        ("BACKUP TO 'x.sql' WITH (compression = zstd)", InvalidParameterValue),
        ("BACKUP TO 'x' WITH (inserts)", InvalidParameterValue),
        ("BACKUP TO 'x' WITH (schema_only, data_only)", InvalidParameterValue),
        ("BACKUP TO 'x' WITH ()", SqlSyntaxError),
        ("BACKUP TO 'x' overwrite", SqlSyntaxError),
        ("BACKUP TO x", SqlSyntaxError),
        ("BACKUP", SqlSyntaxError),
        ("BACKUP TO '-'", InvalidParameterValue),
        ("BACKUP TO ''", Error),
        ("BACKUP TO '.'", WrongObjectType),
        ("BACKUP TO 'absent/x'", UndefinedFile),
        ("RESTORE FROM 'absent'", UndefinedFile),
        ("RESTORE FROM '.'", WrongObjectType),
        ("RESTORE FROM '-'", InvalidParameterValue),
        ("RESTORE FROM 'absent' WITH (overwrite)", SqlSyntaxError),
        ("RESTORE TO 'x'", SqlSyntaxError),
    ],
)
def test_what_is_wrong_is_refused(
    statement: str, error: type[Error], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with fresh() as database:
        database.execute("CREATE TABLE t (a int)")
        with pytest.raises(error):
            database.execute(statement)
        assert os.listdir(tmp_path) == []


def test_neither_runs_within_a_transaction(tmp_path: Path) -> None:
    for statement in ("BACKUP TO 'x'", "RESTORE FROM 'x'"):
        with fresh() as database, database.begin_transaction() as transaction:
            with pytest.raises(ActiveSqlTransaction):
                transaction.execute(statement)
    with fresh() as database:
        database.execute("SET default_transaction_read_only = on")
        database.execute(f"BACKUP TO '{tmp_path / 'x'}'")
        with pytest.raises(ReadOnlySqlTransaction):
            database.execute(f"RESTORE FROM '{tmp_path / 'x'}'")


def test_they_run_through_the_db_api(tmp_path: Path) -> None:
    connection = heliosdb.connect(":memory:", autocommit=True)
    connection.execute("CREATE TABLE t (a int)")
    connection.execute("INSERT INTO t VALUES (1), (2)")
    assert connection.execute(f"BACKUP TO '{tmp_path / 'x'}'").rowcount == 2
    connection.execute("DROP TABLE t")
    assert connection.execute(f"RESTORE FROM '{tmp_path / 'x'}'").rowcount == 2
    assert connection.execute("SELECT sum(a) FROM t").fetchone() == (3,)
    connection.close()


def test_a_backup_can_be_interrupted(tmp_path: Path) -> None:
    with fresh() as database:
        database.execute("CREATE TABLE t AS SELECT n, repeat('x', 50) FROM generate_series(1, 60000) n")
        with pytest.raises(QueryCanceled):
            database.execute(f"BACKUP TO '{tmp_path / 'x'}'", timeout=0.02)
        assert os.listdir(tmp_path) == []
        database.execute(f"BACKUP TO '{tmp_path / 'x'}'")
        with fresh() as other:
            with pytest.raises(QueryCanceled):
                other.execute(f"RESTORE FROM '{tmp_path / 'x'}'", timeout=0.02)
            assert other.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0


def test_a_backup_under_fire_is_of_one_moment(tmp_path: Path) -> None:
    """Money is moved all the while; no backup sees any on its way."""
    with fresh() as database:
        for table in ("a", "b"):
            database.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, money int)")
            database.execute(f"INSERT INTO {table} SELECT n, 100 FROM generate_series(1, 50) n")
        stop = threading.Event()

        def move(number: int) -> None:
            turn = 0
            while not stop.is_set():
                turn += 1

                def transfer(transaction: Any, turn: int = turn) -> None:
                    row = (number * 7 + turn) % 50 + 1
                    transaction.execute("UPDATE a SET money = money - 1 WHERE id = $1", [row])
                    transaction.execute("UPDATE b SET money = money + 1 WHERE id = $1", [row])

                database.run(transfer, retries=1000)

        threads = [threading.Thread(target=move, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(4):
                place = tmp_path / f"{number}{'.sql' if number % 2 else ''}"
                database.execute(f"BACKUP TO '{place}'")
                with fresh() as other:
                    other.execute(f"RESTORE FROM '{place}'")
                    total = other.query("SELECT (SELECT sum(money) FROM a) + (SELECT sum(money) FROM b)")
                    assert total[0][0] == 10_000
        finally:
            stop.set()
            for thread in threads:
                thread.join()


# -- places of fsspec's ------------------------------------------------------------------------------------------------


def test_a_url_is_a_place(everything: EmbeddedDatabase) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("box/all.hda", "box/all.sql"):
        everything.execute(f"BACKUP TO 'memory://{name}'")
        assert memory.exists(f"/{name}")
        with pytest.raises(DuplicateFile):
            everything.execute(f"BACKUP TO 'memory://{name}'")
        everything.execute(f"BACKUP TO 'memory://{name}' WITH (overwrite)")
        with fresh() as other:
            other.execute(f"RESTORE FROM 'memory://{name}'")
            assert text_of(other) == text_of(everything)
    with pytest.raises(UndefinedTable):
        everything.execute("BACKUP TO 'memory://box/none' WITH (table = absent)")
    assert not memory.exists("/box/none")
    with pytest.raises(UndefinedFile):
        everything.execute("RESTORE FROM 'memory://box/none'")
    memory.rm("/box", recursive=True)


def test_a_url_of_nobody_is_a_clear_error(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    with pytest.raises((FeatureNotSupported, UndefinedFile)):
        everything.execute("BACKUP TO 'nobody://here'")
    everything.execute(f"BACKUP TO 'file://{tmp_path}/x.hda'")
    with fresh() as other:
        other.execute(f"RESTORE FROM '{tmp_path}/x.hda'")
        assert text_of(other) == text_of(everything)


def test_an_object_store_is_a_place(everything: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """``s3://`` against a server of its own in this process, where s3fs and moto are installed (``make stores``)."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            ("AWS_ACCESS_KEY_ID", "nobody"),
            ("AWS_SECRET_ACCESS_KEY", "nothing"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        import fsspec

        store = fsspec.filesystem("s3")
        store.mkdir("bucket")
        for name in ("backup.sql", "deep/backup.hda"):
            everything.execute(f"BACKUP TO 's3://bucket/{name}'")
            with pytest.raises(DuplicateFile):
                everything.execute(f"BACKUP TO 's3://bucket/{name}'")
            everything.execute(f"BACKUP TO 's3://bucket/{name}' WITH (overwrite)")
            with fresh() as other:
                other.execute(f"RESTORE FROM 's3://bucket/{name}'")
                assert text_of(other) == text_of(everything)
        with pytest.raises(UndefinedTable):
            everything.execute("BACKUP TO 's3://bucket/none' WITH (table = absent)")
        with pytest.raises(UndefinedFile):
            everything.execute("RESTORE FROM 's3://bucket/none'")
        with pytest.raises(Error):
            everything.execute("BACKUP TO 's3://no-bucket-at-all/none'")
        assert sorted(store.find("bucket")) == ["bucket/backup.sql", "bucket/deep/backup.hda"]
    finally:
        server.stop()


@pytest.mark.parametrize("how", ["timeout", "interrupt"])
def test_a_backup_that_waits_for_a_lock_can_be_stopped(tmp_path: Path, how: str) -> None:
    with fresh() as database:
        database.execute("CREATE TABLE t (a int)")
        with database.begin_transaction() as other:
            other.execute("ALTER TABLE t ADD b int")
            if how == "timeout":
                with pytest.raises(QueryCanceled, match="statement timeout"):
                    database.execute(f"BACKUP TO '{tmp_path / 'x'}'", timeout=0.05)
            else:
                session = database.session()
                stopped: list[str] = []

                def wait() -> None:
                    try:
                        session.execute(f"BACKUP TO '{tmp_path / 'x'}'")
                    except QueryCanceled as error:
                        stopped.append(error.message)

                thread = threading.Thread(target=wait)
                thread.start()
                while not stopped and thread.is_alive():
                    session.interrupt()
                    thread.join(0.01)
                thread.join()
                assert stopped == ["canceling statement due to user request"]
                session.close()
        assert os.listdir(tmp_path) == []
        database.execute(f"BACKUP TO '{tmp_path / 'x'}'")
