"""jsonb trees: equality, order, hashing, hostile text, and the way to Python and back."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.types.json import check_json
from heliosdb.types.json_text import MAXIMUM_DEPTH, parse_json
from heliosdb.types.jsonb import jsonb_from_python, jsonb_receive, jsonb_send, jsonb_to_python
from heliosdb.types.jsonb_tree import JSON_FALSE, JSON_TRUE, JsonArray, parse_jsonb, sort_key, to_text

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def without_nul(value: object) -> bool:
    return "\\u0000" not in json.dumps(value)


def test_true_is_not_one_and_one_point_oh_is_one() -> None:
    assert parse_jsonb("true") is JSON_TRUE
    assert parse_jsonb("[true]") != parse_jsonb("[1]")
    assert parse_jsonb("[1]") == parse_jsonb("[1.00]")
    assert hash(parse_jsonb('{"a":1}')) == hash(parse_jsonb('{"a":1.0}'))
    assert to_text(parse_jsonb("[1.00]")) == "[1.00]"
    assert parse_jsonb("[0]") != parse_jsonb("[false]")
    assert Decimal(0) != JSON_FALSE


def test_objects_are_equal_whatever_the_order_and_show_one_order() -> None:
    first, second = parse_jsonb('{"bb":1,"a":2}'), parse_jsonb('{"a":2,"bb":1}')
    assert first == second
    assert to_text(first) == to_text(second) == '{"a": 2, "bb": 1}'
    assert len({first, second}) == 1


@given(values)
def test_python_values_survive_the_way_there_and_back(value: object) -> None:
    if without_nul(value):
        assert jsonb_to_python(jsonb_from_python([value])) == [value]


@given(values)
def test_text_and_binary_read_back(value: object) -> None:
    if without_nul(value):
        tree = jsonb_from_python([value])
        assert parse_jsonb(to_text(tree)) == tree
        assert jsonb_receive(jsonb_send(tree)) == tree
        assert json.loads(to_text(tree)) == [value]
        assert pickle.loads(pickle.dumps(tree)) == tree


@given(values, values)
def test_sort_keys_agree_with_equality(left: object, right: object) -> None:
    if without_nul([left, right]):
        first, second = jsonb_from_python([left]), jsonb_from_python([right])
        assert (sort_key(first) == sort_key(second)) is (first == second)
        assert (sort_key(first) < sort_key(second)) + (sort_key(second) < sort_key(first)) + (first == second) == 1


@given(values)
def test_our_parser_and_pythons_agree(value: object) -> None:
    text = json.dumps(value)
    node = parse_json(text, unescape=False)
    assert (node.start, node.end) == (0, len(text))
    if without_nul(value):
        assert to_text(parse_jsonb(text)) == to_text(parse_jsonb(json.dumps(value, ensure_ascii=False)))


@given(st.text(alphabet='{}[],:"\\ue0123456789.-+aE \ntrufalsn', max_size=30))
def test_what_our_parser_refuses_and_takes_is_what_pythons_does(text: str) -> None:
    try:
        json.loads(text)
        python_takes = True
    except ValueError:
        python_takes = False
    try:
        parse_json(text, unescape=False)
        ours = True
    except errors.InvalidTextRepresentation:
        ours = False
    assert ours is python_takes


def test_nesting_is_bounded_with_an_error_of_ours() -> None:
    deep = "[" * MAXIMUM_DEPTH + "]" * MAXIMUM_DEPTH
    tree = parse_jsonb(deep)
    assert to_text(tree) == deep
    assert hash(tree) == hash(parse_jsonb(deep))
    assert sort_key(tree) == sort_key(parse_jsonb(deep))
    assert check_json(deep) == deep
    deep_object = '{"a":' * MAXIMUM_DEPTH + "1" + "}" * MAXIMUM_DEPTH
    assert hash(parse_jsonb(deep_object)) == hash(parse_jsonb(deep_object))
    for count in (MAXIMUM_DEPTH + 1, 100_000):
        for function in (parse_jsonb, check_json):
            with pytest.raises(errors.StatementTooComplex):
                function("[" * count + "]" * count)
        with pytest.raises(errors.Error):
            parse_jsonb("[" * count)


def test_the_error_shows_the_place() -> None:
    with pytest.raises(errors.InvalidTextRepresentation) as caught:
        parse_jsonb('{"a":1,\n"b":x}')
    assert caught.value.detail == 'Token "x" is invalid.'
    assert caught.value.context == 'JSON data, line 2: "b":x...'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), object(), {1: 2}, {"a": {3}}])
def test_python_values_that_are_no_json_are_refused(value: object) -> None:
    with pytest.raises(errors.Error):
        jsonb_from_python([value])


def test_an_array_of_jsonb_is_not_taken_for_a_nested_array() -> None:
    assert type(parse_jsonb("[1]")) is JsonArray
    assert type(parse_jsonb("[1]")) is not tuple


def test_an_unknown_binary_version_is_refused() -> None:
    with pytest.raises(errors.InternalFailure, match="unsupported jsonb version number 2"):
        jsonb_receive(b"\2{}")
