"""A SQLite file: its tables with their keys, references, indexes, checks and defaults, and its views.

SQLite's statements are not PostgreSQL's. What its PRAGMAs tell is made from them; what stands only in its SQL (checks,
defaults, views, indexes over expressions) is tried as it is written, and where it is not understood it stays behind
and the report says so. Rows never stay behind.

The tables of the file are read in one transaction of SQLite's, and written in one of ours.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from heliosdb.dump.runner import BulkCopy
from heliosdb.errors import BadCopyFileFormat, CharacterNotInRepertoire, Error, ForeignKeyViolation, UndefinedTable
from heliosdb.sql.deparse import quote_identifier, quote_literal
from heliosdb.transfer.names import folded, unique_names
from heliosdb.transfer.sqlite_types import ColumnType, column_type

if TYPE_CHECKING:
    from heliosdb.dump.report import OnProgress, Report
    from heliosdb.session import Session

__all__ = ["import_sqlite"]

BATCH: Final = 1000
_action: Final = {
    "NO ACTION": "",
    "RESTRICT": "RESTRICT",
    "CASCADE": "CASCADE",
    "SET NULL": "SET NULL",
    "SET DEFAULT": "SET DEFAULT",
}
_token: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[A-Za-z_]\w*|[()]|.""", re.DOTALL
)


@define
class _Column:
    original: str
    name: str
    declared: str
    not_null: bool
    default: str | None
    key: int
    type: ColumnType


@define
class _Table:
    original: str
    name: str
    columns: list[_Column]
    sql: str
    rowid_key: str | None

    def column(self, original: str) -> str:
        """Return a column's name here, by its name there, whose case means nothing."""
        for column in self.columns:
            if column.original.lower() == original.lower():
                return column.name
        return original


def import_sqlite(
    session: Session,
    path: str,
    report: Report,
    *,
    tables: Sequence[str] = (),
    keep_case: bool = False,
    commit_rows: int | None = None,
    on_progress: OnProgress,
) -> None:
    """Import a SQLite file, or the named tables of it."""
    with _opened(path) as connection:
        _Import(session, connection, report, keep_case, commit_rows, on_progress).run(tables)


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    # Read-only: SQLite would make what it does not find, and clean up behind others.
    place = Path(path).resolve().as_uri() + "?mode=ro"
    script = _script(path)
    try:
        # A script of SQLite's runs in a temporary database of SQLite's, which is on disk if it is large.
        with closing(sqlite3.connect(place if script is None else "", uri=True, isolation_level=None)) as connection:
            if script is not None:
                connection.set_authorizer(_authorize)
                connection.executescript(script)
            connection.text_factory = _text
            connection.execute("BEGIN")
            yield connection
    except sqlite3.DatabaseError as error:
        raise BadCopyFileFormat(f'"{path}" cannot be read as a SQLite database: {error}') from None


def _script(path: str) -> str | None:
    """Return the text of a file that is what SQLite's shell writes for .dump, None for a database."""
    with Path(path).open("rb") as file:
        if file.read(16) == b"SQLite format 3\x00":
            return None
        file.seek(0)
        content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CharacterNotInRepertoire(f'line {line} of "{path}": invalid byte sequence for encoding "UTF8"') from None


def _authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    """Let a script do what it wants in its own database, and open no other file."""
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def _text(raw: bytes) -> str:
    # SQLite does not look at what a text is made of; a NUL ends nothing there, and is none of SQL's characters here.
    return raw.decode("utf-8", errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Import:
    def __init__(
        self,
        session: Session,
        connection: sqlite3.Connection,
        report: Report,
        keep_case: bool,
        commit_rows: int | None,
        on_progress: OnProgress,
    ) -> None:
        self.session = session
        self.connection = connection
        self.report = report
        self.commit_rows = commit_rows
        self.on_progress = on_progress
        self._fold: Callable[[str], str] = lambda name: folded(name, keep_case=keep_case)

    def run(self, wanted: Sequence[str]) -> None:
        """Make the tables, copy the rows, then add keys, indexes, references and views."""
        tables = self._tables(wanted)
        for table in tables:
            self._create(table)
        for table in tables:
            self._copy(table)
        for table in tables:
            self._keys(table)
        for table in tables:
            self._checks(table)
            self._references(table, {found.original.lower(): found for found in tables})
        if not wanted:
            self._views()
            for (name,) in self.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
                self.report.skip(f"trigger {name}")

    # -- tables ----------------------------------------------------------------------------------------------------

    def _tables(self, wanted: Sequence[str]) -> list[_Table]:
        found: list[tuple[str, str]] = []
        shadows = self._shadow_tables()
        rows = self.connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
        for name, sql in rows.fetchall():
            if name.lower().startswith("sqlite_"):
                continue
            if wanted and name.lower() not in {given.lower() for given in wanted}:
                continue
            if (sql or "").upper().startswith("CREATE VIRTUAL"):
                self.report.skip(f"virtual table {name}")
            elif name not in shadows:
                found.append((name, sql))
        for given in wanted:
            if given.lower() not in {name.lower() for name, _ in found}:
                raise UndefinedTable(f'table "{given}" is not in the file')
        names = unique_names([self._fold(name) for name, _ in found])
        return [self._table(original, name, sql) for (original, sql), name in zip(found, names)]

    def _shadow_tables(self) -> set[str]:
        try:
            rows = self.connection.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'").fetchall()
        except sqlite3.OperationalError:
            return set()
        return {name for (name,) in rows}

    def _table(self, original: str, name: str, sql: str) -> _Table:
        rows = self.connection.execute(f"PRAGMA table_xinfo({_quoted(original)})").fetchall()
        # 1 is hidden, of virtual tables; 2 and 3 are computed, and come as the values that they have.
        rows = [row for row in rows if row[6] != 1]
        keys = [row for row in rows if row[5]]
        is_rowid = len(keys) == 1 and keys[0][2].upper() == "INTEGER" and not self._has_key_index(original)
        columns = []
        names = unique_names([self._fold(row[1]) for row in rows])
        for (_, column, declared, not_null, default, key, hidden), here in zip(rows, names):
            found = column_type(
                self.connection, _quoted(original), _quoted(column), declared or "", is_rowid=is_rowid and bool(key)
            )
            if found.note is not None:
                self.report.skip(f"the declared type of {name}.{here} ({found.note})")
            if hidden:
                self.report.skip(f"the expression of the generated column {name}.{here}")
            columns.append(_Column(column, here, declared or "", bool(not_null), default, key, found))
        rowid = next((c.name for c in columns if c.key), None) if is_rowid else None
        return _Table(original, name, columns, sql or "", rowid)

    def _has_key_index(self, table: str) -> bool:
        """Return whether the key has an index of its own: then it is no other name of the row id."""
        return any(row[3] == "pk" for row in self.connection.execute(f"PRAGMA index_list({_quoted(table)})"))

    def _create(self, table: _Table) -> None:
        lines = []
        for column in table.columns:
            line = f"{quote_identifier(column.name)} {column.type.sql}"
            if column.name == table.rowid_key:
                line += " GENERATED BY DEFAULT AS IDENTITY"
            elif column.not_null:
                line += " NOT NULL"
            lines.append(line)
        self.session.execute(f"CREATE TABLE {quote_identifier(table.name)} ({', '.join(lines)})")
        self.report.objects += 1
        for column in table.columns:
            if column.default is not None and column.name != table.rowid_key:
                self._default(table, column)

    def _default(self, table: _Table, column: _Column) -> None:
        text = column.default or ""
        if text.startswith('"') and text.endswith('"'):
            # SQLite takes such a name for a string.
            text = quote_literal(text[1:-1].replace('""', '"'))
        if column.type.sql == "boolean" and text in ("0", "1"):
            text = "true" if text == "1" else "false"
        if column.type.sql == "date" and text.upper() == "CURRENT_TIMESTAMP":
            text = "CURRENT_DATE"
        change = f"ALTER COLUMN {quote_identifier(column.name)} SET DEFAULT {text}"
        self._try(
            f"ALTER TABLE {quote_identifier(table.name)} {change}",
            f"default of {table.name}.{column.name}: {column.default}",
        )

    # -- rows ------------------------------------------------------------------------------------------------------

    def _copy(self, table: _Table) -> None:
        if not table.columns:
            return
        columns = ", ".join(_quoted(column.original) for column in table.columns)
        names = ", ".join(quote_identifier(column.name) for column in table.columns)
        converts = [(place, c.type.convert) for place, c in enumerate(table.columns) if c.type.convert is not None]
        cursor = self.connection.execute(f"SELECT {columns} FROM {_quoted(table.original)}")
        text = f"COPY {quote_identifier(table.name)} ({names}) FROM STDIN"
        self.connection.text_factory = lambda raw: self._noted(table, raw)
        with BulkCopy(self.session, text, self.commit_rows) as copy:
            while rows := cursor.fetchmany(BATCH):
                copy.write_rows(_converted(rows, converts) if converts else rows)
                self.on_progress(table.name, len(rows))
            self.report.rows += copy.finish()
        self.connection.text_factory = _text
        self.report.tables += 1
        if table.rowid_key is not None:
            self._advance(table)

    def _noted(self, table: _Table, raw: bytes) -> str:
        text = _text(raw)
        if "\N{REPLACEMENT CHARACTER}" in text and text.encode() != raw:
            self.report.skip(f"NULs, and bytes that are no UTF-8, of a text in {table.name}: U+FFFD stands for each")
        return text

    def _advance(self, table: _Table) -> None:
        """Have the identity column go on where SQLite would."""
        key = next(column for column in table.columns if column.name == table.rowid_key)
        (last,) = self.connection.execute(
            f"SELECT max({_quoted(key.original)}) FROM {_quoted(table.original)}"
        ).fetchone()
        try:
            row = self.connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = ?", (table.original,)
            ).fetchone()
        except sqlite3.OperationalError:
            row = None
        last = max(last or 0, row[0] if row and isinstance(row[0], int) else 0)
        if last > 0:
            name, column = quote_literal(quote_identifier(table.name)), quote_literal(key.name)
            sequence = f"pg_catalog.pg_get_serial_sequence({name}, {column})"
            self.session.execute(f"SELECT pg_catalog.setval({sequence}, {last})")

    # -- keys and indexes ------------------------------------------------------------------------------------------

    def _keys(self, table: _Table) -> None:
        name = quote_identifier(table.name)
        keys = sorted((column for column in table.columns if column.key), key=lambda column: column.key)
        if keys:
            columns = ", ".join(quote_identifier(column.name) for column in keys)
            if not self._try(f"ALTER TABLE {name} ADD PRIMARY KEY ({columns})", None):
                # SQLite lets keys be NULL.
                self._try(f"ALTER TABLE {name} ADD UNIQUE ({columns})", f"primary key of {table.name}")
                self.report.skip(f"primary key of {table.name} (it has NULL: it became a unique constraint)")
        for _, index, unique, origin, partial in self.connection.execute(
            f"PRAGMA index_list({_quoted(table.original)})"
        ).fetchall():
            if origin != "pk":
                self._index(table, index, bool(unique), origin, bool(partial))

    def _index(self, table: _Table, index: str, unique: bool, origin: str, partial: bool) -> None:
        rows = self.connection.execute(f"PRAGMA index_xinfo({_quoted(index)})").fetchall()
        keys = [row for row in rows if row[5]]
        name = quote_identifier(table.name)
        if any(row[1] == -2 for row in keys) or partial:
            self._written_index(table, index, unique)
            return
        if any(row[4].upper() == "NOCASE" for row in keys):
            self.report.skip(f"NOCASE of index {index} (it tells upper from lower case here)")
        columns = [quote_identifier(table.column(row[2])) + (" DESC" if row[3] else "") for row in keys]
        if origin == "u":
            plain = ", ".join(quote_identifier(table.column(row[2])) for row in keys)
            self._try(f"ALTER TABLE {name} ADD UNIQUE ({plain})", f"unique constraint of {table.name} ({plain})")
            return
        word = "UNIQUE " if unique else ""
        text = f"CREATE {word}INDEX {quote_identifier(self._fold(index))} ON {name} ({', '.join(columns)})"
        self._try(text, f"index {index}")

    def _written_index(self, table: _Table, index: str, unique: bool) -> None:
        """Make an index over expressions, or of some rows, as SQLite's SQL has it behind the table's name."""
        row = self.connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
        parts = _tokens(row[0] or "")
        begin = next((place for place, part in enumerate(parts) if part == "("), None)
        if begin is None:
            self.report.skip(f"index {index}")
            return
        word = "UNIQUE " if unique else ""
        head = f"CREATE {word}INDEX {quote_identifier(self._fold(index))} ON {quote_identifier(table.name)} "
        self._try(head + self._translated(parts[begin:]), f"index {index}")

    def _checks(self, table: _Table) -> None:
        parts = _tokens(table.sql)
        for place, part in enumerate(parts):
            if part.upper() != "CHECK":
                continue
            begin = next((n for n in range(place + 1, len(parts)) if not parts[n].isspace()), len(parts))
            condition = _parenthesised(parts, begin)
            if condition:
                text = self._translated(condition)
                add = f"ALTER TABLE {quote_identifier(table.name)} ADD CHECK {text}"
                self._try(add, f"check of {table.name}: {text}")

    def _translated(self, parts: list[str]) -> str:
        """Return SQLite's SQL with names quoted as SQL quotes them."""
        made = []
        for part in parts:
            if part[:1] in '"`[' and len(part) > 1:
                inner = part[1:-1].replace(part[0] * 2, part[0]) if part[0] != "[" else part[1:-1]
                made.append(quote_identifier(self._fold(inner)))
            else:
                made.append(part)
        return "".join(made)

    # -- references and views --------------------------------------------------------------------------------------

    def _references(self, table: _Table, tables: dict[str, _Table]) -> None:
        found: dict[int, list[tuple[Any, ...]]] = {}
        for row in self.connection.execute(f"PRAGMA foreign_key_list({_quoted(table.original)})"):
            found.setdefault(row[0], []).append(row)
        for _, rows in sorted(found.items(), reverse=True):
            rows.sort(key=lambda row: row[1])
            target = tables.get(rows[0][2].lower())
            here = ", ".join(quote_identifier(table.column(row[3])) for row in rows)
            what = f"reference of {table.name} ({here}) to {rows[0][2]}"
            if target is None:
                self.report.skip(f"{what}, which is not there")
                continue
            text = f"ALTER TABLE {quote_identifier(table.name)} ADD FOREIGN KEY ({here})"
            text += f" REFERENCES {quote_identifier(target.name)}"
            if rows[0][4] is not None:
                text += f" ({', '.join(quote_identifier(target.column(row[4])) for row in rows)})"
            for words, action in (("ON UPDATE", rows[0][5]), ("ON DELETE", rows[0][6])):
                if _action.get(action):
                    text += f" {words} {_action[action]}"
            try:
                self._careful(text)
            except ForeignKeyViolation:
                # SQLite checks references only where it is told to.
                self._try(f"{text} NOT VALID", what)
                self.report.skip(f"{what}: rows violate it, so it is not validated")
            except Error as error:
                self.report.skip(f"{what}: {error.message}")

    def _views(self) -> None:
        for name, sql in self.connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY rowid"
        ).fetchall():
            parts = _tokens(sql or "")
            begin = next((place for place, part in enumerate(parts) if part.upper() == "AS"), None)
            if begin is None or not self._try(
                f"CREATE VIEW {quote_identifier(self._fold(name))} {self._translated(parts[begin:])}", f"view {name}"
            ):
                continue
            self.report.objects += 1

    # -- trying ----------------------------------------------------------------------------------------------------

    def _careful(self, text: str) -> None:
        """Run a statement so that its failure leaves the transaction as it was."""
        self.session.execute("SAVEPOINT heliosdb_import")
        try:
            self.session.execute(text)
        except Error:
            self.session.execute("ROLLBACK TO SAVEPOINT heliosdb_import")
            raise
        finally:
            self.session.execute("RELEASE SAVEPOINT heliosdb_import")

    def _try(self, text: str, what: str | None) -> bool:
        try:
            self._careful(text)
        except Error:
            if what is not None:
                self.report.skip(what)
            return False
        return True


def _converted(rows: list[tuple[Any, ...]], converts: list[tuple[int, Callable[[Any], Any]]]) -> list[list[Any]]:
    made = [list(row) for row in rows]
    for place, convert in converts:
        for row in made:
            if row[place] is not None:
                row[place] = convert(row[place])
    return made


def _tokens(sql: str) -> list[str]:
    return [part for part in _token.findall(sql) if not part.startswith(("--", "/*"))]


def _parenthesised(parts: list[str], begin: int) -> list[str]:
    """Return the parts of a parenthesis that begins here, nothing where none does."""
    depth = 0
    for place in range(begin, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[place], 0)
        if not depth:
            return parts[begin : place + 1] if place > begin else []
    return []
