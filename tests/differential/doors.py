"""Doors: the ways into a database, all with the same two methods, so that one runner serves them all.

A ``Door`` makes sessions on one fresh database; a ``Conversation`` is one session: it sends a message and returns the
answer in text form, and it says whether it is waiting for another session.
"""

from __future__ import annotations

from typing import Any, Protocol

from .recording import Answer, Failure, Notice, Rows

__all__ = ["Conversation", "Door", "EmbeddedDoor"]


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


class EmbeddedConversation:
    """A session of a database in this process."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, text: str, bind: tuple[str | None, ...] | None = None) -> Answer:
        from heliosdb.errors import Error

        session = self._session
        session.notices.clear()
        results: list[Rows] = []
        failure: Failure | None = None
        try:
            for result in session.execute_script(text) if bind is None else [session.execute(text, bind)]:
                columns = None
                if result.columns is not None:
                    columns = tuple((column.name, column.type_name) for column in result.columns)
                rows = tuple(result.text_rows()) if columns is not None else ()
                results.append(Rows(result.tag, columns, rows))
        except Error as error:
            failure = Failure(error.sqlstate, error.message, error.detail, error.hint, error.position)
        except Exception as error:  # noqa: BLE001 - a defect of the engine: the step differs, the script goes on
            failure = Failure("-----", f"{type(error).__name__}: {error}")
        return Answer(tuple(results), failure, tuple(Notice(n.severity, n.message) for n in session.notices))

    def is_waiting(self) -> bool:
        return bool(self._session.is_waiting)

    def close(self) -> None:
        self._session.close()


class EmbeddedDoor:
    """A fresh in-memory database, used through its sessions."""

    name = "embedded"

    def __init__(self) -> None:
        import heliosdb

        self._database = heliosdb.EmbeddedDatabase.new_in_memory()

    def open(self) -> EmbeddedConversation:
        conversation = EmbeddedConversation(self._database.session())
        # explicit transactions of the embedded API are snapshots; the recordings come from a server, where they are not
        conversation.send("SET default_transaction_isolation = 'read committed'")
        return conversation

    def close(self) -> None:
        self._database.close()
