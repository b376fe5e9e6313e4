"""COPY against what PostgreSQL did with the same statements and data (``copy_facts.jsonl``), whatever the pieces in
which the data comes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import Error

HERE = Path(__file__).parent
SETUP = (HERE / "copy_setup.sql").read_text(encoding="utf-8")
FACTS = [json.loads(line) for line in (HERE / "copy_facts.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def database() -> Any:
    opened = Database(":memory:")
    for _ in opened.session().execute_script(SETUP):
        pass
    yield opened
    opened.close()


def outcome(database: Database, statement: str, data: str | bytes, piece: int) -> dict[str, Any]:
    session = database.session()
    session.begin()
    try:
        if "'/" in statement:
            return {"count": session.execute(statement)[0].row_count}
        with session.copy(statement) as copy:
            if not copy.is_from:
                return {"bytes": b"".join(copy).hex()} if copy.is_binary else {"output": "".join(copy)}
            for start in range(0, len(data), piece):
                copy.write(data[start : start + piece])
                copy.transfer.flush()
            count = copy.finish().row_count
        table = statement.split("(")[0].split(" FROM ")[0].removeprefix("COPY ")
        (result,) = session.execute(f'SELECT t::text FROM {table} t ORDER BY t::text COLLATE "C"')
        return {"count": count, "rows": sorted(row[0] for row in result.rows)}
    except Error as error:
        return {
            "sqlstate": error.sqlstate,
            "message": error.message,
            "detail": error.detail,
            "hint": error.hint,
            "context": error.context,
            "position": error.position,
        }
    finally:
        session.block.rollback()
        session.close()


def expected(fact: dict[str, Any]) -> dict[str, Any]:
    found = dict(fact["outcome"])
    if found.get("hint"):
        found["hint"] = (
            found["hint"]
            .replace("the PostgreSQL server process", "the server process")
            .removesuffix(" You may want a client-side facility such as psql's \\copy.")
        )
    if "rows" in found:
        found["rows"] = sorted(found["rows"])
    return found


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("number", range(len(FACTS)))
def test_copy_does_what_postgresql_does(database: Database, number: int, piece: int) -> None:
    fact = FACTS[number]
    data = fact["data"] if "data" in fact else bytes.fromhex(fact["bytes"])
    assert outcome(database, fact["statement"], data, piece) == expected(fact)
