"""Whatever comes in, only errors of ours come out, and quoting changes nothing about that."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.errors import Error
from heliosdb.sql.keywords import KEYWORDS
from heliosdb.sql.lexer import scan
from heliosdb.sql.parser import parse
from heliosdb.sql.script import split
from heliosdb.sql.shape import shape

ACCEPTED = (Path(__file__).parent / "accepted.sql").read_text(encoding="utf-8").splitlines()
PIECES = (
    sorted(KEYWORDS) + list("()[],.;:*+-/<>=%^$'\"") + ["'x'", "1", "1.5", "a", '"B"', "$1", "::", ":=", "<>", "||"]
)


def check(text: str) -> None:
    shape(text)
    list(split(text))
    found: Error | None = None
    try:
        parse(text)
    except Error as error:
        found = error
    if found is not None:
        assert found.position is None or 1 <= found.position <= len(text) + 1
        assert len(found.sqlstate) == 5


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    check(text)


@settings(max_examples=800, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_words(pieces: list[str]) -> None:
    check(" ".join(pieces))


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(ACCEPTED), st.data())
def test_statements_with_words_missing_added_or_moved(text: str, data: st.DataObject) -> None:
    tokens = scan(text)
    pieces = [text[a - 1 : b - 1] for a, b in zip(tokens.positions, tokens.ends)][:-1]
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(pieces)))
        what = data.draw(st.sampled_from(["delete", "insert", "swap", "cut"]))
        if what == "insert":
            pieces.insert(i, data.draw(st.sampled_from(PIECES)))
        elif what == "cut":
            pieces = pieces[:i]
        elif i < len(pieces):
            if what == "delete":
                del pieces[i]
            else:
                pieces[i], pieces[0] = pieces[0], pieces[i]
    check(" ".join(pieces))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30).filter(lambda s: "\0" not in s and s))
def test_any_text_may_be_a_literal_or_a_name(value: str) -> None:
    literal = value.replace("'", "''")
    name = value.replace('"', '""')
    assert len(parse(f'select \'{literal}\' as "{name}" from "{name}" where "{name}" = \'{literal}\'')) == 1
