"""Doors: the ways into a database, all with the same two methods, so that one runner serves them all.

A ``Door`` makes sessions on one fresh database; a ``Conversation`` is one session: it sends a message and returns the
answer in text form, and it says whether it is waiting for another session.
"""

from __future__ import annotations

from typing import Any, Protocol

import heliosdb
from heliosdb import errors

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


LIMIT = 15.0
"""Seconds after which a statement is cancelled."""

COUNTED = frozenset({"SELECT", "UPDATE", "DELETE", "MERGE", "FETCH", "MOVE", "COPY"})
"""Commands whose tag ends in a row count."""


class EmbeddedConversation:
    """A session of a database in this process."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, text: str, bind: tuple[str | None, ...] | None = None) -> Answer:
        session = self._session
        session.notices.clear()
        results: list[Rows] = []
        failure: Failure | None = None
        try:
            with session.time_limit(LIMIT):
                if bind is not None:
                    results += [self._rows(result) for result in session.execute(text, bind, hints=False)]
                else:
                    for result in session._run_script(session._texts(text)):
                        results.append(self._rows(result))
        except errors.Error as error:
            failure = Failure(error.sqlstate, error.message, error.detail, error.hint, error.position)
        except Exception as error:  # noqa: BLE001 - a defect of the engine: the step differs, the script goes on
            failure = Failure("-----", f"{type(error).__name__}: {error}")
        notices = tuple(Notice(notice.severity, notice.message) for notice in session.notices)
        return Answer(tuple(results) or (() if failure else (Rows("EMPTY"),)), failure, notices)

    def _rows(self, result: Any) -> Rows:
        types = self._session.types
        if result.columns is None:
            return Rows(_tag(result.tag, result.row_count))
        writers = [types.output(column.type) for column in result.columns]
        rows = tuple(
            tuple(
                None if datum is None else write(datum, self._session)
                for datum, write in zip(row, writers, strict=True)
            )
            for row in result.rows
        )
        columns = tuple((column.name, types.format(column.type, column.typmod)) for column in result.columns)
        return Rows(_tag(result.tag, len(rows) if result.row_count is None else result.row_count), columns, rows)

    def is_waiting(self) -> bool:
        transaction = self._session.block.transaction
        return transaction is not None and transaction.waiter is not None

    def close(self) -> None:
        self._session.close()


def _tag(tag: str, count: int | None) -> str:
    if count is None or tag[-1:].isdigit():
        return tag
    return f"INSERT 0 {count}" if tag == "INSERT" else f"{tag} {count}" if tag in COUNTED else tag


class EmbeddedDoor:
    """A fresh in-memory database, used through its sessions."""

    name = "embedded"

    def __init__(self) -> None:
        self._database = heliosdb.EmbeddedDatabase.new_in_memory()

    def open(self) -> EmbeddedConversation:
        # explicit transactions of the embedded API are snapshots; the recordings come from a server, where they are not
        return EmbeddedConversation(self._database.session(isolation="read committed"))

    def close(self) -> None:
        self._database.close()
