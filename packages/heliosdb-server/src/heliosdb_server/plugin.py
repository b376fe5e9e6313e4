"""The hook implementations. Nothing here computes."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import Command, Database, DatabaseMethod, Demo, Opening, Setting

SERVICE = "heliosdb_server.service"


@hookimpl
def database_opening(opening: Opening) -> None:
    """Take the section ``[server]`` of the configuration, and the mode."""
    from heliosdb_server.service import attach

    attach(opening)


@hookimpl
def database_opened(database: Database) -> None:
    """Serve a database that was opened in hybrid mode."""
    from heliosdb_server.service import open_doors

    open_doors(database)


@hookimpl
def database_stopping(database: Database) -> None:
    """Stop its servers."""
    from heliosdb_server.service import shut_doors

    shut_doors(database)


@hookimpl
def register_database_methods() -> list[DatabaseMethod]:
    """``db.start_server()`` and ``db.get_server_info()``."""
    return [
        DatabaseMethod(
            name="start_server", implementation=f"{SERVICE}:start_server", description="serve it in the background"
        ),
        DatabaseMethod(
            name="get_server_info", implementation=f"{SERVICE}:get_server_info", description="where it is served"
        ),
    ]


@hookimpl
def register_settings() -> list[Setting]:
    """``SHOW port`` and kin."""
    return [
        Setting(
            name=name,
            kind=kind,
            default=default,
            description=description,
            reader=f"{SERVICE}:{name}",
            context="internal",
            read=f"{SERVICE}:{name}",
            write=f"{SERVICE}:keep",
        )
        for name, kind, default, description in (
            ("listen_addresses", "string", "127.0.0.1", "Sets the host name or IP address(es) to listen to."),
            ("port", "integer", 5432, "Sets the TCP port the server listens on."),
            ("max_connections", "integer", 100, "Sets the maximum number of concurrent connections."),
        )
    ]


@hookimpl
def register_commands() -> list[Command]:
    """``heliosdb start`` (also called ``server``), ``stop`` and ``status``."""
    return [
        Command(name=name, command=f"heliosdb_server.{home}", description=description)
        for name, home, description in (
            ("start", "commands:start", "serve a database to PostgreSQL's clients"),
            ("server", "commands:start", "the same as start"),
            ("stop", "control_commands:stop", "stop the server of a database"),
            ("status", "control_commands:status", "say how the server of a database is"),
        )
    ]


@hookimpl
def register_demos() -> list[Demo]:
    """A server and a client."""
    return [Demo(name="server", title="The server: PostgreSQL's clients, as they are", run="heliosdb_server.demo:show")]
