"""Every statement of statements.sql binds as PostgreSQL 15 describes it, or fails with its error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from heliosdb.errors import Error
from heliosdb.plan.nodes import BoundStatement

HERE = Path(__file__).parent
FACTS: dict[str, dict[str, object]] = json.loads((HERE / "facts.json").read_text())


def described(bound: Callable[..., BoundStatement], text: str) -> dict[str, object]:
    try:
        statement = bound(text)
    except Error as error:
        fields = {
            "sqlstate": error.sqlstate,
            "message": error.message,
            "detail": error.detail,
            "hint": error.hint,
            "position": str(error.position) if error.position else None,
        }
        return {name: value for name, value in fields.items() if value is not None}
    columns = statement.columns or ()
    return {
        "columns": [[column.name, column.type, column.typmod] for column in columns],
        "parameters": list(statement.parameter_types),
    }


@pytest.mark.parametrize("text", FACTS)
def test_statement_binds_as_recorded(text: str, bound: Callable[..., BoundStatement]) -> None:
    assert described(bound, text) == FACTS[text]
