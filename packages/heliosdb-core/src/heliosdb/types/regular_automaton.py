"""A regular expression as an automaton: matching in time proportional to the text, and the longest or shortest match.

The tree becomes a nondeterministic automaton (Thompson's construction); sets of its states become the states of a
deterministic one while texts are read, each transition computed once and kept.

    a(b|c)*      0 -a-> 1 -ε-> 2 -b-> 1        {0} -a-> {1,2,3,accept} -b-> ...
                          └-ε-> 3 -c-> 1

Positions (``^``, ``\\y``) are empty moves that depend on the characters on both sides; where an expression has some,
the moves are kept per kind of surroundings; lookaround is one of those conditions, tried by ``re``. Backreferences
have no automaton: ``build`` gives None, as for expressions that would need too many states.
"""

from __future__ import annotations

import re

from attrs import define, field

from heliosdb.interrupts import poll
from heliosdb.types.regular_expression import (
    Alternation,
    Backreference,
    CharacterSet,
    Concatenation,
    Flags,
    Group,
    Look,
    Node,
    ParsedRegex,
    Position,
    Repetition,
    emit,
)

__all__ = ["Automaton", "build", "prefers_shortest"]

MAXIMUM_STATES = 5000
MAXIMUM_LOOKS = 20
MAXIMUM_KEPT_MOVES = 20000
CHARACTERS_A_POLL = (1 << 14) - 1
"""A mask: at offsets without these bits somebody is asked whether to stop."""

# Bits of a position's surroundings.
START, END, WORD_BEFORE, WORD_AFTER, LINE_START, LINE_END, FIRST_LOOK = 1, 2, 4, 8, 16, 32, 64

States = frozenset[int]


def prefers_shortest(node: Node) -> bool | None:
    """Return whether an expression takes the shortest match; None where nothing in it says (section 9.7.3.5)."""
    if isinstance(node, Group):
        return prefers_shortest(node.body)
    if isinstance(node, Alternation):
        return False
    if isinstance(node, Repetition):
        return prefers_shortest(node.body) if node.exact else not node.greedy
    if isinstance(node, Concatenation):
        for part in node.parts:
            preference = prefers_shortest(part)
            if preference is not None:
                return preference
    return None


class _TooManyStates(Exception):
    """The automaton would be too large, or the expression has none."""


@define
class Automaton:
    """States are numbers; ``consuming`` moves take a character of a set, ``empty`` ones may need a condition."""

    ignore_case: bool
    lines: bool
    consuming: dict[int, list[tuple[CharacterSet, int]]] = field(factory=dict)
    empty: dict[int, list[tuple[str, int]]] = field(factory=dict)
    states: int = 0
    start: int = 0
    accept: int = 0
    positions: bool = False
    looks: list[re.Pattern[str]] = field(factory=list)
    _closures: dict[tuple[States, int], States] = field(factory=dict)
    _moves: dict[tuple[States, int, str], States] = field(factory=dict)

    def state(self) -> int:
        self.states += 1
        if self.states > MAXIMUM_STATES:
            raise _TooManyStates
        return self.states - 1

    def link(self, source: int, target: int, condition: str = "") -> None:
        self.empty.setdefault(source, []).append((condition, target))

    # -- construction ----------------------------------------------------------------------------------------------

    def add(self, node: Node, source: int) -> int:
        """Add a node's automaton after a state and return its last state."""
        if isinstance(node, CharacterSet):
            target = self.state()
            self.consuming.setdefault(source, []).append((node, target))
            return target
        if isinstance(node, Position):
            self.positions = True
            target = self.state()
            self.link(source, target, node.kind)
            return target
        if isinstance(node, Group):
            return self.add(node.body, source)
        if isinstance(node, Concatenation):
            for part in node.parts:
                source = self.add(part, source)
            return source
        if isinstance(node, Alternation):
            target = self.state()
            for branch in node.branches:
                first = self.state()
                self.link(source, first)
                self.link(self.add(branch, first), target)
            return target
        if isinstance(node, Repetition):
            return self.repeat(node, source)
        if isinstance(node, Look) and len(self.looks) < MAXIMUM_LOOKS:
            self.positions = True
            target = self.state()
            self.link(source, target, f"look {len(self.looks)}")
            flags = Flags(ignore_case=self.ignore_case, lines=self.lines)
            options = re.ASCII | (re.IGNORECASE if self.ignore_case else 0)
            self.looks.append(re.compile(emit(ParsedRegex(node, 0, flags)), options))
            return target
        assert isinstance(node, (Look, Backreference))
        raise _TooManyStates

    def repeat(self, node: Repetition, source: int) -> int:
        for _ in range(node.lowest):
            source = self.add(node.body, source)
        if node.highest is None:
            loop, target = self.state(), self.state()
            self.link(source, loop)
            self.link(self.add(node.body, loop), loop)
            self.link(loop, target)
            return target
        target = self.state()
        self.link(source, target)
        for _ in range(node.highest - node.lowest):
            source = self.add(node.body, source)
            self.link(source, target)
        return target

    # -- matching --------------------------------------------------------------------------------------------------

    def contains(self, node: CharacterSet, character: str) -> bool:
        codes = {ord(character)}
        if self.ignore_case and character.isascii():
            codes = {ord(character.lower()), ord(character.upper())}
        inside = any(first <= code <= last for first, last in node.ranges for code in codes)
        return inside != node.negated

    def surroundings(self, text: str, at: int) -> int:
        """Return the bits of what is true at an offset; 0 where the expression asks for none."""
        if not self.positions:
            return 0
        before, after = text[at - 1 : at], text[at : at + 1]
        bits = 0 if before else START | LINE_START
        bits |= 0 if after else END | LINE_END
        bits |= WORD_BEFORE if before.isascii() and (before.isalnum() or before == "_") else 0
        bits |= WORD_AFTER if after.isascii() and (after.isalnum() or after == "_") else 0
        bits |= LINE_START if before == "\n" else 0
        bits |= LINE_END if after == "\n" else 0
        for number, look in enumerate(self.looks):
            bits |= FIRST_LOOK << number if look.match(text, at) else 0
        return bits

    def holds(self, kind: str, bits: int) -> bool:
        if kind == "^":
            return bool(bits & (LINE_START if self.lines else START))
        if kind == "$":
            return bool(bits & (LINE_END if self.lines else END))
        if kind in ("\\A", "\\Z"):
            return bool(bits & (START if kind == "\\A" else END))
        if kind.startswith("look"):
            return bool(bits & FIRST_LOOK << int(kind[5:]))
        before, after = bool(bits & WORD_BEFORE), bool(bits & WORD_AFTER)
        return {
            "\\m": after and not before,
            "\\M": before and not after,
            "\\y": before != after,
            "\\Y": before == after,
        }[kind]

    def closure(self, states: States, bits: int) -> States:
        """Return the states reachable by empty moves at a position."""
        known = self._closures.get((states, bits))
        if known is not None:
            return known
        reached = set(states)
        pending = list(states)
        while pending:
            for condition, target in self.empty.get(pending.pop(), ()):
                if target not in reached and (not condition or self.holds(condition, bits)):
                    reached.add(target)
                    pending.append(target)
        result = self._closures[states, bits] = frozenset(reached)
        return result

    def move(self, states: States, bits: int, character: str) -> States:
        """Return the states after one character."""
        key = (states, bits, character)
        known = self._moves.get(key)
        if known is not None:
            return known
        if len(self._moves) > MAXIMUM_KEPT_MOVES:
            # An expression that keeps meeting new sets of states must not keep them all.
            self._moves.clear()
            self._closures.clear()
        result = frozenset(
            target
            for state in self.closure(states, bits)
            for node, target in self.consuming.get(state, ())
            if self.contains(node, character)
        )
        self._moves[key] = result
        return result

    def end_of_match(self, text: str, start: int, shortest: bool) -> int | None:
        """Return the end of the longest (or shortest) match that starts at an offset, None where none does."""
        states: States = frozenset((self.start,))
        found: int | None = None
        for at in range(start, len(text) + 1):
            if not at & CHARACTERS_A_POLL:
                poll()
            bits = self.surroundings(text, at)
            if self.accept in self.closure(states, bits):
                found = at
                if shortest:
                    break
            if at == len(text):
                break
            states = self.move(states, bits, text[at])
            if not states:
                break
        return found

    def ends(self, text: str, start: int, limit: int) -> list[int]:
        """Return the ends, up to a limit, of all matches that start at an offset."""
        states: States = frozenset((self.start,))
        found: list[int] = []
        for at in range(start, limit + 1):
            if not at & CHARACTERS_A_POLL:
                poll()
            bits = self.surroundings(text, at)
            if self.accept in self.closure(states, bits):
                found.append(at)
            if at == limit:
                break
            states = self.move(states, bits, text[at])
            if not states:
                break
        return found

    def first_end(self, text: str, start: int = 0) -> int | None:
        """Return the least offset at which some match that starts at or after an offset ends, None for no match."""
        begin = frozenset((self.start,))
        states: States = begin
        for at in range(start, len(text) + 1):
            if not at & CHARACTERS_A_POLL:
                poll()
            bits = self.surroundings(text, at)
            if self.accept in self.closure(states, bits):
                return at
            if at < len(text):
                states = self.move(states, bits, text[at]) | begin
        return None

    def find(self, text: str, start: int, shortest: bool) -> tuple[int, int] | None:
        """Return (start, end) of the leftmost match from an offset on."""
        limit = self.first_end(text, start)
        if limit is None:
            return None
        for first in range(start, limit + 1):
            if not first & CHARACTERS_A_POLL:
                poll()
            end = self.end_of_match(text, first, shortest)
            if end is not None:
                return first, end
        return None


def build(parsed: ParsedRegex) -> Automaton | None:
    """Return the automaton of an expression, None where it has none of reasonable size."""
    automaton = Automaton(parsed.flags.ignore_case, parsed.flags.lines)
    try:
        automaton.start = automaton.state()
        automaton.accept = automaton.add(parsed.root, automaton.start)
    except _TooManyStates:
        return None
    return automaton
