"""What clients ask that is of no other use here.

Most of it is about objects that do not exist: partitions, triggers, text search, extended statistics. The answers are
PostgreSQL's for objects that are not there: NULL, or no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from heliosdb.catalog.functions import stable
from heliosdb.errors import NullValueNotAllowed
from heliosdb.types.definitions import ScalarFunction, TableFunction, Volatility

__all__ = ["FUNCTIONS", "TABLE_FUNCTIONS"]


def absent(*arguments: Any) -> None:
    """Return NULL: no object has the number."""


def no_relations(relation: int) -> Iterator[Any]:
    """Return no rows: a table without partitions has none to show, not even itself."""
    return iter(())


def pg_options_to_table(options: Sequence[str | None]) -> Iterator[tuple[str, str | None]]:
    """Yield options of the form ``name=value`` as (name, value)."""
    for option in options:
        if option is None:
            raise NullValueNotAllowed("null array element not allowed in this context")
        name, equals, value = option.partition("=")
        yield name, value if equals else None


def numbered(array: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    """Yield the elements of an array with their numbers, as the views of information_schema need them."""
    return zip(array, count(1))


FUNCTIONS: tuple[ScalarFunction, ...] = (
    stable("pg_partition_root", ("regclass",), "regclass", absent),
    stable("pg_get_partkeydef", ("oid",), "text", absent),
    stable("pg_get_partition_constraintdef", ("oid",), "text", absent),
    stable("pg_get_triggerdef", ("oid",), "text", absent),
    stable("pg_get_triggerdef", ("oid", "bool"), "text", absent),
    stable("pg_get_function_arg_default", ("oid", "int4"), "text", absent),
    stable("pg_get_statisticsobjdef", ("oid",), "text", absent),
    stable("pg_get_statisticsobjdef_expressions", ("oid",), "_text", absent),
    stable("pg_statistics_obj_is_visible", ("oid",), "bool", absent),
    stable("pg_ts_config_is_visible", ("oid",), "bool", absent),
    stable("pg_ts_dict_is_visible", ("oid",), "bool", absent),
    stable("pg_ts_parser_is_visible", ("oid",), "bool", absent),
    stable("pg_ts_template_is_visible", ("oid",), "bool", absent),
)

TABLE_FUNCTIONS = (
    TableFunction(
        "_pg_expandarray",
        ("anyarray",),
        "record",
        numbered,
        (("x", "anyelement"), ("n", "int4")),
        schema="information_schema",
        rows=100.0,
    ),
    TableFunction(
        "pg_partition_ancestors",
        ("regclass",),
        "regclass",
        no_relations,
        (("relid", "regclass"),),
        volatility=Volatility.IMMUTABLE,
    ),
    TableFunction(
        "pg_partition_tree",
        ("regclass",),
        "record",
        no_relations,
        (("relid", "regclass"), ("parentrelid", "regclass"), ("isleaf", "bool"), ("level", "int4")),
        volatility=Volatility.IMMUTABLE,
    ),
    TableFunction(
        "pg_options_to_table",
        ("_text",),
        "record",
        pg_options_to_table,
        (("option_name", "text"), ("option_value", "text")),
        volatility=Volatility.STABLE,
    ),
)
