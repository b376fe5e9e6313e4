"""Which modules make up the built-in types and functions.

The plugin host imports them and registers their ``TYPES``, ``CASTS``, ``COLLATIONS``, ``OPERATORS``,
``OPERATOR_CLASSES``, ``FUNCTIONS``, ``AGGREGATES``, ``WINDOW_FUNCTIONS`` and ``TABLE_FUNCTIONS``; a module has those
that it needs.
"""

from __future__ import annotations

__all__ = ["FAMILIES", "REGISTRATIONS"]

REGISTRATIONS = (
    "TYPES",
    "CASTS",
    "COLLATIONS",
    "OPERATORS",
    "OPERATOR_CLASSES",
    "FUNCTIONS",
    "AGGREGATES",
    "WINDOW_FUNCTIONS",
    "TABLE_FUNCTIONS",
)

FAMILIES = (
    "heliosdb.types.boolean",
    "heliosdb.types.integer",
    "heliosdb.types.float",
    "heliosdb.types.numeric",
    "heliosdb.types.numeric_operators",
    "heliosdb.types.text",
    "heliosdb.types.string_functions",
    "heliosdb.types.string_formatting",
    "heliosdb.types.pattern",
    "heliosdb.types.regexp_functions",
    "heliosdb.types.numeric_functions",
    "heliosdb.types.math_functions",
    "heliosdb.types.number_functions",
    "heliosdb.types.random_functions",
    "heliosdb.types.bytea",
    "heliosdb.types.bytea_functions",
    "heliosdb.types.bit",
    "heliosdb.types.uuid",
    "heliosdb.types.oid",
    "heliosdb.types.object_names",
    "heliosdb.types.system",
    "heliosdb.types.size_functions",
    "heliosdb.types.cast_functions",
    "heliosdb.types.aggregate_functions",
    "heliosdb.types.statistics_functions",
    "heliosdb.types.ordered_set_functions",
    "heliosdb.types.window_functions",
    "heliosdb.types.date",
    "heliosdb.types.time",
    "heliosdb.types.timestamp",
    "heliosdb.types.interval",
    "heliosdb.types.datetime_arithmetic",
    "heliosdb.types.datetime_comparison",
    "heliosdb.types.datetime_extract",
    "heliosdb.types.datetime_truncate",
    "heliosdb.types.datetime_functions",
    "heliosdb.types.datetime_format",
    "heliosdb.types.composite",
    "heliosdb.types.array_functions",
    "heliosdb.types.json",
    "heliosdb.types.jsonb",
    "heliosdb.types.jsonb_functions",
    "heliosdb.types.advisory",
    "heliosdb.types.generic",
    "heliosdb.types.json_construction",
    "heliosdb.types.jsonpath",
    "heliosdb.types.json_records",
    "heliosdb.types.enum",
)
