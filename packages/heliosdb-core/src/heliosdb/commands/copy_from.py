"""COPY FROM: lines in, rows through the table's INSERT.

    write(piece)  ──►  lines  ──►  values  ──►  datums, column by column  ──►  x.feed  ──►  the generated INSERT

The INSERT is the plan of ``INSERT INTO t DEFAULT VALUES`` with the copied columns put in the place of their defaults,
so that defaults, generated columns, checks, keys and indexes are what they are for every statement. It is one
statement from the first row to the last: constraints that are looked at when a statement ends are looked at once.

An error says which line it is about. Rows before it have been checked by then, as in PostgreSQL, where they come one
by one.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.catalog.result import Result
from heliosdb.codegen import compile_statement
from heliosdb.commands.binding import columns_used
from heliosdb.commands.copy_columns import ColumnReader, column_input
from heliosdb.commands.copy_csv import CsvLines, split_csv
from heliosdb.commands.copy_text import LineReader, TextLines, invalid_bytes, split_text
from heliosdb.commands.trees import walk, without_slots
from heliosdb.errors import (
    BadCopyFileFormat,
    CharacterNotInRepertoire,
    DatatypeMismatch,
    Error,
    FeatureNotSupported,
    InvalidColumnReference,
    UniqueViolation,
)
from heliosdb.plan import expressions as ex
from heliosdb.plan import nodes as pn
from heliosdb.plan.forms import writing
from heliosdb.plan.rewrite import rewritten
from heliosdb.plan.rewrite import walk as walk_plan
from heliosdb.session.execution import Execution
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.commands.copy_options import CopyOptions
    from heliosdb.session import Session

__all__ = ["BLOCK", "Block", "CopyIn", "Row"]

BLOCK = 1000
SHOWN = 100
"""Bytes of a line or value that an error's context shows (MAX_COPY_DATA_DISPLAY)."""
PIECE = 1 << 16
REMEMBERED = 6000
"""Rows that are remembered for an error that is found when they are entered: more than INSERT collects."""

Row = tuple[Any, ...]


@frozen
class Block:
    """Rows of datums, and the lines they come from, None in binary. Rows that were given as objects have no lines."""

    rows: Sequence[Row]
    lines: Sequence[str | None]
    numbers: Sequence[int]


class CopyIn:
    """One COPY FROM that is under way: ``write`` as often as there is data, then ``finish``.

    After an error it is done for; the transaction is its owner's to undo.
    """

    def __init__(
        self,
        session: Session,
        relation: Relation,
        columns: Sequence[ColumnDefinition],
        options: CopyOptions,
        where: tree.Expression | None,
    ) -> None:
        self.columns = tuple(columns)
        self.options = options
        self._session = session
        self.relation = self._relation = relation
        self._lines: LineReader = CsvLines(options) if options.is_csv else TextLines(options)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._header: Any = options.header
        null = None if options.is_csv else options.null
        self._readers = [ColumnReader(c.name, c.type, c.typmod, options, session, null=null) for c in columns]
        for reader in self._readers:
            reader.is_not_null = _names(options.force_not_null, reader.name)
            reader.is_null = _names(options.force_null, reader.name)
        self._waiting: deque[tuple[Block, Error | None]] = deque()
        self._recent: deque[Block] = deque()
        self._remembered = 0
        self._pieces: list[Any] = []
        self._size = 0
        self._rows: Iterator[Row] | None = None
        self._is_last = False
        self._execution = Execution(session, session.transaction, (), ())
        self._execution.feed = self._feed()
        self._insert = _insert(session, relation, columns, where)(self._execution)
        self._coerce: list[Callable[[Any], Any]] = []

    # -- data comes in -----------------------------------------------------------------------------------------------

    def write(self, data: str | bytes | bytearray | memoryview) -> None:
        """Take a piece of the file; it may end anywhere, within a character too."""
        pieces, size = self._pieces, len(data)
        if size + self._size < PIECE and (not pieces or type(data) is type(pieces[0])):
            # Work is done in blocks of many lines, however small the pieces are.
            pieces.append(data)
            self._size += size
            return
        self.flush()
        for start in range(0, size, PIECE):
            self._take(data if size <= PIECE else data[start : start + PIECE], last=False)
            self._advance()

    def flush(self) -> None:
        """Take what ``write`` has put aside."""
        pieces = self._pieces
        if pieces:
            self._pieces, self._size = [], 0
            self._take(("" if isinstance(pieces[0], str) else b"").join(pieces), last=False)
            self._advance()

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take rows of Python objects, which are read as the parameters of a statement are."""
        self.flush()
        readers = self._python_readers()
        width = len(readers)
        made = []
        for row in rows:
            if len(row) != width:
                if len(row) > width:
                    raise BadCopyFileFormat("extra data after last expected column")
                raise BadCopyFileFormat(f'missing data for column "{self.columns[len(row)].name}"')
            made.append(tuple(c.null() if v is None else read(v) for read, v, c in zip(readers, row, self._readers)))
        self._waiting.append((Block(made, (), ()), None))
        self._advance()

    def finish(self) -> Result:
        """Take the end of the data, check what is checked at the end of a statement, and return the number of rows."""
        self.flush()
        self._take("", last=True)
        self._is_last = True
        self._advance()
        return Result("COPY", row_count=self._execution.row_count)

    def close(self) -> None:
        """Let go without finishing."""
        self._insert.close()  # type: ignore[attr-defined]

    def _take(self, data: Any, *, last: bool) -> None:
        if isinstance(data, str):
            text = data if not last else self._decode(b"", last=True) + data
        else:
            text = self._decode(bytes(data), last=last)
        if "\0" in text:
            text, error = self._without_zero(text)
        else:
            error = None
        lines, numbers, wrong = self._lines.feed(text, last=last or error is not None)
        failure: Error | None = wrong
        if wrong is not None:
            wrong.context = (
                f"COPY {self._relation.name}, line {self._lines.number}"
                if wrong.context is None
                else self._context(self._lines.number, wrong.context)
            )
        elif error is not None:
            failure = error
            error.context = f"COPY {self._relation.name}, line {self._lines.number}"
        for start in range(0, len(lines), BLOCK):
            end = start + BLOCK
            self._convert(lines[start:end], numbers[start:end], failure if end >= len(lines) else None)
        if last and not lines and self._header == "match":
            # No header at all is one without names.
            self._convert([""], [1], failure)
        elif not lines and failure is not None:
            self._waiting.append((Block((), (), ()), failure))

    def _decode(self, data: bytes, *, last: bool) -> str:
        try:
            return self._decoder.decode(data, last)
        except UnicodeDecodeError as error:
            raw = bytes(error.object)
            failure = invalid_bytes(raw, error.start)
            number = self._lines.number + 1 + raw[: error.start].count(b"\n")
            failure.context = f"COPY {self._relation.name}, line {number}"
            raise failure from None

    @staticmethod
    def _without_zero(text: str) -> tuple[str, Error]:
        before = text[: text.index("\0")]
        return before, CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')

    # -- lines become rows -------------------------------------------------------------------------------------------

    def _convert(self, lines: list[str], numbers: list[int], failure: Error | None) -> None:
        """Queue the rows of lines; where one is wrong, those before it and its error."""
        if self._header and lines:
            header = self._header
            self._header = False
            if header == "match":
                try:
                    self._match_header(lines[0], numbers[0])
                except Error as error:
                    self._waiting.append((Block((), (), ()), error))
                    return
            lines, numbers = lines[1:], numbers[1:]
        if lines:
            values = self._split(lines)
            try:
                rows = self._read(values)
            except _Uneven:
                return self._convert_rows(lines, numbers, values, failure)
            except Error:
                return self._convert_rows(lines, numbers, values, failure)
            self._waiting.append((Block(rows, lines, numbers), failure))
        elif failure is not None:
            self._waiting.append((Block((), (), ()), failure))

    def _split(self, lines: list[str]) -> Sequence[Sequence[str | None]]:
        if not self._readers:
            # An empty line is a row without values, not one with an empty value.
            return [(line,) if line else () for line in lines]
        if self.options.is_csv:
            return split_csv(lines, self.options)
        return split_text(lines, self.options.delimiter)

    def _read(self, values: Sequence[Sequence[str | None]]) -> list[Row]:
        try:
            columns = list(zip(*values, strict=True))
        except ValueError:
            raise _Uneven from None
        if len(columns) != len(self._readers):
            raise _Uneven
        if not columns:
            return [()] * len(values)
        return list(zip(*[reader.read(texts) for reader, texts in zip(self._readers, columns)]))

    def _convert_rows(
        self, lines: list[str], numbers: list[int], values: Sequence[Sequence[str | None]], failure: Error | None
    ) -> None:
        """Row by row: the first error ends the block."""
        rows: list[Row] = []
        for line, number, texts in zip(lines, numbers, values):
            try:
                rows.append(self._read_row(texts, number, line))
            except Error as error:
                failure = error
                break
        count = len(rows)
        self._waiting.append((Block(rows, lines[:count], numbers[:count]), failure))

    def _read_row(self, texts: Sequence[str | None], number: int, line: str) -> Row:
        row = []
        if len(texts) > len(self._readers):
            raise BadCopyFileFormat("extra data after last expected column", context=self._context(number, line))
        for position, reader in enumerate(self._readers):
            if position >= len(texts):
                raise BadCopyFileFormat(f'missing data for column "{reader.name}"', context=self._context(number, line))
            text = texts[position]
            try:
                row.append(reader.read_one(text))
            except CharacterNotInRepertoire as error:
                error.context = self._context(number, line)
                raise
            except Error as error:
                error.position = None
                shown = "null input" if reader.is_null_text(text) else f'"{_limited(reader.shown(text or ""))}"'
                context = f"COPY {self._relation.name}, line {number}, column {reader.name}: {shown}"
                error.context = context if error.context is None else f"{error.context}\n{context}"
                raise
        return tuple(row)

    def _match_header(self, line: str, number: int) -> None:
        (texts,) = self._split([line])
        message = None
        if len(texts) != len(self._readers):
            message = f"wrong number of fields in header line: got {len(texts)}, expected {len(self._readers)}"
        else:
            for position, (text, reader) in enumerate(zip(texts, self._readers), 1):
                if text is None or (not self.options.is_csv and text == self.options.null):
                    message = (
                        f"column name mismatch in header line field {position}: "
                        f'got null value ("{self.options.null}"), expected "{reader.name}"'
                    )
                elif (shown := reader.shown(text)) != reader.name:
                    message = (
                        f'column name mismatch in header line field {position}: got "{shown}", expected "{reader.name}"'
                    )
                if message is not None:
                    break
        if message is not None:
            raise BadCopyFileFormat(message, context=self._context(number, line))

    def _python_readers(self) -> list[Callable[[Any], Any]]:
        if not self._coerce:
            self._coerce = [_python_reader(self._session, column) for column in self.columns]
        return self._coerce

    # -- rows go to the INSERT ---------------------------------------------------------------------------------------

    def _feed(self) -> Iterator[Iterator[Row] | None]:
        while True:
            while self._waiting:
                block, failure = self._waiting.popleft()
                self._remember(block)
                self._rows = iter(block.rows)
                yield self._rows
                self._rows = None
                if failure is not None:
                    raise failure
            if self._is_last:
                return
            yield None

    def _remember(self, block: Block) -> None:
        recent = self._recent
        recent.append(block)
        self._remembered += len(block.rows)
        while self._remembered - len(recent[0].rows) > REMEMBERED:
            self._remembered -= len(recent.popleft().rows)

    def _advance(self) -> None:
        """Let the INSERT take what is there."""
        try:
            next(self._insert, None)
        except UniqueViolation as error:
            error.context = error.context or self._place_of(error.row)
            raise
        except Error as error:
            rows = self._rows
            if error.context is None and rows is not None:
                block = self._recent[-1]
                position = len(block.rows) - rows.__length_hint__() - 1  # type: ignore[attr-defined]
                if 0 <= position < len(block.numbers):
                    error.context = self._context(block.numbers[position], block.lines[position])
            raise

    def _place_of(self, row: Row | None) -> str | None:
        """Return the context of a row that was refused when it was entered, where the row can be found."""
        if row is None:
            return None
        copied = tuple(row[column.number - 1] for column in self.columns)
        found = [n for block in self._recent for n, given in zip(block.numbers, block.rows) if given == copied]
        # Of two equal rows the second is the one too many.
        return f"COPY {self._relation.name}, line {found[min(1, len(found) - 1)]}" if found else None

    def _context(self, number: int, line: str | None) -> str:
        if line is None:
            return f"COPY {self._relation.name}, line {number}"
        return f'COPY {self._relation.name}, line {number}: "{_limited(line)}"'


class _Uneven(Exception):
    """Not every row of a block has a value for each column."""


def _names(names: tuple[str, ...], name: str) -> bool:
    return name in names or names == ("*",)


def _limited(text: str) -> str:
    raw = text.encode(errors="replace")
    if len(raw) <= SHOWN:
        return text
    return raw[:SHOWN].decode(errors="ignore") + "..."


def _python_reader(session: Session, column: ColumnDefinition) -> Callable[[Any], Any]:
    read_text, read = column_input(session, column.type, column.typmod), session.database.adapters.read
    types: Any = session.types
    coerce = None if column.typmod < 0 else types.coerce_typmod(column.type)

    def convert(value: Any) -> Any:
        if type(value) is str:
            return read_text(value, column.typmod, session)
        datum = read(column.type, value, session)
        return datum if coerce is None else coerce(datum, column.typmod, False)

    return convert


def _insert(
    session: Session, relation: Relation, columns: Sequence[ColumnDefinition], where: tree.Expression | None
) -> Callable[[Execution], Iterator[list[Row]]]:
    """Return the compiled INSERT of rows from ``x.feed``."""
    name = tree.QualifiedName((relation.schema, relation.name))
    plan = session.make_plan(tree.Insert(tree.RangeTable(name), (), None))
    insert = plan.explained
    assert isinstance(insert, pn.Insert)
    source = 2 + max(
        (n for inner in walk_plan(insert) if isinstance(inner, pn.PlanNode) for n in (*inner.sources, insert.target)),
        default=0,
    )
    given = {
        column.number: writing(
            session.registries,
            column,
            ex.Column(type=column.type, typmod=column.typmod, source=source, index=index, collation=column.collation),
        )
        for index, column in enumerate(columns)
    }
    values = tuple(given.get(slot + 1, value) for slot, value in enumerate(insert.values))
    feed: pn.PlanNode = pn.RowFeed(
        source=source, columns=tuple(pn.OutputColumn(name=c.name, type=c.type, typmod=c.typmod) for c in columns)
    )
    if where is not None:
        # The condition sees the whole row, each default computed once.
        row = source + 1
        feed = pn.Project(
            input=feed,
            source=row,
            columns=tuple(pn.OutputColumn(name=c.name, type=c.stored_type) for c in relation.columns),
            expressions=values,
        )
        feed = pn.Filter(input=feed, condition=_condition(session, relation, where, row))
        values = tuple(
            ex.Column(type=value.type, typmod=value.typmod, source=row, index=slot) for slot, value in enumerate(values)
        )
    compiled = compile_statement(evolve(insert, input=feed, values=values), session.registries)
    return compiled.run


def _condition(session: Session, relation: Relation, where: tree.Expression, source: int) -> ex.Expression:
    from heliosdb.commands.binding import SOURCE, SUBQUERIES, row_item
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.locations import location
    from heliosdb.sql.binder.scope import Scope

    clause = "COPY FROM WHERE conditions"
    for node in walk(where):
        if isinstance(node, SUBQUERIES):
            raise FeatureNotSupported(
                "cannot use subquery in COPY FROM WHERE condition", position=node.position or None
            )
    live = [column for column in relation.columns if not column.dropped]
    binder = Binder(session.bind_context())
    scope = Scope()
    scope.items.append(row_item(binder, live, relation.name))
    bound = binder.expression_in(clause, without_slots(where), scope)
    if bound.type != "bool":
        if not (isinstance(bound, ex.Constant) and (bound.value is None or bound.type == "unknown")):
            raise DatatypeMismatch(
                f"argument of WHERE must be type boolean, not type {session.types.format(bound.type, -1)}",
                position=location(bound),
            )
        bound = binder.assigned(bound, "bool", -1, "")
    used = columns_used(bound)
    for column in live:
        if column.generated is not None and (column.number in used or 0 in used):
            raise InvalidColumnReference(
                "generated columns are not supported in COPY FROM WHERE conditions",
                detail=f'Column "{column.name}" is a generated column.',
            )

    def moved(node: object) -> ex.Column | None:
        return evolve(node, source=source) if isinstance(node, ex.Column) and node.source == SOURCE else None

    return rewritten(bound, moved)  # type: ignore[no-any-return]
