"""A change of a table's definition beside a row that is entered and not durable yet."""

from __future__ import annotations

import threading

import pytest

from heliosdb.database import Database

from .test_group_commit import PATIENCE, GatedVolume, wait_until

INSERT = "INSERT INTO t VALUES ($1, $2)"


@pytest.mark.parametrize(
    ("change", "column", "after"),
    [
        ("ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 7", "x", 7),
        ("ALTER TABLE t ALTER COLUMN v TYPE text", "v || '!'", "0!"),
    ],
)
def test_it_is_rewritten_too(change: str, column: str, after: object) -> None:
    volume = GatedVolume()
    database = Database(volume=volume, plugins=[])
    session, other = database.session(), database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    for number in (1, 2):
        (result,) = session.execute(INSERT, [number, 0])
        session.points.offer(INSERT, result)
    short = session.fast[INSERT]
    volume.is_gated = True
    counts: list[int | None] = []
    writer = threading.Thread(target=lambda: counts.append(short([3, 0])))
    writer.start()
    assert volume.arrived.acquire(timeout=PATIENCE)
    ((oid,),) = session.execute("SELECT 't'::regclass::oid::int")[-1].rows
    lock = database.store.main.relations[oid].lock_key
    changer = threading.Thread(target=lambda: other.execute(change))
    changer.start()
    wait_until(lambda: not database.store.locks.may_write(lock))
    volume.is_gated = False
    volume.gate.release(100)
    for thread in (writer, changer):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert counts == [1]
    assert list(session.execute(f"SELECT id, {column} FROM t ORDER BY id")[-1].rows) == [(n, after) for n in (1, 2, 3)]
    database.close()
