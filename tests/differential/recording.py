"""Recordings: what a server answered, as text that a person can read and a program can compare.

A step is a statement and what came back:

    === 7 session B
    SELECT a, b FROM t ORDER BY a
    ---
    tag SELECT 2
    columns a integer | b text
     1 | one
     2 | NULL

Rows begin with a blank. A value stands as the server's text output prints it; it is put in quotes, as in JSON, where
it would otherwise be misread: NULL is SQL's null and "NULL" a text, "" is the empty string, blanks at the ends, line
breaks and the separator are quoted too. An error is ``ERROR 22012 division by zero`` with lines for DETAIL, HINT and
POSITION (1-based, in characters), a notice ``NOTICE 42P07 relation "t" already exists, skipping``. ``waited`` says
that the statement had to wait for another session before it answered.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .script import Script, Statement

__all__ = [
    "Answer",
    "Failure",
    "Notice",
    "Rows",
    "Step",
    "differences",
    "read_steps",
    "render",
    "same_as_recorded",
    "split_row",
    "without_order",
]


@dataclass(frozen=True)
class Rows:
    """A command tag and, for statements that return rows, columns (name, type name) and rows in text form."""

    tag: str
    columns: tuple[tuple[str, str], ...] | None = None
    rows: tuple[tuple[str | None, ...], ...] = ()


@dataclass(frozen=True)
class Failure:
    """An error as the client sees it."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None
    position: int | None = None


@dataclass(frozen=True)
class Notice:
    """A notice, warning or the like that came while a statement ran."""

    severity: str
    message: str


@dataclass(frozen=True)
class Answer:
    """All that one message brought back: notices, the results of its statements, and an error if it ended in one."""

    results: tuple[Rows, ...] = ()
    failure: Failure | None = None
    notices: tuple[Notice, ...] = ()
    waited: bool = False


@dataclass(frozen=True)
class Step:
    """A statement with its answer."""

    statement: Statement
    answer: Answer


_JSON = json.JSONDecoder()


def quote(value: str | None) -> str:
    """Return a value as it stands in a recording."""
    if value is None:
        return "NULL"
    plain = value and value == value.strip() and value.isprintable() and value[0] != '"'
    if plain and value not in ("NULL", "()") and "|" not in value:
        return value
    return json.dumps(value, ensure_ascii=False)


def split_row(text: str) -> list[str | None]:
    """Return the values of a row as it stands in a recording."""
    values: list[str | None] = []
    position = 0
    while position < len(text) and text != "()":
        if text[position] == '"':
            value, end = _JSON.raw_decode(text, position)
        else:
            end = text.find(" | ", position)
            end = len(text) if end < 0 else end
            value = None if text[position:end] == "NULL" else text[position:end]
        values.append(value)
        position = end + len(" | ")
    return values


def _render_answer(answer: Answer) -> list[str]:
    lines: list[str] = []
    if answer.waited:
        lines.append("waited")
    lines += [f"{notice.severity} {quote(notice.message)}" for notice in answer.notices]
    for result in answer.results:
        lines.append(f"tag {result.tag}")
        if result.columns is not None:
            lines.append("columns " + " | ".join(f"{quote(name)} {kind}" for name, kind in result.columns))
            lines += [" " + (" | ".join(map(quote, row)) if row else "()") for row in result.rows]
    if answer.failure is not None:
        failure = answer.failure
        lines.append(f"ERROR {failure.sqlstate} {quote(failure.message)}")
        if failure.detail is not None:
            lines.append(f"DETAIL {quote(failure.detail)}")
        if failure.hint is not None:
            lines.append(f"HINT {quote(failure.hint)}")
        if failure.position is not None:
            lines.append(f"POSITION {failure.position}")
    return [line.rstrip() for line in lines]


def _render_step(number: int, step: Step) -> list[str]:
    session = "" if step.statement.session == "A" else f" session {step.statement.session}"
    return [f"=== {number}{session}", *step.statement.text.split("\n"), "---", *_render_answer(step.answer)]


def render(header: Sequence[str], steps: Sequence[Step]) -> str:
    """Return a recording's text."""
    lines = [f"# {line}" for line in header]
    for number, step in enumerate(steps, 1):
        lines += ["", *_render_step(number, step)]
    return "\n".join(lines) + "\n"


def read_steps(text: str) -> list[tuple[str, list[str]]]:
    """Return a recording's steps as (statement text, answer lines)."""
    steps: list[tuple[str, list[str]]] = []
    for block in text.split("\n\n=== ")[1:]:
        lines = block.rstrip("\n").split("\n")
        cut = lines.index("---")
        steps.append(("\n".join(lines[1:cut]), lines[cut + 1 :]))
    return steps


# --- comparison -----------------------------------------------------------------------------------------------------


def _wanted(script: Script, statement: Statement, sqlstate: str) -> frozenset[str]:
    """Return which parts of an error with this SQLSTATE are compared."""
    asked = statement.compare or script.compare
    if asked is not None:
        return asked
    if sqlstate[:2] == "23":
        return frozenset(("message", "detail"))
    return frozenset(("message",)) if sqlstate[:2] in ("22", "42") else frozenset()


def _reduced(lines: Iterable[str], script: Script, statement: Statement) -> list[str]:
    """Return an answer's lines without what is not compared, rows sorted where their order is free."""
    kept: list[str] = []
    rows: list[str] = []
    wanted: frozenset[str] = frozenset()

    def flush() -> None:
        kept.extend(rows if statement.ordered else sorted(rows))
        rows.clear()

    for line in lines:
        if line.startswith(" "):
            rows.append(line)
            continue
        flush()
        if line.startswith("ERROR "):
            wanted = _wanted(script, statement, line[6:11])
            # of a defect the message is the only clue
            kept.append(line if "message" in wanted or line[6:11] in ("-----", "XX000") else line[:11])
        elif line.split(" ", 1)[0] in ("DETAIL", "HINT", "POSITION"):
            if line.split(" ", 1)[0].lower() in wanted:
                kept.append(line)
        else:
            kept.append(line)
    flush()
    return kept


def same_as_recorded(script: Script, recorded: str) -> bool:
    """Say whether a recording was made from the script as it stands now."""
    return [text for text, _ in read_steps(recorded)] == [statement.text for statement in script.statements]


def differences(
    script: Script,
    recorded: str,
    steps: Sequence[Step],
    convert: Callable[[list[str]], list[str] | None] | None = None,
) -> dict[int, str]:
    """Return a readable report for each step, by its number, whose answer differs from the recorded one.

    ``convert`` makes of a recorded answer's lines what the steps' answers look like, or None where nothing does.
    """
    reports: dict[int, str] = {}
    for number, ((text, expected), step) in enumerate(zip(read_steps(recorded), steps, strict=True), 1):
        converted = expected if convert is None else convert(expected)
        if converted is None:
            continue
        left = _reduced(converted, script, step.statement)
        right = _reduced(_render_answer(step.answer), script, step.statement)
        if left != right:
            diff = list(difflib.unified_diff(left, right, "PostgreSQL", "HeliosDB", lineterm="", n=2))[2:]
            reports[number] = "\n".join([f"=== {number} (line {step.statement.line})", text, "---", *diff])
    return reports


def without_order(answer: Answer) -> Answer:
    """Return the answer with each result's rows sorted."""

    def key(row: tuple[str | None, ...]) -> tuple[tuple[bool, str], ...]:
        return tuple((value is None, value or "") for value in row)

    return replace(answer, results=tuple(replace(r, rows=tuple(sorted(r.rows, key=key))) for r in answer.results))
