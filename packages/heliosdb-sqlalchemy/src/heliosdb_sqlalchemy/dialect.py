"""The dialect: SQLAlchemy's own for PostgreSQL, over ``heliosdb.connect`` instead of a driver of a server.

    engine ── dialect ── the open database (``databases``) ── a DB-API connection for each of the pool's

The first connection of an engine opens the database and ``engine.dispose()`` gives it back. So the connections of a
pool are sessions of one database, in memory as on disk; what one in memory holds is gone when its engine is disposed.

All that is SQL is inherited: types, DDL, reflection by pg_catalog. What is ours is how values travel. The engine works
out the types of most parameters by itself; the few that it needs to be told (``render_bind_cast``) are those whose
operator exists for several types.
"""

from __future__ import annotations

import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, pool
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.base import PGDialect, PGExecutionContext
from sqlalchemy.engine.processors import to_decimal_processor_factory, to_float

from heliosdb_sqlalchemy.databases import MEMORY, Home
from heliosdb_sqlalchemy.urls import arguments

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

    from heliosdb import Connection

__all__ = ["Dialect"]


OPENING = ("config", "plugins", "strict", "encryption_key")
"""What is said of a database when it opens; the rest is of a connection."""

FLOATS = frozenset({700, 701})
"""The OIDs of float4 and float8."""


class _Numbers:
    """A column's own type decides what arrives: Decimal of numeric, float of the floating types."""

    def bind_processor(self, dialect: Any) -> None:
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        is_float = coltype in FLOATS
        if not self.asdecimal:  # type: ignore[attr-defined]
            return None if is_float else to_float
        if is_float:
            return to_decimal_processor_factory(Decimal, self._effective_decimal_return_scale)  # type: ignore[attr-defined]
        return None


class _Numeric(_Numbers, sa.types.Numeric[Any]):
    pass


class _Float(_Numbers, sa.types.Float[Any]):
    pass


class _Json(sa.types.JSON):
    """JSON arrives parsed."""

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class _Jsonb(pg.JSONB):
    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


class _JsonAsText(sa.types.JSON):
    """For an engine with a ``json_deserializer``: it reads the text."""

    def column_expression(self, colexpr: Any) -> Any:
        return sa.type_coerce(sa.cast(colexpr, sa.Text), self)


class _JsonbAsText(pg.JSONB):
    def column_expression(self, colexpr: Any) -> Any:
        return sa.type_coerce(sa.cast(colexpr, sa.Text), self)


class _JsonSubscript(sa.types.JSON.JSONIntIndexType):
    """``->`` takes a text as well as an integer."""

    __visit_name__ = "json_int_index"
    render_bind_cast = True


class _ExecutionContext(PGExecutionContext):
    def create_server_side_cursor(self) -> Any:
        return self._dbapi_connection.cursor(f"sqlalchemy_{id(self):x}")


class Dialect(PGDialect):
    """``heliosdb:///path`` (also ``postgresql+heliosdb:///path``); see the module and ``urls``."""

    driver = "heliosdb"
    default_paramstyle = "pyformat"
    supports_statement_cache = True
    supports_server_side_cursors = True
    execution_ctx_cls = _ExecutionContext
    colspecs = {
        **PGDialect.colspecs,
        sa.types.Numeric: _Numeric,
        sa.types.Float: _Float,
        sa.types.JSON: _Json,
        pg.JSONB: _Jsonb,
        sa.types.JSON.JSONIntIndexType: _JsonSubscript,
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._home = Home()
        if options.get("json_deserializer") is not None:
            self.colspecs = {**self.colspecs, sa.types.JSON: _JsonAsText, pg.JSONB: _JsonbAsText}

    @classmethod
    def import_dbapi(cls) -> Any:
        import heliosdb

        return heliosdb

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        home = engine.dialect._home  # type: ignore[attr-defined]
        event.listen(engine, "engine_disposed", lambda engine: home.close())
        weakref.finalize(engine, home.abandon).atexit = False

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        return pool.QueuePool

    def create_connect_args(self, url: URL) -> Any:
        return [], arguments(url)

    def connect(self, path: str = MEMORY, **options: Any) -> Connection:  # type: ignore[override]
        """Return a DB-API connection to the engine's database, which the first one opens."""
        import heliosdb

        stated = {name: options.pop(name) for name in OPENING if name in options}
        return heliosdb.connect(self._home.database(path, stated), **options)

    def get_isolation_level_values(self, dbapi_connection: Any) -> Any:
        return sorted(("AUTOCOMMIT", *super().get_isolation_level_values(dbapi_connection)))  # type: ignore[no-untyped-call]

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        if dbapi_connection.autocommit != (level == "AUTOCOMMIT"):
            dbapi_connection.autocommit = level == "AUTOCOMMIT"
        if level != "AUTOCOMMIT":
            super().set_isolation_level(dbapi_connection, level)  # type: ignore[no-untyped-call]

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        was_open = dbapi_connection.in_transaction
        found = super().get_isolation_level(dbapi_connection)  # type: ignore[no-untyped-call]
        if not was_open:
            # Asking is no transaction of the program's.
            dbapi_connection.rollback()
        return found

    def detect_autocommit_setting(self, dbapi_connection: Any) -> bool:
        return bool(dbapi_connection.autocommit)

    def set_readonly(self, connection: Any, value: bool) -> None:
        words = "READ ONLY" if value else "READ WRITE"
        connection.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION {words}")
        connection.commit()

    def get_readonly(self, connection: Any) -> bool:
        (value,) = connection.execute("SHOW default_transaction_read_only").fetchone()
        connection.rollback()
        return bool(value == "on")

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        return connection is not None and bool(connection.closed)
