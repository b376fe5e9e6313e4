"""A compiled regular expression: ``re`` for the work, under PostgreSQL's rules for which match is the one."""

from __future__ import annotations

import re
from functools import lru_cache

from heliosdb.errors import FeatureNotSupported
from heliosdb.types.regular_expression import Flags, emit, parse_regex

__all__ = ["Regex", "compile_regex"]

CACHED_EXPRESSIONS = 256


class Regex:
    """An expression ready to search texts."""

    def __init__(self, pattern: str, flags: Flags) -> None:
        parsed = parse_regex(pattern, flags)
        options = re.ASCII | (re.IGNORECASE if parsed.flags.ignore_case else 0)
        try:
            self._compiled = re.compile(emit(parsed), options)
        except re.error as error:
            # The one valid construct that ``re`` refuses is a lookbehind of variable width.
            raise FeatureNotSupported(f"regular expression is not supported: {error}") from None
        self.groups = parsed.groups

    def search(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the leftmost match from an offset on; ``^`` still means the start of the text."""
        return self._compiled.search(text, start)

    def test(self, text: str) -> bool:
        """Return whether there is a match."""
        return self._compiled.search(text) is not None


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def compile_regex(pattern: str, flags: Flags | None) -> Regex:
    """Return an expression compiled, from a bounded cache; 2201B where it is malformed."""
    return Regex(pattern, flags or Flags())
