"""Composite values (rows): the datum, text form ``(1,"a b",)``, binary form, and comparison with SQL's NULL rules.

A row is a tuple of its fields. Inside an array, where a plain tuple means a further dimension, it is a ``Composite``:
the same tuple under another class. Row *comparison* in a statement (``(a, b) < (c, d)``) can be NULL and is
``compare_rows``; the order of composite values in sorting and indexing never is, and is the derived operator class's
(``ordering``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from heliosdb import errors
from heliosdb.types.definitions import CallTypes, Operator, RowShape, ScalarFunction, SessionContext, Type, TypeLookup
from heliosdb.types.stored_classes import RECORD

__all__ = [
    "FUNCTIONS",
    "OPERATORS",
    "TYPES",
    "Composite",
    "as_element",
    "compare_rows",
    "make_input",
    "make_output",
    "make_receive",
    "make_send",
    "record_class",
    "shape_of",
    "parse_row",
    "rows_equal",
]

Compare = Callable[[Any, Any], bool]


class Composite(tuple[Any, ...]):
    """A row that is told from a plain tuple: one that stands in an array, or one that knows its fields.

    ``shape`` and ``types`` are set by the subclasses that ``record_class`` makes: a value of the type ``record`` says
    by its class what its fields are, as PostgreSQL's anonymous rows do by a registered descriptor.
    """

    __slots__ = ()

    shape: ClassVar[RowShape | None] = None
    types: ClassVar[TypeLookup | None] = None

    def __reduce__(self) -> tuple[Any, ...]:
        # A class made at run time cannot be found by name; the fields come back without it.
        return Composite, (tuple(self),)


def record_class(shape: RowShape, types: TypeLookup) -> type[Composite]:
    """Return the class of anonymous rows with these fields."""
    return type("Record", (Composite,), {"__slots__": (), "shape": shape, "types": types})


def shape_of(datum: tuple[Any, ...]) -> RowShape | None:
    """Return the fields of an anonymous row, or None where it does not know them."""
    return datum.shape if isinstance(datum, Composite) else None


def as_element(row: tuple[Any, ...] | None) -> Composite | None:
    """Return a row as it stands in an array."""
    return row if row is None or isinstance(row, Composite) else Composite(row)


_SPACE = " \t\n\v\f\r"
_QUOTED = frozenset('"\\(), \t\n\v\f\r')


def parse_row(text: str) -> list[str | None]:
    """Return the fields' texts of a row's text; None for NULL, which is nothing between two commas."""

    def malformed(detail: str) -> errors.Error:
        return errors.InvalidTextRepresentation(f'malformed record literal: "{text}"', detail=detail)

    position = len(text) - len(text.lstrip(_SPACE))
    if text[position : position + 1] != "(":
        raise malformed("Missing left parenthesis.")
    position += 1
    fields: list[str | None] = []
    end = len(text)
    while True:
        characters: list[str] = []
        quoted = False
        any_quotes = False
        while True:
            if position >= end:
                raise malformed("Unexpected end of input.")
            character = text[position]
            if not quoted and character in ",)":
                break
            position += 1
            if character == "\\":
                if position >= end:
                    raise malformed("Unexpected end of input.")
                characters.append(text[position])
                position += 1
            elif character == '"':
                if quoted and text[position : position + 1] == '"':
                    characters.append('"')
                    position += 1
                else:
                    quoted = not quoted
                    any_quotes = True
            else:
                characters.append(character)
        fields.append("".join(characters) if characters or any_quotes else None)
        position += 1
        if text[position - 1] == ")":
            break
    if text[position:].strip(_SPACE):
        raise malformed("Junk after right parenthesis.")
    return [] if fields == [None] else fields


def make_input(attributes: Sequence[tuple[str, str]], types: TypeLookup) -> Callable[..., Any]:
    """Return the text input function of a row type with these (name, type) fields."""
    readers = [types.input(type_name) for _, type_name in attributes]

    def row_in(text: str, typmod: int, session: SessionContext) -> tuple[Any, ...]:
        fields = parse_row(text)
        if not fields and len(readers) == 1:
            fields = [None]
        if len(fields) != len(readers):
            detail = "Too few columns." if len(fields) < len(readers) else "Too many columns."
            raise errors.InvalidTextRepresentation(f'malformed record literal: "{text}"', detail=detail)
        return tuple(
            None if field is None else read(field, -1, session) for field, read in zip(fields, readers, strict=True)
        )

    return row_in


def make_output(attributes: Sequence[tuple[str, str]], types: TypeLookup) -> Callable[..., str]:
    """Return the text output function of a row type with these (name, type) fields."""
    writers = [types.output(type_name) for _, type_name in attributes]

    def row_out(datum: tuple[Any, ...], session: SessionContext) -> str:
        parts = [
            "" if field is None else quote_field(write(field, session))
            for field, write in zip(datum, writers, strict=True)
        ]
        return f"({','.join(parts)})"

    return row_out


def quote_field(text: str) -> str:
    """Return a field's text, quoted where it has to be."""
    if text and _QUOTED.isdisjoint(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '""')
    return f'"{escaped}"'


def make_send(attributes: Sequence[tuple[str, str]], types: TypeLookup) -> Callable[[tuple[Any, ...]], bytes]:
    """Return the binary output function of a row type."""
    senders = [(types.by_name(name).oid or 0, types.send(name)) for _, name in attributes]

    def row_send(datum: tuple[Any, ...]) -> bytes:
        parts = [struct.pack(">i", len(senders))]
        for field, (oid, send) in zip(datum, senders, strict=True):
            if field is None:
                parts.append(struct.pack(">Ii", oid, -1))
            else:
                data = send(field)
                parts.append(struct.pack(">Ii", oid, len(data)) + data)
        return b"".join(parts)

    return row_send


def make_receive(attributes: Sequence[tuple[str, str]], types: TypeLookup) -> Callable[[bytes], tuple[Any, ...]]:
    """Return the binary input function of a row type."""
    receivers = [(types.by_name(name).oid or 0, types.receive(name)) for _, name in attributes]

    def row_receive(data: bytes) -> tuple[Any, ...]:
        try:
            return _received(data)
        except struct.error:
            raise errors.InvalidBinaryRepresentation("insufficient data left in message") from None

    def _received(data: bytes) -> tuple[Any, ...]:
        (count,) = struct.unpack_from(">i", data)
        if count != len(receivers):
            raise errors.DatatypeMismatch(f"wrong number of columns: {count}, expected {len(receivers)}")
        position = 4
        fields: list[Any] = []
        for number, (expected, receive) in enumerate(receivers, 1):
            oid, length = struct.unpack_from(">Ii", data, position)
            if oid != expected:
                raise errors.DatatypeMismatch(
                    f"binary data has type {oid} instead of expected {expected} in record column {number}"
                )
            position += 8
            if length == -1:
                fields.append(None)
                continue
            if length < 0 or position + length > len(data):
                raise errors.InvalidBinaryRepresentation("insufficient data left in message")
            fields.append(receive(data[position : position + length]))
            position += length
        return tuple(fields)

    return row_receive


def rows_equal(left: Sequence[Any], right: Sequence[Any], comparisons: Sequence[Compare]) -> bool | None:
    """``(a, b) = (c, d)``: False where a pair differs, else NULL where one has a NULL, else True."""
    unknown = False
    for first, second, equal in zip(left, right, comparisons, strict=True):
        if first is None or second is None:
            unknown = True
        elif not equal(first, second):
            return False
    return None if unknown else True


def compare_rows(
    left: Sequence[Any], right: Sequence[Any], less: Sequence[Compare], greater: Sequence[Compare]
) -> int | None:
    """Return -1, 0 or 1 for ``(a, b) <=> (c, d)`` by the first pair that differs; NULL where a NULL comes before it."""
    for first, second, is_less, is_greater in zip(left, right, less, greater, strict=True):
        if first is None or second is None:
            return None
        if is_less(first, second):
            return -1
        if is_greater(first, second):
            return 1
    return 0


def _record_input(text: str, typmod: int, session: SessionContext | None = None) -> Any:
    raise errors.FeatureNotSupported("input of anonymous composite types is not implemented")


def _record_output(datum: tuple[Any, ...], session: SessionContext) -> str:
    """Show a row by its fields' types, or, where they are not known, by what the datums themselves are."""
    shape = shape_of(datum)
    if shape is None:
        parts = ["" if field is None else quote_field(_text_of(field, session)) for field in datum]
    else:
        parts = [
            "" if field is None else quote_field(session.types.output(type_name)(field, session))
            for field, (_, type_name, _) in zip(datum, shape.fields, strict=True)
        ]
    return f"({','.join(parts)})"


def _record_send(datum: tuple[Any, ...]) -> bytes:
    if not isinstance(datum, Composite) or datum.shape is None or datum.types is None:
        raise errors.FeatureNotSupported("binary output of a row without known field types is not supported")
    return make_send([(name, type_name) for name, type_name, _ in datum.shape.fields], datum.types)(datum)


def _record_to_python(datum: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the fields as Python objects."""
    if not isinstance(datum, Composite) or datum.shape is None or datum.types is None:
        return tuple(datum)
    converters = [datum.types.to_python(type_name) for _, type_name, _ in datum.shape.fields]
    return tuple(
        field if field is None or convert is None else convert(field)
        for field, convert in zip(datum, converters, strict=True)
    )


def _text_of(field: Any, session: SessionContext) -> str:
    if isinstance(field, bool):
        return "t" if field else "f"
    if isinstance(field, bytes):
        return "\\x" + field.hex()
    if isinstance(field, float):
        return session.types.output("float8")(field, session)
    if isinstance(field, tuple):
        return _record_output(field, session)
    return str(field)


TYPES: tuple[Type, ...] = (
    Type(
        "record",
        "record",
        oid=2249,
        array_oid=2287,
        category="P",
        kind="pseudo",
        input=_record_input,
        output=_record_output,
        send=_record_send,
        to_python=_record_to_python,
        needs_session=True,
        stored=RECORD,
        description="pseudo-type representing any composite type",
    ),
)

_COMPARISONS = (
    ("=", "record_eq", "=", "<>", "eq"),
    ("<>", "record_ne", "<>", "=", "neq"),
    ("<", "record_lt", ">", ">=", "lt"),
    ("<=", "record_le", ">=", ">", "lt"),
    (">", "record_gt", "<", "<=", "gt"),
    (">=", "record_ge", "<=", "<", "gt"),
)


def _record_comparison(symbol: str) -> Callable[[CallTypes], Compare]:
    """Return the factory of a comparison of composite values, in which NULL equals NULL and comes last."""

    def specialize(call: CallTypes) -> Compare:
        ordering = call.types.ordering(call.arguments[0])
        if ordering is None or not callable(ordering.sort_key):
            raise errors.UndefinedFunction("could not identify a comparison function for type record")
        key = ordering.sort_key
        tests: dict[str, Compare] = {
            "=": lambda left, right: bool(key(left) == key(right)),
            "<>": lambda left, right: bool(key(left) != key(right)),
            "<": lambda left, right: bool(key(left) < key(right)),
            "<=": lambda left, right: bool(key(left) <= key(right)),
            ">": lambda left, right: bool(key(left) > key(right)),
            ">=": lambda left, right: bool(key(left) >= key(right)),
        }
        return tests[symbol]

    return specialize


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(
    ScalarFunction(name, ("record", "record"), "bool", _record_comparison(symbol), specialize=True)
    for symbol, name, _, _, _ in _COMPARISONS
)

OPERATORS: tuple[Operator, ...] = tuple(
    Operator(
        symbol,
        "record",
        "record",
        "bool",
        name,
        commutator=commutator,
        negator=negator,
        selectivity=selectivity,
        hashes=symbol == "=",
        merges=symbol == "=",
    )
    for symbol, name, commutator, negator, selectivity in _COMPARISONS
)
