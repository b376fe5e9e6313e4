"""PostgreSQL's storage parameters: what they tune is not there, so they are refused, unlike names that nobody knows.

``fillfactor`` of a table is kept and shown, and does nothing: pgbench and other tools write it whatever its value.
"""

from __future__ import annotations

from heliosdb.errors import Error, FeatureNotSupported, InvalidParameterValue

__all__ = ["fillfactor", "not_accepted"]

_AUTOVACUUM = (
    "analyze_scale_factor", "analyze_threshold", "enabled", "freeze_max_age", "freeze_min_age", "freeze_table_age",
    "multixact_freeze_max_age", "multixact_freeze_min_age", "multixact_freeze_table_age", "vacuum_cost_delay",
    "vacuum_cost_limit", "vacuum_insert_scale_factor", "vacuum_insert_threshold", "vacuum_scale_factor",
    "vacuum_threshold",
)  # fmt: skip

PARAMETERS = {
    "table": frozenset(
        {
            "log_autovacuum_min_duration", "parallel_workers", "toast_tuple_target", "user_catalog_table",
            "vacuum_index_cleanup", "vacuum_truncate", *(f"autovacuum_{name}" for name in _AUTOVACUUM),
        }
    ),
    "index": frozenset(
        {
            "autosummarize", "buffering", "deduplicate_items", "fastupdate", "fillfactor", "gin_pending_list_limit",
            "pages_per_range",
        }
    ),
}  # fmt: skip


def not_accepted(kind: str, name: str) -> Error:
    """Return the error for a parameter that no registration knows: 0A000 for PostgreSQL's own, 22023 for others."""
    if name in PARAMETERS[kind]:
        return FeatureNotSupported(f'storage parameter "{name}" is not supported')
    return InvalidParameterValue(f'unrecognized parameter "{name}"')


def fillfactor(text: str | None) -> int:
    """Return a table's fillfactor; InvalidParameterValue for what PostgreSQL refuses, too."""
    try:
        value = int(text or "")
    except ValueError:
        raise InvalidParameterValue(f'invalid value for integer option "fillfactor": {text or "true"}') from None
    if not 10 <= value <= 100:
        raise InvalidParameterValue(
            f'value {text} out of bounds for option "fillfactor"', detail='Valid values are between "10" and "100".'
        )
    return value
