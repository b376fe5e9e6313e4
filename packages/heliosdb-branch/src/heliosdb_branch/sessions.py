"""Which branch a session works on: USE BRANCH, the setting ``heliosdb.branch``, and what stands behind ``@`` in a path.

All three are one thing, the session's timeline. So the setting always names the branch that the session is on, also
after that was renamed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from heliosdb.errors import UndefinedObject
from heliosdb_branch.lifetime import NEW, follow, work_on_new

if TYPE_CHECKING:
    from heliosdb.spi import Location, Session, Timeline

__all__ = ["TAG", "branch_of", "find", "find_tag", "located", "missing", "named", "work_on"]

SETTING = "heliosdb.branch"
TAG = "tag "
"""How the pins begin that are tags."""


def find(session: Session, name: str) -> Timeline | None:
    """Return a branch by name, or None."""
    try:
        return session.database.history.timeline(name)
    except UndefinedObject:
        return None


def named(session: Session, name: str) -> Timeline:
    """Return a branch by name; UndefinedObject where there is none."""
    found = find(session, name)
    if found is None:
        raise missing(name)
    return found


def find_tag(session: Session, name: str) -> tuple[Timeline, int] | None:
    """Return the branch and the SCN that a tag names, or None."""
    history = session.database.history
    pin = history.pins().get(TAG + name)
    if pin is None:
        return None
    return next((line, pin.scn) for line in history.timelines() if line.id == pin.timeline)


def missing(name: str) -> UndefinedObject:
    """Return the error for a branch that does not exist."""
    return UndefinedObject(f'branch "{name}" does not exist')


def branch_of(session: Any) -> str:
    """Return the value of ``heliosdb.branch``: what the next transaction works on."""
    line = session.timeline
    return "main" if line is None else str(line.name)


def work_on(session: Session, name: str) -> None:
    """Have a session work on a branch, from its next transaction on."""
    if name == NEW:
        work_on_new(session)
        return
    line = named(session, name)
    if line is not session.timeline:
        session.use_timeline(line.name)
        follow(session, line)


def located(path: str) -> Location | None:
    """Return what ``path@branch`` means; None where there is something at the whole path."""
    from heliosdb.spi import Location

    place, _, name = path.rpartition("@")
    if not os.path.basename(place) or not name or os.path.dirname(name) or os.path.lexists(path):
        return None
    return Location(place, {SETTING: name})
