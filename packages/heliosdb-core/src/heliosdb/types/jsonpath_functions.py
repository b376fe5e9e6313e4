"""What applies paths to jsonb documents: implementations of ``jsonpath``'s functions, its text and binary forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heliosdb import errors
from heliosdb.types.jsonb_tree import Json, JsonArray, JsonBoolean, JsonNull, JsonObject
from heliosdb.types.jsonpath_evaluate import evaluate
from heliosdb.types.jsonpath_parse import JsonPath, parse_path, path_text
from heliosdb.types.text import text_receive

__all__ = [
    "jsonb_path_exists",
    "jsonb_path_exists_opr",
    "jsonb_path_match",
    "jsonb_path_match_opr",
    "jsonb_path_query",
    "jsonb_path_query_array",
    "jsonb_path_query_first",
    "jsonpath_from_python",
    "jsonpath_input",
    "jsonpath_receive",
    "jsonpath_send",
    "path_text",
]

_NO_VARIABLES = JsonObject({})


def jsonpath_input(text: str, typmod: int = -1) -> JsonPath:
    """Parse a path."""
    return parse_path(text)


def jsonpath_receive(data: bytes) -> JsonPath:
    """Read version 1 and the text."""
    if data[:1] != b"\1":
        raise errors.InternalFailure(f"unsupported jsonpath version number: {data[0] if data else 0}")
    return parse_path(text_receive(data[1:]))


def jsonpath_send(datum: JsonPath) -> bytes:
    """Write version 1 and the text."""
    return b"\1" + path_text(datum).encode()


def jsonpath_from_python(value: object) -> JsonPath:
    """Parse a str."""
    if isinstance(value, str):
        return parse_path(value)
    raise errors.DatatypeMismatch(f"cannot convert Python {type(value).__name__} to jsonpath")


def jsonb_path_exists(
    document: Json, path: JsonPath, variables: Json | None = _NO_VARIABLES, silent: bool = False, session: Any = None
) -> bool | None:
    """Return whether a path gives an item; ``silent``: NULL instead of an error."""
    items = evaluate(path, document, variables, session)
    try:
        # In strict mode an error anywhere counts, so that nothing may be left out.
        return bool(list(items)) if path.strict else next(items, None) is not None
    except errors.DataError:
        if silent:
            return None
        raise


def jsonb_path_match(
    document: Json, path: JsonPath, variables: Json | None = _NO_VARIABLES, silent: bool = False, session: Any = None
) -> bool | None:
    """Return the one boolean that a path gives; ``silent``: NULL instead of an error."""
    items = evaluate(path, document, variables, session)
    try:
        found = list(items)
    except errors.DataError:
        if silent:
            return None
        raise
    if len(found) == 1:
        if isinstance(found[0], JsonBoolean):
            return found[0].value
        if isinstance(found[0], JsonNull):
            return None
    if silent:
        return None
    raise errors.SingletonSqlJsonItemRequired("single boolean result is expected")


def jsonb_path_query(
    document: Json, path: JsonPath, variables: Json | None = _NO_VARIABLES, silent: bool = False, session: Any = None
) -> Iterator[Json]:
    """Yield the items of a path; ``silent``: an error only ends them."""
    return iter(_all_items(document, path, variables, silent, session))


def _all_items(document: Json, path: JsonPath, variables: Json | None, silent: bool, session: Any) -> list[Json]:
    found: list[Json] = []
    items = evaluate(path, document, variables, session)
    try:
        for item in items:
            found.append(item)
    except errors.DataError:
        if not silent:
            raise
    return found


def jsonb_path_query_array(
    document: Json, path: JsonPath, variables: Json | None = _NO_VARIABLES, silent: bool = False, session: Any = None
) -> Json:
    """Return the items of a path as an array."""
    return JsonArray(_all_items(document, path, variables, silent, session))


def jsonb_path_query_first(
    document: Json, path: JsonPath, variables: Json | None = _NO_VARIABLES, silent: bool = False, session: Any = None
) -> Json | None:
    """Return the first item of a path, or NULL."""
    found = _all_items(document, path, variables, silent, session)
    return found[0] if found else None


def jsonb_path_exists_opr(document: Json, path: JsonPath) -> bool | None:
    """``document @? path``."""
    return jsonb_path_exists(document, path, None, True)


def jsonb_path_match_opr(document: Json, path: JsonPath) -> bool | None:
    """``document @@ path``."""
    return jsonb_path_match(document, path, None, True)
