"""A compiled regular expression: ``re`` for the work, the automaton where ``re`` would give another match or take too
long.

``re`` finds the leftmost start as well as any; what may differ from PostgreSQL is where the match ends. The tree says
when it cannot: nothing but characters, possibly repeated greedily, one after another. Otherwise the automaton finds
the end, and ``regular_captures`` the groups; of a long match ``re`` fills the groups. Back-references have no
automaton: ``regular_backtracking`` searches for them where ``re`` would take too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from heliosdb.errors import FeatureNotSupported
from heliosdb.types.regular_automaton import Automaton, build, prefers_shortest
from heliosdb.types.regular_backtracking import Program
from heliosdb.types.regular_captures import Dissection, Match
from heliosdb.types.regular_expression import (
    Alternation,
    CharacterSet,
    Concatenation,
    Flags,
    Group,
    Look,
    Node,
    Repetition,
    emit,
    parse_regex,
)

__all__ = ["Regex", "compile_regex"]

CACHED_EXPRESSIONS = 256
ACCEPTABLE_STEPS = 4_000_000
"""How many steps of ``re`` a match may take at worst before the automaton does it instead: nothing else runs in the
process while ``re`` does, and it cannot be stopped. These are some 20 ms."""

DISSECTED = 2_000
"""How long a match may be to be taken apart, which takes the square of its length."""

NESTED_LIMIT = 16
"""How long a text may be for an expression that takes exponential time."""


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, (Group, Repetition, Look)):
        return (node.body,)
    if isinstance(node, Concatenation):
        return node.parts
    return node.branches if isinstance(node, Alternation) else ()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _is_plain(node: Node) -> bool:
    """Whether ``re`` is sure to end a match where PostgreSQL does."""
    for part in _walk(node):
        if isinstance(part, Alternation):
            return False
        if isinstance(part, Repetition) and (
            not part.greedy or not (isinstance(part.body, CharacterSet) or part.lowest == part.highest)
        ):
            return False
    return True


def _varies(node: Node) -> bool:
    """Whether a part may match the same text in several ways."""
    return any(
        isinstance(part, Alternation) or (isinstance(part, Repetition) and part.lowest != part.highest)
        for part in _walk(node)
    )


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
        self._parsed = parsed
        self._plain = _is_plain(parsed.root)
        self._shortest = bool(prefers_shortest(parsed.root))
        repetitions = [part for part in _walk(parsed.root) if isinstance(part, Repetition) and part.highest is None]
        self._unbounded = len(repetitions)
        self._nested = any(
            isinstance(part, Repetition) and part.highest != 1 and _varies(part.body) for part in _walk(parsed.root)
        )
        self._dissection = Dissection(parsed)
        self._automaton: Automaton | None = None
        self._is_built = False
        self._program: Program | None = None

    def _remembering(self) -> Program:
        """Return the program that searches as ``re`` does, but in bounded time, made when first needed."""
        if self._program is None:
            self._program = Program(self._parsed)
        return self._program

    def _built(self) -> Automaton | None:
        """Return the automaton, made when first needed."""
        if not self._is_built:
            self._automaton = build(self._parsed)
            self._is_built = True
        return self._automaton

    def _takes_too_long(self, length: int) -> bool:
        """Whether backtracking over a text of this length might not end in reasonable time."""
        if self._nested and length > NESTED_LIMIT:
            return True
        # Each unbounded repetition may try every length, from every start.
        return self._unbounded > 0 and length ** (self._unbounded + 1) > ACCEPTABLE_STEPS

    def search(self, text: str, start: int = 0) -> re.Match[str] | Match | None:
        """Return the leftmost match from an offset on; ``^`` still means the start of the text."""
        too_long = self._takes_too_long(len(text) - start)
        if self._plain and not too_long:
            return self._compiled.search(text, start)
        automaton = self._built()
        if automaton is None:
            return self._remembering().search(text, start) if too_long else self._compiled.search(text, start)
        if too_long:
            found = automaton.find(text, start, self._shortest)
            return None if found is None else self._filled(text, *found)
        match = self._compiled.search(text, start)
        if match is None:
            return None
        end = automaton.end_of_match(text, match.start(), self._shortest)
        return match if end is None else self._filled(text, match.start(), end)

    def _filled(self, text: str, start: int, end: int) -> re.Match[str] | Match | None:
        """Return the match of a stretch, with its groups."""
        if not self.groups:
            return Match(text, (start, end), ())
        if end - start <= DISSECTED:
            return self._dissection.match(text, start, end)
        # What looks beyond the end sees nothing there, which is rarely what the expression is about.
        return self._compiled.fullmatch(text, start, end) or self._compiled.match(text, start)

    def test(self, text: str) -> bool:
        """Return whether there is a match."""
        if self._takes_too_long(len(text)):
            automaton = self._built()
            if automaton is not None:
                return automaton.first_end(text) is not None
            return self._remembering().search(text) is not None
        return self._compiled.search(text) is not None


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def compile_regex(pattern: str, flags: Flags | None) -> Regex:
    """Return an expression compiled, from a bounded cache; 2201B where it is malformed."""
    return Regex(pattern, flags or Flags())
