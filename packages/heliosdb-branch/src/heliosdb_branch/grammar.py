"""How the statements about branches are read.

    CREATE [DATABASE] BRANCH [IF NOT EXISTS] name [FROM {name | CURRENT}]
        [AS OF {NOW | SCN n | TIMESTAMP t | TRANSACTION x}] [WITH (option [= value], ...)]
    DROP [DATABASE] BRANCH [IF EXISTS] name
    ALTER [DATABASE] BRANCH name RENAME TO name
    USE [DATABASE] BRANCH name
    CREATE [DATABASE] TAG [IF NOT EXISTS] name [FROM {name | CURRENT}] [AS OF point]
    DROP [DATABASE] TAG [IF EXISTS] name

A name may be quoted. Without quotes it may have dashes, dots and digits (``dev-2025.1``): it ends where white space
does, so its parts are the tokens that touch each other, and it is folded to lower case as every other name is.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from heliosdb.spi import Cursor, statements

__all__ = [
    "Alter", "Create", "Drop", "Use", "branch_name", "parse_alter", "parse_create", "parse_create_tag", "parse_drop",
    "parse_drop_tag", "parse_use",
]  # fmt: skip

_UNQUOTED = re.compile(r"[^\W\d][\w$.-]*")


@frozen
class Create:
    """``parent`` None: the current branch. ``kind`` and ``value``: what stands behind AS OF; None: now."""

    name: str
    if_not_exists: bool = False
    parent: str | None = None
    kind: str | None = None
    value: Any = None
    options: tuple[statements.Option, ...] = ()


@frozen
class Drop:
    """DROP BRANCH."""

    name: str
    if_exists: bool = False


@frozen
class Alter:
    """ALTER BRANCH ... RENAME TO."""

    name: str
    new_name: str


@frozen
class Use:
    """USE BRANCH."""

    name: str


def parse_create(cursor: Cursor) -> Create | None:
    """Read what follows CREATE BRANCH; None for ``CREATE DATABASE branch``, which makes a database of that name."""
    if _is_database(cursor):
        return None
    if_not_exists = cursor.accept_keyword("if", "not", "exists")
    name = branch_name(cursor)
    parent, kind, value = _start(cursor)
    options = cursor.options() if cursor.accept_keyword("with") else ()
    return Create(name, if_not_exists, parent, kind, value, options)


def _start(cursor: Cursor) -> tuple[str | None, str | None, Any]:
    """Read ``FROM name AS OF point``."""
    parent = None
    if cursor.accept_keyword("from") and not cursor.accept_keyword("current"):
        parent = branch_name(cursor)
    if not cursor.accept_keyword("as", "of") or cursor.accept_keyword("now"):
        return parent, None, None
    for kind in ("scn", "timestamp", "transaction"):
        if cursor.accept_keyword(kind):
            return parent, kind, cursor.expression()
    raise cursor.error()


def parse_create_tag(cursor: Cursor) -> Create:
    """Read what follows CREATE TAG."""
    if_not_exists = cursor.accept_keyword("if", "not", "exists")
    name = branch_name(cursor)
    return Create(name, if_not_exists, *_start(cursor))


def parse_drop_tag(cursor: Cursor) -> Drop:
    """Read what follows DROP TAG."""
    if_exists = cursor.accept_keyword("if", "exists")
    return Drop(branch_name(cursor), if_exists)


def parse_drop(cursor: Cursor) -> Drop | None:
    """Read what follows DROP BRANCH; None for ``DROP DATABASE branch``."""
    if _is_database(cursor):
        return None
    if_exists = cursor.accept_keyword("if", "exists")
    return Drop(branch_name(cursor), if_exists)


def parse_alter(cursor: Cursor) -> Alter | None:
    """Read what follows ALTER BRANCH; None where a database is called ``branch``."""
    if _is_database(cursor) or cursor.at_keyword("rename", "to"):
        return None
    name = branch_name(cursor)
    cursor.expect_keyword("rename", "to")
    return Alter(name, branch_name(cursor))


def parse_use(cursor: Cursor) -> Use:
    """Read what follows USE BRANCH."""
    return Use(branch_name(cursor))


def branch_name(cursor: Cursor) -> str:
    """Read the name of a branch."""
    first = cursor.peek()
    value = cursor.identifier()
    if cursor.source(first.position).startswith('"'):
        return value
    end = first.end
    while not cursor.at_end() and cursor.position == end:
        end = cursor.peek().end
        cursor.reset(cursor.mark() + 1)
    name = cursor.source(first.position, end)
    if _UNQUOTED.fullmatch(name) is None:
        raise cursor.error(f'"{name}" has to be quoted to be the name of a branch')
    return name.lower()


def _is_database(cursor: Cursor) -> bool:
    """Whether ``branch`` is the name of a database: nothing follows ``DATABASE branch``."""
    return cursor.at_end() and cursor.peek(-2).value == "database"
