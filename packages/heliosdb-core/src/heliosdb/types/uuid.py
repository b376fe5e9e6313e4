"""``uuid``: datums are 16 bytes, whose order is the type's.

Input takes 32 hexadecimal digits with hyphens after any group of four of them, in braces or not, as PostgreSQL does.
"""

from __future__ import annotations

import os
import re
from typing import Any

from heliosdb.errors import InvalidBinaryRepresentation, InvalidTextRepresentation
from heliosdb.types.comparison import (
    comparison_functions,
    comparison_names,
    comparison_operators,
    operator_classes,
)
from heliosdb.types.definitions import Operator, OperatorClass, ScalarFunction, Type, Volatility

__all__ = ["FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "TYPES", "gen_random_uuid", "uuid_input", "uuid_output"]

_DIGITS = r"(\{)?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(?(1)\})"


def uuid_input(text: str, typmod: int = -1) -> bytes:
    """Parse a UUID; 22P02 for other text."""
    if re.fullmatch(_DIGITS, text) is None:
        raise InvalidTextRepresentation(f'invalid input syntax for type uuid: "{text}"')
    return bytes.fromhex(text.strip("{}").replace("-", ""))


def uuid_output(datum: bytes) -> str:
    """Return the form 8-4-4-4-12 in lower case."""
    digits = datum.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid_receive(data: bytes) -> bytes:
    """Read 16 bytes."""
    if len(data) != 16:
        raise InvalidBinaryRepresentation("incorrect binary data format")
    return bytes(data)


def uuid_send(datum: bytes) -> bytes:
    """Write 16 bytes."""
    return datum


def uuid_to_python(datum: bytes) -> Any:
    """Return a ``uuid.UUID``."""
    # Imported here: the standard library's module costs milliseconds that few programs need at start.
    from uuid import UUID

    return UUID(bytes=datum)


def uuid_from_python(value: Any) -> bytes:
    """Return a ``uuid.UUID``, its text or its 16 bytes as a datum."""
    if isinstance(value, str):
        return uuid_input(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return uuid_receive(bytes(value))
    datum: bytes = value.bytes
    return datum


def gen_random_uuid() -> bytes:
    """Return a random UUID, version 4 (RFC 4122)."""
    data = bytearray(os.urandom(16))
    data[6] = data[6] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    return bytes(data)


TYPES: tuple[Type, ...] = (
    Type(
        "uuid",
        "uuid",
        oid=2950,
        array_oid=2951,
        length=16,
        input=uuid_input,
        output=uuid_output,
        receive=uuid_receive,
        send=uuid_send,
        to_python=uuid_to_python,
        from_python=uuid_from_python,
        python_types=("uuid:UUID",),
        description="UUID datatype",
    ),
)

_NAMES = comparison_names("uuid_")
FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("uuid", "uuid", _NAMES),
    ScalarFunction("gen_random_uuid", (), "uuid", gen_random_uuid, volatility=Volatility.VOLATILE),
)
OPERATORS: tuple[Operator, ...] = comparison_operators("uuid", "uuid", _NAMES)
OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes("uuid")
