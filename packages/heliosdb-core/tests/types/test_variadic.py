"""VARIADIC arrays stand for the arguments of functions of any number and type."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import errors
from heliosdb.types.definitions import CallTypes, ScalarFunction
from heliosdb.types.variadic import over_array
from recorded_calls import RecordedSession, functions, registry

SESSION = RecordedSession(registry(), {})


def called(name: str, signature: tuple[str, ...], types: tuple[str, ...], *arguments: Any) -> Any:
    function = functions()[name, signature]
    assert isinstance(function, ScalarFunction)
    spread = over_array(function)
    assert callable(spread.implementation)
    session = (SESSION,) if function.needs_session else ()
    return spread.implementation(CallTypes(types, function.returns, registry()))(*arguments, *session)


def test_elements_of_all_dimensions_are_counted_and_null_gives_null() -> None:
    assert called("num_nulls", ("any",), ("_int4",), ((1, None), (2, 3))) == 1
    assert called("num_nonnulls", ("any",), ("_int4",), ()) == 0
    assert called("num_nulls", ("any",), ("_int4",), None) is None


def test_a_function_compiled_for_its_arguments_is_compiled_for_the_elements() -> None:
    assert called("concat", ("any",), ("_date",), (0, None, 59)) == "2000-01-012000-02-29"
    assert called("json_build_array", ("any",), ("_interval",), ()) == "[]"
    assert called("jsonb_build_object", ("any",), ("_text",), ("a", "b")).members == {"a": "b"}


def test_one_call_may_have_as_many_elements_as_the_next_has_not() -> None:
    function = functions()["concat_ws", ("text", "any")]
    assert isinstance(function, ScalarFunction)
    spread = over_array(function)
    assert callable(spread.implementation)
    join = spread.implementation(CallTypes(("text", "_int4"), "text", registry()))
    assert [join("-", tuple(range(count)), SESSION) for count in (3, 0, 1, 3)] == ["0-1-2", "", "0", "0-1-2"]


def test_anything_but_an_array_is_refused() -> None:
    with pytest.raises(errors.DatatypeMismatch, match="VARIADIC argument must be an array"):
        called("num_nulls", ("any",), ("int4",), 1)
