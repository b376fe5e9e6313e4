"""The log's room, as users meet it: none in a closed database, no harm in one whose process was killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from heliosdb import Config, EmbeddedDatabase
from heliosdb.cli.main import cli
from heliosdb.database import Database
from heliosdb.dbapi import Connection, tuple_row
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.store.directory import DirectoryVolume
from heliosdb.store.log import HEADER_AREA, LEAST_ROOM, read_log
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db"


def fill(path: Path) -> EmbeddedDatabase:
    """Return a database with some commits in its log, each synced."""
    database = EmbeddedDatabase(str(path))
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, a text)")
    for number in range(10):
        database.execute("INSERT INTO t (a) VALUES ($1)", (f"row {number}",))
    return database


def kill(database: EmbeddedDatabase) -> None:
    """Let go of a database as a process does that is killed."""
    database.database.volume.close()


def logs(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(path.glob("log-*"))]


@pytest.fixture
def killed(path: Path) -> Iterator[Path]:
    kill(fill(path))
    (content,) = logs(path)
    assert content.endswith(bytes(LEAST_ROOM // 2))
    yield path
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT count(*), min(a), max(a) FROM t") == [(10, "row 0", "row 9")]


def test_a_closed_database_has_no_room(path: Path) -> None:
    fill(path).close()
    assert [len(log) for log in logs(path)] == [HEADER_AREA]


def test_nor_one_that_was_closed_without_a_checkpoint(path: Path) -> None:
    """There is none where only sequences have gone on."""
    fill(path).close()
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT nextval('t_id_seq')") == [(11,)]
    (content,) = logs(path)
    assert HEADER_AREA < len(content) < HEADER_AREA + 1000
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT nextval('t_id_seq')") == [(12,)]


def test_opening_and_closing_takes_away_what_a_killed_process_left(killed: Path) -> None:
    EmbeddedDatabase(str(killed)).close()
    assert [len(log) for log in logs(killed)] == [HEADER_AREA]


def test_who_only_reads_leaves_it(killed: Path) -> None:
    before = logs(killed)
    with EmbeddedDatabase(str(killed), config=Config(read_only=True)) as database:
        assert database.query("SELECT count(*) FROM t") == [(10,)]
    assert logs(killed) == before


def test_check_finds_nothing_wrong_with_it(killed: Path) -> None:
    assert CliRunner().invoke(cli, ["check", str(killed)]).exit_code == 0


def test_salvage_takes_it_for_no_loss(killed: Path, tmp_path: Path) -> None:
    target = tmp_path / "new"
    result = CliRunner().invoke(cli, ["salvage", str(killed), str(target)])
    assert result.exit_code == 0, result.output
    with EmbeddedDatabase(str(target)) as database:
        assert database.query("SELECT count(*) FROM t") == [(10,)]


def test_the_log_of_a_database_that_is_in_use_can_be_read(path: Path) -> None:
    """Commits that come meanwhile stand where the reader has seen room: that is no damage."""
    database = fill(path)
    stop = threading.Event()

    def commit() -> None:
        while not stop.is_set():
            database.execute("INSERT INTO t (a) VALUES ('more')")

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        for _ in range(20):
            assert verify(database.database).problems == ()
            volume = database.database.volume
            (name,) = (name for name in volume.names() if name.startswith("log-"))
            reader = read_log(volume, int(name[4:]), FileCodecs())
            assert [record.scn for record in reader if record.scn]
            assert reader.end == reader.size < path.joinpath(name).stat().st_size
    finally:
        stop.set()
        thread.join(60)
    database.close()


def test_a_commit_alone_is_one_append_and_one_sync_and_waits_for_nobody() -> None:
    """By the short way and by the ordinary one; no thread syncs for others in the background."""
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    connection = Connection(database, owns=True, autocommit=True, row_factory=tuple_row, timeout=None)
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    for text in ("INSERT INTO t VALUES (%s, 'a')", "INSERT INTO t VALUES (%s, 'a') RETURNING id"):
        for number in range(3):
            connection.execute(text, (number,))
        volume.steps.clear()
        for number in range(3, 10):
            connection.execute(text, (number,))
        assert volume.steps == [("append", "log-0000000001"), ("sync", "log-0000000001")] * 7
        connection.execute("DELETE FROM t")
    maintenance = database.store.maintenance
    assert maintenance is not None
    assert maintenance._thread is None
    connection.close()


def test_room_is_not_made_where_the_disk_is_nearly_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heliosdb.store.directory.free_space", lambda path: 100_000)
    database = fill(path)
    kill(database)
    (content,) = logs(path)
    assert content[-1] or content[-100:].strip(b"\0")
    assert len(content) < HEADER_AREA + LEAST_ROOM // 2
    volume = DirectoryVolume(path, read_only=True)
    reader = read_log(volume, 1, FileCodecs())
    assert len(list(reader)) > 10
    assert reader.end == reader.size == len(content)
    volume.close()
