"""The lexer: kinds, decoded values and 1-based positions, by PostgreSQL 15's rules."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.errors import Error
from heliosdb.sql.dialect import POSTGRESQL
from heliosdb.sql.keywords import BARE_LABELS, COLUMN_NAMES, FUNCTION_NAMES, KEYWORDS, RESERVED, UNRESERVED
from heliosdb.sql.lexer import scan, tokenize


def kinds_and_values(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.value) for token in tokenize(text)]


def test_tokens_have_kind_value_and_place() -> None:
    tokens = [tuple(token) for token in tokenize("SELECT Name, 'it''s'\n FROM \"T\" WHERE x >= $1")]
    assert tokens == [
        ("select", "select", 1, 7),
        ("name", "name", 8, 12),
        (",", ",", 12, 13),
        ("SCONST", "it's", 14, 21),
        ("from", "from", 23, 27),
        ("IDENT", "T", 28, 31),
        ("where", "where", 32, 37),
        ("IDENT", "x", 38, 39),
        (">=", ">=", 40, 42),
        ("PARAM", "1", 43, 45),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 12 1.5 .5 5. 1e5 1.5E-3", "ICONST ICONST FCONST FCONST FCONST FCONST FCONST"),
        ("2147483647 2147483648 00002147483647", "ICONST FCONST ICONST"),
        ("1..2", "ICONST .. ICONST"),
        ("a.5", "IDENT FCONST"),
        ("a.b.*", "IDENT . IDENT . *"),
        ("a:=1, b=>2, c::int, [1:2]", "IDENT := ICONST , IDENT => ICONST , IDENT :: int , [ ICONST : ICONST ]"),
        ("a<>b a!=b a<=b a>=b", "IDENT <> IDENT IDENT <> IDENT IDENT <= IDENT IDENT >= IDENT"),
        ("$1 $22", "PARAM PARAM"),
        ("b'01' X'1F' n'x' N'y'", "BCONST XCONST nchar SCONST nchar SCONST"),
        ("{ } \\ $ ?", "{ } \\ $ OP"),
    ],
)
def test_kinds(text: str, expected: str) -> None:
    assert [token.kind for token in tokenize(text)] == expected.split()


@pytest.mark.parametrize(
    ("text", "operators"),
    [
        ("a @- b", ["@-"]),  # a special character allows a last minus
        ("a +- b", ["+", "-"]),
        ("a *- b", ["*", "-"]),
        ("a <-- b", ["<"]),
        ("a +-+ b", ["+", "-", "+"]),
        ("a @/* comment */ b", ["@"]),
        ("a */* x */ b", ["*"]),
        ("a <-> b", ["<->"]),
        ("a =- b", ["=", "-"]),
        ("a %- b", ["%-"]),
        ("a <>- b", ["<>", "-"]),
    ],
)
def test_the_longest_operator_wins_but_gives_back_comments_and_signs(text: str, operators: list[str]) -> None:
    assert [token.value for token in tokenize(text)[1:] if token.kind != "IDENT"] == operators


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a''b'", "a'b"),
        ("'a'\n'b'", "ab"),
        ("'a' -- c\n  -- d\n 'b'", "ab"),
        ("'a\\n'", "a\\n"),
        ("E'a\\n\\t\\\\\\'q\\101\\x41\\u0041\\U00000041'", "a\n\t\\'qAAAA"),
        ("e'a\\\nb'", "a\nb"),
        ("E'a'\n'\\n'", "a\n"),
        ("E'\\xc3\\xa9'", "é"),
        ("E'\\ud83d\\ude00'", "😀"),
        ("U&'d\\0061t\\+000061'", "data"),
        ("U&'d!0061!!' UESCAPE '!'", "da!"),
        ("U&'\\D83D\\DE00'", "😀"),
        ("$$it's$$", "it's"),
        ("$a$ $$ $b$ $a$", " $$ $b$ "),
        ("''", ""),
    ],
)
def test_strings_come_decoded(text: str, value: str) -> None:
    assert kinds_and_values(text) == [("SCONST", value)]


def test_strings_on_one_line_stay_two() -> None:
    assert kinds_and_values("'a' 'b'") == [("SCONST", "a"), ("SCONST", "b")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ABC", "abc"),
        ('"ABC"', "ABC"),
        ('"a""b"', 'a"b'),
        ("ÄÖabC", "ÄÖabc"),  # only ASCII letters are folded
        ('U&"d\\0061ta"', "data"),
        ("x" * 70, "x" * 63),
        ('"' + "é" * 40 + '"', "é" * 31),  # 62 bytes: never inside a character
        ("a$b_1", "a$b_1"),
        ("u&b", "u"),
    ],
)
def test_names_are_folded_and_cut(text: str, name: str) -> None:
    assert kinds_and_values(text)[0] == ("IDENT", name)


def test_comments_are_blanks() -> None:
    assert kinds_and_values("/* a /* b */ c */ x -- y\n/**/z") == [("IDENT", "x"), ("IDENT", "z")]


@pytest.mark.parametrize(
    ("text", "sqlstate", "message", "position"),
    [
        ("select 1a", "42601", 'trailing junk after numeric literal at or near "1a"', 8),
        ("select 1e", "42601", 'trailing junk after numeric literal at or near "1e"', 8),
        ("select 1e+x", "42601", 'trailing junk after numeric literal at or near "1e+"', 8),
        ("select 0x1F", "42601", 'trailing junk after numeric literal at or near "0x1F"', 8),
        ("select 1_000", "42601", 'trailing junk after numeric literal at or near "1_000"', 8),
        ("select $1a", "42601", 'trailing junk after parameter at or near "$1a"', 8),
        ("select 'abc", "42601", 'unterminated quoted string at or near "\'abc"', 8),
        ("select 'a'\n'b", "42601", "unterminated quoted string at or near \"'a'\n'b\"", 8),
        ("select e'\\'", "42601", "unterminated quoted string at or near \"e'\\'\"", 8),
        ("select b'01", "42601", 'unterminated bit string literal at or near "b\'01"', 8),
        ("select x'01", "42601", 'unterminated hexadecimal string literal at or near "x\'01"', 8),
        ('select "abc', "42601", 'unterminated quoted identifier at or near ""abc"', 8),
        ('select ""', "42601", 'zero-length delimited identifier at or near """"', 8),
        ("select $x$abc", "42601", 'unterminated dollar-quoted string at or near "$x$abc"', 8),
        ("select /* /* */", "42601", 'unterminated /* comment at or near "/* /* */"', 8),
        ("select " + "@" * 64, "42601", f'operator too long at or near "{"@" * 64}"', 8),
        ("select e'\\xff'", "22021", 'invalid byte sequence for encoding "UTF8": 0xff', None),
        ("select e'\\0'", "22021", 'invalid byte sequence for encoding "UTF8": 0x00', None),
        ("select e'\\u12'", "22025", "invalid Unicode escape", 10),
        ("select e'\\ud800'", "42601", 'invalid Unicode surrogate pair at or near "\'"', 16),
        ("select e'\\u0000'", "42601", 'invalid Unicode escape value at or near "\\u0000"', 10),
        ("select U&'\\12'", "42601", "invalid Unicode escape", 11),
        ("select U&'\\0000'", "42601", "invalid Unicode escape value", 11),
        ("select U&'!0041' uescape 'a'", "42601", "invalid Unicode escape character at or near \"'a'\"", 26),
        (
            "select U&'!0041' uescape",
            "42601",
            "UESCAPE must be followed by a simple string literal at end of input",
            25,
        ),
        ("select 'a\0b'", "42601", 'syntax error at or near "\\x00"', 10),
    ],
)
def test_lexical_errors_are_postgresqls(text: str, sqlstate: str, message: str, position: int | None) -> None:
    with pytest.raises(Error) as caught:
        tokenize(text)
    assert (caught.value.sqlstate, caught.value.message, caught.value.position) == (sqlstate, message, position)


def test_a_scan_keeps_what_stands_before_an_error() -> None:
    tokens = scan("select 1 + 'x")
    assert tokens.kinds == ["select", "ICONST", "+", "ERROR"]
    assert tokens.error is not None


def test_keyword_classes_are_postgresql_15s() -> None:
    counts = {letter: list(KEYWORDS.values()).count(letter) for letter in "UCTR"}
    assert counts == {"U": 309, "C": 51, "T": 23, "R": 77}
    assert {"select", "user", "all"} <= RESERVED
    assert {"merge", "value", "year"} <= UNRESERVED
    assert "coalesce" in COLUMN_NAMES - FUNCTION_NAMES
    assert "left" in FUNCTION_NAMES - COLUMN_NAMES
    assert "and" in BARE_LABELS
    assert "day" not in BARE_LABELS


def test_a_dialect_may_quote_and_fold_otherwise() -> None:
    dialect = evolve(
        POSTGRESQL, name="other", identifier_quotes=(('"', '"'), ("`", "`"), ("[", "]")), folding="preserve"
    )
    values = [token.value for token in tokenize('Ab "c""d" `e` [f g]', dialect)]
    assert values == ["Ab", 'c"d', "e", "f g"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1 .'\"$\\/*-+@=<>(),;:!\n\teEuUxXbB&é_"), max_size=40))
def test_tokens_cover_the_text_in_order(text: str) -> None:
    tokens = scan(text)
    end = 1
    for position, after in zip(tokens.positions, tokens.ends):
        assert end <= position <= after
        end = after
    assert tokens.kinds[-1] in ("EOF", "ERROR")
    assert len(tokens.kinds) == len(tokens.values) == len(tokens.positions) == len(tokens.ends)


@given(st.text(max_size=30).filter(lambda s: "\0" not in s))
@settings(max_examples=200, deadline=None)
def test_any_string_survives_quoting(value: str) -> None:
    quoted = "'" + value.replace("'", "''") + "'"
    assert kinds_and_values(quoted) == [("SCONST", value)]
    escaped = "E'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if not any("\ud800" <= c <= "\udfff" for c in value):
        assert kinds_and_values(escaped) == [("SCONST", value)]
