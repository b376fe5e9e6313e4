"""Trigrams of a text: every three letters in a row of its words, two blanks before and one after each word.

The measure is that of PostgreSQL's pg_trgm (https://www.postgresql.org/docs/15/pgtrgm.html): trigrams that two texts
share, divided by those that at least one has.
"""

from __future__ import annotations

import re

__all__ = ["THRESHOLD", "pattern_trigrams", "shared", "similarity", "trigrams"]

THRESHOLD = 0.3

_WORD = re.compile(r"[^\W_]+")
_PIECES = re.compile(r"(\\.|[%_])", re.DOTALL)


def trigrams(text: str) -> frozenset[str]:
    """Return the trigrams of a text."""
    found: set[str] = set()
    # casefold() treats each letter by itself; lower() would look at its neighbours (Greek's final sigma).
    for word in _WORD.findall(text.casefold()):
        padded = f"  {word} "
        found.update(padded[start : start + 3] for start in range(len(padded) - 2))
    return frozenset(found)


def similarity(left: str, right: str) -> float:
    """Return the shared part of two texts' trigrams, between 0 and 1."""
    return shared(trigrams(left), trigrams(right))


def shared(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the shared part of two sets."""
    together = len(first | second)
    return len(first & second) / together if together else 0.0


def pattern_trigrams(pattern: str) -> frozenset[str]:
    """Return trigrams that every text has that matches a LIKE pattern.

    Between wildcards stand stretches of plain text. Inside its words a stretch promises its trigrams; those with blanks
    only where it shows a word's beginning or end, for anything may stand where a wildcard is.
    """
    found: set[str] = set()
    stretch, is_first = "", True
    for piece in _PIECES.split(pattern):
        if piece in ("%", "_"):
            found |= _promised(stretch, starts=is_first, ends=False)
            stretch, is_first = "", False
        else:
            stretch += piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece
    return frozenset(found | _promised(stretch, starts=is_first, ends=True))


def _promised(stretch: str, *, starts: bool, ends: bool) -> set[str]:
    found: set[str] = set()
    text = stretch.casefold()
    for match in _WORD.finditer(text):
        before = "  " if starts or match.start() > 0 else ""
        after = " " if ends or match.end() < len(text) else ""
        word = before + match[0] + after
        found.update(word[start : start + 3] for start in range(len(word) - 2))
    return found
