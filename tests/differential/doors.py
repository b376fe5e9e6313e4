"""Doors: the ways into a database, all with the same two methods, so that one runner serves them all.

A ``Door`` makes sessions on one fresh database; a ``Conversation`` is one session: it sends a message and returns the answer
in text form, and it says whether it is waiting for another session.
"""

from __future__ import annotations

from typing import Protocol

from .recording import Answer

__all__ = ["Conversation", "Door"]


class Conversation(Protocol):
    """One session."""

    def send(self, text: str, bind: tuple[str | None, ...] | None = None) -> Answer:
        """Run a message to its end; an error is part of the answer."""

    def is_waiting(self) -> bool:
        """Say, from another thread, whether the message being run waits for a lock."""

    def close(self) -> None:
        """End the session; what it has not committed is rolled back."""


class Door(Protocol):
    """One fresh database."""

    name: str

    def open(self) -> Conversation:
        """Open a session."""

    def close(self) -> None:
        """Remove the database."""
