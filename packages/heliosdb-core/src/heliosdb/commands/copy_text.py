r"""The text format of COPY: one row a line, a delimiter between values, backslash escapes.

``TextLines`` cuts what comes in pieces of any size into lines, each with its number; a backslash in front of the end of
a line makes it part of the value. The first line decides how lines end; any other line end in the data is an error.
``\.`` ends the data. Rules and words are those of PostgreSQL 15 (copyfromparse.c).

Whole blocks go the short way: where a piece holds no carriage return and no dangerous backslash, cutting it is one
``str.split``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from heliosdb.errors import BadCopyFileFormat, CharacterNotInRepertoire

if TYPE_CHECKING:
    from heliosdb.commands.copy_options import CopyOptions

__all__ = ["LineReader", "TextLines", "split_text", "text_encoder", "unescaped"]

_end: Final = re.compile(r"\r\n|\n|\r")
_pair: Final = re.compile(r"\\(.|$)", re.DOTALL)


class LineReader:
    """Lines of the input so far. ``is_over`` after the end mark: what follows is ignored.

    Records come as (text without line end, number of the line that it ends in).
    """

    literal_words = "literal"
    newline_hint = 'Use "\\n" to represent newline.'
    return_hint = 'Use "\\r" to represent carriage return.'

    def __init__(self, options: CopyOptions) -> None:
        self.options = options
        self.eol: str | None = None
        self.number = 0
        self.is_over = False
        self._rest = ""

    def feed(self, text: str, *, last: bool = False) -> tuple[list[str], list[int], BadCopyFileFormat | None]:
        """Take more input; return the records that are complete, their numbers, and what is wrong behind them."""
        if self.is_over:
            return [], [], None
        text = self._rest + text
        if self.eol is None:
            self.eol = self._find_end(text, last)
            if self.eol is None and not last:
                self._rest = text
                return [], [], None
        if self.eol == "\r\n" and text.endswith("\r") and not last:
            # Half a line end.
            self._rest = text
            return [], [], None
        return self._cut(text, last)

    def _find_end(self, text: str, last: bool) -> str | None:
        match = _end.search(text)
        if match is None or (match[0] == "\r" and match.end() == len(text) and not last):
            return None
        return match[0]

    def _split(self, text: str, last: bool) -> list[str]:
        """Return the lines; what is behind the last line end is kept for the next piece."""
        lines = text.split(self.eol or "\n")
        rest = lines.pop()
        self._rest = ""
        if last:
            if rest:
                lines.append(rest)
        else:
            self._rest = rest
        return lines

    def _cut(self, text: str, last: bool) -> tuple[list[str], list[int], BadCopyFileFormat | None]:
        raise NotImplementedError

    def _stray(self, line: str) -> BadCopyFileFormat | None:
        """Return the error for a line end of another kind inside a line."""
        if "\r" in line and (self.eol != "\r\n" or "\n" not in line or line.index("\r") < line.index("\n")):
            return BadCopyFileFormat(f"{self.literal_words} carriage return found in data", hint=self.return_hint)
        if "\n" in line:
            return BadCopyFileFormat(f"{self.literal_words} newline found in data", hint=self.newline_hint)
        return None


class TextLines(LineReader):
    """Lines of the text format."""

    def _cut(self, text: str, last: bool) -> tuple[list[str], list[int], BadCopyFileFormat | None]:
        lines = self._split(text, last)
        eol = self.eol or "\n"
        start = self.number
        plain = (
            "\\." not in text
            and f"\\{eol}" not in text
            and (eol == "\r" or "\r" not in text or (eol == "\r\n" and text.count("\r") == text.count("\r\n")))
            and (eol == "\n" or "\n" not in text or (eol == "\r\n" and text.count("\n") == text.count("\r\n")))
        )
        if plain and not (last and lines and lines[-1].endswith("\\")):
            self.number += len(lines)
            return lines, list(range(start + 1, self.number + 1)), None
        return self._careful(lines, last)

    def _careful(self, lines: list[str], last: bool) -> tuple[list[str], list[int], BadCopyFileFormat | None]:
        records: list[str] = []
        numbers: list[int] = []
        eol = self.eol or "\n"
        pending: list[str] = []
        for line in lines:
            pending.append(line)
            if (len(line) - len(line.rstrip("\\"))) % 2:
                # The line end belongs to the value.
                continue
            record, pending = eol.join(pending), []
            self.number += 1
            error = self._stray(record) if eol != "\n" or "\r" in record else None
            mark = _end_mark(record) if "\\." in record else None
            if mark is not None and error is None:
                if mark < len(record) - 2:
                    error = BadCopyFileFormat("end-of-copy marker corrupt")
                else:
                    self.is_over = True
                    if mark:
                        records.append(record[:mark])
                        numbers.append(self.number)
                    return records, numbers, None
            if error is not None:
                return records, numbers, error
            records.append(record)
            numbers.append(self.number)
        if pending:
            if last:
                self.number += 1
                records.append(eol.join(pending))
                numbers.append(self.number)
            else:
                self._rest = eol.join([*pending, self._rest])
        return records, numbers, None

    def _stray(self, line: str) -> BadCopyFileFormat | None:
        # A line end behind a backslash is data.
        return super()._stray(line.replace("\\\\", "").replace("\\\r", "").replace("\\\n", ""))


def _end_mark(record: str) -> int | None:
    """Return where ``\\.`` begins, None where the backslash is itself escaped."""
    return next((match.start() for match in _pair.finditer(record) if match[1] == "."), None)


def split_text(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the values of lines, escapes still in them."""
    rows = [line.split(delimiter) for line in lines]
    escaped = "\\" + delimiter
    for position, line in enumerate(lines):
        if escaped in line:
            rows[position] = _careful_split(line, delimiter)
    return rows


def _careful_split(line: str, delimiter: str) -> list[str]:
    values, value = [], ""
    for part in line.split(delimiter):
        value += part
        if (len(part) - len(part.rstrip("\\"))) % 2:
            value += delimiter
            continue
        values.append(value)
        value = ""
    if value:
        values.append(value)
    return values


# -- escapes -----------------------------------------------------------------------------------------------------------

_escape: Final = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.|$)", re.DOTALL)
_byte_escape: Final = re.compile(rb"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.|$)", re.DOTALL)
_letters: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _number(code: str) -> int | None:
    if not code:
        # A backslash at the end of the data stands for nothing.
        return None
    if code[0] in "01234567":
        return int(code, 8) & 255
    if code[0] == "x" and len(code) > 1:
        return int(code[1:], 16)
    return None


def unescaped(value: str) -> str:
    """Return a value without its escapes; bytes written as numbers must be UTF-8 together with what is around them."""
    numbers = [n for code in _escape.findall(value) if (n := _number(code)) is not None]
    if not numbers or max(numbers) < 128:
        text = _escape.sub(_character, value)
        if "\0" in text:
            raise CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')
        return text
    raw = _byte_escape.sub(_byte, value.encode())
    if 0 in raw:
        raise CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')
    return decoded(raw)


def decoded(raw: bytes) -> str:
    """Decode UTF-8; CharacterNotInRepertoire names the bytes that are wrong."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise invalid_bytes(raw, error.start) from None


def invalid_bytes(raw: bytes, start: int) -> CharacterNotInRepertoire:
    """Return the error for bytes that are no UTF-8: as many are shown as the first one announces."""
    first = raw[start]
    length = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4 if first < 0xF8 else 1
    shown = " ".join(f"0x{byte:02x}" for byte in raw[start : start + length])
    return CharacterNotInRepertoire(f'invalid byte sequence for encoding "UTF8": {shown}')


def _character(match: re.Match[str]) -> str:
    code = match[1]
    number = _number(code)
    return _letters.get(code, code) if number is None else chr(number)


def _byte(match: re.Match[bytes]) -> bytes:
    code = match[1].decode("latin-1")
    number = _number(code)
    return _letters.get(code, code).encode("latin-1") if number is None else bytes((number,))


# -- writing -----------------------------------------------------------------------------------------------------------


def text_encoder(delimiter: str) -> tuple[re.Pattern[str], dict[int, str]]:
    """Return a pattern that finds what has to be escaped, and the table for ``str.translate`` that escapes it."""
    table = {ord(character): "\\" + letter for letter, character in _letters.items()}
    table[ord("\\")] = "\\\\"
    if ord(delimiter) not in table:
        table[ord(delimiter)] = "\\" + delimiter
    return re.compile("[" + "".join(re.escape(chr(code)) for code in table) + "]"), table
