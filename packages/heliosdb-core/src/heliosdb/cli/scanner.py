"""Finding the ends of statements and meta-commands in what a user types, by psql's rules.

The scanner reads text from an offset and says why it stopped: at a semicolon, at a backslash outside of quotes, or at
the end. Its state (an open quote, parentheses, a comment) lives on between calls, so a statement may come line by line
or as part of a file. Variables (``:name``, ``:'name'``, ``:"name"``) are replaced on the way, outside of quotes and
comments only.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final

from heliosdb.sql.deparse import quote_identifier, quote_literal

__all__ = ["Scanner", "Stop"]


class Stop(enum.Enum):
    """Why the scanner stopped."""

    SEMICOLON = "semicolon"
    BACKSLASH = "backslash"
    END = "end"


_ORDINARY = r"""[^'"$\\/*\-();:a-zA-Z_\u0080-\U0010ffff]"""
_token: Final = re.compile(
    rf"""
    (?P<space>{_ORDINARY}++)
    |(?P<escape>[eE]')
    |(?P<word>[a-zA-Z_\u0080-\U0010ffff][\w$]*+)
    |(?P<line_comment>--[^\n\r]*+)
    |(?P<comment>/\*)
    |(?P<dollar>\$(?:[a-zA-Z_\u0080-\U0010ffff]\w*+)?\$)
    |(?P<quote>['"])
    |(?P<cast>::|:=)
    |(?P<variable>:(?:\w+|'\w+'|"\w+"))
    |(?P<backslash>\\[;:]?)
    |(?P<semicolon>;)
    |(?P<parenthesis>[()])
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ends: Final = {
    "'": re.compile(r"(?:[^']++|'')*+(')?+"),
    '"': re.compile(r'(?:[^"]++|"")*+(")?+'),
    "e'": re.compile(r"(?:[^'\\]++|''|\\.)*+(')?+", re.DOTALL),
}
_comment_edge: Final = re.compile(r"/\*|\*/")


class Scanner:
    """One statement at a time: ``text`` is what has been read of it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.clear()

    def clear(self) -> None:
        """Forget what was read."""
        self._parts: list[str] = []
        self._open: str | None = None
        self._depth = 0
        self._parentheses = 0
        self._bodies = 0
        self._words: list[str] = []
        self._has_content = False

    @property
    def text(self) -> str:
        """What has been read of the statement."""
        return "".join(self._parts)

    @text.setter
    def text(self, text: str) -> None:
        """Put a statement in place of what was read."""
        self.clear()
        self.scan(text)

    @property
    def is_empty(self) -> bool:
        """Whether nothing but blanks and comments has been read."""
        return not self._has_content

    @property
    def is_quoted(self) -> bool:
        """Whether a quote or comment is open, so that what comes is its content."""
        return self._open is not None

    @property
    def mark(self) -> str:
        """The character of psql's prompt for the state: = ready, - within a statement, ' " $ * ( within that."""
        if self._open is not None:
            return {"e'": "'", "/*": "*"}.get(self._open, self._open[0])
        return "(" if self._parentheses else "=" if self.is_empty else "-"

    def scan(self, text: str, at: int = 0) -> tuple[Stop, int]:
        """Read on from an offset; return why it stopped and the offset behind (a backslash is not passed)."""
        end = len(text)
        while at < end:
            if self._open is not None:
                at = self._scan_quoted(text, at)
                continue
            match = _token.match(text, at)
            assert match is not None
            kind, token, here = match.lastgroup, match[0], at
            at = match.end()
            if kind == "semicolon" and not self._parentheses and not self._bodies:
                return Stop.SEMICOLON, at
            if kind == "backslash":
                if len(token) == 1:
                    return Stop.BACKSLASH, here
                # \; and \: are a semicolon that does not end the statement, and a colon that begins no variable.
                token = token[1]
            elif kind in ("quote", "escape", "dollar", "comment"):
                self._open = token.lower() if kind == "escape" else token
                self._depth = 1
            elif kind == "word":
                self._note_word(token.lower())
            elif kind == "parenthesis":
                self._parentheses = max(0, self._parentheses + (1 if token == "(" else -1))
            elif kind == "variable":
                token = self._substituted(token)
            if kind not in ("line_comment", "comment") and not token.isspace():
                self._has_content = True
            self._parts.append(token)
        return Stop.END, at

    def _scan_quoted(self, text: str, at: int) -> int:
        opened = self._open
        assert opened is not None
        if opened == "/*":
            edge = _comment_edge.search(text, at)
            end = len(text) if edge is None else edge.end()
            if edge is not None:
                self._depth += 1 if edge[0] == "/*" else -1
                if not self._depth:
                    self._open = None
        elif opened in _ends:
            match = _ends[opened].match(text, at)
            assert match is not None
            end = match.end()
            if match[1] is not None:
                self._open = None
            elif end < len(text):
                end = len(text)
        else:
            close = text.find(opened, at)
            end = len(text) if close < 0 else close + len(opened)
            if close >= 0:
                self._open = None
        self._parts.append(text[at:end])
        return end

    def _note_word(self, word: str) -> None:
        if len(self._words) < 4:
            self._words.append(word)
        if self._words[:1] == ["create"] and not self._parentheses:
            rest = self._words[3:] if self._words[1:3] == ["or", "replace"] else self._words[1:]
            if rest[:1] in (["function"], ["procedure"]):
                if word == "begin" or (self._bodies and word == "case"):
                    self._bodies += 1
                elif self._bodies and word == "end":
                    self._bodies -= 1

    def _substituted(self, token: str) -> str:
        quote = token[1] if token[1] in "'\"" else ""
        value = self._variables.get(token[1:].strip("'\""))
        if value is None:
            return token
        return quote_literal(value) if quote == "'" else quote_identifier(value) if quote else value
