"""Rows: text and binary form, anonymous rows that know their fields, comparison with NULLs, and rows made of JSON."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.types.composite import as_element, compare_rows, parse_row, record_class, rows_equal
from heliosdb.types.definitions import CallTypes, RowShape, Type
from heliosdb.types.interval import Interval
from heliosdb.types.json_construction import to_json, to_jsonb
from heliosdb.types.json_records import FUNCTIONS, TABLE_FUNCTIONS
from heliosdb.types.jsonb_tree import parse_jsonb, to_text
from recorded_calls import RecordedSession, registry

TYPES = registry().extended(
    [
        Type("pair", "pair", oid=90001, array_oid=90002, kind="composite", attributes=(("a", "int4"), ("b", "text"))),
        Type(
            "wide",
            "wide",
            oid=90003,
            array_oid=90004,
            kind="composite",
            attributes=(("n", "_int4"), ("p", "pair"), ("d", "date"), ("j", "json"), ("b", "jsonb"), ("ps", "_pair")),
        ),
    ]
)
SESSION = RecordedSession(TYPES, {})
SHAPE = RowShape((("f1", "int4", None), ("f2", "date", None), ("f3", "interval", None)))


def read(text: str, name: str = "pair") -> Any:
    return TYPES.input(name)(text, -1, SESSION)


def show(datum: Any, name: str = "pair") -> str:
    return TYPES.output(name)(datum, SESSION)


@pytest.mark.parametrize(
    ("text", "datum"),
    [
        ("(1,x)", (1, "x")),
        (' ( 1 ,"a ""b"", c") ', (1, 'a "b", c')),
        ("(,)", (None, None)),
        ('(1,"")', (1, "")),
        (r"(1,a\,b\\)", (1, "a,b\\")),
    ],
)
def test_a_row_is_read_from_its_text(text: str, datum: tuple[Any, ...]) -> None:
    assert read(text) == datum


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("1,x", "Missing left parenthesis."),
        ("(1,x", "Unexpected end of input."),
        ('(1,"x)', "Unexpected end of input."),
        ("(1)", "Too few columns."),
        ("(1,x,2)", "Too many columns."),
        ("(1,x) y", "Junk after right parenthesis."),
        ("", "Missing left parenthesis."),
        ("(1,x\\", "Unexpected end of input."),
    ],
)
def test_what_is_no_row_is_refused_with_the_reason(text: str, detail: str) -> None:
    with pytest.raises(errors.InvalidTextRepresentation) as caught:
        read(text)
    assert caught.value.message == f'malformed record literal: "{text}"'
    assert caught.value.detail == detail


@given(
    st.tuples(st.none() | st.integers(-(2**31), 2**31 - 1), st.none() | st.text(alphabet='ab"\\(), \té', max_size=6))
)
def test_rows_read_back_from_text_binary_and_arrays(row: tuple[Any, ...]) -> None:
    assert read(show(row)) == row
    assert TYPES.receive("pair")(TYPES.send("pair")(row)) == row
    array = (as_element(row), None, as_element(row))
    again = read(show(array, "_pair"), "_pair")
    assert again == array
    assert TYPES.receive("_pair")(TYPES.send("_pair")(array)) == array


@given(st.text(alphabet='(),"\\ a1', max_size=12))
def test_hostile_text_gives_an_error_of_ours(text: str) -> None:
    try:
        parse_row(text)
    except errors.InvalidTextRepresentation:
        pass


def test_an_anonymous_row_knows_its_fields() -> None:
    row = record_class(SHAPE, TYPES)((1, 8825, Interval(0, 1, 0)))
    assert show(row, "record") == '(1,2024-02-29,"1 day")'
    convert = TYPES.to_python("record")
    assert convert is not None
    assert convert(row)[:2] == (1, date(2024, 2, 29))
    assert to_json(CallTypes(("record",), "json", TYPES))(row, SESSION) == '{"f1":1,"f2":"2024-02-29","f3":"1 day"}'
    tree = to_jsonb(CallTypes(("record",), "jsonb", TYPES))(row, SESSION)
    assert to_text(tree) == '{"f1": 1, "f2": "2024-02-29", "f3": "1 day"}'


def test_a_row_made_of_a_month_sorts_as_one_of_thirty_days() -> None:
    ordering = TYPES.ordering("record")
    assert ordering is not None
    assert callable(ordering.sort_key)
    make = record_class(SHAPE, TYPES)
    month, days = make((1, None, Interval(1, 0, 0))), make((1, None, Interval(0, 30, 0)))
    assert ordering.sort_key(month) == ordering.sort_key(days)
    assert ordering.sort_key(make((1, 5, None))) < ordering.sort_key(month)


def test_row_comparison_is_decided_by_the_first_difference_and_unknown_after_a_null() -> None:
    less, greater, equal = int.__lt__, int.__gt__, int.__eq__
    assert compare_rows((1, None), (2, None), [less] * 2, [greater] * 2) == -1
    assert compare_rows((1, None), (1, 2), [less] * 2, [greater] * 2) is None
    assert compare_rows((1, 3), (1, 2), [less] * 2, [greater] * 2) == 1
    assert compare_rows((1, 2), (1, 2), [less] * 2, [greater] * 2) == 0
    assert rows_equal((None, 1), (1, 2), [equal] * 2) is False
    assert rows_equal((None, 1), (1, 1), [equal] * 2) is None
    assert rows_equal((1, 1), (1, 1), [equal] * 2) is True


def populate(name: str, base: Any, document: str) -> Any:
    function = next(f for f in FUNCTIONS if f.name == name)
    assert callable(function.implementation)
    call = CallTypes(("wide", *function.arguments[1:]), "wide", TYPES)
    given_document = parse_jsonb(document) if name.startswith("jsonb") else document
    return function.implementation(call)(base, given_document, SESSION)


def test_an_object_becomes_a_row_field_by_field() -> None:
    document = (
        '{"n":[1,null],"p":{"a":1,"b":[2, 3]},"d":"2024-02-29","j":{"x":  1},"b":{"x":  1},"ps":[{"a":1},"(2,y)"]}'
    )
    row = populate("json_populate_record", None, document)
    assert show(row, "wide") == (
        '("{1,NULL}","(1,""[2, 3]"")",2024-02-29,"{""x"":  1}","{""x"": 1}","{""(1,)"",""(2,y)""}")'
    )
    base = read("({9},,2000-01-01,,,)", "wide")
    assert populate("jsonb_populate_record", base, '{"n":null}')[:3] == (None, None, 0)
    assert populate("jsonb_populate_record", base, '{"p":"(5,z)"}')[:2] == ((9,), (5, "z"))


@pytest.mark.parametrize(
    ("document", "message", "detail", "hint"),
    [
        ("[1]", "cannot call populate_composite on an array", None, None),
        ("1", "cannot call populate_composite on a scalar", None, None),
        ('{"n":1}', "expected JSON array", None, 'See the value of key "n".'),
        ('{"n":[[1,2],3]}', "expected JSON array", None, 'See the array element [1] of key "n".'),
        (
            '{"n":[[1,2],[3]]}',
            "malformed JSON array",
            "Multidimensional arrays must have sub-arrays with matching dimensions.",
            None,
        ),
        ('{"n":[1,[2]]}', 'invalid input syntax for type integer: "[2]"', None, None),
    ],
)
def test_json_that_does_not_fit_a_row_is_refused(document: str, message: str, detail: str, hint: str) -> None:
    with pytest.raises(errors.DataError) as caught:
        populate("json_populate_record", None, document)
    assert (caught.value.message, caught.value.detail, caught.value.hint) == (message, detail, hint)


def test_arrays_of_objects_become_rows_of_the_columns_asked_for() -> None:
    function = next(f for f in TABLE_FUNCTIONS if f.name == "json_to_recordset")
    assert callable(function.implementation)
    columns = RowShape((("a", "int4", None), ("b", "text", None)))
    rows = function.implementation(CallTypes(("json",), "record", TYPES, (), columns))
    assert list(rows('[{"a":1},{"b":"x","a":null}]', SESSION)) == [(1, None), (None, "x")]
    with pytest.raises(errors.InvalidParameterValue, match="must be an array of objects"):
        list(rows("[1]", SESSION))
    with pytest.raises(errors.InvalidParameterValue, match="cannot call json_to_recordset on an object"):
        list(rows("{}", SESSION))
