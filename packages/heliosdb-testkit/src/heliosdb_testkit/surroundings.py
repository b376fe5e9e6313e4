"""What the suites need around the thing under test: the frozen registries of core and plugin, and a session at rest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from heliosdb.errors import UndefinedObject
from heliosdb.spi import Registries, TypeLookup, load_plugins

__all__ = ["RestingSession", "registries_of"]


@lru_cache(maxsize=32)
def registries_of(plugin: Any = None) -> Registries:
    """Return the registries of the core and one plugin (its name, an import string or the object); None: the core
    alone.

    Loading is strict: whatever is wrong with the plugin is raised here.
    """
    return load_plugins([] if plugin is None else [plugin], strict=True).freeze()


class RestingSession:
    """A session in which nothing ever ran: every setting has its default, and there is no relation.

    It is what implementations that declare ``needs_session`` get from suites that need no database.
    """

    transaction_timestamp = 0
    statement_timestamp = 0
    user = "helios"
    session_user = "helios"
    role = 10

    def __init__(self, registries: Registries, **settings: Any) -> None:
        self.registries = registries
        self._settings = {name: setting.default for name, setting in registries.settings.items()} | settings

    def setting(self, name: str) -> Any:
        """Return the default, or what the constructor was given."""
        try:
            return self._settings[name.lower()]
        except KeyError:
            raise UndefinedObject(f'unrecognized configuration parameter "{name}"') from None

    def set_setting(self, name: str, text: str, *, local: bool = False) -> str:
        """Refuse: a resting session does not change."""
        raise NotImplementedError("a resting session has no SET")

    def notice(self, message: str, *, severity: str = "NOTICE", sqlstate: str = "00000") -> None:
        """Drop the notice."""

    def relation_oid(self, name: str) -> int | None:
        """There is none."""
        return None

    def relation_name(self, oid: int) -> str | None:
        """There is none."""
        return None

    @property
    def types(self) -> TypeLookup:
        """The registries' types."""
        return self.registries.types

    @property
    def catalog(self) -> Any:
        """An empty catalog: it has no relations."""
        return _EmptyCatalog()


class _EmptyCatalog:
    """A catalog without objects."""

    def relations(self) -> Iterator[Any]:
        """Iterate over nothing."""
        return iter(())
