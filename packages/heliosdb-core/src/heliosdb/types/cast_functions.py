"""The conversions that PostgreSQL also offers as functions: ``int4(2.5)``, ``text(true)``, ``numeric('1'::float8)``.

Each is the cast of the same types under the target's name; this module only lists which ones there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from heliosdb.types import boolean, float, integer, numeric_operators, object_names, oid, system, text
from heliosdb.types.definitions import Cast, ScalarFunction

__all__ = ["FUNCTIONS"]

_SOURCES = {
    "bool": "int4",
    "bpchar": "char name",
    "char": "int4 text",
    "float4": "float8 int2 int4 int8 numeric",
    "float8": "float4 int2 int4 int8 numeric",
    "int2": "float4 float8 int4 int8 numeric",
    "int4": "bool char float4 float8 int2 int8 numeric",
    "int8": "float4 float8 int2 int4 numeric oid",
    "name": "bpchar text varchar",
    "numeric": "float4 float8 int2 int4 int8",
    "oid": "int8",
    "regclass": "text",
    "text": "bool bpchar char name",
    "varchar": "name",
    "xid": "xid8",
}


def _same(datum: object) -> object:
    """Return the datum: a cast that changes nothing is still a function."""
    return datum


def _functions() -> Iterator[ScalarFunction]:
    modules = (boolean, integer, float, numeric_operators, text, oid, object_names, system)
    casts: dict[tuple[str, str], Cast] = {
        (cast.source, cast.target): cast for module in modules for cast in module.CASTS
    }
    for target, sources in _SOURCES.items():
        for source in sources.split():
            cast = casts[source, target]
            yield ScalarFunction(
                target,
                (source,),
                target,
                cast.implementation or _same,
                inline=cast.inline,
                needs_session=cast.needs_session,
                volatility=cast.volatility,
            )


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_functions())
