"""The hook implementations. Nothing here computes: opening a database imports no NumPy."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import (
    AccessMethodFactory,
    Aggregate,
    Cast,
    CatalogView,
    DatabaseMethod,
    Demo,
    Opening,
    Operator,
    OperatorClass,
    ScalarFunction,
    Setting,
    Type,
)
from heliosdb_vector import definitions
from heliosdb_vector.index import registrations
from heliosdb_vector.opening import configure


@hookimpl
def register_types() -> list[Type]:
    """``vector``, ``halfvec``, ``sparsevec``."""
    return list(definitions.types())


@hookimpl
def register_casts() -> list[Cast]:
    """Among them, from arrays and to arrays."""
    return list(definitions.casts())


@hookimpl
def register_functions() -> list[ScalarFunction | Aggregate]:
    """Comparisons, distances, arithmetic; ``sum`` and ``avg``."""
    return [*definitions.functions(), *definitions.aggregates(), *registrations.functions()]


@hookimpl
def register_operators() -> list[Operator]:
    """Comparisons, distances, arithmetic."""
    return list(definitions.operators())


@hookimpl
def register_operator_classes() -> list[OperatorClass]:
    """How the types are sorted, grouped and indexed."""
    return [*definitions.operator_classes(), *registrations.operator_classes()]


@hookimpl
def register_access_methods() -> list[AccessMethodFactory]:
    """``CREATE INDEX ... USING hnsw`` and ``ivf``."""
    return list(registrations.access_methods())


@hookimpl
def register_settings() -> list[Setting]:
    """How much effort searches are worth."""
    return list(registrations.settings())


@hookimpl
def register_catalog_views() -> list[CatalogView]:
    """``pg_vector_index_stats``."""
    return list(registrations.catalog_views())


@hookimpl
def register_database_methods() -> list[DatabaseMethod]:
    """``db.create_vector_index`` and ``db.vector_search``."""
    return list(registrations.database_methods())


@hookimpl
def database_opening(opening: Opening) -> None:
    """What the configuration says of vectors."""
    configure(opening)


@hookimpl
def register_demos() -> list[Demo]:
    """Questions that a text answers."""
    return [Demo(name="vectors", title="Vectors: search by meaning", run="heliosdb_vector.demo:show")]
