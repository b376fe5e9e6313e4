"""Backing a database up and restoring it: which format, from where, to where.

backup(database, place)     one moment of the database ──► SQL text or an archive, at its place when it is whole
restore(database, place)    SQL text or archive, told apart by its first bytes ──► one transaction
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from heliosdb.dump.archive import ArchiveReader, ArchiveWriter, is_archive
from heliosdb.dump.definitions import sequence_values
from heliosdb.dump.places import file_error, reading, seekable, writing
from heliosdb.dump.reader import ScriptReader
from heliosdb.dump.report import OnProgress, Report, nobody
from heliosdb.dump.rows import copy_in, row_pieces, rows_entry
from heliosdb.dump.runner import Runner, restoring
from heliosdb.dump.script import PREAMBLE, chosen_tables, definition_entries, drops, dump_script
from heliosdb.dump.selection import DumpOptions, Selection
from heliosdb.dump.snapshot import snapshot
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, UndefinedTable
from heliosdb.sql.deparse import quote_name

if TYPE_CHECKING:
    from heliosdb.dump.entry import Entry
    from heliosdb.encoding.codecs import Chain
    from heliosdb.session import Session

__all__ = ["FORMATS", "backup", "format_of", "restore"]

FORMATS = ("sql", "archive")


def format_of(place: str) -> str:
    """Return the format that a place's name stands for: SQL for ``.sql`` and standard output, else an archive."""
    return "sql" if place == "-" or place.lower().endswith(".sql") else "archive"


def backup(
    database: Any,
    place: str | BinaryIO,
    *,
    file_format: str | None = None,
    options: DumpOptions | None = None,
    compression: str | None = None,
    level: int | None = None,
    replace: bool = False,
    plain: bool = False,
    on_progress: OnProgress = nobody,
) -> Report:
    """Write a database as it is at this moment; others go on reading and writing meanwhile.

    ``place`` is a path, a URL that fsspec knows, ``-`` for standard output, or an open binary file. ``file_format`` is
    "sql" or "archive"; None goes by the place's name. ``compression`` (zstd, lz4, none) and ``level`` are an archive's.
    DuplicateFile for a place that has something, unless ``replace``. ``plain`` leaves out what packages have all bytes
    of the database pass, such as a cipher; a script, which nothing passes, of such a database is refused without it.
    """
    chosen = (options or DumpOptions()).checked()
    if file_format is None:
        file_format = format_of(place) if isinstance(place, str) else "archive"
    if file_format not in FORMATS:
        raise InvalidParameterValue(f'format must be one of {", ".join(FORMATS)}, not "{file_format}"')
    if file_format == "sql" and (compression is not None or level is not None):
        raise InvalidParameterValue("compression is for the format archive")
    report = Report()
    write: Callable[[BinaryIO], None]
    if file_format == "sql":
        write = partial(_write_script, database, chosen, plain, on_progress, report)
    else:
        if chosen.inserts:
            raise InvalidParameterValue("inserts is for the format sql")

        def chain(session: Session) -> Chain:
            return session.database.codecs.archive(compression or "zstd", level, plain=plain)

        write = partial(_write_archive, database, chosen, chain, on_progress, report)
    if isinstance(place, str):
        with writing(place, replace=replace) as file:
            write(file)
    else:
        write(place)
    return report


def _write_script(
    database: Any, options: DumpOptions, plain: bool, on_progress: OnProgress, report: Report, file: BinaryIO
) -> None:
    with closing(database.session()) as session:
        added = session.database.codecs.added
    if added and not plain:
        raise FeatureNotSupported(
            "a script is plain text, and what this database stores is not",
            detail=f"It passes the codec {', '.join(added)}.",
            hint='Make an archive, which passes it, too; or state the option "plain".',
        )
    for piece in dump_script(database, options, on_progress=on_progress, report=report):
        file.write(piece.encode())


def _write_archive(
    database: Any,
    options: DumpOptions,
    chain: Callable[[Session], Chain],
    on_progress: OnProgress,
    report: Report,
    file: BinaryIO,
) -> None:
    from heliosdb import __version__

    with snapshot(database) as session:
        writer = ArchiveWriter(file, chain(session), {"heliosdb": __version__})
        definitions = definition_entries(session, options)
        for entry in definitions:
            if entry.section == "pre-data":
                writer.add(entry)
        for table in chosen_tables(session, options):
            entry = rows_entry(table)
            report.rows += writer.add(entry, _told(row_pieces(session, entry), entry, on_progress))
            report.tables += 1
        if not options.schema_only:
            for entry in sequence_values(session, options):
                writer.add(entry)
        for entry in definitions:
            if entry.section == "post-data":
                writer.add(entry)
        writer.finish()
        report.objects = sum(1 for entry in definitions if entry.sql)


def _told(pieces: Iterator[str], entry: Entry, on_progress: OnProgress) -> Iterator[str]:
    for piece in pieces:
        on_progress(entry.title, piece.count("\n"))
        yield piece


# -- back --------------------------------------------------------------------------------------------------------------


def restore(
    database: Any,
    place: str | BinaryIO,
    *,
    options: DumpOptions | None = None,
    skip_unsupported: bool = False,
    commit_rows: int | None = None,
    on_progress: OnProgress = nobody,
) -> Report:
    """Bring what a dump or an archive holds into a database, in one transaction: all of it or nothing.

    Tables are made, so there must be none of the same names, unless ``options`` say ``clean``, or ``data_only``. Of an
    archive the options choose tables and sections. ``skip_unsupported`` leaves out statements of a script that HeliosDB
    does not support; the report counts them. With ``commit_rows`` it commits about so often, and the rows need not fit
    into memory: for a database that the caller throws away after an error.
    """
    chosen = (options or DumpOptions()).checked()
    if chosen.inserts:
        raise InvalidParameterValue("inserts is an option of dumps")
    report = Report()
    if isinstance(place, str):
        with reading(place) as file:
            try:
                _restore(database, file, place, chosen, skip_unsupported, commit_rows, on_progress, report)
            except OSError as error:
                raise file_error(place, error, "read") from None
    else:
        name = getattr(place, "name", "the file")
        _restore(database, place, name, chosen, skip_unsupported, commit_rows, on_progress, report)
    return report


def _restore(
    database: Any,
    file: BinaryIO,
    name: str,
    options: DumpOptions,
    skip_unsupported: bool,
    commit_rows: int | None,
    on_progress: OnProgress,
    report: Report,
) -> None:
    beginning = file.read(8)
    whole = _rejoined(beginning, file)
    if is_archive(beginning):
        with seekable(whole) as archive:
            _restore_archive(database, archive, str(name), options, commit_rows, on_progress, report)
        return
    if options != DumpOptions():
        raise FeatureNotSupported("a script is restored as a whole; choosing parts of it is for archives")
    _restore_script(database, whole, str(name), skip_unsupported, commit_rows, on_progress, report)


def _rejoined(beginning: bytes, file: BinaryIO) -> BinaryIO:
    """Return a file that begins with what was read of it already."""
    if file.seekable():
        file.seek(-len(beginning), io.SEEK_CUR)
        return file
    return io.BufferedReader(_Rejoined(beginning, file))


class _Rejoined(io.RawIOBase):
    def __init__(self, beginning: bytes, file: BinaryIO) -> None:
        self._beginning = beginning
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._beginning[: len(buffer)] or self._file.read(len(buffer))
        self._beginning = self._beginning[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _restore_script(
    database: Any,
    file: BinaryIO,
    name: str,
    skip_unsupported: bool,
    commit_rows: int | None,
    on_progress: OnProgress,
    report: Report,
) -> None:
    reader = ScriptReader(file)
    read = 0

    def tell() -> None:
        nonlocal read
        on_progress(name, reader.bytes_read - read)
        read = reader.bytes_read

    def told(pieces: Iterator[str]) -> Iterator[str]:
        for piece in pieces:
            tell()
            yield piece

    with restoring(database) as session:
        runner = Runner(session, name, report, skip_unsupported=skip_unsupported, commit_rows=commit_rows)
        while (text := reader.statement()) is not None:
            where = f"line {reader.line}"
            if runner.run(text, where):
                runner.copy(text, told(reader.rows()), where)
            tell()
        runner.finish()


def _restore_archive(
    database: Any,
    archive: BinaryIO,
    name: str,
    options: DumpOptions,
    commit_rows: int | None,
    on_progress: OnProgress,
    report: Report,
) -> None:
    with restoring(database) as session:
        reader = ArchiveReader(archive, session.database.codecs.find)
        numbers = _chosen(reader, options)
        wanted = [reader.entries[number] for number in numbers]
        runner = Runner(session, name, report, commit_rows=commit_rows)
        for line in PREAMBLE.splitlines():
            session.execute(line.removesuffix(";"))
        if options.clean:
            for text in drops(wanted, if_exists=options.if_exists):
                session.execute(text)
        for number in numbers:
            entry = reader.entries[number]
            if entry.references is not None and not _is_there(session, entry.references):
                report.skip(f"references to {'.'.join(entry.references)}, which is not there")
            elif entry.kind == "TABLE DATA" and not entry.columns:
                # There is no value by which COPY could know a row.
                for _ in range(reader.rows[number]):
                    session.execute(f"INSERT INTO {quote_name((entry.schema, entry.name))} DEFAULT VALUES")
                report.rows += reader.rows[number]
                report.tables += 1
            elif entry.kind == "TABLE DATA":
                runner.copy(copy_in(entry), _counted(reader.row_pieces(number), entry, on_progress), entry.title)
            else:
                for statement in session.texts(entry.sql):
                    runner.run(statement.text, entry.title)


def _is_there(session: Session, name: tuple[str, str]) -> bool:
    return session.catalog.lookup_relation(*name) is not None


def _counted(pieces: Iterator[bytes], entry: Entry, on_progress: OnProgress) -> Iterator[str]:
    for piece in pieces:
        on_progress(entry.title, piece.count(b"\n"))
        yield piece.decode()


def _chosen(reader: ArchiveReader, options: DumpOptions) -> list[int]:
    """Return the numbers of the entries that are wanted; UndefinedTable where a pattern fits none."""
    selection = Selection(options)
    numbers = []
    for number, entry in enumerate(reader.entries):
        if entry.table is not None:
            taken = selection.takes(*entry.table)
        elif entry.kind in ("VIEW", "SEQUENCE", "SEQUENCE SET"):
            taken = selection.takes(entry.schema, entry.name)
        elif entry.kind == "SCHEMA":
            taken = selection.takes_schema(entry.name)
        elif entry.kind == "EXTENSION":
            taken = not selection.names_tables
        else:
            taken = selection.takes_schema(entry.schema)
        is_data = entry.section == "data"
        if taken and not (options.schema_only and is_data) and not (options.data_only and not is_data):
            numbers.append(number)
    unmatched = selection.unmatched()
    if unmatched:
        raise UndefinedTable(f"no matching tables or schemas were found for {', '.join(map(repr, unmatched))}")
    return numbers
