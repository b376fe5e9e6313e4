"""Everything that plugins registered, frozen: what the binder, the planner, the code generator and the session look up.

A database builds one ``Registries`` while it opens and never changes it. Look-ups go session, catalog, then here, so
that functions created at run time come first. Every map is a plain dict; overloaded names map to tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen
from attrs.validators import in_

from heliosdb.value import Shown

if TYPE_CHECKING:
    from heliosdb.types.definitions import (
        Aggregate,
        Cast,
        Collation,
        Operator,
        OperatorClass,
        ScalarFunction,
        TableFunction,
        TypeLookup,
        WindowFunction,
    )

    AnyFunction = ScalarFunction | Aggregate | WindowFunction | TableFunction


@frozen(kw_only=True, eq=False, repr=False)
class Setting(Shown):
    """A run-time parameter. ``kind``: "bool", "integer", "real", "string" or "enum" (``values``); numbers within
    ``minimum``..``maximum``.

    ``unit`` as PostgreSQL's ("kB", "ms", ...): texts such as '4MB' are converted to it. ``context``: "user" may be
    SET, "internal" only shown. ``check(value, current) -> value`` may normalise or raise InvalidParameterValue;
    ``permit(session, name, value)`` may refuse who asks: what SET gives, and a session that is opened with a value.
    ``reader`` is the import string of what reads the setting (tested: no setting without a reader). ``display(value)
    -> text`` where SHOW prints something else than the value. ``list_of``: "identifiers" or "words" where SET takes
    several values.

    ``read(session) -> value`` and ``write(session, value)`` are for a setting that is another name of something that
    the session has elsewhere. Then SET does what ``write`` does, at once and for good: ROLLBACK does not undo it, SET
    LOCAL is refused, and there is no value for a whole database. A session that is opened with a value, and RESET,
    ``write`` as well, and so do RESET ALL and DISCARD ALL where ``read`` no longer gives what the session began with.
    """

    name: str
    kind: str = field(validator=in_(("bool", "integer", "real", "string", "enum")))
    default: Any
    description: str
    reader: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    context: str = field(default="user", validator=in_(("user", "internal")))
    check: Callable[[Any, Any], Any] | str | None = None
    permit: Callable[[Any, str, Any], None] | str | None = None
    display: Callable[[Any], str] | str | None = None
    affects_plans: bool = False
    list_of: str | None = field(default=None, validator=in_((None, "identifiers", "words")))
    read: Callable[[Any], Any] | str | None = None
    write: Callable[[Any, Any], None] | str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse half of a setting that is kept elsewhere."""
        if (self.read is None) != (self.write is None):
            raise ValueError(f"setting {self.name!r} must have both read and write, or none of them")


@frozen(kw_only=True, eq=False, repr=False)
class CatalogView(Shown):
    """A virtual relation: ``rows(session) -> iterable of tuples`` (session is a SessionContext); ``columns`` are
    (name, type).

    ``callable_form`` True: it may also be called like a table function without arguments. ``superuser``: it shows what
    is for superusers only; to others it is refused (42501).
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[..., Any] | str
    schema: str = "pg_catalog"
    description: str = ""
    callable_form: bool = True
    superuser: bool = False
    typmods: Mapping[str, int] = field(factory=dict)
    """Type modifiers of columns that have one."""


@frozen(kw_only=True, eq=False, repr=False)
class PluginStatus(Shown):
    """What became of one plugin; a row of ``heliosdb_plugins``.

    ``status``: "active"; "disabled" (installed, but a list says no); "failed" (``error`` says why; nothing of it is
    registered); "missing" (asked for, but not installed). ``registered`` are (registry, spelled key) pairs.
    """

    name: str
    package: str | None
    version: str | None
    status: str
    error: str | None = None
    listing: Callable[[], tuple[tuple[str, str], ...]] = field(default=tuple, eq=False, repr=False)

    @property
    def registered(self) -> tuple[tuple[str, str], ...]:
        """What the plugin registered; made when it is asked for, because nobody asks when a database opens."""
        return self.listing()


@frozen(kw_only=True, eq=False, repr=False)
class Registries(Shown):
    """The frozen registries of one open database.

    ``owners`` maps (registry, key) to the plugin that registered it: ("types", "semver"), ("access_methods",
    "trigram"), ("functions", (schema, name, argument types)). ``plugins`` has a row for each plugin, whatever became
    of it.
    """

    types: TypeLookup
    functions: Mapping[str, tuple[AnyFunction, ...]]
    operators: Mapping[str, tuple[Operator, ...]]
    casts: Mapping[tuple[str, str], Cast]
    operator_classes: Mapping[tuple[str, str], tuple[OperatorClass, ...]]
    """By (access method, type name)."""
    collations: Mapping[str, Collation]
    settings: Mapping[str, Setting]
    catalog_views: Mapping[tuple[str, str], CatalogView]
    """By (schema, name)."""
    access_methods: Mapping[str, Any]
    statements: Mapping[str, Any]
    """Executors of statements: by statement node class name, or by the name of a plugin's ExtensionStatement."""
    clauses: Mapping[str, Any]
    extension_statements: Mapping[str, Any] = field(factory=dict)
    """The ``Statement`` registrations that plugins' grammar claims, by name."""
    column_options: Mapping[str, Any] = field(factory=dict)
    relation_options: Mapping[str, Any] = field(factory=dict)
    stored_forms: Mapping[str, Any] = field(factory=dict)
    relation_resolvers: tuple[Any, ...] = ()
    planner_rules: tuple[Any, ...] = ()
    physical_operators: Mapping[type, Any] = field(factory=dict)
    background_workers: Mapping[str, Any] = field(factory=dict)
    database_methods: Mapping[str, Any] = field(factory=dict)
    commands: Mapping[str, Any] = field(factory=dict)
    meta_commands: Mapping[str, Any] = field(factory=dict)
    demos: Mapping[str, Any] = field(factory=dict)
    make_grammar: Callable[[], Any] = field(default=lambda: None, repr=False)
    owners: Mapping[tuple[str, Any], str] = field(factory=dict)
    plugins: tuple[PluginStatus, ...] = ()
    lifecycle: Mapping[str, tuple[Callable[..., Any], ...]] = field(factory=dict)
    """Lifecycle and first-result hooks as plain functions that take the hook's arguments by position, in order of
    call."""
    extra: Mapping[str, tuple[Any, ...]] = field(factory=dict)
    """What was registered through hooks that plugins declare themselves."""

    @cached_property
    def grammar(self) -> Any:
        """The ``sql.parser`` grammar with the plugins' statements and clauses; the parser is imported when it is first
        needed, which is not when a database opens."""
        return self.make_grammar()

    def with_types(self, types: TypeLookup) -> Registries:
        """Return these registries with the types of a catalog state on top; the grammar stays one."""
        return evolve(self, types=types, make_grammar=lambda: self.grammar)

    def package_of(self, registry: str, key: Any) -> str | None:
        """Return the package whose plugin registered something, or None where nobody did or it is the core's."""
        owner = self.owners.get((registry, key))
        for plugin in self.plugins:
            if plugin.name == owner:
                return None if plugin.name == "core" else plugin.package or plugin.name
        return None

    def first_result(self, hook: str, *arguments: Any) -> Any:
        """Ask the plugins that implement a first-result hook in order; return the first answer that is not None."""
        for function in self.lifecycle.get(hook, ()):
            answer = function(*arguments)
            if answer is not None:
                return answer
        return None
