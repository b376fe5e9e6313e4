"""Promises that hold for everything that is registered: settings are read, hooks are documented, names resolve."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from attrs import fields, has

from heliosdb import spi
from heliosdb.catalog import registrations
from heliosdb.catalog.registries import CatalogView, Registries, Setting
from heliosdb.plugin import hookspecs
from heliosdb.plugin.collect import POLYMORPHIC, SLOTS
from heliosdb.plugin.core_settings import SETTINGS
from heliosdb.plugin.host import load_plugins
from heliosdb.types import definitions
from heliosdb.types.definitions import ScalarFunction, resolve_implementation

ROOT = Path(__file__).resolve().parents[4]
SOURCES = ROOT / "packages/heliosdb-core/src/heliosdb"
GUIDE = ROOT / "docs/plugins"
VALUES = (registrations, definitions, Setting, CatalogView)
"""What plugins make: the value classes of two modules, and two more."""

ENTRY_POINT_ATTRIBUTES = ("input", "output", "receive", "send", "typmod_in", "typmod_out", "coerce_typmod")


@pytest.fixture(scope="module")
def registries() -> Registries:
    return load_plugins([], strict=True).freeze()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_reader_that_exists_and_names_it(setting: Setting) -> None:
    resolve_implementation(setting.reader)
    if setting.context == "internal":
        return  # shown by SHOW and current_setting, whatever their name
    module = setting.reader.partition(":")[0]
    parts = module.split(".")[1:]
    file = SOURCES.joinpath(*parts).with_suffix(".py")
    files = [file] if file.exists() else list(SOURCES.joinpath(*parts).glob("*.py"))
    text = "\n".join(path.read_text().lower() for path in files)
    assert setting.name.lower() in text, f"{module} does not mention {setting.name}"


@pytest.mark.parametrize("name", [*hookspecs.REGISTRATION, *hookspecs.LIFECYCLE, *hookspecs.FIRST_RESULT])
def test_every_hook_says_when_it_is_called_what_it_returns_and_shows_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, name)) or ""
    first, blank, _ = text.partition("\n\n")
    assert blank, "one line, then the rest"
    assert "\n" not in first
    assert first.endswith(".")
    assert re.search(r"^Called ", text, re.MULTILINE)
    assert "None" in text or "ignored" in text
    (example,) = re.findall(r"^Example::\n\n(.*)\Z", text, re.MULTILINE | re.DOTALL)
    tree = ast.parse(inspect.cleandoc(example))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert function.name == name
    taken = [argument.arg for argument in function.args.args]
    assert set(taken) <= set(inspect.signature(getattr(hookspecs, name)).parameters)


def test_the_lists_of_hooks_are_complete() -> None:
    declared = {
        name
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and value.__module__ == hookspecs.__name__
    }
    assert declared == {*hookspecs.REGISTRATION, *hookspecs.LIFECYCLE, *hookspecs.FIRST_RESULT}
    assert set(hookspecs.REGISTRATION) == set(SLOTS)


def test_every_hook_has_a_heading_in_the_authors_guide() -> None:
    headings = {
        heading for page in GUIDE.glob("*.md") for heading in re.findall(r"^#+ `(\w+)`", page.read_text(), re.MULTILINE)
    }
    assert headings >= {*hookspecs.REGISTRATION, *hookspecs.LIFECYCLE, *hookspecs.FIRST_RESULT}


def test_every_registry_is_read_by_something() -> None:
    sources = {
        path.relative_to(SOURCES).as_posix(): path.read_text()
        for path in SOURCES.rglob("*.py")
        if not path.relative_to(SOURCES).as_posix().startswith(("plugin/", "catalog/reg", "spi"))
    }
    names = [slot.registry for slot in SLOTS.values()]
    unread = {name for name in names if not any(re.search(rf"\.{name}\b", text) for text in sources.values())}
    assert unread == set(), "what is registered must be read"


def test_every_field_of_what_is_registered_is_read_by_something() -> None:
    classes = [value for value in VALUES if inspect.isclass(value)]
    classes += [
        value
        for module in VALUES
        for value in vars(module).values()
        if inspect.ismodule(module) and inspect.isclass(value) and value.__module__ == module.__name__ and has(value)
    ]
    own = {Path(inspect.getfile(value)) for value in classes}
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py") if path not in own)
    unread = [
        f"{value.__name__}.{field.name}"
        for value in classes
        for field in fields(value)
        if not re.search(rf"\.{field.name}\b|\"{field.name}\"", text)
    ]
    assert unread == [], "what a plugin may say must have an effect"


def test_every_import_string_of_the_core_resolves(registries: Registries) -> None:
    problems = []

    def check(owner: str, implementation: Any) -> None:
        if isinstance(implementation, str):
            try:
                resolve_implementation(implementation)
            except (ImportError, AttributeError) as error:
                problems.append(f"{owner}: {error}")

    for name in registries.statements:
        try:
            assert callable(registries.statements[name])
        except (ImportError, AttributeError) as error:
            problems.append(f"statement {name}: {error}")
    for view in registries.catalog_views.values():
        check(f"catalog view {view.name}", view.rows)
    for type_ in registries.types:  # type: ignore[attr-defined]
        for attribute in (*ENTRY_POINT_ATTRIBUTES, "to_python", "from_python"):
            check(f"type {type_.name}", getattr(type_, attribute))
    for functions in registries.functions.values():
        for function in functions:
            for attribute in ("implementation", "initial", "step", "final", "inverse"):
                check(f"function {function.name}", getattr(function, attribute, None))
    for classes in registries.operator_classes.values():
        for operator_class in classes:
            check(operator_class.name, operator_class.hash_key)
            check(operator_class.name, operator_class.sort_key)
    for name in registries.access_methods:
        assert registries.access_methods[name].name == name
    assert problems == []


def test_what_the_core_registers_refers_to_what_exists(registries: Registries) -> None:
    known = {type_.name for type_ in registries.types} | POLYMORPHIC  # type: ignore[attr-defined]
    missing: set[str] = set()
    for functions in registries.functions.values():
        for function in functions:
            for name in (*function.arguments, function.returns):
                if name not in known:
                    missing.add(f"type {name} of function {function.name}")
    for operators in registries.operators.values():
        for operator in operators:
            if not any(isinstance(f, ScalarFunction) for f in registries.functions.get(operator.function, ())):
                missing.add(f"function {operator.function} of operator {operator.name}")
            for name in (operator.left, operator.right, operator.returns):
                if name is not None and name not in known:
                    missing.add(f"type {name} of operator {operator.name}")
    for source, target in registries.casts:
        missing |= {f"type {name} of a cast" for name in (source, target) if name not in known}
    assert missing == set()


def test_commutators_and_negators_of_the_core_exist(registries: Registries) -> None:
    signatures = {(o.name, o.left, o.right) for found in registries.operators.values() for o in found}
    missing = set()
    for found in registries.operators.values():
        for operator in found:
            if operator.commutator and (operator.commutator, operator.right, operator.left) not in signatures:
                missing.add(f"commutator of {operator.left} {operator.name} {operator.right}")
            if operator.negator and (operator.negator, operator.left, operator.right) not in signatures:
                missing.add(f"negator of {operator.left} {operator.name} {operator.right}")
    assert missing == set()


def test_btree_classes_of_the_core_have_their_five_operators(registries: Registries) -> None:
    for (method, type_name), classes in registries.operator_classes.items():
        for operator_class in classes:
            if method == "btree":
                assert set(operator_class.operators) == {1, 2, 3, 4, 5}, operator_class.name
                assert operator_class.identity or operator_class.sort_key, (operator_class.name, type_name)


def test_every_name_of_the_spi_can_be_imported_and_nothing_else() -> None:
    assert all(getattr(spi, name) is not None for name in spi.__all__)
    assert dir(spi) == sorted(spi.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = spi.nonsense
    tree = ast.parse((SOURCES / "spi.py").read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    names = set()
    for node in checked.body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names if alias.asname and not alias.asname.startswith("_")}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    assert names == set(spi.__all__), "what type checkers see must be what is there"
