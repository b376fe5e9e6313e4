"""``t@branch``: a table of another branch, in any query.

    SELECT * FROM t@main m FULL JOIN t@"dev-1" d USING (id)
    SELECT * FROM t@dev AS OF SCN 7

A tag names a branch and a point of it. A branch is read as of the last commit that the statement's transaction sees, by
the definitions that it has then; before a clause for a point in time, as of that point. What the transaction has not
committed is not in it.

A view may be made of it. Its text has the branch's name: while there is no such branch, reading the view is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from heliosdb.spi import Cursor, Snapshot, nodes
from heliosdb_branch.sessions import find_tag, named

__all__ = ["CLAUSE", "Place", "moment", "parse", "resolve"]

CLAUSE = "at_branch"
"""The name in requests for snapshots."""


@frozen
class Place:
    """What stands behind ``@``: the name of a branch or a tag."""

    name: str

    def deparse(self, write: Callable[[Any], str]) -> str:
        """Return the clause as text, for stored queries."""
        return '@"' + self.name.replace('"', '""') + '"'


def parse(cursor: Cursor) -> Place:
    """Read the name behind ``@``: an identifier, so that others are quoted."""
    return Place(cursor.identifier())


def moment(context: Any, place: Place) -> nodes.SnapshotRequest:
    """Return what to read."""
    return nodes.SnapshotRequest(clause=CLAUSE, payload=place.name)


def resolve(session: Any, name: str, base: Snapshot | None) -> Snapshot:
    """Return the snapshot of a tag, or that of a branch at the point of the clause within which it stands."""
    tag = find_tag(session, name)
    if tag is not None:
        return Snapshot(tag[0].name, tag[1])
    return Snapshot(named(session, name).name, session.transaction.scn if base is None else base.scn)
