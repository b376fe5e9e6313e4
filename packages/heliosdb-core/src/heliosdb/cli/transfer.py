r"""Rows from files and to files: ``\copy``, and ``COPY ... FROM STDIN`` and ``TO STDOUT`` with the data among the
script's lines.

The shell does this by itself, with INSERT and SELECT: rows go in by batches of one statement each, in one transaction,
so that either all of a file is in the table or nothing. Formats and options are those of COPY
(https://www.postgresql.org/docs/15/sql-copy.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from heliosdb.catalog.result import Result
from heliosdb.cli.copy_format import CopyFormat, read_rows, write_row
from heliosdb.cli.progress import progress
from heliosdb.cli.source import decoded
from heliosdb.errors import (
    BadCopyFileFormat,
    Error,
    FeatureNotSupported,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedFile,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.sql.deparse import quote_identifier, quote_literal, quote_name
from heliosdb.sql.parser import parse_one
from heliosdb.sql.statements import Copy

if TYPE_CHECKING:
    from heliosdb.cli.shell import Shell

__all__ = ["copy_command", "copy_statement"]

BATCH: Final = 1000
_direction: Final = re.compile(r"\b(from|to)\s+('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\S+)", re.IGNORECASE)
_skipped: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^'\"()]")


def copy_command(shell: Shell, text: str) -> int:
    r"""Run ``\copy ...`` and return the number of rows."""
    begin, end, is_from, target = _split(text)
    standard = target.lower() in ("stdin", "pstdin") if is_from else target.lower() in ("stdout", "pstdout")
    if target.lower() == "program":
        raise FeatureNotSupported("running programs from the shell is not supported")
    path = target[1:-1].replace(target[0] * 2, target[0]) if target[0] in "'\"" else target
    place = ("STDIN" if is_from else "STDOUT") if standard else quote_literal(path)
    statement = f"COPY {text[:begin]}{'FROM' if is_from else 'TO'} {place}{text[end:]}"
    copy = parse_one(statement.rstrip().rstrip(";"), shell.session.registries.grammar)
    assert isinstance(copy, Copy)
    if is_from:
        if standard:
            return _copy_in(shell, copy, _script_lines(shell))
        with _open_for_reading(path) as lines:
            return _copy_in(shell, copy, lines)
    if standard:
        return _copy_out(shell, copy, _query_text(text[:begin], copy), shell.out)
    try:
        with Path(path).expanduser().open("w", encoding="utf-8", newline="") as file:
            return _copy_out(shell, copy, _query_text(text[:begin], copy), file)
    except OSError as error:
        raise UndefinedFile(f"{path}: {error.strerror}") from None


def copy_statement(shell: Shell, text: str) -> list[Result]:
    """Run ``COPY ... FROM STDIN`` or ``TO STDOUT``; any other COPY is the engine's."""
    if "Copy" in shell.session.registries.statements and "stdin" not in text.lower():
        return shell.session.execute(text)
    copy = parse_one(text, shell.session.registries.grammar)
    if not isinstance(copy, Copy) or copy.file is not None or copy.program:
        return shell.session.execute(text)
    if copy.is_from:
        # The data follows whatever becomes of the statement: it must be passed over, not be taken for statements.
        lines = _script_lines(shell)
        try:
            return [Result("COPY", row_count=_copy_in(shell, copy, lines))]
        finally:
            for _ in lines:
                pass
    head = text[len("copy") : _split(text[len("copy") :])[0] + len("copy")]
    return [Result("COPY", row_count=_copy_out(shell, copy, _query_text(head, copy), shell.out))]


def _split(text: str) -> tuple[int, int, bool, str]:
    """Find FROM or TO with its target, outside of parentheses and quotes: begin, end, is it FROM, the target."""
    at = depth = 0
    while at < len(text):
        match = None if depth else _direction.match(text, at)
        if match is not None and (at == 0 or text[at - 1].isspace() or text[at - 1] in ')"'):
            return at, match.end(), match[1].lower() == "from", match[2].rstrip(";") or match[2]
        skipped = _skipped.match(text, at)
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at = at + 1 if skipped is None else skipped.end()
    raise SqlSyntaxError("\\copy: FROM or TO and a file are needed", hint="\\copy TABLE|(QUERY) FROM|TO FILE [OPTIONS]")


# -- in ----------------------------------------------------------------------------------------------------------------


def _script_lines(shell: Shell) -> Iterator[str]:
    """Yield the lines up to ``\\.`` from where statements come from."""
    source = shell.source
    if source is None:
        raise FeatureNotSupported("there is no input to read rows from")
    while (line := source.read("copy")) is not None and line.rstrip("\r\n") != "\\.":
        yield line


@contextmanager
def _open_for_reading(path: str) -> Iterator[Iterator[str]]:
    try:
        file = Path(path).expanduser().open("rb")
        size = Path(path).expanduser().stat().st_size
    except OSError as error:
        raise UndefinedFile(f"{path}: {error.strerror}") from None
    with file, progress(Path(path).name, size) as advance:

        def lines() -> Iterator[str]:
            try:
                for number, line in enumerate(file):
                    advance(len(line))
                    yield decoded(line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line)
            except OSError as error:
                raise UndefinedFile(f"{path}: {error.strerror}") from None

        yield lines()


def _copy_in(shell: Shell, copy: Copy, lines: Iterable[str]) -> int:
    """Insert rows; return their number."""
    if copy.table is None:
        raise SqlSyntaxError("COPY (query) FROM is not possible")
    if copy.where is not None:
        raise FeatureNotSupported("COPY FROM ... WHERE is not supported")
    form = CopyFormat.of(copy.options, is_from=True)
    name, columns = _columns(shell, copy)
    placeholders = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    listed = ", ".join(quote_identifier(column) for column in columns)
    insert = f"INSERT INTO {name} ({listed}) VALUES ({placeholders})"
    session = shell.session
    opened = not session.block.is_open
    if opened:
        session.begin()
    total = 0
    try:
        for batch in _batches(_checked(read_rows(lines, form), columns, name)):
            rows = [row for _, row in batch]
            try:
                with shell.interruptible():
                    session.execute_many(insert, rows)
            except Error as error:
                raise _placed(shell, error, name, columns, batch) from None
            total += len(rows)
    except BaseException:
        if opened and session.block.is_open:
            session.block.rollback()
        elif session.block.is_open:
            session.block.fail()
        raise
    if opened:
        session.block.commit()
    return total


Row = tuple[int, Sequence[str | None]]


def _checked(rows: Iterable[Row], columns: Sequence[str], table: str) -> Iterator[Row]:
    for number, row in rows:
        if len(row) != len(columns):
            if len(row) > len(columns):
                message = "extra data after last expected column"
            else:
                message = f'missing data for column "{columns[len(row)]}"'
            raise BadCopyFileFormat(message, context=f"COPY {table}, line {number}")
        yield number, row


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _placed(shell: Shell, error: Error, table: str, columns: Sequence[str], batch: list[Row]) -> Error:
    """Return an error with the line and column of the value that is wrong, where it is one of these."""
    error.position = None
    relation = shell.session.catalog.relation_by_oid(shell.session.relation_oid(table) or 0)
    types = {} if relation is None else {column.name: column for column in relation.columns}
    for number, row in batch:
        for column, value in zip(columns, row, strict=True):
            definition = types.get(column)
            if value is None or definition is None:
                continue
            try:
                shell.session.types.input(definition.type)(value, definition.typmod, shell.session)
            except Error as found:
                if found.message == error.message:
                    error.context = f'COPY {table}, line {number}, column {column}: "{value}"'
                    return error
    error.context = error.context or f"COPY {table}, lines {batch[0][0]} to {batch[-1][0]}"
    return error


def _columns(shell: Shell, copy: Copy) -> tuple[str, tuple[str, ...]]:
    """Return the table's name as it must be written, and the columns that rows have values for."""
    assert copy.table is not None
    name = quote_name(tuple(part for part in (copy.table.schema, copy.table.name) if part))
    oid = shell.session.relation_oid(name)
    relation = None if oid is None else shell.session.catalog.relation_by_oid(oid)
    if relation is None:
        raise UndefinedTable(f'relation "{copy.table.name}" does not exist')
    if copy.is_from and relation.kind != "table":
        raise WrongObjectType(f'cannot copy to {relation.kind} "{relation.name}"')
    for column in copy.columns:
        if all(column != known.name or known.dropped for known in relation.columns):
            raise UndefinedColumn(f'column "{column}" of relation "{relation.name}" does not exist')
    every = tuple(c.name for c in relation.columns if not c.dropped and c.generated is None)
    return name, copy.columns or every


# -- out ---------------------------------------------------------------------------------------------------------------


def _query_text(head: str, copy: Copy) -> str:
    """Return the query whose rows are copied: the one in parentheses, or all of a table."""
    head = head.strip()
    if copy.query is not None:
        return head[1:-1] if head.startswith("(") and head.endswith(")") else head
    assert copy.table is not None
    name = quote_name(tuple(part for part in (copy.table.schema, copy.table.name) if part))
    return f"SELECT {', '.join(map(quote_identifier, copy.columns)) or '*'} FROM {name}"


def _copy_out(shell: Shell, copy: Copy, query: str, file: IO[str]) -> int:
    form = CopyFormat.of(copy.options, is_from=False)
    with shell.interruptible():
        result = shell.session.execute(query)[-1]
    if result.columns is None:
        raise FeatureNotSupported("COPY query must have a RETURNING clause")
    table = shell.table_of(result)
    if form.header:
        file.write(write_row(table.names, form, is_header=True))
    for row in table.rows:
        file.write(write_row(row, form))
    return len(table.rows)
