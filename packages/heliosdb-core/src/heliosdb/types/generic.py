"""Functions about values of any type, about the session and its settings, and about the database as a whole.

Functions that describe catalog objects (``pg_get_indexdef`` and kin) live beside the catalog views that show the
same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from heliosdb import errors
from heliosdb.types.calendar import MICROSECONDS_PER_SECOND
from heliosdb.types.definitions import CallTypes, ScalarFunction, SessionContext, Volatility

__all__ = ["DATABASE_NAME", "FUNCTIONS"]

DATABASE_NAME = "heliosdb"
"""What ``current_database()`` says: an embedded database has no name of its own."""

_ENCODING = "UTF8"


def version(session: SessionContext) -> str:
    """Return the product's name and version."""
    import platform

    from heliosdb import __version__

    number = str(session.setting("server_version")).split(" ")[0]
    return (
        f"PostgreSQL {number} (HeliosDB {__version__}) on {platform.machine()}-{platform.system().lower()}, "
        f"CPython {platform.python_version()}"
    )


def current_database() -> str:
    """Return the database's name."""
    return DATABASE_NAME


def current_schemas(with_implicit: bool, session: SessionContext) -> tuple[str, ...]:
    """Return the schemas of search_path that exist; ``with_implicit`` with the ones searched without being named."""
    written = str(session.setting("search_path"))
    existing = {"pg_catalog", *session.catalog.schemas()}
    names = []
    for name in session.search_path:
        implicit = (name not in written and name in ("pg_catalog",)) or name.startswith("pg_temp")
        if name in existing and (with_implicit or not implicit):
            names.append(name)
    return tuple(names)


def current_schema(session: SessionContext) -> str | None:
    """Return the schema in which new objects are made, or NULL."""
    return next(iter(current_schemas(False, session)), None)


def current_user(session: SessionContext) -> str:
    """Return the current role."""
    return session.user


def session_user(session: SessionContext) -> str:
    """Return the role that opened the session."""
    return session.session_user


def pg_backend_pid(session: SessionContext) -> int:
    """Return the session's number: sessions share one process, and the number is what ``pg_stat_activity`` shows."""
    return session.number


def pg_typeof(call: CallTypes) -> Callable[..., int | None]:
    """Make ``pg_typeof``: the OID of the argument's type, whatever its value."""
    oid = call.types.by_name(call.arguments[0]).oid
    return lambda value: oid


def num_nulls(*values: Any) -> int:
    """Count the arguments that are NULL."""
    return sum(value is None for value in values)


def num_nonnulls(*values: Any) -> int:
    """Count the arguments that are not NULL."""
    return sum(value is not None for value in values)


# -- settings ------------------------------------------------------------------------------------------------------


def current_setting(name: str, session: SessionContext) -> str:
    """Return a setting as SHOW prints it; 42704 when there is none."""
    return session.show_setting(name)


def current_setting_or_null(name: str, missing_ok: bool, session: SessionContext) -> str | None:
    """Return a setting as SHOW prints it, or NULL when there is none and that may be."""
    try:
        return session.show_setting(name)
    except errors.UndefinedObject:
        if missing_ok:
            return None
        raise


def set_config(name: str | None, value: str | None, is_local: bool | None, session: SessionContext) -> str:
    """Set a setting and return what SHOW prints; NULL resets nothing and counts as an empty text."""
    if name is None:
        raise errors.NullValueNotAllowed("SET requires parameter name")
    return session.set_setting(name, value or "", local=bool(is_local))


# -- sizes ---------------------------------------------------------------------------------------------------------

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_SIZE = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*", re.ASCII)
_EXPONENTS = {"bytes": 0, "kb": 10, "mb": 20, "gb": 30, "tb": 40, "pb": 50}


def pg_size_pretty(size: int | Decimal) -> str:
    """Return a number of bytes with the unit that leaves it below 10,240 (20,480 halves), rounded."""
    if isinstance(size, Decimal):
        if not size.is_finite():
            raise errors.NumericValueOutOfRange("value out of range")
        if abs(size) < 10_240:
            # Only the unscaled value keeps its fraction.
            return f"{size:f} bytes"
        size = int(size)
    if abs(size) < 10_240:
        return f"{size} bytes"
    # One bit more than the unit is kept until the end, to round halves away from zero.
    halves = _shifted(size, 9)
    for unit in _UNITS[1:]:
        if abs(halves) < 20_479 or unit == _UNITS[-1]:
            return f"{_half_rounded(halves)} {unit}"
        halves = _shifted(halves, 10)
    raise AssertionError("the last unit takes everything")


def _shifted(value: int, bits: int) -> int:
    return value >> bits if value >= 0 else -(-value >> bits)


def _half_rounded(halves: int) -> int:
    return (halves + 1) // 2 if halves >= 0 else -((1 - halves) // 2)


def pg_size_bytes(text: str) -> int:
    """Return the bytes of ``10 kB``; 22023 for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise errors.InvalidParameterValue(f'invalid size: "{text}"')
    exponent = 0
    if match[2]:
        unit = _EXPONENTS.get(match[2].lower())
        if unit is None:
            raise errors.InvalidParameterValue(
                f'invalid size: "{text}"',
                detail=f'Invalid size unit: "{match[2]}".',
                hint='Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".',
            )
        exponent = unit
    size = int((Decimal(match[1]) * (1 << exponent)).to_integral_value(ROUND_HALF_UP))
    if not -(2**63) <= size < 2**63:
        raise errors.NumericValueOutOfRange("bigint out of range")
    return size


def pg_sleep(seconds: float, session: SessionContext) -> None:
    """Wait; an interrupt ends it."""
    end = time.monotonic() + min(seconds, 1e9)
    while True:
        session.check_interrupt()
        left = end - time.monotonic()
        if left <= 0:
            return None
        # Short naps, so that a cancel or a timeout is seen soon.
        time.sleep(min(left, 0.02))


def pg_sleep_for(interval: tuple[int, int, int], session: SessionContext) -> None:
    """Wait for an interval; months count thirty days."""
    seconds = (interval[0] * 30 + interval[1]) * 86_400 + interval[2] / MICROSECONDS_PER_SECOND
    return pg_sleep(seconds, session)


def pg_client_encoding(session: SessionContext) -> str:
    """Return the client's encoding."""
    return str(session.setting("client_encoding"))


def pg_encoding_to_char(number: int) -> str:
    """Return an encoding's name: only UTF8 (6) and SQL_ASCII (0) are known."""
    return {0: "SQL_ASCII", 6: _ENCODING}.get(number, "")


def pg_char_to_encoding(name: str) -> int:
    """Return an encoding's number, -1 of one that is not known; letters and digits of the name count."""
    letters = "".join([letter for letter in name.lower() if letter.isalnum()])
    return {"sqlascii": 0, "utf8": 6, "unicode": 6}.get(letters, -1)


def get_database_encoding() -> str:
    """Return the database's encoding."""
    return _ENCODING


def format_type(oid: int | None, typmod: int | None, session: SessionContext) -> str | None:
    """Return how SQL spells a type; ``???`` for an unknown OID and ``-`` for 0."""
    if oid is None:
        return None
    if oid == 0:
        return "-"
    try:
        type_ = session.types.by_oid(oid)
    except errors.UndefinedObject:
        return "???"
    return session.types.format(type_.name, typmod)


def pg_is_in_recovery() -> bool:
    """Return false: a database that answers is not recovering."""
    return False


def _of_session(name: str, returns: str, implementation: Callable[..., Any], *arguments: str) -> ScalarFunction:
    return ScalarFunction(name, arguments, returns, implementation, volatility=Volatility.STABLE, needs_session=True)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    _of_session("version", "text", version),
    ScalarFunction("current_database", (), "name", current_database, volatility=Volatility.STABLE),
    _of_session("current_schema", "name", current_schema),
    _of_session("current_schemas", "_name", current_schemas, "bool"),
    _of_session("current_user", "name", current_user),
    _of_session("session_user", "name", session_user),
    ScalarFunction("pg_backend_pid", (), "int4", pg_backend_pid, volatility=Volatility.STABLE, needs_session=True),
    ScalarFunction(
        "pg_typeof", ("any",), "regtype", pg_typeof, strict=False, volatility=Volatility.STABLE, specialize=True
    ),
    ScalarFunction("num_nulls", ("any",), "int4", num_nulls, strict=False, variadic=True),
    ScalarFunction("num_nonnulls", ("any",), "int4", num_nonnulls, strict=False, variadic=True),
    _of_session("current_setting", "text", current_setting, "text"),
    _of_session("current_setting", "text", current_setting_or_null, "text", "bool"),
    ScalarFunction(
        "set_config",
        ("text", "text", "bool"),
        "text",
        set_config,
        strict=False,
        volatility=Volatility.VOLATILE,
        needs_session=True,
    ),
    ScalarFunction("pg_size_pretty", ("int8",), "text", pg_size_pretty),
    ScalarFunction("pg_size_pretty", ("numeric",), "text", pg_size_pretty),
    ScalarFunction("pg_size_bytes", ("text",), "int8", pg_size_bytes),
    ScalarFunction(
        "pg_sleep",
        ("float8",),
        "void",
        pg_sleep,
        volatility=Volatility.VOLATILE,
        needs_session=True,
        bounded=False,
    ),
    ScalarFunction(
        "pg_sleep_for",
        ("interval",),
        "void",
        pg_sleep_for,
        volatility=Volatility.VOLATILE,
        needs_session=True,
        bounded=False,
    ),
    _of_session("pg_client_encoding", "name", pg_client_encoding),
    ScalarFunction("pg_encoding_to_char", ("int4",), "name", pg_encoding_to_char, volatility=Volatility.STABLE),
    ScalarFunction("pg_char_to_encoding", ("name",), "int4", pg_char_to_encoding, volatility=Volatility.STABLE),
    ScalarFunction("getdatabaseencoding", (), "name", get_database_encoding, volatility=Volatility.STABLE),
    ScalarFunction(
        "format_type",
        ("oid", "int4"),
        "text",
        format_type,
        strict=False,
        volatility=Volatility.STABLE,
        needs_session=True,
    ),
    ScalarFunction("pg_is_in_recovery", (), "bool", pg_is_in_recovery, volatility=Volatility.VOLATILE),
)
