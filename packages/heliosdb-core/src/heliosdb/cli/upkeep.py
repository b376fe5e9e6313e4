"""``heliosdb check``, ``compact`` and ``salvage``: whether a database is whole, and what is done about it.

What they do is in ``heliosdb.verify`` and ``heliosdb.store``, which are imported when a command runs. The status is 1
after an error and where ``check`` found something, and 3 where ``salvage`` lost something.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from heliosdb.cli.counting import counting
from heliosdb.cli.opening import beside, examples, existing, opened_at, opening, rows_of, told

if TYPE_CHECKING:
    from heliosdb.database import Database
    from heliosdb.store.directory import DirectoryVolume
    from heliosdb.store.options import StorageOptions
    from heliosdb.verify import Verified

__all__ = ["check", "compact", "salvage"]


@click.command(epilog=examples("heliosdb check app.db"))
@click.argument("database", metavar="PATH", type=click.Path())
@opening
@click.pass_context
def check(
    context: click.Context, database: str, config_file: str | None, settings: tuple[str, ...], quiet: bool
) -> None:
    """Compare every file of the database at PATH with its checksums, every index with its table, every constraint with
    its rows, and name each place where something is wrong.

    The status is 1 where something is; what cannot be looked at for want of a key is named, and is no problem.
    """
    found, seconds = _checked(database, config_file, settings, quiet=quiet)
    wrong = _print_findings(found)
    if not quiet:
        looked = f"{found.tables:,} tables, {found.rows:,} rows, {found.indexes:,} indexes"
        click.echo(f"{looked}, {found.constraints:,} constraints: {wrong}, {seconds:.3f}s", err=True)
    context.exit(1 if found.problems else 0)


def _checked(
    database: str, config_file: str | None, settings: tuple[str, ...], *, quiet: bool
) -> tuple[Verified, float]:
    """Return what is wrong with a database, which is only read, and how many seconds it took."""
    from heliosdb.errors import DataCorrupted
    from heliosdb.verify import verify, verify_closed

    with ExitStack() as stack:
        try:
            opened = stack.enter_context(existing(database, config_file, settings, read_only=True))
        except DataCorrupted as error:
            # What keeps it from being opened may be one of many damaged places.
            with counting(database, 0, hidden=quiet) as counter:
                found = verify_closed(database, told(error), counter)
            return found, counter.seconds
        try:
            total = rows_of(opened)
        except DataCorrupted:
            total = 0
        with counting(database, total, hidden=quiet) as counter:
            found = verify(opened, counter)
        return found, counter.seconds


def _print_findings(found: Verified) -> str:
    """Print what is wrong, and what was not looked at, and return how much."""
    for problem in found.problems:
        click.echo(f"{problem.object}: {problem.message}")
    for unseen in found.unseen:
        click.echo(f"not checked: {unseen.object}: {unseen.message}", err=True)
    count = len(found.problems)
    wrong = "no problems" if not count else f"{count:,} problem{'' if count == 1 else 's'}"
    return wrong if not found.unseen else f"{wrong}, {len(found.unseen):,} not checked"


@click.command(epilog=examples("heliosdb compact app.db"))
@click.argument("database", metavar="PATH")
@opening
def compact(database: str, config_file: str | None, settings: tuple[str, ...], quiet: bool) -> None:
    """Drop what nobody needs any more from the database at PATH, and write its files anew where that saves space."""
    with existing(database, config_file, settings) as opened:
        before = _bytes_of(database)
        maintenance = opened.store.maintenance
        if maintenance is None:
            raise click.ClickException(f'database "{database}" is open for reading only')
        maintenance.compact()
    if not quiet:
        click.echo(f"{before:,} bytes before, {_bytes_of(database):,} now", err=True)


@click.command(epilog=examples("heliosdb salvage broken.db mended.db"))
@click.argument("damaged", metavar="DAMAGED")
@click.argument("new", metavar="NEW")
@click.option("--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no summary.")
@click.pass_context
def salvage(context: click.Context, damaged: str, new: str, config_file: str | None, quiet: bool) -> None:
    """Put what can be read of the database at DAMAGED into a new one at NEW, and say what is lost.

    DAMAGED is not changed. NEW has what can be read of rows, of their past, of branches and pins; its indexes are made
    from the rows, and it is checked.
    The status is 3 where something is lost or wrong. Of an encrypted database NEW is encrypted, too.
    """
    from heliosdb.store.salvage import salvage as put
    from heliosdb.verify import verify

    if os.path.lexists(new):
        raise click.ClickException(f'"{new}" exists already')
    # Beside its place until it is whole: half of what is left would pass for all of it.
    with beside(new) as part:
        with (
            _files_of(damaged, config_file, read_only=True) as (source, options),
            counting(damaged, 0, hidden=quiet) as counter,
            # Closed as by a crash, so that opening clears away what belonged to sessions.
            _files_of(part, config_file, like=source) as (made, new_options),
        ):
            found = put(source, made, options, new_options, on_progress=counter)
        with opened_at(part, config_file, ()) as opened:
            names = _names_of(opened)
            for loss in found.losses:
                about = "" if loss.relation is None else f"{names.get(loss.relation, f'relation {loss.relation}')}: "
                click.echo(about + loss.message)
            checked = verify(opened)
            wrong = _print_findings(checked)
        if not quiet:
            lost = "nothing is lost" if not found.losses else f"{len(found.losses):,} losses"
            click.echo(f"{found.rows:,} rows, {lost}, {wrong}, {counter.seconds:.3f}s", err=True)
    if found.losses or checked.problems:
        context.exit(3)


def _names_of(database: Database) -> dict[int, str]:
    with database.store_transaction() as transaction:
        catalog = database.catalogs.of(transaction)
        return {relation.oid: f"table {relation.schema}.{relation.name}" for relation in catalog.relations()}


@contextmanager
def _files_of(
    path: str, config_file: str | None, *, read_only: bool = False, like: DirectoryVolume | None = None
) -> Iterator[tuple[DirectoryVolume, StorageOptions]]:
    """Open the files of a database, without the database, and with what plugins have its bytes pass.

    ``like``: first the small files of plugins are taken from there; without the keys of encrypted columns, say, rows
    would be there and nobody could read them.
    """
    from heliosdb.config import load_config
    from heliosdb.opening import prepare
    from heliosdb.plugin.host import load_plugins
    from heliosdb.store.directory import DirectoryVolume
    from heliosdb.store.options import StorageOptions

    config = load_config(config_file)
    registries = load_plugins().freeze()
    volume = DirectoryVolume(path, read_only=read_only)
    try:
        if like is not None:
            for word in like.plugin_files():
                volume.replace(word, like.whole(word) or b"")
        opening = prepare(registries, path, volume, config.for_packages())
        try:
            codecs = opening.codecs().files(config.compression or "zstd")
            yield volume, StorageOptions(codecs=codecs, classes=registries.types.stored_classes)
        finally:
            opening.close()
    finally:
        volume.close()


def _bytes_of(path: str) -> int:
    """Return what the files of a database take."""
    with os.scandir(path) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())
