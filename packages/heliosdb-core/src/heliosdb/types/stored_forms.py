"""How data of classes that are the engine's own are stored: the forms of ``encoding/rows.py``.

The numbers are part of the format of a database: add at the end, never change or reuse one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heliosdb.encoding.rows import Form, RowCodec
from heliosdb.types.array import BoundedArray, with_bounds
from heliosdb.types.composite import Composite
from heliosdb.types.interval import Interval
from heliosdb.types.jsonb_tree import (
    JSON_FALSE,
    JSON_NULL,
    JSON_TRUE,
    JsonArray,
    JsonBoolean,
    JsonNull,
    JsonObject,
)
from heliosdb.types.time import TimeWithZone

__all__ = ["FIRST_FOR_PLUGINS", "STORED_FORMS", "row_codec"]

FIRST_FOR_PLUGINS = 64
"""Numbers from here on belong to forms that plugins bring."""


def _object_apart(value: JsonObject) -> tuple[Any, ...]:
    return (*value.members, *value.members.values())


def _object_together(fields: tuple[Any, ...]) -> JsonObject:
    half = len(fields) // 2
    return JsonObject(dict(zip(fields[:half], fields[half:], strict=True)))


STORED_FORMS: tuple[Form, ...] = (
    Form(1, Interval, tuple, Interval._make),
    Form(2, TimeWithZone, tuple, TimeWithZone._make),
    Form(3, BoundedArray, lambda value: (tuple(value), value.lower_bounds), lambda fields: with_bounds(*fields)),
    Form(4, Composite, tuple, Composite),
    Form(5, JsonObject, _object_apart, _object_together),
    Form(6, JsonArray, tuple, JsonArray),
    Form(7, JsonBoolean, bool, lambda value: JSON_TRUE if value else JSON_FALSE),
    Form(8, JsonNull, lambda value: None, lambda value: JSON_NULL),
)


def row_codec(more: Iterable[Form] = ()) -> RowCodec:
    """Return the codec of stored rows, with the forms that plugins bring."""
    return RowCodec((*STORED_FORMS, *more))
