"""What SQLAlchemy's suite may ask of PostgreSQL, and so of us: everything but what the referee itself lacks.

A suite of SQLAlchemy asks a class which of its tests are meant for a database. Its own class answers "not this one" for
most features. This one turns those answers round, so that a feature that SQLAlchemy adds later is asked for, too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

__all__ = ["Requirements"]

LACKING = frozenset(
    {
        "async_dialect",
        "computed_columns_virtual",
        "dbapi_lastrowid",
        "emulated_lastrowid",
        "emulated_lastrowid_even_with_sequences",
        "fetch_percent",
        "foreign_keys_reflect_as_index",
        "materialized_views_reflect_pk",
        "nvarchar_types",
        "reflect_indexes_with_ascdesc_as_expression",
        "repeated_remote_col_foreign_keys",
        "unique_index_reflect_as_unique_constraints",
    }
)
"""What the referee does not have: SQLAlchemy has these words for other databases."""

LATER = frozenset({"materialized_views"})
"""What PostgreSQL has and we do not have yet. Tests of it are not run."""


class Requirements(SuiteRequirements):  # type: ignore[misc]
    """SQLAlchemy's questions, answered for PostgreSQL."""

    def get_isolation_levels(self, config: Any) -> Any:
        """Return the isolation levels that a connection can be given."""
        levels = ["READ COMMITTED", "READ UNCOMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"]
        return {"default": "READ COMMITTED", "supported": sorted(levels)}

    @property
    def json_deserializer_binary(self) -> Any:
        """Whether a program's function for JSON gets bytes: psycopg gives it what came over the wire."""
        return exclusions.only_if(lambda config: config.db.dialect.driver == "psycopg")


def _open(name: str) -> property:
    return property(lambda self: exclusions.open(), doc=f"{name}: PostgreSQL has it.")


def _is_closed(answer: Any) -> bool:
    if not isinstance(answer, exclusions.compound):
        return False
    return any(isinstance(skip, exclusions.BooleanPredicate) and skip.value for skip in answer.skips)


for _name in dir(SuiteRequirements):
    _found = getattr(SuiteRequirements, _name)
    if not isinstance(_found, property) or _name in vars(Requirements) or _name in LACKING | LATER:
        continue
    if _is_closed(_found.fget(SuiteRequirements())):
        setattr(Requirements, _name, _open(_name))
