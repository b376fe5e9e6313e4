"""``jsonb``: the type, its order and its casts; and the access paths that operators, functions and subscripts share.

The datum is the tree of ``jsonb_tree``. At Python's edge it is what ``json.loads`` would give (dict, list, str, int,
float, bool; None for JSON's null); a number with a fraction becomes a float. Given as a parameter, a str is JSON
*text*, as it is for PostgreSQL's drivers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from heliosdb import errors
from heliosdb.types.comparison import comparison_functions, comparison_names, comparison_operators, operator_classes
from heliosdb.types.definitions import Cast, CastContext, Operator, OperatorClass, ScalarFunction, Type
from heliosdb.types.jsonb_tree import (
    JSON_FALSE,
    JSON_NULL,
    JSON_TRUE,
    Json,
    JsonArray,
    JsonBoolean,
    JsonNull,
    JsonObject,
    kind_of,
    make_number,
    make_object,
    parse_jsonb,
    sort_key,
    to_text,
)
from heliosdb.types.stored_classes import JSONB
from heliosdb.types.text import text_receive

__all__ = [
    "CASTS",
    "FUNCTIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "as_text",
    "get_element",
    "get_field",
    "get_path",
    "jsonb_from_python",
    "jsonb_to_python",
]


def jsonb_input(text: str, typmod: int = -1) -> Json:
    """Parse JSON text."""
    return parse_jsonb(text)


def jsonb_receive(data: bytes) -> Json:
    """Read version 1 and the text."""
    if data[:1] != b"\1":
        raise errors.InternalFailure(f"unsupported jsonb version number {data[0] if data else 0}")
    return parse_jsonb(text_receive(data[1:]))


def jsonb_send(datum: Json) -> bytes:
    """Write version 1 and the text."""
    return b"\1" + to_text(datum).encode()


def jsonb_to_python(datum: Json) -> Any:
    """Return what ``json.loads`` gives for the text."""
    if isinstance(datum, str):
        return datum
    if isinstance(datum, Decimal):
        return int(datum) if datum.as_tuple().exponent == 0 else float(datum)
    if isinstance(datum, JsonObject):
        members = {}
        for key, member in datum.members.items():
            members[key] = jsonb_to_python(member)
        return members
    if isinstance(datum, JsonArray):
        items = []
        for item in datum:
            items.append(jsonb_to_python(item))
        return items
    return datum.value if isinstance(datum, JsonBoolean) else None


def jsonb_from_python(value: object) -> Json:
    """Return the tree of a Python object; a str is JSON text, NaN and infinities are no JSON."""
    if isinstance(value, str):
        return parse_jsonb(value)
    return _tree(value)


def _tree(value: Any) -> Json:
    if value is None:
        return JSON_NULL
    if isinstance(value, bool):
        return JSON_TRUE if value else JSON_FALSE
    if isinstance(value, str):
        if "\0" in value:
            raise errors.UntranslatableCharacter(
                "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text."
            )
        return value
    if isinstance(value, int):
        return make_number(str(value))
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise errors.InvalidTextRepresentation(
                "invalid input syntax for type json", detail=f'Token "{value}" is invalid.'
            )
        return make_number(format(value, "f") if isinstance(value, Decimal) else repr(value))
    if isinstance(value, Mapping):
        members: dict[str, Json] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise errors.DatatypeMismatch(f"JSON object keys must be str, not {type(key).__name__}")
            members[key] = _tree(member)
        return make_object(members)
    if isinstance(value, list | tuple):
        items = []
        for item in value:
            items.append(_tree(item))
        return JsonArray(items)
    if isinstance(value, JsonObject | JsonBoolean | JsonNull):
        return value
    raise errors.DatatypeMismatch(f"cannot convert Python {type(value).__name__} to jsonb")


# -- access --------------------------------------------------------------------------------------------------------


def get_member(document: Json, key: str) -> Json | None:
    """``document -> 'key'``."""
    return document.members.get(key) if type(document) is JsonObject else None


def get_element(document: Json, index: int) -> Json | None:
    """``document -> index``; a negative index counts from the end."""
    if type(document) is not JsonArray:
        return None
    return document[index] if -len(document) <= index < len(document) else None


def get_field(document: Json, key: str | int) -> Json | None:
    """Return a member by name or an element by number (or by a number in text), as subscripts do."""
    if isinstance(key, int):
        return get_element(document, key)
    if type(document) is JsonArray:
        index = path_index(key)
        return None if index is None else get_element(document, index)
    return get_member(document, key)


def path_index(text: str) -> int | None:
    """Return the index that a path step means to an array, or None."""
    digits = text.strip(" \t\n\v\f\r")
    unsigned = digits[1:] if digits[:1] in ("-", "+") else digits
    if not (unsigned.isascii() and unsigned.isdigit()) or len(unsigned) > 10:
        return None
    index = int(digits)
    return index if -(2**31) <= index < 2**31 else None


def get_path(document: Json, path: Sequence[str | None]) -> Json | None:
    """``document #> path``; a NULL step gives NULL."""
    value: Json | None = document
    for step in path:
        if value is None or step is None:
            return None
        value = get_field(value, step)
    return value


def as_text(value: Json | None) -> str | None:
    """Return what ``->>`` gives for a value: strings without quotes, JSON's null as NULL."""
    if value is None or type(value) is JsonNull:
        return None
    return value if isinstance(value, str) else to_text(value)


# -- casts ---------------------------------------------------------------------------------------------------------

_KINDS = {"object": "object", "array": "array", "string": "string", "number": "numeric", "boolean": "boolean"}


def _cannot_cast(value: Json, target: str) -> errors.Error:
    return errors.InvalidParameterValue(f"cannot cast jsonb {_KINDS.get(kind_of(value), 'null')} to type {target}")


def jsonb_to_bool(value: Json) -> bool:
    """Return a JSON boolean; 22023 for anything else."""
    if isinstance(value, JsonBoolean):
        return value.value
    raise _cannot_cast(value, "boolean")


def jsonb_to_numeric(value: Json) -> Decimal:
    """Return a JSON number; 22023 for anything else."""
    if isinstance(value, Decimal):
        return value
    raise _cannot_cast(value, "numeric")


def _to_integer(display: str, bits: int) -> Callable[[Json], int]:
    def convert(value: Json) -> int:
        if not isinstance(value, Decimal):
            raise _cannot_cast(value, display)
        number = int(value.to_integral_value(ROUND_HALF_UP))
        if -(1 << (bits - 1)) <= number < 1 << (bits - 1):
            return number
        raise errors.NumericValueOutOfRange(f"{display} out of range")

    return convert


def _to_float(display: str, convert: Callable[[Decimal], float]) -> Callable[[Json], float]:
    def converted(value: Json) -> float:
        if not isinstance(value, Decimal):
            raise _cannot_cast(value, display)
        return convert(value)

    return converted


def _double(value: Decimal) -> float:
    number = float(value)
    if math.isinf(number) or (number == 0.0 and value):
        raise errors.NumericValueOutOfRange(f'"{value:f}" is out of range for type double precision')
    return number


def _real(value: Decimal) -> float:
    import struct

    try:
        number: float = struct.unpack("<f", struct.pack("<f", float(value)))[0]
    except OverflowError:
        raise errors.NumericValueOutOfRange(f'"{value:f}" is out of range for type real') from None
    if math.isinf(number) or (number == 0.0 and value):
        raise errors.NumericValueOutOfRange(f'"{value:f}" is out of range for type real')
    return number


# -- order ---------------------------------------------------------------------------------------------------------


def jsonb_eq(left: Json, right: Json) -> bool:
    """Return whether two documents are equal."""
    return left == right


def jsonb_ne(left: Json, right: Json) -> bool:
    """Return whether two documents differ."""
    return left != right


def jsonb_lt(left: Json, right: Json) -> bool:
    """Return whether the first sorts before."""
    return sort_key(left) < sort_key(right)


def jsonb_le(left: Json, right: Json) -> bool:
    """Return whether the first does not sort after."""
    return sort_key(left) <= sort_key(right)


def jsonb_gt(left: Json, right: Json) -> bool:
    """Return whether the first sorts after."""
    return sort_key(left) > sort_key(right)


def jsonb_ge(left: Json, right: Json) -> bool:
    """Return whether the first does not sort before."""
    return sort_key(left) >= sort_key(right)


def jsonb_cmp(left: Json, right: Json) -> int:
    """Return -1, 0 or 1."""
    return jsonb_gt(left, right) - jsonb_lt(left, right)


def _hash_key(value: Json) -> Json:
    return value


TYPES: tuple[Type, ...] = (
    Type(
        "jsonb",
        "jsonb",
        oid=3802,
        array_oid=3807,
        category="U",
        input=jsonb_input,
        output=to_text,
        receive=jsonb_receive,
        send=jsonb_send,
        to_python=jsonb_to_python,
        from_python=jsonb_from_python,
        python_types=("builtins:dict",),
        stored=JSONB,
        description="Binary JSON",
    ),
)

CASTS: tuple[Cast, ...] = (
    Cast("json", "jsonb", CastContext.ASSIGNMENT, parse_jsonb),
    Cast("jsonb", "json", CastContext.ASSIGNMENT, to_text),
    Cast("jsonb", "bool", CastContext.EXPLICIT, jsonb_to_bool),
    Cast("jsonb", "numeric", CastContext.EXPLICIT, jsonb_to_numeric),
    Cast("jsonb", "int2", CastContext.EXPLICIT, _to_integer("smallint", 16)),
    Cast("jsonb", "int4", CastContext.EXPLICIT, _to_integer("integer", 32)),
    Cast("jsonb", "int8", CastContext.EXPLICIT, _to_integer("bigint", 64)),
    Cast("jsonb", "float4", CastContext.EXPLICIT, _to_float("real", _real)),
    Cast("jsonb", "float8", CastContext.EXPLICIT, _to_float("double precision", _double)),
)

_NAMES = comparison_names("jsonb_")

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions(
        "jsonb",
        "jsonb",
        _NAMES,
        (None,) * 6,
        (jsonb_eq, jsonb_ne, jsonb_lt, jsonb_le, jsonb_gt, jsonb_ge),
    ),
    ScalarFunction("jsonb_cmp", ("jsonb", "jsonb"), "int4", jsonb_cmp),
)

OPERATORS: tuple[Operator, ...] = comparison_operators("jsonb", "jsonb", _NAMES)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = operator_classes(
    "jsonb", identity=False, hash_key=_hash_key, sort_key=sort_key
)
