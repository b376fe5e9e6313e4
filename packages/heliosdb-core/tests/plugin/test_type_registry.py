from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.errors import DuplicateObject, FeatureNotSupported, UndefinedFunction, UndefinedObject
from heliosdb.types.definitions import OperatorClass, Type
from heliosdb.types.registry import PLUGIN_OIDS, TypeRegistry, stable_oid

INT = Type(
    "int4",
    "integer",
    oid=23,
    array_oid=1007,
    aliases=("integer", "int"),
    input=lambda text, typmod: int(text),
    output=str,
    send=lambda datum: datum.to_bytes(4),
)
COLOUR = Type(
    "colour",
    "colour",
    schema="public",
    input=lambda text, typmod, session: (text, session),
    output=lambda datum, session: f"{datum}/{session}",
    needs_session=True,
)
INT_OPS = OperatorClass("int4_ops", "btree", "int4", identity=True)
REVERSED = OperatorClass(
    "reversed_ops", "btree", "colour", sort_key=lambda text: tuple(-ord(c) for c in text), hash_key=str.lower
)
CLASSES = {("btree", "int4"): (INT_OPS,), ("btree", "colour"): (REVERSED,)}
VARCHAR = Type(
    "varchar",
    "character varying",
    oid=1043,
    array_oid=1015,
    typmod_in=lambda m: m[0] + 4,
    typmod_out=lambda t: f"({t - 4})",
    coerce_typmod=lambda d, t, e: d[: t - 4],
)
TIME = Type("time", "time without time zone", oid=1083, array_oid=1183, typmod_out=lambda t: f"({t})")


@pytest.fixture
def types() -> TypeRegistry:
    return TypeRegistry((INT, COLOUR, VARCHAR, TIME), CLASSES)


def test_an_array_type_is_derived_from_every_base_type(types: TypeRegistry) -> None:
    array = types.by_name("_int4")
    assert (array.oid, array.element, array.display, array.category, array.kind) == (
        1007,
        "int4",
        "integer[]",
        "A",
        "array",
    )
    assert types.by_oid(1007) is array
    assert types.array_of("int4") is array
    assert types.element_of("_int4") is types.by_name("int4")
    assert types.element_of("int4") is None
    assert types.array_of("_int4") is None


def test_a_type_without_oid_gets_one_from_its_name_alone(types: TypeRegistry) -> None:
    oid = types.by_name("colour").oid
    assert oid == stable_oid("colour") == TypeRegistry((COLOUR,)).by_name("colour").oid
    assert oid in PLUGIN_OIDS
    assert types.by_name("_colour").oid == stable_oid("_colour")
    assert types.by_oid(stable_oid("colour")).name == "colour"


def test_the_oid_of_a_name_never_changes() -> None:
    # Stored arrays and clients' caches hold it: a change of the rule is a change of format.
    assert stable_oid("semver") == 1377276479


def test_two_types_with_one_oid_are_an_error_that_names_both() -> None:
    with pytest.raises(DuplicateObject, match='types "int4" and "mine" have the same OID 23'):
        TypeRegistry((INT, Type("mine", "mine", oid=23)))


def test_pseudo_types_have_no_array_unless_they_say_so() -> None:
    types = TypeRegistry(
        (Type("any", "any", oid=2276, kind="pseudo"), Type("record", "record", oid=2249, array_oid=2287, kind="pseudo"))
    )
    assert types.find("_any") is None
    assert types.by_oid(2287).name == "_record"


def test_names_resolve_as_they_are_written(types: TypeRegistry) -> None:
    assert types.resolve(("integer",)) is types.by_name("int4")
    assert types.resolve(("pg_catalog", "int4")) is types.by_name("int4")
    assert types.resolve(("pg_catalog", "integer")) is None
    assert types.resolve(("pg_catalog", "colour")) is None
    assert types.resolve(("public", "colour")) is types.by_name("colour")
    assert types.resolve(("nothing",)) is None


def test_unknown_types_are_undefined_objects(types: TypeRegistry) -> None:
    for ask in (lambda: types.by_name("nothing"), lambda: types.by_oid(1), lambda: types.input("nothing")):
        with pytest.raises(UndefinedObject):
            ask()


def test_input_and_output_are_called_alike_whether_they_need_the_session_or_not(types: TypeRegistry) -> None:
    assert types.input("int4")("12", -1, "session") == 12
    assert types.output("int4")(12, "session") == "12"
    assert types.input("colour")("red", -1, "session") == ("red", "session")
    assert types.output("colour")("red", "session") == "red/session"
    assert types.input("int4") is types.input("int4")


def test_what_a_type_cannot_do_is_said_in_its_name(types: TypeRegistry) -> None:
    with pytest.raises(UndefinedFunction, match="no binary input function available for type colour"):
        types.receive("colour")
    pseudo = TypeRegistry((Type("any", "any", oid=2276, kind="pseudo"),))
    with pytest.raises(FeatureNotSupported, match="cannot accept a value of type any"):
        pseudo.input("any")
    with pytest.raises(FeatureNotSupported, match="cannot display a value of type any"):
        pseudo.output("any")


def test_types_are_spelled_with_their_modifier(types: TypeRegistry) -> None:
    assert types.format("varchar", 14) == "character varying(10)"
    assert types.format("_varchar", 14) == "character varying(10)[]"
    assert types.format("varchar") == "character varying"
    assert types.format("time", 3) == "time(3) without time zone"


def test_an_array_takes_its_elements_modifier(types: TypeRegistry) -> None:
    typmod_in, coerce = types.typmod_in("_varchar"), types.coerce_typmod("_varchar")
    assert typmod_in is not None
    assert coerce is not None
    assert typmod_in((3,)) == 7
    assert coerce((("abcd", None), ("ab", "xyzzy")), 7, False) == (("abc", None), ("ab", "xyz"))
    assert types.coerce_typmod("int4") is None


def test_an_extended_registry_adds_without_changing_what_is_below(types: TypeRegistry) -> None:
    mood = Type("mood", "mood", oid=16400, array_oid=16401, kind="enum", aliases=("feeling",))
    extended = types.extended((mood,))
    assert extended.by_oid(16401).element == "mood"
    assert extended.resolve(("feeling",)) is extended.by_name("mood")
    assert extended.by_name("int4") is types.by_name("int4")
    assert extended.resolve(("int",)) is types.by_name("int4")
    assert types.find("mood") is None
    assert len(list(extended)) == len(extended) == len(types) + 2


def test_a_domain_works_as_the_type_below_it(types: TypeRegistry) -> None:
    extended = types.extended(
        (
            Type("name10", "name10", kind="domain", element="varchar"),
            Type("count", "count", kind="domain", element="int4"),
        )
    )
    assert extended.input("count")("7", -1, None) == 7
    assert extended.ordering("count") is INT_OPS
    coerce = extended.coerce_typmod("name10")
    assert coerce is not None
    assert coerce("abcdef", 6, False) == "ab"


def test_python_classes_find_their_type_by_the_nearest_base() -> None:
    types = TypeRegistry(
        (
            Type("bool", "boolean", oid=16, python_types=("builtins:bool",)),
            Type("int8", "bigint", oid=20, python_types=("builtins:int",)),
        )
    )
    boolean, integer = types.of_python(bool), types.of_python(int)
    assert boolean is not None
    assert integer is not None
    assert (boolean.name, integer.name) == ("bool", "int8")
    assert types.of_python(dict) is None


def _array_key(value: Any) -> tuple[Any, ...]:
    """PostgreSQL's array_cmp for one-dimensional arrays: element by element, NULL last, then by length."""
    return (*((1, 0) if item is None else (0, item) for item in value), (-1, 0))


@given(
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=4),
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=4),
)
def test_arrays_sort_by_elements_with_null_last_then_by_length(left: list[int | None], right: list[int | None]) -> None:
    ordering = TypeRegistry((INT,), CLASSES).ordering("_int4")
    assert ordering is not None
    assert callable(ordering.sort_key)
    assert callable(ordering.hash_key)
    first, second = ordering.sort_key(tuple(left)), ordering.sort_key(tuple(right))
    assert (first < second) == (_array_key(left) < _array_key(right))
    assert (first == second) == (left == right)
    assert (ordering.hash_key(tuple(left)) == ordering.hash_key(tuple(right))) == (left == right)
    if left == right:
        assert hash(ordering.hash_key(tuple(left))) == hash(ordering.hash_key(tuple(right)))


def test_arrays_of_keyed_elements_use_the_elements_keys(types: TypeRegistry) -> None:
    ordering = types.ordering("_colour")
    assert ordering is not None
    assert callable(ordering.sort_key)
    assert callable(ordering.hash_key)
    assert sorted([("a",), ("b",), ("a", "a")], key=ordering.sort_key) == [("b",), ("a",), ("a", "a")]
    assert ordering.hash_key(("Red",)) == ordering.hash_key(("rED",))


def test_equal_elements_in_other_dimensions_are_another_array(types: TypeRegistry) -> None:
    ordering = types.ordering("_int4")
    assert ordering is not None
    assert callable(ordering.sort_key)
    flat, nested = (1, 2, 3, 4), ((1, 2), (3, 4))
    assert ordering.sort_key(flat) < ordering.sort_key(nested)
    assert ordering.sort_key(((1, 2), (3, 4))) != ordering.sort_key(((1, 2, 3, 4),))


def test_composites_sort_field_by_field(types: TypeRegistry) -> None:
    pair = Type("pair", "pair", kind="composite", attributes=(("n", "int4"), ("c", "colour")))
    ordering = types.extended((pair,)).ordering("pair")
    assert ordering is not None
    assert callable(ordering.sort_key)
    rows = [(1, "a"), (1, "b"), (None, "a"), (0, None)]
    assert sorted(rows, key=ordering.sort_key) == [(0, None), (1, "b"), (1, "a"), (None, "a")]


def test_what_holds_something_without_order_has_none(types: TypeRegistry) -> None:
    extended = types.extended(
        (Type("blob", "blob"), Type("pair", "pair", kind="composite", attributes=(("b", "blob"),)))
    )
    assert extended.ordering("blob") is None
    assert extended.ordering("_blob") is None
    assert extended.ordering("pair") is None
