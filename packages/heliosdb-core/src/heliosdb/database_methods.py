"""Methods that plugins add to the objects which programs hold: ``db.create_branch(...)``, ``conn.create_branch(...)``.

Each is a function whose first argument runs statements: ``execute(sql, params) -> int``, ``query(sql, params) -> rows``
that are ``heliosdb.rows.Row``, and ``database``. An ``EmbeddedDatabase`` is that itself; for a connection, whose
parameters and results are PEP 249's, a ``Runner`` is.

On a connection a method begins no transaction. Within one that is open its statements are part of it, and what cannot
be undone is refused there (25001) as ever; without one each of them is committed when it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from heliosdb.errors import InterfaceError
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.result import Result
    from heliosdb.database import Database
    from heliosdb.dbapi import Connection
    from heliosdb.rows import Row

__all__ = ["Runner", "method_of"]


def method_of(holder: object, name: str, database: Database | None, runner: Callable[[], Any]) -> Any:
    """Return a plugin's method of a program's object, for its ``__getattr__``; AttributeError where there is none.

    ``database`` None: the object is not made yet. ``runner`` gives the method's first argument.
    """
    method = None if database is None else database.registries.database_methods.get(name)
    if method is None:
        raise AttributeError(f"{type(holder).__name__!r} object has no attribute {name!r}", name=name, obj=holder)
    return partial(resolve_implementation(method.implementation), runner())


class Runner:
    """Runs a method's statements on a connection's session, in turn with what else runs on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def database(self) -> Database:
        """The engine below; InterfaceError where the connection is closed."""
        with self._connection.working(begin=False):
            return self._connection.database

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement, or several without parameters, and return the number of rows affected."""
        return sum(result.row_count or 0 for result in self._run(sql, params))

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows (of several statements, the last one's)."""
        results = self._run(sql, params)
        if not results or results[-1].columns is None:
            return []
        database, result = self._connection.database, results[-1]
        return database.row_maker(result.columns).pack(result.rows, self._connection.session)  # type: ignore[arg-type]

    def _run(self, sql: str, params: Sequence[Any]) -> list[Result]:
        if isinstance(params, str | bytes) or not isinstance(params, Sequence):
            raise InterfaceError(f"params must be a sequence of values, not {type(params).__name__}")
        with self._connection.working(begin=False) as session:
            return session.execute(sql, params)
