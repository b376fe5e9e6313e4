"""Errors as psql prints them; the expected lines were printed by psql 15 for the same statements."""

from __future__ import annotations

from heliosdb import errors
from heliosdb.cli.report import error_lines, verbose_error_lines

LONG = "1" * 76


def lines(sql: str, place: str, **fields: str) -> list[str]:
    return error_lines(errors.UndefinedColumn("m", position=sql.index(place) + 1, **fields), sql)


def test_the_place_is_marked_below_its_line() -> None:
    assert lines("SELECT 1,\n  nope;", "nope") == ["ERROR:  m", "LINE 2:   nope;", "          ^"]


def test_the_place_comes_before_detail_and_hint() -> None:
    found = lines("SELECT x;", "x", hint="h", detail="d", context="c")
    assert found == ["ERROR:  m", "LINE 1: SELECT x;", "               ^", "DETAIL:  d", "HINT:  h", "CONTEXT:  c"]


def test_a_long_line_is_cut_behind_the_place() -> None:
    sql = f"select {'a' * 37}, {'b' * 34}, nope;"
    assert lines(sql, "aaa")[1:] == [
        f"LINE 1: select {'a' * 37}, {'b' * 14}...",
        "               ^",
    ]


def test_a_long_line_is_cut_before_a_place_at_its_end() -> None:
    assert lines(f"select '{LONG}',zzz;", "zzz")[1:] == [
        "LINE 1: ..." + "1" * 54 + "',zzz;",
        " " * 67 + "^",
    ]


def test_a_long_line_is_cut_on_both_sides_of_a_place_in_the_middle() -> None:
    sql = f"select {LONG} as b,zzz as c, {LONG} as d"
    _, line, caret = lines(sql, "zzz")
    assert line.startswith("LINE 1: ...1")
    assert line.endswith("zzz as c, ...")
    assert line[len(caret) - 1 :].startswith("zzz")


def test_wide_characters_and_tabs_before_the_place_are_counted() -> None:
    assert lines("SELECT '日本',\tx", "x")[1:] == ["LINE 1: SELECT '日本', x", " " * 23 + "^"]


def test_a_place_that_is_none_is_left_out() -> None:
    for position in (None, 0, 99):
        assert error_lines(errors.UndefinedColumn("m", position=position), "SELECT 1") == ["ERROR:  m"]


def test_control_characters_in_messages_are_spelled() -> None:
    assert error_lines(errors.UndefinedColumn("a\x1b[31m\nb")) == ["ERROR:  a\\x1B[31m\nb"]


def test_the_verbose_form_has_the_code_and_the_names() -> None:
    error = errors.UniqueViolation("m", schema="s", table="t", constraint="c")
    assert verbose_error_lines(error) == [
        "ERROR:  23505: m",
        "SCHEMA NAME:  s",
        "TABLE NAME:  t",
        "CONSTRAINT NAME:  c",
    ]
