"""LIKE, ILIKE and SIMILAR TO: patterns become matching functions, kept in a bounded cache by pattern text.

A LIKE pattern is cut at its percent signs. Most patterns are then one string method (equality, prefix, suffix,
containment); the rest become a regular expression in which each piece is atomic: a piece, once found at its leftmost
place, never has to move, so that the time is bounded by the product of the two lengths, whatever the pattern.

    'a%b_c%d'   pieces  a | b_c | d      ->  a(?>.*?b.c).*d

ILIKE folds ASCII letters on both sides, as the "C" locale does. SIMILAR TO is rewritten into a regular expression
(``similar_to_escape``) and matched by ``~``; the parser writes it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from heliosdb.errors import InvalidEscapeSequence, InvalidUseOfEscapeCharacter
from heliosdb.types.definitions import Operator, ScalarFunction
from heliosdb.types.string_functions import lower_text

__all__ = ["FUNCTIONS", "OPERATORS", "compile_like", "like_prefix", "textlike"]

CACHED_PATTERNS = 512


def _pieces(pattern: str) -> tuple[list[list[str | None]], bool]:
    """Cut a pattern at its percent signs into lists of characters (None: any one); also whether it ends in an
    escape."""
    pieces: list[list[str | None]] = [[]]
    position, length = 0, len(pattern)
    while position < length:
        character = pattern[position]
        if character == "%":
            pieces.append([])
        elif character == "_":
            pieces[-1].append(None)
        elif character == "\\":
            position += 1
            if position == length:
                return pieces, True
            pieces[-1].append(pattern[position])
        else:
            pieces[-1].append(character)
        position += 1
    return pieces, False


@lru_cache(maxsize=CACHED_PATTERNS)
def compile_like(pattern: str) -> Callable[[str], bool]:
    """Return the function that says whether a text matches a LIKE pattern whose escape is the backslash."""
    pieces, dangling = _pieces(pattern)
    if dangling:
        return _dangling(pieces)
    if any(None in piece for piece in pieces):
        return _expression(pieces)
    texts = ["".join(character for character in piece if character is not None) for piece in pieces]
    if len(texts) == 1:
        return texts[0].__eq__
    if len(texts) == 2 or not any(texts[1:-1]):
        return _ends(texts[0], texts[-1])
    if not texts[0] and not texts[-1] and len(inner := [text for text in texts if text]) == 1:
        return _containment(inner[0])
    return _expression(pieces)


def _ends(first: str, last: str) -> Callable[[str], bool]:
    if not last:
        return lambda text: text.startswith(first)
    if not first:
        return lambda text: text.endswith(last)
    least = len(first) + len(last)
    return lambda text: len(text) >= least and text.startswith(first) and text.endswith(last)


def _containment(part: str) -> Callable[[str], bool]:
    return lambda text: part in text


def _source(piece: list[str | None]) -> str:
    return "".join("." if character is None else re.escape(character) for character in piece)


def _expression(pieces: list[list[str | None]]) -> Callable[[str], bool]:
    first, *rest = pieces
    source = _source(first)
    if rest:
        *middle, last = rest
        # Adjacent percent signs leave empty pieces, which match anywhere.
        source += "".join(f"(?>.*?{_source(piece)})" for piece in middle if piece) + ".*" + _source(last)
    match = re.compile(source, re.DOTALL).fullmatch
    return lambda text: match(text) is not None


def _dangling(pieces: list[list[str | None]]) -> Callable[[str], bool]:
    """A pattern that ends in its escape character fails only for a text that gets that far, as in PostgreSQL."""
    reaches = _expression([*pieces[:-1], [*pieces[-1], None], []])

    def matches(text: str) -> bool:
        if reaches(text):
            raise InvalidEscapeSequence("LIKE pattern must not end with escape character")
        return False

    return matches


def like_prefix(pattern: str) -> tuple[str, bool]:
    """Return (the text that every match starts with, whether the pattern is just that text): for index ranges."""
    pieces, dangling = _pieces(pattern)
    first = pieces[0]
    stop = first.index(None) if None in first else len(first)
    prefix = "".join(character for character in first[:stop] if character is not None)
    return prefix, len(pieces) == 1 and stop == len(first) and not dangling


def textlike(text: str, pattern: str) -> bool:
    """Return whether a text matches a LIKE pattern."""
    return compile_like(pattern)(text)


def textnlike(text: str, pattern: str) -> bool:
    """Return whether a text does not match a LIKE pattern."""
    return not compile_like(pattern)(text)


def texticlike(text: str, pattern: str) -> bool:
    """Return whether a text matches a LIKE pattern, ASCII letters in any case."""
    return compile_like(lower_text(pattern))(lower_text(text))


def texticnlike(text: str, pattern: str) -> bool:
    """Return whether a text does not match a LIKE pattern, ASCII letters in any case."""
    return not texticlike(text, pattern)


def bytealike(data: bytes, pattern: bytes) -> bool:
    """Return whether bytes match a LIKE pattern of bytes."""
    return compile_like(pattern.decode("latin-1"))(data.decode("latin-1"))


def byteanlike(data: bytes, pattern: bytes) -> bool:
    """Return whether bytes do not match a LIKE pattern of bytes."""
    return not bytealike(data, pattern)


def like_escape(pattern: str, escape: str) -> str:
    """Rewrite a LIKE pattern for the backslash as its escape; an empty escape means that there is none."""
    if not escape:
        return pattern.replace("\\", "\\\\")
    if len(escape) > 1:
        raise InvalidEscapeSequence("invalid escape string", hint="Escape string must be empty or one character.")
    if escape == "\\":
        return pattern
    rewritten: list[str] = []
    escaped = False
    for character in pattern:
        if character == escape and not escaped:
            rewritten.append("\\")
            escaped = True
        elif character == "\\":
            # A backslash is an ordinary character here, so it must escape itself; after an escape the one is there.
            rewritten.append("\\" if escaped else "\\\\")
            escaped = False
        else:
            rewritten.append(character)
            escaped = False
    return "".join(rewritten)


def bytea_like_escape(pattern: bytes, escape: bytes) -> bytes:
    """Rewrite a LIKE pattern of bytes for the backslash as its escape."""
    return like_escape(pattern.decode("latin-1"), escape.decode("latin-1")).encode("latin-1")


def similar_to_escape(pattern: str, escape: str = "\\") -> str:
    """Rewrite a SIMILAR TO pattern into a regular expression (``similar_escape_internal`` of PostgreSQL 15).

    ``%`` and ``_`` become ``.*`` and ``.``; escaped double quotes cut the pattern into three parts, of which the
    middle one is captured (``substring(... similar ... escape ...)``); what is special only to regular expressions is
    escaped.
    """
    if len(escape) > 1:
        raise InvalidEscapeSequence("invalid escape string", hint="Escape string must be empty or one character.")
    return "".join(_similar(pattern, escape))


def _similar(pattern: str, escape: str) -> Iterator[str]:
    yield "^(?:"
    after_escape, in_brackets, quotes = False, False, 0
    for character in pattern:
        if after_escape:
            if character == '"' and not in_brackets:
                if quotes == 0:
                    yield "){1,1}?("
                elif quotes == 1:
                    yield "){1,1}(?:"
                else:
                    raise InvalidUseOfEscapeCharacter(
                        "SQL regular expression may not contain more than two escape-double-quote separators"
                    )
                quotes += 1
            else:
                yield "\\" + character
            after_escape = False
        elif character == escape:
            after_escape = True
        elif in_brackets:
            if character == "\\":
                yield "\\"
            yield character
            in_brackets = character != "]"
        elif character == "[":
            yield character
            in_brackets = True
        elif character == "%":
            yield ".*"
        elif character == "_":
            yield "."
        elif character == "(":
            yield "(?:"
        elif character in "\\.^$":
            yield "\\" + character
        else:
            yield character
    yield ")$"


def similar_escape(pattern: str | None, escape: str | None) -> str | None:
    """Rewrite a SIMILAR TO pattern; a NULL escape means the backslash (the form before PostgreSQL 13)."""
    if pattern is None:
        return None
    return similar_to_escape(pattern, "\\" if escape is None else escape)


_MATCHING = (
    ("like", "~~", textlike),
    ("nlike", "!~~", textnlike),
    ("iclike", "~~*", texticlike),
    ("icnlike", "!~~*", texticnlike),
)


def _functions() -> Iterator[ScalarFunction]:
    for prefix, type_name in (("text", "text"), ("name", "name"), ("bpchar", "bpchar")):
        for suffix, _, implementation in _MATCHING:
            yield ScalarFunction(prefix + suffix, (type_name, "text"), "bool", implementation)
    for name, implementation in (("like", textlike), ("notlike", textnlike)):
        yield ScalarFunction(name, ("text", "text"), "bool", implementation)
        yield ScalarFunction(name, ("name", "text"), "bool", implementation)
    yield ScalarFunction("bytealike", ("bytea", "bytea"), "bool", bytealike)
    yield ScalarFunction("byteanlike", ("bytea", "bytea"), "bool", byteanlike)
    yield ScalarFunction("like", ("bytea", "bytea"), "bool", bytealike)
    yield ScalarFunction("notlike", ("bytea", "bytea"), "bool", byteanlike)
    yield ScalarFunction("like_escape", ("text", "text"), "text", like_escape)
    yield ScalarFunction("like_escape", ("bytea", "bytea"), "bytea", bytea_like_escape)
    yield ScalarFunction("similar_to_escape", ("text",), "text", similar_to_escape)
    yield ScalarFunction("similar_to_escape", ("text", "text"), "text", similar_to_escape)
    yield ScalarFunction("similar_escape", ("text", "text"), "text", similar_escape, strict=False)


def _operators() -> Iterator[Operator]:
    negators = {"~~": "!~~", "!~~": "~~", "~~*": "!~~*", "!~~*": "~~*"}
    for prefix, type_name in (("text", "text"), ("name", "name"), ("bpchar", "bpchar")):
        for suffix, symbol, _ in _MATCHING:
            yield Operator(
                symbol,
                type_name,
                "text",
                "bool",
                prefix + suffix,
                negator=negators[symbol],
                selectivity=None if symbol[0] == "!" else "like",
            )
    yield Operator("~~", "bytea", "bytea", "bool", "bytealike", negator="!~~", selectivity="like")
    yield Operator("!~~", "bytea", "bytea", "bool", "byteanlike", negator="~~")


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_functions())
OPERATORS: tuple[Operator, ...] = tuple(_operators())
