"""Ask a PostgreSQL 15 server about all cases (``copy_cases``, ``copy_binary_cases``) and write ``copy_facts.jsonl``.

    python record_copy.py "host=127.0.0.1 port=5432 user=postgres dbname=scratch"

Each case runs in a transaction that is rolled back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
from copy_binary_cases import BINARY_CASES  # type: ignore[import-not-found]
from copy_cases import CASES  # type: ignore[import-not-found]

SETUP = Path(__file__).with_name("copy_setup.sql").read_text(encoding="utf-8")


def ask(connection: psycopg.Connection[Any], statement: str, data: str | bytes) -> dict[str, Any]:
    """Return what the server does with a statement: the output and the rows that are in the table then, or the
    error.
    """
    cursor = connection.cursor()
    cursor.execute(SETUP)
    try:
        if "'/" in statement:
            cursor.execute(statement)
            return {"count": cursor.rowcount}
        with cursor.copy(statement) as copy:
            if " FROM STDIN" in statement:
                for start in range(0, len(data), 7):
                    copy.write(data[start : start + 7])
            else:
                output = b"".join(map(bytes, copy))
                return {"bytes": output.hex()} if "BINARY" in statement.upper() else {"output": output.decode()}
        count = cursor.rowcount
        table = statement.split("(")[0].split(" FROM ")[0].removeprefix("COPY ")
        cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
        return {"count": count, "rows": [row[0] for row in cursor.fetchall()]}
    except psycopg.Error as error:
        diagnostic = error.diag
        position = diagnostic.statement_position
        return {
            "sqlstate": error.sqlstate,
            "message": diagnostic.message_primary,
            "detail": diagnostic.message_detail,
            "hint": diagnostic.message_hint,
            "context": diagnostic.context,
            "position": None if position is None else int(position),
        }


def main() -> None:
    """Record everything."""
    lines = []
    with psycopg.connect(sys.argv[1]) as connection:
        for statement, data in (*CASES, *BINARY_CASES):
            outcome = ask(connection, statement, data)
            connection.rollback()
            given = {"data": data} if isinstance(data, str) else {"bytes": data.hex()}
            lines.append(json.dumps({"statement": statement, **given, "outcome": outcome}, ensure_ascii=True))
    Path(__file__).with_name("copy_facts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
