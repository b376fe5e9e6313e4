"""Scripts: a sentence that says what is shown, then SQL statements, with a few directives in comments.

The comment lines at the head are the narration. A comment that stands before a statement may be a directive:

    -- session B            the statements from here on run in session B (the first session is A)
    -- blocks               the next statement waits for another session; the script goes on meanwhile
    -- wait B               finish the statement of B that blocks before going on
    -- unordered            the rows of the next statement are a multiset although it has an ORDER BY
    -- ordered              the row order of the next statement matters although it has none
    -- bind ["1", null]     send the next statement with these parameters, in text form and of unspecified type
    -- compare: sqlstate    what of an error is compared, beside the SQLSTATE: message, detail, hint, position;
                            at the head for the whole script, before a statement for that one
    -- reference: SET ...   a statement that only the reference server is given (a timeout, say)
    -- message              the lines up to ``-- end message`` are sent as they are, in one message

A statement is everything between two semicolons, quotes and comments understood; it is sent without the semicolon, so
that error positions count from its first character. Without a directive the row order matters exactly where the
statement has an ORDER BY outside of parentheses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ROOT", "Script", "Statement", "named", "read_script", "script_names"]

ROOT = Path(__file__).resolve().parent

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<comment>--[^\n]*)
      | (?P<block>/\*)
      | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*')
      | (?P<quoted>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<dollar>\$(?P<mark>[A-Za-z_]*)\$)
      | (?P<word>[A-Za-z_][A-Za-z_0-9$]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(
    r"--\s*(session|blocks|wait|unordered|ordered|bind|compare:|reference:|message|end message)(?:\s+(.*))?$"
)


@dataclass(frozen=True)
class Statement:
    """One message to a session, and how to read its answer."""

    text: str
    line: int
    session: str = "A"
    blocks: bool = False
    wait: tuple[str, ...] = ()
    ordered: bool = False
    bind: tuple[str | None, ...] | None = None
    compare: frozenset[str] | None = None
    reference: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """A script file: its name (``area/name``), narration, and statements in order."""

    name: str
    narration: str
    statements: tuple[Statement, ...]
    compare: frozenset[str] | None = None


@dataclass
class _Pending:
    """Directives met since the last statement."""

    session: str = "A"
    blocks: bool = False
    wait: list[str] = field(default_factory=list)
    ordered: bool | None = None
    bind: tuple[str | None, ...] | None = None
    compare: frozenset[str] | None = None
    reference: list[str] = field(default_factory=list)

    def take(self, text: str, line: int, has_order: bool) -> Statement:
        return Statement(
            text=text,
            line=line,
            session=self.session,
            blocks=self.blocks,
            wait=tuple(self.wait),
            ordered=has_order if self.ordered is None else self.ordered,
            bind=self.bind,
            compare=self.compare,
            reference=tuple(self.reference),
        )


def script_names(root: Path = ROOT / "scripts", suffix: str = "sql") -> list[str]:
    """Return the names of all scripts, as ``area/name``, in order."""
    return sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob(f"*.{suffix}"))


def named(argument: str) -> str:
    """Return the name of a script that the command line gives as a name or as a file."""
    path, root = Path(argument).resolve(), ROOT / "scripts"
    return path.relative_to(root).with_suffix("").as_posix() if path.is_relative_to(root) else argument


def read_script(name: str, root: Path = ROOT / "scripts") -> Script:
    """Read a script by its name."""
    return parse_script(name, (root / f"{name}.sql").read_text(encoding="utf-8"))


def parse_script(name: str, source: str) -> Script:
    """Split a script's text into narration and statements."""
    narration: list[str] = []
    compare: frozenset[str] | None = None
    body = 0
    for line in source.splitlines(keepends=True):
        if not line.startswith("--"):
            break
        directive = _DIRECTIVE.match(line.rstrip())
        if directive is None:
            narration.append(line[2:].strip())
        elif directive[1] == "compare:":
            compare = _parts(directive[2])
        else:
            break
        body += len(line)
    if not narration:
        raise ValueError(f"{name}: a script begins with a comment that says what it shows")
    return Script(name, " ".join(narration), tuple(_statements(name, source, body)), compare)


def _parts(text: str) -> frozenset[str]:
    parts = frozenset(part.strip() for part in text.split(","))
    unknown = parts - {"sqlstate", "message", "detail", "hint", "position"}
    if unknown:
        raise ValueError(f"unknown part of an error: {sorted(unknown)}")
    return parts


def _statements(name: str, source: str, position: int) -> Iterator[Statement]:
    pending = _Pending()
    while position < len(source):
        found = _TOKEN.match(source, position)
        assert found is not None
        if found["space"]:
            position = found.end()
        elif found["comment"]:
            position = found.end()
            directive = _DIRECTIVE.match(found["comment"].rstrip())
            if directive is None:
                continue
            if directive[1] == "message":
                end = source.index("-- end message", position)
                text = source[position:end].strip("\n")
                yield pending.take(text, source.count("\n", 0, position) + 2, has_order=False)
                pending = _Pending(pending.session)
                position = end + len("-- end message")
            else:
                _apply(pending, directive[1], directive[2] or "")
        elif found["block"]:
            position = _skip_block(source, position)
        else:
            end, has_order = _end_of_statement(source, position)
            text = source[position:end].rstrip()
            if end >= len(source) or source[end] != ";":
                raise ValueError(f"{name}: the last statement has no semicolon: {text[:60]!r}")
            yield pending.take(text, source.count("\n", 0, position) + 1, has_order)
            pending = _Pending(pending.session)
            position = end + 1


def _apply(pending: _Pending, directive: str, argument: str) -> None:
    match directive:
        case "session":
            pending.session = argument.strip()
        case "blocks":
            pending.blocks = True
        case "wait":
            pending.wait.append(argument.strip())
        case "unordered":
            pending.ordered = False
        case "ordered":
            pending.ordered = True
        case "bind":
            pending.bind = tuple(json.loads(argument))
        case "compare:":
            pending.compare = _parts(argument)
        case "reference:":
            pending.reference.append(argument.rstrip(";"))


def _skip_block(source: str, position: int) -> int:
    """Return where a ``/* */`` comment ends; they nest."""
    depth = 0
    for found in re.finditer(r"/\*|\*/", source[position:]):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return position + found.end()
    return len(source)


def _end_of_statement(source: str, position: int) -> tuple[int, bool]:
    """Return where the statement ends (its semicolon), and whether it has an ORDER BY outside of parentheses."""
    depth = 0
    has_order = False
    while position < len(source):
        found = _TOKEN.match(source, position)
        assert found is not None
        if found["block"]:
            position = _skip_block(source, position)
            continue
        if found["dollar"]:
            end = source.find(found["dollar"], found.end())
            position = len(source) if end < 0 else end + len(found["dollar"])
            continue
        if found["other"]:
            if found["other"] == ";":
                return position, has_order
            depth += {"(": 1, ")": -1}.get(found["other"], 0)
        elif found["word"] and depth == 0 and found["word"].upper() == "ORDER":
            has_order = True
        position = found.end()
    return position, has_order
