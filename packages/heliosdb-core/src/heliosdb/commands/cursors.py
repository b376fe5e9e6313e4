"""DECLARE, FETCH, MOVE and CLOSE: cursors over a query of the session's transaction.

A cursor shows what was there when it was declared: later changes of its own transaction do not show. Rows are pulled
batch by batch as they are asked for and kept, so that a scrollable cursor can go back; a NO SCROLL one forgets them.
WITH HOLD reads the rest at COMMIT and lives on. Rows beyond ``work_mem`` are kept in a temporary file of the cursor.

Positions count from 1; 0 is before the first row, the number of rows + 1 behind the last (PostgreSQL 15, FETCH).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.catalog.result import Result
from heliosdb.catalog.types import over_domains
from heliosdb.codegen.spool import Spool
from heliosdb.commands.current_row import plan_with_rows
from heliosdb.session.execution import Execution
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session import Session

Row = tuple[Any, ...]


class Cursor:
    """An open cursor. ``scroll`` False: forward only. ``is_held``: it outlives its transaction."""

    def __init__(
        self,
        name: str,
        columns: tuple[OutputColumn, ...],
        batches: Iterator[list[Row]],
        hold: Any,
        session: Session,
        *,
        scroll: bool,
        is_held: bool,
        statement: str,
        tables: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self.columns = columns[: len(columns) - len(tables)]
        self._tables = tables
        """The tables whose row ids stand behind a row's columns."""
        self.scroll = scroll
        self.is_held = is_held
        self.statement = statement
        self._batches = batches
        self._hold = hold
        self._rows: list[Row] = []
        self._first = 0
        """How many rows before ``_rows`` were forgotten."""
        self._execution = Execution(session, None, (), ())
        self._spool = Spool(self._execution, self._rows)
        self._ended = False
        self.position = 0

    def _pull(self) -> bool:
        """Read one more batch; False at the end."""
        if self._ended:
            return False
        batch = next(self._batches, None)
        if batch is None:
            self._ended = True
            self._release()
            return False
        self._rows.extend(batch)
        if len(self._rows) >= self._spool.look:
            self._spool.relieve()
        return True

    @property
    def _known(self) -> int:
        """How many rows have been read."""
        return self._first + len(self._spool)

    def _read_to(self, position: int | None) -> int:
        """Read until there is a row at the position (None: to the end); return the number of rows known."""
        while (position is None or self._known < position) and self._pull():
            pass
        return self._known

    def materialize(self) -> None:
        """Read the rest: the transaction ends, the cursor does not."""
        self._read_to(None)

    @property
    def is_complete(self) -> bool:
        """Whether the cursor is held and has all its rows, so that it needs no transaction any more."""
        return self.is_held and self._ended

    def _row(self, position: int) -> Row:
        row: Row = self._spool[position - self._first - 1]
        return row[: len(self.columns)] if self._tables else row

    def row_id_of(self, table: int) -> int | None:
        """Return the id of a table's row that the cursor stands on, -1 where it stands on none; None where its rows
        are not that table's.
        """
        if self._tables.count(table) != 1:
            return None
        if not self._first < self.position <= self._known:
            return -1
        row: Row = self._spool[self.position - self._first - 1]
        found = row[len(self.columns) + self._tables.index(table)]
        return -1 if found is None else int(found)

    def _require_scroll(self) -> None:
        if not self.scroll:
            raise errors.ObjectNotInPrerequisiteState(
                "cursor can only scan forward", hint="Declare it with SCROLL option to enable backward scan."
            )

    def forward(self, count: int | None) -> list[Row]:
        """Return the next rows; 0 is the current row again."""
        if count == 0:
            total = self._read_to(self.position)
            return [self._row(self.position)] if 0 < self.position <= total else []
        end = None if count is None else self.position + count
        total = self._read_to(end)
        last = total if end is None else min(end, total)
        rows = [self._row(position) for position in range(self.position + 1, last + 1)]
        self.position = total + 1 if end is None or end > total else end
        if not self.scroll:
            self._first += self._spool.forget(max(0, min(self.position, total) - 1 - self._first))
        return rows

    def backward(self, count: int | None) -> list[Row]:
        """Return the rows before the current one, backwards."""
        if count == 0:
            return self.forward(0)
        self._require_scroll()
        stop = 0 if count is None else max(0, self.position - 1 - count)
        rows = [self._row(position) for position in range(self.position - 1, stop, -1)]
        reached = count is not None and self.position - count >= 1
        self.position = self.position - count if reached and count is not None else 0
        return rows

    def absolute(self, position: int) -> list[Row]:
        """Return the row at a position; negative ones count from the end."""
        if position < 0:
            self._require_scroll()
            position = self._read_to(None) + 1 + position
        elif position <= self.position:
            self._require_scroll()
        total = self._read_to(position)
        self.position = max(0, min(position, total + 1))
        return [self._row(self.position)] if 1 <= self.position <= total else []

    def relative(self, distance: int) -> list[Row]:
        """Return the row that many rows away."""
        if distance == 0:
            return self.forward(0)
        if distance < 0:
            self._require_scroll()
        return self.absolute(max(0, self.position + distance))

    def _release(self) -> None:
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    def close(self) -> None:
        """Stop the query and let go of its snapshot."""
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()
        self._release()
        self._execution.close()


def execute_declare(session: Session, statement: tree.DeclareCursor) -> Result:
    """DECLARE name CURSOR FOR query."""
    if not session.block.is_explicit and not statement.hold:
        raise errors.NoActiveSqlTransaction("DECLARE CURSOR can only be used in transaction blocks")
    if statement.binary:
        raise errors.FeatureNotSupported("binary cursors are not supported", position=statement.position or None)
    if statement.name in session.cursors:
        raise errors.DuplicateCursor(f'cursor "{statement.name}" already exists')
    plan, tables = plan_with_rows(session, statement.query)
    assert plan.columns is not None
    if not plan.bound.read_only and statement.hold:
        raise errors.FeatureNotSupported("DECLARE CURSOR WITH HOLD ... FOR UPDATE is not supported")
    cursor = Cursor(
        statement.name,
        over_domains(plan.columns, session.types),
        session.stream_plan(plan, (), session.query_parameters(plan)),
        session.transaction.hold_snapshot(),
        session,
        scroll=statement.scroll is not False,
        is_held=statement.hold,
        statement=session.current_query,
        tables=tables,
    )
    session.cursors[statement.name] = cursor
    return Result("DECLARE CURSOR")


def _find(session: Session, name: str) -> Cursor:
    found = session.cursors.get(name)
    if found is None:
        raise errors.InvalidCursorName(f'cursor "{name}" does not exist')
    return found  # type: ignore[no-any-return]


def execute_fetch(session: Session, statement: tree.Fetch) -> Result:
    """FETCH and MOVE."""
    cursor = _find(session, statement.cursor)
    if statement.direction in ("forward", "backward"):
        move = cursor.forward if statement.direction == "forward" else cursor.backward
        rows = move(statement.count)
    else:
        assert statement.count is not None
        rows = (cursor.absolute if statement.direction == "absolute" else cursor.relative)(statement.count)
    if statement.move:
        return Result("MOVE", row_count=len(rows))
    return Result("FETCH", cursor.columns, rows, len(rows))


def execute_close(session: Session, statement: tree.CloseCursor) -> Result:
    """CLOSE name, CLOSE ALL."""
    if statement.name is None:
        for cursor in session.cursors.values():
            cursor.close()
        session.cursors.clear()
        return Result("CLOSE CURSOR ALL")
    _find(session, statement.name).close()
    del session.cursors[statement.name]
    return Result("CLOSE CURSOR")
