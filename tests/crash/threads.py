"""Threads that commit together on a simulated device: one sync answers many, and none of them too early.

The transfers are those of ``process``; here the power fails, and what was not synced is lost.
"""

from __future__ import annotations

import threading
import time
from random import Random

from heliosdb.database import Database
from heliosdb_testkit import FaultyVolume, PowerLoss

from .process import THREADS, prepare, transfer, verify_ledger
from .rounds import abandon, quiet_ends

__all__ = ["run_threads"]

LIVES = 3


def run_threads(seed: int) -> int:
    """Let threads transfer money until the power fails, three times, and return how many transfers there are."""
    random = Random(seed)
    volume = FaultyVolume()
    volume.others_go_on = True
    reported = dict.fromkeys(range(THREADS), 0)
    with quiet_ends():
        for _ in range(LIVES):
            volume.crash_at(random.randint(1, random.choice((100, 1000))))
            _life(volume, random.random(), reported)
            volume = volume.crash(random)
            database = Database(volume=volume, plugins=[])
            verify_ledger(database, reported)
            abandon(database)
            volume = volume.kill()
    return sum(reported.values())


def _life(volume: FaultyVolume, seed: float, reported: dict[int, int]) -> None:
    try:
        storage = {"cache_size": Random(seed).choice((1, 100_000, 256 << 20))}
        database = Database(volume=volume, plugins=[], storage=storage)
        prepare(database.session())
    except PowerLoss:
        return

    def transfers(thread: int) -> None:
        random = Random(f"{seed} {thread}")
        try:
            session = database.session()
            while True:
                transfer(session, random, thread, reported[thread] + 1)
                reported[thread] += 1
        except PowerLoss:
            pass

    def checkpoints() -> None:
        assert database.store.maintenance is not None
        random = Random(seed)
        try:
            while True:
                time.sleep(random.random() * 0.05)
                database.store.maintenance.checkpoint()
        except PowerLoss:
            pass

    workers = [threading.Thread(target=transfers, args=(thread,)) for thread in range(THREADS)]
    workers.append(threading.Thread(target=checkpoints))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    abandon(database)
