r"""``bytea``: datums are bytes, ordered byte by byte.

Input takes the hexadecimal form ``\x0aff`` and the escape form, in which a backslash starts three octal digits or
another backslash; output writes the one that ``bytea_output`` names. ``bytea_functions`` has the functions. ``BLOB``
is another name of the type.
"""

from __future__ import annotations

import re
from typing import Any

from heliosdb.errors import InvalidParameterValue, InvalidTextRepresentation
from heliosdb.types.comparison import (
    comparison_functions,
    comparison_names,
    comparison_operators,
    operator_classes,
)
from heliosdb.types.definitions import Operator, OperatorClass, ScalarFunction, Type

__all__ = [
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "bytea_input",
    "bytea_output",
    "escape_text",
    "hexadecimal",
    "unescape_text",
]

_ESCAPE = rb"\\(\\|[0-3][0-7][0-7])"


def hexadecimal(text: str) -> bytes:
    """Decode pairs of hexadecimal digits, with blanks between pairs; 22023 where they are malformed."""
    if text.isascii() and not any(blank in text for blank in " \t\n\r\v\f"):
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    position, length = 0, len(text)
    digits: list[str] = []
    while position < length:
        character = text[position]
        if character in " \n\t\r":
            position += 1
            continue
        for character in text[position : position + 2]:
            if character not in "0123456789abcdefABCDEF":
                raise InvalidParameterValue(f'invalid hexadecimal digit: "{character}"')
        if position + 1 >= length:
            raise InvalidParameterValue("invalid hexadecimal data: odd number of digits")
        digits.append(text[position : position + 2])
        position += 2
    return bytes.fromhex("".join(digits))


def unescape_text(text: str) -> bytes | None:
    """Decode the escape form, None where a backslash starts no valid sequence."""
    data = text.encode("utf-8")
    if b"\\" not in data:
        return data
    position = 0
    pieces: list[bytes] = []
    while True:
        backslash = data.find(b"\\", position)
        if backslash < 0:
            pieces.append(data[position:])
            return b"".join(pieces)
        match = re.compile(_ESCAPE).match(data, backslash)
        if match is None:
            return None
        escaped = match.group(1)
        pieces.append(data[position:backslash])
        pieces.append(escaped if escaped == b"\\" else bytes((int(escaped, 8),)))
        position = match.end()


def escape_text(data: bytes) -> str:
    """Write the escape form: bytes outside of printable ASCII as octal, the backslash doubled."""
    return "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03o}" for byte in data)


def bytea_input(text: str, typmod: int, session: Any = None) -> bytes:
    """Parse either form; 22P02 for a malformed escape, 22023 for malformed hexadecimal digits."""
    if text.startswith("\\x"):
        return hexadecimal(text[2:])
    data = unescape_text(text)
    if data is None:
        raise InvalidTextRepresentation("invalid input syntax for type bytea")
    return data


def bytea_output(datum: bytes, session: Any = None) -> str:
    """Write the form that ``bytea_output`` names."""
    if session is None or session.setting("bytea_output") == "hex":
        return "\\x" + datum.hex()
    return escape_text(datum)


def bytea_receive(data: bytes) -> bytes:
    """Take the bytes as they are."""
    return bytes(data)


def bytea_send(datum: bytes) -> bytes:
    """Give the bytes as they are."""
    return datum


def bytea_from_python(value: Any) -> bytes:
    """Return any object with a buffer as bytes."""
    return bytes(memoryview(value))


TYPES: tuple[Type, ...] = (
    Type(
        "bytea",
        "bytea",
        oid=17,
        array_oid=1001,
        aliases=("blob",),
        input=bytea_input,
        output=bytea_output,
        receive=bytea_receive,
        send=bytea_send,
        from_python=bytea_from_python,
        python_types=("builtins:bytes", "builtins:bytearray", "builtins:memoryview"),
        needs_session=True,
        description="variable-length string, binary values escaped",
    ),
)


def byteacat(left: bytes, right: bytes) -> bytes:
    """Return ``left || right``."""
    return left + right


_NAMES = comparison_names("bytea")
FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("bytea", "bytea", _NAMES),
    ScalarFunction("byteacat", ("bytea", "bytea"), "bytea", byteacat, inline="({0} + {1})"),
)
OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("bytea", "bytea", _NAMES),
    Operator("||", "bytea", "bytea", "bytea", "byteacat"),
)
OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes("bytea")
