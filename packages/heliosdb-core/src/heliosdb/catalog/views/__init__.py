"""The system views: pg_catalog and information_schema, computed from the catalog, the registries and the sessions.

Nothing is stored for them. Each module has its views in ``CATALOG_VIEWS``; the columns are PostgreSQL 15's, in
``columns``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.catalog.views import absent, lists, relations, roles, standard, statistics, types

if TYPE_CHECKING:
    from heliosdb.catalog.registries import CatalogView

__all__ = ["VIEWS"]

VIEWS: tuple[CatalogView, ...] = (
    *relations.CATALOG_VIEWS,
    *types.CATALOG_VIEWS,
    *lists.CATALOG_VIEWS,
    *absent.CATALOG_VIEWS,
    *roles.CATALOG_VIEWS,
    *statistics.CATALOG_VIEWS,
    *standard.CATALOG_VIEWS,
)
