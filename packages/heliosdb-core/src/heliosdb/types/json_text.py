"""Reading JSON text: a strict parser (RFC 8259) with PostgreSQL's error messages, and the way back.

``parse_json`` gives a tree of nodes that remember where in the text they stand, because the ``json`` type answers
``->`` with the very characters of the value. It keeps its own stack, so that hostile nesting ends in an error of
ours; the depth is bounded, because what walks such trees later may recurse.

Well-formed text, the usual case, never comes here: Python's C parser reads it (``json`` and ``jsonb``), and only text
that it refuses, or that holds escapes on which the two differ, is read again.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from heliosdb import errors

__all__ = ["MAXIMUM_DEPTH", "JsonNode", "escape_json", "parse_json"]

MAXIMUM_DEPTH = 400
"""How deeply arrays and objects may nest."""


class JsonNode(NamedTuple):
    """A value of the text: ``kind`` is one of "object", "array", "string", "number", "true", "false", "null".

    ``value`` is a list of (key, node) for objects, of nodes for arrays, the unescaped text of a string, else the
    token.
    """

    kind: str
    start: int
    end: int
    value: Any


_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# ASCII letters, digits, _ and all beyond ASCII, said by what is left out: so it compiles at once.
_NO_NUMBER = re.compile(r"-(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?")
_WORD = re.compile(r"[^\0-/:-@\[-\^`{-\x7f]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

_SPECIAL = re.compile(r'["\\\x00-\x1f]')
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return _ESCAPED.get(character) or f"\\u{ord(character):04x}"


def escape_json(text: str) -> str:
    """Return a text as a JSON string, quotes included."""
    return f'"{_SPECIAL.sub(_escaped, text)}"'


class _Token(NamedTuple):
    kind: str
    start: int
    end: int
    value: str


class _Parser:
    """The tokens and the state of one reading; ``unescape``: whether escaped code points are decoded and checked."""

    def __init__(self, text: str, unescape: bool) -> None:
        self.text = text
        self.unescape = unescape
        self.token = _Token("end", 0, 0, "")

    def fail(self, detail: str, end: int, *, at_end: bool = False) -> NoReturn:
        raise errors.InvalidTextRepresentation(
            "invalid input syntax for type json", detail=detail, context=self.context(end, at_end)
        )

    def context(self, end: int, at_end: bool = False) -> str:
        """Return ``JSON data, line 2: ..."b":x...``: up to 50 characters of the line before the place."""
        line_start = max(self.text.rfind("\n", 0, self.token.start), self.text.rfind("\r", 0, self.token.start)) + 1
        line = len(re.findall(r"\r\n|\n|\r", self.text[:line_start])) + 1
        start = max(line_start, end - 49)
        if start - line_start <= 3:
            start = line_start
        before = "..." if start > line_start else ""
        rest = self.text[end : end + 1]
        after = "..." if rest and rest not in "\r\n" and not at_end else ""
        return f"JSON data, line {line}: {before}{self.text[start:end]}{after}"

    def advance(self) -> None:
        """Read the next token."""
        text = self.text
        match = _SPACE.match(text, self.token.end)
        start = match.end() if match else self.token.end
        if start >= len(text):
            self.token = _Token("end", start, start, "")
            return
        character = text[start]
        if character in "{}[],:":
            self.token = _Token(character, start, start + 1, character)
        elif character == '"':
            self.read_string(start)
        elif character == "-" or "0" <= character <= "9":
            self.read_number(start)
        else:
            word = _WORD.match(text, start)
            end = word.end() if word else start
            value = text[start:end]
            if value not in ("true", "false", "null"):
                end = max(end, start + 1)
                self.token = _Token("invalid", start, end, text[start:end])
                self.fail(f'Token "{text[start:end]}" is invalid.', end)
            self.token = _Token(value, start, end, value)

    def read_number(self, start: int) -> None:
        text = self.text
        match = _NUMBER.match(text, start)
        # A minus without digits takes the rest of what could be a number with it.
        end = match.end() if match else _NO_NUMBER.match(text, start).end()  # type: ignore[union-attr]
        valid = match is not None
        is_whole = match is not None and match[0].removeprefix("-").isdigit()
        if (text[end : end + 1] == "." and is_whole) or (text[end : end + 1] in ("e", "E") and valid):
            # The grammar stopped before a point or an exponent without digits: PostgreSQL's token takes it in.
            valid = False
            end += 1
            if text[end - 1] in "eE" and text[end : end + 1] in ("+", "-"):
                end += 1
        word = _WORD.match(text, end)
        if word is not None and word.end() > end:
            valid, end = False, word.end()
        self.token = _Token("number", start, end, text[start:end])
        if not valid:
            self.fail(f'Token "{text[start:end]}" is invalid.', end)

    def read_string(self, start: int) -> None:
        text = self.text
        self.token = _Token("string", start, start, "")
        parts: list[str] = []
        position = start + 1
        high = 0
        while True:
            plain = _PLAIN.match(text, position)
            assert plain is not None
            if plain.end() > position:
                if high and self.unescape:
                    self.fail("Unicode low surrogate must follow a high surrogate.", position + 1)
                parts.append(plain[0])
                position = plain.end()
            if position >= len(text):
                self.fail(f'Token "{text[start:]}" is invalid.', position)
            character = text[position]
            if character == '"':
                if high and self.unescape:
                    self.fail("Unicode low surrogate must follow a high surrogate.", position + 1)
                break
            if character != "\\":
                self.fail(f"Character with value 0x{ord(character):02x} must be escaped.", position)
            position += 1
            if position >= len(text):
                self.fail(f'Token "{text[start:]}" is invalid.', position)
            character = text[position]
            if character == "u":
                code = self.read_code(position + 1, start)
                position += 5
                if self.unescape:
                    high = self.add_code(parts, code, high, position)
                continue
            if high and self.unescape:
                self.fail("Unicode low surrogate must follow a high surrogate.", position + 1)
            plain_character = _ESCAPES.get(character)
            if plain_character is None:
                self.fail(f'Escape sequence "\\{character}" is invalid.', position + 1)
            parts.append(plain_character)
            position += 1
        self.token = _Token("string", start, position + 1, "".join(parts))

    def read_code(self, position: int, start: int) -> int:
        for index in range(position, position + 4):
            if index >= len(self.text):
                self.fail(f'Token "{self.text[start:]}" is invalid.', index)
            if self.text[index] not in "0123456789abcdefABCDEF":
                self.fail('"\\u" must be followed by four hexadecimal digits.', index + 1)
        return int(self.text[position : position + 4], 16)

    def add_code(self, parts: list[str], code: int, high: int, end: int) -> int:
        """Add an escaped code point; return the high surrogate that waits for its other half, or 0."""
        if 0xD800 <= code <= 0xDBFF:
            if high:
                self.fail("Unicode high surrogate must not follow a high surrogate.", end)
            return code
        if 0xDC00 <= code <= 0xDFFF:
            if not high:
                self.fail("Unicode low surrogate must follow a high surrogate.", end)
            parts.append(chr(0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF)))
            return 0
        if high:
            self.fail("Unicode low surrogate must follow a high surrogate.", end)
        if code == 0:
            raise errors.UntranslatableCharacter(
                "unsupported Unicode escape sequence",
                detail="\\u0000 cannot be converted to text.",
                context=self.context(end),
            )
        parts.append(chr(code))
        return 0

    def expected(self, what: str) -> NoReturn:
        if self.token.kind == "end":
            self.fail("The input string ended unexpectedly.", self.token.end, at_end=True)
        found = self.text[self.token.start : self.token.end]
        self.fail(f'Expected {what}, but found "{found}".', self.token.end)

    def parse(self) -> JsonNode:
        self.advance()
        root = self.value()
        if self.token.kind != "end":
            self.expected("end of input")
        return root

    def value(self) -> JsonNode:
        """Read one value with a stack of the containers that are still open."""
        open_nodes: list[tuple[str, int, list[Any], str]] = []
        while True:
            token = self.token
            key = ""
            if open_nodes and open_nodes[-1][0] == "object":
                key = self.key(first=not open_nodes[-1][2])
                token = self.token
            if token.kind in ("{", "["):
                if len(open_nodes) >= MAXIMUM_DEPTH:
                    raise errors.StatementTooComplex("stack depth limit exceeded")
                kind = "object" if token.kind == "{" else "array"
                open_nodes.append((kind, token.start, [], key))
                self.advance()
                if self.token.kind != ("}" if kind == "object" else "]"):
                    continue
                node = self.close(open_nodes)
                key = open_nodes.pop()[3]
            elif token.kind in ("string", "number", "true", "false", "null"):
                node = JsonNode(token.kind, token.start, token.end, token.value)
                self.advance()
            else:
                self.expected("JSON value")
            while open_nodes:
                kind, _, items, outer_key = open_nodes[-1]
                items.append((key, node) if kind == "object" else node)
                if self.token.kind == ",":
                    self.advance()
                    break
                if self.token.kind != ("}" if kind == "object" else "]"):
                    self.expected('"," or "}"' if kind == "object" else '"," or "]"')
                node = self.close(open_nodes)
                open_nodes.pop()
                key = outer_key
            if not open_nodes:
                return node

    def key(self, *, first: bool) -> str:
        if self.token.kind != "string":
            self.expected('string or "}"' if first else "string")
        key = self.token.value
        self.advance()
        if self.token.kind != ":":
            self.expected('":"')
        self.advance()
        return key

    def close(self, open_nodes: list[tuple[str, int, list[Any], str]]) -> JsonNode:
        kind, start, items, _ = open_nodes[-1]
        node = JsonNode(kind, start, self.token.end, items)
        self.advance()
        return node


def parse_json(text: str, *, unescape: bool = True) -> JsonNode:
    """Return the root node; 22P02 for what is no JSON, 22P05 for the escaped NUL, 54001 for too much nesting."""
    return _Parser(text, unescape).parse()
