"""Frames give back what was written, class by class."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heliosdb.encoding.frames import Frames
from heliosdb.types.array import with_bounds
from heliosdb.types.comparison import NAN_KEY
from heliosdb.types.interval import Interval
from heliosdb.types.jsonb_tree import JSON_NULL, JSON_TRUE, JsonArray, parse_jsonb
from heliosdb.types.ordering import NULL_LAST

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**63) - 2, -(2**63) + 2)
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(st.characters(codec="utf-8", categories=["Cs", "Lu", "Cc"]), max_size=3)
    | st.binary()
    | st.decimals(allow_nan=False)
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(JsonArray)
        | st.builds(Interval, st.integers(), st.integers(), st.integers())
    ),
    max_leaves=10,
)


def shown(value: Any) -> Any:
    """Return a form in which also the classes, signs and exponents have to be equal."""
    if isinstance(value, tuple):
        return type(value), tuple(map(shown, value))
    return type(value), repr(value)


@given(st.lists(VALUES))
def test_what_was_written_is_read(values: list[Any]) -> None:
    frames = Frames()
    assert [shown(value) for value in frames.decode(frames.encode(values))] == [shown(value) for value in values]


@given(st.lists(st.tuples(st.integers(), st.none() | st.text(), st.decimals(allow_nan=False))))
def test_rows_of_one_shape_keep_no_objects(rows: list[tuple[Any, ...]]) -> None:
    frames = Frames()
    assert frames.decode(frames.encode(rows)) == rows
    assert frames.kept == []


def test_frames_of_one_file_stand_one_behind_the_other() -> None:
    frames = Frames()
    first, second = frames.encode([1, 2, 3]), frames.encode([("a", None), ("b", Interval(1, 2, 3))])
    assert frames.decode(second) == [("a", None), ("b", Interval(1, 2, 3))]
    assert type(frames.decode(second)[1][1]) is Interval
    assert frames.decode(first) == [1, 2, 3]


def test_what_has_no_form_comes_back_as_the_same_object() -> None:
    frames = Frames()
    strange = object()
    values = [strange, Decimal("NaN"), -0.0, math.inf, float("nan")]
    read = frames.decode(frames.encode(values))
    assert read[0] is strange
    assert frames.kept == [strange]
    assert str(read[1]) == "NaN"
    assert math.copysign(1, read[2]) == -1
    assert read[3] == math.inf
    assert math.isnan(read[4])


def test_what_says_how_it_is_made_is_not_kept() -> None:
    frames = Frames()
    array = with_bounds((1, 2), (5,))
    document = parse_jsonb('{"a": [1, true, null], "b": {}}')
    values = [array, document, JSON_NULL, JSON_TRUE, NAN_KEY, NULL_LAST, {1, 2}, frozenset("a"), [1, ["x"]], {"k": [2]}]
    read = frames.decode(frames.encode(values * 3))
    assert read == values * 3
    assert read[0].lower_bounds == (5,)
    assert list(read[1].members) == ["a", "b"]
    assert all(a is b for a, b in zip(read[2:6], values[2:6], strict=True))
    assert [type(value) for value in read[6:10]] == [set, frozenset, list, dict]
    assert frames.kept == []
