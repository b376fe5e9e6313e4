"""What the package keeps with an open database: the section [server] of its configuration, and who serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.spi import Database, Opening, Session
from heliosdb_server.options import take_options

if TYPE_CHECKING:
    from heliosdb_server.config import ServerConfig
    from heliosdb_server.lifecycle import ServerInfo
    from heliosdb_server.running import RunningServer
    from heliosdb_server.server import Server

__all__ = ["Service", "attach", "get_server_info", "open_doors", "service_of", "shut_doors", "start_server"]

NAME = "server"


class Service:
    """The servers of one database. ``fields`` are those of ServerConfig that its configuration states; ``mode`` is
    "hybrid" where it serves for as long as it is open."""

    def __init__(self, fields: Mapping[str, Any], mode: str | None = None) -> None:
        self.fields = fields
        self.mode = mode
        self.servers: list[Server] = []
        self.running: list[RunningServer] = []

    def entered(self, server: Server, running: RunningServer | None = None) -> None:
        """Know that a server serves the database; ``running``: it has a thread of its own, and can be stopped."""
        self.servers.append(server)
        if running is not None:
            self.running.append(running)

    def left(self, running: RunningServer) -> None:
        """Know that it does not any more."""
        if running in self.running:
            self.running.remove(running)
            self.servers.remove(running.server)

    def announce(self) -> None:
        """Have the server that is left say where it is, where there is one."""
        if self.servers:
            self.servers[-1].life.announce()

    @property
    def info(self) -> ServerInfo:
        """Where the database is served; ObjectNotInPrerequisiteState."""
        if not self.servers:
            raise errors.ObjectNotInPrerequisiteState(
                "the database is not served", hint='Open it with mode="hybrid", or call start_server.'
            )
        return self.servers[-1].life.info

    def config(self) -> ServerConfig:
        """Return the configuration of the server that serves it, or of the one that would."""
        from heliosdb_server.config import ServerConfig

        return self.servers[-1].config if self.servers else ServerConfig(**self.fields)


def attach(opening: Opening) -> None:
    """Take what of the configuration is the server's, and keep it with the database that is being opened."""
    opening.attach(NAME, Service(take_options(opening), opening.take("mode")))


def service_of(database: Any) -> Service:
    """Return a database's service; of one that was opened without this plugin, one that nobody else knows."""
    found = database.attached.get(NAME)
    return Service({}) if found is None else found


def open_doors(database: Database) -> None:
    """Serve a database that was opened in hybrid mode."""
    service = service_of(database)
    if service.mode is not None:
        from heliosdb_server.running import start_server

        start_server(database)


def shut_doors(database: Database) -> None:
    """Stop the servers of a database that is going to close."""
    for running in tuple(service_of(database).running):
        running.stop()


# -- methods of programs' objects, and settings ----------------------------------------------------------------------


def get_server_info(holder: Any) -> ServerInfo:
    """Return where the database is served: ``db.get_server_info().url``."""
    return service_of(holder.database).info


def start_server(holder: Any, **options: Any) -> RunningServer:
    """Serve the database in the background: ``db.start_server(port=5433)``."""
    from heliosdb_server.running import start_server

    return start_server(holder.database, **options)


def listen_addresses(session: Session) -> str:
    """Return where the server listens, for SHOW."""
    return service_of(session.database).config().host


def port(session: Session) -> int:
    """Return the port that the server listens at, for SHOW."""
    service = service_of(session.database)
    return service.servers[-1].port if service.servers else service.config().port


def max_connections(session: Session) -> int:
    """Return how many clients there may be at once, for SHOW."""
    return service_of(session.database).config().max_connections


def keep(session: Session, value: Any) -> None:
    """Change nothing: SET is refused before, and RESET ALL finds nothing that a session has set."""
