"""Which paths open as databases, and what is said of those that do not."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from heliosdb.errors import Error, InvalidParameterValue, IoError, UndefinedFile, WrongObjectType
from heliosdb.store.directory import DirectoryVolume

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database"


@pytest.mark.parametrize(
    "name",
    [
        *("./app.helio", "./mydb", "./my_database", "./my_db", "./secure_db", "./rag_db", "./heliosdb-data"),
        *("app.db", "production.db", "with space", "ümläut", "'quoted\"", "x.sqlite", "-rf", "trailing/", "a\nb"),
    ],
)
def test_any_name_may_be_a_database(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        opened = DirectoryVolume(name)
        opened.append("log-1", b"x")
        monkeypatch.chdir("/")
        opened.replace("manifest", b"its path does not depend on the current directory")
        assert opened.names() == ["log-1"]
        opened.close()
        monkeypatch.chdir(tmp_path)
    assert (tmp_path / name / "heliosdb.manifest").exists()
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_an_empty_directory_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    DirectoryVolume(tmp_path).close()
    DirectoryVolume(str(tmp_path)).close()


def refused(path: object, error: type[Error], message: str, *, read_only: bool = False) -> Error:
    """Check that opening fails, and leaves what is there as it was."""
    with pytest.raises(error, match=message) as raised:
        DirectoryVolume(path, read_only)  # type: ignore[arg-type]
    return raised.value


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no" / "db"
    refused(path, UndefinedFile, f'could not create database "{path}": directory "{tmp_path}/no" does not exist')
    assert not path.parent.exists()


def test_nothing_is_made_for_reading(tmp_path: Path) -> None:
    refused(tmp_path / "db", UndefinedFile, 'database ".*db" does not exist', read_only=True)
    refused(tmp_path, UndefinedFile, "holds no database", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "db").symlink_to(tmp_path / "gone")
    refused(tmp_path / "db", UndefinedFile, 'symbolic link to ".*gone", which does not exist')
    (tmp_path / "gone").mkdir()
    DirectoryVolume(tmp_path / "db").close()


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_cannot_be_a_path_is_refused(path: str) -> None:
    refused(path, InvalidParameterValue, "cannot be the path of a database")


def test_a_name_that_the_system_refuses_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / ("x" * 300), IoError, "File name too long")


def test_another_directory_is_left_alone(tmp_path: Path) -> None:
    for name in ("photo.jpg", "notes", "a", "b"):
        (tmp_path / name).write_text("mine")
    error = refused(tmp_path, WrongObjectType, "is not empty and holds no database")
    assert error.detail == "It holds a, b, notes and others."
    assert len(list(tmp_path.iterdir())) == 4


def make_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")


@pytest.mark.parametrize(
    ("make", "what", "hint"),
    [
        (lambda path: path.write_bytes(b""), "an empty file", "A database is a directory"),
        (make_sqlite, "an SQLite database", "heliosdb import"),
        (make_zip, "a zip archive", "None"),
        (lambda path: path.write_bytes(b"12345678DUCK"), "a DuckDB database", "Parquet"),
        (lambda path: path.write_bytes(b"PGDMP\1\2"), "an archive of pg_dump", "pg_restore"),
        (lambda path: path.write_bytes(b"--\n-- PostgreSQL database dump\n"), "an SQL dump", "heliosdb import"),
        (lambda path: path.write_bytes(b"PAR1..."), "a Parquet file", "heliosdb import"),
        (lambda path: path.write_bytes(b"\x89HELIOS\nLOG "), "a file of a database", "directory that it is in"),
        (lambda path: path.write_bytes(b"hello"), "a file and no database", "A database is a directory"),
        (os.mkfifo, "a named pipe", "None"),
    ],
)
def test_what_stands_at_the_path_is_said(make: Callable[[Path], object], what: str, hint: str, path: Path) -> None:
    make(path)
    before = path.stat()
    for read_only in (False, True):
        error = refused(path, WrongObjectType, f'could not open database "{path}": it is {what}', read_only=read_only)
        assert hint in str(error.hint)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_size == before.st_size


def test_a_file_where_a_directory_should_be_on_the_way(path: Path) -> None:
    path.write_text("x")
    refused(path / "db", WrongObjectType, "Not a directory")


def test_a_device_is_no_database() -> None:
    refused("/dev/null", WrongObjectType, "it is a device")


def attempts(path: Path) -> list[str]:
    """Return what a process without root's rights meets when it opens a database, to write and to read."""
    tell, told = os.pipe()[::-1]
    child = os.fork()
    if not child:
        try:
            if not os.geteuid():
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            for read_only in (False, True):
                try:
                    opened = DirectoryVolume(path, read_only)
                    os.write(tell, b"open " + opened.read("log-1") + b"\n")
                except Error as error:
                    os.write(tell, f"{error.sqlstate} {error.message}\n".encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with open(told) as answers:
        return answers.read().replace(str(path), "db").splitlines()


DENIED = '42501 could not open database "db": Permission denied'


@pytest.mark.parametrize(
    ("outer", "inner", "name", "expected"),
    [
        (0o000, 0o755, "db", [DENIED, DENIED]),
        (0o555, 0o755, "new", [DENIED, '58P01 database "db" does not exist']),
        (0o555, 0o555, "db", [DENIED, "open x"]),
        (0o555, 0o000, "db", [DENIED, DENIED]),
    ],
)
def test_without_permission_the_error_says_so(outer: int, inner: int, name: str, expected: list[str]) -> None:
    # Not in tmp_path, which nobody else may enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        closed = Path(folder, "closed")
        closed.mkdir()
        opened = DirectoryVolume(closed / "db")
        opened.append("log-1", b"x")
        opened.replace("manifest", b"m")
        opened.close()
        os.chmod(os.path.join(opened.path, "heliosdb.lock"), 0o644 if os.geteuid() == 0 else 0o444)
        os.chmod(closed / "db", inner)
        os.chmod(closed, outer)
        try:
            assert attempts(closed / name) == expected
        finally:
            os.chmod(closed, 0o755)
            os.chmod(closed / "db", 0o755)
