"""Exporting a table, or a query's rows, to a file that other programs read.

The rows are of one moment, and the file appears when it is whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final

from heliosdb.dump.places import writing
from heliosdb.dump.report import OnProgress, Report, nobody
from heliosdb.dump.script import dump_script
from heliosdb.dump.selection import DumpOptions
from heliosdb.dump.snapshot import snapshot
from heliosdb.errors import InvalidParameterValue, SqlSyntaxError, UndefinedTable
from heliosdb.sql.deparse import quote_identifier, quote_literal, quote_name
from heliosdb.sql.names import split_qualified_name
from heliosdb.transfer.parquet_export import export_parquet
from heliosdb.transfer.sqlite_export import export_sqlite

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.session import Session

__all__ = ["FORMATS", "export", "format_of"]

FORMATS: Final = ("csv", "parquet", "sql", "sqlite")
_ends: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".sql": "sql",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}


def format_of(place: str) -> str:
    """Return the format that a file's name stands for; CSV for standard output."""
    if place == "-":
        return "csv"
    for end, found in _ends.items():
        if place.lower().endswith(end):
            return found
    raise InvalidParameterValue(
        f'the name "{place}" does not say which format is wanted', hint=f"Say it: --format {'|'.join(FORMATS)}."
    )


def export(
    database: Any,
    place: str,
    *,
    tables: tuple[str, ...] = (),
    query: str | None = None,
    file_format: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    null: str | None = None,
    name: str | None = None,
    replace: bool = False,
    on_progress: OnProgress = nobody,
) -> Report:
    """Write tables or the rows of one query to a file (path, URL, ``-`` for standard output).

    CSV and Parquet hold one table; SQL and SQLite any number, and all of the database where none is named.
    ``delimiter``, ``header`` and ``null`` are CSV's. ``name`` is what a query's rows are called in SQL and SQLite.
    DuplicateFile for a place that has something, unless ``replace``.
    """
    chosen = file_format or format_of(place)
    if chosen not in FORMATS:
        raise InvalidParameterValue(f'format must be one of {", ".join(FORMATS)}, not "{chosen}"')
    if tables and query is not None:
        raise InvalidParameterValue("give tables or a query, not both")
    if chosen in ("csv", "parquet") and len(tables) != 1 and query is None:
        raise InvalidParameterValue(f"the format {chosen} holds one table: name it, or give a query")
    if chosen != "csv" and (delimiter is not None or not header or null is not None):
        raise InvalidParameterValue(f"delimiter, header and null are for CSV, not for the format {chosen}")
    if name is not None and (query is None or chosen not in ("sql", "sqlite")):
        raise InvalidParameterValue("name is for a query's rows in SQL or SQLite")
    if delimiter is None and place.lower().endswith(".tsv"):
        delimiter = "\t"
    report = Report()
    with writing(place, replace=replace) as file:
        if chosen == "sql" and query is None:
            options = DumpOptions(tables=tuple(map(_pattern, tables)))
            for piece in dump_script(database, options, on_progress=on_progress, report=report):
                file.write(piece.encode())
            return report
        with snapshot(database) as session:
            # Names are found as they would be in a session of one's own.
            session.execute("SET search_path TO DEFAULT")
            relations = [_relation(session, given) for given in tables]
            source = query if query is not None else _all_of(relations[0]) if relations else None
            if chosen == "csv":
                assert source is not None
                _export_csv(session, source, file, report, delimiter or ",", header, null or "", on_progress)
            elif chosen == "parquet":
                assert source is not None
                export_parquet(session, source, file, report, on_progress=on_progress)
            elif chosen == "sqlite":
                export_sqlite(session, relations, query, name or "result", file, report, on_progress=on_progress)
            else:
                assert query is not None
                _export_query(session, query, name or "result", file, report, on_progress)
    return report


def _relation(session: Session, given: str) -> Relation:
    parts = split_qualified_name(given)
    schema = parts[-2] if len(parts) > 1 else None
    found = session.catalog.lookup_relation(schema, parts[-1], session.search_path)
    if found is None:
        raise UndefinedTable(f'relation "{given}" does not exist')
    return found


def _pattern(given: str) -> str:
    """Return a table's name as a pattern that fits nothing else."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in split_qualified_name(given))


def _all_of(relation: Relation) -> str:
    names = ", ".join(quote_identifier(column.name) for column in relation.columns if not column.dropped)
    return f"SELECT {names} FROM {quote_name((relation.schema, relation.name))}"


def one_query(session: Session, text: str) -> str:
    """Return a text that is one statement, without its semicolon; SqlSyntaxError otherwise."""
    statements = session.texts(text)
    if len(statements) != 1:
        raise SqlSyntaxError("one query is needed")
    return statements[0].text


def _export_csv(
    session: Session,
    query: str,
    file: BinaryIO,
    report: Report,
    delimiter: str,
    header: bool,
    null: str,
    on_progress: OnProgress,
) -> None:
    shown = "E'\\t'" if delimiter == "\t" else quote_literal(delimiter)
    options = f"FORMAT csv, DELIMITER {shown}, NULL {quote_literal(null)}, HEADER {header}"
    with session.copy(f"COPY (\n{one_query(session, query)}\n) TO STDOUT ({options})") as copy:
        for piece in copy:
            file.write(piece.encode())
            on_progress("rows", piece.count("\n"))
        report.rows += copy.finish().row_count or 0
    report.tables += 1


def _export_query(
    session: Session, query: str, name: str, file: BinaryIO, report: Report, on_progress: OnProgress
) -> None:
    """Write a query's rows as a table in SQL."""
    table = quote_identifier(name)
    with session.copy(f"COPY (\n{one_query(session, query)}\n) TO STDOUT") as copy:
        types = [session.types.format(column.type, column.typmod) for column in copy.columns]
        columns = ",\n    ".join(f"{quote_identifier(c.name)} {type_}" for c, type_ in zip(copy.columns, types))
        names = ", ".join(quote_identifier(column.name) for column in copy.columns)
        file.write(f"CREATE TABLE {table} (\n    {columns}\n);\n\nCOPY {table} ({names}) FROM stdin;\n".encode())
        for piece in copy:
            file.write(piece.encode())
            on_progress("rows", piece.count("\n"))
        file.write(b"\\.\n")
        report.rows += copy.finish().row_count or 0
    report.tables += 1
