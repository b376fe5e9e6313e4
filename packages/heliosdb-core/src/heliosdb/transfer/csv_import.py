"""A CSV file as a table: delimiter, header and types are found out, from all of the file.

The file is read twice, block by block: first every value is looked at, then the rows go through COPY. So no value is
met in the second half that the first half's types do not fit. A value without quotes that is empty is NULL.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Final

from attrs import evolve, frozen

from heliosdb.commands.copy_csv import CsvLines, split_csv
from heliosdb.commands.copy_options import CopyOptions
from heliosdb.dump.runner import BulkCopy
from heliosdb.errors import (
    BadCopyFileFormat,
    CharacterNotInRepertoire,
    Error,
    InvalidParameterValue,
    UndefinedColumn,
)
from heliosdb.sql.deparse import quote_identifier, quote_literal
from heliosdb.transfer.inference import ColumnInference
from heliosdb.transfer.names import folded, unique_names

if TYPE_CHECKING:
    from heliosdb.dump.report import OnProgress, Report
    from heliosdb.session import Session

__all__ = ["CsvDialect", "import_csv"]

PIECE: Final = 1 << 18
SAMPLE: Final = 1 << 16
SAMPLED: Final = 500
DELIMITERS: Final = (",", ";", "\t", "|")
MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_name: Final = re.compile(r"[^\W\d][\w .()/%#-]{0,62}")


@frozen(kw_only=True)
class CsvDialect:
    """How a file is written; None is found out."""

    delimiter: str | None = None
    quote: str = '"'
    header: bool | None = None
    null: str = ""
    encoding: str | None = None


@frozen
class _Known:
    """What was found out."""

    options: CopyOptions
    header: bool
    encoding: str


def import_csv(
    session: Session,
    file: BinaryIO,
    name: str,
    table: str,
    report: Report,
    *,
    dialect: CsvDialect | None = None,
    append: bool = False,
    keep_case: bool = False,
    commit_rows: int | None = None,
    on_progress: OnProgress,
) -> None:
    """Make a table (SQL name) of a seekable file, or append its rows to the one that is there."""
    begin = file.tell()
    known = _sniff(file.read(SAMPLE), dialect or CsvDialect(), name)
    file.seek(begin)
    heads, types = _look(file, known, name, on_progress)
    names = unique_names([folded(head, keep_case=keep_case) for head in heads])
    if append:
        names = _existing(session, table, heads, names, known)
    else:
        columns = ", ".join(f"{quote_identifier(column)} {type_}" for column, type_ in zip(names, types))
        session.execute(f"CREATE TABLE {table} ({columns})")
        report.objects += 1
    file.seek(begin)
    _copy(session, file, known, table, names, name, report, commit_rows, on_progress)


# -- finding out -------------------------------------------------------------------------------------------------------


def _sniff(sample: bytes, dialect: CsvDialect, name: str) -> _Known:
    encoding = _encoding(sample, dialect.encoding)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError as error:
        raise _undecodable(name, sample, error, 1, encoding) from None
    options = CopyOptions(is_csv=True, quote=dialect.quote, escape=dialect.quote, null=dialect.null)
    if dialect.delimiter is None:
        options = evolve(options, delimiter=_delimiter(text, options))
    else:
        if len(dialect.delimiter) != 1 or dialect.delimiter in '\r\n"':
            raise InvalidParameterValue("the delimiter must be a single character, no line end and no quote")
        options = evolve(options, delimiter=dialect.delimiter)
    rows = _sample_rows(text, options)
    if not rows:
        raise InvalidParameterValue(f'"{name}" has no lines: there is nothing to import')
    return _Known(options, _has_header(rows) if dialect.header is None else dialect.header, encoding)


def _encoding(sample: bytes, given: str | None) -> str:
    """Return the encoding that was said, or that the mark at the beginning says; the mark is no part of the text."""
    for mark, found in MARKS:
        if sample.startswith(mark) and (given is None or _decoded(mark, given) == "\ufeff"):
            return found
    if given is not None:
        _decoded(b" ", given)
    return given or "utf-8"


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, errors="replace")
    except (LookupError, ValueError):
        raise InvalidParameterValue(f'encoding "{encoding}" is not known') from None


def _sample_rows(text: str, options: CopyOptions) -> list[list[str | None]]:
    lines, _, _ = CsvLines(options).feed(text, last=len(text) < SAMPLE)
    return split_csv([line for line in lines if line][:SAMPLED], options)


def _delimiter(text: str, options: CopyOptions) -> str:
    """Return the delimiter that cuts most lines into equally many values, more than one."""
    best, found = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _sample_rows(text, evolve(options, delimiter=delimiter))]
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best:
            best, found = score, delimiter
    return found


def _has_header(rows: Sequence[Sequence[str | None]]) -> bool:
    """Return whether the first line names the columns: its values fit the types of the others less, or read as names
    that never come again. What is empty or comes twice there says nothing, as ``NA`` would in rows."""
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    times = Counter(first)
    for place, value in enumerate(first):
        if not value:
            continue
        alone, others = ColumnInference(), ColumnInference()
        alone.look([value])
        others.look([row[place] for row in rest])
        if alone.type != "text":
            # Nobody calls a column 12 or 2024-01-01.
            return False
        if others.type != "text" and times[value] == 1:
            return True
    if len(times) < len(first) or not all(value and _name.fullmatch(value) for value in first):
        return False
    return all(value not in {row[place] for row in rest} for place, value in enumerate(first))


# -- reading -----------------------------------------------------------------------------------------------------------


def _blocks(file: BinaryIO, known: _Known, name: str, on_progress: OnProgress) -> Iterator[tuple[list[str], list[int]]]:
    """Yield records with the numbers of the lines that they end in; lines of nothing are passed over."""
    decoder = codecs.getincrementaldecoder(known.encoding)()
    reader = CsvLines(known.options)
    while True:
        piece = file.read(PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise _undecodable(name, error.object, error, reader.number + 1, known.encoding) from None
        if "\x00" in text:
            raise BadCopyFileFormat(f'"{name}" is no text: there is a NUL behind line {reader.number}')
        lines, numbers, wrong = reader.feed(text, last=not piece)
        # It is read twice, and told once.
        on_progress(name, len(piece) // 2)
        if lines:
            if "" in lines:
                kept = [(line, number) for line, number in zip(lines, numbers) if line]
                lines, numbers = [line for line, _ in kept], [number for _, number in kept]
            yield lines, numbers
        if wrong is not None:
            raise BadCopyFileFormat(f"line {reader.number}: {wrong.message}", hint=wrong.hint)
        if reader.is_over:
            raise BadCopyFileFormat(f"line {reader.number + 1}: the line \\. would end the rows")
        if not piece:
            return


def _look(file: BinaryIO, known: _Known, name: str, on_progress: OnProgress) -> tuple[list[str], list[str]]:
    """Look at every value; return the heads and types of the columns."""
    heads: list[str] | None = None
    columns: list[ColumnInference] = []
    for lines, numbers in _blocks(file, known, name, on_progress):
        rows = split_csv(lines, known.options)
        if heads is None and rows:
            heads = [value or "" for value in rows[0]] if known.header else [""] * len(rows[0])
            columns = [ColumnInference() for _ in heads]
            if known.header:
                rows, numbers = rows[1:], numbers[1:]
        width = len(columns)
        for row, number in zip(rows, numbers) if set(map(len, rows)) - {width} else ():
            if len(row) != width:
                values = f"{len(row)} value{'' if len(row) == 1 else 's'}"
                raise BadCopyFileFormat(f'line {number} of "{name}" has {values}, not {width}')
        for column, values_of in zip(columns, zip(*rows)):
            column.look(values_of)
    return heads or [], [column.type for column in columns]


def _undecodable(name: str, raw: bytes, error: UnicodeDecodeError, line: int, encoding: str) -> Error:
    spelled = " ".join(f"0x{byte:02x}" for byte in raw[error.start : error.start + 1])
    return CharacterNotInRepertoire(
        f'line {line + raw[: error.start].count(10)} of "{name}": invalid byte sequence for encoding "{encoding}": '
        f"{spelled}",
        hint="If the file is in another encoding, say which: --encoding latin1.",
    )


# -- rows --------------------------------------------------------------------------------------------------------------


def _existing(session: Session, table: str, heads: list[str], names: list[str], known: _Known) -> list[str]:
    """Return which columns of a table that is there the values are for: by name, or in their order."""
    (result,) = session.execute(f"SELECT * FROM {table} LIMIT 0")
    assert result.columns is not None
    there = [column.name for column in result.columns]
    if known.header:
        chosen = [head if head in there else name for head, name in zip(heads, names)]
        for name in chosen:
            if name not in there:
                raise UndefinedColumn(f'column "{name}" of relation "{table}" does not exist')
        return chosen
    if len(names) > len(there):
        raise BadCopyFileFormat(f"the file has {len(names)} columns, the table {len(there)}")
    return there[: len(names)]


def _copy(
    session: Session,
    file: BinaryIO,
    known: _Known,
    table: str,
    names: list[str],
    name: str,
    report: Report,
    commit_rows: int | None,
    on_progress: OnProgress,
) -> None:
    options = known.options
    text = f"COPY {table} ({', '.join(map(quote_identifier, names))}) FROM STDIN (FORMAT csv"
    text += f", DELIMITER {_literal(options.delimiter)}, QUOTE {_literal(options.quote)}"
    text += f", NULL {quote_literal(options.null)}"
    with BulkCopy(session, f"{text}, HEADER {known.header})", commit_rows, later=f"{text})") as copy:
        for lines, _ in _blocks(file, known, name, on_progress):
            if lines:
                copy.write("\n".join(lines) + "\n")
        report.rows += copy.finish()
    report.tables += 1


def _literal(character: str) -> str:
    return "E'\\t'" if character == "\t" else quote_literal(character)
