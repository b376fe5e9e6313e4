"""Functions that may take long ask on the way whether they are to stop."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import factorial as exact_factorial
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import QueryCanceled
from heliosdb.interrupts import ask
from heliosdb.types.numeric_functions import factorial
from heliosdb.types.regexp import regexp_count, regexp_replace, textregexeq

LONG: list[tuple[str, Callable[[], Any]]] = [
    ("many matches", lambda: regexp_replace("ab " * 100_000, "[a-c]+", "x", "g")),
    ("many short matches that are counted", lambda: regexp_count("ab" * 100_000, "a")),
    ("an expression that takes exponential time", lambda: textregexeq("x" * 100_000, "(x+x+)+y")),
    ("an expression that takes the square of the length", lambda: textregexeq("a" * 100_000, r"\w+\s")),
    ("an expression with a reference", lambda: textregexeq("ab" * 20_000, r"(a*)(b*)\1\2x")),
    ("a long product", lambda: factorial(30_000)),
]


@pytest.mark.parametrize(("name", "call"), LONG, ids=[name for name, _ in LONG])
def test_it_stops_when_it_is_told_to(name: str, call: Callable[[], Any]) -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise QueryCanceled("enough")

    ask(check)
    try:
        with pytest.raises(QueryCanceled):
            call()
    finally:
        ask(None)


@pytest.mark.parametrize("number", [0, 1, 5, 63, 64, 65, 200, 3000])
def test_factorials_are_exact(number: int) -> None:
    assert factorial(number) == Decimal(exact_factorial(number))


def test_a_statement_that_sorts_stops_soon() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(
            "CREATE TABLE t AS SELECT (g::int8 * 7919) % 1000003 AS k, 'x' || g AS s FROM generate_series(1, 60000) g"
        )
        for text in (
            "SELECT k FROM t ORDER BY k",
            "SELECT k FROM t ORDER BY s DESC, k",
            "SELECT array_agg(s ORDER BY k) FROM t",
            "SELECT row_number() OVER (ORDER BY s) FROM t",
        ):
            session: Any = database.session()
            original, asked = session.check_interrupt, []

            def check(original: Any = original, asked: list[int] = asked) -> None:
                asked.append(1)
                original()

            session.check_interrupt = check
            session.execute(text)
            assert len(asked) >= 10, text
