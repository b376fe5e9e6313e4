"""From SQL values to JSON: ``to_json``, ``json_build_object``, ``json_agg`` and kin, for ``json`` and ``jsonb``.

For each type there is one *writer*, made once when a statement is compiled, that gives a value's JSON text; ``jsonb``
has *builders* that give its tree. Booleans, numbers and JSON are themselves, arrays become arrays, rows objects,
dates and timestamps ISO 8601 strings, everything else a string of its text form. NaN and infinities, which JSON
lacks, are strings.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from heliosdb import errors
from heliosdb.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_SECOND,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
)
from heliosdb.types.composite import shape_of
from heliosdb.types.datetime_output import iso_text
from heliosdb.types.definitions import RowShape, SessionContext, Type, TypeLookup
from heliosdb.types.json_text import escape_json
from heliosdb.types.jsonb_tree import (
    JSON_FALSE,
    JSON_NULL,
    JSON_TRUE,
    Json,
    JsonArray,
    make_number,
    make_object,
    parse_jsonb,
    to_text,
)
from heliosdb.types.zones import offset_at_utc, session_zone

__all__ = ["Builder", "Writer", "builder", "is_structured", "key_text", "writer"]

Writer = Callable[[Any, SessionContext], str]
Builder = Callable[[Any, SessionContext], Json]

_NUMBERS = frozenset(("int2", "int4", "int8", "float4", "float8", "numeric"))
_NOT_JSON = frozenset(("NaN", "Infinity", "-Infinity"))


def _base(name: str, types: TypeLookup) -> Type:
    type_ = types.by_name(name)
    while type_.kind == "domain" and type_.element is not None:
        type_ = types.by_name(type_.element)
    return type_


def is_structured(name: str, types: TypeLookup) -> bool:
    """Return whether values of a type become arrays or objects."""
    type_ = _base(name, types)
    return type_.kind in ("array", "composite") or type_.name == "record"


def _field_names(type_: Type, shape: RowShape | None) -> list[tuple[str, str, RowShape | None]] | None:
    if shape is not None:
        return list(shape.fields)
    if type_.kind == "composite":
        return [(name, field_type, None) for name, field_type in type_.attributes]
    return None


# -- text ----------------------------------------------------------------------------------------------------------


def writer(name: str, types: TypeLookup, shape: RowShape | None = None, *, pretty: bool = False) -> Writer:
    """Return the function that writes a value of a type, NULL included, as JSON text; ``pretty`` breaks lines."""
    write = _writer(_base(name, types), types, shape, pretty)

    def written(value: Any, session: SessionContext) -> str:
        return "null" if value is None else write(value, session)

    return written


def _writer(type_: Type, types: TypeLookup, shape: RowShape | None, pretty: bool) -> Writer:
    name = type_.name
    if name == "bool":
        return lambda value, session: "true" if value else "false"
    if name == "json":
        return lambda value, session: str(value)
    if name == "jsonb":
        return lambda value, session: to_text(value)
    if type_.kind == "array" and type_.element is not None:
        return _array_writer(writer(type_.element, types), pretty)
    if type_.kind == "composite" or name == "record":
        return _row_writer(type_, types, shape, pretty)
    text = _text_of(type_, types)
    if name in _NUMBERS:
        return lambda value, session: _number_text(text(value, session))
    return lambda value, session: escape_json(text(value, session))


def _number_text(text: str) -> str:
    return f'"{text}"' if text in _NOT_JSON else text


def _array_writer(write: Writer, pretty: bool) -> Writer:
    def level(array: Any, session: SessionContext, separator: str) -> str:
        parts = [level(item, session, ",") if type(item) is tuple else write(item, session) for item in array]
        return f"[{separator.join(parts)}]"

    return lambda value, session: level(value, session, ",\n " if pretty else ",")


def _row_writer(type_: Type, types: TypeLookup, shape: RowShape | None, pretty: bool) -> Writer:
    separator = ",\n " if pretty else ","
    fields = _field_names(type_, shape)
    if fields is None:

        def unknown(value: Any, session: SessionContext) -> str:
            own = shape_of(value)
            if own is not None:
                return _row_writer(type_, types, own, pretty)(value, session)
            parts = [f'"f{n}":{_guessed(item, session)}' for n, item in enumerate(value, 1)]
            return "{" + separator.join(parts) + "}"

        return unknown
    keys = [escape_json(name) for name, _, _ in fields]
    writers = [writer(field_type, types, field_shape) for _, field_type, field_shape in fields]

    def row(value: Any, session: SessionContext) -> str:
        parts = [f"{key}:{write(item, session)}" for key, write, item in zip(keys, writers, value, strict=True)]
        return "{" + separator.join(parts) + "}"

    return row


def _guessed(value: Any, session: SessionContext) -> str:
    """Write a field of a row whose types are not known, by what the datum itself is."""
    return to_text(_guessed_tree(value, session))


def _text_of(type_: Type, types: TypeLookup) -> Writer:
    """Return the function that gives the text inside the JSON string (or the number) of a value."""
    if type_.name == "date":
        return lambda value, session: _date_text(value)
    if type_.name == "timestamp":
        return lambda value, session: _timestamp_text(value)
    if type_.name == "timestamptz":
        return _timestamptz_text
    return types.output(type_.name)


def _date_text(value: int) -> str:
    if value in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return "infinity" if value > 0 else "-infinity"
    day, _, rest = iso_text(value * MICROSECONDS_PER_DAY).partition("T")
    return f"{day} BC" if rest.endswith(" BC") else day


def _timestamp_text(value: int) -> str:
    if value in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return "infinity" if value > 0 else "-infinity"
    return iso_text(value)


def _timestamptz_text(value: int, session: SessionContext) -> str:
    if value in (TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY):
        return "infinity" if value > 0 else "-infinity"
    offset = offset_at_utc(session_zone(session), value)
    return iso_text(value + offset * MICROSECONDS_PER_SECOND, offset)


def key_text(name: str, types: TypeLookup) -> Writer:
    """Return the function that gives a value's text as an object's key; 22023 for arrays, rows and JSON."""
    type_ = _base(name, types)
    if type_.kind in ("array", "composite") or type_.name in ("record", "json", "jsonb"):

        def refuse(value: Any, session: SessionContext) -> str:
            raise errors.InvalidParameterValue("key value must be scalar, not array, composite, or json")

        return refuse
    if type_.name == "bool":
        return lambda value, session: "true" if value else "false"
    return _text_of(type_, types)


# -- trees ---------------------------------------------------------------------------------------------------------


def builder(name: str, types: TypeLookup, shape: RowShape | None = None) -> Builder:
    """Return the function that gives the jsonb of a value of a type, NULL included."""
    build = _builder(_base(name, types), types, shape)

    def built(value: Any, session: SessionContext) -> Json:
        return JSON_NULL if value is None else build(value, session)

    return built


def _builder(type_: Type, types: TypeLookup, shape: RowShape | None) -> Builder:
    name = type_.name
    if name == "bool":
        return lambda value, session: JSON_TRUE if value else JSON_FALSE
    if name == "json":
        return lambda value, session: parse_jsonb(value)
    if name == "jsonb":
        return lambda value, session: value
    if type_.kind == "array" and type_.element is not None:
        return _array_builder(builder(type_.element, types))
    if type_.kind == "composite" or name == "record":
        return _row_builder(type_, types, shape)
    text = _text_of(type_, types)
    if name in _NUMBERS:

        def number(value: Any, session: SessionContext) -> Json:
            written = text(value, session)
            return written if written in _NOT_JSON else make_number(written)

        return number
    return text


def _array_builder(build: Builder) -> Builder:
    def level(array: Any, session: SessionContext) -> Json:
        items = []
        for item in array:
            items.append(level(item, session) if type(item) is tuple else build(item, session))
        return JsonArray(items)

    return level


def _row_builder(type_: Type, types: TypeLookup, shape: RowShape | None) -> Builder:
    fields = _field_names(type_, shape)
    if fields is None:

        def unknown(value: Any, session: SessionContext) -> Json:
            own = shape_of(value)
            return _guessed_tree(value, session) if own is None else _row_builder(type_, types, own)(value, session)

        return unknown
    builders = [(name, builder(field_type, types, field_shape)) for name, field_type, field_shape in fields]

    def row(value: Any, session: SessionContext) -> Json:
        return make_object([(name, build(item, session)) for (name, build), item in zip(builders, value, strict=True)])

    return row


def _guessed_tree(value: Any, session: SessionContext) -> Json:
    if value is None:
        return JSON_NULL
    if isinstance(value, bool):
        return JSON_TRUE if value else JSON_FALSE
    if isinstance(value, int | Decimal):
        return make_number(format(value, "f") if isinstance(value, Decimal) else str(value))
    if isinstance(value, float):
        text = session.types.output("float8")(value, session)
        return text if text in _NOT_JSON else make_number(text)
    if isinstance(value, tuple) and not hasattr(value, "_fields") and not isinstance(value, JsonArray):
        return make_object([(f"f{n}", _guessed_tree(item, session)) for n, item in enumerate(value, 1)])
    return str(value)
