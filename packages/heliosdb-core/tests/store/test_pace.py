"""Background work keeps to its rate, and nobody who waits for it has to."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.store.pace import Pace
from heliosdb_testkit import FaultyVolume


class Time:
    """A clock that goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waited = 0.0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        assert 0 < seconds <= 0.1
        self.now += seconds
        self.waited += seconds


def test_bytes_take_their_time_and_pauses_are_not_saved_up() -> None:
    time = Time()
    pace = Pace(1000, clock=time.clock, wait=time.wait)
    for _ in range(10):
        pace.pay(500)
    assert time.waited == pytest.approx(5)
    time.now += 3600
    pace.pay(2000)
    assert time.waited == pytest.approx(7)
    time.now += 0.75  # spent on the work itself
    pace.pay(1000)
    assert time.waited == pytest.approx(8)
    free = Pace(None, clock=time.clock, wait=time.wait)
    free.pay(1 << 40)
    assert time.waited == pytest.approx(8)


def test_whoever_is_in_a_hurry_waits_for_nothing_and_leaves_no_debt() -> None:
    time = Time()
    urgent = False
    calls = []
    pace = Pace(1000, lambda: urgent, lambda: calls.append(1), clock=time.clock, wait=time.wait)
    with pace.hurried():
        with pace.hurried():
            pace.pay(10_000)
        pace.pay(10_000)
    assert time.waited == 0
    pace.pay(100)
    assert time.waited == pytest.approx(0.1)
    urgent = True
    pace.pay(10_000)
    urgent = False
    pace.pay(100)
    assert time.waited == pytest.approx(0.2)
    assert len(calls) >= 5


def test_a_hurry_ends_a_wait_that_has_begun() -> None:
    held = Event()
    pace = Pace(1, meanwhile=held.set)
    thread = Thread(target=pace.pay, args=(1 << 30,))
    thread.start()
    assert held.wait(10)
    with pace.hurried():
        thread.join(10)
    assert not thread.is_alive()


def opened(volume: FaultyVolume, **storage: Any) -> tuple[Database, Any, Time]:
    database = Database(volume=volume, plugins=[], storage={"compression": "none", **storage})
    time, maintenance = Time(), database.store.maintenance
    assert maintenance is not None
    assert maintenance.pace.rate == storage.get("background_write_rate")
    maintenance.pace = Pace(maintenance.pace.rate, clock=time.clock, wait=time.wait)
    return database, database.session(), time


def fill(session: Any) -> None:
    session.execute("CREATE TABLE t (id int PRIMARY KEY, note text)")
    session.execute("INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 10000) g")
    session.execute("UPDATE t SET note = note || '!'")


def test_checkpoints_by_themselves_keep_to_the_rate_and_others_do_not() -> None:
    for background in (True, False):
        volume = FaultyVolume()
        database, session, time = opened(volume, background_write_rate=1 << 20)
        fill(session)
        maintenance, before = database.store.maintenance, set(volume.names())
        assert maintenance is not None
        if background:
            maintenance.checkpoint_at_leisure()
        else:
            maintenance.checkpoint()
        written = sum(volume.size(name) for name in set(volume.names()) - before if not name.startswith("log"))
        assert written > 6 << 20
        assert time.waited == (pytest.approx(written / (1 << 20), rel=0.01) if background else 0)
        database.close()
        assert session.temporary_bytes == 0


def test_commits_become_durable_while_a_checkpoint_is_held_back() -> None:
    database, session, time = opened(FaultyVolume(), background_write_rate=1 << 20)
    fill(session)
    other = database.session()
    other.execute("SET synchronous_commit = off")
    store, durable = database.store, []
    assert store.maintenance is not None
    assert store.journal is not None
    journal, number = store.journal, iter(range(1_000_000, 2_000_000))

    def wait(seconds: float) -> None:
        other.execute(f"INSERT INTO t VALUES ({next(number)}, 'meanwhile')")
        durable.append(journal.durable)
        time.wait(seconds)

    store.maintenance.pace = Pace(1 << 20, meanwhile=store.maintenance._sync, clock=time.clock, wait=wait)
    store.maintenance.checkpoint_at_leisure()
    assert len(durable) > 20
    assert durable == sorted(durable)
    assert durable[-1] - durable[0] >= len(durable) - 2
    database.close()


def test_a_log_that_grows_faster_ends_the_leisure() -> None:
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=[], storage={"background_write_rate": 1, "checkpoint_log_size": 1 << 20})
    session = database.session()
    session.execute("CREATE TABLE t (id int, note text)")
    number = 0
    while not database.store.checkpoint_scn:
        # Beside a checkpoint that at one byte a second would last for weeks.
        session.execute(f"INSERT INTO t SELECT {number}, string_agg(md5(g::text), '') FROM generate_series(1, 3000) g")
        number += 1
        assert number < 3000
    database.close()
