"""Rows of tables changed by their ids, as a whole: what was done elsewhere is done here, and checked when all is in.

    change(table, ...)    completes and checks each new row as INSERT does (``codegen/new_rows.py``), and enters it
    recheck(table)        checks the others, too, where the table's definition is another
    check()               unique keys, then foreign keys from and to what was changed

Foreign keys do not act: what they would delete or change elsewhere is among the changes, or else it is what is wrong
with them. Nothing is deferred beyond ``check``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.codegen import compile_statement
from heliosdb.codegen.foreign_keys import ForeignKeyCheck, ReferencedCheck
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.rewrite import walk as walk_plan
from heliosdb.session.execution import Execution
from heliosdb.sql import statements as tree
from heliosdb.transaction.placed_rows import place_row

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation

__all__ = ["RowChange", "RowChanges"]

Row = tuple[Any, ...]
RowChange = tuple[int, "Row | None", "Row | None"]
"""A row's id, the row as the statement sees it, and what is to be there; None: no row."""


class RowChanges:
    """See the module. For one statement of a session, whose transaction keeps its snapshot."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._changed: list[tuple[Relation, list[tuple[Row | None, Row | None]]]] = []

    def change(self, relation: Relation, changes: Iterable[RowChange], defaults: Collection[int] = ()) -> int:
        """Change rows of a table, and return how many; new rows get the defaults of the columns with these numbers.

        A row has one change at most. Generated columns are computed anew. Raises what is wrong with a row.
        """
        transaction = self._session.transaction
        pairs: list[tuple[Row | None, Row | None]] = []
        for part in _parts(changes, 4096):
            self._session.check_interrupt()
            made = iter(self._completed(relation, [new for _, _, new in part if new is not None], defaults))
            for row_id, old, new in part:
                row = None if new is None else next(made)
                place_row(transaction, relation.oid, row_id, old, row)
                pairs.append((old, row))
        if pairs:
            self._changed.append((relation, pairs))
        return len(pairs)

    def recheck(self, relation: Relation) -> None:
        """Look at all rows of a table, those included that nobody has changed: its definition is another."""
        self._session.transaction.advance_command()
        for _, rows in self._session.transaction.view(relation.oid).item_blocks():
            self._session.check_interrupt()
            self._completed(relation, rows, ())
            self._changed.append((relation, [(None, row) for row in rows]))

    def _completed(self, relation: Relation, rows: Sequence[Row], defaults: Collection[int]) -> Iterable[Row]:
        if not rows:
            return ()
        session = self._session
        execution = Execution(session, session.transaction, (), ())
        execution.feed = [rows]
        return [row for batch in self._writer(relation, defaults)(execution) for row in batch]

    def _writer(
        self, relation: Relation, defaults: Collection[int]
    ) -> Callable[[Execution], Iterator[list[tuple[Any, ...]]]]:
        session = self._session
        name = tree.QualifiedName((relation.schema, relation.name))
        insert = session.make_plan(tree.Insert(tree.RangeTable(name), (), None)).explained
        assert isinstance(insert, pn.Insert)
        first = 2 + max(
            (n for node in walk_plan(insert) if isinstance(node, pn.PlanNode) for n in (*node.sources, insert.target)),
            default=0,
        )
        columns = tuple([
            pn.OutputColumn(name=column.name, type=column.stored_type, typmod=column.typmod)
            for column in relation.columns
        ])  # fmt: skip
        values = tuple([
            value
            if slot + 1 in defaults
            else ex.Column(type=column.stored_type, typmod=column.typmod, source=first, index=slot)
            for slot, (column, value) in enumerate(zip(relation.columns, insert.values))
        ])  # fmt: skip
        node = pn.CompletedRows(
            input=pn.RowFeed(source=first, columns=columns),
            relation=relation,
            target=insert.target,
            source=first + 1,
            columns=columns,
            values=values,
            checks=insert.checks,
            generated=insert.generated,
        )
        return compile_statement(node, session.registries).run

    def check(self) -> None:
        """Look at the keys of all that was changed. Raises UniqueViolation or ForeignKeyViolation."""
        session = self._session
        transaction, registries = session.transaction, session.registries
        transaction.advance_command()
        transaction.check_deferred()
        execution = Execution(session, transaction, (), ())
        for relation, pairs in self._changed:
            for constraint in relation.constraints:
                if constraint.foreign is not None:
                    ForeignKeyCheck(relation, immediate(constraint), registries).of_changes(execution, pairs)
        for relation, pairs in self._changed:
            changed = [(old, new) for old, new in pairs if old is not None]
            for referring, constraint in session.catalog.relations_referencing(relation.oid):
                ReferencedCheck(relation, referring, immediate(constraint), registries)(execution, changed)


def immediate(constraint: Any) -> Any:
    """Return a foreign key that does not act, and is not deferred."""
    foreign = evolve(constraint.foreign, on_update="no action", on_delete="no action")
    return evolve(constraint, foreign=foreign, deferrable=False)


def _parts(changes: Iterable[RowChange], size: int) -> Iterator[list[RowChange]]:
    part: list[RowChange] = []
    for change in changes:
        part.append(change)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
