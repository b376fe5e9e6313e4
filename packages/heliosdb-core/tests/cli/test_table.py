"""Results as text: what stands in the cells, and how wide they are."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from heliosdb.cli.table import Style, Table, display_width, format_table


def drawn(table: Table, style: Style | None = None, width: int | None = None) -> list[str]:
    return list(format_table(table, style or Style(), width))


def test_numbers_stand_right_and_text_left() -> None:
    table = Table(["n", "word"], ["int4", "text"], [("1", "a"), ("100", None)])
    assert drawn(table) == [
        "+-----+------+",
        "| n   | word |",
        "+-----+------+",
        "|   1 | a    |",
        "| 100 |      |",
        "+-----+------+",
    ]


def test_lines_within_a_value_stand_below_each_other() -> None:
    table = Table(["a", "b"], ["text", "text"], [("one\ntwo\n", "x")])
    assert drawn(table)[3:-1] == ["| one+| x |", "| two+|   |", "|     |   |"]


def test_wide_characters_take_two_cells_and_marks_none() -> None:
    table = Table(["ä"], ["text"], [("日本",), ("e\u0301",), ("👍",)])
    assert drawn(table) == ["+------+", "| ä    |", "+------+", "| 日本 |", "| e\u0301    |", "| 👍   |", "+------+"]


def test_what_would_move_the_cursor_is_spelled() -> None:
    table = Table(["a\x1b[2J"], ["text"], [("\x1b[31mred\x07",), ("a\rb",), ("\u202eabc",), ("tab\tend",)])
    text = "\n".join(drawn(table))
    assert "\x1b" not in text + "\x07"[1:]
    assert "\\x1B[31mred\\x07" in text
    assert "a\\rb" in text
    assert "\\u202Eabc" in text
    assert "tab     end" in text


def test_no_columns_and_no_rows() -> None:
    assert drawn(Table([], [], [(), ()])) == ["++", "||", "++", "||", "||", "++"]
    assert drawn(Table(["a"], ["text"], [])) == ["+---+", "| a |", "+---+"]
    assert drawn(Table(["a"], ["text"], []), Style(format="json")) == ["[]"]
    assert drawn(Table(["a"], ["text"], []), Style(expanded="on")) == []


def test_json_keeps_numbers_booleans_and_documents() -> None:
    table = Table(
        ["i", "f", "b", "j", "t", "n"],
        ["int8", "float8", "bool", "jsonb", "text", "numeric"],
        [("9007199254740993", "NaN", "t", '{"a": [1]}', 'q"\n', "1.50"), (None, "1e+300", "f", None, "", "-0.1")],
    )
    text = "\n".join(drawn(table, Style(format="json")))
    first, second = json.loads(text)
    assert first == {"i": 9007199254740993, "f": "NaN", "b": True, "j": {"a": [1]}, "t": 'q"\n', "n": 1.5}
    assert second == {"i": None, "f": 1e300, "b": False, "j": None, "t": "", "n": -0.1}
    assert '"n": 1.50' in text


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4))
def test_every_line_of_a_box_is_as_wide_as_the_others(rows: list[tuple[str, str]]) -> None:
    lines = drawn(Table(["a", "b"], ["text", "int4"], rows))
    assert len({display_width(line) for line in lines}) == 1
    assert all(line.isprintable() or not line.isascii() for line in lines)


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="\x00\r\n")), st.text("ab,\"'\n")), max_size=4))
def test_csv_is_read_by_others(rows: list[tuple[str, str]]) -> None:
    text = "\n".join(drawn(Table(["a", "b"], ["text", "text"], rows), Style(format="csv"))) + "\n"
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] == [("a", "b"), *rows]
