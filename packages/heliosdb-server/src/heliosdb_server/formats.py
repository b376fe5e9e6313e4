"""Values on the wire: a datum as text or as PostgreSQL's binary form, and a parameter as what the engine takes.

Both forms are the type's own (``Type.output``, ``send``, ``input``, ``receive``); the server adds no type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.errors import InvalidParameterValue, ProtocolViolation
from heliosdb_server.encoding import INTEGER_WAY, TEXT_WAY
from heliosdb_server.messages import ColumnDescription, decoded

if TYPE_CHECKING:
    from heliosdb.spi import OutputColumn

__all__ = ["are_settled", "descriptions", "one_for_each", "outputs", "parameters", "short_reader"]

TEXT, BINARY = 0, 1
_SETTLED = frozenset({"bool", "int2", "int4", "int8", "text", "varchar", "bpchar", "name", "uuid", "numeric"})
_TEXTS = frozenset({"text", "varchar", "bpchar", "name", "unknown"})
_INTEGERS = frozenset({"int2", "int4", "int8"})

_WIDTHS = {"int2": 2, "int4": 4, "int8": 8}

Output = Callable[[Any], bytes]


def one_for_each(formats: Sequence[int], count: int, what: str) -> list[int]:
    """Return a format for each of so many values: none was given for text, one for all of them, or one for each."""
    for form in formats:
        if form not in (TEXT, BINARY):
            raise InvalidParameterValue(f"unsupported format code: {form}")
    if len(formats) <= 1:
        return list(formats or (TEXT,)) * count
    if len(formats) != count:
        known = f"query has {count} columns" if what == "result" else f"{count} {what}s"
        raise ProtocolViolation(f"bind message has {len(formats)} {what} formats but {known}")
    return list(formats)


def descriptions(session: Any, columns: Sequence[OutputColumn], formats: Sequence[int]) -> list[ColumnDescription]:
    """Return what RowDescription says of columns."""
    found = []
    for column, form in zip(columns, formats, strict=True):
        kind = session.types.by_name(column.type)
        found.append(ColumnDescription(column.name, kind.oid or 0, kind.length, column.typmod, form, *column.origin))
    return found


def outputs(session: Any, columns: Sequence[OutputColumn], formats: Sequence[int]) -> list[Output]:
    """Return the functions that make the bytes of columns' datums, as the session's settings are now."""
    return [_output(session, column.type, form) for column, form in zip(columns, formats, strict=True)]


def are_settled(columns: Sequence[OutputColumn]) -> bool:
    """Whether no setting has a say in how the columns are written."""
    return all(column.type in _SETTLED for column in columns)


def _output(session: Any, name: str, form: int) -> Output:
    if form == BINARY:
        return session.types.send(name)  # type: ignore[no-any-return]
    if name in _TEXTS:
        return TEXT_WAY
    if name in _INTEGERS:
        return INTEGER_WAY
    write = session.types.output(name)

    def output(datum: Any) -> bytes:
        return write(datum, session).encode()  # type: ignore[no-any-return]

    return output


def short_reader(name: str | None, form: int) -> Callable[[bytes], Any]:
    """Return what reads a parameter in the time that a look-up takes; ValueError where that is not done, or by it."""
    if name in _TEXTS:
        return bytes.decode
    if name not in _INTEGERS:
        raise ValueError(name)
    if form == TEXT:
        return _read_digits
    width = _WIDTHS[name]

    def read(value: bytes) -> int:
        if len(value) != width:
            raise ValueError(value)
        return int.from_bytes(value, "big", signed=True)

    return read


def _read_digits(value: bytes) -> int:
    if len(value) > 9 or not value.isdigit():
        raise ValueError(value)
    return int(value)


def parameters(
    session: Any, types: Sequence[str | None], values: Sequence[bytes | None], formats: Sequence[int]
) -> tuple[Any, ...]:
    """Return parameters for the engine: texts, which it reads as their types, and what is Python's own."""
    found: list[Any] = []
    for number, (name, value, form) in enumerate(zip(types, values, formats, strict=True), 1):
        if value is None:
            found.append(None)
        elif form == TEXT:
            is_number = name in _INTEGERS and len(value) < 10 and value.isdigit()
            found.append(int(value) if is_number else decoded(value))
        elif name is None:
            raise ProtocolViolation(f"the type of parameter ${number}, which is binary, is not known")
        else:
            datum = session.types.receive(name)(value)
            is_object = session.types.to_python(name) is None
            found.append(datum if is_object else session.types.output(name)(datum, session))
    return tuple(found)
