"""The host with plugins that behave and plugins that do not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from heliosdb import __version__
from heliosdb.catalog.registrations import PlannerRule, Statement
from heliosdb.catalog.registries import PluginStatus, Setting
from heliosdb.errors import (
    DuplicateObject,
    HostSystemError,
    InvalidObjectDefinition,
    UndefinedFunction,
    UndefinedObject,
)
from heliosdb.plugin import hookimpl
from heliosdb.plugin.discovery import EntryPoint
from heliosdb.plugin.host import load_plugins
from heliosdb.types.definitions import Operator, OperatorClass, ScalarFunction, Type

FILE = Path(__file__)


def plugin(name: str, **hooks: Callable[..., Any]) -> ModuleType:
    """Make a plugin whose hooks are these functions."""
    module = ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    return module


def installed(*plugins: ModuleType, requires: str = "", package: str | None = None) -> list[EntryPoint]:
    """Pretend that an installer had put these plugins in place."""
    for module in plugins:
        sys.modules[module.__name__] = module
    requirements = (f"heliosdb-core{requires}",) if requires else ()
    entries = [
        EntryPoint(m.__name__, m.__name__, package or f"{m.__name__}-package", "1.2", requirements) for m in plugins
    ]
    return sorted(entries, key=lambda entry: entry.name)


@pytest.fixture(autouse=True)
def _forget_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def row(plugins: tuple[PluginStatus, ...], name: str) -> PluginStatus:
    (found,) = [status for status in plugins if status.name == name]
    return found


def nothing() -> list[Any]:
    return []


def colour(name: str = "colour") -> Type:
    return Type(name, name, input=str, output=str)


def test_the_core_is_the_first_plugin_and_says_what_it_registered() -> None:
    host = load_plugins([])
    (core,) = host.plugins
    assert (core.name, core.package, core.version, core.status) == ("core", "heliosdb-core", __version__, "active")
    assert ("types", "int4") in core.registered
    assert ("functions", "int4pl(int4, int4)") in core.registered
    assert ("access_methods", "btree") in core.registered


def test_an_explicit_plugin_is_loaded_and_owns_what_it_registered() -> None:
    paint = plugin("paint", register_types=lambda: [colour()])
    registries = load_plugins([paint]).freeze()
    assert registries.types.by_name("colour").array_oid == registries.types.by_name("_colour").oid
    assert registries.owners["types", "colour"] == "paint"
    assert registries.owners["types", "int4"] == "core"
    assert ("types", "nothing") not in registries.owners
    assert row(registries.plugins, "paint").registered == (("types", "colour"),)


def test_a_hook_that_returns_none_registers_nothing() -> None:
    registries = load_plugins([plugin("paint", register_types=lambda: None)], strict=True).freeze()
    assert row(registries.plugins, "paint").registered == ()


def test_a_plugin_that_fails_to_import_leaves_the_others_alone() -> None:
    good = plugin("good", register_types=lambda: [colour()])
    entries = [EntryPoint("bad", "heliosdb_no_such_module", "bad-package", "1"), *installed(good)]
    registries = load_plugins(environment={}, installed=entries).freeze()
    bad = row(registries.plugins, "bad")
    assert bad.status == "failed"
    assert bad.error == "ModuleNotFoundError: No module named 'heliosdb_no_such_module'"
    assert (bad.package, bad.version) == ("bad-package", "1")
    assert row(registries.plugins, "good").status == "active"
    assert registries.types.by_name("colour").name == "colour"


def test_what_a_failing_plugin_had_registered_is_taken_back() -> None:
    def late_failure() -> list[Any]:
        raise RuntimeError("half-way")

    broken = plugin("broken", register_types=lambda: [colour()], register_settings=late_failure)
    registries = load_plugins([broken]).freeze()
    assert row(registries.plugins, "broken").error == "RuntimeError: half-way"
    assert row(registries.plugins, "broken").registered == ()
    with pytest.raises(UndefinedObject):
        registries.types.by_name("colour")
    assert ("types", "colour") not in registries.owners


def test_a_generator_that_fails_half_way_is_taken_back_too() -> None:
    def half() -> Any:
        yield colour("first")
        raise ValueError("no second")

    registries = load_plugins([plugin("broken", register_types=half)]).freeze()
    assert row(registries.plugins, "broken").status == "failed"
    with pytest.raises(UndefinedObject):
        registries.types.by_name("first")


def test_a_failed_plugin_is_not_called_afterwards() -> None:
    def failing() -> list[Any]:
        raise RuntimeError

    broken = plugin("broken", register_types=failing, database_opened=lambda database: None)
    assert load_plugins([broken]).freeze().lifecycle.get("database_opened", ()) == ()


def test_duplicates_name_both_owners_and_the_second_plugin_fails() -> None:
    entries = installed(
        plugin("azure", register_types=lambda: [colour()]),
        plugin("blue", register_types=lambda: [colour("other"), colour()]),
    )
    registries = load_plugins(environment={}, installed=entries).freeze()
    assert row(registries.plugins, "azure").status == "active"
    error = row(registries.plugins, "blue").error
    assert error == (
        'type "colour" is registered by plugin "azure" and by plugin "blue". '
        'Disable one of them, for example with HELIOSDB_DISABLE_PLUGINS="blue".'
    )
    with pytest.raises(UndefinedObject):
        registries.types.by_name("other")


def test_nothing_of_the_core_can_be_replaced() -> None:
    thief = plugin("thief", register_types=lambda: [colour("int4")])
    registries = load_plugins([thief]).freeze()
    error = row(registries.plugins, "thief").error or ""
    assert error.startswith('type "int4" is registered by plugin "core" and by plugin "thief". ')
    assert registries.types.by_name("int4").oid == 23


def test_two_packages_with_one_plugin_name_are_a_conflict_that_names_both() -> None:
    (first,) = installed(plugin("vector"), package="heliosdb-vector")
    second = EntryPoint("vector", "vector", "other-vector", "9")
    plugins = load_plugins(environment={}, installed=[first, second]).plugins
    assert [(status.package, status.status) for status in plugins if status.name == "vector"] == [
        ("heliosdb-vector", "active"),
        ("other-vector", "failed"),
    ]
    assert (
        'plugin "vector" is provided by package heliosdb-vector and by package other-vector. '
        "Uninstall one of the packages." in [p.error for p in plugins]
    )


def test_strict_raises_the_first_failure() -> None:
    first = plugin("azure", register_types=lambda: [colour()])
    with pytest.raises(DuplicateObject, match='by plugin "azure" and by plugin "blue"'):
        load_plugins([first, plugin("blue", register_types=lambda: [colour()])], strict=True)
    with pytest.raises(HostSystemError, match='plugin "broken" could not be loaded: ZeroDivisionError'):
        load_plugins([plugin("broken", register_types=lambda: [1 / 0])], strict=True)


def test_a_misspelt_hook_is_an_error_that_suggests_the_right_one() -> None:
    misspelt = plugin("misspelt", register_type=nothing)
    status = row(load_plugins([misspelt]).plugins, "misspelt")
    assert status.status == "failed"
    assert "unknown hook 'register_type'" in (status.error or "")
    assert (status.error or "").endswith(". Perhaps the hook register_types was meant.")
    with pytest.raises(InvalidObjectDefinition) as raised:
        load_plugins([misspelt], strict=True)
    assert raised.value.hint == "Perhaps the hook register_types was meant."


def test_a_misspelt_hook_does_not_take_the_next_plugin_down() -> None:
    good = plugin("good", register_types=lambda: [colour()])
    plugins = load_plugins([plugin("bad", register_type=nothing), good]).plugins
    assert [(status.name, status.status) for status in plugins] == [
        ("core", "active"),
        ("bad", "failed"),
        ("good", "active"),
    ]


def test_an_argument_that_a_hook_does_not_have_is_an_error() -> None:
    wrong = plugin("wrong", database_opened=lambda databse: None)
    assert "databse" in (row(load_plugins([wrong]).plugins, "wrong").error or "")


def test_hook_wrappers_are_refused() -> None:
    def register_types() -> Any:
        return (yield)

    module = ModuleType("wrapping")
    module.register_types = hookimpl(wrapper=True)(register_types)  # type: ignore[attr-defined]
    assert (
        row(load_plugins([module]).plugins, "wrapping").error
        == "register_types is a hook wrapper, which is not supported"
    )


def test_a_value_of_the_wrong_class_is_an_error() -> None:
    wrong = plugin("wrong", register_types=lambda: ["colour"])
    assert (
        row(load_plugins([wrong]).plugins, "wrong").error == 'register_types of plugin "wrong" gave a str, not a Type'
    )


def test_the_allow_list_names_the_only_plugins_to_load() -> None:
    entries = installed(plugin("azure"), plugin("blue"))
    plugins = load_plugins(environment={"HELIOSDB_PLUGINS": " blue , missing"}, installed=entries).plugins
    assert [(status.name, status.status) for status in plugins] == [
        ("core", "active"),
        ("azure", "disabled"),
        ("blue", "active"),
        ("missing", "missing"),
    ]
    assert row(plugins, "missing").error == 'plugin "missing" is not installed'
    none = load_plugins(environment={"HELIOSDB_PLUGINS": ""}, installed=entries).plugins
    assert [status.status for status in none] == ["active", "disabled", "disabled"]


def test_the_deny_list_wins_over_the_allow_list() -> None:
    environment = {"HELIOSDB_PLUGINS": "azure,blue", "HELIOSDB_DISABLE_PLUGINS": "azure"}
    plugins = load_plugins(environment=environment, installed=installed(plugin("azure"), plugin("blue"))).plugins
    assert [(status.name, status.status) for status in plugins] == [
        ("core", "active"),
        ("azure", "disabled"),
        ("blue", "active"),
    ]


def test_a_disabled_plugin_is_not_even_imported() -> None:
    entries = [EntryPoint("bad", "heliosdb_no_such_module", "bad-package", "1")]
    plugins = load_plugins(environment={"HELIOSDB_DISABLE_PLUGINS": "bad"}, installed=entries, strict=True).plugins
    assert row(plugins, "bad").error is None


def test_strict_raises_for_an_allowed_plugin_that_is_not_there() -> None:
    with pytest.raises(UndefinedObject, match='plugin "missing" is not installed'):
        load_plugins(environment={"HELIOSDB_PLUGINS": "missing"}, installed=[], strict=True)


def test_an_explicit_list_is_hermetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOSDB_DISABLE_PLUGINS", "blue")
    entries = installed(plugin("azure"), plugin("blue"))
    assert [status.name for status in load_plugins(["blue"], installed=entries).plugins] == ["core", "blue"]
    assert [status.name for status in load_plugins([], installed=entries).plugins] == ["core"]


def test_an_explicit_plugin_may_be_an_import_string() -> None:
    installed(plugin("painted.plugin", register_types=lambda: [colour()]))
    sys.modules["painted"] = ModuleType("painted")
    registries = load_plugins(["painted.plugin"], strict=True).freeze()
    assert registries.owners["types", "colour"] == "painted.plugin"


def test_an_explicit_plugin_that_cannot_be_found_is_an_error_even_without_strict() -> None:
    with pytest.raises(UndefinedObject, match='plugin "nowhere" is not installed'):
        load_plugins(["nowhere"], installed=[])


@pytest.mark.parametrize(("requires", "status"), [(">=0.1,<99", "active"), ("<0.0.1", "failed"), (">=x", "failed")])
def test_the_range_on_the_core_is_checked_again_at_load(requires: str, status: str) -> None:
    entries = installed(plugin("paint"), requires=requires)
    assert row(load_plugins(environment={}, installed=entries).plugins, "paint").status == status


def test_the_error_of_a_wrong_range_says_what_is_installed() -> None:
    entries = installed(plugin("paint", register_types=lambda: [1 / 0]), requires=">=99")
    assert row(load_plugins(environment={}, installed=entries).plugins, "paint").error == (
        f"paint-package 1.2 requires heliosdb-core >=99, but {__version__} is installed. "
        "Install a version of paint-package that fits, or upgrade heliosdb-core."
    )


def test_a_name_that_nothing_has_is_an_error_and_takes_dependents_along() -> None:
    light = plugin(
        "light",
        register_functions=lambda: [ScalarFunction("glow", ("shade",), "colour", str)],
    )
    shade = plugin(
        "shade",
        register_types=lambda: [colour("shade")],
        register_functions=lambda: [ScalarFunction("dim", ("nothing",), "shade", str)],
    )
    paint = plugin("paint", register_types=lambda: [colour()])
    plugins = load_plugins([light, paint, shade]).plugins
    assert row(plugins, "shade").error == 'type "nothing" does not exist (named by function dim)'
    assert row(plugins, "light").error == 'type "shade" does not exist (named by function glow)'
    assert row(plugins, "paint").status == "active"


def test_names_may_refer_to_what_a_later_plugin_registers() -> None:
    light = plugin("light", register_functions=lambda: [ScalarFunction("glow", ("_colour",), "colour", str)])
    paint = plugin("paint", register_types=lambda: [colour()])
    assert [status.status for status in load_plugins([light, paint], strict=True).plugins] == ["active"] * 3


def test_operators_and_operator_classes_must_refer_to_what_exists() -> None:
    def operators() -> list[Operator]:
        return [Operator("@@@", "text", "text", "bool", "no_such_function")]

    with pytest.raises(UndefinedFunction, match=r"function no_such_function\(text, text\) does not exist"):
        load_plugins([plugin("one", register_operators=operators)], strict=True)
    wrong_method = OperatorClass("ops", "no_method", "text")
    with pytest.raises(UndefinedObject, match='access method "no_method" does not exist'):
        load_plugins([plugin("one", register_operator_classes=lambda: [wrong_method])], strict=True)
    wrong_operator = OperatorClass("ops", "btree", "text", operators={1: "@@@"})
    with pytest.raises(UndefinedFunction, match="operator @@@ does not exist"):
        load_plugins([plugin("one", register_operator_classes=lambda: [wrong_operator])], strict=True)


def bump(name: str = "bump", words: tuple[str, ...] = ("BUMP",)) -> Statement:
    return Statement(
        name=name, words=words, parse=lambda cursor: cursor.identifier(), execute=lambda session, payload: payload
    )


def test_two_plugins_cannot_claim_the_same_words() -> None:
    one = plugin("one", register_statements=lambda: [bump("first", ("BUMP", "UP"))])
    two = plugin("two", register_statements=lambda: [bump("second", ("bump", "up"))])
    error = row(load_plugins([one, two]).plugins, "two").error
    assert error == 'statements beginning with BUMP UP are registered by plugin "one" and by plugin "two"'


def test_a_plugins_statement_needs_words_and_a_parse_function() -> None:
    for statement, message in (
        (bump(words=()), 'statement "bump" claims no words'),
        (Statement(name="bump", execute=print), 'statement "bump" has no parse function'),
    ):
        broken = plugin("broken", register_statements=lambda statement=statement: [statement])
        assert row(load_plugins([broken]).plugins, "broken").error == message


def test_executors_are_found_by_the_statements_name() -> None:
    registries = load_plugins([plugin("one", register_statements=lambda: [bump()])], strict=True).freeze()
    assert registries.statements["bump"](None, "payload") == "payload"
    assert registries.extension_statements["bump"].words == ("BUMP",)


def test_lifecycle_hooks_become_plain_functions_of_all_arguments_core_first_then_by_order() -> None:
    calls: list[tuple[str, object]] = []
    two = plugin("two", database_opened=lambda database: calls.append(("two", database)))
    one = plugin("one", database_opened=lambda: calls.append(("one", None)))
    registries = load_plugins([one, two]).freeze()
    for function in registries.lifecycle["database_opened"]:
        function("the database")
    assert calls == [("one", None), ("two", "the database")]


def test_the_first_answer_that_is_not_none_counts() -> None:
    one = plugin("one", resolve_snapshot=lambda session, request, arguments: None)
    two = plugin("two", resolve_snapshot=lambda arguments: ("two", arguments))
    three = plugin("three", resolve_snapshot=lambda session: 1 / 0)
    registries = load_plugins([one, two, three]).freeze()
    assert registries.first_result("resolve_snapshot", "session", "request", (1,), None) == ("two", (1,))
    assert load_plugins([]).freeze().first_result("resolve_snapshot", "session", "request", (), None) is None


def test_a_plugin_may_declare_hooks_that_others_implement() -> None:
    (tmp := ModuleType("knocking_hooks")).__dict__.update(_specifications())
    sys.modules["knocking_hooks"] = tmp
    server = plugin("server")
    server.hookspecs = "knocking_hooks"  # type: ignore[attr-defined]
    door = plugin("door", register_knockers=lambda: ["brass"], knocked=lambda visitor: f"hello {visitor}")
    registries = load_plugins([door, server], strict=True).freeze()
    assert registries.extra == {"register_knockers": ("brass",)}
    assert registries.first_result("knocked", "you") == "hello you"
    assert "unknown hook" in (row(load_plugins([door]).plugins, "door").error or "")


def _specifications() -> dict[str, Any]:
    from heliosdb.plugin.host import first_result_hook, hookspec

    def register_knockers() -> None: ...

    def knocked(visitor: str) -> None: ...

    return {"register_knockers": hookspec(register_knockers), "knocked": first_result_hook(knocked)}


def test_planner_rules_run_in_the_order_they_ask_for() -> None:
    rules = [
        PlannerRule(name="a", apply=str, after=("c",)),
        PlannerRule(name="b", apply=str),
        PlannerRule(name="c", apply=str, before=("b",)),
    ]
    registries = load_plugins([plugin("one", register_planner_rules=lambda: rules)]).freeze()
    assert [rule.name for rule in registries.planner_rules] == ["c", "a", "b"]


def test_a_package_is_found_for_what_a_plugin_registered() -> None:
    setting = Setting(name="Paint.Gloss", kind="bool", default=True, description="Shine.", reader="x:y")
    entries = installed(plugin("paint", register_settings=lambda: [setting]), package="my-paint")
    registries = load_plugins(environment={}, installed=entries).freeze()
    assert registries.package_of("settings", "paint.gloss") == "my-paint"
    assert registries.package_of("settings", "work_mem") is None


def test_loading_leaves_nothing_behind_for_the_next_database() -> None:
    paint = plugin("paint", register_types=lambda: [colour()])
    load_plugins([paint]).freeze()
    assert [status.name for status in load_plugins([]).plugins] == ["core"]
    assert row(load_plugins([paint]).plugins, "paint").status == "active"
