"""``cursor.copy()``: COPY in psycopg 3's feel.

    with cursor.copy("COPY users (id, name) FROM STDIN") as copy:
        copy.write_row((1, "Alice"))

    with cursor.copy("COPY users TO STDOUT (FORMAT csv)") as copy:
        for piece in copy:
            file.write(piece)

The connection runs nothing else inside the block. An exception in it undoes the copy. Unlike psycopg's, ``rows`` and
``read_row`` give Python objects, for the types of the columns are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from heliosdb.catalog.result import Result
    from heliosdb.dbapi import Cursor
    from heliosdb.session.copying import Copy as Transfer

__all__ = ["Copy"]

ROWS_AT_ONCE = 1000


class Copy:
    """A COPY under way; made by ``Cursor.copy`` and used as its context."""

    def __init__(self, cursor: Cursor, transfer: Transfer) -> None:
        self.cursor = cursor
        self._transfer = transfer
        self._rows: list[Sequence[Any]] = []
        self._pieces: Iterator[str | bytes] | None = None
        self._read_rows: Iterator[tuple[Any, ...]] | None = None

    # -- FROM ----------------------------------------------------------------------------------------------------------

    def write(self, buffer: str | bytes | bytearray | memoryview) -> None:
        """Give COPY FROM a piece of the data of any size: text, or bytes in the binary format."""
        self._flush()
        self._transfer.write(buffer)

    def write_row(self, row: Sequence[Any]) -> None:
        """Give COPY FROM a row of Python objects, read as parameters are."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self._transfer.write_rows(rows)

    # -- TO ------------------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[bytes]:
        """Yield what COPY TO gives, in pieces of whole rows."""
        while piece := self.read():
            yield piece

    def read(self) -> bytes:
        """Return the next piece of COPY TO's output; nothing at the end."""
        if self._pieces is None:
            self._pieces = iter(self._transfer)
        for piece in self._pieces:
            if piece:
                return piece.encode() if isinstance(piece, str) else piece
        return b""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of COPY TO as Python objects."""
        while (row := self.read_row()) is not None:
            yield row

    def read_row(self) -> tuple[Any, ...] | None:
        """Return the next row of COPY TO as Python objects; None at the end."""
        if self._read_rows is None:
            self._read_rows = self._transfer.rows()
        return next(self._read_rows, None)

    # -- the end -------------------------------------------------------------------------------------------------------

    def finish(self, error: BaseException | None) -> Result | None:
        """End the copy; return its result, or None where it failed by the caller's exception."""
        if error is None and self._transfer.is_from:
            self._flush()
        self._transfer.__exit__(None if error is None else type(error), error, None)
        return self._transfer.result

    def __enter__(self) -> Copy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cursor.end_copy(self, error)
