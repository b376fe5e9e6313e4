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


PLANNER = "PostgreSQL finds this when it plans, not when it describes"
KNOWN = {
    "select id as x from t union select id from u order by id": "the hint names the sides of the union",
    "insert into t values (1) on conflict (name) do nothing": PLANNER,
    "insert into rich (code) values ('a') on conflict (upper(code)) do nothing": PLANNER,
    "insert into rich (code) values ('a') on conflict (code) do nothing": PLANNER,
}
"""Statements for which the binder differs on purpose or for a reason that is known."""


def parameters() -> list[object]:
    return [
        pytest.param(text, marks=pytest.mark.xfail(reason=KNOWN[text])) if text in KNOWN else text for text in FACTS
    ]


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


@pytest.mark.parametrize("text", parameters())
def test_statement_binds_as_recorded(text: str, bound: Callable[..., BoundStatement]) -> None:
    assert described(bound, text) == FACTS[text]
