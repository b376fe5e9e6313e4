r"""Reading a script of any size: statement by statement, and the rows that stand between COPY and ``\.``.

No more of the file is in memory than the statement or the piece of rows that is being read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from heliosdb.errors import BadCopyFileFormat, CharacterNotInRepertoire, DataCorrupted, FeatureNotSupported
from heliosdb.sql.script import next_statement

__all__ = ["ScriptReader"]

PIECE: Final = 1 << 16
_blank: Final = re.compile(r"(?:[ \t\r\n\f]++|--[^\n]*+\n)*+")
_heading: Final = re.compile(r"^-- (HeliosDB|PostgreSQL) database( cluster)? dump\s*$", re.MULTILINE)
_ending: Final = re.compile(r"^-- (HeliosDB|PostgreSQL) database( cluster)? dump complete", re.MULTILINE)
HEAD: Final = 2048
TAIL: Final = 400


class ScriptReader:
    """Statements of a file in UTF-8. ``line`` is where the last one begins, ``bytes_read`` how much was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._passed = 0
        """Line feeds in what was read and is no longer kept."""
        self._tail = ""
        self._is_over = False
        self._must_end: str | None = None
        self.line = 1
        self.bytes_read = 0
        self._more(PIECE)
        heading = _heading.search(self._text[:HEAD])
        if heading is not None:
            self._must_end = heading[0].strip("- \r\n")

    def _more(self, size: int) -> None:
        """Read on: at least something, unless the file is over."""
        piece = self._file.read(size)
        self.bytes_read += len(piece)
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            found = " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.end])
            line = self._line_at(len(self._text)) + error.object.count(b"\n", 0, error.start)
            raise CharacterNotInRepertoire(f'line {line}: invalid byte sequence for encoding "UTF8": {found}') from None
        if "\x00" in text:
            line = self._line_at(len(self._text)) + text.count("\n", 0, text.index("\x00"))
            raise CharacterNotInRepertoire(f'line {line}: invalid byte sequence for encoding "UTF8": 0x00')
        if not piece:
            self._is_over = True
        self._passed += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + text
        self._at = 0
        self._tail = (self._tail + text)[-TAIL:]

    def _line_at(self, offset: int) -> int:
        return self._passed + 1 + self._text.count("\n", 0, offset)

    def statement(self) -> str | None:
        """Return the next statement, None behind the last; DataCorrupted for a dump without its end."""
        while True:
            self._pass_blanks()
            if self._text.startswith("\\", self._at):
                self._pass_meta_command()
                continue
            found = next_statement(self._text, self._at)
            if not self._is_over and (found is None or found[1] >= len(self._text)):
                # It may go on. What is long is read in ever larger pieces, so that the whole takes no square time.
                self._more(max(PIECE, len(self._text) - self._at))
                continue
            if found is None:
                self._require_end()
                return None
            (text, offset), self._at = found
            self.line = self._line_at(offset)
            if text[:1] == "\\":
                self._at = offset
                continue
            return text

    def _pass_blanks(self) -> None:
        while True:
            match = _blank.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._is_over or len(self._text) - self._at > PIECE // 4:
                return
            self._more(PIECE)

    def _pass_meta_command(self) -> None:
        """Pass over what pg_dump writes for psql alone."""
        self.line = self._line_at(self._at)
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        command = self._text[self._at : end].split()
        if command[0] not in ("\\restrict", "\\unrestrict"):
            raise FeatureNotSupported(
                f'line {self.line}: the meta-command "{command[0]}" is not supported in a script that is restored',
                hint="Run the script in the shell: heliosdb run FILE.",
            )
        self._at = end

    def _require_end(self) -> None:
        if self._must_end is not None and _ending.search(self._tail) is None:
            line = self._line_at(len(self._text))
            raise DataCorrupted(
                f"the dump ends early, at line {line}",
                detail=f'Its last comment should be "{self._must_end} complete".',
            )

    def rows(self) -> Iterator[str]:
        r"""Yield the lines behind COPY ... FROM stdin in pieces; the line ``\.`` is the end."""
        while "\n" not in self._text[self._at : self._at + PIECE] and not self._is_over:
            self._more(PIECE)
        end = self._text.find("\n", self._at)
        if end < 0 or self._text[self._at : end].strip():
            raise BadCopyFileFormat(f"line {self.line}: the rows of COPY begin on a line of their own")
        self._at = end + 1
        while True:
            if self._text.startswith("\\.", self._at) and self._ends_rows(self._at):
                return
            mark = self._text.find("\n\\.", self._at)
            while mark >= 0 and not self._is_mark(mark + 1):
                mark = self._text.find("\n\\.", mark + 1)
            if mark >= 0:
                piece = self._text[self._at : mark + 1]
                self._at = mark + 1
            else:
                # The last line may be half of the mark.
                cut = self._text.rfind("\n", self._at) + 1
                piece = self._text[self._at : cut] if cut else ""
                self._at = max(cut, self._at)
                if self._is_over:
                    line = self._line_at(len(self._text))
                    raise DataCorrupted(f"line {line}: the file ends within the rows of COPY, without \\.")
                self._more(max(PIECE, len(self._text) - self._at))
            if piece:
                yield piece

    def _is_mark(self, at: int) -> bool:
        behind = self._text[at + 2 : at + 4]
        return behind[:1] == "\n" or behind == "\r\n" or (not behind.strip("\r") and self._is_over)

    def _ends_rows(self, at: int) -> bool:
        if len(self._text) < at + 4 and not self._is_over:
            self._more(PIECE)
            at = self._at
        if not self._is_mark(at):
            return False
        self._at = at + 2
        return True
