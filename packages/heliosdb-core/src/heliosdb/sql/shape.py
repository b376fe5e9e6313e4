"""The shape of a text: what is left when its constants are lifted out.

Two texts of the same shape parse to trees that differ in the values of their Literals only, so they can share a plan.
The shape is a tuple of the pieces between the constants, verbatim, and between them the class of each constant. Integer
classes follow the width a value takes, negative or not: 2147483648 has a class of its own, for with a minus sign it is
an int4 again.

One expression jumps from constant to constant; whatever it cannot read surely (escape strings, dollar quotes, nested
comments, junk) sends the whole text through the lexer, which numbers constants in the same order.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from heliosdb.sql.dialect import POSTGRESQL, Dialect
from heliosdb.sql.lexer import CONTINUATION, NUMBER, PART, PLAIN_STRING, START, lexer_for, passed_over

__all__ = ["Constant", "Shape", "shape"]

Shape = tuple[str, ...]


class Constant(NamedTuple):
    """A lifted constant: kind and value as its Literal has them (without a minus sign), and its 1-based position."""

    kind: str
    value: str
    position: int


_KINDS: Final = {"SCONST": "string", "BCONST": "bitstring", "XCONST": "bitstring"}
_joint = re.compile(rf"'{CONTINUATION}'")

_STRING, _INTEGER, _NUMBER, _END = 1, 2, 3, 4


@lru_cache(maxsize=8)
def _pattern(dialect: Dialect) -> re.Pattern[str]:
    quoted = "|".join(
        rf"{re.escape(left)}(?:[^{re.escape(right)}]++|{re.escape(right)}{re.escape(right)})++{re.escape(right)}"
        for left, right in dialect.identifier_quotes
    )
    stops = "0123456789'$/.-" + "".join(left for left, _ in dialect.identifier_quotes)
    return re.compile(
        rf"""(?:{passed_over(stops)}++
        |(?![eEbBxXnN]'|[uU]&['"]){START}{PART}*+
        |{quoted}
        |--[^\n\r]*+|-
        |/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/|/(?!\*)
        |\.\.|\.(?![0-9])
        |\$[0-9]++(?!{START})
        )*+(?:({PLAIN_STRING})
        |([0-9]++)(?!\.|{START})
        |({NUMBER})(?!{START})
        |(\Z)
        |.)""",
        re.VERBOSE | re.DOTALL,
    )


def shape(text: str, dialect: Dialect = POSTGRESQL) -> tuple[Shape, list[Constant]]:
    """Return the shape of a text and the constants lifted out of it, in the order of ``Literal.slot``.

    A text that the lexer refuses is its own shape and has no constants: compiling it tells what is wrong.
    """
    key: list[str] = []
    constants: list[Constant] = []
    done = 0
    for match in _pattern(dialect).finditer(text):
        group = match.lastindex
        if group is None:
            return _by_lexer(text, dialect)
        start, end = match.span(group)
        key.append(text[done:start])
        if group == _END:
            return tuple(key), constants
        done = end
        value = match[group]
        if group == _STRING:
            value = value[1:-1]
            if "'" in value:
                value = _joint.sub("", match[group])[1:-1].replace("''", "'")
            key.append("string")
            constants.append(Constant("string", value, start + 1))
        elif group == _INTEGER or value.isdigit():
            key.append("int4" if end - start < 10 else integer_class(value))
            constants.append(Constant("integer", value, start + 1))
        else:
            key.append("numeric")
            constants.append(Constant("numeric", value, start + 1))
    return _by_lexer(text, dialect)


def integer_class(digits: str) -> str:
    """Return the class of an integer constant: the narrowest of int4, int8, numeric, or what only -x narrows."""
    digits = digits.lstrip("0")
    if len(digits) > 19:
        return "numeric integer"
    value = int(digits or "0")
    if value <= 2147483647:
        return "int4"
    if value == 2147483648:
        return "int4 if negative"
    if value <= 9223372036854775807:
        return "int8"
    return "int8 if negative" if value == 9223372036854775808 else "numeric integer"


def _by_lexer(text: str, dialect: Dialect) -> tuple[Shape, list[Constant]]:
    scan = lexer_for(dialect).scan(text)
    if scan.error is not None:
        return (text,), []
    key: list[str] = []
    constants: list[Constant] = []
    done = 0
    for index in scan.constants:
        kind, value, position = scan.kinds[index], scan.values[index], scan.positions[index]
        key.append(text[done : position - 1])
        done = scan.ends[index] - 1
        if kind in _KINDS:
            key.append(_KINDS[kind])
            constants.append(Constant(_KINDS[kind], value, position))
        elif value.isdigit():
            key.append(integer_class(value))
            constants.append(Constant("integer", value, position))
        else:
            key.append("numeric")
            constants.append(Constant("numeric", value, position))
    key.append(text[done:])
    return tuple(key), constants
