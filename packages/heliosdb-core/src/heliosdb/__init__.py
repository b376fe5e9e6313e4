"""HeliosDB: an embedded SQL database in Python with PostgreSQL's dialect.

Two doors lead to the same engine: `EmbeddedDatabase` (queries as methods, ``$1`` parameters) and `connect` (PEP 249).
Both are imported on first use, and so are the error classes: importing this package loads nothing but itself, because
a command that only prints its version, and every test process, pays for what stands here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, without importing typing; type checkers know the name
if TYPE_CHECKING:
    from heliosdb.dbapi import (
        BINARY as BINARY,
        DATETIME as DATETIME,
        NUMBER as NUMBER,
        ROWID as ROWID,
        STRING as STRING,
        Binary as Binary,
        Connection as Connection,
        Cursor as Cursor,
        Date as Date,
        DateFromTicks as DateFromTicks,
        Time as Time,
        TimeFromTicks as TimeFromTicks,
        Timestamp as Timestamp,
        TimestampFromTicks as TimestampFromTicks,
        connect as connect,
    )
    from heliosdb.embedded import EmbeddedDatabase as EmbeddedDatabase
    from heliosdb.errors import (
        DatabaseError as DatabaseError,
        DataError as DataError,
        Error as Error,
        IntegrityError as IntegrityError,
        InterfaceError as InterfaceError,
        InternalError as InternalError,
        NotSupportedError as NotSupportedError,
        OperationalError as OperationalError,
        ProgrammingError as ProgrammingError,
        Warning as Warning,
    )

__version__ = "0.1.0"

apilevel = "2.0"
threadsafety = 2  # threads may share the module and connections
paramstyle = "pyformat"  # %s and %(name)s; $1 is understood as well

_HOME_OF = {
    "EmbeddedDatabase": "heliosdb.embedded",
    **dict.fromkeys(("connect", "Connection", "Cursor"), "heliosdb.dbapi"),
    **dict.fromkeys(("Binary", "Date", "DateFromTicks", "Time", "TimeFromTicks"), "heliosdb.dbapi"),
    **dict.fromkeys(("Timestamp", "TimestampFromTicks"), "heliosdb.dbapi"),
    **dict.fromkeys(("BINARY", "DATETIME", "NUMBER", "ROWID", "STRING"), "heliosdb.dbapi"),
    **dict.fromkeys(("DatabaseError", "DataError", "Error", "IntegrityError", "InterfaceError"), "heliosdb.errors"),
    **dict.fromkeys(("InternalError", "NotSupportedError", "OperationalError"), "heliosdb.errors"),
    **dict.fromkeys(("ProgrammingError", "Warning"), "heliosdb.errors"),
}

__all__ = ["__version__", "apilevel", "paramstyle", "threadsafety", *_HOME_OF]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # By name, so that the import graph keeps its layers: the root package is not above its own modules.
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
