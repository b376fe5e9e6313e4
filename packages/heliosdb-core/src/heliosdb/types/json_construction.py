"""The functions and aggregates that build JSON: ``to_json``, ``json_build_object``, ``json_agg``, and jsonb's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb import errors
from heliosdb.types.array import dimensions
from heliosdb.types.definitions import Aggregate, CallTypes, RowShape, ScalarFunction, SessionContext, Volatility
from heliosdb.types.json_building import builder, is_structured, key_text, writer
from heliosdb.types.json_text import escape_json
from heliosdb.types.jsonb_tree import JSON_NULL, Json, JsonArray, JsonObject, make_object

__all__ = ["AGGREGATES", "FUNCTIONS"]


def _shape(call: CallTypes, position: int) -> RowShape | None:
    return call.rows[position] if position < len(call.rows) else None


# -- functions -----------------------------------------------------------------------------------------------------


def to_json(call: CallTypes) -> Callable[[Any, SessionContext], str]:
    """Make ``to_json(value)``."""
    return writer(call.arguments[0], call.types, _shape(call, 0))


def to_json_pretty(call: CallTypes) -> Callable[[Any, bool, SessionContext], str]:
    """Make ``array_to_json(array, pretty)`` and ``row_to_json(row, pretty)``."""
    plain = writer(call.arguments[0], call.types, _shape(call, 0))
    broken = writer(call.arguments[0], call.types, _shape(call, 0), pretty=True)
    return lambda value, pretty, session: (broken if pretty else plain)(value, session)


def to_jsonb(call: CallTypes) -> Callable[[Any, SessionContext], Json]:
    """Make ``to_jsonb(value)``."""
    return builder(call.arguments[0], call.types, _shape(call, 0))


def json_build_array(call: CallTypes) -> Callable[..., str]:
    """Make ``json_build_array(...)``."""
    writers = [writer(name, call.types, _shape(call, n)) for n, name in enumerate(call.arguments)]

    def build(*arguments: Any) -> str:
        *values, session = arguments
        return f"[{', '.join(write(value, session) for write, value in zip(writers, values, strict=True))}]"

    return build


def jsonb_build_array(call: CallTypes) -> Callable[..., Json]:
    """Make ``jsonb_build_array(...)``."""
    builders = [builder(name, call.types, _shape(call, n)) for n, name in enumerate(call.arguments)]

    def build(*arguments: Any) -> Json:
        *values, session = arguments
        return JsonArray(make(value, session) for make, value in zip(builders, values, strict=True))

    return build


def _check_pairs(count: int, function: str) -> None:
    if count % 2:
        raise errors.InvalidParameterValue(
            "argument list must have even number of elements",
            hint=f"The arguments of {function}() must consist of alternating keys and values.",
        )


def json_build_object(call: CallTypes) -> Callable[..., str]:
    """Make ``json_build_object(key, value, ...)``."""
    _check_pairs(len(call.arguments), "json_build_object")
    pairs = [
        (key_text(key, call.types), writer(name, call.types, _shape(call, 2 * n + 1)))
        for n, (key, name) in enumerate(zip(call.arguments[::2], call.arguments[1::2], strict=True))
    ]

    def build(*arguments: Any) -> str:
        *values, session = arguments
        parts = []
        for number, (key, write) in enumerate(pairs):
            name, value = values[2 * number], values[2 * number + 1]
            if name is None:
                raise errors.InvalidParameterValue(
                    f"argument {2 * number + 1} cannot be null", hint="Object keys should be text."
                )
            parts.append(f"{escape_json(key(name, session))} : {write(value, session)}")
        return "{" + ", ".join(parts) + "}"

    return build


def jsonb_build_object(call: CallTypes) -> Callable[..., Json]:
    """Make ``jsonb_build_object(key, value, ...)``."""
    _check_pairs(len(call.arguments), "jsonb_build_object")
    pairs = [
        (key_text(key, call.types), builder(name, call.types, _shape(call, 2 * n + 1)))
        for n, (key, name) in enumerate(zip(call.arguments[::2], call.arguments[1::2], strict=True))
    ]

    def build(*arguments: Any) -> Json:
        *values, session = arguments
        members = []
        for number, (key, make) in enumerate(pairs):
            name, value = values[2 * number], values[2 * number + 1]
            if name is None:
                raise errors.InvalidParameterValue(f"argument {2 * number + 1}: key must not be null")
            members.append((key(name, session), make(value, session)))
        return make_object(members)

    return build


def empty_json_array() -> str:
    """``json_build_array()``."""
    return "[]"


def empty_json_object() -> str:
    """``json_build_object()``."""
    return "{}"


def empty_jsonb_array() -> Json:
    """``jsonb_build_array()``."""
    return JsonArray()


def empty_jsonb_object() -> Json:
    """``jsonb_build_object()``."""
    return JsonObject({})


def _text_pairs(array: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    sizes = dimensions(array)
    if not sizes:
        return []
    if len(sizes) == 1:
        if sizes[0] % 2:
            raise errors.ArraySubscriptError("array must have even number of elements")
        return list(zip(array[::2], array[1::2], strict=True))
    if len(sizes) == 2:
        if sizes[1] != 2:
            raise errors.ArraySubscriptError("array must have two columns")
        return [(key, value) for key, value in array]
    raise errors.ArraySubscriptError("wrong number of array subscripts")


def _two_arrays(keys: tuple[Any, ...], values: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    if len(dimensions(keys)) > 1 or len(dimensions(keys)) != len(dimensions(values)):
        raise errors.ArraySubscriptError("wrong number of array subscripts")
    if len(keys) != len(values):
        raise errors.ArraySubscriptError("mismatched array dimensions")
    return list(zip(keys, values, strict=True))


def _object_text(pairs: list[tuple[Any, Any]]) -> str:
    parts = []
    for key, value in pairs:
        if key is None:
            raise errors.NullValueNotAllowed("null value not allowed for object key")
        parts.append(f"{escape_json(key)} : {'null' if value is None else escape_json(value)}")
    return "{" + ", ".join(parts) + "}"


def _object_tree(pairs: list[tuple[Any, Any]]) -> Json:
    for key, _ in pairs:
        if key is None:
            raise errors.NullValueNotAllowed("null value not allowed for object key")
    return make_object([(key, JSON_NULL if value is None else value) for key, value in pairs])


def json_object(array: tuple[Any, ...]) -> str:
    """Return an object of strings from keys and values in turn."""
    return _object_text(_text_pairs(array))


def json_object_two(keys: tuple[Any, ...], values: tuple[Any, ...]) -> str:
    """Return an object of strings from an array of keys and one of values."""
    return _object_text(_two_arrays(keys, values))


def jsonb_object(array: tuple[Any, ...]) -> Json:
    """Return an object of strings from keys and values in turn."""
    return _object_tree(_text_pairs(array))


def jsonb_object_two(keys: tuple[Any, ...], values: tuple[Any, ...]) -> Json:
    """Return an object of strings from an array of keys and one of values."""
    return _object_tree(_two_arrays(keys, values))


# -- aggregates ----------------------------------------------------------------------------------------------------


def _append(state: list[Any], item: Any) -> list[Any]:
    state.append(item)
    return state


def json_agg(call: CallTypes) -> Aggregate:
    """Make ``json_agg``: elements are apart by a comma and a blank, arrays and rows by a line break too."""
    write = writer(call.arguments[0], call.types, _shape(call, 0))
    separator = ", \n " if is_structured(call.arguments[0], call.types) else ", "

    def step(state: list[str], value: Any, session: SessionContext) -> list[str]:
        return _append(
            state, (separator if state and value is not None else ", " if state else "") + write(value, session)
        )

    def final(state: list[str]) -> str | None:
        return f"[{''.join(state)}]" if state else None

    return Aggregate(
        "json_agg", call.arguments, "json", initial=list, step=step, final=final, strict=False, needs_session=True
    )


def jsonb_agg(call: CallTypes) -> Aggregate:
    """Make ``jsonb_agg``."""
    build = builder(call.arguments[0], call.types, _shape(call, 0))

    def step(state: list[Json], value: Any, session: SessionContext) -> list[Json]:
        return _append(state, build(value, session))

    def final(state: list[Json]) -> Json | None:
        return JsonArray(state) if state else None

    return Aggregate(
        "jsonb_agg", call.arguments, "jsonb", initial=list, step=step, final=final, strict=False, needs_session=True
    )


def json_object_agg(call: CallTypes) -> Aggregate:
    """Make ``json_object_agg``."""
    key = key_text(call.arguments[0], call.types)
    write = writer(call.arguments[1], call.types, _shape(call, 1))

    def step(state: list[str], name: Any, value: Any, session: SessionContext) -> list[str]:
        if name is None:
            raise errors.InvalidParameterValue("field name must not be null")
        return _append(state, f"{escape_json(key(name, session))} : {write(value, session)}")

    def final(state: list[str]) -> str | None:
        return "{ " + ", ".join(state) + " }" if state else None

    return Aggregate(
        "json_object_agg",
        call.arguments,
        "json",
        initial=list,
        step=step,
        final=final,
        strict=False,
        needs_session=True,
    )


def jsonb_object_agg(call: CallTypes) -> Aggregate:
    """Make ``jsonb_object_agg``; of equal keys the last one counts."""
    key = key_text(call.arguments[0], call.types)
    build = builder(call.arguments[1], call.types, _shape(call, 1))

    def step(state: list[Any], name: Any, value: Any, session: SessionContext) -> list[Any]:
        if name is None:
            raise errors.InvalidParameterValue("field name must not be null")
        return _append(state, (key(name, session), build(value, session)))

    def final(state: list[Any]) -> Json | None:
        return make_object(state) if state else None

    return Aggregate(
        "jsonb_object_agg",
        call.arguments,
        "jsonb",
        initial=list,
        step=step,
        final=final,
        strict=False,
        needs_session=True,
    )


def _stable(
    name: str, arguments: tuple[str, ...], returns: str, implementation: Any, *, strict: bool = True
) -> ScalarFunction:
    return ScalarFunction(
        name,
        arguments,
        returns,
        implementation,
        strict=strict,
        volatility=Volatility.STABLE,
        needs_session=True,
        specialize=True,
        variadic=arguments == ("any",),
    )


def _aggregate(name: str, arguments: tuple[str, ...], returns: str, factory: Any) -> Aggregate:
    return Aggregate(name, arguments, returns, implementation=factory, strict=False, specialize=True)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    _stable("to_json", ("anyelement",), "json", to_json),
    _stable("to_jsonb", ("anyelement",), "jsonb", to_jsonb),
    _stable("array_to_json", ("anyarray",), "json", to_json),
    _stable("array_to_json", ("anyarray", "bool"), "json", to_json_pretty),
    _stable("row_to_json", ("record",), "json", to_json),
    _stable("row_to_json", ("record", "bool"), "json", to_json_pretty),
    _stable("json_build_array", ("any",), "json", json_build_array, strict=False),
    _stable("json_build_object", ("any",), "json", json_build_object, strict=False),
    _stable("jsonb_build_array", ("any",), "jsonb", jsonb_build_array, strict=False),
    _stable("jsonb_build_object", ("any",), "jsonb", jsonb_build_object, strict=False),
    ScalarFunction("json_build_array", (), "json", empty_json_array),
    ScalarFunction("json_build_object", (), "json", empty_json_object),
    ScalarFunction("jsonb_build_array", (), "jsonb", empty_jsonb_array),
    ScalarFunction("jsonb_build_object", (), "jsonb", empty_jsonb_object),
    ScalarFunction("json_object", ("_text",), "json", json_object),
    ScalarFunction("json_object", ("_text", "_text"), "json", json_object_two),
    ScalarFunction("jsonb_object", ("_text",), "jsonb", jsonb_object),
    ScalarFunction("jsonb_object", ("_text", "_text"), "jsonb", jsonb_object_two),
)

AGGREGATES: tuple[Aggregate, ...] = (
    _aggregate("json_agg", ("anyelement",), "json", json_agg),
    _aggregate("jsonb_agg", ("anyelement",), "jsonb", jsonb_agg),
    _aggregate("json_object_agg", ("any", "any"), "json", json_object_agg),
    _aggregate("jsonb_object_agg", ("any", "any"), "jsonb", jsonb_object_agg),
)
