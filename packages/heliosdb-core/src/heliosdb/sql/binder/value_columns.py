"""A long VALUES list read column by column: cells as they are written become rows of datums.

The common types are read by loops in C over a whole column (``map(int, ...)``), with a check that what came out is what
the type's input function would have given. Any other cell becomes a literal and goes through that function, each
different text once a block.

None is the answer to everything unusual and to every error: then the list is parsed and bound the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from heliosdb.errors import Error
from heliosdb.plan.expressions import Constant, Expression
from heliosdb.sql import statements as ast

if TYPE_CHECKING:
    from heliosdb.sql.value_rows import ValueRows

__all__ = ["ColumnCells", "read_rows"]

Cells = Sequence[str]
Values = Sequence[Any]

_initial = itemgetter(0)
LONGEST_FLOAT = 300


class ColumnCells:
    """How the cells of one column are read. ``constant`` reads a literal by the type's input function."""

    def __init__(
        self, type_name: str, typmod: int, limit: int, constant: Callable[[ast.Literal], Expression | None]
    ) -> None:
        self.has_null = False
        self._constant = constant
        self._convert: Callable[[Cells], Values | None] = _unknown
        if limit:
            self._convert = _integers(limit)
        elif type_name in ("text", "varchar"):
            self._convert = _strings(typmod)
        elif type_name == "float8":
            self._convert = _floats

    def read(self, cells: Cells) -> Values | None:
        """Return the datums of some cells, None where one of them is not simple."""
        values = self._convert(cells)
        if values is not None:
            return values
        given = [cell for cell in cells if _initial(cell) not in "nN"]
        if len(given) == len(cells):
            return self._one_by_one(cells)
        self.has_null = True
        read: Values | None = self.read(given) if given else ()
        if read is None:
            return None
        rest = iter(read)
        return [None if _initial(cell) in "nN" else next(rest) for cell in cells]

    def _one_by_one(self, cells: Cells) -> Values | None:
        datums: dict[str, Any] = {}
        for cell in set(cells):
            try:
                constant = self._constant(_literal(cell))
            except Error:
                return None
            if not isinstance(constant, Constant):
                return None
            datums[cell] = constant.value
        return list(map(datums.__getitem__, cells))


def read_rows(columns: Sequence[ColumnCells], rows: ValueRows) -> list[tuple[Any, ...]] | None:
    """Return the rows as datums, None where one of them is not simple."""
    result: list[tuple[Any, ...]] = []
    for block in rows.blocks(len(columns)):
        if block is None:
            return None
        read = []
        for column, cells in zip(columns, zip(*block)):
            values = column.read(cells)
            if values is None:
                return None
            read.append(values)
        result += zip(*read)
    return result


def _literal(cell: str) -> ast.Literal:
    initial = cell[0]
    if initial == "'":
        return ast.Literal("string", cell[1:-1].replace("''", "'"))
    if initial in "tTfF":
        return ast.Literal("boolean", cell.lower())
    return ast.Literal("integer" if cell.lstrip("-").isdigit() else "numeric", cell)


def _unknown(cells: Cells) -> Values | None:
    return None


def _integers(limit: int) -> Callable[[Cells], Values | None]:
    def convert(cells: Cells) -> Values | None:
        try:
            values = list(map(int, cells))
        except ValueError:
            return None
        return values if max(values) < limit and min(values) >= -limit else None

    return convert


def _strings(typmod: int) -> Callable[[Cells], Values | None]:
    def convert(cells: Cells) -> Values | None:
        if set(map(_initial, cells)) != {"'"}:
            return None
        values = [cell[1:-1] for cell in cells]
        if "'" in "".join(values):
            values = [value.replace("''", "'") for value in values]
        return values if typmod < 0 or max(map(len, values)) <= typmod - 4 else None

    return convert


def _floats(cells: Cells) -> Values | None:
    if max(map(len, cells)) > LONGEST_FLOAT:
        return None
    joined = "".join(cells)
    if "e" in joined or "E" in joined:
        return None  # out of range, perhaps: Python rounds to zero or infinity
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    return None if inf in values else [value or 0.0 for value in values]
