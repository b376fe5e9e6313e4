"""Indexes over tables larger than memory: filled on the volume, while others commit."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import UniqueViolation
from heliosdb_testkit import FaultyVolume
from stored_database import opened_without_cache, rows

MANY = 12_000


def filled() -> tuple[FaultyVolume, Database, Any]:
    volume = FaultyVolume()
    database, session = opened_without_cache(volume)
    session.execute("CREATE TABLE t (id int, grp int, note text)")
    session.execute(f"INSERT INTO t SELECT g, g % 40, 'n' || g % 5000 FROM generate_series(1, {MANY}) g")
    session.execute("UPDATE t SET grp = NULL WHERE id % 100 = 0")
    return volume, database, session


def by_index(session: Any, condition: str) -> list[tuple[Any, ...]]:
    text = f"SELECT id FROM t WHERE {condition} ORDER BY id"
    assert "Index" in str(rows(session, f"EXPLAIN {text}"))
    return rows(session, text)


def by_scan(session: Any, condition: str) -> list[tuple[Any, ...]]:
    hidden = condition.replace("note", "(note || '')").replace("grp", "(grp + 0)")
    return rows(session, f"SELECT id FROM t WHERE {hidden} ORDER BY id")


CONDITIONS = ("note = 'n17'", "note BETWEEN 'n2' AND 'n2100'", "note > 'n99'")


def runs(volume: FaultyVolume) -> list[str]:
    return [name for name in volume.names() if name.startswith("run")]


def in_part(database: Database, session: Any, name: str) -> bool:
    ((table, index),) = rows(session, f"SELECT 't'::regclass::oid::int8, '{name}'::regclass::oid::int8")
    found = database.store.index(None, table, index)
    return found.beyond is not None


def test_it_is_found_before_and_after_checkpoints_and_crashes() -> None:
    volume, database, session = filled()
    session.execute("CREATE INDEX i ON t (note)")
    session.execute("CREATE INDEX j ON t (grp, id)")
    assert in_part(database, session, "i")
    for turn in range(4):
        session.execute(f"UPDATE t SET note = 'n17' WHERE id = {turn + 1}")
        session.execute(f"DELETE FROM t WHERE id = {turn + 5018}")
        session.execute(f"INSERT INTO t VALUES ({MANY + turn}, NULL, 'n17')")
        for condition in (*CONDITIONS, "grp = 7 AND id < 3000", "grp IS NULL"):
            assert by_index(session, condition) == by_scan(session, condition) != []
        if turn == 1:
            assert database.store.maintenance is not None
            database.store.maintenance.checkpoint()
            kept = runs(volume)
            assert kept
        if turn:
            volume = volume.kill()
            database, session = opened_without_cache(volume)
    assert set(kept) & set(runs(volume))


def test_files_of_pieces_do_not_stay() -> None:
    volume, database, session = filled()
    session.execute("CREATE INDEX i ON t (note)")
    (made,) = runs(volume)
    session.execute("DROP INDEX i")
    assert database.store.maintenance is not None
    database.store.maintenance.checkpoint()
    before = runs(volume)
    assert made not in before
    session.execute("BEGIN")
    session.execute("CREATE INDEX i ON t (note)")
    assert len(runs(volume)) == len(before) + 1
    session.execute("ROLLBACK")
    database.store.maintenance.checkpoint()
    assert len(runs(volume)) == len(before)


def test_duplicates_are_refused() -> None:
    volume, _, session = filled()
    with pytest.raises(UniqueViolation, match='could not create unique index "u"'):
        session.execute("CREATE UNIQUE INDEX u ON t (note)")
    assert runs(volume) == []
    session.execute("CREATE UNIQUE INDEX n ON t ((nullif(id, id)))")
    session.execute("CREATE UNIQUE INDEX u ON t (id)")
    with pytest.raises(UniqueViolation):
        session.execute("INSERT INTO t VALUES (17, 0, 'x')")
    with pytest.raises(UniqueViolation):
        session.execute("UPDATE t SET id = 4000 WHERE id = 4001")
    session.execute("INSERT INTO t VALUES (-17, 0, 'x')")


def test_duplicates_that_the_transaction_has_ended_are_none() -> None:
    _, _, session = filled()
    session.execute("INSERT INTO t VALUES (1, 0, 'again')")
    session.execute("BEGIN")
    session.execute("DELETE FROM t WHERE note = 'again'")
    session.execute("INSERT INTO t VALUES (20000, 0, 'own')")
    session.execute("CREATE UNIQUE INDEX u ON t (id)")
    with pytest.raises(UniqueViolation):
        session.execute("INSERT INTO t VALUES (20000, 0, 'own')")
    session.execute("ROLLBACK")


def test_who_reads_an_older_state_finds_what_was_there() -> None:
    _, database, session = filled()
    reader = database.store.begin(isolation="repeatable read")
    session.execute("UPDATE t SET note = 'gone' WHERE note = 'n17'")
    session.execute("CREATE INDEX i ON t (note)")
    session.execute("UPDATE t SET note = 'gone, too' WHERE note = 'n18'")
    ((table, index),) = rows(session, "SELECT 't'::regclass::oid::int8, 'i'::regclass::oid::int8")
    for _ in range(2):
        view = reader.view(table).index(index)
        for key in ("n17", "n18"):
            assert sorted(row[0] for row in view.rows(key)) == [
                int(key[1:]),
                int(key[1:]) + 5000,
                int(key[1:]) + 10000,
            ]
        assert database.store.maintenance is not None
        database.store.maintenance.checkpoint()
    assert by_index(session, "note = 'n17'") == []


def test_commits_go_on_meanwhile() -> None:
    _, database, session = filled()
    stop = threading.Event()

    def change(seed: int) -> None:
        own, random = database.session(), Random(seed)
        while not stop.is_set():
            number = random.randrange(1, MANY)
            kind = random.randrange(3)
            if kind == 0:
                own.execute(f"UPDATE t SET note = 'n{random.randrange(40)}' WHERE id BETWEEN {number} AND {number + 3}")
            elif kind == 1:
                own.execute(f"DELETE FROM t WHERE id = {number}")
            else:
                own.execute(f"INSERT INTO t VALUES ({number}, 1, 'n{random.randrange(40)}')")

    threads = [threading.Thread(target=change, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(3):
            session.execute(f"CREATE INDEX i{turn} ON t (note)")
            assert database.store.maintenance is not None
            database.store.maintenance.checkpoint()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for turn in range(3):
        for condition in (*CONDITIONS, *(f"note = 'n{number}'" for number in range(40))):
            assert by_index(session, condition) == by_scan(session, condition)
        session.execute(f"DROP INDEX i{turn}")
        if turn < 2:
            database.store.maintenance.checkpoint()
