"""What the system views share: rows by column name, OIDs of what has none of its own, and facts about types.

Functions, operators, operator classes and casts live in the registries and have no OIDs there; they get one from
their name, as types of plugins do, so that it is the same in every process. System catalogs and views have
PostgreSQL's OIDs where it assigns one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from heliosdb.catalog.definitions import OWNER, ColumnDefinition, Relation
from heliosdb.catalog.registries import CatalogView
from heliosdb.catalog.views.columns import INFORMATION_SCHEMA, PG_CATALOG, YES_OR_NO, parse_columns
from heliosdb.types.definitions import Type, resolve_implementation
from heliosdb.types.object_names import function_oid
from heliosdb.types.registry import stable_oid

__all__ = [
    "CATALOG_OIDS",
    "DATABASE_OID",
    "OWNER",
    "ROW_TYPES",
    "catalog_view",
    "collation_oid",
    "describe",
    "function_oid",
    "information_schema_view",
    "no_rows",
    "owner_name",
    "row_maker",
    "schema_oid",
    "storage_of",
    "system_relation_name",
    "system_relation_oid",
    "system_relations",
    "type_oid",
]

DATABASE_OID = 5
"""OID of the one database."""

Row = tuple[Any, ...]

ROW_TYPES = 1 << 29
"""The row type of a relation has the relation's OID plus this."""

CATALOG_OIDS = {
    "pg_aggregate": 2600, "pg_am": 2601, "pg_amop": 2602, "pg_amproc": 2603, "pg_attrdef": 2604, "pg_attribute": 1249,
    "pg_auth_members": 1261, "pg_authid": 1260, "pg_cast": 2605, "pg_class": 1259, "pg_collation": 3456,
    "pg_constraint": 2606, "pg_conversion": 2607, "pg_database": 1262, "pg_default_acl": 826, "pg_depend": 2608,
    "pg_description": 2609, "pg_enum": 3501, "pg_event_trigger": 3466, "pg_extension": 3079,
    "pg_foreign_data_wrapper": 2328, "pg_foreign_server": 1417, "pg_foreign_table": 3118, "pg_index": 2610,
    "pg_inherits": 2611, "pg_language": 2612, "pg_namespace": 2615, "pg_opclass": 2616, "pg_operator": 2617,
    "pg_opfamily": 2753, "pg_partitioned_table": 3350, "pg_policy": 3256, "pg_proc": 1255, "pg_publication": 6104,
    "pg_db_role_setting": 2964, "pg_publication_namespace": 6237,
    "pg_publication_rel": 6106, "pg_range": 3541, "pg_rewrite": 2618, "pg_seclabel": 3596, "pg_sequence": 2224,
    "pg_shdescription": 2396, "pg_statistic_ext": 3381, "pg_subscription": 6100, "pg_tablespace": 1213,
    "pg_trigger": 2620, "pg_ts_config": 3602, "pg_type": 1247, "pg_user_mapping": 1418, "pg_init_privs": 3394,
    "pg_largeobject_metadata": 2995, "pg_shdepend": 1214, "pg_shseclabel": 3592, "pg_subscription_rel": 6102,
    "pg_transform": 3576, "pg_ts_config_map": 3603, "pg_ts_dict": 3600, "pg_ts_parser": 3601, "pg_ts_template": 3764,
}  # fmt: skip

_FIRST_VIEW_OID = 12000
_LAST_SYSTEM_OID = 16384

ALIGNMENT = {1: "c", 2: "s", 4: "i", 8: "d"}
DOUBLE_ALIGNED = frozenset({"interval", "timetz"})
CHAR_ALIGNED = frozenset({"uuid", "name"})


def row_maker(columns: str) -> Callable[..., Row]:
    """Return the function that makes a view's row of named values; what is not given is NULL."""
    places = {name: place for place, (name, _) in enumerate(parse_columns(columns))}
    width = len(places)

    def make(**values: Any) -> Row:
        row: list[Any] = [None] * width
        for name, value in values.items():
            row[places[name]] = value
        return tuple(row)

    return make


def catalog_view(name: str, rows: Callable[..., Any], description: str) -> CatalogView:
    """Return a view of pg_catalog with PostgreSQL's columns."""
    return CatalogView(name=name, columns=parse_columns(PG_CATALOG[name]), rows=rows, description=description)


def information_schema_view(name: str, rows: Callable[..., Any], description: str) -> CatalogView:
    """Return a view of information_schema with PostgreSQL's columns."""
    columns = parse_columns(INFORMATION_SCHEMA[name])
    return CatalogView(
        name=name,
        columns=columns,
        rows=rows,
        schema="information_schema",
        description=description,
        typmods={column: 7 for column, _ in columns if column in YES_OR_NO},
    )


def no_rows(session: Any) -> Iterator[Row]:
    """The rows of a catalog of things that do not exist here."""
    return iter(())


def describe(name: str) -> Callable[..., Any]:
    """Return a function that writes definitions as SQL; ``heliosdb.commands.describe`` stands above this layer."""
    return resolve_implementation(f"heliosdb.commands.describe:{name}")


def schema_oid(session: Any, name: str) -> int:
    """Return a schema's OID; temporary schemas, which have no row, get one from their name."""
    found = session.catalog.schema(name)
    return stable_oid(name) if found is None else found.oid


def owner_name(session: Any, oid: int) -> str:
    """Return a role's name, as ``pg_get_userbyid`` does."""
    found = session.catalog.role_by_oid(oid)
    return f"unknown (OID={oid})" if found is None else str(found.name)


def type_oid(session: Any, name: str) -> int:
    """Return a type's OID, 0 where a plugin that is not installed gave it."""
    found = session.types.find(name)
    return 0 if found is None else found.oid


def collation_oid(session: Any, column: ColumnDefinition) -> int:
    """Return the OID of a column's collation: 0 for types that have none, 100 for the default."""
    if column.collation is not None:
        found = session.registries.collations.get(column.collation)
        return stable_oid(column.collation) if found is None or found.oid is None else found.oid
    found = session.types.find(column.type)
    if found is None or not found.collatable:
        return 0
    return 950 if found.name == "name" else 100


def storage_of(type_: Type) -> tuple[int, bool, str, str]:
    """Return (length, by value, alignment, storage) of a type, as pg_type has them."""
    length = type_.length
    if length in ALIGNMENT:
        return length, True, ALIGNMENT[length], "p"
    if length > 0:
        alignment = "d" if type_.name in DOUBLE_ALIGNED else "c" if type_.name in CHAR_ALIGNED else "s"
        return length, False, alignment, "p"
    storage = (
        "m" if type_.name == "numeric" else "p" if type_.kind == "pseudo" or type_.name.endswith("vector") else "x"
    )
    double = type_.kind == "array" and type_.element in (
        "int8",
        "float8",
        "timestamp",
        "timestamptz",
        "time",
        "interval",
    )
    return -1, False, "d" if double else "i", storage


def system_relations(session: Any) -> Iterator[tuple[int, CatalogView]]:
    """Yield (OID, view) for each system catalog and view."""
    number = _FIRST_VIEW_OID
    for key in sorted(session.registries.catalog_views):
        view: CatalogView = session.registries.catalog_views[key]
        known = CATALOG_OIDS.get(view.name) if view.schema == "pg_catalog" else None
        if known is None:
            number += 1
            known = number
        yield known, view


def system_relation_oid(session: Any, schema: str, name: str) -> int | None:
    """Return the OID of a system catalog or view, or None."""
    return next((oid for oid, view in system_relations(session) if (view.schema, view.name) == (schema, name)), None)


def system_relation_name(session: Any, oid: int) -> str | None:
    """Return the name of a system catalog or view, qualified where search_path does not find it, or None."""
    if oid >= _LAST_SYSTEM_OID:
        return None
    for number, view in system_relations(session):
        if number == oid:
            return view.name if view.schema in ("pg_catalog", *session.search_path) else f"{view.schema}.{view.name}"
    return None


def live_columns(relation: Relation) -> list[ColumnDefinition]:
    """Return the columns that are not dropped."""
    return [column for column in relation.columns if not column.dropped]
