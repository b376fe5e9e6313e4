"""Where statements end: as the engine's own splitting of a script has it, however the text is cut into lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.cli.scanner import Scanner, Stop
from heliosdb.sql.script import split

PIECES = st.sampled_from(
    [
        "SELECT",
        " ",
        "\n",
        ";",
        "'",
        "''",
        '"',
        "$$",
        "$a$",
        "--",
        "/*",
        "*/",
        "(",
        ")",
        "e'",
        "x",
        "1",
        "-",
        "/",
        "é",
        ",",
        "$1",
        "\t",
    ]
)


def statements(text: str, cuts: list[str] | None = None) -> list[str]:
    """Return the statements of a text that comes in pieces."""
    scanner = Scanner({})
    found = []
    for piece in [text] if cuts is None else cuts:
        at = 0
        while at < len(piece):
            stop, at = scanner.scan(piece, at)
            if stop is Stop.SEMICOLON:
                found.append(scanner.text)
                scanner.clear()
    found.append(scanner.text)
    return found


@given(st.lists(PIECES, max_size=30))
@settings(max_examples=300, deadline=None)
def test_statements_end_where_the_engine_ends_them(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert ";".join(statements(text)) == text
    expected = [part.text for part in split(text)]
    found = [part.text for statement in statements(text) for part in split(statement)]
    assert found == expected


@given(st.lists(PIECES, max_size=30))
@settings(max_examples=300, deadline=None)
def test_it_makes_no_difference_how_the_text_is_cut_into_lines(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert statements(text, text.splitlines(keepends=True)) == statements(text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("", "="),
        (" -- note\n", "="),
        ("select", "-"),
        ("select 'a", "'"),
        ("select e'a\\'", "'"),
        ('select "a', '"'),
        ("select $x$ a", "$"),
        ("select /* a", "*"),
        ("select (1", "("),
        ("select (1)", "-"),
    ],
)
def test_the_mark_says_what_is_open(text: str, mark: str) -> None:
    scanner = Scanner({})
    scanner.scan(text)
    assert scanner.mark == mark


def test_a_backslash_stops_outside_of_quotes_only() -> None:
    scanner = Scanner({})
    assert scanner.scan("select '\\d' \\d") == (Stop.BACKSLASH, 12)
    assert scanner.text == "select '\\d' "


def test_variables_are_replaced_where_they_are_defined() -> None:
    scanner = Scanner({"a": "x y", "q": "it's", "n": 'Na"me'})
    scanner.scan("select :a, :'q', :\"n\", :b, ':a', a::a, $$:a$$ -- :a")
    assert scanner.text == "select x y, 'it''s', \"Na\"\"me\", :b, ':a', a::a, $$:a$$ -- :a"
