"""``heliosdb dump``, ``restore``, ``import``, ``export``, ``check`` and ``salvage``: options and summaries.

What they do is in ``heliosdb.dump``, ``heliosdb.transfer`` and ``heliosdb.verify``, which are imported when a command
runs. Results go to standard output, the progress bar and the summary to the error output. The status is 1 after an
error and where ``check`` found something, and 3 where ``salvage`` lost something.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from heliosdb.cli.counting import Counter, counting

if TYPE_CHECKING:
    from heliosdb.database import Database
    from heliosdb.dump import DumpOptions, Report
    from heliosdb.store.directory import DirectoryVolume
    from heliosdb.store.options import StorageOptions
    from heliosdb.verify import Verified

__all__ = ["check", "compact", "dump", "export_command", "import_command", "restore", "salvage"]

Decorated = Callable[..., Any]
COMMIT_ROWS: Final = 100_000
"""Rows of a transaction where a new database is filled."""


def _options(*options: Decorated) -> Callable[[Decorated], Decorated]:
    def add(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_opening = _options(
    click.option("--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file."),
    click.option(
        "--set", "settings", metavar="NAME=VALUE", multiple=True, help="Give a setting its value; repeatable."
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar and no summary."),
)
_choosing = _options(
    click.option("--table", "-t", "tables", metavar="PATTERN", multiple=True, help="Only these tables; repeatable."),
    click.option("--exclude-table", "-T", "excluded", metavar="PATTERN", multiple=True, help="Not these tables."),
    click.option("--schema", "-n", "schemas", metavar="PATTERN", multiple=True, help="Only these schemas."),
    click.option("--schema-only", "-s", is_flag=True, help="Definitions without rows."),
    click.option("--data-only", "-a", is_flag=True, help="Rows without definitions."),
    click.option("--clean", "-c", is_flag=True, help="Drop what will be made first."),
    click.option("--if-exists", is_flag=True, help="With --clean: drop only what is there."),
)


def _epilog(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.command(
    epilog=_epilog(
        "heliosdb dump app.db > app.sql",
        "heliosdb dump app.db -f app.hda",
        "heliosdb dump app.db -t 'public.order*' --inserts -f orders.sql",
        "heliosdb dump app.db -f s3://bucket/app.hda",
    )
)
@click.argument("database", metavar="PATH", type=click.Path())
@click.option(
    "--file",
    "-f",
    "place",
    metavar="FILE",
    type=click.Path(),
    default="-",
    help="Where to: a path, a URL, - (standard output).",
)
@click.option(
    "--format",
    "-F",
    "file_format",
    type=click.Choice(["sql", "archive"]),
    help="SQL text, or one compressed file; by default the file's name says which: .sql or anything else.",
)
@_choosing
@click.option("--inserts", is_flag=True, help="Rows as INSERT statements instead of COPY.")
@click.option("--rows-per-insert", type=click.IntRange(1), default=1, help="So many rows in each INSERT.")
@click.option(
    "--compress", "-Z", "compression", metavar="CODEC[:LEVEL]", help="Of an archive: zstd (the default), lz4, none."
)
@click.option("--plain", is_flag=True, help="Of an encrypted database: readable by everybody.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@_opening
def dump(
    database: str,
    place: str,
    file_format: str | None,
    inserts: bool,
    rows_per_insert: int,
    compression: str | None,
    plain: bool,
    force: bool,
    config_file: str | None,
    settings: tuple[str, ...],
    quiet: bool,
    **choices: Any,
) -> None:
    """Write the database at PATH, or a part of it, as SQL or as an archive.

    It is the database of one moment; SQL can be read by PostgreSQL, too.
    """
    from heliosdb.dump import backup

    codec, _, level = (compression or "").partition(":")
    if level and not level.isdigit():
        raise click.UsageError(f"--compress: {level!r} is no level")
    with _reported(), _existing(database, config_file, settings) as opened:
        options = _dump_options(choices, inserts=inserts, rows_per_insert=rows_per_insert)
        with counting(database, _rows_of(opened), hidden=quiet or place == "-") as counter:
            report = backup(
                opened,
                place,
                file_format=file_format,
                options=options,
                compression=codec or None,
                level=int(level) if level else None,
                replace=force,
                plain=plain,
                on_progress=counter,
            )
        _summarize(report, counter, quiet=quiet or place == "-")


@click.command(
    epilog=_epilog(
        "heliosdb restore app.hda --into new.db",
        "heliosdb restore app.hda --into app.db -t customer --data-only",
        "pg_dump shop | heliosdb restore - --into shop.db",
    )
)
@click.argument("place", metavar="FILE", type=click.Path())
@click.option(
    "--into",
    "database",
    metavar="PATH",
    type=click.Path(),
    required=True,
    help="The database; it is made if it is not there.",
)
@_choosing
@click.option("--skip-unsupported", is_flag=True, help="Leave out statements that HeliosDB does not support.")
@_opening
def restore(
    place: str,
    database: str,
    skip_unsupported: bool,
    config_file: str | None,
    settings: tuple[str, ...],
    quiet: bool,
    **choices: Any,
) -> None:
    """Bring a dump or an archive (FILE, a URL, - for standard input) into a database, all of it or nothing.

    Tables, schemas and rows can be chosen from an archive; a script is run as a whole.
    """
    from heliosdb.dump import restore as run

    with _reported(), _made(database, config_file, settings) as (opened, commit_rows):
        with counting(place, _size(place), is_bytes=True, hidden=quiet) as counter:
            report = run(
                opened,
                place,
                options=_dump_options(choices),
                skip_unsupported=skip_unsupported,
                commit_rows=commit_rows,
                on_progress=counter,
            )
        _summarize(report, counter, quiet=quiet)


@click.command(
    "import",
    epilog=_epilog(
        "heliosdb import chinook.sqlite --into chinook.db",
        "heliosdb import people.csv --into app.db --table customer",
        "heliosdb import more.csv --into app.db --table customer --append",
        "pg_dump shop | heliosdb import - --into shop.db",
    ),
)
@click.argument("place", metavar="FILE", type=click.Path())
@click.option(
    "--into",
    "database",
    metavar="PATH",
    type=click.Path(),
    required=True,
    help="The database; it is made if it is not there.",
)
@click.option("--table", "-t", metavar="NAME", help="What the table is called; of a SQLite file: the one wanted.")
@click.option(
    "--kind",
    type=click.Choice(["sqlite", "sql", "archive", "csv", "parquet"]),
    help="What the file is; by default its content says it.",
)
@click.option("--append", is_flag=True, help="Add the rows to the table that is there (CSV, Parquet).")
@click.option("--keep-case", is_flag=True, help="Leave names as they are, instead of lower-case where that is plain.")
@click.option("--delimiter", "-d", metavar="CHARACTER", help="Of CSV; found out by default. \\t is a tab.")
@click.option("--quote", metavar="CHARACTER", default='"', help="Of CSV.")
@click.option(
    "--header/--no-header", "header", default=None, help="Whether CSV begins with names; found out by default."
)
@click.option("--null", metavar="TEXT", default="", help="What stands for NULL in CSV.")
@click.option("--encoding", metavar="NAME", help="Of CSV, where it is not UTF-8: latin1, cp1252, ...")
@click.option("--skip-unsupported", is_flag=True, help="Leave out of a script what HeliosDB does not support.")
@_opening
def import_command(
    place: str,
    database: str,
    table: str | None,
    kind: str | None,
    append: bool,
    keep_case: bool,
    delimiter: str | None,
    quote: str,
    header: bool | None,
    null: str,
    encoding: str | None,
    skip_unsupported: bool,
    config_file: str | None,
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    """Import FILE: a SQLite database, a dump in SQL, an archive, CSV or Parquet.

    What it is, its content says. FILE may be a path, a URL, or - for standard input.
    """
    from heliosdb.transfer import CsvDialect, import_file

    delimiter = "\t" if delimiter == "\\t" else delimiter
    dialect = CsvDialect(delimiter=delimiter, quote=quote, header=header, null=null, encoding=encoding)
    with _reported(), _made(database, config_file, settings) as (opened, commit_rows):
        with counting(place, _size(place), is_bytes=True, hidden=quiet) as counter:
            report = import_file(
                opened,
                place,
                kind=kind,
                table=table,
                append=append,
                keep_case=keep_case,
                dialect=dialect,
                skip_unsupported=skip_unsupported,
                commit_rows=commit_rows,
                on_progress=counter,
            )
        _summarize(report, counter, quiet=quiet)


@click.command(
    "export",
    epilog=_epilog(
        "heliosdb export app.db customer customer.csv",
        "heliosdb export app.db --query 'SELECT * FROM sale WHERE year = 2024' sales.parquet",
        "heliosdb export app.db customer sale few.sqlite",
        "heliosdb export app.db all.sqlite",
        "heliosdb export app.db customer - | head",
    ),
)
@click.argument("database", metavar="PATH", type=click.Path())
@click.argument("names", metavar="[TABLE]... FILE", nargs=-1, required=True, type=click.Path())
@click.option("--query", metavar="SQL", help="The rows of this query instead of tables.")
@click.option(
    "--format",
    "-F",
    "file_format",
    type=click.Choice(["csv", "parquet", "sql", "sqlite"]),
    help="By default the file's name says it.",
)
@click.option("--delimiter", "-d", metavar="CHARACTER", help="Of CSV: instead of a comma. \\t is a tab.")
@click.option("--header/--no-header", default=True, help="Whether CSV begins with the names.")
@click.option("--null", metavar="TEXT", help="What stands for NULL in CSV, instead of nothing.")
@click.option("--name", metavar="NAME", help="What the rows of the query are called in SQL and SQLite.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@_opening
def export_command(
    database: str,
    names: tuple[str, ...],
    query: str | None,
    file_format: str | None,
    delimiter: str | None,
    header: bool,
    null: str | None,
    name: str | None,
    force: bool,
    config_file: str | None,
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    """Write tables of the database at PATH, or a query's rows, to FILE: CSV, Parquet, SQL or SQLite.

    FILE may be a path, a URL, or - for standard output. Without a table SQL and SQLite hold all of them.
    """
    from heliosdb.transfer import export

    *tables, place = names
    with _reported(), _existing(database, config_file, settings) as opened:
        with counting(place, 0, hidden=quiet or place == "-") as counter:
            report = export(
                opened,
                place,
                tables=tuple(tables),
                query=query,
                file_format=file_format,
                delimiter="\t" if delimiter == "\\t" else delimiter,
                header=header,
                null=null,
                name=name,
                replace=force,
                on_progress=counter,
            )
        _summarize(report, counter, quiet=quiet or place == "-")


@click.command(epilog=_epilog("heliosdb check app.db"))
@click.argument("database", metavar="PATH", type=click.Path())
@_opening
@click.pass_context
def check(
    context: click.Context, database: str, config_file: str | None, settings: tuple[str, ...], quiet: bool
) -> None:
    """Compare every file of the database at PATH with its checksums, every index with its table, every constraint with
    its rows, and name each place where something is wrong.

    The status is 1 where something is; what cannot be looked at for want of a key is named, and is no problem.
    """
    with _reported():
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
            opened = stack.enter_context(_existing(database, config_file, settings, read_only=True))
        except click.ClickException as error:
            # What keeps it from being opened may be one of many damaged places.
            if not isinstance(error.__cause__, DataCorrupted):
                raise
            with counting(database, 0, hidden=quiet) as counter:
                found = verify_closed(database, error.message, counter)
            return found, counter.seconds
        try:
            total = _rows_of(opened)
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


@click.command(epilog=_epilog("heliosdb compact app.db"))
@click.argument("database", metavar="PATH")
@_opening
def compact(database: str, config_file: str | None, settings: tuple[str, ...], quiet: bool) -> None:
    """Drop what nobody needs any more from the database at PATH, and write its files anew where that saves space."""
    with _reported():
        before = _bytes_of(database)
        with _existing(database, config_file, settings) as opened:
            maintenance = opened.store.maintenance
            if maintenance is None:
                raise click.ClickException(f'database "{database}" is open for reading only')
            maintenance.compact()
        if not quiet:
            click.echo(f"{before:,} bytes before, {_bytes_of(database):,} now", err=True)


@click.command(epilog=_epilog("heliosdb salvage broken.db mended.db"))
@click.argument("damaged", metavar="DAMAGED")
@click.argument("new", metavar="NEW")
@click.option("--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no summary.")
@click.pass_context
def salvage(context: click.Context, damaged: str, new: str, config_file: str | None, quiet: bool) -> None:
    """Put what can be read of the database at DAMAGED into a new one at NEW, and say what is lost.

    DAMAGED is not changed. NEW has the newest rows, no history; its indexes are made from the rows, and it is checked.
    The status is 3 where something is lost or wrong. Of an encrypted database NEW is encrypted, too.
    """
    from heliosdb.store.salvage import salvage as put
    from heliosdb.store.store import Store
    from heliosdb.verify import verify

    if os.path.lexists(new):
        raise click.ClickException(f'"{new}" exists already')
    # Beside its place until it is whole: half of what is left would pass for all of it.
    with _reported(), _beside(new) as part:
        with (
            _files_of(damaged, config_file, read_only=True) as (source, options),
            counting(damaged, 0, hidden=quiet) as counter,
            # Closed as by a crash, so that opening clears away what belonged to sessions.
            _files_of(part, config_file, like=source) as (made, new_options),
        ):
            found = put(source, Store(made, options=new_options), options, on_progress=counter)
        with _open(part, config_file, ()) as opened:
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


# -- what they share ---------------------------------------------------------------------------------------------------


@contextmanager
def _reported() -> Iterator[None]:
    """Print errors of the database as click prints its own."""
    from heliosdb.errors import Error

    try:
        yield
    except Error as error:
        parts = (("DETAIL", error.detail), ("HINT", error.hint), ("CONTEXT", error.context))
        lines = [error.message, *(f"{label}:  {text}" for label, text in parts if text)]
        raise click.ClickException("\n".join(lines)) from None


@contextmanager
def _existing(
    path: str, config_file: str | None, settings: tuple[str, ...], *, read_only: bool = False
) -> Iterator[Database]:
    """Open a database that is there: nothing is made by reading."""
    if not os.path.exists(path):
        raise click.ClickException(f'database "{path}" does not exist')
    with _open(path, config_file, settings, read_only=read_only) as database:
        yield database


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


@contextmanager
def _made(path: str, config_file: str | None, settings: tuple[str, ...]) -> Iterator[tuple[Database, int | None]]:
    """Open a database to write into, with how often rows are to be committed (None: all at once).

    One that is not there yet is made beside its place and moved there when it is whole; so it may be filled in steps,
    and needs no memory for all of its rows.
    """
    if os.path.lexists(path):
        with _open(path, config_file, settings) as database:
            yield database, None
        return
    with _beside(path) as part, _open(part, config_file, settings) as database:
        yield database, COMMIT_ROWS


@contextmanager
def _beside(path: str) -> Iterator[str]:
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
def _open(
    path: str, config_file: str | None, settings: tuple[str, ...], *, read_only: bool = False
) -> Iterator[Database]:
    from heliosdb.cli.main import open_database

    database = open_database(path, memory=False, config_file=config_file, settings=settings, read_only=read_only)
    try:
        yield database
    finally:
        database.close()


def _dump_options(choices: dict[str, Any], *, inserts: bool = False, rows_per_insert: int = 1) -> DumpOptions:
    from heliosdb.dump import DumpOptions

    return DumpOptions(
        tables=choices["tables"],
        exclude_tables=choices["excluded"],
        schemas=choices["schemas"],
        schema_only=choices["schema_only"],
        data_only=choices["data_only"],
        clean=choices["clean"],
        if_exists=choices["if_exists"],
        inserts=inserts,
        rows_per_insert=rows_per_insert,
    )


def _bytes_of(path: str) -> int:
    """Return what the files of a database take."""
    with os.scandir(path) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())


def _size(place: str) -> int:
    """Return how many bytes a file has, 0 where that is not known."""
    try:
        return os.stat(place).st_size if os.path.isfile(place) else 0
    except (OSError, ValueError):
        return 0


def _rows_of(database: Database) -> int:
    """Return about how many rows there are."""
    with database.store_transaction() as transaction:
        tables = [found.oid for found in database.catalogs.of(transaction).relations() if found.kind == "table"]
        return sum(transaction.view(oid).estimated_rows() for oid in tables)


def _summarize(report: Report, counter: Counter, *, quiet: bool) -> None:
    for what, count in report.skipped.items():
        click.echo(f"left out: {what}{'' if count == 1 else f' ({count:,} times)'}", err=True)
    if quiet:
        return
    seconds = max(counter.seconds, time.get_clock_info("perf_counter").resolution)
    tables = f"{report.tables:,} table{'' if report.tables == 1 else 's'}"
    rows = f"{report.rows:,} row{'' if report.rows == 1 else 's'}"
    click.echo(f"{tables}, {rows}, {seconds:.3f}s ({report.rows / seconds:,.0f} rows/s)", err=True)
