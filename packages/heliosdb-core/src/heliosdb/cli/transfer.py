r"""Rows from files and to files: ``\copy``, and ``COPY ... FROM STDIN`` and ``TO STDOUT`` with the data among lines.

``\copy t FROM 'file'`` is ``COPY t FROM STDIN`` whose data the shell reads from the file, as psql does it: file names
are the user's, need no quotes, and are relative to where the shell is. Formats, options and errors are the engine's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from heliosdb.catalog.result import Result
from heliosdb.cli.progress import progress
from heliosdb.errors import FeatureNotSupported, SqlSyntaxError, UndefinedFile

if TYPE_CHECKING:
    from heliosdb.cli.shell import Shell

__all__ = ["copy_command", "copy_statement"]

PIECE: Final = 1 << 16
_direction: Final = re.compile(r"\b(from|to)\s+('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^\s;(]+)", re.IGNORECASE)
_skipped: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^'\"()]")
_stream: Final = re.compile(r"(?:from\s+stdin|to\s+stdout)\b", re.IGNORECASE)


def copy_command(shell: Shell, text: str) -> int:
    r"""Run ``\copy ...`` and return the number of rows."""
    begin, end, is_from, target = _split(text)
    lowered = target.lower()
    if lowered == "program":
        raise FeatureNotSupported("running programs from the shell is not supported")
    stream = "FROM STDIN" if is_from else "TO STDOUT"
    statement = f"COPY {text[:begin]}{stream}{text[end:]}".rstrip("; \t")
    with shell.interruptible():
        if lowered in ("stdin", "pstdin") and is_from:
            return _from_script(shell, statement)
        if lowered in ("stdout", "pstdout") and not is_from:
            return shell.session.copy_to(statement, shell.out.write)
        path = target[1:-1].replace(target[0] * 2, target[0]) if target[0] in "'\"" else target
        if is_from:
            with _pieces(path) as pieces:
                return shell.session.copy_from(statement, pieces)
        return _to_file(shell, statement, path)


def copy_statement(shell: Shell, text: str) -> list[Result] | None:
    """Run ``COPY ... FROM STDIN`` or ``TO STDOUT`` with the shell's input or output; None for any other statement."""
    try:
        begin, end, is_from, _ = _split(text)
    except SqlSyntaxError:
        return None
    if _stream.match(text, begin, end) is None:
        return None
    if is_from:
        return [Result("COPY", row_count=_from_script(shell, text))]
    return [Result("COPY", row_count=shell.session.copy_to(text, shell.out.write))]


def _split(text: str) -> tuple[int, int, bool, str]:
    """Find FROM or TO with its target, outside of parentheses and quotes: begin, end, is it FROM, the target."""
    at = depth = 0
    while at < len(text):
        match = None if depth else _direction.match(text, at)
        if match is not None and (at == 0 or text[at - 1].isspace() or text[at - 1] in ')"'):
            return at, match.end(), match[1].lower() == "from", match[2]
        skipped = _skipped.match(text, at)
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at = at + 1 if skipped is None else skipped.end()
    raise SqlSyntaxError("\\copy: FROM or TO and a file are needed", hint="\\copy TABLE|(QUERY) FROM|TO FILE [OPTIONS]")


def _from_script(shell: Shell, statement: str) -> int:
    r"""Copy the lines up to ``\.`` from where statements come from."""
    lines = _script_lines(shell)
    try:
        return shell.session.copy_from(statement, lines)
    finally:
        # Whatever became of the statement: its data must be passed over, not be taken for statements.
        for _ in lines:
            pass


def _script_lines(shell: Shell) -> Iterator[str]:
    source = shell.source
    while source is not None and (line := source.read("copy")) is not None and line.rstrip("\r\n") != "\\.":
        yield line


@contextmanager
def _pieces(path: str) -> Iterator[Iterator[bytes]]:
    """Open a file and give it in pieces, with a progress bar."""
    place = Path(path).expanduser()
    try:
        size = place.stat().st_size
        file = place.open("rb")
    except OSError as error:
        raise UndefinedFile(f"{path}: {error.strerror}") from None
    with file, progress(place.name, size) as bar:

        def pieces() -> Iterator[bytes]:
            try:
                while piece := file.read(PIECE):
                    bar.advance(len(piece))
                    yield piece
            except OSError as error:
                raise UndefinedFile(f"{path}: {error.strerror}") from None

        yield pieces()


def _to_file(shell: Shell, statement: str, path: str) -> int:
    # The statement begins first: one that is wrong leaves a file that exists as it is.
    with shell.session.copy(statement) as copy:
        try:
            with Path(path).expanduser().open("w", encoding="utf-8", newline="") as file:
                for piece in copy:
                    file.write(piece)
        except OSError as error:
            raise UndefinedFile(f"{path}: {error.strerror}") from None
        return copy.finish().row_count or 0
