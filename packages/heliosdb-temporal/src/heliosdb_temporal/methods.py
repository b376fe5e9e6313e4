"""The method of the embedded API: ``db.query_as_of_timestamp(sql, params, timestamp)``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

__all__ = ["query_as_of_timestamp"]


def query_as_of_timestamp(db: Any, sql: str, params: Sequence[Any], timestamp: datetime | str) -> Any:
    """Run a query on its tables as they were at a time; return what ``db.query`` returns.

    A table in it with a clause of its own keeps that. ``timestamp``: a datetime with a time zone, or text as a
    ``timestamptz`` is written. Raises what AS OF raises, and SqlSyntaxError for what is no query.
    """
    scn = int(db.query("SELECT heliosdb_scn_at(CAST($1 AS timestamptz))", [timestamp])[0][0])
    # In parentheses the text can only be one query, and the clause behind them holds for all of it.
    return db.query(f"SELECT * FROM (\n{sql.rstrip().removesuffix(';')}\n) AS q AS OF SCN {scn}", params)
