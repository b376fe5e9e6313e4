"""LISTEN, UNLISTEN and NOTIFY: all of them take effect when the transaction commits (``session/notifications.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.result import Result
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session


def execute_listen(session: Session, statement: tree.Listen) -> Result:
    """LISTEN channel."""
    session.inbox.listen(statement.channel)
    return Result("LISTEN")


def execute_unlisten(session: Session, statement: tree.Unlisten) -> Result:
    """UNLISTEN channel, UNLISTEN *."""
    session.inbox.unlisten(statement.channel)
    return Result("UNLISTEN")


def execute_notify(session: Session, statement: tree.Notify) -> Result:
    """NOTIFY channel [, payload]."""
    session.inbox.say(statement.channel, statement.payload or "")
    return Result("NOTIFY")
