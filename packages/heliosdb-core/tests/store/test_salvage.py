"""Salvage takes whatever is whole, and says what is not."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.store.log import read_log
from heliosdb.store.manifest import decode_manifest
from heliosdb.store.salvage import Salvaged, salvage
from heliosdb.verify import verify
from heliosdb_testkit import FaultyVolume
from stored_database import checkpoint, opened, rows

ROWS = 5_000


@pytest.fixture
def damaged() -> FaultyVolume:
    """A database with a checkpoint and a log behind it; nothing is damaged yet."""
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t (id serial PRIMARY KEY, n int, at interval)")
    session.execute("CREATE INDEX ON t (n)")
    session.execute(f"INSERT INTO t (n, at) SELECT g % 7, g * '1 day'::interval FROM generate_series(1, {ROWS}) g")
    session.execute("CREATE TABLE gone (a int)")
    session.execute("INSERT INTO gone VALUES (1)")
    checkpoint(database)
    session.execute("UPDATE t SET n = 100 WHERE id < 10")
    session.execute("DELETE FROM t WHERE id = 11")
    session.execute("DROP TABLE gone")
    session.execute("INSERT INTO t (n) VALUES (5)")
    return volume.kill()


MANY = 20_000
"""Rows that a commit writes to a segment."""


@pytest.fixture
def large() -> FaultyVolume:
    """A table whose rows two large commits have written behind the last checkpoint, and others have changed."""
    volume = FaultyVolume()
    database, session = opened(volume)
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    checkpoint(database)
    session.execute("BEGIN")
    session.execute(f"INSERT INTO t SELECT g, 0 FROM generate_series(1, {MANY}) g")
    other = database.session()
    other.execute("INSERT INTO t VALUES (0, 50)")  # into the last block of those rows, and committed before them
    session.execute("COMMIT")
    session.execute(f"INSERT INTO t SELECT g, 1 FROM generate_series({MANY + 1}, {2 * MANY}) g")
    session.execute("CREATE TABLE gone AS SELECT g FROM generate_series(1, 20000) g")
    session.execute("DROP TABLE gone")
    session.execute("UPDATE t SET n = 100 WHERE id IN (5, 20005)")
    session.execute("DELETE FROM t WHERE id IN (6, 20006)")
    return volume.kill()


def segment_of_commit(volume: FaultyVolume) -> str:
    """Return the segment of the first large commit, which the manifest does not name."""
    known = decode_manifest(volume.whole("manifest") or b"", FileCodecs()).files()
    return next(name for name in volume.names() if name.startswith("segment") and name not in known)


LARGE = (2 * MANY - 1, MANY * (2 * MANY + 1) - 20012, 50 + 200 + MANY - 2)
"""Rows, the sum of ``id`` and that of ``n`` then."""


def put(volume: FaultyVolume) -> tuple[Salvaged, Database, Any]:
    """Salvage, open what comes out, and check it."""
    target = FaultyVolume()
    found = salvage(volume, target)
    database = Database(volume=target.kill(), plugins=[])
    assert verify(database).problems == ()
    return found, database, database.session()


def segment_of_rows(volume: FaultyVolume) -> str:
    """Return the segment of the table ``t``; others hold the catalog."""
    manifest = decode_manifest(volume.whole("manifest") or b"", FileCodecs())
    (name,) = next(relation.segments for relation in manifest.relations if relation.count == ROWS)
    return name


def all_but(*missing: range) -> list[tuple[int]]:
    return [(i,) for i in range(1, ROWS + 2) if i != 11 and not any(i in some for some in missing)]


def test_nothing_is_lost_of_what_is_whole(damaged: FaultyVolume) -> None:
    found, _, session = put(damaged)
    assert found.losses == []
    assert rows(session, "SELECT id FROM t ORDER BY id") == all_but()
    assert rows(session, "SELECT count(*) FROM t WHERE n = 100") == [(9,)]
    assert rows(session, "SELECT id FROM t WHERE at = '50 days'") == [(50,)]
    assert rows(session, "SELECT count(*) FROM pg_class WHERE relname = 'gone'") == [(0,)]
    assert rows(session, "INSERT INTO t (n) VALUES (1) RETURNING id") == [(ROWS + 2,)]
    assert rows(session, "SELECT count(*) FROM pg_class WHERE relname = 't_n_idx'") == [(1,)]


@pytest.mark.parametrize("missing", [True, False])
def test_without_a_manifest_all_files_count(damaged: FaultyVolume, missing: bool) -> None:
    if missing:
        damaged.replace("manifest", b"")
    else:
        content = bytearray(damaged.whole("manifest") or b"")
        content[-5] ^= 1
        damaged.replace("manifest", bytes(content))
    found, _, session = put(damaged)
    assert "the manifest of the database is damaged" in found.losses[0].message
    assert rows(session, "SELECT id FROM t ORDER BY id") == all_but()
    session.execute("CREATE TABLE another (a int)")


def test_a_damaged_block_costs_its_rows_alone(damaged: FaultyVolume) -> None:
    segment = segment_of_rows(damaged)
    damaged.damage(segment, damaged.size(segment) // 4)
    found, _, session = put(damaged)
    (loss,) = found.losses
    assert segment in loss.message
    assert "row ids" in loss.message
    left = rows(session, "SELECT id FROM t ORDER BY id")
    lost = {row for row in all_but() if row not in left}
    assert 0 < len(lost) <= 4096
    assert set(left) <= set(all_but())
    assert (ROWS + 1,) in left


def test_a_damaged_record_costs_what_it_changed_alone(damaged: FaultyVolume) -> None:
    log = damaged.names()[0]
    end = next(iter(read_log(damaged, int(log[4:]), FileCodecs()))).end
    damaged.damage(log, 4096 + 36 + 5)
    found, _, session = put(damaged)
    messages = [loss.message for loss in found.losses]
    lost = decode_manifest(damaged.whole("manifest") or b"", FileCodecs()).scn + 1
    assert messages == [f'file "{log}" is damaged from offset 4096 to {end}', f"commit {lost} is lost"]
    assert rows(session, "SELECT id FROM t ORDER BY id") == all_but()
    assert rows(session, "SELECT count(*) FROM t WHERE n = 100") == [(0,)]


def test_a_damaged_log_header_costs_nothing(damaged: FaultyVolume) -> None:
    damaged.damage(damaged.names()[0], 20)
    found, _, session = put(damaged)
    assert len(found.losses) == 1
    assert rows(session, "SELECT id FROM t ORDER BY id") == all_but()


def test_missing_files_are_named(damaged: FaultyVolume) -> None:
    damaged.delete(segment_of_rows(damaged))
    found, _, session = put(damaged)
    assert [loss.message.endswith("is missing") for loss in found.losses] == [True]
    assert rows(session, "SELECT id FROM t") != []
    assert found.rows > 0


@pytest.mark.parametrize("manifest", [True, False])
def test_rows_of_large_commits_that_only_the_log_names_are_taken(large: FaultyVolume, manifest: bool) -> None:
    if not manifest:
        large.replace("manifest", b"")
    found, _, session = put(large)
    assert [
        loss.message for loss in found.losses if "manifest" not in loss.message and "sequences" not in loss.message
    ] == []
    assert rows(session, "SELECT count(*), sum(id), sum(n) FROM t") == [LARGE]
    assert rows(session, "SELECT id, n FROM t WHERE id IN (0, 5, 6, 7, 20005, 20006) ORDER BY id") == [
        (0, 50),
        (5, 100),
        (7, 0),
        (20005, 100),
    ]
    assert rows(session, "SELECT count(*) FROM pg_class WHERE relname = 'gone'") == [(0,)]


def test_a_damaged_block_of_a_large_commit_costs_its_rows_alone(large: FaultyVolume) -> None:
    name = segment_of_commit(large)
    large.damage(name, large.size(name) // 2)
    found, _, session = put(large)
    (loss,) = found.losses
    assert name in loss.message
    assert "row ids" in loss.message
    ((left,),) = rows(session, "SELECT count(*) FROM t")
    assert LARGE[0] - 4096 <= left < LARGE[0]


def test_a_missing_segment_of_a_large_commit_is_a_loss(large: FaultyVolume) -> None:
    name = segment_of_commit(large)
    large.delete(name)
    found, _, session = put(large)
    assert [loss.message for loss in found.losses] == [f'file "{name}" is missing']
    ((left,),) = rows(session, "SELECT count(*) FROM t")
    assert MANY - 2 <= left <= MANY + 3


def test_a_database_that_had_no_checkpoint_yet_misses_no_manifest() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[], storage={"large_commit": 1000})
    session = database.session()
    session.execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g")
    assert any(name.startswith("segment") for name in volume.names())
    assert volume.whole("manifest") is None
    found, _, session = put(volume.kill())
    assert found.losses == []
    assert rows(session, "SELECT count(*), sum(g) FROM t") == [(5000, 12502500)]
