"""Constants lifted out of a text in one pass, for texts that differ in nothing else.

    SELECT n FROM t WHERE id = 17;   ->   ("SELECT n FROM t WHERE id = ", ";") and ["17"]

A whole number of at most nine digits, or a string without backslashes and doubled quotes, is lifted where white space,
an operator, a parenthesis or a comma stands before it, and white space, one of ``,);`` or the end behind it. Everything
else stays in the pieces, letter for letter.

Whether what was lifted are constants, one pass cannot know: it may stand in a comment. ``shape``, which knows all of
SQL's constants, says so of one text. Then it is true of all texts with the same pieces whose constants are of the same
kinds: up to the first constant they are the same, it begins and ends in the same surroundings, and so on.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LONGEST", "cut"]

LONGEST: Final = 2_000
"""Longer texts are not worth the pass."""

_BEFORE = r"\s=(,<>+*/%-"
cut: Final = re.compile(
    # What stands before is looked at behind the first character: so the search can skip to digits and quotes.
    rf"""([0-9](?<=[{_BEFORE}][0-9])[0-9]{{0,8}}(?=[\s,);]|\Z)
    |'(?<=[{_BEFORE}]')[^'\\\0\ud800-\udfff]*'(?=[\s,);]|\Z))""",
    re.VERBOSE | re.ASCII,
).split
"""Cut a text: pieces at even places, and between them the constants as they are written."""
