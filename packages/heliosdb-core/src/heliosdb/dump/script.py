"""A dump as SQL: a text that HeliosDB, psql and PostgreSQL read.

It is one script from top to bottom, in the order of ``definitions``: objects, rows, keys and views. All names are
qualified, and search_path is empty while it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from heliosdb.dump.definitions import entries, in_reference_order, sequence_values
from heliosdb.dump.report import OnProgress, Report, nobody
from heliosdb.dump.rows import copy_in, insert_statements, row_pieces, rows_entry
from heliosdb.dump.selection import DumpOptions, Selection
from heliosdb.dump.snapshot import is_stored, snapshot

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.dump.entry import Entry
    from heliosdb.session import Session

__all__ = ["PREAMBLE", "chosen_tables", "definition_entries", "dump_script", "drops"]

PREAMBLE = """\
SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET client_min_messages = warning;
SET row_security = off;
"""


def definition_entries(session: Session, options: DumpOptions) -> list[Entry]:
    """Return the definitions that go into a dump: none where only the rows are wanted."""
    # Made in either case: patterns that fit nothing are found out by it.
    found = entries(session, options)
    return [] if options.data_only else found


def chosen_tables(session: Session, options: DumpOptions) -> list[Relation]:
    """Return the tables whose rows go into a dump, referenced ones first."""
    if options.schema_only:
        return []
    selection = Selection(options)
    stored = [found for found in session.catalog.relations() if is_stored(found)]
    return in_reference_order([found for found in stored if selection.takes(found.schema, found.name)])


def drops(found: Iterable[Entry], *, if_exists: bool) -> Iterator[str]:
    """Yield the statements that drop what a dump makes, last made first."""
    for entry in reversed(list(found)):
        text = entry.drop_existing if if_exists else entry.drop
        if text:
            yield text


def dump_script(
    database: Any,
    options: DumpOptions | None = None,
    *,
    on_progress: OnProgress = nobody,
    report: Report | None = None,
) -> Iterator[str]:
    """Yield a dump of a database (``Database``, ``EmbeddedDatabase``) as SQL, piece by piece, all of one moment."""
    options = (options or DumpOptions()).checked()
    report = report or Report()
    with snapshot(database) as session:
        definitions = definition_entries(session, options)
        tables = chosen_tables(session, options)
        yield f"--\n-- HeliosDB database dump\n--\n\n{PREAMBLE}\n"
        if options.clean:
            yield "".join(drops(definitions, if_exists=options.if_exists)) + "\n"
        for entry in definitions:
            if entry.section == "pre-data":
                yield from _object(entry, report)
        for table in tables:
            yield from _rows(session, table, options, on_progress, report)
        if not options.schema_only:
            for entry in sequence_values(session, options):
                yield from _object(entry, report)
        for entry in definitions:
            if entry.section == "post-data":
                yield from _object(entry, report)
        yield "--\n-- HeliosDB database dump complete\n--\n"


def _object(entry: Entry, report: Report) -> Iterator[str]:
    if entry.sql:
        report.objects += 1
        yield f"--\n-- {_one_line(entry.kind)}: {_one_line(entry.place)}\n--\n\n{entry.sql}\n"


def _rows(
    session: Session, table: Relation, options: DumpOptions, on_progress: OnProgress, report: Report
) -> Iterator[str]:
    entry = rows_entry(table)
    report.tables += 1
    yield f"--\n-- TABLE DATA: {_one_line(table.schema)}.{_one_line(table.name)}\n--\n\n"
    if options.inserts or not entry.columns:
        for text, count in insert_statements(session, table, entry, options.rows_per_insert):
            report.rows += count
            on_progress(entry.title, count)
            yield text
        yield "\n"
        return
    yield f"{copy_in(entry)};\n"
    for piece in row_pieces(session, entry):
        count = piece.count("\n")
        report.rows += count
        on_progress(entry.title, count)
        yield piece
    yield "\\.\n\n\n"


def _one_line(text: str) -> str:
    """Return a name as it may stand in a comment: a line break would end that."""
    return " ".join(text.split())
