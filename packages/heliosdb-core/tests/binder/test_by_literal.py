"""A call with a literal at its end may stand for another function, and is then that function's call."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import UndefinedFunction
from heliosdb.plugin import hookimpl
from heliosdb.spi import ScalarFunction


def refuse(*arguments: object) -> str:
    raise AssertionError("another function stands for this one")


@hookimpl
def register_functions() -> list[ScalarFunction]:
    both = ("int4", "int4")

    def name(literal: str) -> str | None:
        return {"plus": "added", "minus": "taken", "nothing": "nowhere"}.get(literal)

    return [
        ScalarFunction("added", both, "int4", lambda a, b: a + b, schema="public"),
        ScalarFunction("taken", both, "int4", lambda a, b: a - b, schema="public"),
        ScalarFunction("taken", ("text", "text"), "int4", refuse, schema="public"),
        ScalarFunction(
            "combined", (*both, "text"), "int4", lambda a, b, how: f"{a}{how}{b}", schema="public", by_literal=name
        ),
    ]


@pytest.fixture
def database() -> EmbeddedDatabase:
    plugin = SimpleNamespace(plugin_name="combined", register_functions=register_functions)
    database = EmbeddedDatabase.new_in_memory(plugins=[plugin])
    database.execute("CREATE TABLE t (a int, b int)")
    database.execute("INSERT INTO t VALUES (7, 2)")
    return database


def test_each_literal_has_its_own_function_though_texts_are_alike(database: EmbeddedDatabase) -> None:
    for _ in range(3):
        assert database.query("SELECT combined(a, b, 'plus') FROM t") == [(9,)]
        assert database.query("SELECT combined(a, b, 'minus') FROM t") == [(5,)]
        assert database.query("SELECT combined(a, 5, 'minus') FROM t") == [(2,)]
        assert database.query("SELECT combined(a, b, '!') FROM t") == [("7!2",)]
    (row,) = database.query("SELECT combined(a, b, $1), combined(a, b, NULL), combined(a, NULL, 'plus') FROM t", ("+",))
    assert tuple(row) == ("7+2", None, None)


def test_the_plan_shows_what_is_called(database: EmbeddedDatabase) -> None:
    plan = [row[0] for row in database.query("EXPLAIN SELECT 1 FROM t WHERE combined(a, b, 'plus') = 9")]
    assert any("added(t.a, t.b) = 9" in line for line in plan), plan
    # What is the same expression is the same in GROUP BY.
    query = "SELECT combined(a, b, 'plus') FROM t GROUP BY combined(a, b, 'plus')"
    assert database.query(query) == [(9,)]


def test_a_function_that_is_not_there_is_told(database: EmbeddedDatabase) -> None:
    with pytest.raises(UndefinedFunction, match=r"function nowhere\(integer, integer\), which combined stands for"):
        database.query("SELECT combined(a, b, 'nothing') FROM t")
