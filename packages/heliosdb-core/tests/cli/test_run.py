"""``heliosdb run``: scripts, their output, their errors and the status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from command_line import Run

CHINOOK = Path(__file__).resolve().parents[5] / "shared" / "data" / "chinook_postgresql.sql"


def test_a_script_prints_its_results_and_a_summary(process: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (2);\nSELECT sum(a) FROM t")
    status, output, error = process("run", "a.sql")
    assert (status, output) == (0, "+-----+\n| sum |\n+-----+\n|   3 |\n+-----+\n(1 row)\n")
    assert re.fullmatch(r"3 statements, no errors, \d+\.\d{3}s\n", error)


def test_quiet_leaves_out_the_summary(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("VALUES (1);")
    assert run("run", "--quiet", "a.sql") == (
        0,
        "+---------+\n| column1 |\n+---------+\n|       1 |\n+---------+\n(1 row)\n",
        "",
    )


def test_a_script_comes_from_standard_input(process: Run) -> None:
    status, output, _ = process("run", "-q", "-", input="\\pset format csv\nSELECT 1 AS one;\n")
    assert (status, output) == (0, "one\n1\n")


def test_an_error_names_file_and_line_shows_the_place_and_stops(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1;\n\n-- a comment\nSELECT 1,\n  nope\n  + 1;\nSELECT 2;\n")
    status, output, error = run("run", "a.sql")
    assert (status, output.count("(1 row)")) == (3, 1)
    assert error.splitlines()[:3] == ['a.sql:6: ERROR:  column "nope" does not exist', "LINE 2:   nope", "          ^"]
    assert "2 statements, 1 error" in error


def test_keep_going_runs_the_rest_and_the_status_still_tells(process: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1/0;\nSELEC;\nSELECT 'after' AS a;\n")
    status, output, error = process("run", "--keep-going", "-q", "a.sql")
    assert status == 3
    assert "| after |" in output
    assert error == (
        "a.sql:1: ERROR:  division by zero\n"
        'a.sql:2: ERROR:  syntax error at or near "SELEC"\nLINE 1: SELEC;\n        ^\n'
    )


def test_an_error_has_its_detail(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t (a int PRIMARY KEY);\nINSERT INTO t VALUES (7), (7);")
    _, _, error = run("run", "-q", "a.sql")
    assert error == (
        'a.sql:2: ERROR:  duplicate key value violates unique constraint "t_pkey"\n'
        "DETAIL:  Key (a)=(7) already exists.\n"
    )


@pytest.mark.parametrize("ending", ["SELECT 1/0;", "\\i missing.sql\n"])
def test_a_single_transaction_is_all_or_nothing(run: Run, tmp_path: Path, ending: str) -> None:
    (tmp_path / "a.sql").write_text(f"CREATE TABLE t (a int);\n{ending}")
    status, output, error = run("run", "-q", "--single-transaction", "--interactive", "a.sql", input="SELECT * FROM t;")
    assert status == 0, "the shell that followed ended well"
    assert 'relation "t" does not exist' in error
    (tmp_path / "b.sql").write_text("CREATE TABLE t (a int);\nSELECT 5 AS five;")
    status, output, error = run("run", "-q", "-1", "-i", "b.sql", input="SELECT count(*) FROM t;")
    assert (status, error) == (0, "")
    assert "| five |" in output
    assert "| count |" in output


def test_a_transaction_left_open_is_rolled_back_with_a_warning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("BEGIN;\nCREATE TABLE t (a int);\n")
    status, _, error = run("run", "-q", "a.sql")
    assert (status, error) == (0, "WARNING:  the script left a transaction open; it was rolled back\n")


def test_interactive_goes_on_in_the_same_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t AS SELECT 41 AS a;\n\\set who World\n")
    _, output, _ = run("run", "-q", "-i", "a.sql", input="SELECT a + 1 AS b, :'who' AS who FROM t;")
    assert "| 42 | World |" in output


def test_variables_are_given_on_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT :'name' AS name, :n + 1 AS n;")
    status, output, _ = run("run", "-q", "-v", "name=O'Neill", "-v", "n=2", "a.sql")
    assert status == 0
    assert "| O'Neill | 3 |" in output


def test_nothing_of_nothing_is_no_error(run: Run, tmp_path: Path) -> None:
    for text in ("", "\n\n", "-- only a comment", "/* and\nanother */\n", ";;;", "\ufeff"):
        (tmp_path / "a.sql").write_text(text, encoding="utf-8")
        assert run("run", "-q", "a.sql") == (0, "", ""), repr(text)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.sql", None, "missing.sql: No such file or directory"),
        (".", None, ".: Is a directory"),
        ("binary.sql", b"SELECT 1;\n\x00\x01", 'binary.sql:2: invalid byte sequence for encoding "UTF8": 0x00'),
        ("latin.sql", b"SELECT 1;\nSELECT 'caf\xe9';", 'latin.sql:2: invalid byte sequence for encoding "UTF8": 0xe9'),
        ("cut.sql", "SELECT 'ü'".encode()[:-2], 'cut.sql:1: invalid byte sequence for encoding "UTF8": 0xc3'),
    ],
)
def test_a_file_that_is_no_script_is_refused_before_anything_runs(
    run: Run, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run("run", name) == (1, "", f"heliosdb: error: {said}\n")


@pytest.mark.parametrize(
    "text", ["SELECT 'open", 'SELECT "open', "SELECT /* open", "SELECT $$open", "SELECT (1", "SELECT 1 +"]
)
def test_an_unfinished_statement_at_the_end_is_an_error(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.sql").write_text(text + "\n; SELECT 1;")
    if text == "SELECT 1 +":
        (tmp_path / "a.sql").write_text(text)
    status, output, error = run("run", "-q", "a.sql")
    assert (status, output) == (3, "")
    assert error.startswith("a.sql:")
    assert "ERROR:  " in error
    assert "Traceback" not in error


def test_scripts_include_others_and_errors_name_the_right_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.sql").write_text("\\ir sub/b.sql\nSELECT 'a' AS file;\n")
    (tmp_path / "sub/b.sql").write_text("\\ir c.sql\nSELECT 'b' AS file;\n\\q\nSELECT 'never';\n")
    (tmp_path / "sub/c.sql").write_text("SELECT 'c' AS file\n")
    status, output, error = run("run", "-q", "a.sql")
    assert (status, error) == (0, "")
    assert re.findall(r"\| (\w)    \|", output) == ["c", "b", "a"]
    (tmp_path / "sub/c.sql").write_text("\n\nSELECT nope;\n")
    status, output, error = run("run", "-q", "a.sql")
    assert (status, output) == (3, "")
    assert error.startswith("sub/c.sql:3: ERROR:  ")


def test_a_script_that_includes_itself_ends_with_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("\\i a.sql\n")
    status, _, error = run("run", "-q", "a.sql")
    assert (status, error) == (3, "a.sql:1: ERROR:  files are nested more than 50 deep\n")


def test_rows_for_copy_stand_in_the_script(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n1\tone; \\\\q\n2\t\\N\n\\.\n"
        "COPY t (b, a) FROM STDIN WITH (FORMAT csv);\n"
        '"a ""b""\nc",3\n\\.\nSELECT * FROM t ORDER BY a;\n'
    )
    status, output, error = run("run", "-q", "a.sql")
    assert (status, error) == (0, "")
    assert output == (
        "+---+---------+\n| a | b       |\n+---+---------+\n| 1 | one; \\q |\n| 2 |         |\n"
        '| 3 | a "b"  +|\n|   | c       |\n+---+---------+\n(3 rows)\n'
    )


def test_rows_behind_a_failed_copy_are_not_taken_for_statements(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("COPY nope FROM stdin;\nDROP TABLE x;\n\\.\nSELECT 1 AS one;\n")
    status, output, error = run("run", "-q", "--keep-going", "a.sql")
    assert status == 3
    assert error == 'a.sql:3: ERROR:  relation "nope" does not exist\n'
    assert "| one |" in output


def test_commands_of_databases_are_notices(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "DROP DATABASE IF EXISTS shop;\nCREATE DATABASE shop;\n\\c shop;\n\\connect shop\nSELECT 1 AS one;"
    )
    status, output, error = run("run", "a.sql")
    assert status == 0
    assert error.count("NOTICE:  ") == 4
    assert "ERROR" not in error
    assert "| one |" in output


@pytest.mark.parametrize(
    "command", ["\\! ls", "\\copy t from program 'ls'", "\\o |cat", "\\g |cat", "\\echo `ls`", "\\if true"]
)
def test_scripts_run_no_programs_and_no_branches(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "a.sql").write_text(f"CREATE TABLE t (a text);\n{command}\nSELECT 'not reached';\n")
    status, output, error = run("run", "-q", "a.sql")
    assert (status, output) == (3, "")
    assert error.startswith("a.sql:2: ERROR:  ")
    assert "not supported" in error


def test_between_restrict_and_unrestrict_no_command_runs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "\\restrict k3y\n\\echo no\n\\unrestrict other\n\\echo no\n\\unrestrict k3y\n\\echo yes\n\\unrestrict k3y\n"
    )
    status, output, error = run("run", "-q", "--keep-going", "a.sql")
    assert (status, output) == (3, "yes\n")
    assert [line.partition(": ")[2] for line in error.splitlines()] == [
        "ERROR:  backslash commands are restricted; only \\unrestrict is allowed",
        "ERROR:  \\unrestrict: wrong key",
        "ERROR:  backslash commands are restricted; only \\unrestrict is allowed",
        "ERROR:  \\unrestrict: not currently in restricted mode",
    ]


def test_an_unknown_command_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("\\nonsense\n")
    assert run("run", "-q", "a.sql") == (
        3,
        "",
        "a.sql:1: ERROR:  invalid command \\nonsense\nHINT:  Try \\? for help.\n",
    )


def test_a_reader_that_goes_away_ends_the_program_in_silence(tmp_path: Path) -> None:
    import subprocess

    from command_line import PROGRAMS, environment

    (tmp_path / "a.sql").write_text("SELECT * FROM generate_series(1, 100000);\n")
    command = f"'{PROGRAMS / 'heliosdb'}' run -q a.sql | head -1"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("+-----------------+\n", "")


@pytest.mark.skipif(not CHINOOK.exists(), reason="the data set is not at hand")
def test_a_script_made_for_psql_loads_unchanged(process: Run, tmp_path: Path) -> None:
    status, output, error = process("run", "--interactive", str(CHINOOK), input="SELECT count(*) FROM track;\n\\dt\n")
    assert status == 0
    assert "ERROR" not in error
    assert "59 statements, no errors" in error
    assert "|  3503 |" in output
    assert "(11 rows)" in output


def test_a_script_prints_what_psql_prints(process: Run, tmp_path: Path) -> None:
    here = Path(__file__).resolve().parent
    (tmp_path / "psql.sql").write_bytes((here / "psql.sql").read_bytes())
    status, output, error = process("run", "--quiet", "--keep-going", "--set", "TimeZone=UTC", "psql.sql")
    assert status == 3
    assert output == (here / "psql.out").read_text()
    assert error == (here / "psql.err").read_text()


def test_a_comment_that_nothing_closes_is_an_error_and_swallows_nothing_in_silence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1;\n/* a note\nSELECT 2;\n")
    status, output, error = run("run", "a.sql")
    assert (status, output.count("(1 row)")) == (3, 1)
    assert 'ERROR:  unterminated /* comment at or near "/* a note' in error


def test_verbose_errors_show_the_sqlstate_and_the_objects(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "\\set VERBOSITY verbose\nCREATE TABLE t (a int PRIMARY KEY);\nINSERT INTO t VALUES (1), (1);\n"
    )
    _, _, error = run("run", "--quiet", "a.sql")
    lines = error.splitlines()
    assert lines[0] == 'a.sql:3: ERROR:  23505: duplicate key value violates unique constraint "t_pkey"'
    assert "TABLE NAME:  t" in lines
    assert "CONSTRAINT NAME:  t_pkey" in lines
