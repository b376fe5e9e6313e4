"""Where lines come from: a file, standard input, or the prompt.

Files are read whole and must be UTF-8 text: a file that is something else is refused before any of it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from heliosdb.errors import CharacterNotInRepertoire, UndefinedFile

__all__ = ["FileSource", "Source", "StandardInput", "read_script"]


class Source(Protocol):
    """Lines in order. ``name`` is the file's, for messages, or None; ``line`` is the number of the last line read."""

    name: str | None
    line: int

    def read(self, mark: str) -> str | None:
        """Return the next line with its end, None behind the last.

        ``mark`` says what is expected (``Scanner.mark``).
        """
        ...

    def discard(self) -> None:
        """Forget lines that were typed together with the last one."""
        ...


class FileSource:
    """A script in a file. ``on_progress`` gets the number of characters of each line that was read."""

    def __init__(self, path: str) -> None:
        self.name: str | None = path
        self.line = 0
        text = read_script(path)
        self.size = len(text)
        self._lines: Iterator[str] = _lines(text)
        self.on_progress: Callable[[int], None] | None = None

    def read(self, mark: str) -> str | None:
        """Return the next line."""
        line = next(self._lines, None)
        if line is not None:
            self.line += 1
            if self.on_progress is not None:
                self.on_progress(len(line))
        return line

    def discard(self) -> None:
        """Do nothing: what stands in a file was not typed."""


class StandardInput:
    """Standard input where it is no terminal."""

    def __init__(self, stream: Iterable[bytes] | None = None) -> None:
        self.name: str | None = None
        self.line = 0
        self._lines = iter(sys.stdin.buffer if stream is None else stream)

    def read(self, mark: str) -> str | None:
        """Return the next line."""
        line = next(self._lines, None)
        if line is None:
            return None
        self.line += 1
        return decoded(line.removeprefix(b"\xef\xbb\xbf") if self.line == 1 else line)

    def discard(self) -> None:
        """Do nothing: nothing is read ahead."""


def read_script(path: str) -> str:
    """Return a file's text. ``-`` is standard input. UndefinedFile, CharacterNotInRepertoire where that cannot be."""
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise UndefinedFile(f"{path}: {error.strerror}") from None
    except ValueError:
        raise UndefinedFile(f"{path!r}: not a file name") from None
    return decoded(content.removeprefix(b"\xef\xbb\xbf"), path)


def decoded(content: bytes, path: str | None = None) -> str:
    """Return bytes as text; CharacterNotInRepertoire (22021) where they are no UTF-8, or hold NUL."""
    at = content.find(b"\x00")
    if at < 0:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            at, end = error.start, error.end
    else:
        end = at + 1
    spelled = " ".join(f"0x{byte:02x}" for byte in content[at:end])
    place = "" if path is None else f"{path}:{content.count(10, 0, at) + 1}: "
    raise CharacterNotInRepertoire(
        f'{place}invalid byte sequence for encoding "UTF8": {spelled}', hint="Scripts are text files in UTF-8."
    )


def _lines(text: str) -> Iterator[str]:
    """Yield lines with their ends.

    Only a line feed ends one: str.splitlines would also cut at form feeds within a string.
    """
    at = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        yield text[at:end]
        at = end
