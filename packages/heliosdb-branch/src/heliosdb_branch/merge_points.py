"""Which of several bases say something: points of which the others contain all that was done there.

    main      ──8────────────────15──►        (main, 14) is what (main, 8) is, for nothing was done in between
                │
    staging     └──9──10──►                   (staging, 10) contains (main, 8)

``merge_bases`` goes by SCNs, which are given to the commits of all branches in turn: by them (main, 14) and (staging,
10) are two bases, and there is only one. So where there are several, it is looked at whether anything is different.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from heliosdb.errors import ObjectNotInPrerequisiteState
from heliosdb.spi import CATALOG_RELATION, Session, differences
from heliosdb_branch.diff import catalog_at
from heliosdb_branch.merge_bases import MERGED, Point, bases, contained

__all__ = ["merge_points"]


def merge_points(session: Session, source: Point, target: Point) -> list[Point]:
    """Return the latest points that both contain; more than one after merges crosswise. Raises what ``bases`` does."""
    left = bases(session, source, target)
    for point in left[:]:
        others = [contained(session.transaction, other) for other in left if other is not point]
        if any(_says_nothing(session, point, other) for other in others):
            left.remove(point)
    return left


def _says_nothing(session: Any, point: Point, content: dict[int, int]) -> bool:
    """Whether nothing was done on a point's timeline since what another point contains of it."""
    line = point[0]
    since = content.get(line.id)
    if since is None:
        if line.parent is None or content.get(line.parent.id, -1) < line.fork:
            return False
        since = line.fork
    with suppress(ObjectNotInPrerequisiteState):
        before = (line, since)
        if _is_different(session, CATALOG_RELATION, before, point):
            return False
        tables = [relation.oid for relation in catalog_at(session, point).relations() if relation.kind == "table"]
        return not any(_is_different(session, oid, before, point) for oid in (MERGED, *tables))
    return False  # nobody knows any more


def _is_different(session: Any, oid: int, before: Point, after: Point) -> bool:
    return any(True for _ in differences(session.transaction, oid, before, after))
