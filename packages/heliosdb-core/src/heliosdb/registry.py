"""A registry: named values, each with the plugin that owns it, filled while a database opens and then frozen.

The rules that make plugins safe to combine:

* A key is registered once. A second registration is an error that names both owners; it never replaces silently.
* What one owner registered can be taken back as a whole, so that a plugin that fails half-way leaves nothing behind.
* ``freeze`` gives a plain dict and closes the registry. What is looked up while statements run is that dict; the
  registry itself is forgotten.

A registry belongs to one opening database. Nothing here is global.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from heliosdb.errors import DuplicateObject, InternalFailure

__all__ = ["LazyMapping", "Registry"]

Value = TypeVar("Value")


class Registry(Generic[Value]):
    """Values by key, in order of registration. ``kind`` is what errors call a value: ``"type"``, ``"setting"``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._values: dict[Hashable, Value] = {}
        self._owners: dict[Hashable, str] = {}
        self._frozen = False

    def add(self, key: Hashable, value: Value, owner: str) -> None:
        """Register a value; DuplicateObject, naming both owners, when the key is taken."""
        if self._frozen:
            raise InternalFailure(f"{self.kind} {_spelled(key)} was registered after the database had opened")
        if key in self._values:
            first = self._owners[key]
            raise DuplicateObject(
                f'{self.kind} {_spelled(key)} is registered by plugin "{first}" and by plugin "{owner}"',
                hint=f'Disable one of them, for example with HELIOSDB_DISABLE_PLUGINS="{owner}".',
            )
        self._values[key] = value
        self._owners[key] = owner

    def remove_owner(self, owner: str) -> None:
        """Take back everything that an owner registered."""
        for key in self.keys_of(owner):
            del self._values[key], self._owners[key]

    def keys_of(self, owner: str) -> tuple[Hashable, ...]:
        """Return the keys that an owner registered, in order."""
        return tuple(key for key, holder in self._owners.items() if holder == owner)

    def owner_of(self, key: Hashable) -> str | None:
        """Return the owner of a key, or None when it is not registered."""
        return self._owners.get(key)

    def freeze(self) -> dict[Hashable, Value]:
        """Close the registry and return its values by key."""
        self._frozen = True
        return self._values

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __getitem__(self, key: Hashable) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> Iterator[tuple[Hashable, Value]]:
        """Iterate over (key, value) in order of registration."""
        return iter(self._values.items())


class LazyMapping(Mapping[str, Any]):
    """Names to values that are made on first look-up: ``sources`` gives for each name what ``resolve`` turns into the
    value.

    Names can be listed, counted and tested without resolving any, so that opening a database imports only what is used.
    """

    __slots__ = ("_resolve", "_resolved", "_sources")

    def __init__(self, sources: Mapping[str, Any], resolve: Callable[[Any], Any]) -> None:
        self._sources = sources
        self._resolve = resolve
        self._resolved: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        try:
            return self._resolved[name]
        except KeyError:
            # Two threads may both resolve; the first result stays, so that both see the same object.
            return self._resolved.setdefault(name, self._resolve(self._sources[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources


def _spelled(key: Hashable) -> str:
    """Return a key as an error prints it: ``"semver"``, ``pg_catalog.lower(text)``."""
    if isinstance(key, tuple):
        *names, last = key
        if isinstance(last, tuple):
            # A routine or an operator: (schema, name, argument types).
            return f"{'.'.join(str(name) for name in names)}({', '.join(str(item) for item in last)})"
        return f'"{".".join(str(part) for part in key)}"'
    return f'"{key}"'
