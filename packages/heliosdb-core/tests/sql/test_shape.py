"""Shapes: what texts that can share a plan have in common, and the constants that tell them apart."""

from __future__ import annotations

import pytest
from attrs import fields_dict, has
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.errors import Error
from heliosdb.sql.lexer import scan
from heliosdb.sql.parser import parse
from heliosdb.sql.shape import Constant, shape
from heliosdb.sql.statements import Literal


def test_constants_are_lifted_with_kind_value_and_position() -> None:
    key, constants = shape("select a, 'it''s' from t where b = 42 and c < 1.5 -- 7\n limit 3")
    assert key == (
        "select a, ",
        "string",
        " from t where b = ",
        "int4",
        " and c < ",
        "numeric",
        " -- 7\n limit ",
        "int4",
        "",
    )
    assert constants == [
        Constant("string", "it's", 11),
        Constant("integer", "42", 36),
        Constant("numeric", "1.5", 47),
        Constant("integer", "3", 63),
    ]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("select 1", "select 999"),
        ("select 'a'", "select 'b''c'"),
        ("select 1.5 + 2", "select 1e10 + 33"),
        ("insert into t values (1, 'x')", "insert into t values (22, '')"),
        ("select 3000000000", "select 4000000000"),
        ("select E'a\\n', 1", "select E'b', 2"),
    ],
)
def test_texts_that_differ_in_constants_only_have_one_shape(left: str, right: str) -> None:
    assert shape(left)[0] == shape(right)[0]
    assert hash(shape(left)[0]) == hash(shape(right)[0])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("select 1", "select 'a'"),
        ("select 1", "select 1.0"),
        ("select 1", "select 3000000000"),
        ("select -2147483648", "select -2147483649"),
        ("select -9223372036854775808", "select -9223372036854775809"),
        ("select a1", "select a2"),
        ('select "1"', 'select "2"'),
        ("select $1", "select $2"),
        ("select true", "select false"),
        ("select null", "select 1"),
        ("select b'1'", "select '1'"),
        ("select 1 as x", "select 1 as y"),
    ],
)
def test_texts_that_mean_something_else_have_another_shape(left: str, right: str) -> None:
    assert shape(left)[0] != shape(right)[0]


def test_a_text_the_lexer_refuses_is_its_own_shape() -> None:
    assert shape("select 'x, 1") == (("select 'x, 1",), [])


def literals(node: object) -> list[Literal]:
    if isinstance(node, Literal):
        return [node]
    if isinstance(node, tuple):
        return [found for item in node for found in literals(item)]
    kind = type(node)
    if has(kind):
        return [found for name in fields_dict(kind) for found in literals(getattr(node, name))]
    return []


@pytest.mark.parametrize(
    "text",
    [
        "select 1, -2, 'a', $$b$$, E'c', b'1', x'2', n'd', U&'e', 1.5, 3000000000 from t where x in (1, 2) limit 10",
        "insert into t values (1, 'a', -2, null, true, 1.5), (2, 'b', -3, null, false, -2.5)",
        "select /* 'not' 5 */ 'a' -- 'no' 6\n 'b', a$1, b.5, \"7\", 'x'\n'y', interval '1' day, $1",
        "select extract('year' from d), substring(a for 3), 'a' like 'b' escape '!', '1'::int + int '2'",
    ],
)
def test_the_slot_of_a_literal_is_its_place_in_the_vector(text: str) -> None:
    try:
        tree = parse(text)
    except Error:
        text = text.replace("b.5, ", "").replace("'a' -- 'no' 6\n 'b'", "'a' -- 'no' 6\n, 'b'")
        tree = parse(text)
    constants = shape(text)[1]
    with_slot = [literal for literal in literals(tuple(tree)) if literal.slot is not None]
    assert with_slot
    for literal in with_slot:
        assert literal.slot is not None
        constant = constants[literal.slot]
        assert literal.kind == constant.kind
        assert literal.value == ("-" if literal.negated else "") + constant.value


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1 .'\"$\\/*-+@=(),;:\n\teEuUxXbBnN&_"), max_size=30))
def test_shape_and_lexer_see_the_same_constants(text: str) -> None:
    tokens = scan(text)
    key, constants = shape(text)
    if tokens.error is not None:
        assert constants == []
        return
    assert [(c.value, c.position) for c in constants] == [
        (tokens.values[i], tokens.positions[i]) for i in tokens.constants
    ]
    assert len(key) == 2 * len(constants) + 1
