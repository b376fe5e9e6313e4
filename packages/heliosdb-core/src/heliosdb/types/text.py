"""The string types: ``text``, ``varchar(n)``, ``char(n)`` (``bpchar``), ``name``, ``"char"``, ``unknown``, ``cstring``.

All datums are str. ``varchar`` has no operators of its own: it is text with a length. A ``bpchar`` datum carries its
padding; comparison, length and the conversion to text ignore trailing blanks, output shows them. Lengths count
characters. ``unknown`` is the type of a quoted literal before its context decides.

Order is by code point, which is the order of the UTF-8 bytes: the "C" collation. Other collations bring their own sort
keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from heliosdb.errors import (
    CharacterNotInRepertoire,
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    NumericValueOutOfRange,
    StringDataRightTruncation,
)
from heliosdb.types.comparison import (
    PLAIN,
    SYMBOLS,
    comparison_functions,
    comparison_operators,
    operator_classes,
)
from heliosdb.types.definitions import (
    CallTypes,
    Cast,
    CastContext,
    Collation,
    Operator,
    OperatorClass,
    ScalarFunction,
    Type,
    TypeLookup,
    Volatility,
)

__all__ = [
    "CASTS",
    "COLLATIONS",
    "FUNCTIONS",
    "MAXIMUM_NAME_BYTES",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "TYPES",
    "text_conversion",
    "without_trailing_blanks",
]

MAXIMUM_LENGTH = 10485760
_OCTAL = r"\\([0-7]{3})"
MAXIMUM_NAME_BYTES = 63


def text_input(text: str, typmod: int = -1) -> str:
    """Return the text itself; 22021 for a NUL, which no string may hold."""
    if "\0" in text:
        raise CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00')
    return text


def text_output(datum: str) -> str:
    """Return the datum itself."""
    return datum


def text_receive(data: bytes) -> str:
    """Decode UTF-8; 22021 where it is not."""
    try:
        return text_input(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        wrong = " ".join(f"0x{byte:02x}" for byte in data[error.start : error.end])
        raise CharacterNotInRepertoire(f'invalid byte sequence for encoding "UTF8": {wrong}') from None


def text_send(datum: str) -> bytes:
    """Encode as UTF-8."""
    return datum.encode("utf-8")


def without_trailing_blanks(datum: str) -> str:
    """Return a ``bpchar`` as text: without its padding."""
    return datum.rstrip(" ")


def _length_typmod(type_name: str) -> Callable[[Sequence[int | str]], int]:
    def typmod_in(modifiers: Sequence[int | str]) -> int:
        if len(modifiers) != 1 or not isinstance(modifiers[0], int):
            raise InvalidParameterValue("invalid type modifier")
        length = modifiers[0]
        if length < 1:
            raise InvalidParameterValue(f"length for type {type_name} must be at least 1")
        if length > MAXIMUM_LENGTH:
            raise InvalidParameterValue(f"length for type {type_name} cannot exceed {MAXIMUM_LENGTH}")
        return length + 4

    return typmod_in


def length_typmod_out(typmod: int) -> str:
    """Return ``(n)``."""
    return f"({typmod - 4})" if typmod >= 4 else ""


def coerce_varchar(datum: str, typmod: int, explicit: bool) -> str:
    """Fit a string into ``varchar(n)``: an explicit cast cuts, an assignment may only lose blanks."""
    limit = typmod - 4
    if typmod < 4 or len(datum) <= limit:
        return datum
    if not explicit and datum[limit:].strip(" "):
        raise StringDataRightTruncation(f"value too long for type character varying({limit})")
    return datum[:limit]


def coerce_bpchar(datum: str, typmod: int, explicit: bool) -> str:
    """Fit a string into ``char(n)``: pad it with blanks or cut it as ``varchar`` does."""
    limit = typmod - 4
    if typmod < 4:
        return datum
    if len(datum) <= limit:
        return datum.ljust(limit)
    if not explicit and datum[limit:].strip(" "):
        raise StringDataRightTruncation(f"value too long for type character({limit})")
    return datum[:limit]


def name_from_text(datum: str, typmod: int = -1) -> str:
    """Cut a string to what an identifier holds: 63 bytes of UTF-8, never half a character."""
    if len(datum) * 4 <= MAXIMUM_NAME_BYTES:
        return datum
    return datum.encode("utf-8")[:MAXIMUM_NAME_BYTES].decode("utf-8", "ignore")


def name_input(text: str, typmod: int = -1) -> str:
    """Return the text as a name, cut to 63 bytes."""
    return name_from_text(text_input(text))


def char_from_text(datum: str, typmod: int = -1) -> str:
    """Return the first byte as a ``"char"``, or the one that a backslash and three octal digits give."""
    if len(datum) == 4 and (match := re.fullmatch(_OCTAL, datum)) is not None:
        return chr(int(match.group(1), 8) & 0xFF).replace("\0", "")
    return datum[:1] if datum[:1].isascii() else chr(datum.encode("utf-8")[0])


def char_output(datum: str) -> str:
    """Return the byte as a character, outside of ASCII as a backslash and three octal digits."""
    return datum if datum.isascii() else f"\\{ord(datum):03o}"


def char_receive(data: bytes) -> str:
    """Read one byte."""
    if len(data) != 1:
        raise InvalidBinaryRepresentation("incorrect binary data format")
    return data.decode("latin-1").replace("\0", "")


def char_send(datum: str) -> bytes:
    """Write one byte."""
    return (datum or "\0").encode("latin-1")


def char_from_int4(datum: int) -> str:
    """Return the ``"char"`` with this code; 22003 outside a signed byte."""
    if not -128 <= datum <= 127:
        raise NumericValueOutOfRange('"char" out of range')
    return chr(datum & 0xFF) if datum else ""


def int4_from_char(datum: str) -> int:
    """Return the code of a ``"char"`` as a signed byte."""
    code = ord(datum or "\0")
    return code - 256 if code > 127 else code


def text_conversion(type_name: str, types: TypeLookup) -> Callable[[Any, Any], str]:
    """Return ``(datum, session) -> str`` that does what a cast of this type to text does.

    It differs from output in three types: ``boolean`` is spelt out, ``bpchar`` loses its padding and strings stay as
    they are.
    """
    if type_name == "bool":
        return lambda datum, session: "true" if datum else "false"
    if type_name == "bpchar":
        return lambda datum, session: datum.rstrip(" ")
    if type_name in ("text", "varchar", "name", "unknown"):
        return lambda datum, session: datum
    return types.output(type_name)


def concatenate_left_text(call: CallTypes) -> Callable[..., str]:
    """Make ``text || anything``."""
    convert = text_conversion(call.arguments[1], call.types)
    return lambda left, right, session: left + convert(right, session)


def concatenate_right_text(call: CallTypes) -> Callable[..., str]:
    """Make ``anything || text``."""
    convert = text_conversion(call.arguments[0], call.types)
    return lambda left, right, session: convert(left, session) + right


def textcat(left: str, right: str) -> str:
    """Return ``left || right``."""
    return left + right


def text_starts_with(string: str, prefix: str) -> bool:
    """Return whether the string starts with the prefix."""
    return string.startswith(prefix)


TYPES: tuple[Type, ...] = (
    Type(
        "text",
        "text",
        oid=25,
        array_oid=1009,
        category="S",
        preferred=True,
        collatable=True,
        python_types=("builtins:str",),
        description="variable-length string, no limit specified",
        input=text_input,
        output=text_output,
        receive=text_receive,
        send=text_send,
    ),
    Type(
        "varchar",
        "character varying",
        oid=1043,
        array_oid=1015,
        category="S",
        collatable=True,
        aliases=("character varying",),
        typmod_in=_length_typmod("varchar"),
        typmod_out=length_typmod_out,
        coerce_typmod=coerce_varchar,
        description="varchar(length), non-blank-padded string, variable storage length",
        input=text_input,
        output=text_output,
        receive=text_receive,
        send=text_send,
    ),
    Type(
        "bpchar",
        "character",
        oid=1042,
        array_oid=1014,
        category="S",
        collatable=True,
        aliases=("character",),
        typmod_in=_length_typmod("char"),
        typmod_out=length_typmod_out,
        coerce_typmod=coerce_bpchar,
        description="char(length), blank-padded string, fixed storage length",
        input=text_input,
        output=text_output,
        receive=text_receive,
        send=text_send,
    ),
    Type(
        "name",
        "name",
        oid=19,
        array_oid=1003,
        category="S",
        length=64,
        collatable=True,
        input=name_input,
        output=text_output,
        receive=text_receive,
        send=text_send,
        description="63-byte type for storing system identifiers",
    ),
    Type(
        "char",
        '"char"',
        oid=18,
        array_oid=1002,
        category="Z",
        length=1,
        input=char_from_text,
        output=char_output,
        receive=char_receive,
        send=char_send,
        description="single character",
    ),
    Type(
        "unknown",
        "unknown",
        oid=705,
        category="X",
        length=-2,
        kind="pseudo",
        input=text_input,
        output=text_output,
        receive=text_receive,
        send=text_send,
        description="pseudo-type representing an undetermined type",
    ),
    Type(
        "cstring",
        "cstring",
        oid=2275,
        array_oid=1263,
        category="P",
        length=-2,
        kind="pseudo",
        input=text_input,
        output=text_output,
        receive=text_receive,
        send=text_send,
        description="C-style string",
    ),
)

_I, _A, _E = CastContext.IMPLICIT, CastContext.ASSIGNMENT, CastContext.EXPLICIT
_STRIP = '{0}.rstrip(" ")'

CASTS: tuple[Cast, ...] = (
    Cast("text", "varchar", _I, None, inline="{0}"),
    Cast("text", "bpchar", _I, None, inline="{0}"),
    Cast("text", "name", _I, name_from_text),
    Cast("text", "char", _A, char_from_text),
    Cast("varchar", "text", _I, None, inline="{0}"),
    Cast("varchar", "bpchar", _I, None, inline="{0}"),
    Cast("varchar", "name", _I, name_from_text),
    Cast("varchar", "char", _A, char_from_text),
    Cast("bpchar", "text", _I, without_trailing_blanks, inline=_STRIP),
    Cast("bpchar", "varchar", _I, without_trailing_blanks, inline=_STRIP),
    Cast("bpchar", "name", _I, lambda datum: name_from_text(datum.rstrip(" "))),
    Cast("bpchar", "char", _A, lambda datum: char_from_text(datum.rstrip(" "))),
    Cast("name", "text", _I, text_output, inline="{0}"),
    Cast("name", "varchar", _A, text_output, inline="{0}"),
    Cast("name", "bpchar", _A, text_output, inline="{0}"),
    Cast("char", "text", _I, char_output),
    Cast("char", "varchar", _A, char_output),
    Cast("char", "bpchar", _A, char_output),
    Cast("char", "int4", _E, int4_from_char),
    Cast("int4", "char", _E, char_from_int4),
)

_TEXT_NAMES = ("texteq", "textne", "text_lt", "text_le", "text_gt", "text_ge")
_NAME_NAMES = ("nameeq", "namene", "namelt", "namele", "namegt", "namege")
_NAME_TEXT_NAMES = tuple(f"name{suffix}text" for suffix in ("eq", "ne", "lt", "le", "gt", "ge"))
_TEXT_NAME_NAMES = tuple(f"text{suffix}name" for suffix in ("eq", "ne", "lt", "le", "gt", "ge"))
_CHAR_NAMES = ("chareq", "charne", "charlt", "charle", "chargt", "charge")
_BPCHAR_NAMES = ("bpchareq", "bpcharne", "bpcharlt", "bpcharle", "bpchargt", "bpcharge")
_PATTERN = {"<": "lt", "<=": "le", ">=": "ge", ">": "gt"}

_PYTHON_SYMBOLS = {"=": "==", "<>": "!="}
_BPCHAR_INLINES = tuple(
    f'({{0}}.rstrip(" ") {_PYTHON_SYMBOLS.get(symbol, symbol)} {{1}}.rstrip(" "))' for symbol in SYMBOLS
)
_BPCHAR_FUNCTIONS: tuple[Callable[[str, str], bool], ...] = (
    lambda a, b: a.rstrip(" ") == b.rstrip(" "),
    lambda a, b: a.rstrip(" ") != b.rstrip(" "),
    lambda a, b: a.rstrip(" ") < b.rstrip(" "),
    lambda a, b: a.rstrip(" ") <= b.rstrip(" "),
    lambda a, b: a.rstrip(" ") > b.rstrip(" "),
    lambda a, b: a.rstrip(" ") >= b.rstrip(" "),
)


def _pattern_functions(type_name: str, inlines: Sequence[str]) -> tuple[ScalarFunction, ...]:
    """The comparisons of ``text_pattern_ops``: by code point whatever the collation."""
    plain = comparison_functions(type_name, type_name, SYMBOLS, inlines, _IMPLEMENTATIONS[type_name])
    prefix = f"{type_name}_pattern_"
    return tuple(
        ScalarFunction(
            prefix + _PATTERN[f.name], f.arguments, "bool", f.implementation, inline=f.inline, description=f.name
        )
        for f in plain
        if f.name in _PATTERN
    )


_IMPLEMENTATIONS: dict[str, Sequence[Any]] = {
    "text": [f.implementation for f in comparison_functions("text", "text", _TEXT_NAMES)],
    "bpchar": _BPCHAR_FUNCTIONS,
}

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *comparison_functions("text", "text", _TEXT_NAMES),
    *comparison_functions("name", "name", _NAME_NAMES),
    *comparison_functions("name", "text", _NAME_TEXT_NAMES),
    *comparison_functions("text", "name", _TEXT_NAME_NAMES),
    *comparison_functions("char", "char", _CHAR_NAMES),
    *comparison_functions("bpchar", "bpchar", _BPCHAR_NAMES, _BPCHAR_INLINES, _BPCHAR_FUNCTIONS),
    *_pattern_functions("text", PLAIN),
    *_pattern_functions("bpchar", _BPCHAR_INLINES),
    ScalarFunction("textcat", ("text", "text"), "text", textcat, inline="({0} + {1})"),
    ScalarFunction(
        "textanycat",
        ("text", "anynonarray"),
        "text",
        concatenate_left_text,
        specialize=True,
        volatility=Volatility.STABLE,
        needs_session=True,
    ),
    ScalarFunction(
        "anytextcat",
        ("anynonarray", "text"),
        "text",
        concatenate_right_text,
        specialize=True,
        volatility=Volatility.STABLE,
        needs_session=True,
    ),
    ScalarFunction("starts_with", ("text", "text"), "bool", text_starts_with, inline="{0}.startswith({1})"),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("text", "text", _TEXT_NAMES),
    *comparison_operators("name", "name", _NAME_NAMES),
    *comparison_operators("name", "text", _NAME_TEXT_NAMES),
    *comparison_operators("text", "name", _TEXT_NAME_NAMES),
    *comparison_operators("char", "char", _CHAR_NAMES),
    *comparison_operators("bpchar", "bpchar", _BPCHAR_NAMES),
    *(
        Operator(
            f"~{symbol}~",
            name,
            name,
            "bool",
            f"{name}_pattern_{suffix}",
            commutator=f"~{dict(zip('<>', '><', strict=True))[symbol[0]]}{symbol[1:]}~",
            negator={"<": "~>=~", "<=": "~>~", ">=": "~<~", ">": "~<=~"}[symbol],
            selectivity="lt" if symbol[0] == "<" else "gt",
        )
        for name in ("text", "bpchar")
        for symbol, suffix in _PATTERN.items()
    ),
    Operator("||", "text", "text", "text", "textcat"),
    Operator("||", "text", "anynonarray", "text", "textanycat"),
    Operator("||", "anynonarray", "text", "text", "anytextcat"),
    Operator("^@", "text", "text", "bool", "starts_with", selectivity="like"),
)

OPERATOR_CLASSES: tuple[OperatorClass, ...] = (
    *operator_classes("text"),
    *operator_classes("varchar"),
    *operator_classes("name"),
    *operator_classes("char"),
    *operator_classes("bpchar", identity=False, hash_key=without_trailing_blanks, sort_key=without_trailing_blanks),
    *(
        OperatorClass(
            f"{name}_pattern_ops",
            "btree",
            name,
            default=False,
            operators={1: "~<~", 2: "~<=~", 3: "=", 4: "~>=~", 5: "~>~"},
            identity=name != "bpchar",
            hash_key=without_trailing_blanks if name == "bpchar" else None,
            sort_key=without_trailing_blanks if name == "bpchar" else None,
        )
        for name in ("text", "varchar", "bpchar")
    ),
)

COLLATIONS: tuple[Collation, ...] = (
    Collation("default", oid=100),
    Collation("C", oid=950),
    Collation("POSIX", oid=951),
    Collation("ucs_basic", oid=12547),
)
