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

from heliosdb.catalog.registries import CatalogView, PluginStatus

__all__ = ["IN_CORE", "VIEWS", "available_extensions", "background_workers", "extensions", "plugins"]


NAMES_SHOWN = 12

IN_CORE = (PluginStatus(name="pg_stat_statements", package="heliosdb-core", version="1.10", status="active"),)
"""Extensions of PostgreSQL that are part of every database here: CREATE EXTENSION, which tools issue, finds them."""


def plugins(session: Any) -> Iterator[tuple[Any, ...]]:
    """Return (name, package, version, status, error, registered) for each plugin."""
    for plugin in session.registries.plugins:
        yield plugin.name, plugin.package, plugin.version, plugin.status, plugin.error, summary(plugin)


def summary(plugin: PluginStatus) -> tuple[str, ...]:
    """Return a line for each registry that the plugin added to: ``types: semver``; of many names the first ones."""
    names: dict[str, list[str]] = {}
    for registry, name in plugin.registered:
        names.setdefault(registry, []).append(name)
    lines = []
    for registry, found in names.items():
        more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
        lines.append(f"{registry.replace('_', ' ')}: {', '.join(found[:NAMES_SHOWN])}{more}")
    return tuple(lines)


def available_extensions(session: Any) -> Iterator[tuple[Any, ...]]:
    """Return (name, default_version, installed_version, comment) for each active plugin."""
    for plugin in (*session.registries.plugins, *IN_CORE):
        if plugin.status == "active":
            installed = session.catalog.extensions.get(plugin.name)
            yield plugin.name, plugin.version, None if installed is None else installed.version, plugin.package


def extensions(session: Any) -> Iterator[tuple[Any, ...]]:
    """Return pg_extension's row for each plugin that CREATE EXTENSION recorded."""
    catalog = session.catalog
    for extension in catalog.extensions.values():
        schema = catalog.schema(extension.schema)
        namespace = 0 if schema is None else schema.oid
        yield extension.oid, extension.name, 10, namespace, False, extension.version, None, None


def background_workers(session: Any) -> Iterator[tuple[Any, ...]]:
    """Return (name, plugin, state, runs, last_milliseconds, error) for each background worker."""
    owners = session.registries.owners
    for worker in session.database.workers:
        owner = owners.get(("background_workers", worker.name))
        yield worker.name, owner, worker.state, worker.runs, worker.last_milliseconds, worker.error


PLUGIN_VIEWS = (
    CatalogView(
        name="heliosdb_background_workers",
        columns=(
            ("name", "text"),
            ("plugin", "text"),
            ("state", "text"),
            ("runs", "int8"),
            ("last_milliseconds", "float8"),
            ("error", "text"),
        ),
        rows="heliosdb.plugin.views:background_workers",
        description="The plugins' background workers: waiting, running, failed or stopped.",
    ),
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
        name="pg_extension",
        columns=(
            ("oid", "oid"),
            ("extname", "name"),
            ("extowner", "oid"),
            ("extnamespace", "oid"),
            ("extrelocatable", "bool"),
            ("extversion", "text"),
            ("extconfig", "_oid"),
            ("extcondition", "_text"),
        ),
        rows="heliosdb.plugin.views:extensions",
        description="The plugins that this database was told it needs.",
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
    views: tuple[CatalogView, ...] = getattr(import_module("heliosdb.catalog.views"), "VIEWS", ())
    return views


VIEWS: tuple[CatalogView, ...] = (*_catalog_views(), *PLUGIN_VIEWS)
