r"""The CSV format of COPY.

A value may be quoted as a whole or in parts; inside quotes delimiters and line ends are data, and the escape character
(by default the quote itself) stands before a quote or itself. Only a value without any quotes can be NULL, which is why
Python's csv module, which forgets the quotes, does not read it. ``\.`` alone on a line ends the data, as in
PostgreSQL 15 (copyfromparse.c).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from heliosdb.commands.copy_text import LineReader
from heliosdb.errors import BadCopyFileFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.commands.copy_options import CopyOptions

__all__ = ["CsvLines", "csv_encoder", "csv_quoter", "split_csv"]

_end: Final = re.compile(r"\r\n|\n|\r")


class CsvLines(LineReader):
    """Records of the CSV format: lines, joined where a line end is inside quotes."""

    literal_words = "unquoted"
    newline_hint = "Use quoted CSV field to represent newline."
    return_hint = "Use quoted CSV field to represent carriage return."

    def __init__(self, options: CopyOptions) -> None:
        super().__init__(options)
        self._open: list[str] = []
        """The lines so far of a record that ends inside quotes."""
        self._is_quoted = False
        self._is_first = True

    def _find_end(self, text: str, last: bool) -> str | None:
        # A line end inside quotes says nothing about how lines end.
        for match in _end.finditer(text):
            if match[0] == "\r" and match.end() == len(text) and not last:
                return None
            if not self._ends_quoted(text[: match.start()], False):
                return match[0]
        return None

    def _ends_quoted(self, line: str, quoted: bool) -> bool:
        """Return whether the end of a line is inside quotes, where its beginning is as ``quoted`` says."""
        quote, escape = self.options.quote, self.options.escape
        if quote == escape:
            return quoted ^ bool(line.count(quote) & 1)
        is_escaped = False
        for character in line:
            if quoted and character == escape:
                is_escaped = not is_escaped
            if character == quote and not is_escaped:
                quoted = not quoted
            if character != escape:
                is_escaped = False
        return quoted

    def _cut(self, text: str, last: bool) -> tuple[list[str], list[int], BadCopyFileFormat | None]:
        lines = self._split(text, last)
        eol = self.eol or "\n"
        if not self._open and self.options.quote not in text and "\\." not in text and eol == "\n" and "\r" not in text:
            start = self.number
            self.number += len(lines)
            self._is_first = self._is_first and not lines
            return lines, list(range(start + 1, self.number + 1)), None
        return self._careful(lines, eol, last)

    def _careful(self, lines: list[str], eol: str, last: bool) -> tuple[list[str], list[int], BadCopyFileFormat | None]:
        records: list[str] = []
        numbers: list[int] = []
        quote = self.options.quote
        for line in lines:
            if line == "\\." and not self._open:
                self.is_over = True
                break
            # PostgreSQL counts the line ends inside a value once it knows how lines end, so not in the first record.
            if not self._open or not self._is_first:
                self.number += 1
            if quote in line:
                self._is_quoted = self._ends_quoted(line, self._is_quoted)
            if self._is_quoted:
                self._open.append(line)
                continue
            record = line
            if self._open:
                record = eol.join([*self._open, line])
                self._open.clear()
            self._is_first = False
            if "\r" in record or "\n" in record:
                error = self._stray(self._outside(record))
                if error is not None:
                    return records, numbers, error
            records.append(record)
            numbers.append(self.number)
        if self._open and (last or self.is_over):
            error = BadCopyFileFormat("unterminated CSV quoted field")
            error.context = eol.join([*self._open, ""])
            return records, numbers, error
        return records, numbers, None

    def _outside(self, record: str) -> str:
        """Return what of a record stands outside quotes."""
        if self.options.quote == self.options.escape:
            return "".join(record.split(self.options.quote)[::2])
        kept, quoted = [], False
        for part in record.split(self.options.quote):
            if not quoted:
                kept.append(part)
            quoted = self._ends_quoted(part + self.options.quote, quoted)
        return "".join(kept)


def split_csv(lines: list[str], options: CopyOptions) -> list[list[str | None]]:
    """Return the values of records, None for NULL."""
    delimiter, quote, null = options.delimiter, options.quote, options.null
    cut = _cut_doubled if quote == options.escape else _cut_escaped
    rows: list[list[str | None]] = []
    for line in lines:
        if quote in line:
            rows.append(cut(line, options))
        elif null in line:
            rows.append([None if value == null else value for value in line.split(delimiter)])
        else:
            rows.append(line.split(delimiter))  # type: ignore[arg-type]
    return rows


def _cut_doubled(line: str, options: CopyOptions) -> list[str | None]:
    """Cut a line in which a quote inside quotes is doubled: every other part between quotes is quoted."""
    delimiter, quote, null = options.delimiter, options.quote, options.null
    values: list[str | None] = []
    value, has_quotes = "", False
    parts = line.split(quote)
    final = len(parts) - 1
    for position, part in enumerate(parts):
        if position & 1:
            value += part
            has_quotes = True
            continue
        if not part and 0 < position < final:
            value += quote
            continue
        if delimiter not in part:
            value += part
            continue
        first, *middle, last = part.split(delimiter)
        value += first
        values.append(value if has_quotes or value != null else None)
        for text in middle:
            values.append(None if text == null else text)
        value, has_quotes = last, False
    values.append(value if has_quotes or value != null else None)
    return values


def _cut_escaped(line: str, options: CopyOptions) -> list[str | None]:
    delimiter, quote, escape, null = options.delimiter, options.quote, options.escape, options.null
    values: list[str | None] = []
    value, has_quotes, inside = "", False, False
    at, end = 0, len(line)
    while at < end:
        character = line[at]
        at += 1
        if not inside:
            if character == quote:
                inside = has_quotes = True
            elif character == delimiter:
                values.append(value if has_quotes or value != null else None)
                value, has_quotes = "", False
            else:
                value += character
        elif character == escape and at < end and line[at] in (escape, quote):
            value += line[at]
            at += 1
        elif character == quote:
            inside = False
        else:
            value += character
    values.append(value if has_quotes or value != null else None)
    return values


# -- writing -----------------------------------------------------------------------------------------------------------


def csv_quoter(options: CopyOptions) -> Callable[[str], str]:
    """Return the function that puts a value in quotes."""
    quote, escape = options.quote, options.escape
    if quote == escape:
        return lambda value: f"{quote}{value.replace(quote, quote * 2)}{quote}"
    return lambda value: f"{quote}{value.replace(escape, escape * 2).replace(quote, escape + quote)}{quote}"


def csv_encoder(options: CopyOptions, *, alone: bool) -> Callable[[str], str]:
    """Return the function that quotes a value where it needs to be. ``alone``: it is the row's only one."""
    pattern = re.compile("[\r\n" + re.escape(options.delimiter) + re.escape(options.quote) + "]")
    search, quoted, null = pattern.search, csv_quoter(options), options.null

    def encode(value: str) -> str:
        # What reads as NULL, or as the end of the data, is quoted too.
        if value == null or search(value) is not None or (alone and value == "\\."):
            return quoted(value)
        return value

    return encode
