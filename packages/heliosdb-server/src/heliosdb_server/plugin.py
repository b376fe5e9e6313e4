"""The hook implementations. Nothing here computes."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import Command, Demo, Opening


@hookimpl
def database_opening(opening: Opening) -> None:
    """Take the section ``[server]`` of the configuration, for ``heliosdb start``."""
    from heliosdb_server.options import take_options

    take_options(opening)


@hookimpl
def register_commands() -> list[Command]:
    """``heliosdb start``."""
    return [
        Command(
            name="start",
            command="heliosdb_server.commands:start",
            description="serve a database to PostgreSQL's clients",
        )
    ]


@hookimpl
def register_demos() -> list[Demo]:
    """A server and a client."""
    return [Demo(name="server", title="The server: PostgreSQL's clients, as they are", run="heliosdb_server.demo:show")]
