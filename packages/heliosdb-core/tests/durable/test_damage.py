"""Damaged files: what is asked of them is an error that names the place, ``check`` finds it, ``salvage`` saves the
rest."""

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
    """A closed database with five blocks of rows in a segment, an index run, and commits in the log."""
    path = tmp_path / "db"
    with EmbeddedDatabase(str(path)) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)")
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


def saved(path: Path) -> tuple[Result, EmbeddedDatabase]:
    """Salvage a database and open what was saved."""
    script, target = path.with_suffix(".sql"), path.with_suffix(".new")
    before = {file.name: file.read_bytes() for file in path.iterdir() if not file.name.endswith("lock")}
    result = run("salvage", str(path), str(script))
    assert {file.name: file.read_bytes() for file in path.iterdir() if not file.name.endswith("lock")} == before
    restored = run("restore", "--into", str(target), str(script))
    assert restored.exit_code == 0, restored.output
    return result, EmbeddedDatabase(str(target))


def test_check_finds_nothing_in_a_good_database_and_salvage_saves_all(path: Path) -> None:
    assert run("check", str(path)).exit_code == 0
    result, database = saved(path)
    with database:
        assert (result.exit_code, database.query("SELECT count(*) FROM t")) == (0, [(ROWS,)])
        assert database.query("INSERT INTO other DEFAULT VALUES RETURNING id, note") == [(6, "kept")]


def test_a_damaged_block_is_an_error_and_the_other_blocks_are_saved(path: Path) -> None:
    segment = largest(path, "segment")
    damage(segment)
    with EmbeddedDatabase(str(path)) as database:
        with pytest.raises(DataCorrupted, match=segment.name):
            database.query("SELECT max(a) FROM t")
        assert database.query("SELECT count(*) FROM other") == [(5,)]
    result = run("check", str(path))
    assert result.exit_code != 0
    assert segment.name in result.output
    result, database = saved(path)
    with database:
        assert result.exit_code == 3
        assert segment.name in result.output
        (count,) = database.query("SELECT count(*) FROM t")[0]
        assert ROWS - 4096 <= count < ROWS
        assert database.query("SELECT count(*) FROM t WHERE a <> md5(id::text)") == [(0,)]


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


def test_a_database_with_a_damaged_manifest_does_not_open_and_is_saved(path: Path) -> None:
    damage(path / "heliosdb.manifest")
    with pytest.raises(DataCorrupted, match="manifest") as raised:
        EmbeddedDatabase(str(path))
    assert "salvage" in (raised.value.hint or "")
    result, database = saved(path)
    with database:
        assert (result.exit_code, "manifest" in result.output) == (3, True)
        assert database.query("SELECT count(*), min(id), max(id) FROM t") == [(ROWS, 1, ROWS)]
        assert database.query("SELECT count(*) FROM other") == [(5,)]


def test_what_is_behind_a_hole_in_the_log_is_saved(path: Path) -> None:
    log = largest(path, "log")
    content = bytearray(log.read_bytes())
    marker = b"\xf5REC"
    second = content.index(marker, content.index(marker) + 1)
    content[second + 50] ^= 0xFF
    log.write_bytes(content)
    with pytest.raises(DataCorrupted, match=log.name):
        EmbeddedDatabase(str(path))
    result, database = saved(path)
    with database:
        assert (result.exit_code, log.name in result.output) == (3, True)
        assert database.query("SELECT id FROM other ORDER BY id") == [(1,), (3,), (4,), (5,)]
        assert database.query("SELECT count(*) FROM t") == [(ROWS,)]


def test_salvage_of_what_is_no_database_is_an_error(tmp_path: Path) -> None:
    assert "does not exist" in run("salvage", str(tmp_path / "nowhere"), "x.sql").output
    (tmp_path / "file").write_text("hello")
    result = run("salvage", str(tmp_path / "file"), str(tmp_path / "x.sql"))
    assert result.exit_code == 1
    assert not (tmp_path / "x.sql").exists()


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
