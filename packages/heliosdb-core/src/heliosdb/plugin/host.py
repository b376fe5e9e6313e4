"""The host: finds plugins, loads each in isolation, collects what they register and freezes it.

    entry points, explicit list ──► candidates ──► allow and deny lists ──► version range ──► import
        ──► pluggy (arguments of hooks, misspelt hooks) ──► registration hooks ──► references checked ──► freeze

At each arrow a plugin may fall out; it then has a row in ``heliosdb_plugins`` that says why, nothing of it stays
registered, and the others load as if it were not installed. With ``strict`` the first failure is raised instead. The
core is a plugin like the others, except that its failure is always raised.

This is the only module that imports pluggy. pluggy validates the implementations and keeps their order; its hook
calls cost a microsecond each and are used only here, while a database opens. What remains after ``freeze`` are dicts,
tuples and plain functions (``Registries.lifecycle``).

Candidates come in order of name, so that the same plugins always load in the same order; the core is first.

* ``explicit`` None: the installed plugins (entry-point group ``heliosdb``). ``HELIOSDB_PLUGINS`` names the only ones
  to load (empty: none), ``HELIOSDB_DISABLE_PLUGINS`` those not to load; both are comma-separated, and the deny-list
  wins.
* ``explicit`` given: exactly these and the environment is not asked. Each is the name of an installed plugin, an
  import string ``"package.module"`` or ``"package.module:attribute"``, or the plugin object itself. One that cannot
  be found is an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import pluggy
from attrs import define, frozen

from heliosdb.catalog.registries import PluginStatus, Registries
from heliosdb.errors import (
    DuplicateObject,
    Error,
    HostSystemError,
    InterfaceError,
    InvalidObjectDefinition,
    UndefinedObject,
)
from heliosdb.plugin.collect import CORE, Collector
from heliosdb.plugin.discovery import EntryPoint, installed_plugins
from heliosdb.plugin.requirements import InvalidSpecifier, requirement_on, satisfies

__all__ = ["Host", "PluginStatus", "first_result_hook", "hookimpl", "hookspec", "load_plugins"]

PROJECT = "heliosdb"
CORE_PACKAGE = "heliosdb-core"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
first_result_hook = pluggy.HookspecMarker(PROJECT)(firstresult=True)


@frozen
class Candidate:
    """A plugin that might be loaded: its name and where it comes from."""

    name: str
    load: Callable[[], Any]
    package: str | None = None
    version: str | None = None
    requirement: str | None = None


@define
class Loaded:
    """A candidate and what became of it."""

    candidate: Candidate
    status: str
    plugin: Any = None
    error: Exception | None = None


class Host:
    """Plugins that have been loaded, before their registrations are frozen."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._manager = pluggy.PluginManager(PROJECT)
        self._collector = Collector()
        self._loaded: list[Loaded] = []
        self._manager.add_hookspecs(import_module("heliosdb.plugin.hookspecs"))

    # -- loading ---------------------------------------------------------------------------------------------------

    def load(self, candidates: Iterable[Candidate], disabled: Iterable[Candidate], missing: Iterable[str]) -> None:
        """Load the core and the candidates, and note those that are not to be loaded."""
        core = Candidate(CORE, lambda: import_module("heliosdb.plugin.core"), CORE_PACKAGE, core_version())
        self._loaded += [Loaded(candidate, "disabled") for candidate in disabled]
        for name in missing:
            self._fell_out(Candidate(name, _nothing), UndefinedObject(f'plugin "{name}" is not installed'), "missing")
        accepted = [core]
        for candidate in candidates:
            holder = next((other for other in accepted if other.name == candidate.name), None)
            if holder is not None:
                self._fell_out(candidate, _same_name(holder, candidate))
            else:
                accepted.append(candidate)
        for candidate in accepted:
            self._attempt(candidate, self._import)
        # Hook specifications of plugins' own come before any implementation, whichever plugin declares them.
        for loaded in self._active():
            self._attempt_loaded(loaded, self._declare_hooks)
        for loaded in self._active():
            self._attempt_loaded(loaded, self._register)
        self._check_references()

    def _import(self, candidate: Candidate) -> None:
        if candidate.requirement is not None:
            check_requirement(candidate, core_version())
        self._loaded.append(Loaded(candidate, "active", candidate.load()))

    def _declare_hooks(self, loaded: Loaded) -> None:
        specifications = getattr(loaded.plugin, "hookspecs", None)
        if isinstance(specifications, str):
            specifications = import_module(specifications)
        if specifications is not None:
            self._manager.add_hookspecs(specifications)

    def _register(self, loaded: Loaded) -> None:
        name, plugin = loaded.candidate.name, loaded.plugin
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise InvalidObjectDefinition(str(error), hint=self._similar_hook(plugin)) from None
        for caller in self._manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not plugin:
                    continue
                if implementation.hookwrapper or implementation.wrapper:
                    raise InvalidObjectDefinition(f"{caller.name} is a hook wrapper, which is not supported")
                if caller.name.startswith("register_"):
                    values: Any = implementation.function()
                    self._collector.add(caller.name, values, name)

    def _similar_hook(self, plugin: Any) -> str | None:
        from difflib import get_close_matches

        known = {name for name in dir(self._manager.hook) if not name.startswith("_")}
        known = {name for name in known if getattr(self._manager.hook, name).spec is not None}
        for caller in self._manager.get_hookcallers(plugin) or ():
            if caller.spec is None:
                similar = get_close_matches(caller.name, sorted(known), 1)
                if similar:
                    return f"Perhaps the hook {similar[0]} was meant."
        return None

    def _check_references(self) -> None:
        # A plugin taken back may leave another without something that it names: repeat until all that is left holds up.
        settled = False
        while not settled:
            settled = True
            for loaded in self._active():
                if loaded.candidate.name != CORE:
                    self._attempt_loaded(loaded, lambda loaded: self._collector.check(loaded.candidate.name))
                    settled = settled and loaded.status == "active"

    def _active(self) -> list[Loaded]:
        return [loaded for loaded in self._loaded if loaded.status == "active"]

    # -- isolation -------------------------------------------------------------------------------------------------

    def _attempt(self, candidate: Candidate, step: Callable[[Candidate], None]) -> None:
        try:
            step(candidate)
        except Exception as error:  # noqa: BLE001 - the plugin boundary: whatever a plugin does wrong stays its own
            self._fell_out(candidate, error)

    def _attempt_loaded(self, loaded: Loaded, step: Callable[[Loaded], None]) -> None:
        try:
            step(loaded)
        except Exception as error:  # noqa: BLE001 - as above
            self._loaded.remove(loaded)
            self._collector.remove(loaded.candidate.name)
            if self._manager.is_registered(loaded.plugin):
                self._manager.unregister(loaded.plugin)
            self._fell_out(loaded.candidate, error)
            loaded.status = "failed"

    def _fell_out(self, candidate: Candidate, error: Exception, status: str = "failed") -> None:
        if self._strict or candidate.name == CORE:
            raise _spelled_out(candidate, error) from error
        self._loaded.append(Loaded(candidate, status, error=error))

    # -- the result ------------------------------------------------------------------------------------------------

    @property
    def plugins(self) -> tuple[PluginStatus, ...]:
        """What became of each plugin: the core first, then by name."""
        rows = [
            PluginStatus(
                name=loaded.candidate.name,
                package=loaded.candidate.package,
                version=loaded.candidate.version,
                status=loaded.status,
                error=None if loaded.error is None else _described(loaded.error),
                listing=self._listing(loaded),
            )
            for loaded in self._loaded
        ]
        return tuple(
            sorted(rows, key=lambda row: (row.name != CORE, row.name, row.status != "active", row.package or ""))
        )

    def _listing(self, loaded: Loaded) -> Callable[[], tuple[tuple[str, str], ...]]:
        if loaded.status != "active":
            return tuple
        return lambda: self._collector.registered_by(loaded.candidate.name)

    def freeze(self) -> Registries:
        """Close the registries and return them; the host has nothing more to do."""
        return self._collector.freeze(self.plugins, self._lifecycle())

    def _lifecycle(self) -> Mapping[str, tuple[Callable[..., Any], ...]]:
        order = {id(loaded.plugin): position for position, loaded in enumerate(self._active())}
        functions: dict[str, list[tuple[int, Callable[..., Any]]]] = {}
        for loaded in self._active():
            for caller in self._manager.get_hookcallers(loaded.plugin) or ():
                if caller.name.startswith("register_") or caller.spec is None:
                    continue
                for implementation in caller.get_hookimpls():
                    if implementation.plugin is loaded.plugin:
                        function = positional(implementation.function, implementation.argnames, caller.spec.argnames)
                        functions.setdefault(caller.name, []).append((order[id(loaded.plugin)], function))
        return {name: tuple(function for _, function in sorted(found, key=_first)) for name, found in functions.items()}


def load_plugins(
    explicit: Sequence[Any] | None = None,
    *,
    strict: bool = False,
    environment: Mapping[str, str] | None = None,
    installed: Sequence[EntryPoint] | None = None,
) -> Host:
    """Load the core and the plugins, and return the host that holds their registrations.

    ``explicit``, ``environment`` (default ``os.environ``): see the module. ``installed`` stands in for the entry
    points of the running interpreter. With ``strict`` whatever is wrong with a plugin is raised.
    """
    host = Host(strict=strict)
    if isinstance(explicit, str):
        raise InterfaceError("plugins must be a sequence of plugins, not a str", hint=f'Write ["{explicit}"].')
    if explicit is not None:
        host.load([_explicit_candidate(plugin, installed) for plugin in explicit], (), ())
        return host
    environment = os.environ if environment is None else environment
    candidates = [_candidate_of(entry) for entry in (installed_plugins() if installed is None else installed)]
    allowed = _listed(environment.get("HELIOSDB_PLUGINS"))
    denied = _listed(environment.get("HELIOSDB_DISABLE_PLUGINS")) or frozenset()
    chosen = [c for c in candidates if c.name not in denied and (allowed is None or c.name in allowed)]
    disabled = [candidate for candidate in candidates if candidate not in chosen]
    missing = sorted((allowed or frozenset()) - denied - {candidate.name for candidate in candidates} - {CORE})
    host.load(chosen, disabled, missing)
    return host


def core_version() -> str:
    """Return the version that plugins' ranges are checked against."""
    return str(import_module("heliosdb").__version__)


def check_requirement(candidate: Candidate, version: str) -> None:
    """Check the range that a plugin's distribution states for the core; InvalidObjectDefinition outside it."""
    assert candidate.requirement is not None
    try:
        met = satisfies(version, candidate.requirement)
    except InvalidSpecifier as error:
        raise InvalidObjectDefinition(
            f"{candidate.package} {candidate.version} requires {CORE_PACKAGE} {error}"
        ) from None
    if not met:
        raise InvalidObjectDefinition(
            f"{candidate.package} {candidate.version} requires {CORE_PACKAGE} {candidate.requirement}, "
            f"but {version} is installed",
            hint=f"Install a version of {candidate.package} that fits, or upgrade {CORE_PACKAGE}.",
        )


def positional(function: Callable[..., Any], takes: Sequence[str], given: Sequence[str]) -> Callable[..., Any]:
    """Return a function of all of a hook's arguments by position, from an implementation that takes some of them by
    name."""
    if tuple(takes) == tuple(given):
        return function
    chosen = [given.index(name) for name in takes]

    def adapted(*arguments: Any) -> Any:
        return function(*(arguments[index] for index in chosen))

    return adapted


def _candidate_of(entry: EntryPoint) -> Candidate:
    requirement = requirement_on(CORE_PACKAGE, list(entry.requirements))
    return Candidate(entry.name, lambda: import_plugin(entry.value), entry.package, entry.version, requirement)


def _explicit_candidate(plugin: Any, installed: Sequence[EntryPoint] | None) -> Candidate:
    if not isinstance(plugin, str):
        name = getattr(plugin, "plugin_name", None) or getattr(plugin, "__name__", None) or type(plugin).__name__
        version = getattr(plugin, "__version__", None)
        return Candidate(str(name), lambda: plugin, None, None if version is None else str(version))
    for entry in installed_plugins() if installed is None else installed:
        if entry.name == plugin:
            return _candidate_of(entry)
    if "." in plugin or ":" in plugin:
        return Candidate(plugin, lambda: import_plugin(plugin))
    raise UndefinedObject(f'plugin "{plugin}" is not installed', hint="heliosdb plugins lists the installed plugins.")


def import_plugin(value: str) -> Any:
    """Import what an entry point names: ``"package.module"`` or ``"package.module:attribute"``."""
    module, _, attribute = value.partition(":")
    plugin: Any = import_module(module)
    for part in attribute.split(".") if attribute else ():
        plugin = getattr(plugin, part)
    return plugin


def _listed(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(name.strip() for name in text.split(",") if name.strip())


def _same_name(first: Candidate, second: Candidate) -> Error:
    providers = [candidate.package or candidate.name for candidate in (first, second)]
    return DuplicateObject(
        f'plugin "{second.name}" is provided by package {providers[0]} and by package {providers[1]}',
        hint="Uninstall one of the packages.",
    )


def _described(error: Exception) -> str:
    if not isinstance(error, Error):
        return f"{type(error).__name__}: {error}"
    return f"{error}. {error.hint}" if error.hint else str(error)


def _spelled_out(candidate: Candidate, error: Exception) -> Error:
    if isinstance(error, Error):
        return error
    return HostSystemError(f'plugin "{candidate.name}" could not be loaded: {_described(error)}')


def _nothing() -> None:
    return None


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]
