"""The hook implementations. Nothing here computes."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import Command


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
