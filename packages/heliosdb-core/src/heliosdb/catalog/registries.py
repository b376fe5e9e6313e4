"""Everything that plugins registered, frozen: what the binder, the planner, the code generator and the session look up.

A database builds one ``Registries`` while it opens and never changes it. Look-ups go session, catalog, then here, so that functions
created at run time come first. Every map is a plain dict; overloaded names map to tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

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


@frozen(kw_only=True)
class Setting:
    """A run-time parameter. ``kind``: "bool", "integer", "real", "string" or "enum" (``values``); numbers within ``minimum``..``maximum``.

    ``unit`` as PostgreSQL's ("kB", "ms", ...): texts such as '4MB' are converted to it. ``context``: "user" may be SET, "internal" only shown.
    ``check(value) -> value`` may normalise or raise InvalidParameterValue. ``reader`` names who reads it (tested: no setting
    without a reader). ``display(value) -> text`` where SHOW prints something else than the value.
    """

    name: str
    kind: str
    default: Any
    description: str
    reader: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    context: str = "user"
    check: Callable[[Any], Any] | str | None = None
    display: Callable[[Any], str] | str | None = None
    affects_plans: bool = False


@frozen(kw_only=True)
class CatalogView:
    """A virtual relation: ``rows(session) -> iterable of tuples`` (session is a SessionContext); ``columns`` are (name, type).

    ``callable_name`` True: it may also be called like a table function without arguments.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[..., Any] | str
    schema: str = "pg_catalog"
    description: str = ""
    callable_form: bool = True


@frozen(kw_only=True)
class Registries:
    """The frozen registries of one open database. ``owners`` maps (registry, key) to the plugin that registered it."""

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
    column_options: Mapping[str, Any] = field(factory=dict)
    relation_options: Mapping[str, Any] = field(factory=dict)
    relation_resolvers: tuple[Any, ...] = ()
    planner_rules: tuple[Any, ...] = ()
    physical_operators: Mapping[type, Any] = field(factory=dict)
    languages: Mapping[str, Any] = field(factory=dict)
    background_workers: Mapping[str, Any] = field(factory=dict)
    log_kinds: Mapping[str, Any] = field(factory=dict)
    database_methods: Mapping[str, Any] = field(factory=dict)
    commands: Mapping[str, Any] = field(factory=dict)
    meta_commands: Mapping[str, Any] = field(factory=dict)
    grammar: Any = None
    """The ``sql.parser`` grammar with the plugins' statements and clauses."""
    owners: Mapping[tuple[str, Any], str] = field(factory=dict)
