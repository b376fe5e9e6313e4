"""A statement that makes many objects has no full garbage collection on its way, and leaves the collector as it was."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.rows import full_collection_paused

GROUPS = "SELECT g % 30000, count(*), array_agg(g) FROM generate_series(1, 60000) g GROUP BY 1"


def full_collections() -> int:
    count: int = gc.get_stats()[2]["collections"]
    return count


def test_groups_are_made_without_a_full_collection() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.query(GROUPS.replace("60000", "100"))
        thresholds = gc.get_threshold()
        kept: list[Any] = [[number] for number in range(50_000)]
        before = full_collections()
        # Within one statement: what it returns is packed after it.
        assert database.query(f"SELECT count(*), sum(cardinality(a)) FROM ({GROUPS}) s (k, n, a)") == [(30000, 60000)]
        assert full_collections() <= before + 1
        assert gc.get_threshold() == thresholds
        assert len(kept) == 50_000


def test_a_failed_statement_leaves_the_collector_as_it_was() -> None:
    thresholds = gc.get_threshold()
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        with pytest.raises(errors.DivisionByZero):
            database.query("SELECT sum(1 / (g - 500)) FROM generate_series(1, 1000) g")
        assert gc.get_threshold() == thresholds


def test_the_last_of_several_threads_restores_the_thresholds() -> None:
    thresholds = gc.get_threshold()
    inside, leave = threading.Barrier(3), threading.Event()

    def pause() -> None:
        with full_collection_paused():
            inside.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=pause) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert gc.get_threshold()[:2] == thresholds[:2]
    assert gc.get_threshold()[2] > thresholds[2]
    leave.set()
    for thread in threads:
        thread.join(10)
    assert gc.get_threshold() == thresholds


def test_thresholds_that_somebody_sets_meanwhile_stay() -> None:
    thresholds = gc.get_threshold()
    try:
        with full_collection_paused():
            gc.set_threshold(500, 5, 7)
        assert gc.get_threshold() == (500, 5, 7)
    finally:
        gc.set_threshold(*thresholds)
