"""``heliosdb repl``: from a pipe, and at a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import heliosdb
from command_line import Run, Terminal
from heliosdb.cli.repl import is_complete

Start = Callable[..., Terminal]
READY = r"heliosdb>"


def test_a_pipe_gets_tables_and_counts_with_times_and_no_prompt(process: Run) -> None:
    status, output, error = process(
        "repl",
        "--memory",
        input="CREATE TABLE users (id int, name text);\nINSERT INTO users VALUES (1, 'Alice');\n"
        "INSERT INTO users VALUES (2, 'Bob'), (3, NULL);\nSELECT * FROM users;\nDELETE FROM users;\n",
    )
    assert (status, error) == (0, "")
    assert re.sub(r"\d\.\d{3}s", "0.001s", output) == (
        "Query OK (0.001s)\n"
        "Query OK, 1 row affected (0.001s)\n"
        "Query OK, 2 rows affected (0.001s)\n"
        "+----+-------+\n| id | name  |\n+----+-------+\n"
        "|  1 | Alice |\n|  2 | Bob   |\n|  3 |       |\n+----+-------+\n"
        "(3 rows) (0.001s)\n"
        "Query OK, 3 rows affected (0.001s)\n"
    )


def test_errors_do_not_end_a_pipe_but_for_on_error_stop(run: Run) -> None:
    status, output, error = run("repl", input="SELECT nope;\nSELECT 1 AS one;\n")
    assert (status, error) == (0, 'ERROR:  column "nope" does not exist\nLINE 1: SELECT nope;\n               ^\n')
    assert "| one |" in output
    status, output, _ = run("repl", input="\\set ON_ERROR_STOP on\nSELECT nope;\nSELECT 1 AS one;\n")
    assert (status, output) == (3, "")


def test_quit_ends_a_pipe_and_an_open_transaction_is_rolled_back(run: Run) -> None:
    status, output, error = run("repl", input="BEGIN;\n\\q\nSELECT 1;\n")
    assert (status, output.count("\n")) == (0, 1)
    assert error == "WARNING:  the open transaction was rolled back\n"


def test_bytes_that_are_no_text_are_an_error_and_the_rest_runs(run: Run) -> None:
    _, output, error = run("repl", input=b"SELECT '\xff\xfe' AS a;\nSELECT 2 AS two;\n")
    assert error == 'ERROR:  invalid byte sequence for encoding "UTF8": 0xff\nHINT:  Scripts are text files in UTF-8.\n'
    assert "| two |" in output


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("", True),
        ("  \n", True),
        ("-- note", True),
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT 1; SELECT", False),
        ("SELECT ';", False),
        ("SELECT ';';", True),
        ('SELECT ";', False),
        ("SELECT $a$;$b$;", False),
        ("SELECT $a$;$a$;", True),
        ("SELECT (1;", False),
        ("SELECT 1 /* ;", False),
        ("/* a /* nested */", False),
        ("\\dt", True),
        ("help", True),
        ("Quit;", True),
        ("exit", True),
        ("exit now", False),
        ("SELECT 1 \\g", True),
        ("SELECT '\\dt", False),
        ("SELECT E'\\';", False),
        ("SELECT 1 -- ;", False),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;", False),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;", True),
    ],
)
def test_enter_runs_what_is_complete(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


def test_a_user_sees_banner_prompt_continuation_and_tables(terminal: Start) -> None:
    user = terminal("repl", "--memory")
    banner = user.expect(READY)
    assert f"HeliosDB {heliosdb.__version__}" in banner
    assert r"Type \h for help, \dS for system views, \q to quit" in banner
    user.type("SELECT 1 AS one,\r2 AS two;\r")
    seen = user.expect(r"\(1 row\) \(\d\.\d{3}s\)")
    assert "->" in seen
    assert "| one | two |\n+-----+-----+\n|   1 |   2 |" in seen
    user.expect(READY)
    user.type("\\q\r")
    assert user.status() == 0


def test_help_exit_and_quit_need_no_backslash(terminal: Start) -> None:
    user = terminal("repl")
    user.expect(READY)
    user.type("help\r")
    user.expect(r"\\copy")
    user.type("select\rquit;\r")
    user.expect('column "quit" does not exist')
    user.type("EXIT\r")
    assert user.status() == 0


def test_the_prompt_shows_the_transaction(terminal: Start) -> None:
    user = terminal("repl")
    user.expect(READY)
    user.type("begin;\r")
    user.expect(r"heliosdb\*>")
    user.type("select 1/0;\r")
    assert "ERROR:  division by zero" in user.expect(r"heliosdb!>")
    user.type("rollback;\r")
    user.expect(r"Query OK")
    user.expect(READY)
    user.type("\x04")
    assert user.status() == 0


def test_interrupting_drops_the_line_and_cancels_the_statement(terminal: Start) -> None:
    user = terminal("repl")
    user.expect(READY)
    user.type("select 'dropped\x03")
    user.expect(READY)
    user.type("select 'begun' as state; select pg_sleep(50);\r")
    user.expect(r"\| begun \|\n")
    user.type("\x03")
    user.expect(READY)
    user.type("select 7 as still;\r")
    user.expect(r"\| +7 \|")


def test_on_error_stop_ends_an_included_script_but_not_the_shell(terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("select 'first' as s;\nselect 1/0;\nselect 'not reached' as s;\n")
    user = terminal("repl")
    user.expect(READY)
    user.type("\\set ON_ERROR_STOP on\r")
    user.expect(READY)
    user.type("\\i a.sql\r")
    seen = user.expect(r"a.sql:2: ERROR:  division by zero\n")
    assert "first" in seen
    assert "not reached" not in user.expect(READY)
    user.type("select 1/0;\r")
    user.expect("ERROR")
    user.expect(READY)
    user.type("\\q\r")
    assert user.status() == 0


def test_interrupting_a_script_ends_it(terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("select 'begun' as s;\nselect pg_sleep(50);\nselect 'not reached' as s;\n")
    user = terminal("run", "--keep-going", "a.sql")
    user.expect(r"\(1 row\)\n")
    user.type("\x03")
    assert user.status() in (1, 3), "1 where it came between two statements"
    assert "not reached" not in user.seen


def test_tab_completes_tables_and_columns(terminal: Start) -> None:
    user = terminal("repl")
    user.expect(READY)
    user.type("create table passengers (ticket_number int);\r")
    user.expect("Query OK")
    user.expect(READY)
    user.type("select * from passe\t")
    # What is redrawn is what changed: the rest of the word.
    user.expect("ngers")
    user.type(" where passengers.tick\t")
    user.expect("et_number")
    user.type(" = 1;\r")
    user.expect(r"\(0 rows\)")


def test_an_editor_changes_the_last_statement(terminal: Start) -> None:
    user = terminal("repl", EDITOR="sed -i s/1/42/")
    user.expect(READY)
    user.type("select 1 as x;\r")
    user.expect(r"\|  1 \||\| 1 \|")
    user.expect(READY)
    user.type("\\e\r")
    user.expect(r"\| 42 \|")


def test_rows_for_copy_are_typed(terminal: Start) -> None:
    user = terminal("repl")
    user.expect(READY)
    user.type("create table c (a int, b text);\r")
    user.expect("Query OK")
    user.expect(READY)
    user.type("copy c from stdin;\r")
    user.expect(">>")
    user.type("1\tselect;\r")
    user.expect(">>")
    user.type("\\.\r")
    user.expect("Query OK, 1 row affected")
    user.expect(READY)
    user.type("table c;\r")
    user.expect(r"\| 1 \| select; \|")


def test_statements_are_remembered_in_a_file_of_the_user_alone(terminal: Start, tmp_path: Path) -> None:
    user = terminal("repl")
    user.expect(READY)
    user.type("select 'remember me';\r")
    user.expect(r"\(1 row\)")
    user.expect(READY)
    user.type("\x04")
    assert user.status() == 0
    history = tmp_path / "history"
    assert "+select 'remember me';" in history.read_text()
    if sys.platform != "win32":
        assert history.stat().st_mode & 0o077 == 0


def test_long_output_goes_through_the_pager(terminal: Start) -> None:
    user = terminal("repl", PAGER="sed s/^/paged:/")
    user.expect(READY)
    user.type("select 1 as short;\r")
    assert "paged:" not in user.expect(r"\(1 row\)")
    user.type("select * from generate_series(1, 200);\r")
    user.expect(r"paged:\|             200 \|")


def test_an_output_that_is_no_terminal_gets_no_colours(process: Run) -> None:
    _, output, error = process("repl", input="SELECT nope;\n\\d nope\nCREATE DATABASE x;")
    assert "\x1b" not in output + error
