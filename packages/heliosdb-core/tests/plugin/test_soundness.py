"""Registrations that cannot work are refused while a database opens, not when somebody first uses them."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb.catalog.registrations import Command, MetaCommand
from heliosdb.catalog.registries import PluginStatus
from heliosdb.cli.meta import core_commands
from heliosdb.errors import DuplicateObject, InvalidObjectDefinition
from heliosdb.plugin.host import load_plugins
from heliosdb.plugin.soundness import SHELL_COMMANDS
from heliosdb.types.definitions import OperatorClass, ScalarFunction, Type

from .test_host import plugin, row


def loaded(name: str, hook: str, value: Any) -> PluginStatus:
    return row(load_plugins([plugin(name, **{hook: lambda: [value]})]).plugins, name)


@pytest.mark.parametrize(
    ("hook", "value", "error"),
    [
        ("register_types", Type("t", "t", input=5, output=str), "input of type t is 5, which cannot be called"),
        ("register_types", Type("t", "t", input=str, output="no name"), 'output of type t is "no name", which is no'),
        (
            "register_functions",
            ScalarFunction("f", (), "int4", {}),
            "implementation of function f is {}, which cannot be called",
        ),
        (
            "register_functions",
            ScalarFunction("f", (), "int4", "heliosdb.nowhere:f"),
            'implementation of function f names module "heliosdb.nowhere", which is not there',
        ),
        (
            "register_functions",
            ScalarFunction("f", (), "int4", "nosuchpackage.inner:f"),
            'names module "nosuchpackage.inner", which is not there',
        ),
        (
            "register_operator_classes",
            OperatorClass("c", "btree", "int4", operators={}, functions={"distance": 1.5}),
            "functions['distance'] of operator class c is 1.5, which cannot be called",
        ),
        ("register_meta_commands", MetaCommand(name="paint", run=None), "run of meta-command paint is None"),
    ],
)
def test_what_cannot_be_called_fails_at_load(hook: str, value: Any, error: str) -> None:
    status = loaded("careless", hook, value)
    assert status.status == "failed"
    assert error in (status.error or "")
    with pytest.raises(InvalidObjectDefinition):
        load_plugins([plugin("careless", **{hook: lambda: [value]})], strict=True)


def test_an_import_string_is_checked_without_being_imported() -> None:
    # The module is there; that it has no such attribute shows when it is used.
    status = loaded("lazy", "register_functions", ScalarFunction("f", (), "int4", "heliosdb.cli.demo:nosuch"))
    assert (status.status, status.error) == ("active", None)


@pytest.mark.parametrize("name", ["d", "dS", "d+", "dt+", "dtS", "q", "?", "watch"])
def test_a_meta_command_of_the_shell_cannot_be_taken(name: str) -> None:
    status = loaded("grabby", "register_meta_commands", MetaCommand(name=name, run=print))
    assert status.error == (
        f'meta-command "\\{name}" is registered by plugin "core" and by plugin "grabby". '
        'Disable one of them, for example with HELIOSDB_DISABLE_PLUGINS="grabby".'
    )


def test_an_alias_cannot_be_taken_either() -> None:
    assert (
        loaded("grabby", "register_meta_commands", MetaCommand(name="paint", run=print, aliases=("x",))).status
        == "failed"
    )
    first = plugin("azure", register_meta_commands=lambda: [MetaCommand(name="paint", run=print, aliases=("pp",))])
    second = plugin("blue", register_meta_commands=lambda: [MetaCommand(name="pp", run=print)])
    with pytest.raises(DuplicateObject, match='pp" is registered by plugin "azure" and by plugin "blue"'):
        load_plugins([first, second], strict=True)


def test_the_names_of_the_shell_are_known() -> None:
    assert set(core_commands()) == SHELL_COMMANDS


def test_commands_of_the_command_line_are_checked_too() -> None:
    assert loaded("careless", "register_commands", Command(name="paint", command=3)).status == "failed"
