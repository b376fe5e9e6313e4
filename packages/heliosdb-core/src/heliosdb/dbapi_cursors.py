"""Named cursors: ``connection.cursor("name")`` reads a query piece by piece, as psycopg's server-side cursors do.

It is a cursor of the SQL kind (DECLARE, FETCH), and visible to FETCH by its name. It belongs to its transaction, but
for one ``withhold``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.catalog.result import Result
from heliosdb.commands.portals import close_portal, declare_portal, fetch_portal
from heliosdb.dbapi import Cursor
from heliosdb.errors import NotSupportedError, ProgrammingError
from heliosdb.placeholders import rewrite

if TYPE_CHECKING:
    from heliosdb.dbapi import Connection, Parameters
    from heliosdb.dbapi_rows import RowFactory

__all__ = ["ServerCursor"]


class ServerCursor(Cursor):
    """A cursor whose rows stay in the engine until they are fetched. Iteration fetches ``itersize`` rows at once."""

    itersize = 100

    def __init__(
        self, connection: Connection, row_factory: RowFactory, name: str, *, scrollable: bool | None, withhold: bool
    ) -> None:
        super().__init__(connection, row_factory)
        self.name = name
        self.scrollable = scrollable
        self.withhold = withhold
        self._is_declared = False

    def execute(self, query: str, params: Parameters = None) -> ServerCursor:
        """Declare the cursor over a query and return self."""
        self._require_open()
        text, values = rewrite(query, params)
        self._drop()
        self._clear()
        with self.connection.working() as session:
            portal = declare_portal(session, self.name, text, values, scroll=self.scrollable, hold=self.withhold)
        self._is_declared = True
        self.result = Result("DECLARE CURSOR", portal.columns)
        return self

    def executemany(self, query: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> ServerCursor:
        """Raise NotSupportedError: a cursor has one query."""
        raise NotSupportedError("executemany not supported on server-side cursors")

    def _fetch(self, count: int | None) -> list[Any]:
        self._require_open()
        if not self._is_declared:
            raise ProgrammingError("the last operation didn't produce a result")
        with self.connection.working() as session:
            columns, rows = fetch_portal(session, self.name, count)
        self._position += len(rows)
        made = self.connection.database.row_maker(columns).convert(rows, self.connection.session)
        make = self.row_factory(self)
        return [make(row) for row in made]

    def fetchone(self) -> Any:
        """Return the next row, None at the end."""
        rows = self._fetch(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows, at most ``size`` (``arraysize`` by default)."""
        return self._fetch(self.arraysize if size is None else size)

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        return self._fetch(None)

    def __iter__(self) -> Iterator[Any]:
        while rows := self._fetch(self.itersize):
            yield from rows

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move by, or to, a row number, without fetching; backwards only a scrollable cursor."""
        if mode not in ("relative", "absolute"):
            raise ValueError(f"mode must be 'relative' or 'absolute', not {mode!r}")
        self._require_open()
        with self.connection.working() as session:
            fetch_portal(session, self.name, value, mode=mode)
        self._position = max(0, self._position + value if mode == "relative" else value)

    def nextset(self) -> bool | None:
        """Return None: there is one result."""
        return None

    def _drop(self) -> None:
        if self._is_declared:
            self._is_declared = False
            if not self.connection.closed:
                close_portal(self.connection.session, self.name)

    def close(self) -> None:
        """Close the cursor in the engine too."""
        if not self.closed:
            self._drop()
        super().close()
