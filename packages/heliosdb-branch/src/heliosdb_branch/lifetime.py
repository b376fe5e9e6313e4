"""Branches that go by themselves: ephemeral ones with their sessions, others when their time is over.

    CREATE BRANCH b WITH (ephemeral)     goes when the session ends, or the last one that works on b by then
    SET heliosdb.branch = '+'            makes one with a name of its own, and works on it; path@+ and branch='+', too
    CREATE BRANCH b WITH (ttl = '1 h')   goes at the first sweep after an hour at which nobody works on it

What a process has left behind that ended without closing the database goes when the database is opened.
"""

from __future__ import annotations

from functools import partial
from threading import Event
from typing import Any
from uuid import uuid4

from heliosdb.errors import Error
from heliosdb.spi import Database, Session, Timeline
from heliosdb_branch.merge_bases import let_go
from heliosdb_branch.options import EPHEMERAL, expires, is_ephemeral

__all__ = ["NEW", "follow", "sweep", "tidy", "work_on_new"]

NEW = "+"
"""The name that makes an ephemeral branch."""


def work_on_new(session: Session) -> None:
    """Make an ephemeral branch of what the session works on, and have it work there."""
    name = f"ephemeral-{uuid4().hex[:12]}"
    line = session.database.history.create_timeline(name, session.timeline, properties=EPHEMERAL, wait=False)
    try:
        session.use_timeline(name)
    except Error:
        _let_go(session.database, line)
        raise
    follow(session, line)


def follow(session: Session, line: Timeline) -> None:
    """Have an ephemeral branch go with the session, if it is the last one that works on it."""
    if is_ephemeral(line):
        session.at_close(partial(_let_go, session.database, line))


def _let_go(database: Database, line: Timeline) -> None:
    if line.dropped or database.users_of(line):
        return
    try:
        let_go(database.history, line)
        # One that is ephemeral is dropped when the database is opened, if it is there.
        database.history.drop_timeline(line.name, wait=not is_ephemeral(line))
    except Error:
        return  # something holds it, or nothing can be written: tidy tries again


def tidy(database: Database) -> None:
    """Drop what has no session any more: the database was just opened."""
    if database.volume.read_only:
        return
    for line in database.history.timelines():
        if is_ephemeral(line):
            _let_go(database, line)
    sweep(database)


def sweep(database: Any, stop: Event | None = None) -> None:
    """Drop the branches whose time is over and that nobody works on."""
    history = database.history
    now = history.commits.clock()
    for line in history.timelines():
        until = expires(line)
        if stop is not None and stop.is_set():
            return
        if until is not None and until <= now and not database.volume.read_only:
            _let_go(database, line)
