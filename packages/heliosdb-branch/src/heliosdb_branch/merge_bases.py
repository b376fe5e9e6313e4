"""What a branch contains of the others, and so what two of them have in common.

A point (a timeline at an SCN) contains its timeline until then, what that started from, and what was merged into it.
What was merged stands in rows of relation 9201 on the timeline that it was merged into:

    (number of a timeline, SCN)      everything there up to this SCN is in here

They are written by the merge's own transaction: they are there if and only if the merge is, a branch has those that
were made before its fork, and an earlier point those that were made before it. So they are read as any rows are.

The base of a merge is the latest point that both sides contain. There may be two of which none contains the other,
after merges crosswise. Points that were merged are pinned, so that they can be read when they become a base.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from heliosdb.errors import DuplicateObject, ObjectNotInPrerequisiteState, UndefinedObject
from heliosdb.spi import History, Session, Timeline

__all__ = ["MERGED", "Point", "bases", "contained", "let_go", "pin", "prune", "record"]

MERGED = 9201
"""The relation of this package's own; see docs/plugins/history.md."""
PIN = "merged from timeline "

Point = tuple[Timeline, int]


def bases(session: Session, source: Point, target: Point) -> list[Point]:
    """Return the latest points that both contain and that can be read; more than one after merges crosswise.

    Raises ObjectNotInPrerequisiteState where versions of all of them are gone.
    """
    transaction, store = session.transaction, session.database.store
    first, second = contained(transaction, source), contained(transaction, target)
    lines = _lines(session.database.history)
    common: list[Point] = []
    for number in first.keys() & second.keys() & lines.keys():
        line, scn = lines[number], min(first[number], second[number])
        if line.parent is None or scn >= line.fork:
            with suppress(ObjectNotInPrerequisiteState):
                store.check_readable_at(line, scn)
                common.append((line, scn))
    if not common:
        raise ObjectNotInPrerequisiteState(
            f'what branches "{source[0].name}" and "{target[0].name}" have in common is no longer kept'
        )
    contents = [contained(transaction, point) for point in common]
    return [
        (line, scn)
        for place, (line, scn) in enumerate(common)
        if not any(other.get(line.id, -1) >= scn for n, other in enumerate(contents) if n != place)
    ]


def record(transaction: Any, source: Point, target: Timeline) -> None:
    """Note, with the transaction of a merge, what its target contains from now on."""
    present = {
        number: (row_id, (number, scn))
        for row_ids, rows in transaction.view(MERGED).item_blocks()
        for row_id, (number, scn) in zip(row_ids, rows)
    }
    for number, scn in contained(transaction, source).items():
        row_id, before = present.get(number, (0, None))
        if number == target.id or (before is not None and before[1] >= scn):
            continue
        if before is None:
            transaction.insert(MERGED, (number, scn))
        else:
            transaction.update(MERGED, row_id, before, (number, scn))


def pin(history: History, source: Point) -> None:
    """Keep a point that is about to be merged readable."""
    line, scn = source
    with suppress(DuplicateObject):
        history.pin(f"{PIN}{line.id} at {scn}", scn, line)


def prune(session: Session) -> None:
    """Let go of merged points that are no longer the last one that any branch knows."""
    history, transaction = session.database.history, session.transaction
    known = set()
    for line in history.timelines():
        known |= set(contained(transaction, (line, history.published)).items())
    for name, held in history.pins().items():
        if name.startswith(PIN) and (held.timeline, held.scn) not in known:
            with suppress(UndefinedObject):
                history.unpin(name)


def let_go(history: History, line: Timeline) -> None:
    """Let go of the merged points of a branch that is about to be dropped."""
    for name, held in history.pins().items():
        if name.startswith(PIN) and held.timeline == line.id:
            history.unpin(name)


def contained(transaction: Any, point: Point) -> dict[int, int]:
    """Return by number of each timeline the SCN up to which all of it is in a point."""
    line, scn = point
    found: dict[int, int] = {}
    ancestor: Timeline | None = line
    upto = scn
    while ancestor is not None:
        if ancestor.parent is None or upto >= ancestor.fork:
            found[ancestor.id] = upto
        upto, ancestor = min(upto, ancestor.fork), ancestor.parent
    with suppress(ObjectNotInPrerequisiteState):  # then a base may be an earlier one than it need be
        for number, merged in transaction.view(MERGED, at=point):
            found[number] = max(found.get(number, 0), merged)
    return found


def _lines(history: History) -> dict[int, Timeline]:
    """Return all timelines that can be read, those included that were dropped and that others start from."""
    found: dict[int, Timeline] = {}
    for line in history.timelines():
        ancestor: Timeline | None = line
        while ancestor is not None:
            found[ancestor.id] = ancestor
            ancestor = ancestor.parent
    return found
