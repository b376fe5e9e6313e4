"""The hook implementations. Nothing here computes: opening a database imports no NumPy."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import Aggregate, Cast, Operator, OperatorClass, ScalarFunction, Type
from heliosdb_vector import definitions


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
    return [*definitions.functions(), *definitions.aggregates()]


@hookimpl
def register_operators() -> list[Operator]:
    """Comparisons, distances, arithmetic."""
    return list(definitions.operators())


@hookimpl
def register_operator_classes() -> list[OperatorClass]:
    """How the types are sorted, grouped and indexed by btree and hash."""
    return list(definitions.operator_classes())
