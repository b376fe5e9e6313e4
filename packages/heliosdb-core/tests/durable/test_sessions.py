"""What sessions see of a database on disk: sequences, temporary tables, settings, several readers."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from heliosdb import Config, EmbeddedDatabase, connect


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "db")


def abandoned(database: EmbeddedDatabase) -> None:
    """Let go of a database as a process does that is killed."""
    database.database.volume.close()


@pytest.fixture(params=["closed", "abandoned"])
def end(request: pytest.FixtureRequest) -> object:
    return EmbeddedDatabase.close if request.param == "closed" else abandoned


def test_sequences_go_on_behind_what_was_committed(path: str, end) -> None:  # type: ignore[no-untyped-def]
    database = EmbeddedDatabase(path)
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, a int GENERATED ALWAYS AS IDENTITY (INCREMENT BY 10))")
    database.execute("CREATE SEQUENCE alone START 100")
    database.execute("INSERT INTO t DEFAULT VALUES")
    database.execute("INSERT INTO t DEFAULT VALUES")
    assert database.query("SELECT nextval('alone')") == [(100,)]
    end(database)
    with EmbeddedDatabase(path) as database:
        assert database.query("INSERT INTO t DEFAULT VALUES RETURNING id, a") == [(3, 21)]
        assert database.query("SELECT nextval('alone')") == [(101,)]


def test_names_are_never_given_the_numbers_of_what_is_gone(path: str, end) -> None:  # type: ignore[no-untyped-def]
    database = EmbeddedDatabase(path)
    database.execute("CREATE TABLE a (x int)")
    database.execute("CREATE TABLE b (x int)")
    (last,) = database.query("SELECT 'b'::regclass::oid")[0]
    database.execute("DROP TABLE b")
    end(database)
    with EmbeddedDatabase(path) as database:
        database.execute("CREATE TABLE c (x int)")
        assert database.query("SELECT 'c'::regclass::oid")[0][0] > last


def test_temporary_tables_end_with_their_process(path: str, end) -> None:  # type: ignore[no-untyped-def]
    database = EmbeddedDatabase(path)
    database.execute("CREATE TABLE kept (a int)")
    database.execute("CREATE TEMP TABLE passing (a int PRIMARY KEY, b text)")
    database.execute("INSERT INTO passing SELECT g, repeat('passing', 100) FROM generate_series(1, 1000) AS g")
    database.execute("CHECKPOINT")
    database.execute("INSERT INTO kept VALUES (1)")
    end(database)
    written = b"".join(file.read_bytes().rstrip(b"\0") for file in Path(path).iterdir())
    assert len(written) < 50_000
    with EmbeddedDatabase(path) as database:
        assert database.query("SELECT relname FROM pg_class WHERE relname IN ('kept', 'passing')") == [("kept",)]
        assert database.query("SELECT * FROM kept") == [(1,)]


def test_synchronous_commit_off_is_seen_at_once_and_durable_soon(path: str) -> None:
    with EmbeddedDatabase(path) as database, connect(database, autocommit=True) as other:
        database.execute("CREATE TABLE t (a int)")
        database.execute("SET synchronous_commit = off")
        for number in range(300):
            database.execute("INSERT INTO t VALUES ($1)", (number,))
            assert other.execute("SELECT count(*) FROM t").fetchone() == (number + 1,)
        journal = database.database.store.journal
        assert journal is not None
        database.execute("SET synchronous_commit = on")
        database.execute("INSERT INTO t VALUES (-1)")  # and what was before it
        assert journal.durable == database.database.store.last_scn
        abandoned(database)
    with EmbeddedDatabase(path) as database:
        assert database.query("SELECT count(*), min(a) FROM t") == [(301, -1)]


def test_a_snapshot_survives_checkpoints_and_eviction(path: str) -> None:
    with EmbeddedDatabase(path) as database, connect(database) as old:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
        database.execute("INSERT INTO t SELECT g, g FROM generate_series(1, 20000) AS g")
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert old.execute("SELECT sum(a) FROM t").fetchone() == (200010000,)
        database.execute("UPDATE t SET a = -1 WHERE id % 3 = 0")
        database.execute("DELETE FROM t WHERE id BETWEEN 5000 AND 15000")
        database.execute("INSERT INTO t SELECT g, 0 FROM generate_series(20001, 30000) AS g")
        for _ in range(2):
            database.execute("CHECKPOINT")
            for relation in database.database.store.main.relations.values():
                if relation.stored is not None:
                    cache = relation.stored.cache
                    capacity, cache.capacity = cache.capacity, 0
                    cache.shrink()
                    cache.capacity = capacity
            assert old.execute("SELECT sum(a), count(*) FROM t").fetchone() == (200010000, 20000)
            assert old.execute("SELECT a FROM t WHERE id IN (3, 6000, 20001) ORDER BY id").fetchall() == [(3,), (6000,)]
            assert database.query("SELECT count(*), min(a) FROM t") == [(19999, -1)]


def test_threads_that_commit_share_their_syncs(path: str) -> None:
    with EmbeddedDatabase(path) as database:
        database.execute("CREATE TABLE t (a int PRIMARY KEY)")
        syncs = 0
        log = database.database.store.journal.log  # type: ignore[union-attr]
        sync = log.volume.sync

        def counted(name: str) -> None:
            nonlocal syncs
            syncs += 1
            sync(name)

        log.volume.sync = counted  # type: ignore[method-assign]

        def work(first: int) -> None:
            with connect(database, autocommit=True) as connection:
                for number in range(50):
                    connection.execute("INSERT INTO t VALUES (%s)", (first + number,))

        threads = [Thread(target=work, args=(1000 * number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert database.query("SELECT count(*) FROM t") == [(800,)]
        assert syncs <= 800


def test_dropping_a_table_gives_its_files_back(path: str) -> None:
    with EmbeddedDatabase(path, config=Config(retention_days=0)) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
        database.execute("INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 50000) AS g")
        database.execute("CHECKPOINT")
        full = sum(file.stat().st_size for file in Path(path).iterdir())
        assert full > 500_000
        database.execute("DELETE FROM t")
        database.execute("VACUUM t")
        assert sum(file.stat().st_size for file in Path(path).iterdir()) < full / 20
        database.execute("INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 50000) AS g")
        database.execute("CHECKPOINT")
        database.execute("DROP TABLE t")
        database.execute("CHECKPOINT")
        assert sum(file.stat().st_size for file in Path(path).iterdir()) < full / 20
