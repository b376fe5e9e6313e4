"""Enum types: labels, their order, and the functions over any enum."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import errors
from heliosdb.types.definitions import CallTypes, Type
from heliosdb.types.enum import FUNCTIONS
from recorded_calls import RecordedSession, registry

TYPES = registry().extended(
    [
        Type("mood", "mood", oid=90101, array_oid=90102, category="E", kind="enum", labels=("sad", "ok", "happy")),
        Type("none", "none", oid=90103, array_oid=90104, category="E", kind="enum"),
    ]
)
SESSION = RecordedSession(TYPES, {})


def called(name: str, *arguments: Any, type_name: str = "mood") -> Any:
    function = next(f for f in FUNCTIONS if f.name == name and len(f.arguments) == len(arguments))
    assert callable(function.implementation)
    if not function.specialize:
        return function.implementation(*arguments)
    call = CallTypes((type_name,) * len(arguments), function.returns, TYPES)
    return function.implementation(call)(*arguments)


def test_labels_are_read_exactly() -> None:
    assert TYPES.input("mood")("happy", -1, SESSION) == "happy"
    assert TYPES.receive("mood")(TYPES.send("mood")("ok")) == "ok"
    assert TYPES.output("_mood")(TYPES.input("_mood")("{ok,NULL,sad}", -1, SESSION), SESSION) == "{ok,NULL,sad}"
    for text in ("Happy", "angry", "", " ok"):
        with pytest.raises(errors.InvalidTextRepresentation, match=f'invalid input value for enum mood: "{text}"'):
            TYPES.input("mood")(text, -1, SESSION)


def test_labels_sort_as_the_type_lists_them_alone_and_in_arrays() -> None:
    ordering = TYPES.ordering("mood")
    assert ordering is not None
    assert callable(ordering.sort_key)
    assert sorted(["happy", "ok", "sad"], key=ordering.sort_key) == ["sad", "ok", "happy"]
    of_arrays = TYPES.ordering("_mood")
    assert of_arrays is not None
    assert callable(of_arrays.sort_key)
    assert of_arrays.sort_key(("sad", "happy")) < of_arrays.sort_key(("ok",)) < of_arrays.sort_key(("ok", None))


def test_comparisons_go_by_place() -> None:
    assert called("enum_lt", "ok", "happy") is True
    assert called("enum_ge", "sad", "ok") is False
    assert called("enum_le", "ok", "ok") is True
    assert called("enum_gt", "happy", "sad") is True
    assert called("enum_eq", "ok", "ok") is True
    assert called("enum_ne", "ok", "ok") is False
    assert [called("enum_cmp", "ok", other) for other in ("sad", "ok", "happy")] == [1, 0, -1]


def test_first_last_and_ranges() -> None:
    assert (called("enum_first", None), called("enum_last", "sad")) == ("sad", "happy")
    assert called("enum_range", None) == ("sad", "ok", "happy")
    assert called("enum_range", "ok", None) == ("ok", "happy")
    assert called("enum_range", None, "ok") == ("sad", "ok")
    assert called("enum_range", "happy", "sad") == ()
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="enum none contains no values"):
        called("enum_first", None, type_name="none")
