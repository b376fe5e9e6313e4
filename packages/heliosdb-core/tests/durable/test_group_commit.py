"""Commits of several threads share syncs, and nobody waits for a sync that is not his."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from heliosdb.database import Database
from heliosdb.errors import DiskFull, IoError
from heliosdb_testkit import FaultyVolume

PATIENCE = 30
"""Seconds after which something will not happen any more."""


class GatedVolume(FaultyVolume):
    """A volume whose syncs of the log wait, once it is told so, until each is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.is_gated = False
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.syncs = 0

    def sync(self, name: str) -> None:
        if self.is_gated and name.startswith("log-"):
            self.syncs += 1
            self.arrived.release()
            assert self.gate.acquire(timeout=PATIENCE)
        super().sync(name)


class Commits:
    """Threads that each commit a row."""

    def __init__(self) -> None:
        self.volume = GatedVolume()
        self.database = Database(volume=self.volume, plugins=[])
        self.database.session().execute("CREATE TABLE t (id int PRIMARY KEY)")
        self.volume.is_gated = True
        self.threads: dict[int, threading.Thread] = {}
        self.failed: dict[int, Exception] = {}

    def start(self, number: int) -> None:
        """Let a thread commit a row, and return when its record is in the log."""
        before = self.database.store.last_scn

        def work() -> None:
            try:
                self.database.session().execute(f"INSERT INTO t VALUES ({number})")
            except (DiskFull, IoError) as error:
                self.failed[number] = error

        thread = self.threads[number] = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: self.database.store.last_scn > before)

    def ends(self, number: int) -> None:
        self.threads[number].join(PATIENCE)
        assert not self.threads[number].is_alive()

    def rows(self) -> list[int]:
        return [row[0] for row in self.database.session().execute("SELECT id FROM t ORDER BY id")[0].rows]


def wait_until(condition: Callable[[], bool]) -> None:
    reached = threading.Event()
    for _ in range(PATIENCE * 200):
        if condition():
            return
        reached.wait(0.005)
    raise AssertionError("it did not come to that")


def test_who_is_durable_goes_on_while_the_next_sync_is_under_way() -> None:
    commits = Commits()
    volume = commits.volume
    commits.start(1)
    assert volume.arrived.acquire(timeout=PATIENCE)
    for number in (2, 3, 4, 5):
        commits.start(number)
    volume.gate.release()
    commits.ends(1)
    # One of the four syncs for all of them; meanwhile another comes.
    assert volume.arrived.acquire(timeout=PATIENCE)
    commits.start(6)
    volume.gate.release()
    assert volume.arrived.acquire(timeout=PATIENCE)
    for number in (2, 3, 4, 5):
        commits.ends(number)
    assert commits.threads[6].is_alive()
    assert commits.rows() == [1, 2, 3, 4, 5]
    volume.gate.release()
    commits.ends(6)
    assert commits.rows() == [1, 2, 3, 4, 5, 6]
    assert volume.syncs == 3
    assert commits.failed == {}


def test_what_gathers_during_a_sync_is_written_with_one_call() -> None:
    commits = Commits()
    volume = commits.volume
    commits.start(1)
    assert volume.arrived.acquire(timeout=PATIENCE)
    before = len(volume.steps)
    for number in (2, 3, 4, 5):
        commits.start(number)
    volume.gate.release()
    assert volume.arrived.acquire(timeout=PATIENCE)
    volume.gate.release()
    for number in (1, 2, 3, 4, 5):
        commits.ends(number)
    assert [step for step, _ in volume.steps[before:]] == ["sync", "append", "sync"]
    assert commits.rows() == [1, 2, 3, 4, 5]
    again = Database(volume=volume.kill(), plugins=[])
    rows = again.session().execute("SELECT id FROM t ORDER BY id")[0].rows
    assert list(rows) == [(1,), (2,), (3,), (4,), (5,)]


def test_a_full_disk_that_shows_when_they_are_written_is_told_to_all_of_them() -> None:
    commits = Commits()
    volume = commits.volume
    commits.start(1)
    assert volume.arrived.acquire(timeout=PATIENCE)
    for number in (2, 3):
        commits.start(number)
    volume.fail(DiskFull("no space left on device"), "append log")
    volume.gate.release()
    for number in (1, 2, 3):
        commits.ends(number)
    assert sorted(commits.failed) == [2, 3]
    assert commits.rows() == [1]
    again = Database(volume=volume.kill(), plugins=[])
    assert list(again.session().execute("SELECT id FROM t")[0].rows) == [(1,)]


def test_a_sync_that_fails_is_told_to_all_who_wait_for_it_or_for_the_next() -> None:
    commits = Commits()
    volume = commits.volume
    commits.start(1)
    assert volume.arrived.acquire(timeout=PATIENCE)
    for number in (2, 3, 4):
        commits.start(number)
    volume.fail(IoError("input/output error"), "sync log")
    volume.gate.release()
    for number in (1, 2, 3, 4):
        commits.ends(number)
    assert sorted(commits.failed) == [1, 2, 3, 4]
    assert volume.syncs == 1
    assert commits.rows() == []


@pytest.mark.parametrize("threads", [2, 16])
def test_many_threads_share_syncs_and_lose_nothing(threads: int) -> None:
    volume = FaultyVolume()
    volume.others_go_on = True
    database = Database(volume=volume, plugins=[])
    database.session().execute("CREATE TABLE t (id int PRIMARY KEY)")
    share = 400 // threads

    def work(thread: int) -> None:
        session = database.session()
        for number in range(share):
            session.execute(f"INSERT INTO t VALUES ({thread * share + number})")
            # Whatever was answered is published.
            found = session.execute(f"SELECT count(*) FROM t WHERE id = {thread * share + number}")[0].rows
            assert list(found) == [(1,)]

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE * 4)
        assert not worker.is_alive()
    journal = database.store.journal
    assert journal is not None
    assert journal.durable == database.store.last_scn == database.store.published
    count = database.session().execute("SELECT count(*) FROM t")[0].rows
    assert list(count) == [(threads * share,)]
