"""What the statements about branches do.

A branch is made and dropped at once, not with a transaction: others see it when the statement returns, and it is
durable. So CREATE, DROP and ALTER run outside of transaction blocks, and what a transaction has not committed is in no
branch. USE is for the session; a transaction that has begun keeps its branch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from heliosdb.errors import (
    ActiveSqlTransaction,
    DuplicateObject,
    InvalidParameterValue,
    ObjectInUse,
    ObjectNotInPrerequisiteState,
    UndefinedObject,
)
from heliosdb.spi import Result, Session, Timeline, statements
from heliosdb_branch.grammar import Alter, Create, Drop, Use
from heliosdb_branch.lifetime import follow
from heliosdb_branch.merge_bases import let_go, prune
from heliosdb_branch.options import expires, properties_of, shown_options
from heliosdb_branch.sessions import find, find_tag, missing, named, work_on

__all__ = [
    "branches", "current_branch", "database_branches", "execute_alter", "execute_create", "execute_drop",
    "execute_use", "remove", "require_committed", "require_droppable", "start_of",
]  # fmt: skip

MAIN = "main"
MAIN_GOES = "heliosdb_branch.main_goes"
"""Under which a session remembers the number of main, after DROP BRANCH main."""

TYPES = {"scn": "int8", "transaction": "int8", "timestamp": "timestamptz"}


def execute_create(session: Session, create: Create) -> Result:
    """CREATE BRANCH: takes the same time whatever the size of the database."""
    require_committed(session, "CREATE BRANCH")
    history = session.database.history
    if find(session, create.name) is not None:
        if not create.if_not_exists:
            raise DuplicateObject(f'branch "{create.name}" already exists')
        session.notice(f'branch "{create.name}" already exists, skipping', sqlstate="42710")
        return Result("CREATE BRANCH")
    if find_tag(session, create.name) is not None:
        raise DuplicateObject(f'there is a tag "{create.name}"')
    parent, scn = start_of(session, create)
    properties = properties_of(session, create.options)
    # A crash that takes an ephemeral branch does what the end of its session would.
    wait = session.setting("synchronous_commit") != "off" and not properties.get("ephemeral")
    made = history.create_timeline(create.name, parent, scn, properties, wait=wait)
    follow(session, made)
    return Result("CREATE BRANCH")


def execute_drop(session: Session, drop: Drop) -> Result:
    """DROP BRANCH: refused while a session works on it. There is always a main: it goes when another one takes its
    name, in the same session."""
    require_committed(session, "DROP BRANCH")
    line = find(session, drop.name)
    if line is None:
        if not drop.if_exists:
            raise missing(drop.name)
        session.notice(f'branch "{drop.name}" does not exist, skipping', sqlstate="00000")
        return Result("DROP BRANCH")
    if line.name == MAIN:
        session.memory[MAIN_GOES] = line.id
        session.notice(f'branch "{MAIN}" goes when ALTER BRANCH gives its name to another one', sqlstate="00000")
        return Result("DROP BRANCH")
    require_droppable(session, line)
    remove(session, line)
    return Result("DROP BRANCH")


def require_droppable(session: Session, line: Timeline) -> None:
    """Raise ObjectInUse for a branch that cannot be dropped now."""
    if line.name == MAIN:
        raise ObjectInUse(f'cannot drop branch "{MAIN}"', hint="There must be one of this name.")
    if line is session.timeline:
        raise ObjectInUse("cannot drop the current branch", hint="USE BRANCH goes to another one.")
    users = session.database.users_of(line)
    if users:
        raise _used(line, users)


def remove(session: Session, line: Timeline) -> None:
    """Drop a branch, and let go of what was kept of it for merges."""
    let_go(session.database.history, line)
    session.database.history.drop_timeline(line.name)
    prune(session)


def execute_alter(session: Session, alter: Alter) -> Result:
    """ALTER BRANCH ... RENAME TO: sessions that work on it go on."""
    require_committed(session, "ALTER BRANCH")
    line = named(session, alter.name)
    if line.name == MAIN:
        raise ObjectInUse(f'cannot rename branch "{MAIN}"', hint="There must be one of this name.")
    before = find(session, alter.new_name)
    if find_tag(session, alter.new_name) is not None:
        raise DuplicateObject(f'there is a tag "{alter.new_name}"')
    if before is None:
        session.database.history.rename_timeline(alter.name, alter.new_name)
    elif before.id == session.memory.get(MAIN_GOES):
        _replace_main(session, before, line)
    else:
        raise DuplicateObject(f'branch "{alter.new_name}" already exists')
    return Result("ALTER BRANCH")


def _replace_main(session: Session, line: Timeline, heir: Timeline) -> None:
    """Let another branch be main, after DROP BRANCH main; the session goes along."""
    users = session.database.users_of(line) - (session.timeline in (None, line))
    if users:
        raise _used(line, users)
    if session.has_temporary_schema:
        session.use_timeline(heir.name)
    let_go(session.database.history, line)
    session.database.history.replace_timeline(MAIN, heir.name)
    prune(session)
    del session.memory[MAIN_GOES]


def _used(line: Timeline, users: int) -> ObjectInUse:
    return ObjectInUse(
        f'branch "{line.name}" is being used by other sessions',
        detail=f"There {'is 1 other session' if users == 1 else f'are {users} other sessions'} working on it.",
    )


def execute_use(session: Session, use: Use) -> Result:
    """USE BRANCH: from the next transaction on; in a block, before its first query."""
    work_on(session, use.name)
    return Result("USE BRANCH")


def current_branch(session: Any) -> str:
    """``current_branch()``: the branch that the transaction works on."""
    name: str = session.transaction.timeline.name
    return name


def branches(session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of ``heliosdb_branches``. A parent that was dropped has no name."""
    current = session.transaction.timeline
    for line in session.database.history.timelines():
        parent = line.parent
        yield (
            line.name,
            None if parent is None or parent.dropped else parent.name,
            None if parent is None else line.fork,
            line.created or None,
            line is current,
        )


def database_branches(session: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of ``pg_database_branches``: main was made with the first commit."""
    database, current = session.database, session.transaction.timeline
    history = database.history
    for line in history.timelines():
        parent = line.parent
        size = history.size(line)
        until = expires(line)
        first = None if parent is not None else history.commits.get(1)
        yield (
            line.name,
            None if parent is None or parent.dropped else parent.name,
            line.created or (None if first is None else first.time),
            size,
            size / 1048576,
            "expired" if until is not None and until <= history.commits.clock() else "active",
            line.id,
            None if parent is None else parent.id,
            None if parent is None else line.fork,
            json.dumps(shown_options(line)),
            until,
            line is current,
        )


def start_of(session: Session, create: Create) -> tuple[Timeline, int | None]:
    """Return the branch and the SCN of it that something new starts at; None: now."""
    if create.parent is None:
        return session.transaction.timeline, _scn(session, create)
    tag = find_tag(session, create.parent)
    if tag is None:
        return named(session, create.parent), _scn(session, create)
    if create.kind is not None:
        raise InvalidParameterValue(f'tag "{create.parent}" is a point in time, and AS OF says another')
    return tag


def _scn(session: Session, create: Create) -> int | None:
    if create.kind is None:
        return None
    type_name = statements.TypeName(("pg_catalog", TYPES[create.kind]))
    query = statements.Select((statements.Target(statements.TypeCast(create.value, type_name)),))
    ((value,),) = session.run_query(query).rows
    if value is None:
        raise InvalidParameterValue(f"AS OF {create.kind.upper()} must not be null")
    history = session.database.history
    scn: int | None = value
    if create.kind == "timestamp":
        scn = history.scn_at(value)
        if not scn:
            raise ObjectNotInPrerequisiteState("the database had no commit at that time")
    elif create.kind == "transaction":
        scn = history.commits.scn_of_transaction(value)
        if scn is None:
            raise UndefinedObject(f"transaction {value} has not committed, or is known no more")
    if scn is not None and scn < 1:
        raise InvalidParameterValue(f"{scn} is no SCN: the first one is 1")
    return scn


def require_committed(session: Session, words: str) -> None:
    """Refuse what would leave out, or not be undone with, changes that are not committed."""
    if session.transaction.has_written:
        raise ActiveSqlTransaction(f"{words} cannot run in a transaction that has changed something")
