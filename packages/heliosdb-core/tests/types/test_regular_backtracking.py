"""Back-references in bounded time: the same matches as ``re`` finds, and no pattern that cannot be stopped."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors
from heliosdb.interrupts import ask
from heliosdb.types.regular_backtracking import Program
from heliosdb.types.regular_expression import emit, parse_regex

PIECES = [
    "a",
    "b",
    "(a|b)",
    "(a+)",
    "(b*)",
    "[ab]",
    "a?",
    "(?:ab)+",
    ".",
    r"\1",
    r"(a|ab)(c|bcd)",
    "a{1,2}",
    "(b{2})?",
    "^",
    "$",
    "(?=b)",
    "a+?",
]


def found(pattern: str, text: str) -> tuple[object, object]:
    parsed = parse_regex(pattern)
    mine = Program(parsed).search(text)
    other = re.compile(emit(parsed), re.ASCII).search(text)
    return (
        None if mine is None else ((mine.start(), mine.end()), mine.groups()),
        None if other is None else (other.span(), other.groups()),
    )


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.text(alphabet="abcd", max_size=12))
@settings(max_examples=300)
def test_it_finds_what_re_finds(pieces: list[str], text: str) -> None:
    mine, other = found("(a|b)" + "".join(pieces) + r"\1", text)
    assert mine == other


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        (r"(abc)\1", "xyzabcabc", ("abc",)),
        (r"(\w+) \1", "to be be or", ("be",)),
        (r"(a)|b\1", "b", None),
        (r"(a)|(b)\2", "xbb", (None, "b")),
        (r"^(.*)-\1$", "ab-ab", ("ab",)),
    ],
)
def test_groups(pattern: str, text: str, groups: tuple[str | None, ...] | None) -> None:
    match = Program(parse_regex(pattern)).search(text)
    assert (None if match is None else match.groups()) == groups


def test_what_is_exponential_for_re_ends_soon() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        started = time.process_time()
        assert db.query(r"SELECT repeat('a', 60) ~ '^(a+)+\1b$'") == [(False,)]
        assert db.query(r"SELECT regexp_match(repeat('ab', 40) || 'c', '^((a|b)*)*\1$')") == [(None,)]
        assert time.process_time() - started < 10


def test_a_statement_stops_in_the_middle_of_a_match() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db, pytest.raises(errors.QueryCanceled):
        db.query(r"SELECT repeat('a', 2000) ~ '^(a*)(a*)(a*)\1\2\3b$'", timeout=0.2)


def test_create_index_stops_between_costly_keys() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g")
        calls: list[int] = []

        def costly(value: int) -> int:
            calls.append(value)
            if len(calls) == 100:
                db._session.interrupt()
            return value

        db.create_function("costly", ["int4"], "int4", costly, volatility="immutable")
        with pytest.raises(errors.QueryCanceled):
            db.execute("CREATE INDEX ON t (costly(g))")
        assert len(calls) < 300
        assert db.query("SELECT count(*) FROM pg_indexes WHERE tablename = 't'") == [(0,)]


def test_nobody_is_asked_after_the_statement() -> None:
    ask(None)
    assert Program(parse_regex(r"(a*)*\1b")).search("a" * 50) is None


def test_a_program_has_a_limit() -> None:
    with pytest.raises(errors.InvalidRegularExpression, match="too complex"):
        Program(parse_regex(r"((a{200}){200})\1"))
