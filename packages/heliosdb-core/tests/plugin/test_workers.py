"""Background workers in real threads: events decide when, never sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from heliosdb.catalog.registrations import BackgroundWorker
from heliosdb.plugin.workers import BackgroundWorkers

PATIENCE = 30.0


def no_setting(name: str) -> Any:
    raise AssertionError(name)


def run(*workers: BackgroundWorker, setting: Callable[[str], Any] = no_setting) -> BackgroundWorkers:
    running = BackgroundWorkers({worker.name: worker for worker in workers}, "the database", setting)
    running.start()
    return running


def test_a_worker_is_called_again_and_again_until_it_is_stopped() -> None:
    calls: list[Any] = []
    third = threading.Event()

    def work(database: Any, stop: threading.Event) -> None:
        calls.append(database)
        if len(calls) == 3:
            third.set()

    workers = run(BackgroundWorker(name="w", run=work, interval=0.001))
    assert third.wait(PATIENCE)
    workers.stop()
    (worker,) = workers
    assert worker.state == "stopped"
    assert worker.runs == len(calls) >= 3
    assert set(calls) == {"the database"}
    assert worker.last_milliseconds is not None


def test_stop_wakes_a_long_wait_and_interrupts_long_work() -> None:
    started = threading.Event()

    def work(database: Any, stop: threading.Event) -> None:
        started.set()
        assert stop.wait(PATIENCE)

    workers = run(
        BackgroundWorker(name="long work", run=work, interval=0.001),
        BackgroundWorker(name="long wait", run=lambda database, stop: started.clear(), interval=1000.0),
    )
    assert started.wait(PATIENCE)
    workers.stop()
    assert [worker.state for worker in workers] == ["stopped", "stopped"]


def test_a_worker_that_fails_ends_alone_and_says_why() -> None:
    started, done = threading.Event(), threading.Event()

    def fail(database: Any, stop: threading.Event) -> None:
        raise ValueError("no more")

    def go_on(database: Any, stop: threading.Event) -> None:
        started.wait(PATIENCE)
        if [worker.state for worker in workers][:2] == ["failed", "failed"]:
            done.set()

    workers = run(
        BackgroundWorker(name="bad", run=fail, interval=0.001),
        BackgroundWorker(name="unknown", run="heliosdb_no_such_module:run", interval=0.001),
        BackgroundWorker(name="good", run=go_on, interval=0.001),
    )
    started.set()
    assert done.wait(PATIENCE)
    workers.stop()
    bad, unknown, good = workers
    assert (bad.state, bad.error, bad.runs) == ("failed", "ValueError: no more", 0)
    assert (unknown.state, good.state) == ("failed", "stopped")
    assert "heliosdb_no_such_module" in (unknown.error or "")


def test_the_interval_may_be_a_setting_in_milliseconds_and_zero_means_never() -> None:
    asked = threading.Event()

    def setting(name: str) -> int:
        assert name == "w.interval"
        asked.set()
        return 0

    calls: list[int] = []
    workers = run(
        BackgroundWorker(name="w", run=lambda database, stop: calls.append(1), interval="w.interval"), setting=setting
    )
    assert asked.wait(PATIENCE)
    workers.stop()
    assert calls == []
