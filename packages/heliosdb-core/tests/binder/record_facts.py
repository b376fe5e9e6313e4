"""Record what PostgreSQL 15 says about each statement of statements.sql: result columns and parameters, or the error.

Run ``python record_facts.py "host=... dbname=..."`` against an empty database made with initdb -E UTF8 --no-locale
(TimeZone UTC, DateStyle ISO). The facts are what PREPARE and its description give: nothing is executed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg
from psycopg import pq

HERE = Path(__file__).parent


def described(connection: psycopg.Connection, text: str, names: dict[int, str]) -> dict[str, object]:
    low = connection.pgconn
    result = low.prepare(b"fact", text.encode())
    if result.status == pq.ExecStatus.FATAL_ERROR:
        fields = pq.DiagnosticField
        wanted = {
            "sqlstate": fields.SQLSTATE,
            "message": fields.MESSAGE_PRIMARY,
            "detail": fields.MESSAGE_DETAIL,
            "hint": fields.MESSAGE_HINT,
            "position": fields.STATEMENT_POSITION,
        }
        found = {name: result.error_field(field) for name, field in wanted.items()}
        return {name: value.decode() for name, value in found.items() if value is not None}
    result = low.describe_prepared(b"fact")
    fact: dict[str, object] = {
        "columns": [
            [result.fname(at).decode(), names[result.ftype(at)], result.fmod(at)] for at in range(result.nfields)
        ],
        "parameters": [names[result.param_type(at)] for at in range(result.nparams)],
    }
    low.exec_(b"DEALLOCATE fact")
    return fact


def main(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS other CASCADE")
        connection.execute((HERE / "schema.sql").read_text())
        names = dict(connection.execute("SELECT oid, typname FROM pg_type").fetchall())
        facts = {}
        for line in (HERE / "statements.sql").read_text().splitlines():
            if line and not line.startswith("--"):
                facts[line] = described(connection, line, names)
    (HERE / "facts.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
