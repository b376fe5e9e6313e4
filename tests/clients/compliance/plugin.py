"""What pytest loads to run SQLAlchemy's suite: SQLAlchemy's plugin, with one habit less."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.testing import provision
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: F403

# SQLAlchemy installs hstore and citext into the database, for tests of its own that are not in the suite.
PGDialect.load_provisioning()
provision.post_configure_engine.fns.pop("postgresql")

for _found in list(vars(provision).values()):
    if isinstance(_found, provision.register) and "postgresql" in _found.fns:
        # How PostgreSQL is set up for tests is how we are.
        _found.for_db("heliosdb")(_found.fns["postgresql"])


@provision.post_configure_engine.for_db("heliosdb")
def make_schemas(url: Any, engine: Any, follower_ident: Any) -> None:
    """Make the schemas that the tests of other schemas use."""
    with engine.begin() as connection:
        for name in ("test_schema", "test_schema_2"):
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {name}"))
