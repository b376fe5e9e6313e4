"""Background workers: the threads in which plugins work while a database is open.

One thread a worker. It waits for the interval, calls the worker's function, and so on until the database closes; so
opening a database waits for no worker.

Rules: an exception ends the worker, not the database, and is shown in ``heliosdb_background_workers``; a setting that
gives the interval is read again before each wait, and while it is 0 the worker rests; ``stop`` wakes every wait at
once and joins every thread, so that nothing touches a database that is being closed. The threads are daemons all the
same, so that a program that forgets to close ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from heliosdb.config import log
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.registrations import BackgroundWorker

__all__ = ["BackgroundWorkers", "RunningWorker"]

RESTING_SECONDS = 1.0
"""How often a worker whose interval is 0 looks at the setting again."""


class RunningWorker:
    """One worker's thread and what is known of it. ``state``: "waiting", "running", "failed", "stopped"."""

    def __init__(self, worker: BackgroundWorker, database: Any, setting: Callable[[str], Any]) -> None:
        self.name = worker.name
        self.state = "waiting"
        self.runs = 0
        self.last_milliseconds: float | None = None
        self.error: str | None = None
        self._interval = worker.interval
        self._implementation = worker.run
        self._database = database
        self._setting = setting
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"heliosdb-{worker.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def tell_to_stop(self) -> None:
        """Ask the worker to return soon."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the thread has ended, unless the worker itself is asking."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _seconds(self) -> float:
        if isinstance(self._interval, str):
            return float(self._setting(self._interval)) / 1000.0
        return self._interval

    def _work(self) -> None:
        try:
            while True:
                seconds = self._seconds()
                if self._stop.wait(seconds if seconds > 0 else RESTING_SECONDS):
                    break
                if seconds > 0:
                    self._run_once()
            self.state = "stopped"
        except Exception as error:  # noqa: BLE001 - the plugin boundary: a worker that fails must not take the process along
            self.error = f"{type(error).__name__}: {error}"
            self.state = "failed"
            log("error", 'background worker "%s" failed: %s', self.name, self.error)

    def _run_once(self) -> None:
        self.state = "running"
        started = monotonic()
        resolve_implementation(self._implementation)(self._database, self._stop)
        self.last_milliseconds = (monotonic() - started) * 1000.0
        self.runs += 1
        self.state = "waiting"


class BackgroundWorkers:
    """The workers of one open database. ``setting(name)`` gives the database's value of a setting."""

    def __init__(
        self, registered: Mapping[str, BackgroundWorker], database: Any, setting: Callable[[str], Any]
    ) -> None:
        self._running = [RunningWorker(worker, database, setting) for worker in registered.values()]

    def start(self) -> None:
        """Start every worker; called once, after ``database_opened``."""
        for worker in self._running:
            worker.start()

    def stop(self) -> None:
        """Tell every worker to stop, then wait for all of them."""
        for worker in self._running:
            worker.tell_to_stop()
        for worker in self._running:
            worker.join()

    def __iter__(self) -> Iterator[RunningWorker]:
        return iter(self._running)
