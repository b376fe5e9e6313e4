"""The datum of ``jsonb``: an immutable, hashable tree, and its text.

=========  ========================================================================== JSON       datum =========
========================================================================== object     ``JsonObject``: a dict with its
keys in PostgreSQL's order (shorter first, then by bytes); of equal keys the last one stays array      ``JsonArray``:
a tuple under a class of its own, so that an array *of* jsonb is not taken for a nested array string     ``str``
number     ``Decimal``; its scale is kept (``1.50``), ``1.5`` equals ``1.50`` boolean    ``JSON_TRUE``,
``JSON_FALSE``: not Python's, which would equal the numbers 1 and 0 null       ``JSON_NULL``: a value, unlike SQL's
NULL, which is None =========  ==========================================================================

Order (PostgreSQL 15, section 8.14.4): Object > Array > Boolean > Number > String > Null; objects and arrays by number
of members first; the one exception, an empty array at the top, is less than everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from heliosdb import errors
from heliosdb.types.json_text import MAXIMUM_DEPTH, JsonNode, escape_json, parse_json
from heliosdb.types.numeric import numeric_input, numeric_output

__all__ = [
    "JSON_FALSE",
    "JSON_NULL",
    "JSON_TRUE",
    "Json",
    "JsonArray",
    "JsonBoolean",
    "JsonNull",
    "JsonObject",
    "kind_of",
    "make_number",
    "make_object",
    "parse_jsonb",
    "pretty_text",
    "sort_key",
    "to_text",
]


class JsonNull:
    """JSON's null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __reduce__(self) -> str:
        return "JSON_NULL"


class JsonBoolean:
    """JSON's true or false; equal to itself only."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return self.value

    def __repr__(self) -> str:
        return "JSON_TRUE" if self.value else "JSON_FALSE"

    def __reduce__(self) -> str:
        # A value that was put aside must come back as the one object.
        return repr(self)


class JsonArray(tuple[Any, ...]):
    """An array of JSON values."""

    __slots__ = ()


class JsonObject:
    """An object; ``members`` is in canonical order and never changed."""

    __slots__ = ("_hash", "members")

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return type(other) is JsonObject and self.members == other.members

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.members.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"JsonObject({self.members!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return JsonObject, (self.members,)


JSON_NULL: Final = JsonNull()
JSON_TRUE: Final = JsonBoolean(True)
JSON_FALSE: Final = JsonBoolean(False)

Json = JsonObject | JsonArray | str | Decimal | JsonBoolean | JsonNull


def _key_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded


def make_object(members: Iterable[tuple[str, Any]] | Mapping[str, Any]) -> JsonObject:
    """Return the object with these members; of equal keys the last one counts."""
    latest = dict(members)
    if len(latest) > 1:
        latest = {key: latest[key] for key in sorted(latest, key=_key_order)}
    return JsonObject(latest)


def make_number(text: str) -> Decimal:
    """Return a JSON number's value; 22003 beyond numeric's range."""
    if len(text) < 100 and "e" not in text and "E" not in text:
        number = Decimal(text)
    else:
        number = numeric_input(text, -1)
    # There is no negative zero.
    return number.copy_abs() if number.is_zero() else number


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_float=make_number, parse_int=make_number, parse_constant=_refuse_constant)


def parse_jsonb(text: str) -> Json:
    """Return the tree of a JSON text; PostgreSQL's errors for any other text."""
    # Python's parser takes lone surrogates and the escaped NUL: texts with code point escapes are left to ours.
    if "\\u" not in text:
        try:
            return _frozen(_decoder.decode(text), MAXIMUM_DEPTH)
        except (ValueError, RecursionError):
            pass
    return _from_node(parse_json(text))


def _frozen(value: Any, depth: int) -> Json:
    """Turn what Python's parser gives into the tree."""
    kind = type(value)
    if kind is str or kind is Decimal:
        return value  # type: ignore[no-any-return]
    if depth <= 0 and kind in (dict, list):
        raise RecursionError
    if kind is dict:
        members = {}
        for key, member in value.items():
            members[key] = _frozen(member, depth - 1)
        return make_object(members)
    if kind is list:
        items = []
        for item in value:
            items.append(_frozen(item, depth - 1))
        return JsonArray(items)
    if value is None:
        return JSON_NULL
    return JSON_TRUE if value else JSON_FALSE


def _from_node(node: JsonNode) -> Json:
    if node.kind == "object":
        members = {}
        for key, member in node.value:
            members[key] = _from_node(member)
        return make_object(members)
    if node.kind == "array":
        items = []
        for item in node.value:
            items.append(_from_node(item))
        return JsonArray(items)
    if node.kind == "string":
        return node.value  # type: ignore[no-any-return]
    if node.kind == "number":
        return make_number(node.value)
    if node.kind == "null":
        return JSON_NULL
    return JSON_TRUE if node.kind == "true" else JSON_FALSE


def kind_of(value: Json) -> str:
    """Return what ``jsonb_typeof`` says."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, Decimal):
        return "number"
    if isinstance(value, JsonObject):
        return "object"
    if isinstance(value, JsonArray):
        return "array"
    return "boolean" if isinstance(value, JsonBoolean) else "null"


def to_text(value: Json) -> str:
    """Return the text form: a blank after each comma and colon."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    kind = type(value)
    if kind is str:
        parts.append(escape_json(value))
    elif kind is Decimal:
        parts.append(numeric_output(value))
    elif kind is JsonObject:
        separator = "{"
        for key, member in value.members.items():
            parts.append(f"{separator}{escape_json(key)}: ")
            _write(member, parts)
            separator = ", "
        parts.append("}" if value.members else "{}")
    elif kind is JsonArray:
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ", "
        parts.append("]" if value else "[]")
    elif kind is JsonBoolean:
        parts.append("true" if value.value else "false")
    elif kind is JsonNull:
        parts.append("null")
    else:
        raise errors.InternalFailure(f"not a jsonb value: {kind.__name__}")


def pretty_text(value: Json) -> str:
    """Return the text form over several lines, four blanks a level."""
    parts: list[str] = []
    _write_pretty(value, parts, "\n")
    return "".join(parts)


def _write_pretty(value: Any, parts: list[str], newline: str) -> None:
    kind = type(value)
    inner = newline + "    "
    if kind is JsonObject:
        separator = "{"
        for key, member in value.members.items():
            parts.append(f"{separator}{inner}{escape_json(key)}: ")
            _write_pretty(member, parts, inner)
            separator = ","
        parts.append(newline + "}" if value.members else "{" + newline + "}")
    elif kind is JsonArray:
        separator = "["
        for item in value:
            parts.append(separator + inner)
            _write_pretty(item, parts, inner)
            separator = ","
        parts.append(newline + "]" if value else "[" + newline + "]")
    else:
        _write(value, parts)


def sort_key(value: Json) -> tuple[Any, ...]:
    """Return a key whose ``<`` and ``==`` are jsonb's."""
    if type(value) is JsonArray and not value:
        return (-1,)
    return _key(value)


def _key(value: Any) -> tuple[Any, ...]:
    kind = type(value)
    if kind is str:
        # Python's order by code point is the order of UTF-8's bytes.
        return (1, value)
    if kind is Decimal:
        return (2, value)
    if kind is JsonBoolean:
        return (3, value.value)
    if kind is JsonNull:
        return (0,)
    keys: list[Any] = []
    if kind is JsonArray:
        for item in value:
            keys.append(_key(item))
        return (4, len(value), tuple(keys))
    for name, member in value.members.items():
        keys.append(name)
        keys.append(_key(member))
    return (5, len(value.members), tuple(keys))
