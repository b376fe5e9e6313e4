"""Damaged files: what is asked of them is an error that names the place, and ``check`` finds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heliosdb import EmbeddedDatabase
from heliosdb.cli.main import cli
from heliosdb.errors import DataCorrupted

ROWS = 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed database with five blocks of rows in a segment, index runs, and commits in the log."""
    path = tmp_path / "db"
    with EmbeddedDatabase(str(path)) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)")
        database.execute("CREATE INDEX ON t (a)")
        database.execute("CREATE TABLE other (id serial PRIMARY KEY, note text DEFAULT 'kept')")
        database.execute(f"INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, {ROWS}) AS g")
        database.execute("CHECKPOINT")
        for _ in range(5):
            database.execute("INSERT INTO other DEFAULT VALUES")
        database.database.volume.close()
    return path


def damage(file: Path, at: float = 0.5) -> None:
    """Turn over a byte."""
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 0xFF
    file.write_bytes(content)


def largest(path: Path, kind: str) -> Path:
    """Return the largest file of a kind."""
    return max(path.glob(f"{kind}-*"), key=lambda file: file.stat().st_size)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_check_finds_nothing_in_a_good_database(path: Path) -> None:
    assert run("check", str(path)).exit_code == 0


def test_a_damaged_block_is_an_error_that_names_its_file(path: Path) -> None:
    segment = largest(path, "segment")
    damage(segment)
    with EmbeddedDatabase(str(path)) as database:
        with pytest.raises(DataCorrupted, match=segment.name):
            database.query("SELECT max(a) FROM t")
        assert database.query("SELECT count(*) FROM other") == [(5,)]
    result = run("check", str(path))
    assert result.exit_code != 0
    assert segment.name in result.output


def test_a_damaged_index_run_is_found_and_read_by_nobody_who_wants_rows(path: Path) -> None:
    index = largest(path, "run")
    damage(index)
    result = run("check", str(path))
    assert (result.exit_code, index.name in result.output) == (3, True)
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT count(*), max(a) IS NOT NULL FROM t") == [(ROWS, True)]
        database.execute("REINDEX TABLE t")
        assert database.query("SELECT a = md5('7') FROM t WHERE id = 7") == [(True,)]
        database.execute("CHECKPOINT")
    assert run("check", str(path)).exit_code == 0


def test_compact_gives_space_back(path: Path) -> None:
    with EmbeddedDatabase(str(path)) as database:
        database.execute("DELETE FROM t WHERE id > 10")
        database.database.volume.close()
    before = sum(file.stat().st_size for file in path.iterdir())
    result = run("compact", str(path))
    assert result.exit_code == 0, result.output
    assert sum(file.stat().st_size for file in path.iterdir()) < before / 10
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT count(*) FROM t") == [(10,)]
