"""The two stages: a fresh in-memory database, and a PostgreSQL server whose schema is emptied for each schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

import heliosdb
from tests.differential.doors import EmbeddedConversation
from tests.differential.recording import Answer
from tests.differential.reference import OPTIONS, ReferenceConversation

from .schedule import Case

__all__ = ["OwnStage", "ReferenceStage"]


class OwnSpeaker(EmbeddedConversation):
    """A session of a database in this process."""

    def is_waiting(self) -> bool:
        session = self._session
        return bool(session.database.store.locks.is_waiting(session))


class OwnStage:
    """A fresh database with a case's tables, in memory or at a path."""

    def __init__(self, case: Case, path: Path | None = None) -> None:
        if path is None:
            self._database = heliosdb.EmbeddedDatabase.new_in_memory(plugins=[])
        else:
            self._database = heliosdb.EmbeddedDatabase(str(path), plugins=[])
        setup = self.open()
        for text in case.setup:
            failure = setup.send(text).failure
            assert failure is None, (text, failure)
        setup.close()

    def open(self) -> OwnSpeaker:
        return OwnSpeaker(self.session())

    def session(self) -> Any:
        """Open a session, for who needs no text."""
        return self._database.database.session(isolation="read committed")

    @property
    def published(self) -> int:
        """The number of the last commit."""
        return self._database.database.store.published

    def close(self) -> None:
        """Remove the database."""
        self._database.close()


class ReferenceSpeaker(ReferenceConversation):
    """A session of the server.

    It counts as waiting once it has waited for longer than ``deadlock_timeout``: then it has looked for a deadlock and
    found none, and whoever closes a circle later is the one who finds it.
    """

    def is_waiting(self) -> bool:
        row = self._control.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
            " AND clock_timestamp() - waitstart > '40 ms')",
            (self._pid,),
        ).fetchone()
        return row is not None and row[0] is True

    def send(self, text: str, bind: tuple[str | None, ...] | None = None) -> Answer:
        return super().send(text, bind)


class ReferenceStage:
    """An emptied schema with a case's tables."""

    def __init__(self, conninfo: str, database: str, case: Case) -> None:
        self._conninfo = conninfo
        self._database = database
        self._control = psycopg.connect(conninfo, dbname=database, autocommit=True, options=OPTIONS)
        for text in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", *case.setup):
            self._control.execute(text)

    def open(self) -> ReferenceSpeaker:
        options = f"{OPTIONS} -c deadlock_timeout=15ms"
        connection = psycopg.connect(self._conninfo, dbname=self._database, autocommit=True, options=options)
        return ReferenceSpeaker(connection, self._control)

    def close(self) -> None:
        """Leave the server."""
        self._control.close()
