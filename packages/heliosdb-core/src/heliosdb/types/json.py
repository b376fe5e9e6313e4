"""``json``: the text as it was written, checked to be JSON; ``->`` answers with the very characters of the value.

Nothing is compared or hashed: there is no equality, as in PostgreSQL. Where PostgreSQL finds members by name the last
of equal keys counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from heliosdb import errors
from heliosdb.types.array import flatten
from heliosdb.types.definitions import Operator, ScalarFunction, TableFunction, Type
from heliosdb.types.json_text import MAXIMUM_DEPTH, JsonNode, escape_json, parse_json
from heliosdb.types.jsonb import path_index
from heliosdb.types.text import text_receive

__all__ = ["FUNCTIONS", "OPERATORS", "TABLE_FUNCTIONS", "TYPES", "check_json"]


def _token(text: str) -> None:
    return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_checker = json.JSONDecoder(parse_float=_token, parse_int=_token, parse_constant=_refuse_constant)


def check_json(text: str) -> str:
    """Return the text; 22P02 when it is no JSON."""
    # Deep nesting is counted by our own parser only; fewer brackets than the bound cannot be too deep.
    if text.count("[") + text.count("{") <= MAXIMUM_DEPTH:
        try:
            _checker.decode(text)
            return text
        except (ValueError, RecursionError):
            pass
    parse_json(text, unescape=False)
    return text


def json_input(text: str, typmod: int = -1) -> str:
    """Check the text."""
    return check_json(text)


def json_output(datum: str) -> str:
    """Return the text."""
    return datum


def json_receive(data: bytes) -> str:
    """Check the text."""
    return check_json(text_receive(data))


def json_send(datum: str) -> bytes:
    """Return the text's bytes."""
    return datum.encode()


def json_to_python(datum: str) -> Any:
    """Return what ``json.loads`` gives."""
    return json.loads(datum)


def json_from_python(value: object) -> str:
    """Return the text of a Python object; a str is JSON text already."""
    if isinstance(value, str):
        return check_json(value)
    from heliosdb.types.jsonb import jsonb_from_python
    from heliosdb.types.jsonb_tree import to_text

    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        # Decimals, which json.dumps does not know, and the errors that jsonb words.
        return to_text(jsonb_from_python(value))


# -- access --------------------------------------------------------------------------------------------------------


def _text(document: str, node: JsonNode | None) -> str | None:
    return None if node is None else document[node.start : node.end]


def _as_text(document: str, node: JsonNode | None) -> str | None:
    if node is None or node.kind == "null":
        return None
    return str(node.value) if node.kind == "string" else document[node.start : node.end]


def _member(node: JsonNode, key: str) -> JsonNode | None:
    found = None
    if node.kind == "object":
        for name, member in node.value:
            if name == key:
                found = member
    return found


def _element(node: JsonNode, index: int) -> JsonNode | None:
    if node.kind != "array" or not -len(node.value) <= index < len(node.value):
        return None
    element: JsonNode = node.value[index]
    return element


def _path(document: str, path: tuple[Any, ...]) -> JsonNode | None:
    steps = list(flatten(path))
    if None in steps:
        return None
    node: JsonNode | None = parse_json(document)
    for step in steps:
        if node is None:
            return None
        if node.kind == "array":
            index = path_index(step)
            node = None if index is None else _element(node, index)
        else:
            node = _member(node, step)
    return node


def json_object_field(document: str, key: str) -> str | None:
    """``document -> 'key'``."""
    return _text(document, _member(parse_json(document), key))


def json_object_field_text(document: str, key: str) -> str | None:
    """``document ->> 'key'``."""
    return _as_text(document, _member(parse_json(document), key))


def json_array_element(document: str, index: int) -> str | None:
    """``document -> index``."""
    return _text(document, _element(parse_json(document), index))


def json_array_element_text(document: str, index: int) -> str | None:
    """``document ->> index``."""
    return _as_text(document, _element(parse_json(document), index))


def json_extract_path(document: str, path: tuple[Any, ...]) -> str | None:
    """``document #> path``."""
    node = _path(document, path)
    if not path and node is not None and node.kind not in ("object", "array"):
        # PostgreSQL keeps the blanks before a scalar that is the whole document.
        return document[: node.end]
    return _text(document, node)


def json_extract_path_text(document: str, path: tuple[Any, ...]) -> str | None:
    """``document #>> path``."""
    node = _path(document, path)
    if not path and node is not None and node.kind not in ("object", "array", "string", "null"):
        return document[: node.end]
    return _as_text(document, node)


# -- inspection ----------------------------------------------------------------------------------------------------


def json_typeof(document: str) -> str:
    """Return "object", "array", "string", "number", "boolean" or "null"."""
    kind = parse_json(document, unescape=False).kind
    return "boolean" if kind in ("true", "false") else kind


def json_array_length(document: str) -> int:
    """Return the number of elements; 22023 for anything but an array."""
    node = parse_json(document, unescape=False)
    if node.kind == "array":
        return len(node.value)
    what = "a non-array" if node.kind == "object" else "a scalar"
    raise errors.InvalidParameterValue(f"cannot get array length of {what}")


def _elements(document: str, function: str) -> list[JsonNode]:
    node = parse_json(document)
    if node.kind == "array":
        elements: list[JsonNode] = node.value
        return elements
    what = "a non-array" if node.kind == "object" else "a scalar"
    raise errors.InvalidParameterValue(f"cannot call {function} on {what}")


def json_array_elements(document: str) -> Iterator[str]:
    """Yield the elements' texts."""
    for node in _elements(document, "json_array_elements"):
        yield document[node.start : node.end]


def json_array_elements_text(document: str) -> Iterator[str | None]:
    """Yield the elements as text."""
    for node in _elements(document, "json_array_elements_text"):
        yield _as_text(document, node)


def _pairs(document: str) -> list[tuple[str, JsonNode]]:
    node = parse_json(document)
    if node.kind == "object":
        pairs: list[tuple[str, JsonNode]] = node.value
        return pairs
    what = "an array" if node.kind == "array" else "a scalar"
    raise errors.InvalidParameterValue(
        f"cannot deconstruct {what} {'as an object' if what == 'an array' else ''}".strip()
    )


def json_each(document: str) -> Iterator[tuple[str, str]]:
    """Yield key and value of each member, equal keys too."""
    for key, node in _pairs(document):
        yield key, document[node.start : node.end]


def json_each_text(document: str) -> Iterator[tuple[str, str | None]]:
    """Yield key and value, as text, of each member."""
    for key, node in _pairs(document):
        yield key, _as_text(document, node)


def json_object_keys(document: str) -> Iterator[str]:
    """Yield the keys, equal ones too; 22023 for anything but an object."""
    node = parse_json(document)
    if node.kind != "object":
        what = "an array" if node.kind == "array" else "a scalar"
        raise errors.InvalidParameterValue(f"cannot call json_object_keys on {what}")
    for key, _ in node.value:
        yield key


def json_strip_nulls(document: str) -> str:
    """Drop object members that are null, and all blanks."""
    parts: list[str] = []
    _write_stripped(document, parse_json(document), parts)
    return "".join(parts)


def _write_stripped(document: str, node: JsonNode, parts: list[str]) -> None:
    if node.kind == "object":
        separator = "{"
        for key, member in node.value:
            if member.kind != "null":
                parts.append(f"{separator}{escape_json(key)}:")
                _write_stripped(document, member, parts)
                separator = ","
        parts.append("}" if separator == "," else "{}")
    elif node.kind == "array":
        separator = "["
        for item in node.value:
            parts.append(separator)
            _write_stripped(document, item, parts)
            separator = ","
        parts.append("]" if node.value else "[]")
    elif node.kind == "string":
        parts.append(escape_json(node.value))
    else:
        parts.append(document[node.start : node.end])


TYPES: tuple[Type, ...] = (
    Type(
        "json",
        "json",
        oid=114,
        array_oid=199,
        category="U",
        input=json_input,
        output=json_output,
        receive=json_receive,
        send=json_send,
        to_python=json_to_python,
        from_python=json_from_python,
        description="JSON stored as text",
    ),
)

FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction("json_object_field", ("json", "text"), "json", json_object_field),
    ScalarFunction("json_object_field_text", ("json", "text"), "text", json_object_field_text),
    ScalarFunction("json_array_element", ("json", "int4"), "json", json_array_element),
    ScalarFunction("json_array_element_text", ("json", "int4"), "text", json_array_element_text),
    ScalarFunction("json_extract_path", ("json", "_text"), "json", json_extract_path, variadic=True),
    ScalarFunction("json_extract_path_text", ("json", "_text"), "text", json_extract_path_text, variadic=True),
    ScalarFunction("json_typeof", ("json",), "text", json_typeof),
    ScalarFunction("json_array_length", ("json",), "int4", json_array_length),
    ScalarFunction("json_strip_nulls", ("json",), "json", json_strip_nulls),
)

OPERATORS: tuple[Operator, ...] = (
    Operator("->", "json", "text", "json", "json_object_field"),
    Operator("->>", "json", "text", "text", "json_object_field_text"),
    Operator("->", "json", "int4", "json", "json_array_element"),
    Operator("->>", "json", "int4", "text", "json_array_element_text"),
    Operator("#>", "json", "_text", "json", "json_extract_path"),
    Operator("#>>", "json", "_text", "text", "json_extract_path_text"),
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("json_array_elements", ("json",), "json", json_array_elements, result_name="value", rows=100.0),
    TableFunction(
        "json_array_elements_text",
        ("json",),
        "text",
        json_array_elements_text,
        result_name="value",
        rows=100.0,
    ),
    TableFunction(
        "json_each", ("json",), "record", json_each, columns=(("key", "text"), ("value", "json")), rows=100.0
    ),
    TableFunction(
        "json_each_text", ("json",), "record", json_each_text, columns=(("key", "text"), ("value", "text")), rows=100.0
    ),
    TableFunction("json_object_keys", ("json",), "text", json_object_keys, rows=100.0),
)
