"""``t@branch``: a table of another branch, in any query.

    SELECT * FROM t@main m FULL JOIN t@"dev-1" d USING (id)
    SELECT * FROM t@dev AS OF SCN 7

It is read as of the last commit that the statement's transaction sees, by the definitions that the branch has then;
behind or before a clause for a point in time, as of that point. What the transaction has not committed is not in it.
"""

from __future__ import annotations

from typing import Any

from heliosdb.spi import Cursor, Snapshot, nodes
from heliosdb_branch.sessions import named

__all__ = ["CLAUSE", "moment", "parse", "resolve"]

CLAUSE = "at_branch"
"""The name in requests for snapshots."""


def parse(cursor: Cursor) -> str:
    """Read the name behind ``@``: an identifier, so that others are quoted."""
    return cursor.identifier()


def moment(context: Any, name: str) -> nodes.SnapshotRequest:
    """Return what to read."""
    return nodes.SnapshotRequest(clause=CLAUSE, payload=name)


def resolve(session: Any, name: str, base: Snapshot | None) -> Snapshot:
    """Return the branch's snapshot, at the point of the clause within which it stands."""
    return Snapshot(named(session, name).name, session.transaction.scn if base is None else base.scn)
