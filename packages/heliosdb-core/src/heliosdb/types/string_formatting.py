"""Functions that write several values into one text: ``concat``, ``format``, ``quote_literal`` and kin.

They take values of any type, so each is a factory that looks up the output functions of the argument types once, when
the statement is compiled. The text is what the type's output gives (a boolean is ``t``), as in PostgreSQL; only
``quote_literal`` and ``quote_nullable`` use the cast to text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from heliosdb.errors import InvalidParameterValue, NullValueNotAllowed
from heliosdb.types.definitions import CallTypes, ScalarFunction, Volatility
from heliosdb.types.identifiers import quote_identifier, quote_literal
from heliosdb.types.integer import INT4, parse_integer
from heliosdb.types.text import text_conversion

__all__ = ["FUNCTIONS"]

_SPECIFIER = r"(?:([0-9]+)\$)?(-*)(?:([0-9]+)|(\*)(?:([0-9]+)\$)?)?"
INT4_HIGHEST = 2147483647


def concat(call: CallTypes) -> Callable[..., str]:
    """Make ``concat``: the texts of the arguments that are not NULL."""
    outputs = [call.types.output(name) for name in call.arguments]

    def implementation(*arguments: Any) -> str:
        session = arguments[-1]
        return "".join(
            output(argument, session)
            for output, argument in zip(outputs, arguments, strict=False)
            if argument is not None
        )

    return implementation


def concat_ws(call: CallTypes) -> Callable[..., str | None]:
    """Make ``concat_ws``: the texts of the arguments after the first that are not NULL, joined by the first."""
    outputs = [call.types.output(name) for name in call.arguments[1:]]

    def implementation(separator: str | None, *arguments: Any) -> str | None:
        if separator is None:
            return None
        session = arguments[-1]
        return separator.join(
            output(argument, session)
            for output, argument in zip(outputs, arguments, strict=False)
            if argument is not None
        )

    return implementation


def literal_of_any(call: CallTypes) -> Callable[..., str]:
    """Make ``quote_literal`` of a value of any type."""
    convert = text_conversion(call.arguments[0], call.types)
    return lambda value, session: quote_literal(convert(value, session))


def nullable_of_any(call: CallTypes) -> Callable[..., str]:
    """Make ``quote_nullable`` of a value of any type."""
    convert = text_conversion(call.arguments[0], call.types)
    return lambda value, session: "NULL" if value is None else quote_literal(convert(value, session))


def quote_nullable(text: str | None) -> str:
    """Return the text as a string constant, NULL as the word."""
    return "NULL" if text is None else quote_literal(text)


def _unterminated() -> InvalidParameterValue:
    return InvalidParameterValue("unterminated format() type specifier", hint='For a single "%" use "%%".')


def _number(digits: str) -> int:
    if len(digits) > 10 or int(digits) > INT4_HIGHEST:
        raise InvalidParameterValue("number is out of range")
    return int(digits)


def format_text(call: CallTypes) -> Callable[..., str | None]:
    """Make ``format``: C's sprintf with %s, %I (identifier), %L (literal), positions and widths (section 9.4.1)."""
    outputs = [call.types.output(name) for name in call.arguments[1:]]

    def implementation(template: str | None, *rest: Any) -> str | None:
        if template is None:
            return None
        arguments, session = rest[:-1], rest[-1]
        pieces: list[str] = []
        following = 0
        position = 0

        def argument(number: int) -> tuple[Any, Callable[..., str]]:
            if number >= len(arguments):
                raise InvalidParameterValue("too few arguments for format()")
            return arguments[number], outputs[number]

        while (percent := template.find("%", position)) >= 0:
            pieces.append(template[position:percent])
            position = percent + 1
            if template.startswith("%", position):
                pieces.append("%")
                position += 1
                continue
            match = re.compile(_SPECIFIER).match(template, position)
            assert match is not None
            place, minus, width_digits, star, star_place = match.groups()
            position = match.end()
            if position >= len(template):
                raise _unterminated()
            if (place is not None and _number(place) == 0) or (star_place is not None and _number(star_place) == 0):
                raise InvalidParameterValue("format specifies argument 0, but arguments are numbered from 1")
            width, align_left = (_number(width_digits) if width_digits else 0), bool(minus)
            if star:
                if star_place is not None:
                    following = _number(star_place) - 1
                value, output = argument(following)
                following += 1
                width = _width(value, output, session)
                align_left, width = align_left or width < 0, abs(width)
            kind = template[position]
            position += 1
            if kind not in "sIL":
                raise InvalidParameterValue(
                    f'unrecognized format() type specifier "{kind}"', hint='For a single "%" use "%%".'
                )
            if place is not None:
                following = _number(place) - 1
            value, output = argument(following)
            following += 1
            text = _specified(kind, None if value is None else output(value, session))
            pieces.append(text.ljust(width) if align_left else text.rjust(width))
        pieces.append(template[position:])
        return "".join(pieces)

    return implementation


def _width(value: Any, output: Callable[..., str], session: Any) -> int:
    """Return the width that an argument gives (``%*s``): NULL is none."""
    if value is None:
        return 0
    return parse_integer(output(value, session), INT4)


def _specified(kind: str, text: str | None) -> str:
    if kind == "s":
        return text or ""
    if kind == "L":
        return quote_nullable(text)
    if text is None:
        raise NullValueNotAllowed("null values cannot be formatted as an SQL identifier")
    return quote_identifier(text)


def format_plain(template: str | None) -> str | None:
    """Return ``format`` of a template without arguments."""
    if template is None or "%" not in template:
        return template
    if re.fullmatch(r"(?:[^%]|%%)*", template, re.DOTALL):
        return template.replace("%%", "%")
    after = re.sub(r"%%", "", template).partition("%")[2]
    match = re.match(_SPECIFIER, after)
    assert match is not None
    if match.end() >= len(after):
        raise _unterminated()
    if after[match.end()] not in "sIL":
        kind = after[match.end()]
        raise InvalidParameterValue(f'unrecognized format() type specifier "{kind}"', hint='For a single "%" use "%%".')
    raise InvalidParameterValue("too few arguments for format()")


_ANY = {
    "strict": False,
    "variadic": True,
    "specialize": True,
    "needs_session": True,
    "volatility": Volatility.STABLE,
}

FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction("quote_ident", ("text",), "text", quote_identifier),
    ScalarFunction("quote_literal", ("text",), "text", quote_literal),
    ScalarFunction("quote_nullable", ("text",), "text", quote_nullable, strict=False),
    ScalarFunction(
        "quote_literal",
        ("anyelement",),
        "text",
        literal_of_any,
        specialize=True,
        needs_session=True,
        volatility=Volatility.STABLE,
    ),
    ScalarFunction(
        "quote_nullable",
        ("anyelement",),
        "text",
        nullable_of_any,
        strict=False,
        specialize=True,
        needs_session=True,
        volatility=Volatility.STABLE,
    ),
    ScalarFunction("concat", ("any",), "text", concat, **_ANY),  # type: ignore[arg-type]
    ScalarFunction("concat_ws", ("text", "any"), "text", concat_ws, **_ANY),  # type: ignore[arg-type]
    ScalarFunction("format", ("text", "any"), "text", format_text, **_ANY),  # type: ignore[arg-type]
    ScalarFunction("format", ("text",), "text", format_plain, strict=False, volatility=Volatility.STABLE),
)
