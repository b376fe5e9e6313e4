"""Damaged files: what is asked of them is an error that names the place, and ``check`` finds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heliosdb import EmbeddedDatabase
from heliosdb.cli.main import cli
from heliosdb.errors import DataCorrupted
from heliosdb.verify import verify

ROWS = 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed database with five blocks of rows in a segment, an index run, and commits in the log."""
    path = tmp_path / "db"
    with EmbeddedDatabase(str(path)) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL)")
        database.execute("CREATE TABLE other (id serial PRIMARY KEY, note text DEFAULT 'kept')")
        # A page of the index without a gap would need no filter.
        database.execute(f"INSERT INTO t SELECT g + g / 1024, md5(g::text) FROM generate_series(1, {ROWS}) AS g")
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
    assert (result.exit_code, index.name in result.output) == (1, True)
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT count(*), max(a) IS NOT NULL FROM t") == [(ROWS, True)]
        database.execute("REINDEX TABLE t")
        assert database.query("SELECT a = md5('7') FROM t WHERE id = 7") == [(True,)]
        database.execute("CHECKPOINT")
    assert run("check", str(path)).exit_code == 0


def test_every_damaged_place_is_named_and_counted(path: Path) -> None:
    segment = largest(path, "segment")
    for at in (0.1, 0.4, 0.5, 0.8):
        damage(segment, at)
    content = sorted((file.name, file.read_bytes()) for file in path.glob("*-*"))
    result = run("check", str(path))
    places = re.findall(
        rf"file {segment.name}: .* block (\d+) at offset \d+ is damaged \(table public.t\)", result.output
    )
    assert len(places) == 4
    unreadable = re.findall(r"table public.t: row ids (\d+) to \d+ cannot be read", result.output)
    assert [int(first) >> 12 for first in unreadable] == sorted(set(map(int, places)))
    assert f"{len(places) + len(unreadable)} problems" in result.output
    assert result.exit_code == 1
    assert content == sorted((file.name, file.read_bytes()) for file in path.glob("*-*"))


def test_an_index_is_compared_with_the_rows_that_can_be_read(path: Path) -> None:
    segment = largest(path, "segment")
    damage(segment, 0.5)
    with EmbeddedDatabase(str(path)) as database:
        (oid,) = database.query("SELECT 't'::regclass::oid::int")[0]
        database.execute("UPDATE t SET id = 0 WHERE id = 5")
        (index,) = database.database.store.main.relations[oid].indexes.values()
        assert index.tree is not None
        assert index.delta is not None
        # Of both, for the tree is made anew of the runs and this when the index is asked often.
        entry = index.tree.current.pop(0)
        index.delta.remove((0, entry))
        found = verify(database).problems
    assert [problem.object for problem in found[:3]] == [
        f"file {segment.name}",
        "table public.t",
        "index public.t_pkey",
    ]
    assert found[2].message == f"row {entry} is not found under its key (id)=(0)"


def test_a_reference_to_rows_that_cannot_be_read_is_not_called_wrong(path: Path) -> None:
    with EmbeddedDatabase(str(path)) as database:
        database.execute("CREATE TABLE child (t int REFERENCES t)")
        database.execute("INSERT INTO child SELECT g FROM generate_series(1, 20000, 100) g")
    damage(largest(path, "segment"), 0.5)
    with EmbeddedDatabase(str(path)) as database:
        (problem,) = [found for found in verify(database).problems if found.object.startswith("reference")]
    assert problem.message == 'rows of table "t" cannot be read: what refers to it cannot be compared'


def test_every_damaged_place_of_a_database_that_does_not_open_is_named(path: Path) -> None:
    segment, index, (log,) = largest(path, "segment"), largest(path, "run"), path.glob("log-*")
    damage(segment)
    damage(index)
    content = bytearray(log.read_bytes())
    for at in (4096 + 40, 4096 + 40 + (len(content) - 4096) // 2):
        content[at] ^= 0xFF
    log.write_bytes(content)
    with pytest.raises(DataCorrupted):
        EmbeddedDatabase(str(path))
    result = run("check", str(path))
    assert result.exit_code == 1
    for name in (segment.name, index.name):
        assert len(re.findall(rf"file {name}: .* at offset \d+ is damaged \(relation \d+\)", result.output)) == 1
    assert len(re.findall(rf'file "{log.name}" is corrupt from offset \d+ to \d+', result.output)) == 2
    assert "database: " in result.output
    assert "5 problems" in result.output


def test_a_damaged_catalog_is_named_with_all_the_rest(path: Path) -> None:
    for segment in path.glob("segment-*"):
        damage(segment)
    result = run("check", str(path))
    assert result.exit_code == 1
    for segment in path.glob("segment-*"):
        assert f"file {segment.name}: " in result.output


def test_segments_that_only_the_log_names_are_read(path: Path) -> None:
    with EmbeddedDatabase(str(path)) as database:
        known = set(path.glob("segment-*"))
        database.execute(
            f"INSERT INTO t SELECT g + g / 1024, md5(g::text) FROM generate_series({ROWS + 1}, {2 * ROWS}) AS g"
        )
        database.database.volume.close()
    assert run("check", str(path)).exit_code == 0
    (segment,) = set(path.glob("segment-*")) - known
    damage(segment)
    result = run("check", str(path))
    assert (result.exit_code, f"file {segment.name}: " in result.output) == (1, True)
    segment.unlink()
    result = run("check", str(path))
    assert (result.exit_code, f'file "{segment.name}" is missing' in result.output) == (1, True)


def test_compact_gives_space_back(path: Path) -> None:
    with EmbeddedDatabase(str(path)) as database:
        database.execute("ALTER TABLE t SET (retention = '0')")
        database.execute("DELETE FROM t WHERE id > 10")
        database.database.volume.close()
    before = sum(file.stat().st_size for file in path.iterdir())
    result = run("compact", str(path))
    assert result.exit_code == 0, result.output
    assert sum(file.stat().st_size for file in path.iterdir()) < before / 10
    with EmbeddedDatabase(str(path)) as database:
        assert database.query("SELECT count(*) FROM t") == [(10,)]


def test_compact_says_that_there_is_no_database(tmp_path: Path) -> None:
    result = run("compact", str(tmp_path / "none.db"))
    assert (result.exit_code, result.output) == (1, f'Error: database "{tmp_path}/none.db" does not exist\n')
    file = tmp_path / "file"
    file.write_text("no database")
    result = run("compact", str(file))
    assert result.exit_code == 1
    assert result.output.startswith(f'Error: could not open database "{file}": it is a file and no database\n')
