"""Errors and notices as psql prints them: the message, the line with a caret under the place, detail, hint, context.

ERROR:  column "nmae" does not exist
LINE 1: SELECT nmae FROM city
               ^
HINT:  Perhaps you meant to reference the column "city.name".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.cli.table import display_width, shown

if TYPE_CHECKING:
    from heliosdb.errors import Error
    from heliosdb.session import Notice

__all__ = ["error_lines", "notice_lines", "printable", "verbose_error_lines"]

WIDTH: Final = 60
"""So much of a long line is shown (libpq's DISPLAY_SIZE) ..."""
RIGHT: Final = 10
"""... with so much behind the place (libpq's MIN_RIGHT_CUT)."""


def error_lines(error: Error, text: str = "", offset: int = 0) -> list[str]:
    """Return the lines of an error; ``text`` is what the user wrote, in which the statement begins at ``offset``."""
    position = None if error.position is None else error.position + offset
    lines = [f"ERROR:  {printable(error.message)}", *place_lines(text, position)]
    return lines + _more(error.detail, error.hint, error.context)


def verbose_error_lines(error: Error, text: str = "", offset: int = 0) -> list[str]:
    """Return the lines of an error with its SQLSTATE and the objects it names (``\\errverbose``)."""
    lines = error_lines(error, text, offset)
    lines[0] = f"ERROR:  {error.sqlstate}: {printable(error.message)}"
    objects = {
        "SCHEMA NAME": error.schema,
        "TABLE NAME": error.table,
        "COLUMN NAME": error.column,
        "DATATYPE NAME": error.datatype,
        "CONSTRAINT NAME": error.constraint,
    }
    return lines + [f"{label}:  {printable(name)}" for label, name in objects.items() if name]


def notice_lines(notice: Notice) -> list[str]:
    """Return the lines of a notice or warning."""
    return [f"{notice.severity}:  {printable(notice.message)}", *_more(notice.detail, notice.hint, None)]


def printable(text: str) -> str:
    """Return a text without characters that would act on the terminal; its lines stay."""
    return "\n".join(shown(text))


def _more(detail: str | None, hint: str | None, context: str | None) -> list[str]:
    parts = {"DETAIL": detail, "HINT": hint, "CONTEXT": context}
    return [f"{label}:  {printable(text)}" for label, text in parts.items() if text]


def place_lines(text: str, position: int | None) -> list[str]:
    """Return the line that a 1-based position stands in, cut to fit, and a caret under it."""
    if position is None or not 1 <= position <= len(text) + 1:
        return []
    at = position - 1
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[begin : len(text) if end < 0 else end].rstrip("\r").replace("\t", " ").replace("\r", " ")
    column = min(at - begin, len(line))
    left, right = "", ""
    if display_width(line) > WIDTH:
        # As libpq: the right end goes first; the left one only where the place is too far to the right for that.
        if column + RIGHT <= WIDTH:
            cut_left, cut_right = 0, WIDTH
        else:
            cut_right = min(len(line), column + RIGHT)
            cut_left = cut_right - WIDTH
        left, right = "..." if cut_left else "", "..." if cut_right < len(line) else ""
        line, column = line[cut_left:cut_right], column - cut_left
    head = f"LINE {text.count(chr(10), 0, begin) + 1}: {left}"
    before = shown(line[:column])[0]
    return [f"{head}{before}{shown(line[column:])[0]}{right}", " " * (len(head) + display_width(before)) + "^"]
