"""Every option of a database on disk has an effect, and every one that there is has a test here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from heliosdb import Config, EmbeddedDatabase, connect
from heliosdb.config import STORAGE
from heliosdb.encoding.classes import Opaque
from heliosdb.errors import DataCorrupted, Error, IoError
from heliosdb.store import Retention
from heliosdb.store.files import StoreFiles
from heliosdb.store.options import StorageOptions
from heliosdb.transaction import TransactionalStore
from heliosdb.types.interval import Interval
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, opened

PATIENCE = 30
"""Seconds after which something will not happen any more."""


class WatchedVolume(FaultyVolume):
    """A volume that says when a checkpoint has replaced the manifest."""

    def __init__(self) -> None:
        super().__init__()
        self.replaced = threading.Event()

    def replace(self, name: str, content: bytes) -> None:
        super().replace(name, content)
        self.replaced.set()


def cache_size() -> None:
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t AS SELECT g, md5(g::text) AS h FROM generate_series(1, 50000) g")
    database.close()
    kept = {}
    for size in (1, 4 << 20, 256 << 20):
        volume = volume.kill()
        database, session = opened(volume, cache_size=size)
        oid = session.execute("SELECT 't'::regclass::oid::int")[-1].rows[0][0]
        for _ in range(3):
            assert len(list(session.execute("SELECT * FROM t")[-1].rows)) == 50_000
        relation = database.store.main.relations[oid]
        assert relation.stored is not None
        assert relation.stored.cache.size <= size or size == 1
        kept[size] = sum(block is not None for block in relation.blocks)
    assert kept[1] <= 1 < kept[4 << 20] + 1 < kept[256 << 20] == 13


def checkpoint_commits() -> None:
    volume = WatchedVolume()
    database, session = opened(volume, checkpoint_commits=10)
    assert database.store.journal is not None
    before = database.store.journal.tail
    for n in range(9 - before):
        session.execute(f"CREATE SCHEMA s{n}")
    assert database.store.journal.tail == 9
    assert not volume.replaced.is_set()
    session.execute("CREATE SCHEMA last")
    assert volume.replaced.wait(PATIENCE)
    assert volume.whole("manifest") is not None


def checkpoint_log_size() -> None:
    volume = WatchedVolume()
    database, session = opened(volume, checkpoint_log_size=200_000)
    session.execute("CREATE TABLE t (a text)")
    text = "INSERT INTO t SELECT string_agg(md5((g * {0})::text), '') FROM generate_series(1, 2000) g"
    assert database.store.journal is not None
    session.execute(text.format(1))
    assert database.store.journal.log.size < 200_000
    assert not volume.replaced.is_set()
    for n in range(2, 8):
        session.execute(text.format(n))
    assert volume.replaced.wait(PATIENCE)


def large_commit() -> None:
    found = {}
    for rows in (2000, 20_000):
        volume = FaultyVolume()
        _, session = opened(volume, large_commit=rows)
        session.execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g")
        found[rows] = [name.partition("-")[0] for name in volume.names()]
    assert found == {2000: ["log", "segment"], 20_000: ["log"]}


def compact_interval_hours() -> None:
    now = [1000.0]
    volume = WatchedVolume()
    database, session = opened(volume, compact_interval_hours=2, clock=lambda: now[0])
    session.execute("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g")
    assert database.store.maintenance is not None
    database.store.maintenance.start()
    checkpoint(database)
    session.execute("DELETE FROM t WHERE g > 10")
    size = sum(map(volume.size, volume.names()))
    volume.replaced.clear()
    # However often somebody calls before: it is not time yet. The thread that would compact is the one that syncs here,
    # so when it has done so once more it has left out to compact.
    session.execute("SET synchronous_commit = off")
    for _ in range(6):
        now[0] += 1000
        told = threading.Event()
        session.execute("INSERT INTO t VALUES (1)")
        assert database.store.journal is not None
        database.store.journal.follow(database.store.last_scn, lambda error, told=told: told.set())
        assert told.wait(PATIENCE)
        assert not volume.replaced.is_set()
    now[0] += 1200
    database.store.maintenance.wake()
    assert volume.replaced.wait(PATIENCE)
    database.close()
    left = volume.kill()
    assert sum(map(left.size, left.names())) < size


def compression() -> None:
    for name in ("none", "lz4", "zstd"):
        volume = FaultyVolume()
        database, session = opened(volume, compression=name)
        session.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        session.execute("INSERT INTO t SELECT g, 'the same all over again' FROM generate_series(1, 20000) g")
        checkpoint(database)
        named = b'"codecs":[]' if name == "none" else f'"codecs":["{name}"]'.encode()
        assert {file.partition("-")[0] for file in volume.names()} == {"log", "run", "segment"}
        for file in volume.names():
            assert named in volume.read(file, 0, 200), file
        assert named in (volume.whole("manifest") or b"")[:200]


def classes() -> None:
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t AS SELECT g * '1 day'::interval AS i FROM generate_series(1, 20000) g")
    database.close()
    volume = volume.kill()
    names = [name for name in volume.names() if name.startswith("segment")]
    options = database.store.options
    for chosen, expected in ((options, Interval), (attrs.evolve(options, classes=None), Opaque)):
        readers = map(StoreFiles(volume, chosen).read_segment, names)
        found = {type(value) for reader in readers for row in reader.read(0).rows for value in row or ()}
        assert expected in found
        assert len({Interval, Opaque} & found) == 1


def background_write_rate() -> None:
    seconds = count()
    volume = FaultyVolume()
    database, session = opened(
        volume, background_write_rate=1 << 20, clock=lambda: float(next(seconds)), compression="none"
    )
    session.execute("CREATE TABLE t (a int, b text)")
    session.execute("INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 8000) g")
    maintenance, before, began = database.store.maintenance, set(volume.names()), next(seconds)
    assert maintenance is not None
    maintenance.checkpoint_at_leisure()
    written = sum(volume.size(name) for name in set(volume.names()) - before)
    assert written > 4 << 20
    assert next(seconds) - began >= written >> 20
    database.close()


def retention() -> None:
    volume = FaultyVolume()
    store = TransactionalStore(volume, options=StorageOptions(retention=Retention(7)))
    assert store.needed(16384) is None
    store.holds.begin()
    assert TransactionalStore(volume.kill()).holds.retentions() == {0: Retention(7)}


STORED: dict[str, Callable[[], None]] = {
    "background_write_rate": background_write_rate,
    "cache_size": cache_size,
    "checkpoint_commits": checkpoint_commits,
    "checkpoint_log_size": checkpoint_log_size,
    "classes": classes,
    "clock": compact_interval_hours,
    "codecs": compression,
    "compact_interval_hours": compact_interval_hours,
    "large_commit": large_commit,
    "retention": retention,
}
"""What shows the effect of each of StorageOptions."""


@pytest.mark.parametrize("test", dict.fromkeys(STORED.values()), ids=lambda test: test.__name__)
def test_a_storage_option_has_its_effect(test: Callable[[], None]) -> None:
    test()


def test_every_storage_option_has_a_test() -> None:
    assert {attribute.name for attribute in attrs.fields(StorageOptions)} == set(STORED)


# -- Config ------------------------------------------------------------------------------------------------------------


def shown(config: Config, path: str | None = None) -> Any:
    with EmbeddedDatabase.with_config(path, config) as database:
        return database.query("SHOW DateStyle")[0][0]


def in_memory(path: Path) -> None:
    shown(Config(in_memory=True))
    assert not path.exists()


def of_path(path: Path) -> None:
    shown(Config(path=str(path)))
    assert (path / "heliosdb.manifest").exists()


def settings(path: Path) -> None:
    assert shown(Config(settings={"datestyle": "SQL, DMY"})) == "SQL, DMY" != shown(Config())


def log_level(path: Path) -> None:
    import logging

    logger = logging.getLogger("heliosdb")
    before = logger.level
    try:
        shown(Config(log_level="error"))
        assert logger.level == logging.ERROR
    finally:
        logger.setLevel(before)


def read_only(path: Path) -> None:
    of_path(path)
    with EmbeddedDatabase.with_config(str(path), Config(read_only=True)) as database, pytest.raises(Error) as caught:
        database.execute("CREATE TABLE t (a int)")
    assert caught.value.sqlstate == "25006"


def of_packages(path: Path) -> None:
    given = {"encryption_key": b"k" * 32, "retention_days": 3, "mode": "hybrid", "options": {"temporal.nothing": 1}}
    for name, value in given.items():
        stated: dict[str, Any] = {name: value}
        with pytest.raises(Error, match=r"temporal|encryption_key|retention_days|mode"):
            connect(str(path), config=Config(**stated), plugins=[])


CONFIGURED: dict[str, Callable[[Path], None]] = {
    "encryption_key": of_packages,
    "in_memory": in_memory,
    "log_level": log_level,
    "mode": of_packages,
    "options": of_packages,
    "path": of_path,
    "read_only": read_only,
    "retention_days": of_packages,
    "settings": settings,
}
"""What shows the effect of each attribute of Config that is no option of the storage."""


@pytest.mark.parametrize("test", dict.fromkeys(CONFIGURED.values()), ids=lambda test: test.__name__)
def test_an_attribute_of_the_configuration_has_its_effect(test: Callable[[Path], None], tmp_path: Path) -> None:
    test(tmp_path / "db")


def test_every_attribute_of_the_configuration_has_a_test() -> None:
    names = {attribute.name for attribute in attrs.fields(Config)}
    assert names == {*CONFIGURED, *STORAGE}
    assert {"codecs" if name == "compression" else name for name in STORAGE} <= set(STORED)


# -- settings that are about durability --------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "waits"), [("on", True), ("local", True), ("off", False)])
def test_synchronous_commit_says_whether_a_commit_waits_for_the_device(value: str, waits: bool) -> None:
    volume = FaultyVolume()
    _, session = opened(volume)
    session.execute("CREATE TABLE t (a int)")
    session.execute(f"SET synchronous_commit = {value}")
    volume.fail(IoError("the device says no"), "sync")
    if waits:
        with pytest.raises(IoError):
            session.execute("INSERT INTO t VALUES (1)")
    else:
        session.execute("INSERT INTO t VALUES (1)")
        assert list(session.execute("SELECT a FROM t")[-1].rows) == [(1,)]


def test_damage_is_found_whatever_the_compression() -> None:
    for name in ("none", "lz4", "zstd"):
        volume = FaultyVolume()
        database, session = opened(volume, compression=name)
        session.execute("CREATE TABLE t AS SELECT md5(g::text) AS a FROM generate_series(1, 20000) g")
        database.close()
        volume = volume.kill()
        segment = max(volume.names(), key=volume.size)
        volume.damage(segment, volume.size(segment) // 2)
        with pytest.raises(DataCorrupted, match=segment):
            list(opened(volume)[1].execute("SELECT * FROM t")[-1].rows)


def test_a_checkpoint_that_failed_is_tried_again_when_the_log_has_grown_as_much() -> None:
    volume = WatchedVolume()
    database, session = opened(volume, checkpoint_log_size=200_000)
    journal = database.store.journal
    assert journal is not None
    session.execute("CREATE TABLE t (a text)")
    text = "INSERT INTO t SELECT string_agg(md5((g * {0})::text), '') FROM generate_series(1, 2000) g"
    volume.fail(IoError("input/output error"), "replace write")
    number = 0
    while not any(kind == "replace write" for kind, _ in volume.steps):
        number += 1
        session.execute(text.format(number))
    assert not volume.replaced.is_set()
    while not volume.replaced.is_set():
        number += 1
        session.execute(text.format(number))
        assert number < 1000


def test_after_a_checkpoint_that_failed_no_commit_asks_for_another_at_once() -> None:
    volume = FaultyVolume()
    database, session = opened(volume, checkpoint_log_size=1 << 20)
    journal = database.store.journal
    assert journal is not None
    session.execute("CREATE TABLE t AS SELECT md5(g::text) FROM generate_series(1, 1000) g")
    assert not journal.is_due()
    size = journal.log.size
    journal._options = attrs.evolve(journal._options, checkpoint_log_size=size - 5000)
    assert journal.is_due()
    journal.put_off()
    assert not journal.is_due()
    for _ in range(5):
        session.execute("INSERT INTO t SELECT md5(g::text) FROM generate_series(1, 50) g")
        assert size < journal.log.size
        assert not journal.is_due()


class Heard(logging.Handler):
    """Keeps what is logged of compaction, and says when there is something."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self.told = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "compaction" in record.getMessage():
            self.messages.append(record.getMessage())
            self.told.set()


def test_compaction_by_the_clock_drops_what_only_files_have_and_logs_how_much(request: pytest.FixtureRequest) -> None:
    heard, logger = Heard(), logging.getLogger("heliosdb")
    level = logger.level
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    request.addfinalizer(lambda: (logger.removeHandler(heard), logger.setLevel(level)))
    now = [1000.0]
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 20000) g")
    oid = session.execute("SELECT 't'::regclass::oid::int")[-1].rows[0][0]
    database.history.retain(Retention(), oid)
    session.execute("UPDATE t SET g = g + 1")
    assert database.store.maintenance is not None
    database.store.maintenance.compact()
    database.history.retain(None, oid)
    database.close()
    database, session = opened(volume.kill(), compact_interval_hours=2, clock=lambda: now[0])
    assert database.store.maintenance is not None
    database.store.maintenance.start()
    now[0] += 7200
    database.store.maintenance.wake()
    assert heard.told.wait(PATIENCE)
    assert heard.messages == ["compaction by the clock dropped 20000 older versions of rows"]
    session.execute("VACUUM (VERBOSE) t")
    assert [notice.message for notice in session.notices] == [
        'vacuumed "public.t": 20000 rows, 0 older versions dropped'
    ]
    database.close()
