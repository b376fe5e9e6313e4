"""The hook implementations. Nothing here computes."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import Command, Opening


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
