"""A file is what its content is, whatever it is called."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.dump import backup
from heliosdb.errors import (
    BadCopyFileFormat,
    DuplicateFile,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidParameterValue,
    UndefinedFile,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb.transfer import CsvDialect, export, import_file
from heliosdb.transfer.kinds import kind_of

fresh = EmbeddedDatabase.new_in_memory


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"SQLite format 3\x00\x10\x00", "sqlite"),
        (b"PAR1\x15\x04", "parquet"),
        (b"\x89HDBA\r\n\x1a\x01\x00", "archive"),
        (b"--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n", "sql"),
        (b"\\restrict abc\n\nSET x = 1;", "sql"),
        (b"/* c */ CREATE TABLE t (a int);", "sql"),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "sqlite"),
        (b"insert into t values (1)", "sql"),
        (b"-- nothing but this", "sql"),
        (b"\xef\xbb\xbfSELECT 1;", "sql"),
        (b"id,name\n1,x\n", "csv"),
        (b"select,from\n1,2\n", "csv"),
        (b"create\n1\n", "csv"),
        (b"Comment;With\n1;2\n", "csv"),
        ("a,b".encode("utf-16"), "csv"),
    ],
)
def test_content_says_what_a_file_is(beginning: bytes, kind: str) -> None:
    assert kind_of(beginning, "a file") == kind


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        ("CREATE TABLE t (a int);".encode("utf-16"), "SQL in UTF-16"),
        (b"\xfe\xff" + "PRAGMA foreign_keys=OFF;".encode("utf-16-be"), "SQL in UTF-16"),
        (b"PGDMP\x01\x0e", "pg_dump in its own format"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"PK\x03\x04", "a zip file"),
        (b"ARROW1\x00\x00", "an Arrow file"),
        (b"12345678DUCK", "a DuckDB database"),
    ],
)
def test_what_cannot_be_imported_is_called_by_its_name(beginning: bytes, words: str) -> None:
    with pytest.raises(FeatureNotSupported, match=words) as caught:
        kind_of(beginning, "a file")
    assert caught.value.hint


def test_junk_and_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for content, error in (
        (b"", InvalidParameterValue),
        (os.urandom(5000) + b"\x00", BadCopyFileFormat),
        (b"\x7fELF\x02\x01\x01\x00", BadCopyFileFormat),
        (b"PAR1 and nothing else", BadCopyFileFormat),
        (b"\n\n\n", InvalidParameterValue),
    ):
        path.write_bytes(content)
        with fresh() as database:
            with pytest.raises(error):
                import_file(database, str(path))
            assert database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0


def test_names_do_not_matter(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "data.csv")
    connection.executescript("CREATE TABLE from_sqlite (a INT); INSERT INTO from_sqlite VALUES (1);")
    connection.close()
    with fresh() as database:
        import_file(database, str(tmp_path / "data.csv"))
        backup(database, str(tmp_path / "data.parquet"), file_format="archive")
        backup(database, str(tmp_path / "data.db"), file_format="sql")
        for name in ("data.parquet", "data.db"):
            with fresh() as other:
                import_file(other, str(tmp_path / name))
                assert other.query("SELECT a FROM from_sqlite") == [(1,)]


def test_places_that_are_not_there(tmp_path: Path) -> None:
    with fresh() as database:
        database.execute("CREATE TABLE t (a int)")
        with pytest.raises(UndefinedFile) as caught:
            import_file(database, str(tmp_path / "absent.csv"))
        assert caught.value.sqlstate == "58P01"
        with pytest.raises(WrongObjectType):
            import_file(database, str(tmp_path))
        with pytest.raises(UndefinedFile):
            import_file(database, "a\x00b")
        with pytest.raises(UndefinedFile):
            export(database, str(tmp_path / "absent" / "t.csv"), tables=("t",))
        with pytest.raises(WrongObjectType):
            export(database, str(tmp_path), tables=("t",), file_format="csv")
        (tmp_path / "there.csv").write_text("kept")
        with pytest.raises(DuplicateFile) as caught_too:
            export(database, str(tmp_path / "there.csv"), tables=("t",))
        assert caught_too.value.sqlstate == "58P02"
        assert (tmp_path / "there.csv").read_text() == "kept"
        with pytest.raises(UndefinedTable):
            export(database, str(tmp_path / "there.csv"), tables=("absent",), replace=True)
        assert (tmp_path / "there.csv").read_text() == "kept"
        export(database, str(tmp_path / "there.csv"), tables=("t",), replace=True)
        assert (tmp_path / "there.csv").read_text() == "a\n"
        assert sorted(found.name for found in tmp_path.iterdir()) == ["there.csv"]


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user without rights: the superuser may do everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.skipif(os.name != "posix", reason="rights are another matter there")
def test_places_that_are_forbidden(tmp_path: Path) -> None:
    closed = tmp_path / "closed.csv"
    closed.write_text("a\n1\n")
    closed.chmod(0)
    tmp_path.chmod(0o555)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    with fresh() as database:
        database.execute("CREATE TABLE t (a int)")
        export(database, os.devnull, tables=("t",), file_format="csv")
        with nobody():
            for attempt in (
                lambda: import_file(database, str(closed)),
                lambda: export(database, str(tmp_path / "x.csv"), query="SELECT 1"),
                lambda: database.execute(f"BACKUP TO '{tmp_path / 'x'}'"),
                lambda: database.execute(f"RESTORE FROM '{closed}'"),
            ):
                with pytest.raises(InsufficientPrivilege) as caught:
                    attempt()
                assert caught.value.sqlstate == "42501"
    tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    "options",
    [
        {"tables": ("t",), "query": "SELECT 1"},
        {},
        {"tables": ("t", "t")},
        {"tables": ("t",), "file_format": "parquet", "delimiter": ";"},
        {"tables": ("t",), "file_format": "tar"},
        {"tables": ("t",), "name": "x"},
    ],
)
def test_senseless_exports_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with fresh() as database:
        database.execute("CREATE TABLE t (a int)")
        with pytest.raises(InvalidParameterValue):
            export(database, str(tmp_path / "x.csv"), **options)
        assert list(tmp_path.iterdir()) == []


def test_options_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text("SELECT 1;")
    with fresh() as database:
        with pytest.raises(InvalidParameterValue):
            import_file(database, str(path), append=True)
        with pytest.raises(InvalidParameterValue):
            import_file(database, str(path), dialect=CsvDialect(delimiter=";"))
        with pytest.raises(InvalidParameterValue):
            import_file(database, str(path), kind="xml")
        with pytest.raises(InvalidParameterValue):
            export(database, str(tmp_path / "x.what"), query="SELECT 1")
