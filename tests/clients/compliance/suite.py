"""SQLAlchemy's compliance suite, as pytest collects it (see ``__main__``)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing.suite import *  # noqa: F403
from sqlalchemy.testing.suite import ServerSideCursorsTest as _ServerSideCursorsTest


class ServerSideCursorsTest(_ServerSideCursorsTest):  # type: ignore[misc]
    """SQLAlchemy's, which knows by the names of its own drivers alone whether a cursor is the server's."""

    def _is_server_side(self, cursor: Any) -> bool:
        return bool(getattr(cursor, "name", ""))
