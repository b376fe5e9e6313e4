"""Result rows as text, in the formats that ``\\pset format`` offers.

    aligned      +----+-------+        the default; numbers to the right, line breaks within a value on lines of their
    own
                 | id | name  |
                 +----+-------+
    expanded     one column a line (``\\x``)
    unaligned    values separated by ``fieldsep``
    csv, json, markdown

Values are the engine's text output. Control characters are shown, not sent, in the formats for the eye: what a table
holds must not move the terminal's cursor.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define

__all__ = ["FORMATS", "Style", "Table", "display_width", "format_table"]

FORMATS: Final = ("aligned", "unaligned", "csv", "json", "markdown")
NUMERIC_TYPES: Final = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric", "oid", "money"})
JSON_TYPES: Final = frozenset({"json", "jsonb"})


@define
class Table:
    """Column names, their types, and rows of texts (None for NULL)."""

    names: Sequence[str]
    types: Sequence[str]
    rows: Sequence[Sequence[str | None]]
    title: str | None = None


@define
class Style:
    """How tables are printed (``\\pset``)."""

    format: str = "aligned"
    expanded: str = "off"
    null: str = ""
    field_separator: str = "|"
    tuples_only: bool = False
    pager: str = "on"
    footer: bool = True

    @property
    def has_footer(self) -> bool:
        """Whether the number of rows follows a table: in what is for the eye, where psql has it too."""
        if not self.footer or self.tuples_only:
            return False
        return self.format == "aligned" or (self.format == "unaligned" and self.expanded != "on")


def format_table(table: Table, style: Style, width: int | None = None) -> Iterator[str]:
    """Yield the lines of a table, without the footer.

    ``width`` is the terminal's: ``\\x auto`` turns columns into lines beyond it.
    """
    if style.format == "json":
        return _json(table)
    if style.format == "csv":
        return _csv(table, style)
    if style.format == "markdown":
        return _markdown(table, style)
    if style.format == "unaligned":
        return _unaligned(table, style)
    if style.expanded == "on":
        return _expanded(table, style)
    lines = _aligned(table, style)
    if style.expanded == "auto" and width is not None:
        made = list(lines)
        return iter(made) if all(display_width(line) <= width for line in made) else _expanded(table, style)
    return lines


# -- for the eye -------------------------------------------------------------------------------------------------------

_controls: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> list[str]:
    """Return a value's lines with tabs expanded and control characters spelled."""
    if text.isascii() and text.isprintable():
        return [text]
    lines = text.replace("\r\n", "\\r\n").split("\n")
    return [_controls.sub(_spelled, line.expandtabs(8)) for line in lines]


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 13:
        return "\\r"
    return f"\\x{code:02X}" if code < 256 else f"\\u{code:04X}"


def display_width(text: str) -> int:
    """Return the number of terminal cells that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(text: str, width: int, *, right: bool = False) -> str:
    blanks = " " * (width - display_width(text))
    return blanks + text if right else text + blanks


def _aligned(table: Table, style: Style) -> Iterator[str]:
    names = [shown(name)[0] for name in table.names]
    cells = [[shown(style.null if value is None else value) for value in row] for row in table.rows]
    widths = [display_width(name) for name in names]
    for row in cells:
        for i, lines in enumerate(row):
            widths[i] = max(widths[i], *map(display_width, lines))
    numeric = [name in NUMERIC_TYPES for name in table.types]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+" if widths else "++"
    if table.title is not None:
        yield table.title
    yield rule
    if not style.tuples_only:
        yield "|" + "|".join(f" {_padded(name, width)} " for name, width in zip(names, widths)) + "|" if names else "||"
        yield rule
    for row in cells:
        for line in range(max(map(len, row), default=1)):
            parts = []
            for lines, width, right in zip(row, widths, numeric):
                text = lines[line] if line < len(lines) else ""
                # psql's mark for a value that goes on in the next line.
                edge = "+" if line < len(lines) - 1 else " "
                parts.append(f" {_padded(text, width, right=right)}{edge}")
            yield "|" + "|".join(parts) + "|"
    if cells:
        yield rule


def _expanded(table: Table, style: Style) -> Iterator[str]:
    if table.title is not None:
        yield table.title
    names = [shown(name)[0] for name in table.names]
    name_width = max(map(display_width, names), default=0)
    records = [[shown(style.null if value is None else value) for value in row] for row in table.rows]
    value_width = max((display_width(line) for row in records for lines in row for line in lines), default=0)
    for number, row in enumerate(records, 1):
        if not style.tuples_only:
            head = f"-[ RECORD {number} ]"
            left = head.ljust(name_width + 1, "-")
            yield (
                left + "+" + "-" * (value_width + 1)
                if len(head) <= name_width + 1
                else head.ljust(name_width + value_width + 3, "-")
            )
        for name, lines in zip(names, row):
            for line, text in enumerate(lines):
                label = name if line == 0 else ""
                edge = "+" if line < len(lines) - 1 else ""
                yield f"{_padded(label, name_width)} | {_padded(text, value_width) if edge else text}{edge}"


# -- for programs ------------------------------------------------------------------------------------------------------


def _unaligned(table: Table, style: Style) -> Iterator[str]:
    if style.expanded == "on":
        for number, row in enumerate(table.rows):
            if number:
                yield ""
            for name, value in zip(table.names, row):
                yield f"{name}{style.field_separator}{style.null if value is None else value}"
        return
    if not style.tuples_only:
        yield style.field_separator.join(table.names)
    for row in table.rows:
        yield style.field_separator.join(style.null if value is None else value for value in row)


def _csv(table: Table, style: Style) -> Iterator[str]:
    rows: list[Sequence[str]] = [] if style.tuples_only else [table.names]
    rows += [[style.null if value is None else value for value in row] for row in table.rows]
    for row in rows:
        buffer = io.StringIO()
        # The writer quotes what its line end holds, so both characters that end lines somewhere are in it.
        csv.writer(buffer, lineterminator="\r\n").writerow(row)
        yield buffer.getvalue()[:-2]


def _markdown(table: Table, style: Style) -> Iterator[str]:
    def line(values: Sequence[str]) -> str:
        return "| " + " | ".join("<br>".join(shown(value)).replace("|", "\\|") for value in values) + " |"

    yield line(table.names)
    yield "|" + "|".join("--:" if name in NUMERIC_TYPES else "---" for name in table.types) + "|"
    for row in table.rows:
        yield line([style.null if value is None else value for value in row])


def _json(table: Table) -> Iterator[str]:
    """Yield an array of objects.

    Numbers that JSON can hold stay numbers, json columns stay documents, all else is text.
    """
    if not table.rows:
        yield "[]"
        return
    for number, row in enumerate(table.rows):
        fields = (
            f"{json.dumps(name, ensure_ascii=False)}: {_json_value(value, type_name)}"
            for name, type_name, value in zip(table.names, table.types, row)
        )
        end = "]" if number == len(table.rows) - 1 else ","
        yield f"{'[' if number == 0 else ' '}{{{', '.join(fields)}}}{end}"


def _json_value(value: str | None, type_name: str) -> str:
    if value is None:
        return "null"
    if type_name == "bool":
        return "true" if value == "t" else "false"
    if type_name in NUMERIC_TYPES and value not in ("NaN", "Infinity", "-Infinity"):
        return value
    if type_name in JSON_TYPES:
        return value.replace("\n", " ") if type_name == "json" else value
    return json.dumps(value, ensure_ascii=False)
