"""The number of a column that is added: one that no column of its table has on any timeline.

A number stands for the column everywhere, so two branches that each add one must not take the same. The table's counter
is shared by all timelines and undone by no transaction; what another timeline has taken is passed over by the slots of
dropped columns. As long as there is one timeline alone numbers follow each other without gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.definitions import ColumnDefinition, Relation

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession
    from heliosdb.store.timeline import Timeline

__all__ = ["passed_over", "take_number"]


def take_number(session: CommandSession, relation: Relation) -> int:
    """Return the number of a table's next column."""
    database = session.database
    last = len(relation.columns)
    lines = database.store.lines.all()
    if len(lines) == 1 or relation.persistence == "temporary":
        return last + 1
    for line in lines:
        if not line.dropped:
            found = _relation_on(session, line, relation.oid)
            last = max(last, 0 if found is None else len(found.columns))
    counters = database.store.counters
    with counters.lock:
        taken = counters.get(relation.oid)
        number: int = max(last, 0 if taken is None else taken[0]) + 1
        counters.set(relation.oid, number)
    session.transaction.has_counted = True
    return number


def _relation_on(session: CommandSession, line: Timeline, oid: int) -> Relation | None:
    with session.database.store_transaction(line) as transaction:
        found: Relation | None = session.database.catalogs.of(transaction).relation_by_oid(oid)
    return found


def passed_over(relation: Relation, number: int) -> tuple[ColumnDefinition, ...]:
    """Return a table's columns up to a number, with slots for those that other timelines have."""
    slots = tuple([
        ColumnDefinition(number=n, name=f"........pg.dropped.{n}........", type="int4", dropped=True)
        for n in range(len(relation.columns) + 1, number)
    ])  # fmt: skip
    return (*relation.columns, *slots)
