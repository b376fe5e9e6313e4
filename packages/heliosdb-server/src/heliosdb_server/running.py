"""A server in a thread of its own, beside the program that has the database open: hybrid mode.

heliosdb.connect("app.db", mode="hybrid")    the database serves for as long as it is open
start_server(db, port=5433)                  it serves until ``stop``
start_server("app.db")                       the server has the database for itself, and closes it at its end
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from types import TracebackType
from typing import Any

from heliosdb import errors
from heliosdb_server.config import ServerConfig, fields_of
from heliosdb_server.lifecycle import ServerInfo, ServerStatus
from heliosdb_server.server import Server, new_event_loop
from heliosdb_server.service import service_of

__all__ = ["RunningServer", "start_server"]

log = logging.getLogger("heliosdb.server")


class RunningServer:
    """What ``start_server`` gives. As a context manager it stops at the end."""

    def __init__(self, database: Any, config: ServerConfig, *, owns: bool = False) -> None:
        """``owns``: the database is closed when the server ends."""
        try:
            self._server = Server(database, config)
        except BaseException:
            if owns:
                database.close()
            raise
        self._owns = owns
        self._service = service_of(database)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heliosdb-server", daemon=True)
        self._thread.start()
        self._is_ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to who started the server
            self._failure = error
        finally:
            self._service.left(self)
            self._end()
            self._service.announce()
            self._is_ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.start()
        self._service.entered(self._server, self)
        self._is_ready.set()
        await self._server.life.until_end()
        await self._server.stop()

    def _end(self) -> None:
        if self._owns:
            try:
                self._server.database.close()
            except Exception:
                # Plugins have a say in it; nobody waits for this thread's answer.
                log.exception("the database was not closed in order")
        self._server.life.end()

    @property
    def server(self) -> Server:
        """What runs in the thread."""
        return self._server

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return self._server.port

    @property
    def info(self) -> ServerInfo:
        """Where it is, with the URL of its database."""
        return self._server.life.info

    @property
    def url(self) -> str:
        """Where it is: behind it stands the name of a database."""
        host = self.info.host
        return f"postgresql://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def get_status(self) -> ServerStatus:
        """Return how it is."""
        return self._server.life.status()

    def stop(self, mode: str = "fast") -> None:
        """End every connection and listen no more; a database that the server opened is closed. Harmless a second time.

        ``mode`` "smart" waits until all clients have gone by themselves.
        """
        if mode not in ("smart", "fast"):
            raise errors.InvalidParameterValue(
                f"a server inside a program does not stop in mode {mode!r}", hint="There are smart, fast."
            )
        if self._thread is threading.current_thread() or not self._thread.is_alive():
            return
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._server.life.ask, mode)
        except RuntimeError:
            pass  # its loop has ended by itself in between
        self._thread.join()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_server(database: Any, config: ServerConfig | None = None, **options: Any) -> RunningServer:
    """Serve a database in the background.

    ``database`` is an open one (``EmbeddedDatabase``, a connection, or the engine's), which stays open when the server
    stops, or the path of one that the server opens and closes. ``options`` are the fields of ServerConfig, or their
    other names; what they leave open the section [server] of the database's configuration says. Raises
    InvalidParameterValue for options that make no sense, IoError where the address is taken.
    """
    if config is not None and options:
        raise errors.InvalidParameterValue("give a ServerConfig or its fields, not both")
    stated = fields_of(options)
    if not isinstance(database, str | os.PathLike):
        engine = getattr(database, "database", database)
        chosen = ServerConfig(**(dict(service_of(engine).fields) | stated)) if config is None else config
        return RunningServer(engine, chosen)
    # Before the database is opened: one that is not there would be made.
    chosen = ServerConfig(**stated) if config is None else config
    chosen.require_accounts(not os.path.exists(database))
    from heliosdb import EmbeddedDatabase

    opened = EmbeddedDatabase(os.fspath(database))
    return RunningServer(opened.database, chosen, owns=True)
