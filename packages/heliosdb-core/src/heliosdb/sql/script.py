"""Cutting a script into statements without parsing it, by the rules psql has.

A semicolon ends a statement unless it stands within quotes, comments, parentheses, or the body between BEGIN ATOMIC and
END of a CREATE FUNCTION or PROCEDURE (where CASE needs its own END). What is wrong in a statement stays in it, for
the parser to report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from heliosdb.sql.lexer import CONTINUATION, PART, START, passed_over
from heliosdb.sql.value_rows import LONG_TEXT, end_of_rows

__all__ = ["StatementText", "next_statement", "split"]


class StatementText(NamedTuple):
    """A statement's text without blanks around it or its semicolon, and its 0-based offset in the script."""

    text: str
    offset: int


_WORD, _MARK, _COMMENT, _DOLLAR, _QUOTE, _ESCAPES = 1, 2, 3, 4, 5, 6

_PASSED_OVER: Final = passed_over("0123456789'\"$/-();")
_pattern: Final = re.compile(
    rf"""{_PASSED_OVER}++|-(?!-)|/(?!\*)|[0-9]++(?:{START}{PART}*+)?+|\$[0-9]++|--[^\n\r]*+
    |((?![eE]'){START}{PART}*+)
    |([();])
    |(/\*)
    |(\$(?:{START}(?:(?!\$){PART})*+)?+\$)
    |('(?:[^']++|'')*+'|"(?:[^"]++|"")*+")
    |([eE]'(?:[^'\\]++|''|\\.)*+'(?:{CONTINUATION}'(?:[^'\\]++|''|\\.)*+')*+)
    |\$|['"]|[eE]""",
    re.VERBOSE | re.DOTALL,
)
_before_rows = re.compile(r"\bvalues[ \t\n\r\f]*+\Z", re.IGNORECASE)
_comment_edge = re.compile(r"/\*|\*/")


def next_statement(script: str, start: int = 0) -> tuple[StatementText, int] | None:
    """Return the first statement at or behind an offset, and the offset behind its semicolon; None at the end.

    A statement that has no semicolon reaches to the end. Statements of nothing but blanks and comments are passed over.
    """
    at = start
    begin = -1
    parentheses = bodies = 0
    words: list[str] = []
    while at < len(script):
        match = _pattern.match(script, at)
        if match is None:
            break
        group = match.lastindex
        token, here, at = match[0], at, match.end()
        if group is None:
            if begin < 0 and not token.isspace() and not token.startswith("--"):
                begin = here + len(token) - len(token.lstrip(" \t\n\r\f"))
            if token in ("'", '"'):
                at = len(script)
            continue
        if group == _COMMENT:
            closed = _comment_end(script, at)
            if closed is None and begin < 0:
                # It may have swallowed statements: the parser reports it.
                begin = here
            at = len(script) if closed is None else closed
            continue
        if begin < 0 and token != ";":
            begin = here
        if group == _DOLLAR:
            close = script.find(token, at)
            at = len(script) if close < 0 else close + len(token)
        elif group == _WORD:
            word = token.lower()
            if len(words) < 4:
                words.append(word)
            if _creates_routine(words) and not parentheses:
                if word == "begin" or (bodies and word == "case"):
                    bodies += 1
                elif bodies and word == "end":
                    bodies -= 1
        elif token == "(":
            if (
                parentheses
                or len(script) - here < LONG_TEXT
                or not _before_rows.search(script[max(0, here - 64) : here])
            ):
                parentheses += 1
            elif (end := end_of_rows(script, here)) > here:
                at = end
            else:
                parentheses = 1
        elif token == ")":
            parentheses = max(parentheses - 1, 0)
        elif token == ";" and not parentheses and not bodies:
            if begin >= 0:
                return StatementText(script[begin:here].rstrip(" \t\n\r\f"), begin), at
            words.clear()
    if begin < 0:
        return None
    return StatementText(script[begin:].rstrip(" \t\n\r\f"), begin), len(script)


def split(script: str) -> Iterator[StatementText]:
    """Yield the statements of a script with their offsets."""
    at = 0
    while (found := next_statement(script, at)) is not None:
        statement, at = found
        yield statement


def _creates_routine(words: list[str]) -> bool:
    if words[:1] != ["create"]:
        return False
    rest = words[3:] if words[1:3] == ["or", "replace"] else words[1:]
    return rest[:1] in (["function"], ["procedure"])


def _comment_end(script: str, at: int) -> int | None:
    depth = 1
    while depth:
        edge = _comment_edge.search(script, at)
        if edge is None:
            return None
        at = edge.end()
        depth += 1 if edge[0] == "/*" else -1
    return at
