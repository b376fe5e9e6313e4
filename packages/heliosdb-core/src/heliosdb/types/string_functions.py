"""The functions of strings that PostgreSQL 15 lists in section 9.4: length, cutting, searching, padding, case, codes.

Positions and lengths count characters from 1. Case conversion is the "C" locale's: ASCII letters only.
``string_formatting`` has what writes SQL (``quote_*``, ``format``, ``concat``), ``pattern`` and ``regular_expression``
the matching.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
    SqlSyntaxError,
    SubstringError,
)
from heliosdb.types.definitions import ScalarFunction, TableFunction
from heliosdb.types.identifiers import parse_identifiers

__all__ = ["FUNCTIONS", "TABLE_FUNCTIONS", "lower_text", "substring", "upper_text"]

LARGEST_ALLOCATION = 0x3FFFFFFF
INT4_HIGHEST = 2147483647

_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
# Patterns are compiled on first use, by re's own cache: a database opens faster without them.
_UNICODE_ESCAPE = r"(?s)\\(?:(\\)|([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.|$))"
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def upper_text(text: str) -> str:
    """Return the text with ASCII letters in upper case."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def lower_text(text: str) -> str:
    """Return the text with ASCII letters in lower case."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def initcap(text: str) -> str:
    """Return the text with each word's first letter in upper case and the others in lower case."""

    def capital(match: re.Match[str]) -> str:
        word = match.group()
        return word[0].upper() + word[1:].lower()

    return re.sub("[A-Za-z0-9]+", capital, text)


def blank_trimmed_length(text: str) -> int:
    """Return the length of a ``bpchar`` without its padding."""
    return len(text.rstrip(" "))


def octet_length(text: str) -> int:
    """Return the number of bytes of the UTF-8 form."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def bit_length(text: str) -> int:
    """Return eight times ``octet_length``."""
    return 8 * octet_length(text)


def substring(text: Any, start: int, length: int | None = None) -> Any:
    """Return the part that starts at a position, which may lie before the text; 22011 for a negative length."""
    if length is None:
        return text[start - 1 :] if start > 1 else text
    if length < 0:
        raise SubstringError("negative substring length not allowed")
    end = start + length
    if end > INT4_HIGHEST:
        end = INT4_HIGHEST
    return text[max(start - 1, 0) : max(end - 1, 0)]


def overlay(text: Any, replacement: Any, start: int, length: int | None = None) -> Any:
    """Replace the part that starts at a position; its length defaults to the replacement's."""
    if start <= 0:
        raise SubstringError("negative substring length not allowed")
    cut = len(replacement) if length is None else length
    if start + cut > INT4_HIGHEST:
        raise NumericValueOutOfRange("integer out of range")
    # The rest starts at start + cut, which a negative length moves to the left.
    return substring(text, 1, start - 1) + replacement + substring(text, start + cut)


def left(text: str, count: int) -> str:
    """Return the first characters; a negative count leaves out as many at the end."""
    return text[:count]


def right(text: str, count: int) -> str:
    """Return the last characters; a negative count leaves out as many at the start."""
    if count < 0:
        return text[-count:]
    return text[-count:] if count else ""


def strpos(text: Any, part: Any) -> int:
    """Return the position of the first occurrence, 0 where there is none."""
    return int(text.find(part)) + 1


def replace(text: str, old: str, new: str) -> str:
    """Replace every occurrence; an empty search text changes nothing."""
    return text.replace(old, new) if old else text


def split_part(text: str, delimiter: str, field: int) -> str:
    """Return the nth field, counted from the end when negative; empty where there is none."""
    if field == 0:
        raise InvalidParameterValue("field position must not be zero")
    if not text:
        return ""
    if not delimiter:
        return text if field in (1, -1) else ""
    fields = text.split(delimiter)
    index = field - 1 if field > 0 else len(fields) + field
    return fields[index] if 0 <= index < len(fields) else ""


def _padding(text: str, length: int, fill: str) -> str:
    missing = length - len(text)
    if missing <= 0 or not fill:
        return ""
    if length > LARGEST_ALLOCATION // 4:
        raise ProgramLimitExceeded("requested length too large")
    return (fill * (missing // len(fill) + 1))[:missing]


def lpad(text: str, length: int, fill: str = " ") -> str:
    """Fill on the left to a length; cut on the right what is longer."""
    if length <= 0:
        return ""
    return _padding(text, length, fill) + text if length > len(text) else text[:length]


def rpad(text: str, length: int, fill: str = " ") -> str:
    """Fill on the right to a length; cut on the right what is longer."""
    if length <= 0:
        return ""
    return text + _padding(text, length, fill) if length > len(text) else text[:length]


def btrim(text: str, characters: str = " ") -> str:
    """Remove characters of a set from both ends."""
    return text.strip(characters) if characters else text


def ltrim(text: str, characters: str = " ") -> str:
    """Remove characters of a set from the start."""
    return text.lstrip(characters) if characters else text


def rtrim(text: str, characters: str = " ") -> str:
    """Remove characters of a set from the end."""
    return text.rstrip(characters) if characters else text


def translate(text: str, old: str, new: str) -> str:
    """Replace each character of a set by the one at its place in another, or by nothing."""
    table: dict[int, str | None] = {}
    for index, character in enumerate(old):
        table.setdefault(ord(character), new[index] if index < len(new) else None)
    return text.translate(table)


def repeat(text: str, count: int) -> str:
    """Return the text repeated; 54000 past one gigabyte."""
    if count <= 0:
        return ""
    if octet_length(text) * count > LARGEST_ALLOCATION - 4:
        raise ProgramLimitExceeded("requested length too large")
    return text * count


def reverse(text: str) -> str:
    """Return the characters in reverse order."""
    return text[::-1]


def ascii_code(text: str) -> int:
    """Return the code of the first character, 0 for none."""
    return ord(text[0]) if text else 0


def chr_text(code: int) -> str:
    """Return the character with a code."""
    if code < 0:
        raise InvalidParameterValue("character number must be positive")
    if code == 0:
        raise ProgramLimitExceeded("null character not permitted")
    if code > 0x10FFFF:
        raise ProgramLimitExceeded(f"requested character too large for encoding: {code}")
    if 0xD800 <= code <= 0xDFFF:
        raise ProgramLimitExceeded(f"requested character not valid for encoding: {code}")
    return chr(code)


def to_hex_int4(number: int) -> str:
    """Return the hexadecimal digits of the two's complement in 32 bits."""
    return format(number & 0xFFFFFFFF, "x")


def to_hex_int8(number: int) -> str:
    """Return the hexadecimal digits of the two's complement in 64 bits."""
    return format(number & 0xFFFFFFFFFFFFFFFF, "x")


def md5_text(text: str) -> str:
    """Return the MD5 digest of the UTF-8 form in hexadecimal."""
    # Imported here: few statements need it, and it loads the system's cryptography.
    from hashlib import md5

    return md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()


def split(text: str | None, delimiter: str | None, null_text: str | None = None) -> tuple[str | None, ...] | None:
    """Split at a delimiter: NULL splits into characters, the empty one not at all; fields equal to a text become
    NULL.
    """
    if text is None:
        return None
    if not text:
        return ()
    fields = list(text) if delimiter is None else text.split(delimiter) if delimiter else [text]
    return tuple(fields) if null_text is None else tuple(None if field == null_text else field for field in fields)


def string_to_table(text: str | None, delimiter: str | None, null_text: str | None = None) -> Iterator[str | None]:
    """Give the fields of ``string_to_array`` one by one."""
    return iter(split(text, delimiter, null_text) or ())


def unistr(text: str) -> str:
    r"""Replace the escapes \XXXX, \+XXXXXX, \uXXXX and \UXXXXXXXX by their characters; surrogate pairs are joined."""

    def decode(match: re.Match[str]) -> str:
        backslash, *codes, wrong = match.groups()
        if backslash:
            return "\\"
        if wrong is not None:
            raise SqlSyntaxError(
                "invalid Unicode escape",
                hint="Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.",
            )
        code = int(next(digits for digits in codes if digits), 16)
        if not 0 < code <= 0x10FFFF:
            raise InvalidParameterValue(f"invalid Unicode code point: {code:04X}")
        return chr(code)

    decoded = re.sub(_UNICODE_ESCAPE, decode, text)
    if not any("\ud800" <= character <= "\udfff" for character in decoded):
        return decoded
    try:
        return decoded.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise InvalidParameterValue("invalid Unicode surrogate pair") from None


def _form(name: str) -> Any:
    upper = name.upper()
    if upper not in _FORMS:
        raise InvalidParameterValue(f"invalid normalization form: {name}")
    return upper


def normalized(text: str, form: str = "NFC") -> str:
    """Return the text in a Unicode normalization form."""
    from unicodedata import normalize

    return normalize(_form(form), text)


def has_form(text: str, form: str = "NFC") -> bool:
    """Return whether the text is in a Unicode normalization form."""
    from unicodedata import is_normalized

    return is_normalized(_form(form), text)


def to_ascii(text: str, encoding: object = None) -> str:
    """Refuse: only single-byte encodings can be reduced to ASCII, and text is always UTF-8."""
    raise FeatureNotSupported("encoding conversion from UTF8 to ASCII not supported")


def _text_functions() -> Iterator[ScalarFunction]:
    text, int4 = "text", "int4"
    for name in ("length", "char_length", "character_length"):
        yield ScalarFunction(name, (text,), int4, len)
        yield ScalarFunction(name, ("bpchar",), int4, blank_trimmed_length)
    yield ScalarFunction("textlen", (text,), int4, len)
    yield ScalarFunction("octet_length", (text,), int4, octet_length)
    yield ScalarFunction("octet_length", ("bpchar",), int4, octet_length)
    yield ScalarFunction("bit_length", (text,), int4, bit_length)
    yield ScalarFunction("upper", (text,), text, upper_text)
    yield ScalarFunction("lower", (text,), text, lower_text)
    yield ScalarFunction("initcap", (text,), text, initcap)
    for name in ("substr", "substring"):
        yield ScalarFunction(name, (text, int4), text, substring)
        yield ScalarFunction(name, (text, int4, int4), text, substring)
    yield ScalarFunction("overlay", (text, text, int4), text, overlay)
    yield ScalarFunction("overlay", (text, text, int4, int4), text, overlay)
    yield ScalarFunction("left", (text, int4), text, left, inline="{0}[:{1}]")
    yield ScalarFunction("right", (text, int4), text, right)
    yield ScalarFunction("strpos", (text, text), int4, strpos, inline="({0}.find({1}) + 1)")
    yield ScalarFunction("position", (text, text), int4, strpos, inline="({0}.find({1}) + 1)")
    yield ScalarFunction("replace", (text, text, text), text, replace)
    yield ScalarFunction("split_part", (text, text, int4), text, split_part)
    for name, pad in (("lpad", lpad), ("rpad", rpad)):
        yield ScalarFunction(name, (text, int4), text, pad)
        yield ScalarFunction(name, (text, int4, text), text, pad)
    for name, trim, method in (("btrim", btrim, "strip"), ("ltrim", ltrim, "lstrip"), ("rtrim", rtrim, "rstrip")):
        yield ScalarFunction(name, (text,), text, trim, inline=f'{{0}}.{method}(" ")')
        yield ScalarFunction(name, (text, text), text, trim)
    yield ScalarFunction("translate", (text, text, text), text, translate)
    yield ScalarFunction("repeat", (text, int4), text, repeat, bounded=False)
    yield ScalarFunction("reverse", (text,), text, reverse, inline="{0}[::-1]")
    yield ScalarFunction("ascii", (text,), int4, ascii_code)
    yield ScalarFunction("chr", (int4,), text, chr_text)
    yield ScalarFunction("to_hex", (int4,), text, to_hex_int4)
    yield ScalarFunction("to_hex", ("int8",), text, to_hex_int8)
    yield ScalarFunction("md5", (text,), text, md5_text)
    yield ScalarFunction("to_ascii", (text,), text, to_ascii)
    yield ScalarFunction("to_ascii", (text, int4), text, to_ascii)
    yield ScalarFunction("to_ascii", (text, "name"), text, to_ascii)
    yield ScalarFunction("unistr", (text,), text, unistr)
    yield ScalarFunction("normalize", (text, text), text, normalized, defaults=("'NFC'",))
    yield ScalarFunction("is_normalized", (text, text), "bool", has_form, defaults=("'NFC'",))
    yield ScalarFunction("string_to_array", (text, text), "_text", split, strict=False)
    yield ScalarFunction("string_to_array", (text, text, text), "_text", split, strict=False)
    yield ScalarFunction(
        "parse_ident",
        (text, "bool"),
        "_text",
        parse_identifiers,
        argument_names=("str", "strict"),
        defaults=("true",),
    )


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_text_functions())

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("string_to_table", ("text", "text"), "text", string_to_table, strict=False),
    TableFunction("string_to_table", ("text", "text", "text"), "text", string_to_table, strict=False),
)
