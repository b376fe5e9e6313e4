"""``boolean``: the datums are True and False.

Input takes what PostgreSQL's ``parse_bool`` takes: any unambiguous prefix of true, false, yes, no, on, off, and 1 or 0,
in any case, between blanks. AND, OR and NOT are not functions here: their NULL logic is the code generator's.
"""

from __future__ import annotations

from heliosdb.errors import InvalidBinaryRepresentation, InvalidTextRepresentation, NumericValueOutOfRange
from heliosdb.types.comparison import (
    comparison_functions,
    comparison_names,
    comparison_operators,
    operator_classes,
)
from heliosdb.types.definitions import Cast, CastContext, Operator, OperatorClass, ScalarFunction, Type

__all__ = ["CASTS", "FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "TYPES", "bool_input", "bool_output"]

BLANKS = " \t\n\v\f\r"
"""What C's isspace() calls a blank in the "C" locale; Python's ``strip()`` would also take Unicode's."""


def _spellings() -> dict[str, bool]:
    spellings = {"1": True, "0": False}
    for word, value, shortest in (("true", True, 1), ("false", False, 1), ("yes", True, 1), ("no", False, 1)):
        spellings |= {word[:length]: value for length in range(shortest, len(word) + 1)}
    return spellings | {"on": True, "of": False, "off": False}


_SPELLINGS = _spellings()


def bool_input(text: str, typmod: int = -1) -> bool:
    """Parse a boolean; InvalidTextRepresentation when the text is none."""
    value = _SPELLINGS.get(text.strip(BLANKS).lower())
    if value is None:
        raise InvalidTextRepresentation(f'invalid input syntax for type boolean: "{text}"')
    return value


def bool_output(datum: bool) -> str:
    """Return ``t`` or ``f``."""
    return "t" if datum else "f"


def bool_receive(data: bytes) -> bool:
    """Read one byte: zero is false."""
    if len(data) != 1:
        raise InvalidBinaryRepresentation("incorrect binary data format")
    return data != b"\0"


def bool_send(datum: bool) -> bytes:
    """Write one byte."""
    return b"\1" if datum else b"\0"


def bool_text(datum: bool) -> str:
    """Return ``true`` or ``false``: the cast to text differs from output (SQL standard)."""
    return "true" if datum else "false"


def bool_from_int4(datum: int) -> bool:
    """Return whether an integer is not zero."""
    return datum != 0


def checked_bool(datum: object) -> bool:
    """Return a Python object as a boolean datum; only 0 and 1 stand in for bool."""
    if datum is True or datum is False:
        return bool(datum)
    if datum in (0, 1):
        return bool(datum)
    raise NumericValueOutOfRange("value is out of range for type boolean")


TYPES: tuple[Type, ...] = (
    Type(
        "bool",
        "boolean",
        oid=16,
        array_oid=1000,
        category="B",
        preferred=True,
        length=1,
        aliases=("boolean",),
        input=bool_input,
        output=bool_output,
        receive=bool_receive,
        send=bool_send,
        python_types=("builtins:bool",),
        description="boolean, 'true'/'false'",
    ),
)

CASTS: tuple[Cast, ...] = (
    Cast("bool", "int4", CastContext.EXPLICIT, int, inline="(1 if {0} else 0)"),
    Cast("int4", "bool", CastContext.EXPLICIT, bool_from_int4, inline="({0} != 0)"),
    Cast("bool", "text", CastContext.ASSIGNMENT, bool_text, inline='("true" if {0} else "false")'),
    Cast("bool", "varchar", CastContext.ASSIGNMENT, bool_text, inline='("true" if {0} else "false")'),
    Cast("bool", "bpchar", CastContext.ASSIGNMENT, bool_text, inline='("true" if {0} else "false")'),
)

_NAMES = comparison_names("bool")
OPERATORS: tuple[Operator, ...] = comparison_operators("bool", "bool", _NAMES)
OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes("bool")
FUNCTIONS: tuple[ScalarFunction, ...] = comparison_functions("bool", "bool", _NAMES)
