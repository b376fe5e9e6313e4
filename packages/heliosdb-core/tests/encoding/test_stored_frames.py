"""Stored frames give back exactly what was written, and damaged ones are errors of one kind."""

from __future__ import annotations

import math
import random
from array import array
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.encoding.classes import ClassTable, Opaque, StoredClass
from heliosdb.encoding.keys import NULL, NULL_FIRST, Descending
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted, DuplicateObject, FeatureNotSupported


class Version(tuple[Any, ...]):
    """A class of tuples."""

    __slots__ = ()


class Point:
    """A class with a state of its own."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x = x
        self.y = y

    def __repr__(self) -> str:
        return f"Point({self.x!r}, {self.y!r})"


CLASSES = (
    StoredClass("version", f"{__name__}:Version", Version),
    StoredClass("point", f"{__name__}:Point", lambda plain: Point(*plain), lambda point: (point.x, point.y)),
)
FRAMES = StoredFrames(ClassTable(CLASSES))
BARE = StoredFrames(ClassTable())

EDGES = [n + d for n in (0, 2**8, 2**16, 2**31, 2**63, 2**64, 2**200) for d in (-1, 0, 1)]
INTEGERS = st.integers() | st.sampled_from([*EDGES, *(-n for n in EDGES)])
ATOMS = (
    st.none()
    | st.booleans()
    | INTEGERS
    | st.sampled_from([0, 1, 0.0, -0.0, 1.0, True, False, Decimal(0), Decimal("-0"), Decimal("1.00"), Decimal(1)])
    | st.floats()
    | st.text()
    | st.text(st.characters(codec="utf-8", categories=["Cs", "Lu", "Cc"]), max_size=3)
    | st.binary()
    | st.decimals()
    | st.sampled_from([NULL, NULL_FIRST])
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(Version)
        | st.builds(Point, inner, inner)
        | st.builds(Descending, inner)
    ),
    max_leaves=12,
)
COLUMNS = (
    st.lists(VALUES, max_size=40)
    | st.lists(INTEGERS, max_size=200)
    | st.lists(st.integers(-300, 300), min_size=30, max_size=200)
    | st.lists(st.sampled_from([0, 10**6, 2**63, -(2**70)]), min_size=30, max_size=200)
    | st.lists(st.integers(0, 2**40), min_size=30, max_size=100).map(sorted)
    | st.builds(range, st.integers(-5, 5), st.integers(6, 300), st.integers(1, 9)).map(list)
    | st.lists(st.text(max_size=3), min_size=30, max_size=100)
    | st.lists(st.sampled_from(["", "a", "b\0c", "\ud800"]), min_size=30, max_size=200)
    | st.lists(st.sampled_from([0.0, -0.0, math.nan, math.inf, 1.5]), min_size=30, max_size=100)
    | st.lists(st.integers(-(10**6), 10**6).map(lambda n: n / 100), min_size=30, max_size=100)
    | st.lists(st.sampled_from([b"", b"x", b"\0\0"]), min_size=30, max_size=100)
    | st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=60)
    | st.lists(st.decimals(-1000, 1000, places=0), min_size=1, max_size=60)
    | st.lists(st.none() | st.integers(), min_size=20, max_size=60)
    | st.lists(st.booleans(), max_size=60)
    | st.tuples(VALUES, st.integers(30, 60)).map(lambda pair: [pair[0]] * pair[1])
)
SETTINGS = settings(max_examples=80, deadline=None)


def shown(value: Any) -> Any:
    """Return a form in which also the classes, signs and exponents have to be equal."""
    if isinstance(value, tuple):
        return type(value), tuple(map(shown, value))
    if isinstance(value, Point):
        return Point, shown(value.x), shown(value.y)
    if isinstance(value, Descending):
        return Descending, shown(value.value)
    return type(value), repr(value)


@SETTINGS
@given(COLUMNS)
def test_what_was_written_is_read_by_another_object(values: list[Any]) -> None:
    read = StoredFrames(ClassTable(CLASSES)).decode(FRAMES.encode(values))
    assert list(map(shown, read)) == list(map(shown, values))


@SETTINGS
@given(COLUMNS)
def test_without_the_classes_values_stay_opaque_and_are_written_back_as_they_were(values: list[Any]) -> None:
    data = FRAMES.encode(values)
    again = BARE.encode(BARE.decode(data))
    assert again == data
    assert list(map(shown, FRAMES.decode(again))) == list(map(shown, values))


@SETTINGS
@given(COLUMNS.filter(bool), st.integers(0, 2**20))
def test_one_value_is_read_without_the_others(values: list[Any], number: int) -> None:
    data = FRAMES.encode(values)
    for place in (0, len(values) - 1, number % len(values)):
        assert shown(FRAMES.item(data, place)) == shown(values[place])
    for place in (-1, len(values)):
        with pytest.raises(DataCorrupted):
            FRAMES.item(data, place)


@SETTINGS
@given(COLUMNS)
def test_what_is_not_none_is_read_alone(values: list[Any]) -> None:
    assert list(map(shown, FRAMES.present(FRAMES.encode(values)))) == [
        shown(value) for value in values if value is not None
    ]


@SETTINGS
@given(COLUMNS)
def test_the_least_and_the_greatest_are_known_when_a_column_is_written(values: list[Any]) -> None:
    data, extent, has_null = FRAMES.encode_column(values)
    assert data == FRAMES.encode(values)
    present = [value for value in values if value is not None]
    kinds = set(map(type, present))
    if len(kinds) == 1 and kinds <= {int, str, float, bool, bytes, Decimal}:
        assert extent is not None
        assert has_null == (len(present) < len(values))
        if not any(value != value for value in present):  # NaN
            assert set(map(type, extent)) == kinds
            assert (min(extent), max(extent)) == (min(present), max(present))
        else:
            assert any(value != value for value in extent)
    elif present:
        assert extent is None
    else:
        assert (list(extent or ()), has_null) == ([], bool(values))


@SETTINGS
@given(COLUMNS)
def test_a_column_as_it_is_stored_gives_the_same(values: list[Any]) -> None:
    column = FRAMES.column(FRAMES.encode(values))
    assert list(map(shown, column.to_list())) == list(map(shown, values))
    assert column.count == len(values)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ([5, None, 7], {"numbers": [5, 7], "flags": b"\1\0\1"}),
        ([1.5, 2.5], {"numbers": [1.5, 2.5]}),
        ([Decimal("1.50"), Decimal("0.25")], {"numbers": [150, 25], "scale": 2}),
        (["a", "b", None] * 20, {"codes": [0, 1] * 20, "distinct": ["a", "b"], "flags": b"\1\1\0" * 20}),
        (["x"] * 40, {"codes": [0] * 40, "distinct": ["x"]}),
        (["x", "y"], {"values": ["x", "y"]}),
        ([b"ab", None, b"cd"], {"data": b"abcd", "width": 2, "flags": b"\1\0\1"}),
        ([n.to_bytes(4, "little") for n in range(99)], {"data": array("i", range(99)).tobytes(), "width": 4}),
        ([b"ab", b"c"], {"values": [b"ab", b"c"]}),
        ([b"", b""], {"values": [b"", b""]}),
        ([1, 1.0], {"values": [1, 1.0]}),
        ([None, None], {"values": [None, None]}),
    ],
)
def test_columns_are_given_without_an_object_a_value(values: list[Any], parts: dict[str, Any]) -> None:
    column = FRAMES.column(FRAMES.encode(values))
    names = ("flags", "numbers", "scale", "codes", "distinct", "values", "data", "width")
    found = {name: getattr(column, name) for name in names}
    plain = {
        name: list(part) if name in ("numbers", "codes") else part for name, part in found.items() if part is not None
    }
    assert plain == parts
    assert list(map(repr, column.to_list())) == list(map(repr, values))


@SETTINGS
@given(st.lists(COLUMNS, min_size=1, max_size=3))
def test_frames_behind_each_other(columns: list[list[Any]]) -> None:
    data = b"".join(map(FRAMES.encode, columns))
    read = FRAMES.decode_each(data, len(columns))
    assert [list(map(shown, column)) for column in read] == [list(map(shown, column)) for column in columns]
    for wrong in (len(columns) - 1, len(columns) + 1):
        with pytest.raises(DataCorrupted):
            FRAMES.decode_each(data, wrong)


@SETTINGS
@given(COLUMNS, st.data())
def test_a_frame_that_is_cut_off_is_refused(values: list[Any], data: st.DataObject) -> None:
    frame = FRAMES.encode(values)
    size = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(DataCorrupted):
        FRAMES.decode(frame[:size])


@settings(max_examples=120, deadline=2000)
@given(COLUMNS, st.integers(0, 2**32))
def test_a_damaged_frame_is_an_error_or_other_values_and_nothing_else(values: list[Any], seed: int) -> None:
    frame = bytearray(FRAMES.encode(values))
    chance = random.Random(seed)
    for _ in range(20):
        place = chance.randrange(len(frame))
        damaged = bytes(frame[:place]) + bytes((frame[place] ^ chance.randrange(1, 256),)) + bytes(frame[place + 1 :])
        try:
            FRAMES.item(damaged, chance.randrange(len(values) + 1))
            FRAMES.column(damaged).to_list()
            read = FRAMES.decode(damaged)
        except DataCorrupted:
            continue
        # No more than the frame says, whatever that says: nothing is allocated for what is not there.
        assert len(read) < 2 * len(values) + 128


def test_frames_of_nothing_but_noise_are_refused_or_small() -> None:
    chance = random.Random(3)
    for _ in range(3000):
        noise = bytes((chance.randrange(64), chance.randrange(128))) + chance.randbytes(chance.randrange(40))
        try:
            read = FRAMES.decode(noise)
        except DataCorrupted:
            continue
        assert len(read) == noise[0]


@pytest.mark.parametrize(
    ("values", "most"),
    [
        (list(range(5000)), 12),
        ([7] * 5000, 10),
        ([None] * 5000, 8),
        ([True, False] * 2500, 640),
        (["paid", "new"] * 2500, 5100),
        ([10**6, 5 * 10**6] * 2500, 5100),
        ([Decimal(n).scaleb(-2) for n in range(5000)], 20),
        ([10**15 + 1000 * n + n % 7 for n in range(5000)], 10_100),
        ([n / 100 for n in range(5000)], 20),
        ([float(n * n % 251) for n in range(5000)], 5100),
        (["x"] * 4999 + ["y"], 40),
        ([(n, "constant", None) for n in range(5000)], 40),
    ],
)
def test_columns_with_a_pattern_are_small(values: list[Any], most: int) -> None:
    data = FRAMES.encode(values)
    assert FRAMES.decode(data) == values
    assert len(data) <= most


@pytest.mark.parametrize("step", [1, 7, -3, 1 << 40])
def test_numbers_at_one_distance_are_as_small_as_two(step: int) -> None:
    values = list(range(5, 5 + 1000 * step, step))
    assert len(FRAMES.encode(values)) < 20
    for place in (1, 500, 999):
        other = values[:place] + [values[place] + 1] + values[place + 1 :]
        for numbers in (values, other, values[:place]):
            assert FRAMES.decode(FRAMES.encode(numbers)) == numbers


def test_floats_that_were_typed_keep_their_bits() -> None:
    for extra in (-0.0, math.nan, math.inf, 0.1 + 0.2, 1e300, 5e-324, 2.0**53, 1e15 + 0.3):
        values = [n / 1000 for n in range(-500, 500)]
        values[137 if extra == 2.0**53 else 700] = extra
        read = FRAMES.decode(FRAMES.encode(values))
        assert list(map(repr, read)) == list(map(repr, values))


def test_values_nested_deeply_come_back() -> None:
    value: Any = "leaf"
    for number in range(3000):
        value = (number, Version((value,)))
    read = FRAMES.decode(FRAMES.encode([value, None, value]))
    assert read[1] is None
    depth = 0
    value = read[2]
    while value != "leaf":
        number, inner = value
        assert type(inner) is Version
        (value,) = inner
        depth += 1
        assert number == 3000 - depth
    assert depth == 3000


def test_an_opaque_value_names_its_type_when_it_is_touched() -> None:
    ((opaque,),) = BARE.decode(FRAMES.encode([(Point(1, "a"),)]))
    assert type(opaque) is Opaque
    assert (opaque.opaque_name, opaque.opaque_plain) == ("point", (1, "a"))
    for touch in (str, hash, len, iter, bytes, lambda v: v == 1, lambda v: v < v, lambda v: v.x, lambda v: v[0]):
        with pytest.raises(FeatureNotSupported, match='values of type "point" need the plugin'):
            touch(opaque)


def test_opaque_values_of_several_classes_stay_apart() -> None:
    values = [Point(1, 2), None, Version((1, 2)), 5, Point(3, Version(())), "x"]
    data = FRAMES.encode(values)
    kept = BARE.decode(data)
    assert [type(value) for value in kept] == [Opaque, type(None), Opaque, int, Opaque, str]
    assert BARE.encode(kept) == data


def test_a_class_that_is_not_stored_is_refused() -> None:
    with pytest.raises(FeatureNotSupported, match=r"values of class .*Point cannot be stored"):
        BARE.encode([Point(1, 2)])
    with pytest.raises(FeatureNotSupported, match=r"values of class builtins\.set cannot be stored"):
        FRAMES.encode([(1, {2})])


def test_names_and_classes_are_registered_once() -> None:
    with pytest.raises(DuplicateObject):
        ClassTable((*CLASSES, StoredClass("point", "somewhere:Else", tuple)))
    with pytest.raises(DuplicateObject):
        ClassTable((*CLASSES, StoredClass("point2", f"{__name__}:Point", tuple)))


def test_what_a_class_makes_of_damaged_values_is_damage() -> None:
    data = FRAMES.encode([Point(1, 2)])
    frames = StoredFrames(ClassTable((StoredClass("point", "x:Point", lambda plain: {}[plain]),)))
    with pytest.raises(DataCorrupted, match='stored value of class "point"'):
        frames.decode(data)


def test_the_bytes_are_part_of_the_format() -> None:
    values = [(1, "é", None, True, 1.5), (300, "", Decimal("1.50"), False, 2.5)]
    assert FRAMES.encode(values).hex(" ") == (
        "02 0e 74 05 69 02 00 01 2c 00 01 73 03 c3 a9 00 4e 40 44 73 04 31 2e 35 30 3f 80 66"
        + " 00 00" * 6
        + " f8 04 3f 40"
    )
    assert FRAMES.encode(list(range(7, 47))).hex(" ") == "28 28 69 10 0e 00 02"
    assert FRAMES.encode([Decimal("1.50"), Decimal("-0.25")]).hex(" ") == "02 04 64 02 69 01 31 af 00"
    assert FRAMES.encode([2**64, -1]).hex(" ") == "02 02 6e 01 00 09 01 00 00 00 00 00 00 00 00 01 ff"
    assert FRAMES.encode([NULL, Point(1, b"z")]).hex(" ") == (
        "02 08 6d 02 01 00 00 01 63 0b 6b 65 79 20 65 78 74 72 65 6d 65 69 00 02"
        " 63 05 70 6f 69 6e 74 74 02 69 00 02 62 00 02 7a"
    )
