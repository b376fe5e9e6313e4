"""The columns of the package's functions and views, apart from what fills them: they are registered whenever a database
opens."""

from __future__ import annotations

__all__ = ["ERASURES", "HISTORY", "HISTORY_SIZE"]

HISTORY = (
    ("scn", "int8"),
    ("changed_at", "timestamptz"),
    ("operation", "text"),
    ("transaction", "xid8"),
    ("username", "text"),
    ("role", "text"),
    ("application_name", "text"),
    ("statement", "text"),
    ("row", "jsonb"),
)


HISTORY_SIZE = (
    ("schema_name", "text"),
    ("table_name", "text"),
    ("keeps_past", "bool"),
    ("retention_days", "float8"),
    ("readable_since_scn", "int8"),
    ("readable_since", "timestamptz"),
    ("row_count", "int8"),
    ("superseded_versions", "int8"),
)


ERASURES = (
    ("table_schema", "text"),
    ("table_name", "text"),
    ("erased_at", "timestamptz"),
    ("scn", "int8"),
    ("role", "text"),
    ("session_user", "text"),
    ("row_count", "int8"),
    ("is_complete", "bool"),
)
