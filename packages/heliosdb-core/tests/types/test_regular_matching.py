"""Regular expressions find PostgreSQL's match, in time that no pattern can blow up."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.errors import InvalidParameterValue, InvalidRegularExpression
from heliosdb.types.pattern import textlike
from heliosdb.types.regexp import regexp_match, regexp_replace, textregexeq
from heliosdb.types.regular_expression import parse_flags
from heliosdb.types.regular_matching import compile_regex


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("foobar", "foo|foobar", ("foobar",)),
        ("XY1234Z", "Y*([0-9]{1,3})", ("123",)),
        ("XY1234Z", "Y*?([0-9]{1,3})", ("1",)),
        ("abc01234xyz", "(?:(.*?)(\\d+)(.*)){1,1}", ("abc", "01234", "xyz")),
        ("aab", "a*(ab)?", ("ab",)),
        ("barbeque barbaz", "(?=b)(\\w+)z", ("barba",)),
        ("one\ntwo", "(?n)^two$", ("two",)),
        ("ABC", "(?i)b", ("B",)),
    ],
)
def test_the_match_is_the_longest_or_shortest_of_the_leftmost(
    text: str, pattern: str, expected: tuple[str | None, ...]
) -> None:
    assert regexp_match(text, pattern) == expected


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("a" * 40 + "b", "(a+)+$"),
        ("a" * 5000 + "!", "(a|aa)+$"),
        ("x" * 4000, ".*a.*b.*c.*d"),
        (" " * 30000 + "x", "\\s+$"),
        ("ab" * 20000, "(?:a|b|ab)*c"),
        ("a" * 3000, "((a*)*)*b"),
    ],
)
def test_hostile_patterns_take_time_proportional_to_the_text(text: str, pattern: str) -> None:
    started = time.perf_counter()
    assert not textregexeq(text, pattern)
    assert time.perf_counter() - started < 5


def test_hostile_like_patterns_take_time_proportional_to_text_and_pattern() -> None:
    started = time.perf_counter()
    assert not textlike("a" * 5000, "%a" * 30 + "%b")
    assert textlike("ab" * 2500, "%a%b" * 30 + "%")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "parentheses () not balanced"),
        (")", "parentheses () not balanced"),
        ("[a", "brackets [] not balanced"),
        ("a{1", "braces {} not balanced"),
        ("a{2,1}", "invalid repetition count(s)"),
        ("a{256}", "invalid repetition count(s)"),
        ("*a", "quantifier operand invalid"),
        ("a**", "quantifier operand invalid"),
        ("[b-a]", "invalid character range"),
        ("[[:nope:]]", "invalid character class"),
        ("\\", "invalid escape \\ sequence"),
        ("(a)\\2", "invalid backreference number"),
    ],
)
def test_malformed_expressions_say_what_is_wrong(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidRegularExpression) as caught:
        textregexeq("", pattern)
    assert caught.value.message == f"invalid regular expression: {reason}"


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InvalidParameterValue, match='invalid regular expression option: "z"'):
        parse_flags("iz")


def test_pattern_text_is_never_more_than_a_pattern() -> None:
    assert regexp_replace("a.b", "***=.", "\\&\\&") == "a..b"
    assert textregexeq("(?P<x>", "***=(?P<x>")


@settings(max_examples=150, deadline=None)
@given(
    st.text("ab\n", max_size=8),
    st.lists(st.sampled_from(["a", "b", ".", "[ab]", "(a|ab)", "a*", "(b+)?", "^", "$", "\\y"]), max_size=5),
)
def test_the_automaton_agrees_with_re_on_whether_and_where_a_match_starts(text: str, parts: list[str]) -> None:
    regex = compile_regex("".join(parts), None)
    plain = re.search(
        "".join(part.replace("^", r"\A").replace("$", r"\Z").replace("\\y", "\\b") for part in parts).replace(
            ".", r"[\s\S]"
        ),
        text,
    )
    automaton = regex._built()
    assert automaton is not None
    found = automaton.find(text, 0, False)
    assert (found is None) == (plain is None)
    if found is not None and plain is not None:
        assert found[0] == plain.start()
        assert found[1] >= plain.end()
