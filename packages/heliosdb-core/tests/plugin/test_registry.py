from __future__ import annotations

import pytest

from heliosdb.errors import DuplicateObject, InternalFailure
from heliosdb.registry import LazyMapping, Registry


def test_a_key_is_registered_once_and_the_error_names_both_owners() -> None:
    registry: Registry[int] = Registry("setting")
    registry.add("work_mem", 1, "core")
    with pytest.raises(DuplicateObject) as raised:
        registry.add("work_mem", 2, "tuning")
    assert raised.value.message == 'setting "work_mem" is registered by plugin "core" and by plugin "tuning"'
    assert registry["work_mem"] == 1
    assert registry.owner_of("work_mem") == "core"


def test_routines_and_qualified_names_are_spelled_as_sql_spells_them() -> None:
    registry: Registry[int] = Registry("function")
    registry.add(("public", "f", ("int4", "text")), 1, "one")
    with pytest.raises(DuplicateObject, match=r"function public\.f\(int4, text\) is registered"):
        registry.add(("public", "f", ("int4", "text")), 1, "two")
    views: Registry[int] = Registry("catalog view")
    views.add(("pg_catalog", "pg_class"), 1, "one")
    with pytest.raises(DuplicateObject, match=r'catalog view "pg_catalog\.pg_class" is registered'):
        views.add(("pg_catalog", "pg_class"), 1, "two")


def test_what_an_owner_registered_can_be_taken_back_as_a_whole() -> None:
    registry: Registry[int] = Registry("type")
    registry.add("a", 1, "one")
    registry.add("b", 2, "two")
    registry.add("c", 3, "one")
    registry.remove_owner("one")
    assert list(registry.items()) == [("b", 2)]
    registry.add("a", 4, "two")
    assert registry.keys_of("two") == ("b", "a")


def test_nothing_is_registered_after_freezing() -> None:
    registry: Registry[int] = Registry("type")
    registry.add("a", 1, "one")
    frozen = registry.freeze()
    with pytest.raises(InternalFailure):
        registry.add("b", 2, "one")
    assert frozen == {"a": 1}


def test_a_lazy_mapping_resolves_each_name_once_and_lists_without_resolving() -> None:
    asked: list[str] = []

    def resolve(source: str) -> object:
        asked.append(source)
        return object()

    mapping = LazyMapping({"a": "source of a", "b": "source of b"}, resolve)
    assert list(mapping) == ["a", "b"]
    assert len(mapping) == 2
    assert "a" in mapping
    assert "c" not in mapping
    assert asked == []
    assert mapping["a"] is mapping["a"]
    assert asked == ["source of a"]
    with pytest.raises(KeyError):
        mapping["c"]
    assert mapping.get("c") is None


def test_a_lazy_mapping_tries_again_after_a_failed_resolution() -> None:
    fails = [True]

    def resolve(source: str) -> str:
        if fails.pop() if fails else False:
            raise ImportError(source)
        return source

    mapping = LazyMapping({"a": "x"}, resolve)
    with pytest.raises(ImportError):
        mapping["a"]
    assert mapping["a"] == "x"
