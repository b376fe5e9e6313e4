"""A database that lost its manifest, its log or the log's header is never taken for a new one, nor for one without
commits: it does not open, and nothing of it is swept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.errors import DataCorrupted, IoError
from heliosdb.store.files import StoreFiles
from heliosdb.store.log import log_name, read_log
from heliosdb.store.options import StorageOptions
from heliosdb.store.salvage import salvage
from heliosdb.store.verify_files import verify_files
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint

ROWS = 3_000


def rows(database: Database, text: str) -> list[tuple[Any, ...]]:
    return list(database.session().execute(text)[-1].rows)


@pytest.fixture
def closed() -> FaultyVolume:
    """A database that was closed in order."""
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    database.session().execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 3000) g")
    database.close()
    return volume.kill()


def the_log(volume: FaultyVolume) -> str:
    (name,) = [name for name in volume.names() if name.startswith("log")]
    return name


def without_manifest(volume: FaultyVolume) -> FaultyVolume:
    """Return a volume with all files but the manifest."""
    found = FaultyVolume()
    for name in volume.names():
        found.append(name, volume.read(name))
        found.sync(name)
    return found


def copy_of(volume: FaultyVolume) -> FaultyVolume:
    """Return a volume with the same files."""
    found = without_manifest(volume)
    found.replace("manifest", volume.whole("manifest") or b"")
    return found


def without_log(volume: FaultyVolume) -> FaultyVolume:
    volume.delete(the_log(volume))
    return volume


def damaged_header(volume: FaultyVolume) -> FaultyVolume:
    volume.damage(the_log(volume), 20)
    return volume


def emptied_log(volume: FaultyVolume) -> FaultyVolume:
    volume.truncate(the_log(volume), 0)
    return volume


def damaged_manifest(volume: FaultyVolume) -> FaultyVolume:
    content = bytearray(volume.whole("manifest") or b"")
    content[len(content) // 2] ^= 1
    volume.replace("manifest", bytes(content))
    return volume


@pytest.mark.parametrize("fault", [without_manifest, without_log, damaged_header, emptied_log, damaged_manifest])
def test_what_is_lost_after_a_clean_close_is_an_error_and_nothing_is_swept(
    closed: FaultyVolume, fault: Callable[[FaultyVolume], FaultyVolume]
) -> None:
    volume = fault(closed)
    before = {name: volume.read(name) for name in volume.names()}
    with pytest.raises(DataCorrupted, match=r"missing|damaged|corrupt") as caught:
        Database(volume=volume, plugins=[])
    assert "heliosdb salvage" in (caught.value.hint or "")
    volume = volume.kill()
    assert {name: volume.read(name) for name in volume.names()} == before


def test_any_byte_that_is_damaged_after_a_clean_close_is_found(closed: FaultyVolume) -> None:
    """Whatever is opened and read completely either says that something is damaged, or is what it was."""
    places = [(name, at) for name in closed.names() for at in range(0, closed.size(name), 97)]
    missed = []
    for name, at in places:
        volume = copy_of(closed)
        volume.damage(name, at)
        try:
            database = Database(volume=volume, plugins=[])
            if rows(database, "SELECT count(*), sum(g) FROM t") != [(ROWS, ROWS * (ROWS + 1) // 2)]:
                missed.append((name, at))
        except DataCorrupted:
            pass
    assert len(places) > 50
    assert missed == []


def test_a_torn_header_of_a_log_that_no_manifest_names_is_no_damage() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    database.session().execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 3000) g")
    database.close()
    volume = volume.kill()
    number = int(the_log(volume).rpartition("-")[2])
    volume.append(f"log-{number + 1:010d}", b"torn")
    assert rows(Database(volume=volume.kill(), plugins=[]), "SELECT count(*) FROM t") == [(ROWS,)]


def test_a_database_that_was_killed_before_its_first_checkpoint_has_no_manifest_and_opens() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[], storage={"large_commit": 1000})
    database.session().execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g")
    assert volume.whole("manifest") is None
    assert rows(Database(volume=volume.kill(), plugins=[]), "SELECT count(*) FROM t") == [(5000,)]


def rotated(failures: int) -> FaultyVolume:
    """A database that was killed after checkpoints had failed: nothing is in its last log."""
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[])
    session = database.session()
    session.execute("CREATE TABLE t (a int)")
    checkpoint(database)
    for number in range(failures):
        session.execute(f"INSERT INTO t VALUES ({number})")
        session.execute(f"INSERT INTO t VALUES (10 + {number})")
        volume.fail(IoError("input/output error"), "replace write")
        with pytest.raises(IoError):
            checkpoint(database)
    return volume.kill()


def cut_by_a_record(volume: FaultyVolume, number: int) -> int:
    """Take the last record of a log away, and return where the log ends now."""
    ends = [record.end for record in read_log(volume, number, FileCodecs())]
    volume.truncate(log_name(number), ends[-2])
    return ends[-2]


def problems(volume: FaultyVolume) -> list[str]:
    return [problem.message for problem in verify_files(StoreFiles(volume, StorageOptions()))]


def test_a_log_that_ends_too_early_with_a_whole_record_is_an_error_though_the_next_has_none() -> None:
    volume = rotated(1)
    assert problems(volume) == []
    end = cut_by_a_record(volume, 2)
    with pytest.raises(DataCorrupted, match=rf'"log-0000000002" is corrupt at offset {end}$') as caught:
        Database(volume=volume, plugins=[])
    assert "bytes when the log behind it was begun" in (caught.value.detail or "")
    volume = volume.kill()
    assert problems(volume) == [f'file "log-0000000002" is corrupt at offset {end}']
    assert problems(volume) == [loss.message for loss in salvage(volume, FaultyVolume()).losses]


def test_a_log_between_others_that_is_missing_is_an_error() -> None:
    volume = rotated(2)
    volume.delete(log_name(3))
    with pytest.raises(DataCorrupted, match='"log-0000000003" is missing'):
        Database(volume=volume, plugins=[])
    volume = volume.kill()
    assert problems(volume) == ['file "log-0000000003" is missing']
    assert [loss.message for loss in salvage(volume, FaultyVolume()).losses] == problems(volume)


def test_a_log_whose_header_was_torn_knows_the_one_before_it_when_it_is_made_again() -> None:
    volume = rotated(1)
    volume.truncate(log_name(3), 100)
    database = Database(volume=volume, plugins=[])
    assert rows(database, "SELECT a FROM t ORDER BY a") == [(0,), (10,)]
    volume = volume.kill()
    assert problems(volume) == []
    cut_by_a_record(volume, 2)
    with pytest.raises(DataCorrupted, match='"log-0000000002" is corrupt'):
        Database(volume=volume, plugins=[])
