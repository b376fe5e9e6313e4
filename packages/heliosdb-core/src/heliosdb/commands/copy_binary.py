r"""COPY's binary format: rows of values in the binary form of their types.

    PGCOPY\n\377\r\n\0   flags (4)   length of an extension (4), the extension
    fields (2)   length (4) value   length (4) value ...                           for each row; a length of -1 is NULL
    -1 (2)                                                                         the end

Values are what ``Type.send`` makes and ``Type.receive`` reads. (https://www.postgresql.org/docs/15/sql-copy.html,
"Binary Format")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any

from heliosdb.commands.copy_columns import column_input
from heliosdb.commands.copy_from import BLOCK, Block, CopyIn, Row
from heliosdb.commands.copy_to import CopyOut
from heliosdb.errors import BadCopyFileFormat, Error, InterfaceError

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition
    from heliosdb.session import Session

__all__ = ["BinaryIn", "BinaryOut"]

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = len(SIGNATURE) + 8
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
LARGEST = (1 << 30) - 1
"""Bytes of the longest value, as PostgreSQL has it."""

_count, _length, _numbers = Struct("!h"), Struct("!i"), Struct("!Ii")


class BinaryOut(CopyOut):
    """One COPY TO in binary. The header comes with the first row, as clients that take it apart expect."""

    def pieces(self) -> Iterator[list[bytes]]:
        """Yield rows, a batch at a time."""
        session = self._session
        writers = [session.types.send(column.type) for column in self.columns]
        head, pack = _count.pack(len(writers)), _length.pack
        first = SIGNATURE + bytes(8)

        def written(send: Callable[[Any], bytes], datums: Sequence[Any]) -> Iterator[bytes]:
            for datum in datums:
                if datum is None:
                    yield NULL
                else:
                    value = send(datum)
                    yield pack(len(value)) + value

        for batch in self._batches:
            if session.interrupted:
                session.check_interrupt()
            if not batch:
                continue
            self.count += len(batch)
            if writers:
                columns = [written(send, datums) for send, datums in zip(writers, zip(*batch))]
                rows = [head + b"".join(values) for values in zip(*columns)]
            else:
                rows = [head] * len(batch)
            if first:
                rows[0] = first + rows[0]
                first = b""
            yield rows
        yield [first + END]


class BinaryIn(CopyIn):
    """One COPY FROM in binary."""

    _needed = HEADER
    """How many bytes have to be there before it is worth looking."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._buffer = bytearray()
        self._has_begun = self._has_ended = False
        self._number = 0
        """Rows so far, the one that is being read included."""
        self._receive = [_receiver(self._session, column) for column in self.columns]

    def write(self, data: str | bytes | bytearray | memoryview) -> None:
        """Take a piece of the file; it may end anywhere."""
        if isinstance(data, str):
            raise InterfaceError("COPY in binary format takes bytes, not str")
        super().write(data)

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take rows of Python objects, which are read as the parameters of a statement are."""
        self._has_begun = True  # there is no file that could have a header
        super().write_rows(rows)

    def _take(self, data: Any, *, last: bool) -> None:
        self._buffer += data if data else b""
        while (last or len(self._buffer) >= self._needed) and self._take_block(last):
            pass

    def _take_block(self, last: bool) -> bool:
        """Queue the rows that are whole; return whether there may be more."""
        rows: list[Row] = []
        first = self._number + 1
        failure: Error | None = None
        try:
            if not self._has_begun:
                self._begin(last)
            if self._has_begun:
                self._read_rows(rows, last)
        except Error as error:
            failure = error
        if rows or failure is not None:
            self._waiting.append((Block(rows, (None,) * len(rows), range(first, first + len(rows))), failure))
        return len(rows) == BLOCK and failure is None

    def _begin(self, last: bool) -> None:
        buffer = self._buffer
        if len(buffer) < HEADER:
            self._needed = HEADER
            if last:
                if buffer[: len(SIGNATURE)] != SIGNATURE:
                    raise BadCopyFileFormat("COPY file signature not recognized")
                missing = "flags" if len(buffer) < HEADER - 4 else "length"
                raise BadCopyFileFormat(f"invalid COPY file header (missing {missing})")
            return
        if buffer[: len(SIGNATURE)] != SIGNATURE:
            raise BadCopyFileFormat("COPY file signature not recognized")
        flags, length = _numbers.unpack_from(buffer, len(SIGNATURE))
        if flags & 1 << 16:
            raise BadCopyFileFormat("invalid COPY file header (WITH OIDS)")
        if flags >> 16:
            raise BadCopyFileFormat("unrecognized critical flags in COPY file header")
        if length < 0:
            raise BadCopyFileFormat("invalid COPY file header (missing length)")
        if len(buffer) < HEADER + length:
            self._needed = HEADER + length
            if last:
                raise BadCopyFileFormat("invalid COPY file header (wrong length)")
            return
        # What an extension says is for whoever knows it.
        del buffer[: HEADER + length]
        self._has_begun = True

    def _read_rows(self, rows: list[Row], last: bool) -> None:
        """Append rows to a list: at most a block."""
        buffer, receivers = self._buffer, self._receive
        data, size, width = bytes(buffer), len(buffer), len(receivers)
        at = 0
        try:
            while len(rows) < BLOCK:
                self._needed = 1
                if self._has_ended:
                    if size > at:
                        self._number += 1
                        raise self._wrong("received copy data after EOF marker")
                    return
                end = at + 2
                if end > size:
                    # As in PostgreSQL the mark at the end may be missing.
                    self._needed = 2
                    return
                (count,) = _count.unpack_from(data, at)
                if count == -1:
                    self._has_ended = True
                    at = end
                    continue
                self._number += 1
                if count != width:
                    raise self._wrong(f"row field count is {count}, expected {width}")
                row = self._whole_row(data, end, size, last)
                if row is None:
                    self._number -= 1
                    self._needed -= at
                    return
                rows.append(row[0])
                at = row[1]
        finally:
            del buffer[:at]

    def _whole_row(self, data: bytes, at: int, size: int, last: bool) -> tuple[Row, int] | None:
        """Return the row at a place and where it ends; None where it has not arrived, with ``_needed`` set."""
        row = []
        unpack = _length.unpack_from
        for receive, reader in zip(self._receive, self._readers):
            start = at + 4
            if start > size:
                self._needed = start
                if last:
                    raise self._wrong("unexpected EOF in COPY data", reader.name)
                return None
            (length,) = unpack(data, at)
            at = start + length
            if length < 0:
                if length != -1:
                    raise self._wrong("invalid field size", reader.name)
                at = start
            elif length > LARGEST:
                raise self._wrong("invalid field size", reader.name)
            elif at > size:
                self._needed = at
                if last:
                    raise self._wrong("unexpected EOF in COPY data", reader.name)
                return None
            try:
                row.append(reader.null() if length < 0 else receive(data[start:at]))
            except Error as error:
                error.position = None
                context = self._place(reader.name)
                error.context = context if error.context is None else f"{error.context}\n{context}"
                raise
        return tuple(row), at

    def _place(self, column: str = "") -> str:
        return f"COPY {self._relation.name}, line {self._number}" + (f", column {column}" if column else "")

    def _wrong(self, said: str, column: str = "") -> Error:
        return BadCopyFileFormat(said, context=self._place(column))


def _receiver(session: Session, column: ColumnDefinition) -> Callable[[bytes], Any]:
    """Return what reads a column's values: ``(bytes) -> datum``."""
    types: Any = session.types
    name, typmod = column.type, column.typmod
    receive = types.receive(name)
    if types.check(name) is not None:
        # A domain: what it demands is looked at where texts are read.
        output, read = types.output(name), column_input(session, name, typmod)
        return lambda data: read(output(receive(data), session), typmod, session)
    coerce = None if typmod < 0 else types.coerce_typmod(name)
    if coerce is None:
        return receive  # type: ignore[no-any-return]
    return lambda data: coerce(receive(data), typmod, False)
