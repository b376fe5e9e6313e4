"""A session: settings, the current transaction, prepared statements, and the loop that runs statements.

``Session`` is what every door (embedded API, DB-API, wire server) speaks to, so that there is one binder, one
executor and one row validation for all of them. ``statements`` is the path from text to compiled plan with its caches.
"""

from __future__ import annotations

from heliosdb.session.environment import Notice
from heliosdb.session.session import Session
from heliosdb.session.statements import PreparedStatement, StatementCache

__all__ = ["Notice", "PreparedStatement", "Session", "StatementCache"]
