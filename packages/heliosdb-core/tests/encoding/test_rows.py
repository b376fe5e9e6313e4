"""Stored rows come back as they were, class by class, by any codec that knows the same forms."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.encoding.rows import RowCodec, read_varint, varint
from heliosdb.errors import DataCorrupted
from heliosdb.types.array import BoundedArray, with_bounds
from heliosdb.types.composite import Composite
from heliosdb.types.interval import Interval
from heliosdb.types.jsonb_tree import JSON_FALSE, JSON_NULL, JSON_TRUE, JsonArray, parse_jsonb
from heliosdb.types.stored_forms import FIRST_FOR_PLUGINS, STORED_FORMS, row_codec
from heliosdb.types.time import TimeWithZone

EDGES = [n + d for n in (0, 2**7, 2**15, 2**31, 2**63, 2**64, 96, -32) for d in (-1, 0, 1)]
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([*EDGES, *(-n for n in EDGES)])
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(min_size=60, max_size=140)
    | st.text(st.characters(codec="utf-8", categories=["Cs", "Lu", "Cc"]), max_size=3)
    | st.binary(max_size=200)
    | st.decimals(allow_nan=False)
    | st.builds(Interval, st.integers(), st.integers(), st.integers())
    | st.builds(TimeWithZone, st.integers(), st.integers())
    | st.sampled_from([JSON_NULL, JSON_TRUE, JSON_FALSE, parse_jsonb('{"b": [1, 2.50, null], "a": {"x": true}}')])
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(JsonArray)
        | st.lists(inner, max_size=4).map(Composite)
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: with_bounds(tuple(items), (5,)))
    ),
    max_leaves=10,
)
ROWS = st.lists(VALUES, max_size=6).map(tuple)


def shown(value: Any) -> Any:
    """Return a form in which also the classes, signs and exponents have to be equal."""
    if isinstance(value, tuple):
        return type(value), tuple(map(shown, value)), getattr(value, "lower_bounds", None)
    return type(value), repr(value)


@given(st.lists(ROWS, max_size=5))
def test_what_was_written_is_read_by_another_codec(rows: list[tuple[Any, ...]]) -> None:
    data = row_codec().encode_rows(rows)
    read, end = row_codec().decode_rows(b"before" + data + b"behind", 6)
    assert end == 6 + len(data)
    assert list(map(shown, read)) == list(map(shown, rows))


@given(ROWS)
def test_equal_rows_have_equal_bytes(row: tuple[Any, ...]) -> None:
    codec = row_codec()
    data = codec.encode_row(row)
    again, end = codec.decode_row(data)
    assert end == len(data)
    assert codec.encode_row(again) == data


@given(st.integers(0, 2**70))
def test_varints(number: int) -> None:
    assert read_varint(b"x" + varint(number) + b"\xff", 1) == (number, 1 + len(varint(number)))


def test_the_bytes_are_part_of_the_format() -> None:
    codec = row_codec()
    assert codec.encode_row((None, True, False, 0, 95, -32, 96, -129, 70_000, 2**40)).hex(" ") == (
        "0a 00 02 01 a0 ff 80 03 60 04 7f ff 05 70 11 01 00 06 00 00 00 00 00 01 00 00"
    )
    assert codec.encode_row(("é", "", b"\x00\xff", Decimal("1.50"), 1.5, 2**64)).hex(" ") == (
        "06 42 c3 a9 40 0b 02 00 ff 09 04 31 2e 35 30 08 00 00 00 00 00 00 f8 3f 07 09 00 00 00 00 00 00 00 00 01"
    )
    assert codec.encode_row(((1, (2,)), Interval(1, -2, 3))).hex(" ") == "02 0c 02 a1 0c 01 a2 0d 01 0c 03 a1 9e a3"
    assert [(form.number, form.kind.__name__) for form in STORED_FORMS] == [
        (1, "Interval"),
        (2, "TimeWithZone"),
        (3, "BoundedArray"),
        (4, "Composite"),
        (5, "JsonObject"),
        (6, "JsonArray"),
        (7, "JsonBoolean"),
        (8, "JsonNull"),
    ]
    assert max(form.number for form in STORED_FORMS) < FIRST_FOR_PLUGINS


def test_numbers_that_are_none() -> None:
    codec = row_codec()
    row = (Decimal("NaN"), Decimal("-Infinity"), float("nan"), math.inf, -0.0)
    (numeric, low, real, high, zero), _ = codec.decode_row(codec.encode_row(row))
    assert str(numeric) == "NaN"
    assert low == Decimal("-Infinity")
    assert math.isnan(real)
    assert high == math.inf
    assert math.copysign(1, zero) == -1


def test_bounds_of_arrays_stay() -> None:
    codec = row_codec()
    (array,), _ = codec.decode_row(codec.encode_row((with_bounds((1, 2), (0,)),)))
    assert type(array) is BoundedArray
    assert array.lower_bounds == (0,)


def test_a_class_without_a_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set have no stored form"):
        row_codec().encode_row(({1},))
    with pytest.raises(TypeError, match="Interval have no stored form"):
        RowCodec().encode_row((Interval(1, 2, 3),))


@pytest.mark.parametrize("data", ["01 0d 3f 00", "01 0e", "01 0a 05 61", "01 07 09 00"])
def test_what_is_no_row_is_an_error(data: str) -> None:
    with pytest.raises(DataCorrupted):
        row_codec().decode_row(bytes.fromhex(data))
