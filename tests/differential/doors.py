"""Doors: the ways into a database, all with the same two methods, so that one runner serves them all.

A ``Door`` makes sessions on one fresh database; a ``Conversation`` is one session: it sends a message and returns the
answer in text form, and it says whether it is waiting for another session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import heliosdb
from heliosdb import errors

from .recording import Answer, Failure, Notice, Rows

__all__ = ["DEFECT", "Conversation", "DbapiDoor", "Door", "EmbeddedDoor"]

DEFECT = "-----"
"""The SQLSTATE of what should never happen: an exception that is no SQL error, a statement that does not end."""


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
    gives_objects: bool
    """Whether values are Python objects, as ``repr()`` shows them, rather than text; column types are OIDs then."""

    def open(self) -> Conversation:
        """Open a session."""

    def close(self) -> None:
        """Remove the database."""


LIMIT = 15.0
"""Seconds after which a statement is cancelled."""


def _failure(error: errors.Error) -> Failure:
    return Failure(error.sqlstate, error.message, error.detail, error.hint, error.position)


def _defect(error: Exception) -> Failure:
    return Failure(DEFECT, f"{type(error).__name__}: {error}")


def _notices(notices: list[Any]) -> tuple[Notice, ...]:
    return tuple(Notice(notice.severity, notice.message) for notice in notices)


def _waits(session: Any) -> bool:
    transaction = session.block.transaction
    return transaction is not None and transaction.waiter is not None


class EmbeddedConversation:
    """A session of a database in this process, its values written by the types' text output."""

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
                    results += [self._rows(result) for result in session.execute(text, bind)]
                else:
                    for result in session.run_script(session._texts(text)):
                        results.append(self._rows(result))
        except errors.Error as error:
            failure = _failure(error)
        except Exception as error:  # noqa: BLE001 - a defect of the engine: the step differs, the script goes on
            failure = _defect(error)
        return Answer(tuple(results) or (() if failure else (Rows("EMPTY"),)), failure, _notices(session.notices))

    def _rows(self, result: Any) -> Rows:
        types = self._session.types
        if result.columns is None:
            return Rows(result.status)
        writers = [types.output(column.type) for column in result.columns]
        rows = tuple(
            tuple(
                None if datum is None else write(datum, self._session)
                for datum, write in zip(row, writers, strict=True)
            )
            for row in result.rows
        )
        columns = tuple((column.name, types.format(column.type, column.typmod)) for column in result.columns)
        return Rows(result.status, columns, rows)

    def is_waiting(self) -> bool:
        return _waits(self._session)

    def close(self) -> None:
        self._session.close()


class EmbeddedDoor:
    """A fresh in-memory database, used through its sessions."""

    name = "embedded"
    gives_objects = False

    def __init__(self, plugins: Sequence[str] = ()) -> None:
        self._database = heliosdb.EmbeddedDatabase.new_in_memory(plugins=plugins)

    def open(self) -> EmbeddedConversation:
        # explicit transactions of the embedded API are snapshots; the recordings come from a server, where they are not
        return EmbeddedConversation(self._database.database.session(isolation="read committed"))

    def close(self) -> None:
        self._database.close()


class DbapiConversation:
    """A connection with PEP 249's interface; its values are Python objects, compared by their repr()."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def send(self, text: str, bind: tuple[str | None, ...] | None = None) -> Answer:
        connection = self._connection
        connection.notices.clear()
        results: list[Rows] = []
        failure: Failure | None = None
        try:
            cursor = connection.execute(text, bind)
            while True:
                results.append(self._rows(cursor))
                if not cursor.nextset():
                    break
        except errors.Error as error:
            failure = _failure(error)
        except Exception as error:  # noqa: BLE001 - a defect of the engine: the step differs, the script goes on
            failure = _defect(error)
        return Answer(tuple(results), failure, _notices(connection.notices))

    @staticmethod
    def _rows(cursor: Any) -> Rows:
        if cursor.description is None:
            return Rows(cursor.statusmessage or "EMPTY")
        columns = tuple((column.name, str(column.type_code)) for column in cursor.description)
        return Rows(cursor.statusmessage, columns, tuple(tuple(map(repr, row)) for row in cursor.fetchall()))

    def is_waiting(self) -> bool:
        return _waits(self._connection.session)

    def close(self) -> None:
        self._connection.close()


class DbapiDoor:
    """A fresh in-memory database, used through DB-API connections."""

    name = "dbapi"
    gives_objects = True

    def __init__(self, plugins: Sequence[str] = ()) -> None:
        self._database = heliosdb.EmbeddedDatabase.new_in_memory(plugins=plugins)

    def open(self) -> DbapiConversation:
        return DbapiConversation(heliosdb.connect(self._database, autocommit=True, timeout=LIMIT))

    def close(self) -> None:
        self._database.close()
