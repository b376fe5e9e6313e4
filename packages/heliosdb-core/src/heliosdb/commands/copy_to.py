"""COPY TO: the rows of a table or a query as lines, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.result import Result
from heliosdb.commands.copy_columns import ColumnWriter
from heliosdb.commands.copy_csv import csv_encoder
from heliosdb.commands.copy_text import text_encoder

if TYPE_CHECKING:
    from heliosdb.commands.copy_options import CopyOptions
    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session import Session

__all__ = ["CopyOut"]


class CopyOut:
    """One COPY TO that is under way. Iterate over it, or over ``rows``, once; ``count`` is the rows so far."""

    def __init__(
        self,
        session: Session,
        columns: Sequence[OutputColumn],
        batches: Iterator[list[tuple[Any, ...]]],
        options: CopyOptions,
    ) -> None:
        self.columns = tuple(columns)
        self.options = options
        self.count = 0
        self._session = session
        self._batches = batches

    def __iter__(self) -> Iterator[str | bytes]:
        """Yield the file in pieces of whole rows."""
        for rows in self.pieces():
            yield rows[0][:0].join(rows)  # type: ignore[arg-type]

    def pieces(self) -> Iterator[Sequence[str | bytes]]:
        """Yield rows as the file has them, a batch at a time."""
        options, session = self.options, self._session
        alone = len(self.columns) == 1
        if options.header:
            yield [self._header_line(alone)]
        every = options.force_quote == ("*",)
        writers = [
            ColumnWriter(c.type, options, session, alone=alone, forced=every or c.name in options.force_quote)
            for c in self.columns
        ]
        join = options.delimiter.join
        for batch in self._batches:
            if session.interrupted:
                session.check_interrupt()
            if not batch:
                continue
            self.count += len(batch)
            if not writers:
                yield ["\n"] * len(batch)
                continue
            texts = [writer.write(datums) for writer, datums in zip(writers, zip(*batch))]
            yield [join(values) + "\n" for values in zip(*texts)]

    def _header_line(self, alone: bool) -> str:
        options = self.options
        names = [column.name for column in self.columns]
        if options.is_csv:
            names = list(map(csv_encoder(options, alone=alone), names))
        else:
            _, table = text_encoder(options.delimiter)
            names = [name.translate(table) for name in names]
        return options.delimiter.join(names) + "\n"

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows as Python objects instead."""
        maker = self._session.database.row_maker(self.columns)
        for batch in self._batches:
            self.count += len(batch)
            yield from maker.convert(batch, self._session)

    def result(self) -> Result:
        """Return the outcome after everything has been read."""
        return Result("COPY", row_count=self.count)

    def close(self) -> None:
        """Stop the query."""
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()
