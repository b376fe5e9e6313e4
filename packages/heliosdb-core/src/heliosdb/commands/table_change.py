"""A table on its way from one definition to the next, and what that means for its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit
from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Index, Relation
from heliosdb.commands.binding import (
    bind_assignment,
    bind_condition,
    bind_expression,
    compile_row,
    parse_expression,
)
from heliosdb.commands.constraints import require_implementable
from heliosdb.commands.trees import column_names
from heliosdb.commands.validation import check_not_null, check_references, check_rows, rows_of
from heliosdb.errors import UndefinedColumn, WrongObjectType
from heliosdb.plan.forms import stored_writer

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = ["TableChange"]

Row = tuple[Any, ...]


class TableChange:
    """See the module. ``relation`` is the definition so far; it is put into the edit whenever it changes."""

    def __init__(self, session: CommandSession, edit: CatalogEdit, relation: Relation) -> None:
        self.session = session
        self.edit = edit
        self.old = relation
        self.computed: dict[int, Callable[[Row], Any]] = {}
        """Slot -> function of the row as it is that gives the column's new value."""
        self.checks: list[Constraint] = []
        self.not_null: set[int] = set()
        self.references: set[tuple[int, int]] = set()
        """Foreign keys whose rows are looked at: (the OID of the table that refers, that of the constraint)."""
        self.retyped: set[int] = set()
        """The numbers of columns that have another type."""
        self.recomputes_generated = False

    # -- the definition --------------------------------------------------------------------------------------------

    @property
    def relation(self) -> Relation:
        """The table's definition as it is so far."""
        return self.edit.existing(self.old.oid)

    @relation.setter
    def relation(self, relation: Relation) -> None:
        self.edit.put(relation)

    def require_table(self, what: str = "") -> None:
        """Refuse relations without rows of their own."""
        if self.old.kind != "table":
            raise WrongObjectType(f'"{self.old.name}" is not a table')

    def column(self, name: str) -> ColumnDefinition:
        """Return a column by name."""
        found = self.relation.column(name)
        if found is None:
            raise UndefinedColumn(f'column "{name}" of relation "{self.old.name}" does not exist')
        return found

    def put_column(self, column: ColumnDefinition) -> None:
        """Replace a column."""
        columns = tuple(column if other.number == column.number else other for other in self.relation.columns)
        self.relation = evolve(self.relation, columns=columns)

    def indexes_on(self, number: int) -> list[Index]:
        """Return the indexes that use a column, in a key, an expression, INCLUDE or the predicate."""
        name = self.relation.columns[number - 1].name
        found = []
        for index in self.relation.indexes:
            texts = [key.expression for key in index.keys if key.expression is not None]
            if index.predicate is not None:
                texts.append(index.predicate)
            if (
                number in index.include
                or any(key.column == number for key in index.keys)
                or any(name in column_names(parse_expression(self.session, text)) for text in texts)
            ):
                found.append(index)
        return found

    # -- the rows --------------------------------------------------------------------------------------------------

    @property
    def needs_rows(self) -> bool:
        """Whether the rows must be looked at."""
        return bool(self.computed or self.checks or self.not_null or self.references or self.recomputes_generated)

    def finish(self) -> None:
        """Take in what follows from the other changes: foreign keys of columns whose type changes, generated columns
        over columns whose datum does."""
        if self.retyped:
            self._finish_foreign_keys()
        changed = {self.relation.columns[slot].name for slot in self.computed}
        for column in self.relation.columns:
            if column.generated is not None and not column.dropped and column.number - 1 not in self.computed:
                if changed & set(column_names(parse_expression(self.session, column.generated))):
                    self.recomputes_generated = True

    def _finish_foreign_keys(self) -> None:
        """Refuse foreign keys, from here and to here, that cannot be implemented any more; note the others."""
        relation = self.relation
        own = [(relation, constraint) for constraint in relation.constraints]
        for referring, constraint in (*own, *self.edit.relations_referencing(relation.oid)):
            foreign = constraint.foreign
            if foreign is None:
                continue
            referenced = self.edit.existing(foreign.relation)
            columns = [referring.columns[number - 1] for number in constraint.columns]
            targets = [referenced.columns[number - 1] for number in foreign.columns]
            if (referring.oid == relation.oid and self.retyped & set(constraint.columns)) or (
                referenced.oid == relation.oid and self.retyped & set(foreign.columns)
            ):
                require_implementable(self.session, constraint.name, columns, targets)
                if constraint.validated:
                    self.references.add((referring.oid, constraint.oid))

    def rewrite(self) -> None:
        """Rewrite and check the rows."""
        relation = self.relation
        transaction = self.session.transaction
        if self.computed or self.recomputes_generated:
            make = self._row_maker(relation)
            rows: list[Row] = []
            changes = []
            for row_ids, block in transaction.view(relation.oid).item_blocks():
                self.session.check_interrupt()
                for row_id, row in zip(row_ids, block):
                    new = make(row)
                    rows.append(new)
                    changes.append((row_id, row, new))
            self._check(relation, rows)
            for row_id, row, new in changes:
                if new != row or len(new) != len(row) or any(type(a) is not type(b) for a, b in zip(new, row)):
                    transaction.update(relation.oid, row_id, row, new)
            # A foreign key may have this table on either side, or on both: it is checked on what is there now.
            transaction.advance_command()
        else:
            self._check(relation, list(rows_of(self.session, relation)))
        self._check_references()

    def _check(self, relation: Relation, rows: Sequence[Row]) -> None:
        columns = [relation.columns[number - 1] for number in sorted(self.not_null)]
        if columns:
            check_not_null(relation, columns, rows)
        # Later actions may have changed, or dropped, what earlier ones noted.
        current = {constraint.oid: constraint for constraint in relation.constraints}
        check_rows(self.session, relation, [current[c.oid] for c in self.checks if c.oid in current], rows)

    def _check_references(self) -> None:
        for referring_oid, oid in sorted(self.references):
            referring = self.edit.existing(referring_oid)
            for constraint in referring.constraints:
                if constraint.oid == oid and constraint.foreign is not None:
                    referenced = self.edit.existing(constraint.foreign.relation)
                    rows = rows_of(self.session, referring)
                    check_references(self.session, referring, constraint, referenced, rows)

    def _row_maker(self, relation: Relation) -> Callable[[Row], Row]:
        width = len(relation.columns)
        computed = sorted(self.computed.items())
        generated = self._generated(relation)
        session = self.session
        stored = [stored_writer(session.registries, column) for column in relation.columns]

        def make(row: Row) -> Row:
            values = list(row) + [None] * (width - len(row))
            for slot, function in computed:
                values[slot] = stored[slot](function(row), session)
            made = tuple(values)
            if generated is not None:
                for slot, datum in zip(generated[0], generated[1](made)):
                    values[slot] = stored[slot](datum, session)
                made = tuple(values)
            return made

        return make

    def _generated(self, relation: Relation) -> tuple[list[int], Callable[[Row], Row]] | None:
        slots, bound = [], []
        for column in relation.columns:
            if column.generated is None or column.dropped:
                continue
            if column.number - 1 < len(self.old.columns) and not self.recomputes_generated:
                continue
            slots.append(column.number - 1)
            bound.append(self.bind_generated(relation, column))
        return (slots, compile_row(self.session, bound)) if slots else None

    def bind_generated(self, relation: Relation, column: ColumnDefinition) -> Any:
        """Bind a column's generation expression."""
        expression = parse_expression(self.session, column.generated or "")
        return bind_assignment(self.session, expression, column, relation.columns, "generation", relation.name)

    def rebind(self) -> None:
        """Bind everything stored about the table again, so that what a changed type breaks is an error now."""
        relation = self.relation
        for constraint in relation.constraints:
            if constraint.expression is not None:
                expression = parse_expression(self.session, constraint.expression)
                bind_condition(self.session, expression, relation.columns, relation.name, "CHECK")
        indexes = []
        for index in relation.indexes:
            keys = tuple(
                key
                if key.expression is None
                else evolve(
                    key,
                    type=bind_expression(
                        self.session, parse_expression(self.session, key.expression), relation.columns, relation.name
                    ).type,
                )
                for key in index.keys
            )
            indexes.append(evolve(index, keys=keys))
        self.relation = evolve(relation, indexes=tuple(indexes))
