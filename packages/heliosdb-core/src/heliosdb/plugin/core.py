"""The core as a plugin: its types, functions, operators, ``btree``, catalog views, settings and statements.

Nothing in the engine knows these by another way than the registries, so what the core can do a plugin can do. Modules
of types are imported here because their functions are registered by value; everything else is named by import string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.registrations import AccessMethodFactory, Command, RelationOption, Statement
from heliosdb.plugin.host import hookimpl
from heliosdb.types.builtin import FAMILIES

if TYPE_CHECKING:
    from heliosdb.catalog.registries import CatalogView, Setting

__all__: list[str] = []


CATALOG_FAMILIES = (
    "heliosdb.catalog.sequences",
    "heliosdb.catalog.functions",
    "heliosdb.catalog.absent_functions",
    "heliosdb.catalog.io_functions",
    "heliosdb.catalog.privilege_functions",
    "heliosdb.catalog.server_functions",
)
"""Modules of functions over the catalog, listed as the type families are."""


def _of_families(*tables: str) -> Iterator[Any]:
    for family in (*FAMILIES, *CATALOG_FAMILIES):
        module = import_module(family)
        for table in tables:
            yield from getattr(module, table, ())


@hookimpl
def register_types() -> Iterable[Any]:
    """The built-in types."""
    return _of_families("TYPES")


@hookimpl
def register_casts() -> Iterable[Any]:
    """The casts between them."""
    return _of_families("CASTS")


@hookimpl
def register_collations() -> Iterable[Any]:
    """The built-in collations."""
    return _of_families("COLLATIONS")


@hookimpl
def register_functions() -> Iterable[Any]:
    """The built-in functions of all four kinds."""
    return _of_families("FUNCTIONS", "AGGREGATES", "WINDOW_FUNCTIONS", "TABLE_FUNCTIONS")


@hookimpl
def register_operators() -> Iterable[Any]:
    """The built-in operators."""
    return _of_families("OPERATORS")


@hookimpl
def register_operator_classes() -> Iterable[Any]:
    """The operator classes of the built-in types."""
    return _of_families("OPERATOR_CLASSES")


@hookimpl
def register_access_methods() -> Iterable[AccessMethodFactory]:
    """The one ordered access method; others are plugins'."""
    return (AccessMethodFactory("btree", "heliosdb.store.btree:BTreeMethod", "b-tree index access method"),)


@hookimpl
def register_statements() -> Iterable[Statement]:
    """The utility statements, by the class of their syntax node."""
    # By name: the layer of the commands stands above this one.
    commands: dict[str, str] = import_module("heliosdb.commands").COMMANDS
    return (Statement(name=node, execute=executor) for node, executor in commands.items())


@hookimpl
def register_settings() -> Iterable[Setting]:
    """The settings that the core reads."""
    from heliosdb.plugin.core_settings import SETTINGS

    return SETTINGS


@hookimpl
def register_catalog_views() -> Iterable[CatalogView]:
    """``pg_catalog``, ``information_schema`` and the ``heliosdb_*`` views."""
    from heliosdb.plugin.views import VIEWS

    return VIEWS


@hookimpl
def register_relation_options() -> Iterable[RelationOption]:
    """``fillfactor``, which PostgreSQL's own tools write."""
    yield RelationOption(
        name="fillfactor",
        check="heliosdb.commands.storage_parameters:fillfactor",
        description="kept and shown in pg_class; there are no pages to fill",
    )


@hookimpl
def register_commands() -> Iterable[Command]:
    """The commands of the command line, so that no plugin takes their names."""
    main = {"repl": "the shell", "run": "run a script", "demo": "the demo", "plugins": "list the plugins"}
    moving = {
        "dump": ("dump", "write a database as SQL or as an archive"),
        "restore": ("restore", "bring a dump or an archive into a database"),
        "import": ("import_command", "bring a file of another kind into a database"),
        "export": ("export_command", "write tables to a file of another kind"),
    }
    upkeep = {
        "check": "compare files, indexes and constraints with what they should be",
        "compact": "drop what nobody needs, and write files anew where that saves space",
        "salvage": "put what can be read of a damaged database into a new one",
    }
    for name, description in main.items():
        yield Command(name=name, command=f"heliosdb.cli.main:{name}", description=description)
    for name, (attribute, description) in moving.items():
        yield Command(name=name, command=f"heliosdb.cli.moving:{attribute}", description=description)
    for name, description in upkeep.items():
        yield Command(name=name, command=f"heliosdb.cli.upkeep:{name}", description=description)
