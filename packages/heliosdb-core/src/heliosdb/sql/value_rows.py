"""Long VALUES lists of an INSERT, as text: rows of plain constants that never become tokens or nodes.

A dump, or a program, that writes a hundred thousand rows into one statement would pay the lexer, a node and a bound
constant for each of its cells. So in a long text the run of rows that hold nothing but numbers, plain strings, NULL,
TRUE and FALSE is found by one regular expression; the parser gets the text with blanks in place of all but the first
of them (so that every position stays), and the binder reads the run column by column, a few thousand rows at a time.

Whatever is not as simple as that (another expression, rows of different lengths, a value that does not fit) goes the
ordinary way from the start, which also words the errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from attrs import frozen

__all__ = ["LONG_TEXT", "ValueRows", "cut_rows", "end_of_rows"]

LONG_TEXT: Final = 16_384
"""Characters from which it is worth while."""
ROWS_AT_ONCE: Final = 4096

_BLANK: Final = r"[ \t\n\r\f]*+"
_CELL: Final = (
    r"(?:'(?:[^']++|'')*+'|-?+(?:[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|\.[0-9]++)|(?i:null|true|false))"
)
_ROW: Final = rf"\({_BLANK}{_CELL}{_BLANK}(?:,{_BLANK}{_CELL}{_BLANK})*+\)"
_head: Final = re.compile(
    rf"""{_BLANK}insert{_BLANK}into\b(?:[^'()"$/;-]|"(?:[^"]++|"")++")*?
    (?:\((?:[^'()"$/;-]++|"(?:[^"]++|"")++")*+\){_BLANK})?+
    (?:overriding{_BLANK}(?:user|system){_BLANK}value{_BLANK})?+\bvalues{_BLANK}(?=\()""",
    re.VERBOSE | re.IGNORECASE,
)
_first: Final = re.compile(_ROW)
_more: Final = re.compile(rf"(?:{_BLANK},{_BLANK}{_ROW})*+")


@frozen(eq=False, repr=False)
class ValueRows:
    """The rows of a VALUES list, from ``start`` to ``end`` of a text."""

    text: str
    start: int
    end: int

    def blocks(self, width: int) -> Iterator[list[tuple[str, ...]] | None]:
        """Yield the cells as they are written, some thousand rows at a time; None where a row has another width."""
        cells = rf"{_BLANK},{_BLANK}".join([f"({_CELL})"] * width)
        pattern = re.compile(rf"(?:{_BLANK},{_BLANK})?+\({_BLANK}{cells}{_BLANK}\)")
        matches = pattern.finditer(self.text, self.start, self.end)
        at = self.start
        while found := list(islice(matches, ROWS_AT_ONCE)):
            # Only what stands side by side is a row: the search passes over what does not match.
            if found[0].start() != at or sum([match.end() - match.start() for match in found]) != found[-1].end() - at:
                yield None
                return
            at = found[-1].end()
            yield [match.groups() for match in found]
        if at != self.end:
            yield None


def end_of_rows(text: str, start: int) -> int:
    """Return where a run of rows of constants ends that begins at a parenthesis; ``start`` if there is none."""
    first = _first.match(text, start)
    if first is None:
        return start
    more = _more.match(text, first.end())
    return first.end() if more is None else more.end()


def cut_rows(text: str) -> tuple[str, ValueRows] | None:
    """Return a long INSERT's text with blanks for the rows behind the first, and those rows; None of another text."""
    head = _head.match(text)
    first = None if head is None else _first.match(text, head.end())
    if first is None:
        return None
    start, end = first.end(), end_of_rows(text, first.start())
    if end - start < LONG_TEXT // 2 or "\0" in text:
        return None
    return text[:start] + " " * (end - start) + text[end:], ValueRows(text, first.start(), end)
