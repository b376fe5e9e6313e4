"""What commands that open a database share: its options, how it is opened, and how errors are printed.

A database that a command makes is made beside its place and moved there when it is whole: after an error there is
nothing, never a part that would pass for all of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from heliosdb.database import Database
    from heliosdb.errors import Error

__all__ = ["beside", "error_class", "examples", "existing", "opened_at", "opening", "options", "rows_of", "told"]

Decorated = Callable[..., Any]


def options(*added: Decorated) -> Callable[[Decorated], Decorated]:
    """Return a decorator that gives a command these options, in this order."""

    def add(command: Decorated) -> Decorated:
        for option in reversed(added):
            command = option(command)
        return command

    return add


opening = options(
    click.option("--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file."),
    click.option(
        "--set", "settings", metavar="NAME=VALUE", multiple=True, help="Give a setting its value; repeatable."
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar and no summary."),
)


def examples(*lines: str) -> str:
    """Return the end of a command's help: how it is called."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def error_class() -> type[Error]:
    """Return the class of all errors of the database; imported where something was raised, and not for ``--help``."""
    from heliosdb.errors import Error

    return Error


def told(error: Error) -> str:
    """Return what a command says about an error of the database."""
    parts = (("DETAIL", error.detail), ("HINT", error.hint), ("CONTEXT", error.context))
    return "\n".join([error.message, *(f"{label}:  {text}" for label, text in parts if text)])


@contextmanager
def existing(
    path: str, config_file: str | None, settings: tuple[str, ...], *, read_only: bool = False
) -> Iterator[Database]:
    """Open a database that is there: nothing is made by reading."""
    if not os.path.exists(path):
        raise click.ClickException(f'database "{path}" does not exist')
    with opened_at(path, config_file, settings, read_only=read_only) as database:
        yield database


@contextmanager
def beside(path: str) -> Iterator[str]:
    """Yield where to make the database of a path; it is moved to its place afterwards, unless there was an error."""
    from heliosdb.dump.places import sync_folder

    folder, name = os.path.split(os.path.abspath(path))
    if not path:
        raise click.UsageError("the path of the database is empty")
    part = os.path.join(folder, f".{name}.{os.getpid()}.part")
    try:
        yield part
        os.rename(part, path)
        sync_folder(Path(folder))
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def opened_at(
    path: str, config_file: str | None, settings: tuple[str, ...], *, read_only: bool = False
) -> Iterator[Database]:
    """Open a database by path for as long as the block lasts; it is made if it is not there."""
    from heliosdb.cli.main import open_database

    database = open_database(path, memory=False, config_file=config_file, settings=settings, read_only=read_only)
    try:
        yield database
    finally:
        database.close()


def rows_of(database: Database) -> int:
    """Return about how many rows there are."""
    with database.store_transaction() as transaction:
        tables = [found.oid for found in database.catalogs.of(transaction).relations() if found.kind == "table"]
        return sum(transaction.view(oid).estimated_rows() for oid in tables)
