"""How data of the engine's own classes are stored: names, what they are taken apart into, put together again how.

The types name these in their field ``stored``. The names and plain forms are part of the format of a database: a name
is never given to another class, and what is written today is read for ever.

    interval        (months, days, microseconds)        jsonb object    (names, values)
    timetz          (microseconds, zone)                jsonb array     the values
    array           (elements, lower bounds), only      jsonb boolean   True, False
                    where those are not all 1           jsonb null      None
    record          the fields                          jsonpath        its text

Keys of indexes also hold ``nan``, ``null last`` and ``end``, the marks of numbers, arrays and records.
"""

from __future__ import annotations

from typing import Any

from heliosdb.encoding.classes import StoredClass

__all__ = ["ARRAYS", "INTERVAL", "JSONB", "JSONPATH", "NUMERIC", "RECORD", "TIMETZ"]

_HERE = "heliosdb.types.stored_classes:"


def _class(name: str, module: str, kind: str, made: str, plain: str | None = None, **options: bool) -> StoredClass:
    """Return the registration of a class of ``heliosdb.types``; a bare name of a function is one of this module."""
    spelled = f"heliosdb.types.{module}:{kind}"
    return StoredClass(
        name,
        spelled,
        f"{_HERE}{made}" if made.islower() else f"heliosdb.types.{module}:{made}",
        plain if plain is None else f"{_HERE}{plain}",
        **options,
    )


INTERVAL = (_class("interval", "interval", "Interval", "Interval._make"),)
TIMETZ = (_class("timetz", "time", "TimeWithZone", "TimeWithZone._make"),)
NUMERIC = (_class("nan", "comparison", "NanKey", "nan_of", "none_of"),)
ARRAYS = (
    _class("array", "array", "BoundedArray", "array_of", "parts_of_array"),
    _class("end", "ordering", "_End", "end_of", "none_of"),
)
RECORD = (
    _class("record", "composite", "Composite", "Composite", subclasses=True),
    _class("null last", "ordering", "NullLast", "null_last_of", "none_of"),
)
JSONB = (
    _class("jsonb object", "jsonb_tree", "JsonObject", "object_of", "members_of_object"),
    _class("jsonb array", "jsonb_tree", "JsonArray", "JsonArray"),
    _class("jsonb boolean", "jsonb_tree", "JsonBoolean", "json_boolean_of", "boolean_of"),
    _class("jsonb null", "jsonb_tree", "JsonNull", "json_null_of", "none_of"),
)
JSONPATH = (_class("jsonpath", "jsonpath_parse", "JsonPath", "path_of", "text_of_path"),)


# What is stored is read when the first value comes; the modules of the types are loaded by then, or now.


def none_of(value: Any) -> None:
    """Return the plain form of a class that has one value only."""
    return


def boolean_of(value: Any) -> bool:
    """Return Python's boolean for JSON's."""
    return bool(value)


def members_of_object(value: Any) -> tuple[Any, ...]:
    """Return names and values apart: objects with the same names are stored as columns."""
    members = value.members
    return tuple(members), tuple(members.values())


def object_of(plain: Any) -> Any:
    """Return the jsonb object."""
    from heliosdb.types.jsonb_tree import JsonObject

    names, values = plain
    return JsonObject(dict(zip(names, values, strict=True)))


def json_boolean_of(plain: Any) -> Any:
    """Return JSON's boolean."""
    from heliosdb.types.jsonb_tree import JSON_FALSE, JSON_TRUE

    return JSON_TRUE if plain else JSON_FALSE


def json_null_of(plain: Any) -> Any:
    """Return JSON's null."""
    from heliosdb.types.jsonb_tree import JSON_NULL

    return JSON_NULL


def parts_of_array(value: Any) -> tuple[Any, ...]:
    """Return elements and lower bounds."""
    return tuple(value), value.lower_bounds


def array_of(plain: Any) -> Any:
    """Return the array with bounds."""
    from heliosdb.types.array import with_bounds

    elements, bounds = plain
    return with_bounds(elements, bounds)


def text_of_path(value: Any) -> str:
    """Return a path's text."""
    from heliosdb.types.jsonpath_functions import path_text

    return path_text(value)


def path_of(plain: Any) -> Any:
    """Return the path."""
    from heliosdb.types.jsonpath_functions import jsonpath_input

    return jsonpath_input(plain)


def nan_of(plain: Any) -> Any:
    """Return the key of NaN."""
    from heliosdb.types.comparison import NAN_KEY

    return NAN_KEY


def null_last_of(plain: Any) -> Any:
    """Return the key of a NULL in an array or a record."""
    from heliosdb.types.ordering import NULL_LAST

    return NULL_LAST


def end_of(plain: Any) -> Any:
    """Return what follows the last element in the key of an array."""
    from heliosdb.types.ordering import _END

    return _END
