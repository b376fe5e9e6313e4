"""Data and keys of every class that the engine has are stored and come back as they were."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb.encoding.classes import ClassTable, Opaque
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import FeatureNotSupported
from heliosdb.plugin.host import load_plugins
from heliosdb.types.array import BoundedArray, with_bounds
from heliosdb.types.comparison import NAN_KEY
from heliosdb.types.composite import Composite, record_class
from heliosdb.types.definitions import RowShape, TypeLookup
from heliosdb.types.interval import Interval
from heliosdb.types.jsonb_tree import JSON_FALSE, JSON_NULL, JSON_TRUE, JsonArray, JsonObject, parse_jsonb, to_text
from heliosdb.types.jsonpath_functions import jsonpath_input, path_text
from heliosdb.types.ordering import NULL_LAST, array_ordering
from heliosdb.types.time import TimeWithZone


@pytest.fixture(scope="module")
def types() -> TypeLookup:
    return load_plugins(()).freeze().types


@pytest.fixture(scope="module")
def frames(types: TypeLookup) -> StoredFrames:
    return StoredFrames(types.stored_classes)


def back(frames: StoredFrames, *values: Any) -> list[Any]:
    """Return values as they come back, having seen that they are of the same classes and are stored alike again."""
    data = frames.encode(values)
    read = frames.decode(data)
    assert list(map(type, read)) == list(map(type, values))
    assert frames.encode(read) == data
    return read


def test_the_names_are_part_of_the_format(types: TypeLookup) -> None:
    assert {stored.name: stored.python_class.rpartition(":")[2] for stored in types.stored_classes} == {
        "key extreme": "_Extreme",
        "descending": "Descending",
        "interval": "Interval",
        "timetz": "TimeWithZone",
        "nan": "NanKey",
        "array": "BoundedArray",
        "end": "_End",
        "record": "Composite",
        "null last": "NullLast",
        "jsonb object": "JsonObject",
        "jsonb array": "JsonArray",
        "jsonb boolean": "JsonBoolean",
        "jsonb null": "JsonNull",
        "jsonpath": "JsonPath",
    }


def test_every_class_puts_its_values_together_again(types: TypeLookup) -> None:
    for stored in types.stored_classes:
        assert callable(types.stored_classes.reader(stored.name)), stored.name


def test_intervals_and_times_with_zone(frames: StoredFrames) -> None:
    values = [Interval(1, -2, 3), TimeWithZone(5, -3600), Interval(2**31 - 1, -(2**31), 2**63 - 1), (1, 2, 3)]
    assert back(frames, *values) == values


def test_arrays_with_bounds_and_records(frames: StoredFrames, types: TypeLookup) -> None:
    array = with_bounds(((1, None), (3, 4)), (0, -5))
    plain, bounded, record = back(frames, (1, 2), array, Composite((1, "a")))
    assert plain == (1, 2)
    assert bounded == array
    assert bounded.lower_bounds == (0, -5)
    assert type(bounded) is BoundedArray
    assert record == (1, "a")
    known = record_class(RowShape((("f1", "int4", None),)), types)
    (read,) = frames.decode(frames.encode([known((7,))]))
    assert type(read) is Composite
    assert read == (7,)


def test_jsonb(frames: StoredFrames) -> None:
    texts = ['{"a": 1.50, "b": [true, false, null, "x", {}]}', "[]", "null", "true", '"a"', "-0.0", "1E+3"]
    texts += ['{"a": 2, "b": []}', '{"zz": {"a": {"a": {"a": [[[]]]}}}}']
    values = [parse_jsonb(text) for text in texts]
    read = back(frames, *values)
    assert list(map(to_text, read)) == list(map(to_text, values))
    assert read == values
    one = back(frames, JSON_NULL, JSON_TRUE, JSON_FALSE)
    assert all(a is b for a, b in zip(one, (JSON_NULL, JSON_TRUE, JSON_FALSE)))


def test_jsonb_as_deep_as_it_may_be(frames: StoredFrames) -> None:
    text = '{"a": [' * 190 + "1" + "]}" * 190
    (read,) = back(frames, parse_jsonb(text))
    assert to_text(read) == text


def test_documents_of_one_shape_are_stored_as_columns(frames: StoredFrames) -> None:
    documents = [parse_jsonb(f'{{"id": {n}, "kind": "order", "paid": true}}') for n in range(2000)]
    data = frames.encode(documents)
    assert len(data) < 200
    assert frames.decode(data) == documents


def test_paths(frames: StoredFrames) -> None:
    paths = [jsonpath_input(text) for text in ("$.a[*] ? (@ > 1)", "strict $", "lax $.*.size()")]
    assert back(frames, *paths) == paths
    assert list(map(path_text, back(frames, *paths))) == list(map(path_text, paths))


def test_keys_of_numbers_arrays_and_records(frames: StoredFrames, types: TypeLookup) -> None:
    nan, null = back(frames, NAN_KEY, NULL_LAST)
    assert nan is NAN_KEY
    assert null is NULL_LAST
    integers = types.ordering("int4")
    assert integers is not None
    ordering = array_ordering("_int4", integers)
    assert callable(ordering.sort_key)
    keys = [ordering.sort_key(array) for array in ((1, 2), (1, None), (), ((1,), (2,)))]
    assert back(frames, *keys) == keys
    assert sorted(back(frames, *keys)) == sorted(keys)


def test_without_the_types_data_stay_what_they_are(frames: StoredFrames) -> None:
    values = [Interval(1, 2, 3), parse_jsonb('{"a": [1]}'), None, (5, Interval(4, 5, 6)), JsonArray((JSON_NULL,))]
    data = frames.encode(values)
    bare = StoredFrames(ClassTable())
    read = bare.decode(data)
    assert type(read[0]) is Opaque
    with pytest.raises(FeatureNotSupported, match='values of type "interval" need the plugin'):
        str(read[0])
    assert bare.encode(read) == data
    again = frames.decode(bare.encode(read))
    assert again == values
    assert type(again[1]) is JsonObject
