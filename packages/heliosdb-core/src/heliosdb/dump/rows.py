"""The rows of tables as text: COPY's, in pieces, and INSERT statements made of them.

COPY's text format is the one exact text that both databases read and write: what goes out is what the types' own
output functions give, what comes in goes through their input functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from heliosdb.dump.entry import Entry
from heliosdb.dump.snapshot import relation_name
from heliosdb.sql.deparse import quote_identifier, quote_literal, quote_name

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import Relation
    from heliosdb.session import Session

__all__ = ["copied_columns", "copy_in", "insert_statements", "row_pieces", "rows_entry", "unescaped_values"]

_escape = re.compile(r"\\(.)", re.DOTALL)
_escaped = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
NUMBERS = frozenset({"int2", "int4", "int8", "oid", "float4", "float8", "numeric"})


def copied_columns(relation: Relation) -> tuple[str, ...]:
    """Return the names of the columns that rows are given by: not those that are computed."""
    return tuple(found.name for found in relation.columns if not found.dropped and found.generated is None)


def rows_entry(relation: Relation) -> Entry:
    """Return the entry of a table's rows."""
    return Entry(
        section="data",
        kind="TABLE DATA",
        schema=relation.schema,
        name=relation.name,
        table=(relation.schema, relation.name),
        columns=copied_columns(relation),
        relation=relation.oid,
    )


def copy_in(entry: Entry) -> str:
    """Return the COPY ... FROM stdin that reads the rows of an entry, without its semicolon."""
    columns = ", ".join(map(quote_identifier, entry.columns))
    return f"COPY {quote_name((entry.schema, entry.name))}{f' ({columns})' if columns else ''} FROM stdin"


def row_pieces(session: Session, entry: Entry) -> Iterator[str]:
    """Yield the rows of a table in COPY's text format, in pieces of whole lines."""
    columns = ", ".join(map(quote_identifier, entry.columns))
    name = quote_name((entry.schema, entry.name))
    if columns:
        source = f"{name} ({columns})"
    else:
        # Nothing but computed columns, or none: a line for each row.
        source = f"(SELECT FROM ONLY {name})"
    with session.copy(f"COPY {source} TO STDOUT") as copy:
        yield from copy
        copy.finish()


def unescaped_values(line: str) -> list[str | None]:
    """Return the values of a line of COPY's text format."""
    return [
        None if text == "\\N" else (_escape.sub(_plain, text) if "\\" in text else text) for text in line.split("\t")
    ]


def _plain(match: re.Match[str]) -> str:
    return _escaped.get(match[1], match[1])


def insert_statements(
    session: Session, relation: Relation, entry: Entry, rows_per_insert: int
) -> Iterator[tuple[str, int]]:
    """Yield the rows of a table as INSERT statements, each piece with the number of its rows."""
    by_name = {found.name: found for found in relation.columns if not found.dropped}
    given = [by_name[name] for name in entry.columns]
    head = f"INSERT INTO {relation_name(relation)}"
    if not given:
        for piece in row_pieces(session, entry):
            yield f"{head} DEFAULT VALUES;\n" * piece.count("\n"), piece.count("\n")
        return
    columns = ", ".join(map(quote_identifier, entry.columns))
    # Without the clause PostgreSQL takes no value for such a column.
    always = any(found.identity is not None and found.identity.lower().startswith("a") for found in given)
    head += f" ({columns}){' OVERRIDING SYSTEM VALUE' if always else ''} VALUES"
    writers = [
        _number if found.type in NUMBERS else _boolean if found.type == "bool" else quote_literal for found in given
    ]
    waiting: list[str] = []
    for piece in row_pieces(session, entry):
        for line in piece.split("\n")[:-1]:
            values = unescaped_values(line)
            waiting.append(
                "(" + ", ".join("NULL" if text is None else write(text) for text, write in zip(values, writers)) + ")"
            )
            if len(waiting) == rows_per_insert:
                yield _insert(head, waiting), rows_per_insert
                waiting.clear()
    if waiting:
        yield _insert(head, waiting), len(waiting)


def _insert(head: str, rows: list[str]) -> str:
    if len(rows) == 1:
        return f"{head} {rows[0]};\n"
    return f"{head}\n    " + ",\n    ".join(rows) + ";\n"


def _number(text: str) -> str:
    # NaN and infinity are no numbers of the grammar's, and its minus before a zero gives zero.
    return text if text.lstrip("-")[:1].isdigit() and text != "-0" else quote_literal(text)


def _boolean(text: str) -> str:
    return "true" if text == "t" else "false"
