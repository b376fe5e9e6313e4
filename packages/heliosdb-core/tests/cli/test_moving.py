"""``heliosdb dump``, ``restore``, ``import``, ``export`` and ``check``."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import PROGRAMS, Run, environment
from heliosdb import EmbeddedDatabase

SUMMARY = r"(\d[\d,]*) tables?, (\d[\d,]*) rows?, \d+\.\d{3}s \([\d,]+ rows/s\)\n"


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Return the path of a database with two tables."""
    path = str(tmp_path / "shop.db")
    with EmbeddedDatabase(path) as database:
        database.execute("CREATE TABLE customer (id int PRIMARY KEY, name text)")
        database.execute("CREATE TABLE sale (id serial PRIMARY KEY, customer int REFERENCES customer, total numeric)")
        database.execute("INSERT INTO customer VALUES (1, 'Ann'), (2, E'O''Hara\\n& Sons')")
        database.execute("INSERT INTO sale (customer, total) VALUES (1, 1.50), (2, 'NaN'), (1, NULL)")
    return path


def test_a_dump_goes_out_and_comes_back(run: Run, shop: str) -> None:
    status, text, error = run("dump", shop)
    assert (status, error) == (0, "")
    assert text.startswith("--\n-- HeliosDB database dump\n--\n")
    status, output, error = run("restore", "-", "--into", "copy.db", input=text)
    assert (status, output) == (0, "")
    assert re.fullmatch(SUMMARY, error)
    assert run("dump", "copy.db") == (0, text, "")
    assert run("import", "-", "--into", "third.db", "-q", input=text) == (0, "", "")
    assert run("dump", "third.db") == (0, text, "")


def test_an_archive_goes_out_and_comes_back(run: Run, shop: str, tmp_path: Path) -> None:
    status, _, error = run("dump", shop, "-f", "shop.hda", "-Z", "zstd:19")
    assert status == 0
    assert re.fullmatch(SUMMARY, error)
    assert (tmp_path / "shop.hda").read_bytes()[:5] == b"\x89HDBA"
    assert run("dump", shop, "-f", "shop.hda") == (1, "", 'Error: "shop.hda" exists already\n')
    assert run("dump", shop, "-f", "shop.hda", "--force", "-q") == (0, "", "")
    assert run("restore", "shop.hda", "--into", "copy.db", "-q")[0] == 0
    assert run("dump", "copy.db")[1] == run("dump", shop)[1]
    status, _, error = run("restore", "shop.hda", "--into", "part.db", "-t", "sale", "-q")
    assert (status, error) == (0, "left out: references to public.customer, which is not there\n")
    assert run("export", "part.db", "--query", "SELECT count(*) AS n FROM sale", "-") == (0, "n\n3\n", "")


def test_a_restore_that_fails_leaves_nothing(run: Run, shop: str, tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("CREATE TABLE t (a int);\nINSERT INTO t VALUES (1/0);\n")
    status, output, error = run("restore", "bad.sql", "--into", "new.db")
    assert (status, output) == (1, "")
    assert error == "Error: division by zero\nCONTEXT:  line 2 of bad.sql\n"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["bad.sql", "shop.db"]
    before = run("dump", shop)[1]
    assert run("restore", "bad.sql", "--into", shop)[0] == 1
    assert run("dump", shop)[1] == before


def test_choices_reach_the_dump(run: Run, shop: str) -> None:
    assert "COPY" not in run("dump", shop, "--schema-only")[1]
    assert "CREATE TABLE" not in run("dump", shop, "--data-only")[1]
    text = run("dump", shop, "-t", "cust*", "--inserts", "--clean", "--if-exists")[1]
    assert "INSERT INTO public.customer (id, name) VALUES (1, 'Ann');" in text
    assert "DROP TABLE IF EXISTS public.customer;" in text
    assert "sale" not in text
    for wrong in (["-t", "absent"], ["-s", "-a"], ["--if-exists"], ["-Z", "zstd:99", "-F", "archive"]):
        status, _, error = run("dump", shop, *wrong)
        assert (status, error.startswith("Error: ")) == (1, True)


def test_a_database_that_is_not_there_is_not_made(run: Run, tmp_path: Path) -> None:
    for command in (["dump", "absent.db"], ["export", "absent.db", "t", "t.csv"], ["check", "absent.db"]):
        assert run(*command) == (1, "", 'Error: database "absent.db" does not exist\n')
    assert run("import", "absent.csv", "--into", "new.db")[0] == 1
    status, _, error = run("import", "some.csv", "--into", "")
    assert (status, error.splitlines()[-1]) == (2, "Error: the path of the database is empty")
    assert list(tmp_path.iterdir()) == []


def test_files_come_in(run: Run, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "some.sqlite")
    connection.executescript(
        "CREATE TABLE People (Id INTEGER PRIMARY KEY, Name TEXT); INSERT INTO People VALUES (1, 'Ann');"
    )
    connection.close()
    (tmp_path / "more.csv").write_text("id;name\n2;Bob\n3;\n")
    assert run("import", "some.sqlite", "--into", "app.db", "-q") == (0, "", "")
    assert run("import", "more.csv", "--into", "app.db", "--table", "people", "--append", "-q") == (0, "", "")
    assert run("export", "app.db", "people", "-") == (0, "id,name\n1,Ann\n2,Bob\n3,\n", "")
    status, _, error = run("import", "more.csv", "--into", "app.db", "--table", "people")
    assert (status, error) == (1, 'Error: relation "people" already exists\n')
    (tmp_path / "bad.csv").write_text("id,name\n1,x\n2\n")
    status, _, error = run("import", "bad.csv", "--into", "app.db")
    assert (status, error) == (1, 'Error: line 3 of "bad.csv" has 1 value, not 2\n')


def test_tables_go_out(run: Run, shop: str, tmp_path: Path) -> None:
    assert run("export", shop, "sale", "-", "-d", "\\t", "--null", "?") == (
        0,
        "id\tcustomer\ttotal\n1\t1\t1.50\n2\t2\tNaN\n3\t1\t?\n",
        "",
    )
    for name in ("all.sqlite", "all.sql"):
        assert run("export", shop, name, "-q") == (0, "", "")
        assert run("import", name, "--into", f"{name}.db", "-q")[0] == 0
        _, output, _ = run("export", f"{name}.db", "--query", "SELECT name FROM customer ORDER BY id", "-")
        assert output == 'name\nAnn\n"O\'Hara\n& Sons"\n'
    assert run("export", shop, "customer", "c.parquet", "-q") == (0, "", "")
    assert (tmp_path / "c.parquet").read_bytes()[:4] == b"PAR1"
    assert run("export", shop, "t.what")[2].startswith('Error: the name "t.what" does not say which format is wanted')


def test_check_finds_nothing_wrong_and_says_what_it_looked_at(run: Run, shop: str) -> None:
    status, output, error = run("check", shop)
    assert (status, output) == (0, "")
    assert re.fullmatch(r"2 tables, 5 rows, 2 indexes, 3 constraints: no problems, \d+\.\d{3}s\n", error)


def test_salvage_says_what_is_lost(run: Run, shop: str, tmp_path: Path) -> None:
    status, output, error = run("salvage", shop, "mended.db")
    assert (status, output) == (0, "")
    assert re.fullmatch(r"\d+ rows, nothing is lost, no problems, \d+\.\d{3}s\n", error)
    assert run("dump", "mended.db")[1] == run("dump", shop)[1]
    assert run("salvage", shop, "mended.db") == (1, "", 'Error: "mended.db" exists already\n')
    (tmp_path / shop / "heliosdb.manifest").write_bytes(b"damaged")
    status, output, _ = run("salvage", shop, "again.db", "-q")
    assert status == 3
    assert "the manifest of the database is damaged" in output
    # Where sequences stand is lost with it, rows are not.
    assert run("export", "again.db", "sale", "-") == run("export", "mended.db", "sale", "-")


def test_a_salvage_that_fails_leaves_nothing_that_would_pass_for_a_database(
    run: Run, shop: str, tmp_path: Path
) -> None:
    before = {entry.name for entry in tmp_path.iterdir()}
    code = (
        "import resource, sys; from heliosdb.cli.main import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500));"
        f"sys.argv = ['heliosdb', 'salvage', {shop!r}, 'mended.db']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("Error: could not write file")
    assert {entry.name for entry in tmp_path.iterdir()} == before
    assert run("salvage", shop, "mended.db", "-q") == (0, "", "")
    assert {entry.name for entry in tmp_path.iterdir()} == {*before, "mended.db"}


def test_help_shows_examples(process: Run) -> None:
    for command in ("dump", "restore", "import", "export", "check", "salvage"):
        status, output, _ = process(command, "--help")
        assert status == 0
        assert re.search(rf"Examples:\n +(pg_dump .*)?heliosdb {command} ", output), command
    assert re.search(r"^  import +Import FILE", process("--help")[1], re.MULTILINE)


def test_a_new_database_is_filled_in_steps_and_whole_at_once(run: Run, tmp_path: Path) -> None:
    lines = "".join(f"{n},name {n}\n" for n in range(120_000))
    (tmp_path / "many.csv").write_text("id,name\n" + lines)
    assert run("import", "many.csv", "--into", "many.db", "-q") == (0, "", "")
    assert (
        run("export", "many.db", "--query", "SELECT count(*), sum(id) FROM many", "-")[1]
        == "count,sum\n120000,7199940000\n"
    )
    (tmp_path / "many.csv").write_text("id,name\n" + lines + "1\n")
    assert run("import", "many.csv", "--into", "other.db", "-q")[0] == 1
    assert sorted(found.name for found in tmp_path.iterdir()) == ["many.csv", "many.db"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("heliosdb ", {"plain,dump", "plain,import", "plain,check"}),
        ("heliosdb import --kin", {"plain,--kind"}),
        ("heliosdb import --kind s", {"plain,sql", "plain,sqlite"}),
        ("heliosdb dump ", {"file,"}),
    ],
)
def test_the_shell_of_the_system_completes(words: str, expected: set[str], tmp_path: Path) -> None:
    # The last word is what stands before the cursor.
    count = len(words.split(" ")) - 1
    done = subprocess.run(
        [str(PROGRAMS / "heliosdb")],
        env=environment(tmp_path)
        | {"_HELIOSDB_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected <= {line.rstrip() for line in done.stdout.splitlines()}
