"""Importing a file of any kind that is known: in one transaction, so all of it or nothing."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from heliosdb.dump import restore
from heliosdb.dump.places import file_error, is_url, reading, seekable
from heliosdb.dump.report import OnProgress, Report, nobody
from heliosdb.dump.runner import restoring
from heliosdb.dump.selection import DumpOptions
from heliosdb.errors import InvalidParameterValue
from heliosdb.transfer.csv_import import CsvDialect, import_csv
from heliosdb.transfer.kinds import BEGINNING, KINDS, kind_of
from heliosdb.transfer.names import named_table, table_of_file
from heliosdb.transfer.parquet_import import import_parquet
from heliosdb.transfer.sqlite_import import import_sqlite

__all__ = ["import_file"]


def import_file(
    database: Any,
    place: str,
    *,
    kind: str | None = None,
    table: str | None = None,
    append: bool = False,
    keep_case: bool = False,
    dialect: CsvDialect | None = None,
    skip_unsupported: bool = False,
    commit_rows: int | None = None,
    on_progress: OnProgress = nobody,
) -> Report:
    """Import a file (path, URL, ``-`` for standard input) into a database; the report says what came and what did not.

    ``kind`` is sqlite, sql, archive, csv or parquet; None looks at the content. ``table`` names the table that a CSV or
    Parquet file becomes, or the one that is wanted of a SQLite file or an archive. ``append`` adds rows to the table
    that is there. ``keep_case`` leaves names as they are, instead of making plain ones lower-case. ``dialect`` says how
    a CSV file is written. ``skip_unsupported`` leaves out what of a script HeliosDB does not support. ``commit_rows``
    as for ``restore``.
    """
    if kind is not None and kind not in KINDS:
        raise InvalidParameterValue(f'kind must be one of {", ".join(KINDS)}, not "{kind}"')
    with reading(place) as given, seekable(given) as file:
        try:
            beginning = file.read(BEGINNING)
            file.seek(-len(beginning), io.SEEK_CUR)
            if kind is None:
                kind = kind_of(beginning, place)
            elif not beginning:
                raise InvalidParameterValue(f'"{place}" is empty: there is nothing to import')
            _refuse_senseless(kind, table, append, dialect)
            if kind in ("sql", "archive"):
                options = DumpOptions(tables=(table,) if table is not None else ())
                return restore(
                    database,
                    file,
                    options=options,
                    skip_unsupported=skip_unsupported,
                    commit_rows=commit_rows,
                    on_progress=on_progress,
                )
            report = Report()
            with restoring(database) as session:
                if kind == "sqlite":
                    with _on_disk(file, place) as path:
                        wanted = () if table is None else (table,)
                        import_sqlite(
                            session,
                            path,
                            report,
                            tables=wanted,
                            keep_case=keep_case,
                            commit_rows=commit_rows,
                            on_progress=on_progress,
                        )
                elif kind == "csv":
                    import_csv(
                        session,
                        file,
                        place,
                        named_table(table) if table is not None else named_table(table_of_file(place)),
                        report,
                        dialect=dialect,
                        append=append,
                        keep_case=keep_case,
                        commit_rows=commit_rows,
                        on_progress=on_progress,
                    )
                else:
                    import_parquet(
                        session,
                        file,
                        place,
                        named_table(table) if table is not None else named_table(table_of_file(place)),
                        report,
                        append=append,
                        keep_case=keep_case,
                        commit_rows=commit_rows,
                        on_progress=on_progress,
                    )
        except OSError as error:
            raise file_error(place, error, "read") from None
    return report


def _refuse_senseless(kind: str, table: str | None, append: bool, dialect: CsvDialect | None) -> None:
    """Refuse options that a kind has no use for: none is taken and forgotten."""
    if append and kind not in ("csv", "parquet"):
        raise InvalidParameterValue(f"append is for CSV and Parquet, not for the kind {kind}")
    if dialect is not None and dialect != CsvDialect() and kind != "csv":
        raise InvalidParameterValue(f"delimiter, quote, header, null and encoding are for CSV, not for the kind {kind}")


@contextmanager
def _on_disk(file: BinaryIO, place: str) -> Iterator[str]:
    """Yield the path of a file: SQLite opens no other."""
    if place != "-" and not is_url(place):
        yield os.path.expanduser(place)
        return
    with tempfile.NamedTemporaryFile(prefix="heliosdb-", suffix=".sqlite") as copied:
        shutil.copyfileobj(file, cast(Any, copied))
        copied.flush()
        yield copied.name
