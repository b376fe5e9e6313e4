"""HeliosDB: an embedded SQL database in Python with PostgreSQL's dialect.

Two doors lead to the same engine: `EmbeddedDatabase` (queries as methods, ``$1`` parameters) and `connect` (PEP 249).
Both are imported on first use, and so are the error classes: importing this package loads nothing but itself, because
a command that only prints its version, and every test process, pays for what stands here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, without importing typing; type checkers know the name
if TYPE_CHECKING:
    from heliosdb.config import Config as Config
    from heliosdb.config import load_config as load_config
    from heliosdb.dbapi import (
        BINARY as BINARY,
    )
    from heliosdb.dbapi import (
        DATETIME as DATETIME,
    )
    from heliosdb.dbapi import (
        NUMBER as NUMBER,
    )
    from heliosdb.dbapi import (
        ROWID as ROWID,
    )
    from heliosdb.dbapi import (
        STRING as STRING,
    )
    from heliosdb.dbapi import (
        Binary as Binary,
    )
    from heliosdb.dbapi import (
        Connection as Connection,
    )
    from heliosdb.dbapi import (
        Cursor as Cursor,
    )
    from heliosdb.dbapi import (
        Date as Date,
    )
    from heliosdb.dbapi import (
        DateFromTicks as DateFromTicks,
    )
    from heliosdb.dbapi import (
        Time as Time,
    )
    from heliosdb.dbapi import (
        TimeFromTicks as TimeFromTicks,
    )
    from heliosdb.dbapi import (
        Timestamp as Timestamp,
    )
    from heliosdb.dbapi import (
        TimestampFromTicks as TimestampFromTicks,
    )
    from heliosdb.dbapi import (
        connect as connect,
    )
    from heliosdb.dbapi_async import connect_async as connect_async
    from heliosdb.embedded import EmbeddedDatabase as EmbeddedDatabase
    from heliosdb.errors import (
        DatabaseError as DatabaseError,
    )
    from heliosdb.errors import (
        DataError as DataError,
    )
    from heliosdb.errors import (
        Error as Error,
    )
    from heliosdb.errors import (
        IntegrityError as IntegrityError,
    )
    from heliosdb.errors import (
        InterfaceError as InterfaceError,
    )
    from heliosdb.errors import (
        InternalError as InternalError,
    )
    from heliosdb.errors import (
        NotSupportedError as NotSupportedError,
    )
    from heliosdb.errors import (
        OperationalError as OperationalError,
    )
    from heliosdb.errors import (
        ProgrammingError as ProgrammingError,
    )
    from heliosdb.errors import (
        Warning as Warning,
    )
    from heliosdb.session.notifications import Notify as Notify

__version__ = "0.1.0"

apilevel = "2.0"
threadsafety = 2  # threads may share the module and connections
paramstyle = "pyformat"  # %s and %(name)s; $1 is understood as well

_HOME_OF = {
    "EmbeddedDatabase": "heliosdb.embedded",
    **dict.fromkeys(("Config", "load_config"), "heliosdb.config"),
    **dict.fromkeys(("connect", "Connection", "Cursor"), "heliosdb.dbapi"),
    "connect_async": "heliosdb.dbapi_async",
    **dict.fromkeys(("Binary", "Date", "DateFromTicks", "Time", "TimeFromTicks"), "heliosdb.dbapi"),
    "Notify": "heliosdb.session.notifications",
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

    from heliosdb.rows import loading

    # Modules make thousands of objects that stay; collections on the way find no garbage, only take time.
    with loading():
        value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
