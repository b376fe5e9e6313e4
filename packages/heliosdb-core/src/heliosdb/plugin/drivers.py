"""Drivers: parts of the engine of which the user picks one by name, such as where bytes live or how they are
compressed.

A plugin adds to what a database can do; a driver replaces how one thing is done. So drivers are not hooks: each kind is
an entry-point group, a driver is a name in it, and nothing of a driver that was not asked for is imported.

The core's own drivers are in ``CORE_DRIVERS`` and need no look-up. Only for others is stevedore imported, here and
nowhere else. Its cache can serve a list that is two minutes old after entry points were edited in place, so which
drivers there are is read from the entry points themselves, and a driver that stevedore does not know yet is imported
all the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from heliosdb.errors import Error, HostSystemError, UndefinedObject
from heliosdb.plugin.discovery import EntryPoint, installed_plugins
from heliosdb.types.definitions import resolve_implementation

__all__ = ["CORE_DRIVERS", "GROUPS", "driver", "driver_names"]

GROUPS = {
    "heliosdb.storage": "volume",
    "heliosdb.codecs": "codec",
    "heliosdb.segments": "segment codec",
    "heliosdb.key_providers": "key provider",
    "heliosdb.authenticators": "authenticator",
    "heliosdb.vector_backends": "vector backend",
}
"""The entry-point groups, and what errors call a driver of each."""

CORE_DRIVERS: dict[str, dict[str, str]] = {
    "heliosdb.storage": {
        "directory": "heliosdb.store.directory:DirectoryVolume",
        "memory": "heliosdb.store.volume:MemoryVolume",
    },
    "heliosdb.codecs": {
        "none": "heliosdb.encoding.codecs:Unchanged",
        "zstd": "heliosdb.encoding.codecs:Zstd",
        "lz4": "heliosdb.encoding.codecs:Lz4",
    },
}


def driver(group: str, name: str) -> Any:
    """Return what a driver's entry point names, imported; UndefinedObject, listing those there are, when there is
    none."""
    kind = _kind(group)
    own = CORE_DRIVERS.get(group, {}).get(name)
    if own is not None:
        return resolve_implementation(own)
    found = next((entry for entry in installed_plugins(group=group) if entry.name == name), None)
    if found is None:
        raise UndefinedObject(f'{kind} "{name}" does not exist', hint=f"There are: {', '.join(driver_names(group))}.")
    try:
        return _loaded(group, found)
    except Exception as error:
        if isinstance(error, Error):
            raise
        raise HostSystemError(
            f'{kind} "{name}" of {found.package} could not be loaded: {type(error).__name__}: {error}'
        ) from error


def _loaded(group: str, entry: EntryPoint) -> Any:
    # By name: importing stevedore costs 40 ms, and most databases use the core's drivers only.
    manager = import_module("stevedore.driver").DriverManager
    no_matches = import_module("stevedore.exception").NoMatches
    try:
        return manager(namespace=group, name=entry.name, invoke_on_load=False, on_load_failure_callback=_raise).driver
    except no_matches:
        return resolve_implementation(entry.value)


def _raise(manager: Any, entry_point: Any, error: Exception) -> None:
    raise error


def driver_names(group: str) -> tuple[str, ...]:
    """Return the names of the drivers of a group, the core's included, sorted; none is imported."""
    _kind(group)
    return tuple(sorted({*CORE_DRIVERS.get(group, {}), *(entry.name for entry in installed_plugins(group=group))}))


def _kind(group: str) -> str:
    if group not in GROUPS:
        raise UndefinedObject(f'driver group "{group}" does not exist', hint=f"There are: {', '.join(GROUPS)}.")
    return GROUPS[group]
