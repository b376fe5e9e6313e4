"""Tags: names for points of history. A tag is a pin of the store, so what it names stays readable.

CREATE TAG v1;   SELECT * FROM t@v1;   CREATE BRANCH fix FROM v1;   DROP TAG v1
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb.errors import DuplicateObject, UndefinedObject
from heliosdb.spi import Result, Session
from heliosdb_branch.commands import require_committed, start_of
from heliosdb_branch.grammar import Create, Drop
from heliosdb_branch.sessions import TAG, find, find_tag

__all__ = ["execute_create", "execute_drop", "tags"]


def execute_create(session: Session, create: Create) -> Result:
    """CREATE TAG: at once and durable, as CREATE BRANCH is."""
    require_committed(session, "CREATE TAG")
    if find(session, create.name) is not None:
        raise DuplicateObject(f'there is a branch "{create.name}"')
    if find_tag(session, create.name) is None:
        line, scn = start_of(session, create)
        session.database.history.pin(TAG + create.name, scn, line)
    elif not create.if_not_exists:
        raise DuplicateObject(f'tag "{create.name}" already exists')
    else:
        session.notice(f'tag "{create.name}" already exists, skipping', sqlstate="42710")
    return Result("CREATE TAG")


def execute_drop(session: Session, drop: Drop) -> Result:
    """DROP TAG: branches that start there stay."""
    require_committed(session, "DROP TAG")
    if find_tag(session, drop.name) is not None:
        session.database.history.unpin(TAG + drop.name)
    elif not drop.if_exists:
        raise UndefinedObject(f'tag "{drop.name}" does not exist')
    else:
        session.notice(f'tag "{drop.name}" does not exist, skipping', sqlstate="00000")
    return Result("DROP TAG")


def tags(session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of ``heliosdb_tags``; ``committed_at`` is NULL where that is known no more."""
    history = session.database.history
    names = {line.id: line.name for line in history.timelines()}
    for name, pin in history.pins().items():
        if name.startswith(TAG):
            commit = history.commits.get(pin.scn)
            yield name[len(TAG) :], names[pin.timeline], pin.scn, None if commit is None else commit.time
