"""Tables as a SQLite file, with their keys, references and plain indexes.

SQLite knows integers, floats, texts and bytes: everything else goes as its text, under its own type's name, which the
import reads back. Numbers of type numeric are given as text, and SQLite keeps as many digits as it can.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from heliosdb.dump.definitions import in_reference_order
from heliosdb.dump.snapshot import is_stored
from heliosdb.errors import DuplicateTable, FeatureNotSupported
from heliosdb.sql.deparse import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from heliosdb.catalog.definitions import ColumnDefinition, Relation
    from heliosdb.dump.report import OnProgress, Report
    from heliosdb.session import Session

__all__ = ["export_sqlite"]

INTEGERS: Final = frozenset({"int2", "int4", "int8", "oid"})
FLOATS: Final = frozenset({"float4", "float8"})
TEXTS: Final = frozenset({"text", "varchar", "bpchar", "name", "json"})
_names: Final = {
    "int2": "INTEGER",
    "int4": "INTEGER",
    "int8": "INTEGER",
    "oid": "INTEGER",
    "float4": "REAL",
    "float8": "REAL",
}
_named: Final = {"bool": "BOOLEAN", "bytea": "BLOB", "date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TEXT"}


def export_sqlite(
    session: Session,
    relations: Sequence[Relation],
    query: str | None,
    name: str,
    file: BinaryIO,
    report: Report,
    *,
    on_progress: OnProgress,
) -> None:
    """Write relations, or a query's rows as a table of this name, or all tables where neither is given."""
    with tempfile.TemporaryDirectory(prefix="heliosdb-") as folder:
        # SQLite writes a file of its own; it comes to its place when it is whole.
        path = Path(folder) / "export.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            if query is not None:
                _export_query(session, connection, query, name, report, on_progress)
            else:
                chosen = list(relations) or [found for found in session.catalog.relations() if is_stored(found)]
                _Tables(session, connection, chosen, report, on_progress).run()
            connection.execute("COMMIT")
        with path.open("rb") as made:
            copyfileobj(made, file)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _declared(session: Session, type_: str, typmod: int) -> str:
    """Return a type as SQLite's column says it; its affinity fits what is stored."""
    if type_ in _names:
        return _names[type_]
    if type_ in TEXTS:
        return "TEXT" if typmod < 0 or type_ == "json" else session.types.format(type_, typmod).upper()
    if type_ in _named:
        return _named[type_]
    spelled: str = session.types.format(type_, typmod)
    if type_ == "numeric":
        return spelled.upper()
    # Affinity goes by parts of the word: "interval" has INT in it, "point" too.
    return "TEXT" if "INT" in spelled.upper() or not spelled.isascii() or '"' in spelled else _text_like(spelled)


def _text_like(spelled: str) -> str:
    return {"uuid": "UUID", "jsonb": "JSONB"}.get(spelled, "TEXT")


def _writer(session: Session, type_: str) -> Callable[[Any], Any] | None:
    """Return what makes SQLite's value of a datum (None: it is one)."""
    if type_ in INTEGERS or type_ in TEXTS or type_ == "bytea":
        return None
    if type_ in FLOATS:
        # SQLite has no NaN: it would store NULL.
        return lambda datum: datum if datum == datum else "NaN"
    if type_ == "bool":
        return int
    output = session.types.output(type_)
    return lambda datum: output(datum, session)


def _rows(
    session: Session, query: str, types: Sequence[str], on_progress: OnProgress, title: str, report: Report
) -> Iterator[Sequence[Any]]:
    writers = [(place, write) for place, type_ in enumerate(types) if (write := _writer(session, type_)) is not None]
    for batch in session.stream(query):
        on_progress(title, len(batch))
        report.rows += len(batch)
        if not writers:
            yield from batch
            continue
        for datums in batch:
            row = list(datums)
            for place, write in writers:
                if row[place] is not None:
                    row[place] = write(row[place])
            yield row


def _export_query(
    session: Session,
    connection: sqlite3.Connection,
    query: str,
    name: str,
    report: Report,
    on_progress: OnProgress,
) -> None:
    stream = session.stream(query)
    columns = list(stream.columns)
    stream.close()
    types = [column.type for column in columns]
    body = ", ".join(f"{_quoted(c.name)} {_declared(session, c.type, c.typmod)}" for c in columns)
    connection.execute(f"CREATE TABLE {_quoted(name)} ({body})")
    marks = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {_quoted(name)} VALUES ({marks})", _rows(session, query, types, on_progress, name, report)
    )
    report.tables += 1


class _Tables:
    def __init__(
        self,
        session: Session,
        connection: sqlite3.Connection,
        relations: Sequence[Relation],
        report: Report,
        on_progress: OnProgress,
    ) -> None:
        self.session = session
        self.connection = connection
        self.relations = in_reference_order(list(relations))
        self.report = report
        self.on_progress = on_progress
        self.names = {relation.oid: relation.name for relation in relations}
        taken: dict[str, Relation] = {}
        for relation in relations:
            other = taken.setdefault(relation.name.lower(), relation)
            if other is not relation:
                raise DuplicateTable(
                    f'SQLite has no schemas, and two tables would be called "{relation.name}"',
                    detail=f"They are in the schemas {other.schema} and {relation.schema}.",
                )

    def run(self) -> None:
        for relation in self.relations:
            self._create(relation)
            self._fill(relation)
            self.report.tables += 1
            for index in relation.indexes:
                columns = [key.column for key in index.keys]
                if index.constraint is not None:
                    continue
                if index.predicate is not None or any(column is None for column in columns):
                    self.report.skip(f"index {index.name}")
                    continue
                names = [relation.columns[number - 1].name for number in columns if number is not None]
                word = "UNIQUE " if index.unique else ""
                self.connection.execute(
                    f"CREATE {word}INDEX {_quoted(index.name)} ON {_quoted(relation.name)} ({_list(names)})"
                )
            for constraint in relation.constraints:
                if constraint.kind == "check":
                    self.report.skip(f"check {constraint.name} of {relation.name}")

    def _create(self, relation: Relation) -> None:
        live = [column for column in relation.columns if not column.dropped]
        if not live:
            raise FeatureNotSupported(f'SQLite has no tables without columns, as "{relation.name}" is')
        keys = [found for found in relation.constraints if found.kind == "primary key"]
        alone = keys[0].columns[0] if keys and len(keys[0].columns) == 1 else None
        lines = [self._column(column, alone) for column in live]
        rowid = any(line.endswith("PRIMARY KEY") for line in lines)
        for constraint in relation.constraints:
            names = [relation.columns[number - 1].name for number in constraint.columns]
            if constraint.kind == "primary key" and not rowid:
                lines.append(f"PRIMARY KEY ({_list(names)})")
            elif constraint.kind == "unique":
                lines.append(f"UNIQUE ({_list(names)})")
            elif constraint.foreign is not None:
                lines.extend(self._reference(names, constraint))
        self.connection.execute(f"CREATE TABLE {_quoted(relation.name)} ({', '.join(lines)})")

    def _column(self, column: ColumnDefinition, key: int | None) -> str:
        base, typmod = column.type, column.typmod
        definition = self.session.types.definition(base) if base.startswith("#") else None
        if definition is not None and definition.kind == "domain":
            base, typmod = definition.base, definition.typmod
        line = f"{_quoted(column.name)} {_declared(self.session, base, typmod)}"
        if column.number == key and base in INTEGERS:
            return f"{line} PRIMARY KEY"
        return f"{line} NOT NULL" if column.not_null else line

    def _reference(self, names: list[str], constraint: Any) -> Iterator[str]:
        foreign = constraint.foreign
        other = self.session.catalog.relation_by_oid(foreign.relation)
        if other is None or other.oid not in self.names:
            self.report.skip(f"reference {constraint.name}")
            return
        there = [other.columns[number - 1].name for number in foreign.columns]
        text = f"FOREIGN KEY ({_list(names)}) REFERENCES {_quoted(other.name)} ({_list(there)})"
        for words, action in (("ON UPDATE", foreign.on_update), ("ON DELETE", foreign.on_delete)):
            if action != "no action":
                text += f" {words} {action.upper()}"
        if constraint.initially_deferred:
            text += " DEFERRABLE INITIALLY DEFERRED"
        yield text

    def _fill(self, relation: Relation) -> None:
        live = [column for column in relation.columns if not column.dropped]
        columns = _list([column.name for column in live])
        source = f"SELECT {columns} FROM {quote_name((relation.schema, relation.name))}"
        types = [column.type for column in live]
        marks = ", ".join("?" * len(live))
        rows = _rows(self.session, source, types, self.on_progress, relation.name, self.report)
        self.connection.executemany(f"INSERT INTO {_quoted(relation.name)} ({columns}) VALUES ({marks})", rows)
