"""The connection that a session belongs to, where others than the program itself come in by one.

A session of the program has no door: nobody ends it but the program. One behind a door may be ended from outside, by
``pg_terminate_backend`` or by a limit on how long it may do nothing; its door tells the client and closes it.
"""

from __future__ import annotations

from typing import Protocol

from heliosdb.errors import Error

__all__ = ["Door"]


class Door(Protocol):
    """What a session knows of its connection. Concurrency: any thread."""

    @property
    def address(self) -> tuple[str, int] | None:
        """The client's host and port; None where it has none."""
        ...

    def end(self, error: Error) -> None:
        """Stop what runs, tell the client this, and close the session, soon."""
        ...
