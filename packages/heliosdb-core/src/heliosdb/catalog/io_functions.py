"""The functions that PostgreSQL reads and writes types with, by name: ``int4in``, ``array_recv``, ``record_out``.

Drivers tell by them what kind a type is: whether ``typreceive`` is ``array_recv``, or ``typinput`` is ``array_in``. So
pg_type names them and pg_proc has them. Here a type's own functions do the work, and who calls one of these is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported
from heliosdb.types.definitions import ScalarFunction, Volatility
from heliosdb.types.object_names import NAMES_OF_OBJECTS, function_oid

if TYPE_CHECKING:
    from heliosdb.types.definitions import Type

__all__ = ["FUNCTIONS", "RECORD", "io_oids"]

RUN_TOGETHER = frozenset(
    {
        "bool", "bpchar", "bytea", "char", "cid", "float4", "float8", "int2", "int4", "int8", "name", "oid", "text",
        "tid", "unknown", "varchar", "xid", "xid8",
    }
)  # fmt: skip
"""Types whose functions are called like ``int4in``; others' are like ``date_in``."""

BASE = RUN_TOGETHER | frozenset(
    {
        "bit", "date", "int2vector", "interval", "json", "jsonb", "jsonpath", "numeric", "oidvector", "time",
        "timestamp", "timestamptz", "timetz", "uuid", "varbit", "void", "cstring",
    }
)  # fmt: skip


KINDS = {
    "array": ("array_in", "array_out", "array_recv", "array_send"),
    "composite": ("record_in", "record_out", "record_recv", "record_send"),
    "enum": ("enum_in", "enum_out", "enum_recv", "enum_send"),
}
DOMAIN = ("domain_in", "domain_recv")
ARGUMENTS = {
    **dict.fromkeys(("array_in", "record_in", "domain_in"), ("cstring", "oid", "int4")),
    **dict.fromkeys(("array_recv", "record_recv", "domain_recv"), ("internal", "oid", "int4")),
    "enum_in": ("cstring", "oid"),
    "enum_recv": ("internal", "oid"),
    "array_out": ("anyarray",),
    "array_send": ("anyarray",),
    "record_out": ("record",),
    "record_send": ("record",),
    "enum_out": ("anyenum",),
    "enum_send": ("anyenum",),
}


def _of_base(name: str) -> tuple[str, str, str, str]:
    joint = "" if name in RUN_TOGETHER or name in NAMES_OF_OBJECTS or name.endswith("vector") else "_"
    return f"{name}{joint}in", f"{name}{joint}out", f"{name}{joint}recv", f"{name}{joint}send"


def _arguments(name: str, type_name: str) -> tuple[str, ...]:
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    return ("cstring",) if name.endswith("in") else ("internal",) if name.endswith("recv") else (type_name,)


def io_oids(type_: Type, types: Any) -> tuple[int, int, int, int]:
    """Return the OIDs of a type's input, output, receive and send functions; zeros where PostgreSQL has no such."""
    if type_.kind == "domain":
        _, out, _, send = io_oids(types.by_name(type_.element), types)
        read, receive = (function_oid(name, ARGUMENTS[name]) for name in DOMAIN)
        return read, out, receive, send
    if type_.name in ("int2vector", "oidvector") or (type_.kind not in KINDS and type_.name in BASE | NAMES_OF_OBJECTS):
        names = _of_base(type_.name)
    elif type_.kind in KINDS:
        names = KINDS[type_.kind]
    else:
        return 0, 0, 0, 0
    read, out, receive, send = (function_oid(name, _arguments(name, type_.name)) for name in names)
    return read, out, receive, send


RECORD = tuple(function_oid(name, ARGUMENTS[name]) for name in KINDS["composite"])
"""Those of the row types of tables."""


def _function(name: str, type_name: str, returns: str) -> ScalarFunction:
    def refuse(*arguments: Any) -> None:
        raise FeatureNotSupported(f"function {name} cannot be called; write a cast to or from text")

    return ScalarFunction(name, _arguments(name, type_name), returns, refuse, volatility=Volatility.STABLE)


def _functions() -> dict[str, ScalarFunction]:
    found = {}
    for kind, type_name in (("array", "anyarray"), ("composite", "record"), ("enum", "anyenum")):
        for name, returns in zip(KINDS[kind], (type_name, "cstring", type_name, "bytea")):
            found[name] = _function(name, type_name, returns)
    for name in DOMAIN:
        found[name] = _function(name, "any", "any")
    for type_name in BASE | NAMES_OF_OBJECTS:
        for name, returns in zip(_of_base(type_name), (type_name, "cstring", type_name, "bytea")):
            found[name] = _function(name, type_name, returns)
    return found


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_functions().values())
