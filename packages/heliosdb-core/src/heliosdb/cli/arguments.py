r"""The words behind a meta-command, by psql's rules.

Words are separated by blanks. Single quotes hold a word together and know ``\n``, ``\t``, ``\'`` and the like; double
quotes hold a name together and stay, for the command to tell ``"A"`` from ``A``. ``:name`` is the variable's value. A
backslash outside of quotes ends the arguments: another command follows, and ``\\`` goes back to SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.sql.deparse import quote_identifier, quote_literal

__all__ = ["Arguments"]

_piece: Final = re.compile(
    r"""'(?P<single>(?:[^'\\\n]|''|\\.)*)'
    |(?P<double>"(?:[^"\n]|"")*")
    |:'(?P<literal>\w+)'|:"(?P<identifier>\w+)"|:(?P<variable>\w+)
    |(?P<program>`)
    |(?P<unclosed>['"])
    |(?P<plain>[^\s'"`\\:]+|:)""",
    re.VERBOSE,
)
_escape: Final = re.compile(r"''|\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)")
_escaped: Final = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}


class Arguments:
    """The rest of a line behind a meta-command's name; taken word by word, or whole."""

    def __init__(self, line: str, at: int, variables: Mapping[str, str], name: str = "") -> None:
        self._line = line.rstrip("\r\n")
        self._variables = variables
        self.at = at
        self.name = name
        """The command's name as it was written."""

    def take(self) -> str | None:
        """Return the next word, None behind the last."""
        line = self._line
        while self.at < len(line) and line[self.at].isspace():
            self.at += 1
        if self.at >= len(line) or line[self.at] == "\\":
            return None
        parts = []
        while self.at < len(line) and (match := _piece.match(line, self.at)) is not None:
            parts.append(self._text(match))
            self.at = match.end()
        return "".join(parts)

    def take_all(self) -> list[str]:
        """Return all words that are left."""
        words = []
        while (word := self.take()) is not None:
            words.append(word)
        return words

    def take_rest(self) -> str:
        """Return the rest of the line as it is."""
        rest, self.at = self._line[self.at :], len(self._line)
        return rest.strip()

    def _text(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        assert kind is not None
        text = match[kind]
        if kind == "single":
            return _escape.sub(_unescaped, text)
        if kind == "program":
            raise FeatureNotSupported("running programs from the shell is not supported")
        if kind == "unclosed":
            raise SqlSyntaxError("unterminated quoted string")
        if kind in ("literal", "identifier", "variable"):
            value = self._variables.get(text)
            if value is None:
                return match[0]
            return (
                quote_literal(value)
                if kind == "literal"
                else quote_identifier(value)
                if kind == "identifier"
                else value
            )
        return text


def _unescaped(match: re.Match[str]) -> str:
    if match[0] == "''":
        return "'"
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _escaped.get(code, code)
