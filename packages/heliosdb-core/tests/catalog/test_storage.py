"""Catalog objects survive being written as JSON, whatever is in them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.catalog.changes import BOOTSTRAP
from heliosdb.catalog.definitions import (
    ColumnDefinition,
    Constraint,
    Extension,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    Role,
    Schema,
    SequenceOptions,
)
from heliosdb.catalog.storage import CLASSES, CatalogObject, class_name, decode, decode_row, encode, encode_row
from heliosdb.errors import DataCorrupted, FeatureNotSupported

names = st.text(min_size=1, max_size=12)
texts = st.none() | st.text(max_size=30)
numbers = st.integers(1, 2**31)
data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
options = st.lists(st.tuples(names, data), max_size=2).map(tuple)
columns = st.builds(
    ColumnDefinition,
    number=numbers,
    name=names,
    type=names,
    typmod=st.integers(-1, 70000),
    not_null=st.booleans(),
    default=texts,
    identity=st.sampled_from([None, "always", "by default"]),
    generated=texts,
    collation=texts,
    dropped=st.booleans(),
    missing=data,
    altered=st.booleans(),
    comment=texts,
    options=options,
)
foreign_keys = st.builds(
    ForeignKey,
    relation=numbers,
    columns=st.lists(numbers, max_size=3).map(tuple),
    match=st.sampled_from(["simple", "full"]),
    on_delete=st.sampled_from(["no action", "cascade"]),
    set_columns=st.lists(numbers, max_size=2).map(tuple),
)
constraints = st.builds(
    Constraint,
    oid=numbers,
    name=names,
    kind=st.sampled_from(["check", "foreign key", "primary key", "unique"]),
    columns=st.lists(numbers, max_size=3).map(tuple),
    expression=texts,
    index=st.none() | numbers,
    foreign=st.none() | foreign_keys,
    deferrable=st.booleans(),
    comment=texts,
)
indexes = st.builds(
    Index,
    oid=numbers,
    schema=names,
    name=names,
    relation=numbers,
    keys=st.lists(
        st.builds(IndexKey, column=st.none() | numbers, expression=texts, type=names, descending=st.booleans()),
        min_size=1,
        max_size=3,
    ).map(tuple),
    include=st.lists(numbers, max_size=2).map(tuple),
    unique=st.booleans(),
    predicate=texts,
    options=options,
    constraint=st.none() | numbers,
    owner_package=texts,
)
sequences = st.builds(
    SequenceOptions,
    start=st.integers(-(2**63), 2**63 - 1),
    minimum=st.integers(-(2**63), 0),
    cycle=st.booleans(),
    owned_by=st.none() | st.tuples(numbers, numbers),
    restart=st.none() | numbers,
)
relations = st.builds(
    Relation,
    oid=numbers,
    schema=names,
    name=names,
    kind=st.sampled_from(["table", "view", "sequence"]),
    columns=st.lists(columns, max_size=3).map(tuple),
    constraints=st.lists(constraints, max_size=2).map(tuple),
    indexes=st.lists(indexes, max_size=2).map(tuple),
    query=texts,
    search_path=st.lists(names, max_size=2).map(tuple),
    options=options,
    version=numbers,
    sequence=st.none() | sequences,
    dependencies=st.lists(st.tuples(numbers, numbers), max_size=2).map(tuple),
)
others = (
    st.builds(Schema, oid=numbers, name=names, comment=texts)
    | st.builds(Role, oid=numbers, name=names, superuser=st.booleans())
    | st.builds(Extension, oid=numbers, name=names, package=names, version=names, options=options)
)


def typed(value: Any) -> Any:
    """Return a value with its class all the way down: 1, True and 1.0 are equal, and must not be confused."""
    if isinstance(value, tuple):
        return ("tuple", *[typed(item) for item in value])
    if attrs.has(type(value)):
        return (type(value), *[typed(getattr(value, field.name)) for field in attrs.fields(type(value))])
    return (type(value), str(value) if isinstance(value, Decimal | float) else value)


@settings(max_examples=150, deadline=None)
@given(relations | others)
def test_what_is_decoded_is_what_was_encoded(definition: CatalogObject) -> None:
    back = decode(class_name(definition), encode(definition))
    assert typed(back) == typed(definition)


@settings(max_examples=50, deadline=None)
@given(relations)
def test_equal_definitions_have_equal_texts_in_canonical_form(definition: Relation) -> None:
    text = encode(definition)
    assert text == encode(attrs.evolve(definition))
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_defaults_are_not_written() -> None:
    assert encode(Schema(oid=5, name="s")) == '{"format":1,"name":"s","oid":5}'


def test_a_row_says_what_it_stores() -> None:
    relation = Relation(oid=20000, schema="s", name="t", version=7)
    row = encode_row(relation)
    assert row[:5] == (20000, "relation", "s", "t", None)
    assert row[6] == 7
    assert decode_row(row) == relation


def test_a_sequence_row_names_the_table_that_owns_it() -> None:
    options = SequenceOptions(owned_by=(30000, 2))
    assert encode_row(Relation(oid=1, schema="s", name="q", kind="sequence", sequence=options))[4] == 30000


def test_a_later_format_is_refused_not_guessed() -> None:
    with pytest.raises(FeatureNotSupported, match="catalog format 2 is not supported"):
        decode("schema", '{"format":2,"name":"s","oid":5}')


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(FeatureNotSupported, match='catalog objects of class "gadget"'):
        decode("gadget", '{"format":1}')


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "{}", '{"format":1,"nonsense":3}', '{"format":1}'])
def test_broken_texts_are_reported_as_corruption(text: str) -> None:
    with pytest.raises(DataCorrupted):
        decode("schema", text)


def test_values_without_a_form_are_refused() -> None:
    with pytest.raises(FeatureNotSupported, match="cannot be stored in the catalog"):
        encode(Relation(oid=1, schema="s", name="t", options=(("o", object()),)))


def test_every_class_can_be_decoded_by_its_name() -> None:
    assert {class_name(definition) for definition in BOOTSTRAP} <= set(CLASSES)
    assert all(name == class_.__name__.lower() for name, class_ in CLASSES.items())
