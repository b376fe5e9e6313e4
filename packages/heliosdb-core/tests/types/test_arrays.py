"""Arrays: the datum's shape, subscripts, slices and nesting, and text and binary form as inverses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.types.array import (
    build_array,
    construct_nested,
    dimensions,
    flatten,
    lower_bounds,
    map_elements,
    slice_array,
    subscript_array,
    with_bounds,
)
from heliosdb.types.interval import Interval
from recorded_calls import RecordedSession, registry

SESSION = RecordedSession(registry(), {})


def read(text: str, name: str = "_int4") -> tuple[object, ...]:
    datum: tuple[object, ...] = registry().input(name)(text, -1, SESSION)
    return datum


def test_intervals_in_an_array_are_elements_and_no_further_dimension() -> None:
    array = read("{1 day,2 mons}", "_interval")
    assert dimensions(array) == (2,)
    assert list(flatten(array)) == [Interval(0, 1, 0), Interval(2, 0, 0)]


def test_a_subscript_counts_from_the_lower_bound() -> None:
    array = read("[0:1]={5,6}")
    assert [subscript_array(array, [index]) for index in (-1, 0, 1, 2)] == [None, 5, 6, None]


@pytest.mark.parametrize("indexes", [[], [1], [1, 1, 1], [None, 1], [3, 1], [1, 0]])
def test_a_subscript_outside_or_of_the_wrong_number_is_null(indexes: list[int | None]) -> None:
    assert subscript_array(read("{{1,2},{3,4}}"), indexes) is None


def test_slices_are_numbered_from_one_and_cut_at_the_bounds() -> None:
    array = read("[2:5]={1,2,3,4}")
    assert slice_array(array, [(3, 99)]) == (2, 3, 4)
    assert lower_bounds(slice_array(array, [(3, 99)]) or ()) == (1,)
    assert slice_array(array, [(..., 2)]) == (1,)
    assert slice_array(array, [(9, 12)]) == ()
    assert slice_array(array, [(4, 3)]) == ()
    assert slice_array(array, [(None, 3)]) is None


def test_a_slice_of_fewer_dimensions_keeps_the_others_whole_and_of_more_is_empty() -> None:
    array = read("{{1,2},{3,4},{5,6}}")
    assert slice_array(array, [(2, 3)]) == ((3, 4), (5, 6))
    assert slice_array(array, [(1, 2), (2, 2)]) == ((2,), (4,))
    assert slice_array(array, [(1, 1), (1, 1), (1, 1)]) == ()


def test_nesting_arrays_of_different_lengths_is_an_error() -> None:
    with pytest.raises(errors.ArraySubscriptError, match="matching dimensions"):
        construct_nested([(1, 2), (3,)])
    with pytest.raises(errors.ArraySubscriptError):
        construct_nested([(1,), None])
    assert construct_nested([(), None]) == ()


def test_the_seventh_dimension_is_an_error() -> None:
    array: tuple[object, ...] = (1,)
    for _ in range(5):
        array = construct_nested([array])
    with pytest.raises(errors.ProgramLimitExceeded, match=r"number of array dimensions \(7\)"):
        construct_nested([array])


def test_mapping_keeps_nulls_and_bounds() -> None:
    mapped = map_elements(lambda item: item * 2, read("[5:7]={1,NULL,3}"))
    assert tuple(mapped) == (2, None, 6)
    assert lower_bounds(mapped) == (5,)


elements = st.one_of(st.none(), st.text(alphabet='ab"\\{}, \tNULnul\né', max_size=6))


@given(st.integers(1, 3), st.integers(1, 3), st.data())
def test_text_and_binary_forms_read_back(rows: int, columns: int, data: st.DataObject) -> None:
    items = data.draw(st.lists(elements, min_size=rows * columns, max_size=rows * columns))
    lower = (data.draw(st.integers(-3, 3)), data.draw(st.integers(-3, 3)))
    array = build_array(items, (rows, columns), lower)
    types = registry()
    for again in (
        types.input("_text")(types.output("_text")(array, SESSION), -1, SESSION),
        types.receive("_text")(types.send("_text")(array)),
    ):
        assert tuple(again) == tuple(array)
        assert lower_bounds(again) == lower


@given(st.binary(max_size=60))
def test_hostile_bytes_give_an_error_of_ours(data: bytes) -> None:
    try:
        registry().receive("_int4")(data)
    except errors.Error:
        pass


def test_a_huge_declared_size_is_refused_before_memory_is_taken() -> None:
    data = (1).to_bytes(4, "big") + bytes(4) + (23).to_bytes(4, "big") + (2**31 - 1).to_bytes(4, "big") + bytes(4)
    with pytest.raises(errors.ProgramLimitExceeded):
        registry().receive("_int4")(data)


def test_with_bounds_of_one_is_a_plain_tuple() -> None:
    assert type(with_bounds((1, 2), (1,))) is tuple
