"""The background worker ``semver_census``: counts the columns of type semver and logs the number."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threading import Event

__all__ = ["count"]

LOG = logging.getLogger(__name__)


def count(database: Any, stop: Event) -> None:
    """Count in a session of the worker's own. Called every ``semver.census_interval``."""
    session = database.session()
    try:
        (result,) = session.execute("SELECT count(*) FROM semver_columns")
    finally:
        session.close()
    ((columns,),) = result.rows
    LOG.info("%s columns of type semver", columns)
