"""Operators and functions that read jsonb documents or change parts of them (PostgreSQL 15, section 9.16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from heliosdb import errors
from heliosdb.types.array import flatten
from heliosdb.types.definitions import Operator, ScalarFunction, TableFunction
from heliosdb.types.jsonb import as_text, get_element, get_member, get_path, path_index
from heliosdb.types.jsonb_tree import (
    JSON_NULL,
    Json,
    JsonArray,
    JsonNull,
    JsonObject,
    kind_of,
    make_object,
    pretty_text,
)

__all__ = ["FUNCTIONS", "OPERATORS", "TABLE_FUNCTIONS"]

Path = tuple[Any, ...]


def jsonb_object_field_text(document: Json, key: str) -> str | None:
    """``document ->> 'key'``."""
    return as_text(get_member(document, key))


def jsonb_array_element(document: Json, index: int) -> Json | None:
    """``document -> index``; a bare value counts as an array of itself here, and only here, as in PostgreSQL."""
    if isinstance(document, JsonObject | JsonArray):
        return get_element(document, index)
    return document if index in (0, -1) else None


def jsonb_array_element_text(document: Json, index: int) -> str | None:
    """``document ->> index``."""
    return as_text(jsonb_array_element(document, index))


def jsonb_extract_path(document: Json, path: Path) -> Json | None:
    """``document #> path``."""
    return get_path(document, tuple(flatten(path)))


def jsonb_extract_path_text(document: Json, path: Path) -> str | None:
    """``document #>> path``."""
    return as_text(get_path(document, tuple(flatten(path))))


# -- containment and existence -------------------------------------------------------------------------------------


def jsonb_contains(container: Json, contained: Json) -> bool:
    """``container @> contained``: every member of the second has its like in the first, at every level."""
    if type(container) is JsonArray and not isinstance(contained, JsonObject | JsonArray):
        # The exception PostgreSQL makes: an array contains a bare value.
        return contained in container
    return _contains(container, contained)


def _contains(container: Any, contained: Any) -> bool:
    if type(contained) is JsonObject:
        if type(container) is not JsonObject or len(container.members) < len(contained.members):
            return False
        for key, member in contained.members.items():
            own = container.members.get(key)
            if own is None or not _contains(own, member):
                return False
        return True
    if type(contained) is JsonArray:
        if type(container) is not JsonArray:
            return False
        for wanted in contained:
            if isinstance(wanted, JsonObject | JsonArray):
                for own in container:
                    if type(own) is type(wanted) and _contains(own, wanted):
                        break
                else:
                    return False
            elif wanted not in container:
                return False
        return True
    return type(container) is type(contained) and bool(container == contained)


def jsonb_contained(contained: Json, container: Json) -> bool:
    """``contained <@ container``."""
    return jsonb_contains(container, contained)


def jsonb_exists(document: Json, key: str) -> bool:
    """``document ? 'key'``: a top-level key, string element, or the string itself."""
    if type(document) is JsonObject:
        return key in document.members
    if type(document) is JsonArray:
        return any(type(item) is str and item == key for item in document)
    return type(document) is str and document == key


def jsonb_exists_any(document: Json, keys: Path) -> bool:
    """``document ?| keys``."""
    return any(jsonb_exists(document, key) for key in flatten(keys) if key is not None)


def jsonb_exists_all(document: Json, keys: Path) -> bool:
    """``document ?& keys``."""
    return all(jsonb_exists(document, key) for key in flatten(keys) if key is not None)


# -- change --------------------------------------------------------------------------------------------------------


def jsonb_concat(left: Json, right: Json) -> Json:
    """``left || right``: objects are merged, anything else is put together as arrays."""
    if type(left) is JsonObject and type(right) is JsonObject:
        return make_object(left.members | right.members)
    first = left if type(left) is JsonArray else (left,)
    second = right if type(right) is JsonArray else (right,)
    return JsonArray((*first, *second))


def jsonb_delete(document: Json, key: str) -> Json:
    """``document - 'key'``: without the key, or without the string elements equal to it."""
    return _without(document, {key})


def jsonb_delete_array(document: Json, keys: Path) -> Json:
    """``document - keys``."""
    if any(type(key) is tuple for key in keys):
        raise errors.ArraySubscriptError("wrong number of array subscripts")
    return _without(document, {key for key in keys if key is not None})


def _without(document: Json, keys: set[str]) -> Json:
    if type(document) is JsonObject:
        return JsonObject({key: member for key, member in document.members.items() if key not in keys})
    if type(document) is JsonArray:
        return JsonArray(item for item in document if not (type(item) is str and item in keys))
    raise errors.InvalidParameterValue("cannot delete from scalar")


def jsonb_delete_idx(document: Json, index: int) -> Json:
    """``document - index``: without an array's element."""
    if type(document) is JsonObject:
        raise errors.InvalidParameterValue("cannot delete from object using integer index")
    if type(document) is not JsonArray:
        raise errors.InvalidParameterValue("cannot delete from scalar")
    if not -len(document) <= index < len(document):
        return document
    index %= len(document)
    return JsonArray((*document[:index], *document[index + 1 :]))


def _is_empty(document: JsonObject | JsonArray) -> bool:
    return not (document.members if isinstance(document, JsonObject) else document)


def _steps(path: Path) -> Path:
    if any(type(step) is tuple for step in path):
        raise errors.ArraySubscriptError("wrong number of array subscripts")
    return path


def jsonb_delete_path(document: Json, path: Path) -> Json:
    """``document #- path``."""
    steps = _steps(path)
    if not isinstance(document, JsonObject | JsonArray):
        raise errors.InvalidParameterValue("cannot delete path in scalar")
    return _changed(document, steps, 0, "delete", None) if steps and not _is_empty(document) else document


def jsonb_set(document: Json, path: Path, value: Json, create_if_missing: bool = True) -> Json:
    """Replace, or add, what stands at the path."""
    steps = _steps(path)
    if not isinstance(document, JsonObject | JsonArray):
        raise errors.InvalidParameterValue("cannot set path in scalar")
    if not steps or (_is_empty(document) and not create_if_missing):
        return document
    return _changed(document, steps, 0, "set_or_create" if create_if_missing else "set", value)


def jsonb_insert(document: Json, path: Path, value: Json, insert_after: bool = False) -> Json:
    """Insert into an array before or after the element at the path, or add a new key."""
    steps = _steps(path)
    if not isinstance(document, JsonObject | JsonArray):
        raise errors.InvalidParameterValue("cannot set path in scalar")
    if not steps:
        return document
    return _changed(document, steps, 0, "insert_after" if insert_after else "insert_before", value)


def jsonb_set_lax(
    document: Json | None,
    path: Path | None,
    value: Json | None,
    create_if_missing: bool | None = True,
    null_value_treatment: str | None = "use_json_null",
) -> Json | None:
    """``jsonb_set`` with a choice of what a NULL value does."""
    if document is None or path is None or create_if_missing is None:
        return None
    if null_value_treatment is None:
        raise errors.InvalidParameterValue(
            'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"'
        )
    if value is not None:
        return jsonb_set(document, path, value, create_if_missing)
    if null_value_treatment == "raise_exception":
        raise errors.NullValueNotAllowed(
            "JSON value must not be null",
            detail='Exception was raised because null_value_treatment is "raise_exception".',
            hint=(
                "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed."
            ),
        )
    if null_value_treatment == "use_json_null":
        return jsonb_set(document, path, JSON_NULL, create_if_missing)
    if null_value_treatment == "delete_key":
        return jsonb_delete_path(document, path)
    if null_value_treatment == "return_target":
        return document
    raise errors.InvalidParameterValue(
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"'
    )


def _changed(document: Json, steps: Path, level: int, change: str, value: Json | None) -> Json:
    """Return the document with a change at the path; what the path does not reach stays as it is."""
    step = steps[level]
    if step is None:
        raise errors.NullValueNotAllowed(f"path element at position {level + 1} is null")
    last = level == len(steps) - 1
    if type(document) is JsonObject:
        return _changed_object(document, steps, level, change, value, last)
    if type(document) is JsonArray:
        return _changed_array(document, steps, level, change, value, last)
    return document


def _changed_object(document: JsonObject, steps: Path, level: int, change: str, value: Json | None, last: bool) -> Json:
    key: str = steps[level]
    own = document.members.get(key)
    if own is None:
        if last and value is not None and change in ("set_or_create", "insert_before", "insert_after"):
            return make_object(document.members | {key: value})
        return document
    if not last:
        return JsonObject(document.members | {key: _changed(own, steps, level + 1, change, value)})
    if change == "delete":
        return JsonObject({name: member for name, member in document.members.items() if name != key})
    if change in ("insert_before", "insert_after"):
        raise errors.InvalidParameterValue(
            "cannot replace existing key",
            hint="Try using the function jsonb_set to replace key value.",
        )
    return JsonObject(document.members | {key: value})


def _changed_array(document: JsonArray, steps: Path, level: int, change: str, value: Json | None, last: bool) -> Json:
    index = path_index(steps[level])
    if index is None:
        raise errors.InvalidTextRepresentation(
            f'path element at position {level + 1} is not an integer: "{steps[level]}"'
        )
    size = len(document)
    if index < 0:
        index = index + size if -index <= size else -1
    inside = 0 <= index < size
    if not inside:
        if last and value is not None and change in ("set_or_create", "insert_before", "insert_after"):
            return JsonArray((value, *document) if index < 0 else (*document, value))
        return document
    before, own, after = document[:index], document[index], document[index + 1 :]
    if not last:
        return JsonArray((*before, _changed(own, steps, level + 1, change, value), *after))
    if change == "delete":
        return JsonArray((*before, *after))
    if change == "insert_before":
        return JsonArray((*before, value, own, *after))
    if change == "insert_after":
        return JsonArray((*before, own, value, *after))
    return JsonArray((*before, value, *after))


def jsonb_strip_nulls(document: Json) -> Json:
    """Drop object members that are null, at every level; nulls in arrays stay."""
    if type(document) is JsonObject:
        members = {}
        for key, member in document.members.items():
            if type(member) is not JsonNull:
                members[key] = jsonb_strip_nulls(member)
        return JsonObject(members)
    if type(document) is JsonArray:
        items = []
        for item in document:
            items.append(jsonb_strip_nulls(item))
        return JsonArray(items)
    return document


# -- inspection ----------------------------------------------------------------------------------------------------


def jsonb_array_length(document: Json) -> int:
    """Return the number of elements; 22023 for anything but an array."""
    if type(document) is JsonArray:
        return len(document)
    what = "a non-array" if type(document) is JsonObject else "a scalar"
    raise errors.InvalidParameterValue(f"cannot get array length of {what}")


def jsonb_array_elements(document: Json) -> Iterator[Json]:
    """Yield the elements; 22023 for anything but an array."""
    if type(document) is JsonArray:
        return iter(document)
    what = "an object" if type(document) is JsonObject else "a scalar"
    raise errors.InvalidParameterValue(f"cannot extract elements from {what}")


def jsonb_array_elements_text(document: Json) -> Iterator[str | None]:
    """Yield the elements as text."""
    return map(as_text, jsonb_array_elements(document))


def _members(document: Json, function: str) -> dict[str, Any]:
    if type(document) is JsonObject:
        return document.members
    raise errors.InvalidParameterValue(f"cannot call {function} on a non-object")


def jsonb_each(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield key and value of each member."""
    return iter(_members(document, "jsonb_each").items())


def jsonb_each_text(document: Json) -> Iterator[tuple[str, str | None]]:
    """Yield key and value, as text, of each member."""
    return ((key, as_text(member)) for key, member in _members(document, "jsonb_each_text").items())


def jsonb_object_keys(document: Json) -> Iterator[str]:
    """Yield the keys; 22023 for anything but an object."""
    if type(document) is JsonObject:
        return iter(document.members)
    what = "an array" if type(document) is JsonArray else "a scalar"
    raise errors.InvalidParameterValue(f"cannot call jsonb_object_keys on {what}")


def _binary(name: str, right: str, returns: str, implementation: Callable[..., Any]) -> ScalarFunction:
    return ScalarFunction(name, ("jsonb", right), returns, implementation)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    _binary("jsonb_object_field", "text", "jsonb", get_member),
    _binary("jsonb_object_field_text", "text", "text", jsonb_object_field_text),
    _binary("jsonb_array_element", "int4", "jsonb", jsonb_array_element),
    _binary("jsonb_array_element_text", "int4", "text", jsonb_array_element_text),
    ScalarFunction("jsonb_extract_path", ("jsonb", "_text"), "jsonb", jsonb_extract_path, variadic=True),
    ScalarFunction("jsonb_extract_path_text", ("jsonb", "_text"), "text", jsonb_extract_path_text, variadic=True),
    _binary("jsonb_contains", "jsonb", "bool", jsonb_contains),
    _binary("jsonb_contained", "jsonb", "bool", jsonb_contained),
    _binary("jsonb_exists", "text", "bool", jsonb_exists),
    _binary("jsonb_exists_any", "_text", "bool", jsonb_exists_any),
    _binary("jsonb_exists_all", "_text", "bool", jsonb_exists_all),
    _binary("jsonb_concat", "jsonb", "jsonb", jsonb_concat),
    _binary("jsonb_delete", "text", "jsonb", jsonb_delete),
    _binary("jsonb_delete", "int4", "jsonb", jsonb_delete_idx),
    ScalarFunction("jsonb_delete", ("jsonb", "_text"), "jsonb", jsonb_delete_array, variadic=True),
    _binary("jsonb_delete_path", "_text", "jsonb", jsonb_delete_path),
    ScalarFunction(
        "jsonb_set",
        ("jsonb", "_text", "jsonb", "bool"),
        "jsonb",
        jsonb_set,
        argument_names=("jsonb_in", "path", "replacement", "create_if_missing"),
        defaults=("true",),
    ),
    ScalarFunction(
        "jsonb_set_lax",
        ("jsonb", "_text", "jsonb", "bool", "text"),
        "jsonb",
        jsonb_set_lax,
        strict=False,
        argument_names=("jsonb_in", "path", "replacement", "create_if_missing", "null_value_treatment"),
        defaults=("true", "'use_json_null'"),
    ),
    ScalarFunction(
        "jsonb_insert",
        ("jsonb", "_text", "jsonb", "bool"),
        "jsonb",
        jsonb_insert,
        argument_names=("jsonb_in", "path", "replacement", "insert_after"),
        defaults=("false",),
    ),
    ScalarFunction("jsonb_strip_nulls", ("jsonb",), "jsonb", jsonb_strip_nulls),
    ScalarFunction("jsonb_pretty", ("jsonb",), "text", pretty_text),
    ScalarFunction("jsonb_typeof", ("jsonb",), "text", kind_of),
    ScalarFunction("jsonb_array_length", ("jsonb",), "int4", jsonb_array_length),
)

OPERATORS: tuple[Operator, ...] = (
    Operator("->", "jsonb", "text", "jsonb", "jsonb_object_field"),
    Operator("->>", "jsonb", "text", "text", "jsonb_object_field_text"),
    Operator("->", "jsonb", "int4", "jsonb", "jsonb_array_element"),
    Operator("->>", "jsonb", "int4", "text", "jsonb_array_element_text"),
    Operator("#>", "jsonb", "_text", "jsonb", "jsonb_extract_path"),
    Operator("#>>", "jsonb", "_text", "text", "jsonb_extract_path_text"),
    Operator("@>", "jsonb", "jsonb", "bool", "jsonb_contains", commutator="<@", selectivity="contains"),
    Operator("<@", "jsonb", "jsonb", "bool", "jsonb_contained", commutator="@>", selectivity="contains"),
    Operator("?", "jsonb", "text", "bool", "jsonb_exists", selectivity="contains"),
    Operator("?|", "jsonb", "_text", "bool", "jsonb_exists_any", selectivity="contains"),
    Operator("?&", "jsonb", "_text", "bool", "jsonb_exists_all", selectivity="contains"),
    Operator("||", "jsonb", "jsonb", "jsonb", "jsonb_concat"),
    Operator("-", "jsonb", "text", "jsonb", "jsonb_delete"),
    Operator("-", "jsonb", "int4", "jsonb", "jsonb_delete"),
    Operator("-", "jsonb", "_text", "jsonb", "jsonb_delete"),
    Operator("#-", "jsonb", "_text", "jsonb", "jsonb_delete_path"),
)

_KEY_VALUE = (("key", "text"), ("value", "jsonb"))

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("jsonb_array_elements", ("jsonb",), "jsonb", jsonb_array_elements, result_name="value", rows=100.0),
    TableFunction(
        "jsonb_array_elements_text",
        ("jsonb",),
        "text",
        jsonb_array_elements_text,
        result_name="value",
        rows=100.0,
    ),
    TableFunction("jsonb_each", ("jsonb",), "record", jsonb_each, columns=_KEY_VALUE, rows=100.0),
    TableFunction(
        "jsonb_each_text",
        ("jsonb",),
        "record",
        jsonb_each_text,
        columns=(("key", "text"), ("value", "text")),
        rows=100.0,
    ),
    TableFunction("jsonb_object_keys", ("jsonb",), "text", jsonb_object_keys, rows=100.0),
)
