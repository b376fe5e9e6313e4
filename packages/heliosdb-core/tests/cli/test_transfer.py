r"""Rows from and to files: \copy, and COPY with the shell's input and output."""

from __future__ import annotations

import pytest

from command_line import Talk


@pytest.fixture
def table(talk: Talk) -> Talk:
    talk.shell.show_tags = False
    talk("CREATE TABLE t (a int, b text, c date DEFAULT '2026-01-01');\n")
    return talk


def test_csv_from_a_file(table: Talk) -> None:
    (table.folder / "rows.csv").write_text('b,a\n"one, or so",1\n,2\n"",3\n')
    assert table("\\copy t (b, a) from 'rows.csv' with (format csv, header)\n") == ""
    printed = table("\\pset null -\nSELECT * FROM t ORDER BY a;\n")
    assert (
        "| 1 | one, or so | 2026-01-01 |\n| 2 | -          | 2026-01-01 |\n| 3 |            | 2026-01-01 |" in printed
    )


def test_the_number_of_rows_is_told(table: Talk) -> None:
    table.shell.show_tags = True
    (table.folder / "rows.txt").write_text("1\tx\t2026-02-03\n" * 2500)
    assert table("\\copy t from rows.txt\n") == "COPY 2500\n"
    assert table("\\copy t to copy.txt\n") == "COPY 2500\n"
    assert table("\\copy t from rows.txt where a = 2\n") == "COPY 0\n"
    assert (table.folder / "copy.txt").read_text() == (table.folder / "rows.txt").read_text()


def test_queries_go_to_files_and_to_the_output(table: Talk) -> None:
    table("INSERT INTO t VALUES (1, E'a\\tb', NULL), (2, 'to', '2026-05-05');\n")
    assert table("\\copy (SELECT b, a FROM t WHERE b <> 'from x to y' ORDER BY a) to 'out.csv' csv header\n") == ""
    assert (table.folder / "out.csv").read_text() == "b,a\na\tb,1\nto,2\n"
    assert table("\\copy t (a, c) to stdout\n") == "1\t\\N\n2\t2026-05-05\n"
    assert table("COPY (SELECT b FROM t ORDER BY a) TO STDOUT;\n") == "a\\tb\nto\n"
    assert table("COPY t TO STDOUT (FORMAT csv, DELIMITER ';');\n") == "1;a\tb;\n2;to;2026-05-05\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "1\tx\t2026-01-01\n2\tx\tsoon\n",
            'invalid input syntax for type date: "soon"\nCONTEXT:  COPY t, line 2, column c: "soon"',
        ),
        ("1\n", 'missing data for column "b"\nCONTEXT:  COPY t, line 1'),
        ("1\tx\t2026-01-01\t4\n", "extra data after last expected column\nCONTEXT:  COPY t, line 1"),
        (
            "99999999999\tx\t\\N\n",
            'value "99999999999" is out of range for type integer\nCONTEXT:  COPY t, line 1, column a',
        ),
    ],
)
def test_a_wrong_row_names_its_line_and_nothing_is_kept(table: Talk, content: str, said: str) -> None:
    (table.folder / "rows.txt").write_text("7\tgood\t2026-01-01\n" * 1500 + content)
    printed = table("\\copy t from rows.txt\n")
    message, _, context = said.partition(" line ")
    number = int(context.split(",")[0]) + 1500
    assert printed.startswith(f"ERROR:  {message} line {number}")
    assert "|     0 |" in table("SELECT count(*) FROM t;\n")
    assert table.shell.session.block.status == "I"


def test_a_failed_copy_fails_the_transaction_around_it(table: Talk) -> None:
    (table.folder / "rows.txt").write_text("x\n")
    table("BEGIN;\n\\copy t from rows.txt\n")
    assert table.shell.session.block.status == "E"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("\\copy", "\\copy: FROM or TO and a file are needed"),
        ("\\copy t", "\\copy: FROM or TO and a file are needed"),
        ("\\copy t from missing.csv", "missing.csv: No such file or directory"),
        ("\\copy t to missing/out.csv", "missing/out.csv: No such file or directory"),
        ("\\copy t from .", ".: Is a directory"),
        ("\\copy nope from rows.txt", 'relation "nope" does not exist'),
        ("\\copy t (a, nope) from rows.txt", 'column "nope" of relation "t" does not exist'),
        ("\\copy pg_class from rows.txt", 'relation "pg_class" does not exist'),
        ("\\copy (SELECT 1) from rows.txt", "syntax error"),
        ("\\copy t from rows.txt (format binary)", "COPY file signature not recognized"),
        ("\\copy t from rows.txt (encoding 'latin1')", 'encoding "latin1" is not supported'),
        ("\\copy t from rows.txt (delimiter 'ab')", "COPY delimiter must be a single one-byte character"),
        ("\\copy t from rows.txt (quote 'x')", "COPY quote available only in CSV mode"),
        ("\\copy t from rows.txt (format csv, delimiter '\"')", "COPY delimiter and quote must be different"),
        ("\\copy t from open.csv (format csv)", "unterminated CSV quoted field"),
        ("\\copy t from latin.txt", 'invalid byte sequence for encoding "UTF8": 0xe9'),
        ("\\copy (DELETE FROM t) to out.txt", "COPY query must have a RETURNING clause"),
        ("\\copy (SELEC) to out.txt", "syntax error"),
    ],
)
def test_what_cannot_be_copied_is_an_error_that_says_so(table: Talk, line: str, said: str) -> None:
    (table.folder / "rows.txt").write_text("1\tx\t2026-01-01\n")
    (table.folder / "open.csv").write_text('1,"open\n')
    (table.folder / "latin.txt").write_bytes(b"1\tcaf\xe9\t2026-01-01\n")
    printed = table(line + "\n")
    assert printed.startswith(f"ERROR:  {said}"), printed
    assert "|     0 |" in table("SELECT count(*) FROM t;\n")


def test_a_statement_that_is_wrong_leaves_the_file_as_it_is(table: Talk) -> None:
    (table.folder / "kept.txt").write_text("precious")
    assert table("\\copy nope to kept.txt\n").startswith("ERROR:  relation")
    assert (table.folder / "kept.txt").read_text() == "precious"
