"""Recorded answers of PostgreSQL 15, and how to ask either side.

A recording is a file of JSON lines under the core's ``tests/types/recorded/``; each line is a call and what
PostgreSQL answered:

``{"call": "date_trunc", "types": ["text", "timestamp"], "arguments": ["month", "2024-02-29"], "answer": "2024-02-01
00:00:00"}``

``call`` is a function's name, or "" for "read the one argument and show it" (text input and output); with ``cast``
the one argument is converted explicitly to that type instead. ``settings`` are
those that differ from TimeZone UTC, DateStyle ISO,MDY and IntervalStyle postgres. An answer is text, null, or a list
of SQLSTATE, message, detail and hint. A set-returning function's answer is a list under ``rows``. ``variadic``: the
last argument is the array of the rest.

``python recorded_calls.py CONNINFO FILE...`` asks a PostgreSQL 15 server (initdb -E UTF8 --no-locale) every call
again and rewrites the answers; it needs psycopg. The tests need neither.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from heliosdb import errors
from heliosdb.types.builtin import FAMILIES
from heliosdb.types.definitions import (
    CallTypes,
    Cast,
    OperatorClass,
    ScalarFunction,
    TableFunction,
    resolve_implementation,
)
from heliosdb.types.registry import TypeRegistry

RECORDED = Path(__file__).parents[1] / "packages/heliosdb-core/tests/types/recorded"
DEFAULTS = {"timezone": "UTC", "datestyle": "ISO, MDY", "intervalstyle": "postgres"}


class RecordedSession:
    """What type functions ask of a session: settings, and a transaction that began at a fixed instant."""

    def __init__(self, types: TypeRegistry, settings: dict[str, str]) -> None:
        self.types = types
        self.settings = DEFAULTS | {"extra_float_digits": "1", "bytea_output": "hex"} | settings
        self.transaction_timestamp = 761_234_567_890_123
        self.statement_timestamp = self.transaction_timestamp
        self.user = self.session_user = "postgres"

    def setting(self, name: str) -> Any:
        return self.settings[name]


@cache
def registry() -> TypeRegistry:
    """Return the built-in types."""
    types = [type_ for family in FAMILIES for type_ in getattr(import_module(family), "TYPES", ())]
    classes: dict[tuple[str, str], tuple[OperatorClass, ...]] = {}
    for family in FAMILIES:
        for class_ in getattr(import_module(family), "OPERATOR_CLASSES", ()):
            key = (class_.access_method, class_.type)
            classes[key] = (*classes.get(key, ()), class_)
    return TypeRegistry(types, classes)


@cache
def functions() -> dict[tuple[str, tuple[str, ...]], ScalarFunction | TableFunction]:
    """Return the built-in functions by name and argument types."""
    found: dict[tuple[str, tuple[str, ...]], ScalarFunction | TableFunction] = {}
    for family in FAMILIES:
        module = import_module(family)
        for function in (*getattr(module, "FUNCTIONS", ()), *getattr(module, "TABLE_FUNCTIONS", ())):
            found[function.name, function.arguments] = function
    return found


@cache
def casts() -> dict[tuple[str, str], Cast]:
    """Return the built-in casts by source and target."""
    found = (cast for family in FAMILIES for cast in getattr(import_module(family), "CASTS", ()))
    return {(cast.source, cast.target): cast for cast in found}


def base_type(spelled: str) -> tuple[str, int]:
    """Return the internal name and typmod of ``timestamp(3)`` or ``interval day to second(2)``."""
    head, _, rest = spelled.partition("(")
    name, _, fields = head.partition(" ")
    modifiers: list[int | str] = [fields] if fields else []
    if rest:
        modifiers += [
            int(part) if part.strip().removeprefix("-").isdigit() else part for part in rest.rstrip(")").split(",")
        ]
    typmod_in = registry().typmod_in(name) if modifiers else None
    return name, typmod_in(modifiers) if typmod_in else -1


def read(spelled: str, text: str | None, session: RecordedSession) -> Any:
    """Return the datum of a text."""
    if text is None:
        return None
    name, typmod = base_type(spelled)
    datum = registry().input(name)(text, typmod, session)
    coerce = registry().coerce_typmod(name) if typmod >= 0 else None
    return coerce(datum, typmod, False) if coerce else datum


def show(name: str, datum: Any, session: RecordedSession) -> str | None:
    """Return the text of a datum."""
    return None if datum is None else registry().output(name)(datum, session)


def concrete(function: ScalarFunction | TableFunction, types: list[str]) -> list[str]:
    """Return the concrete types of arguments and result, polymorphic ones by what the call gives."""
    element = next(
        (t for p, t in zip(function.arguments, types, strict=False) if p in ("anyelement", "anycompatible")), None
    )
    for parameter, given in zip(function.arguments, types, strict=False):
        if parameter in ("anyarray", "anycompatiblearray"):
            element = given.removeprefix("_")
    result = function.returns
    if result in ("anyelement", "anycompatible", "anynonarray"):
        result = element or result
    if result in ("anyarray", "anycompatiblearray"):
        result = f"_{element}"
    return [*types, result]


def ours(record: dict[str, Any]) -> Any:
    """Answer a recorded call with the built-in types and functions."""
    session = RecordedSession(registry(), record.get("settings", {}))
    try:
        arguments = [read(t, a, session) for t, a in zip(record["types"], record["arguments"], strict=True)]
        names = [base_type(t)[0] for t in record["types"]]
        if "cast" in record:
            return converted(names[0], record["cast"], arguments[0], session)
        if not record["call"]:
            return show(names[0], arguments[0], session)
        signature = tuple(record.get("signature", names))
        function = functions()[record["call"], signature]
        if function.strict and None in arguments:
            return [] if isinstance(function, TableFunction) else None
        *_, result = concrete(function, names)
        implementation = resolve_implementation(function.implementation)
        if function.specialize:
            implementation = implementation(CallTypes(tuple(names), result, registry()))
        if function.needs_session:
            arguments.append(session)
        answer = implementation(*arguments)
        if not isinstance(function, TableFunction):
            return show(result, answer, session)
        if function.columns:
            columns = [name for _, name in function.columns]
            return [[show(t, v, session) for t, v in zip(columns, row, strict=True)] for row in answer]
        return [show(result, row, session) for row in answer]
    except errors.Error as error:
        return [error.sqlstate, error.message, error.detail, error.hint]


def converted(source: str, target: str, datum: Any, session: RecordedSession) -> str | None:
    """Return the text of a datum converted explicitly to another type, by its cast or through text."""
    name, typmod = base_type(target)
    cast = casts().get((source, name))
    if cast is None:
        datum = registry().input(name)(registry().output(source)(datum, session), -1, session)
    elif cast.implementation is not None:
        implementation = resolve_implementation(cast.implementation)
        given = [datum, *([typmod, True] if cast.takes_typmod else []), *([session] if cast.needs_session else [])]
        datum = implementation(*given)
    coerce = registry().coerce_typmod(name) if typmod >= 0 else None
    return show(name, coerce(datum, typmod, True) if coerce else datum, session)


def load(name: str) -> list[dict[str, Any]]:
    """Return the calls of a recording."""
    lines = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def answer_of(record: dict[str, Any]) -> Any:
    """Return what PostgreSQL answered."""
    return record["rows"] if "rows" in record else record["answer"]


def ask(connection: Any, record: dict[str, Any]) -> dict[str, Any]:
    """Return the call with PostgreSQL's answer of now."""
    import psycopg

    cursor = connection.cursor()
    for setting, value in (DEFAULTS | record.get("settings", {})).items():
        cursor.execute(f"SET {setting} = '{value}'")
    record = {key: value for key, value in record.items() if key not in ("answer", "rows")}
    quote = psycopg.sql.Literal
    arguments = []
    for spelled, text in zip(record["types"], record["arguments"], strict=True):
        type_name = spelled[1:] + "[]" if spelled.startswith("_") else '"char"' if spelled == "char" else spelled
        arguments.append(f"{quote(text).as_string(connection)}::{type_name}")
    if record.get("variadic"):
        arguments[-1] = f"VARIADIC {arguments[-1]}"
    call = f'"{record["call"]}"({", ".join(arguments)})' if record["call"] else arguments[0]
    if "cast" in record:
        call = f"({call})::{record['cast']}"
    try:
        if record.get("set"):
            cursor.execute(f"SELECT * FROM {call} AS f")
            rows = [
                [_raw(cursor, row, column) for column in range(cursor.pgresult.nfields)]
                for row in range(cursor.rowcount)
            ]
            return record | {"rows": [row if len(row) > 1 else row[0] for row in rows]}
        cursor.execute(f"SELECT {call}")
        return record | {"answer": _raw(cursor, 0, 0)}
    except psycopg.Error as error:
        diagnostics = error.diag
        failure = [error.sqlstate, diagnostics.message_primary, diagnostics.message_detail, diagnostics.message_hint]
        return record | {"answer": failure}


def _raw(cursor: Any, row: int, column: int) -> str | None:
    """Return a value as the server sent it, in its text form."""
    value = cursor.pgresult.get_value(row, column)
    return None if value is None else value.decode()


def main(conninfo: str, *names: str) -> None:
    """Ask every call again and rewrite the recordings."""
    import psycopg
    import psycopg.sql

    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name in names:
            lines = [json.dumps(ask(connection, record), ensure_ascii=False) for record in load(name)]
            (RECORDED / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
