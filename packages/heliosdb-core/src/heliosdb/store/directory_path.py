"""Which path may be a database: any name, a directory that holds one, is empty, or does not exist yet.

A database is a directory whatever its name looks like (``app.db``, ``./my_database``). What stands at the path and is
something else is named, so that a mistyped path or another program's file is never written to.
"""

from __future__ import annotations

import os
import stat

from heliosdb.errors import (
    DiskFull,
    Error,
    InsufficientPrivilege,
    InvalidParameterValue,
    IoError,
    UndefinedFile,
    WrongObjectType,
)
from heliosdb.store.file_header import MAGIC
from heliosdb.store.host_files import FULL

__all__ = ["LOCK", "MANIFEST", "NEW", "PREFIX", "database_directory"]

LOCK = "heliosdb.lock"
MANIFEST = "heliosdb.manifest"
PREFIX = "heliosdb."
"""Of the files that are replaced as a whole."""

NEW = ".new"
"""Behind the name of one that is going to replace the other."""

HARMLESS = {"lost+found", ".DS_Store"}
"""What systems put into empty directories."""

IMPORT = "Import it into a new database: heliosdb import."

KINDS: tuple[tuple[int, bytes, str, str | None], ...] = (
    (0, MAGIC, "a file of a database", "Give the path of the directory that it is in."),
    (0, b"SQLite format 3\0", "an SQLite database", IMPORT),
    (8, b"DUCK", "a DuckDB database", "Export its tables as Parquet or CSV files, and import those: heliosdb import."),
    (0, b"PGDMP", "an archive of pg_dump", "Write it as SQL (pg_restore -f), and import that: heliosdb import."),
    (0, b"--\n-- PostgreSQL database dump", "an SQL dump", IMPORT),
    (0, b"PAR1", "a Parquet file", IMPORT),
    (0, b"ARROW1", "an Arrow file", None),
    (0, b"\x1f\x8b", "a gzip archive", None),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", None),
    (0, b"PK\x03\x04", "a zip archive", None),
)
"""How files begin: (offset, bytes, what the file is, hint)."""

SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def database_directory(path: str | os.PathLike[str], *, read_only: bool) -> str:
    """Return the absolute path of a database's directory, made when missing unless it is opened for reading only.

    Raises UndefinedFile (58P01), InsufficientPrivilege (42501), WrongObjectType (42809), InvalidParameterValue (22023).
    """
    given = os.fspath(path)
    if not given or "\0" in given:
        raise InvalidParameterValue(f"{given!r} cannot be the path of a database")
    target = os.path.abspath(given)
    try:
        found = _stat(target)
        if found is None:
            if read_only:
                raise UndefinedFile(f'database "{given}" does not exist')
            _make(given, target)
        elif stat.S_ISDIR(found.st_mode):
            _check_directory(given, target, read_only)
        else:
            raise _not_a_directory(given, target, found)
    except OSError as error:
        raise _path_error(given, error) from None
    return target


def _stat(target: str) -> os.stat_result | None:
    try:
        return os.stat(target)
    except FileNotFoundError:
        return None


def _make(given: str, target: str) -> None:
    if os.path.islink(target):
        raise UndefinedFile(
            f'could not open database "{given}": it is a symbolic link to "{os.readlink(target)}", which does not exist'
        )
    parent = os.path.dirname(target)
    if not os.path.isdir(parent):
        raise UndefinedFile(
            f'could not create database "{given}": directory "{os.path.dirname(given) or parent}" does not exist'
        )
    try:
        # As PostgreSQL's: what is in a database is its owner's, until he says otherwise.
        os.mkdir(target, 0o700)
    except FileExistsError:
        _check_directory(given, target, False)


def _check_directory(given: str, target: str, read_only: bool) -> None:
    names = set(os.listdir(target))
    if names & {LOCK, MANIFEST}:
        return
    others = sorted(names - HARMLESS)
    if others:
        shown = ", ".join(others[:3]) + (" and others" if len(others) > 3 else "")
        raise WrongObjectType(
            f'directory "{given}" is not empty and holds no database',
            detail=f"It holds {shown}.",
            hint="Give the path of a directory that is empty or does not exist yet.",
        )
    if read_only:
        raise UndefinedFile(f'directory "{given}" holds no database')


def _not_a_directory(given: str, target: str, found: os.stat_result) -> Error:
    for is_kind, what in SPECIAL:
        if is_kind(found.st_mode):
            return WrongObjectType(f'could not open database "{given}": it is {what}')
    if not found.st_size:
        return WrongObjectType(
            f'could not open database "{given}": it is an empty file',
            hint="A database is a directory: remove the file, or give another path.",
        )
    with open(target, "rb") as file:
        beginning = file.read(64)
    for offset, mark, what, hint in KINDS:
        if beginning.startswith(mark, offset):
            return WrongObjectType(f'could not open database "{given}": it is {what}', hint=hint)
    return WrongObjectType(
        f'could not open database "{given}": it is a file and no database', hint="A database is a directory."
    )


def _path_error(given: str, error: OSError) -> Error:
    reason = os.strerror(error.errno) if error.errno else str(error)
    message = f'could not open database "{given}": {reason}'
    if isinstance(error, PermissionError):
        return InsufficientPrivilege(message)
    if isinstance(error, NotADirectoryError):
        return WrongObjectType(message)
    if error.errno in FULL:
        return DiskFull(message, hint="Check free disk space.")
    return IoError(message)
