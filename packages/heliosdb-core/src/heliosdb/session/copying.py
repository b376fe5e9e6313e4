"""COPY with a stream of the caller's: what ``Session.copy`` gives.

    with session.copy("COPY t FROM STDIN") as copy:
        copy.write("1\\tone\\n")

    with session.copy("COPY t TO STDOUT") as copy:
        for piece in copy:
            ...

The statement lasts from ``copy`` to the end of the block; where no transaction block is open it has one of its own,
which ends with it. The session runs nothing else meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from heliosdb import errors
from heliosdb.catalog.result import Result

if TYPE_CHECKING:
    from types import TracebackType

    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session.session import Session

__all__ = ["Copy", "Readable"]

PIECE = 1 << 16


@runtime_checkable
class Readable(Protocol):
    """An open file, for text or bytes."""

    def read(self, size: int, /) -> Any:
        """Return at most that much; nothing at the end."""
        ...


class Copy:
    """A COPY FROM STDIN or TO STDOUT under way. ``result`` is there when it is finished."""

    def __init__(self, session: Session, text: str) -> None:
        self.session = session
        self.transfer: Any = None
        """What the command's executor began: ``commands.copy_from.CopyIn`` or ``commands.copy_to.CopyOut``."""
        self.result: Result | None = None
        self._ended = False
        statements = session.texts(text)
        tree = session.tree(statements[0]) if len(statements) == 1 else None
        if tree is None or type(tree).__name__ != "Copy" or tree.file is not None:  # type: ignore[attr-defined]
            raise errors.ProgrammingError("copy() needs one statement COPY ... FROM STDIN or COPY ... TO STDOUT")
        self.is_from = bool(tree.is_from)  # type: ignore[attr-defined]
        self._opened = not session.block.is_open
        if self._opened:
            session.begin()
        if session.watch.is_on:
            session.watch.begin(statements[0], None)
        session.start_clock(text)
        try:
            session.block.require_healthy()
            session.transaction.begin_statement()
            session.run_copy(tree, self)
        except BaseException as error:
            self._fail(error)
            raise

    @property
    def columns(self) -> tuple[OutputColumn, ...]:
        """The columns of COPY TO."""
        self._require(is_from=False)
        return self.transfer.columns  # type: ignore[no-any-return]

    def _require(self, *, is_from: bool) -> None:
        if self._ended:
            raise errors.InterfaceError("the copy is over")
        if self.is_from is not is_from:
            raise errors.InterfaceError(f"the statement is COPY {'FROM STDIN' if self.is_from else 'TO STDOUT'}")

    def write(self, data: str | bytes | bytearray | memoryview) -> None:
        """Give COPY FROM a piece of the data, of any size."""
        self._require(is_from=True)
        self._guard(lambda: self.transfer.write(data))

    def write_all(self, source: str | bytes | Iterable[str | bytes] | Readable) -> int:
        """Give COPY FROM all of a str, bytes, an open file or an iterable of pieces, and finish; return the number of
        rows."""
        if isinstance(source, str | bytes):
            self.write(source)
        elif isinstance(source, Readable):
            while piece := source.read(PIECE):
                self.write(piece)
        else:
            for piece in source:
                self.write(piece)
        return self.finish().row_count or 0

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Give COPY FROM rows of Python objects; do not mix them with ``write``."""
        self._require(is_from=True)
        self._guard(lambda: self.transfer.write_rows(rows))

    @property
    def is_binary(self) -> bool:
        """Whether the data are bytes in the binary format."""
        return bool(self.transfer.options.is_binary)

    def __iter__(self) -> Iterator[Any]:
        """Yield what COPY TO gives, in pieces of whole rows: str, in binary bytes."""
        self._require(is_from=False)
        return self._read(iter(self.transfer))

    def pieces(self) -> Iterator[Sequence[Any]]:
        """Yield what COPY TO gives row by row, a batch at a time."""
        self._require(is_from=False)
        return self._read(self.transfer.pieces())

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of COPY TO as Python objects instead."""
        self._require(is_from=False)
        return self._read(self.transfer.rows())

    def _read(self, source: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from source
        except GeneratorExit:
            raise
        except BaseException as error:
            self._fail(error)
            raise

    def _guard(self, step: Any) -> Any:
        try:
            return step()
        except BaseException as error:
            self._fail(error)
            raise

    def finish(self) -> Result:
        """End the statement: what was given is in the table. Return the result with the number of rows."""
        if self.result is not None:
            return self.result
        if self._ended:
            raise errors.InterfaceError("the copy is over")
        result: Result = self._guard(self.transfer.finish if self.is_from else self.transfer.result)
        self.session.watch.rows = result.row_count
        if self.is_from:
            self.session.watch.note(("insert", self.transfer.relation.oid), result.row_count or 0)
        self._end()
        if self._opened:
            self.session.block.commit()
        self.result = result
        return result

    def cancel(self, reason: str = "COPY from stdin failed") -> None:
        """Give up: what was given is undone, and the statement has failed."""
        if not self._ended:
            self._fail(errors.QueryCanceled(reason))

    def _end(self) -> None:
        self._ended = True
        self.session.stop_clock()
        if self.transfer is not None:
            self.transfer.close()

    def _fail(self, error: BaseException) -> None:
        if self._ended:
            return
        self.session.watch.end(failed=True)
        self._end()
        if self._opened:
            self.session.block.rollback()
        else:
            self.session.block.fail()

    def __enter__(self) -> Copy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if error is not None:
            self._fail(error)
            return
        if not self.is_from:
            # What is left is not read.
            self.result = self.transfer.result()
            self.session.watch.rows = self.result.row_count
            self._end()
            if self._opened:
                self.session.block.commit()
            return
        self.finish()
