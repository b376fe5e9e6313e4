"""From the first connection to the last: how a server is, and how it ends.

    smart        nobody new is let in; it ends when the last client has gone
    fast         what runs is stopped, open transactions are rolled back, clients are told, it ends
    immediate    the process ends on the spot; the next opening recovers, and what was committed is there

These are PostgreSQL's modes, and its signals: SIGTERM, SIGINT, SIGQUIT. A stronger mode may follow a weaker one. A
server inside a program does not end the program: it has no immediate mode.
(https://www.postgresql.org/docs/15/server-shutdown.html)
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from heliosdb import errors
from heliosdb.spi import Announces
from heliosdb_server import control
from heliosdb_server.messages import Body

if TYPE_CHECKING:
    from heliosdb_server.server import Server

__all__ = ["MODES", "Lifecycle", "ServerInfo", "ServerStatus"]

MODES = ("smart", "fast", "immediate")

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Where one who is on the same machine finds a server that listens everywhere."""


@frozen
class ServerInfo:
    """Where a server is: ``url`` is what clients take."""

    host: str
    port: int
    url: str


@frozen
class ServerStatus:
    """How a server is. ``state`` is "running", "stopping" or "stopped"; ``total_queries`` are those that clients have
    sent since it began; ``started_at`` is in seconds since 1970."""

    state: str
    url: str
    process: int
    started_at: float
    uptime_seconds: float
    active_connections: int
    max_connections: int
    total_queries: int

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self.state != "stopped"


class Lifecycle:
    """That of one server. All but ``status`` belong to the server's loop."""

    def __init__(self, server: Server, pid_file: str | None = None) -> None:
        self._server = server
        self._pid_file = pid_file
        self._secret = secrets.token_hex(32)
        self._mode: str | None = None
        self._changed = asyncio.Event()
        self._files: list[str] = []
        self._began = 0.0
        self._began_monotonic = 0.0
        self._ended_monotonic: float | None = None
        self._queries = 0
        """Of connections that have ended."""
        self._info: ServerInfo | None = None
        self.exit: Callable[[], None] | None = None
        """Ends the process on the spot; None: the process is not the server's."""

    # -- beginning and ending ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Say where the server is, now that it listens."""
        self._began, self._began_monotonic = time.time(), time.monotonic()
        server = self._server
        configured = server.config.host
        host = EVERYWHERE.get(configured, configured)
        place = f"{f'[{host}]' if ':' in host else host}:{server.port}"
        # The user who is there in every database.
        self._info = ServerInfo(host, server.port, f"postgresql://helios@{place}/{_name_of(server.database.path)}")
        self.announce()

    def announce(self) -> None:
        """Say it again: another server of the database, which has said where that is, has ended."""
        info, volume = self.info, self._server.database.volume
        contact = control.Contact(os.getpid(), info.host, info.port, info.url, self._secret)
        is_read_only = volume.read_only
        files = [] if self._pid_file is None else [self._pid_file]
        if isinstance(volume, Announces) and not is_read_only:
            files.append(os.path.join(volume.path, control.FILE))
            volume.announce(info.url)
        self._files = files
        for file in files:
            control.note(file, contact)

    def end(self) -> None:
        """Say that the server is nowhere any more. Harmless a second time, and from any thread."""
        if self._ended_monotonic is None:
            self._ended_monotonic = time.monotonic()
        volume = self._server.database.volume
        if self._files and isinstance(volume, Announces) and not self._server.database.closed:
            volume.announce(None)
        while self._files:
            control.forget(self._files.pop(), self._secret)

    def ask(self, mode: str) -> None:
        """Begin to end, or end faster than was asked for before; InvalidParameterValue."""
        if mode not in MODES:
            raise errors.InvalidParameterValue(
                f'there is no shutdown mode "{mode}"', hint=f"There are {', '.join(MODES)}."
            )
        if mode == "immediate":
            if self.exit is None:
                raise errors.FeatureNotSupported(
                    "a server inside a program does not end immediately, for the program would, too",
                    hint="Stop it in mode fast.",
                )
            # A moment, so that whoever asked is answered.
            asyncio.get_running_loop().call_later(0.02, self.exit)
            return
        if self._mode is None or MODES.index(mode) > MODES.index(self._mode):
            self._mode = mode
        self._changed.set()

    async def until_end(self) -> None:
        """Return when the server is to end its connections."""
        while self._mode is None or (self._mode == "smart" and self._server.connections):
            self._changed.clear()
            await self._changed.wait()

    def require_open(self) -> None:
        """Raise CannotConnectNow (57P03) once the server is ending."""
        if self._mode is not None:
            raise errors.CannotConnectNow("the database system is shutting down")

    def ended(self, queries: int) -> None:
        """Know that a connection has ended after so many queries."""
        self._queries += queries
        self._changed.set()

    # -- what is asked from outside ------------------------------------------------------------------------------------

    @property
    def info(self) -> ServerInfo:
        """Where the server is; ObjectNotInPrerequisiteState before it listens."""
        if self._info is None:
            raise errors.ObjectNotInPrerequisiteState("the server does not listen yet")
        return self._info

    def status(self) -> ServerStatus:
        """Return how the server is."""
        ended = self._ended_monotonic
        connections = list(self._server.connections.values())
        state = "stopped" if ended is not None else "running" if self._mode is None else "stopping"
        return ServerStatus(
            state=state,
            url=self.info.url,
            process=os.getpid(),
            started_at=self._began,
            uptime_seconds=round((time.monotonic() if ended is None else ended) - self._began_monotonic, 3),
            active_connections=len(connections),
            max_connections=self._server.config.max_connections,
            total_queries=self._queries + sum(connection.queries for connection in connections),
        )

    def answer(self, body: Body) -> bytes:
        """Return the answer to a control request; to one without the secret, what any unknown request is told."""
        given, words = body.text(), body.text()
        body.end()
        if not secrets.compare_digest(given.encode(), self._secret.encode()):
            raise errors.FeatureNotSupported("unsupported frontend protocol 1234.5690: server supports 3.0 to 3.0")
        command, _, mode = words.partition(" ")
        answer: dict[str, Any] = {"pid": os.getpid()}
        try:
            if command == "stop":
                self.ask(mode)
            elif words != "status":
                raise errors.InvalidParameterValue(f'a server cannot be asked to "{words}"')
            answer |= asdict(self.status())
        except errors.Error as error:
            answer |= {"error": error.message, "sqlstate": error.sqlstate, "hint": error.hint}
        return json.dumps(answer).encode()


def _name_of(path: str | None) -> str:
    """Return what clients may call a database: its folder's name without an ending."""
    from urllib.parse import quote

    name = "" if path is None else os.path.splitext(os.path.basename(os.path.abspath(path)))[0]
    return quote(name or "heliosdb", safe="")
