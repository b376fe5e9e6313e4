"""Kinds of statements: what a session has to know of one before it runs it.

    queries               are planned, and cached by their shape; SELECT INTO is a command, which makes a table
    transaction control   runs outside the statement's own transaction
    around a query        takes parameters, which are the query's
    without snapshot      looks at no data
    defining              is refused by a read-only transaction before it looks at anything

A statement goes by the name of its syntax tree's class.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CONTROL",
    "CONTROL_WORDS",
    "DEFINING",
    "QUERIES",
    "UPKEEP",
    "WITHOUT_SNAPSHOT",
    "WITHOUT_SNAPSHOT_WORDS",
    "WITH_QUERY",
    "is_query",
    "tag_of",
    "words_of",
]

QUERIES = frozenset({"Select", "Values", "SetOperation", "TableQuery", "Insert", "Update", "Delete", "Merge"})

CONTROL = frozenset(
    {"Begin", "Commit", "Rollback", "Savepoint", "Release", "RollbackTo", "PrepareTransaction", "PreparedTransaction"}
)
CONTROL_WORDS = ("begin", "start", "commit", "end", "rollback", "abort", "savepoin", "release", "prepare", "/*", "--")
"""What texts of these begin with, in nine characters: others need not be parsed to know that they are none."""

WITH_QUERY = frozenset({"CreateTableAs", "DeclareCursor", "Explain", "Select"})
"""Commands around a query, which is what their parameters are for; ``Select`` is SELECT INTO."""

DEFINING = {
    "CreateCompositeType": "CREATE TYPE",
    "CreateEnum": "CREATE TYPE",
    "AlterEnum": "ALTER TYPE",
    "Select": "SELECT INTO",
    "Truncate": "TRUNCATE TABLE",
    "AlterObject": "ALTER",
    "AlterOwner": "ALTER",
    "Rename": "ALTER",
    **dict.fromkeys(("AlterDomain", "AlterSchema", "AlterTable", "Comment", "CreateDomain", "CreateExtension"), ""),
    **dict.fromkeys(("CreateIndex", "CreateSchema", "CreateSequence", "CreateTable", "CreateTableAs"), ""),
    **dict.fromkeys(("CreateView", "Drop", "Reindex"), ""),
    "AlterRole": "ALTER ROLE",
    "CreateRole": "CREATE ROLE",
    "DropOwned": "DROP OWNED",
    "Grant": "GRANT",
    "GrantRole": "GRANT ROLE",
    "ReassignOwned": "REASSIGN OWNED",
}
"""Commands that a read-only transaction refuses before they look at anything, and how they are called; "": by their
class."""


UPKEEP = frozenset({"Checkpoint", "Vacuum"})
"""Commands that change nothing that a transaction sees, but need a database that can be written."""

WITHOUT_SNAPSHOT = frozenset(
    {"Set", "SetTransaction", "SetConstraints", "Show", "Reset", "Deallocate", "Listen", "Unlisten", "Notify"}
)
"""Commands that look at no data, so that a block's snapshot is not taken for them."""
WITHOUT_SNAPSHOT_WORDS = ("set", "show", "reset", "deallocate", "listen", "unlisten", "notify")
"""What texts of these begin with, in ten characters."""


def is_query(tree: Any) -> bool:
    """Return whether a statement is planned."""
    return type(tree).__name__ in QUERIES and getattr(tree, "into", None) is None


def tag_of(tree: Any) -> str:
    """Return what a defining command is called."""
    name = type(tree).__name__
    words = DEFINING[name] or words_of(name)
    kind = getattr(tree, "kind", None)
    return f"{words} {kind.upper()}" if isinstance(kind, str) and words in ("ALTER", "DROP") else words


def words_of(class_name: str) -> str:
    """Return ``CREATE TRIGGER`` for ``CreateTrigger``."""
    return "".join(f" {c}" if c.isupper() else c for c in class_name).strip().upper()
