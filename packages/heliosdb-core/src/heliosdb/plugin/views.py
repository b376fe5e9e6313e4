"""The catalog views that the core registers: the catalog's own, and those about plugins, whose rows are made here.

``heliosdb_plugins`` is what an administrator looks at when a plugin does not do what it should; ``pg_extension`` and
``pg_available_extensions`` are what tools ask that know PostgreSQL: a plugin counts as an available extension, and
``CREATE EXTENSION`` records that a database needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from heliosdb.catalog.registries import CatalogView

__all__ = ["VIEWS", "available_extensions", "plugins"]


def plugins(session: Any) -> Iterator[tuple[Any, ...]]:
    """Return (name, package, version, status, error, registered) for each plugin."""
    for plugin in session.registries.plugins:
        registered = tuple(f"{registry}: {key}" for registry, key in plugin.registered)
        yield plugin.name, plugin.package, plugin.version, plugin.status, plugin.error, registered


def available_extensions(session: Any) -> Iterator[tuple[Any, ...]]:
    """Return (name, default_version, installed_version, comment) for each active plugin."""
    for plugin in session.registries.plugins:
        if plugin.status == "active":
            installed = session.catalog.extension(plugin.name)
            yield plugin.name, plugin.version, None if installed is None else installed.version, plugin.package


PLUGIN_VIEWS = (
    CatalogView(
        name="heliosdb_plugins",
        columns=(
            ("name", "text"),
            ("package", "text"),
            ("version", "text"),
            ("status", "text"),
            ("error", "text"),
            ("registered", "_text"),
        ),
        rows="heliosdb.plugin.views:plugins",
        description="Every plugin that was found or asked for, and what became of it.",
    ),
    CatalogView(
        name="pg_available_extensions",
        columns=(("name", "name"), ("default_version", "text"), ("installed_version", "text"), ("comment", "text")),
        rows="heliosdb.plugin.views:available_extensions",
        description="The plugins that CREATE EXTENSION can name.",
    ),
)


def _catalog_views() -> tuple[CatalogView, ...]:
    if find_spec("heliosdb.catalog.views") is None:
        return ()
    views: tuple[CatalogView, ...] = import_module("heliosdb.catalog.views").VIEWS
    return views


VIEWS: tuple[CatalogView, ...] = (*_catalog_views(), *PLUGIN_VIEWS)
