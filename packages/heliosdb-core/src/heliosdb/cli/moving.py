"""``heliosdb dump``, ``restore``, ``import`` and ``export``: options and summaries.

What they do is in ``heliosdb.dump`` and ``heliosdb.transfer``, which are imported when a command runs. Results go to
standard output, the progress bar and the summary to the error output.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from heliosdb.cli.counting import Counter, counting
from heliosdb.cli.opening import beside, examples, existing, opened_at, opening, options, rows_of

if TYPE_CHECKING:
    from heliosdb.database import Database
    from heliosdb.dump import DumpOptions, Report

__all__ = ["dump", "export_command", "import_command", "restore"]

COMMIT_ROWS: Final = 100_000
"""Rows of a transaction where a new database is filled."""


_choosing = options(
    click.option("--table", "-t", "tables", metavar="PATTERN", multiple=True, help="Only these tables; repeatable."),
    click.option("--exclude-table", "-T", "excluded", metavar="PATTERN", multiple=True, help="Not these tables."),
    click.option("--schema", "-n", "schemas", metavar="PATTERN", multiple=True, help="Only these schemas."),
    click.option("--schema-only", "-s", is_flag=True, help="Definitions without rows."),
    click.option("--data-only", "-a", is_flag=True, help="Rows without definitions."),
    click.option("--clean", "-c", is_flag=True, help="Drop what will be made first."),
    click.option("--if-exists", is_flag=True, help="With --clean: drop only what is there."),
)


@click.command(
    epilog=examples(
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
@opening
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
    with existing(database, config_file, settings) as opened:
        options = _dump_options(choices, inserts=inserts, rows_per_insert=rows_per_insert)
        with counting(database, rows_of(opened), hidden=quiet or place == "-") as counter:
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
    epilog=examples(
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
@opening
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

    with _made(database, config_file, settings) as (opened, commit_rows):
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
    epilog=examples(
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
@opening
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
    with _made(database, config_file, settings) as (opened, commit_rows):
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
    epilog=examples(
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
@opening
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
    with existing(database, config_file, settings) as opened:
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


@contextmanager
def _made(path: str, config_file: str | None, settings: tuple[str, ...]) -> Iterator[tuple[Database, int | None]]:
    """Open a database to write into, with how often rows are to be committed (None: all at once).

    One that is not there yet is made beside its place and moved there when it is whole; so it may be filled in steps,
    and needs no memory for all of its rows.
    """
    if os.path.lexists(path):
        with opened_at(path, config_file, settings) as database:
            yield database, None
        return
    with beside(path) as part, opened_at(part, config_file, settings) as database:
        yield database, COMMIT_ROWS


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


def _size(place: str) -> int:
    """Return how many bytes a file has, 0 where that is not known."""
    try:
        return os.stat(place).st_size if os.path.isfile(place) else 0
    except (OSError, ValueError):
        return 0


def _summarize(report: Report, counter: Counter, *, quiet: bool) -> None:
    for what, count in report.skipped.items():
        click.echo(f"left out: {what}{'' if count == 1 else f' ({count:,} times)'}", err=True)
    if quiet:
        return
    seconds = max(counter.seconds, time.get_clock_info("perf_counter").resolution)
    tables = f"{report.tables:,} table{'' if report.tables == 1 else 's'}"
    rows = f"{report.rows:,} row{'' if report.rows == 1 else 's'}"
    click.echo(f"{tables}, {rows}, {seconds:.3f}s ({report.rows / seconds:,.0f} rows/s)", err=True)
