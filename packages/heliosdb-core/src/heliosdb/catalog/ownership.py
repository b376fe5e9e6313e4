"""Which packages a stored object needs: a relation remembers those whose plugins gave types to its columns, an index
the one of its access method.

A database opens without them. What cannot be understood is refused when it is touched, by an error that says what to
install; dropping it works, and so does everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import FeatureNotSupported

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.catalog.registries import Registries

__all__ = ["packages_of", "require_access_methods", "require_types"]


def packages_of(relation: Relation, registries: Registries) -> str | None:
    """Return the packages that gave types to a relation's columns, separated by commas, or None where the core did."""
    packages: set[str] = set()
    for column in relation.columns:
        if not column.dropped:
            for name in (column.type, column.type.removeprefix("_")):
                package = registries.package_of("types", name)
                if package is not None:
                    packages.add(package)
    return ", ".join(sorted(packages)) or None


def require_types(relation: Relation, registries: Registries) -> None:
    """Raise FeatureNotSupported for a relation with a column whose type nobody registered."""
    if relation.owner_package is None:
        return
    types = registries.types
    for column in relation.columns:
        if not column.dropped and types.find(column.type) is None:
            raise FeatureNotSupported(
                f'type "{column.type}" of column "{column.name}" of relation "{relation.name}" needs package '
                f"{relation.owner_package}, which is not installed",
                hint=f"pip install {relation.owner_package.replace(',', '')}",
            )


def require_access_methods(relation: Relation, registries: Registries) -> None:
    """Raise FeatureNotSupported for a relation with an index that nobody here can maintain: its rows cannot be
    changed."""
    for index in relation.indexes:
        if index.method not in registries.access_methods:
            package = index.owner_package or f"with access method {index.method}"
            raise FeatureNotSupported(
                f'index "{index.name}" of relation "{relation.name}" needs package {package}, which is not installed',
                hint=f"pip install {package}, or drop the index." if index.owner_package else "Drop the index.",
            )
