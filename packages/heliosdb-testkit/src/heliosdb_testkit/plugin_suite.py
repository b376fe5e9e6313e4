"""What every plugin must hold to: it loads alone, what it names exists, and it says what its parts are for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from attrs import fields_dict, has

from heliosdb.spi import PluginStatus, Registries, load_plugins, resolve_implementation
from heliosdb_testkit.surroundings import registries_of

__all__ = ["PluginSuite"]

IMPLEMENTATIONS = frozenset(
    (
        *("input", "output", "receive", "send", "typmod_in", "typmod_out", "coerce_typmod", "to_python", "from_python"),
        *("implementation", "initial", "step", "final", "inverse", "hash_key", "sort_key", "factory", "parse"),
        *("column_form", "by_literal", "to_arrow"),
        *("execute", "bind", "check", "resolve", "apply", "emit", "run"),
        *("command", "rows", "reader", "display", "node"),
    )
)
"""Attributes of registrations that hold a callable or an import string."""

HEAVY = ("asyncio", "numpy", "pandas", "polars", "pyarrow", "sqlglot", "click", "rich", "prompt_toolkit")
"""What opening a database must not import, however many plugins are installed."""


class PluginSuite:
    """Subclass it and name the plugin: ``plugin`` is the name of its entry point, or the plugin object itself."""

    plugin: ClassVar[Any]

    @pytest.fixture
    def registries(self) -> Registries:
        """The core's registrations and the plugin's."""
        return registries_of(self.plugin)

    @pytest.fixture
    def status(self, registries: Registries) -> PluginStatus:
        """The plugin's row of ``heliosdb_plugins``."""
        (status,) = [status for status in registries.plugins if status.name != "core"]
        return status

    def registered(self, registries: Registries, status: PluginStatus) -> Iterator[tuple[str, Any, Any]]:
        """Yield (registry, key, value) for everything that the plugin registered."""
        for (registry, key), owner in registries.owners.items():
            if owner == status.name:
                yield registry, key, _value_of(registries, registry, key)

    def test_it_loads_alone_and_registers_something(self, status: PluginStatus) -> None:
        """The plugin is active without any other plugin, and adds to the database."""
        assert (status.status, status.error) == ("active", None)
        assert status.registered

    def test_it_can_be_loaded_twice(self) -> None:
        """Two databases in one process get the same: the plugin keeps no state of its own between them."""
        first, second = (load_plugins([self.plugin], strict=True).plugins[1].registered for _ in range(2))
        assert first == second

    def test_every_implementation_can_be_imported(self, registries: Registries, status: PluginStatus) -> None:
        """Import strings name something that exists: a misspelt one would fail at the first statement that needs it."""
        problems = []
        for registry, key, value in self.registered(registries, status):
            for name, implementation in _implementations(value):
                try:
                    resolve_implementation(implementation)
                except (ImportError, AttributeError) as error:
                    problems.append(f"{registry} {key}: {name} = {implementation!r}: {error}")
        assert problems == []

    def test_every_setting_is_named_after_the_plugin_and_has_a_default_it_accepts(
        self, registries: Registries, status: PluginStatus
    ) -> None:
        """Settings are ``plugin.name``, so that two plugins never want the same one, and explain themselves."""
        for registry, _key, setting in self.registered(registries, status):
            if registry == "settings":
                prefix, dot, _ = setting.name.partition(".")
                assert dot, f"setting {setting.name} has no prefix"
                assert prefix == prefix.lower()
                assert setting.description
                if setting.minimum is not None:
                    assert setting.minimum <= setting.default
                if setting.maximum is not None:
                    assert setting.default <= setting.maximum
                if setting.kind == "enum":
                    assert setting.default in setting.values

    def test_nothing_is_put_into_the_cores_schema(self, registries: Registries, status: PluginStatus) -> None:
        """``pg_catalog`` is the core's: a later core may take any name there. Views stand there all the same, for who
        lists those of a schema is not asking for them.
        """
        for registry, key, value in self.registered(registries, status):
            if registry in ("types", "functions", "operators", "collations"):
                assert value.schema != "pg_catalog", f"{registry} {key}"

    def test_every_operator_class_is_complete(self, registries: Registries, status: PluginStatus) -> None:
        """A btree class has the five strategies and, where Python's order is not the type's, both keys."""
        for registry, _key, value in self.registered(registries, status):
            if registry == "operator_classes" and value.access_method == "btree":
                assert set(value.operators) == {1, 2, 3, 4, 5}, value.name
                assert value.identity or (value.sort_key and value.hash_key), value.name

    def test_loading_imports_nothing_heavy(self) -> None:
        """The module that the entry point names holds registrations only."""
        if not isinstance(self.plugin, str):
            pytest.skip("the plugin is given as an object")
        code = f"""
import sys
from heliosdb.spi import load_plugins
load_plugins([{self.plugin!r}], strict=True).freeze()
print(*sorted(set({HEAVY!r}) & set(sys.modules)))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []


def _value_of(registries: Registries, registry: str, key: Any) -> Any:
    """Return a registered value from the frozen maps, which are grouped in other ways than the registries were."""
    match registry:
        case "types":
            return registries.types.by_name(key)
        case "functions" | "operators":
            found = getattr(registries, registry)[key[1]]
            return next(value for value in found if _routine_key(value) == key)
        case "operator_classes":
            return next(v for v in registries.operator_classes[key[2]] if (v.schema, v.name) == key[:2])
        case "relation_options" | "planner_rules" | "relation_resolvers":
            values = getattr(registries, registry)
            values = values.values() if hasattr(values, "values") else values
            return next(value for value in values if value.name == key)
        case "statements":
            return registries.extension_statements[key]
        case "physical_operators":
            return next(v for v in registries.physical_operators.values())
    return getattr(registries, registry)[key]


def _routine_key(value: Any) -> tuple[Any, ...]:
    if hasattr(value, "arguments"):
        return (value.schema, value.name, value.arguments)
    return (value.schema, value.name, (value.left, value.right))


def _implementations(value: Any) -> Iterator[tuple[str, Any]]:
    if has(type(value)):
        for name in fields_dict(type(value)):
            found = getattr(value, name)
            if name in IMPLEMENTATIONS and isinstance(found, str) and ":" in found:
                yield name, found
            if name == "functions":
                yield from found.items()
            if name == "python_types":
                yield from ((name, spelled) for spelled in found)
            if name == "stored":
                for stored in found:
                    spelled = (stored.python_class, stored.from_plain, stored.to_plain)
                    yield from ((name, text) for text in spelled if isinstance(text, str))
