"""Expressions with back-references over texts for which ``re`` might never end.

``re`` searches by backtracking: what has failed at a place is tried again whenever another way leads there, which takes
exponential time, and nothing can stop it meanwhile. Here the same search, in the same order, runs as a small program
that remembers where it has been:

    (a|b)+\\1      0 split 1 5    1 save    2 a or b    3 save    4 jump 0    5 what group 1 holds    6 match

A state is an instruction, an offset and what the groups hold that are referred to; whoever comes to a state for the
second time would fail as the first one did. So the time is bounded by the number of states, and every few thousand of
them ``poll`` asks whether the statement is to stop.
"""

from __future__ import annotations

import re
from typing import Any

from heliosdb.errors import InvalidRegularExpression
from heliosdb.interrupts import poll
from heliosdb.types.regular_captures import Match
from heliosdb.types.regular_expression import (
    Alternation,
    Backreference,
    CharacterSet,
    Concatenation,
    Group,
    Node,
    ParsedRegex,
    Repetition,
    emit,
)

__all__ = ["Program"]

MOST_INSTRUCTIONS = 20_000
STATES_A_POLL = 4_096

CHARACTER, TEST, SPLIT, JUMP, SAVE, REFERENCE, MATCH = range(7)


class Program:
    """An expression as instructions: (code, argument, argument)."""

    def __init__(self, parsed: ParsedRegex) -> None:
        self._parsed = parsed
        self._options = re.ASCII | (re.IGNORECASE if parsed.flags.ignore_case else 0)
        self._code: list[tuple[int, Any, Any]] = []
        self._referenced: set[int] = set()
        self._known: dict[tuple[int, str], bool] = {}
        self._write(parsed.root, lazy=False)
        self._add(MATCH)
        self._watched = tuple(slot for number in sorted(self._referenced) for slot in (2 * number, 2 * number + 1))

    # -- writing ---------------------------------------------------------------------------------------------------

    def _add(self, code: int, first: Any = None, second: Any = None) -> int:
        if len(self._code) >= MOST_INSTRUCTIONS:
            raise InvalidRegularExpression("invalid regular expression: regular expression is too complex")
        self._code.append((code, first, second))
        return len(self._code) - 1

    def _pattern(self, node: Node) -> re.Pattern[str]:
        return re.compile(emit(ParsedRegex(node, 0, self._parsed.flags)), self._options)

    def _write(self, node: Node, *, lazy: bool) -> None:
        if isinstance(node, CharacterSet):
            self._add(CHARACTER, self._pattern(node))
        elif isinstance(node, Backreference):
            self._referenced.add(node.number)
            self._add(REFERENCE, 2 * node.number)
        elif isinstance(node, Concatenation):
            for part in node.parts:
                self._write(part, lazy=lazy)
        elif isinstance(node, Group):
            if node.number is not None:
                self._add(SAVE, 2 * node.number)
            self._write(node.body, lazy=lazy)
            if node.number is not None:
                self._add(SAVE, 2 * node.number + 1)
        elif isinstance(node, Alternation):
            self._write_branches(node, lazy)
        elif isinstance(node, Repetition):
            self._write_repetition(node, lazy)
        else:
            # A position or a look around: they take no characters, and ``re`` answers at once.
            self._add(TEST, self._pattern(node))

    def _write_branches(self, node: Alternation, lazy: bool) -> None:
        ends = []
        for branch in node.branches[:-1]:
            split = self._add(SPLIT)
            self._write(branch, lazy=lazy)
            ends.append(self._add(JUMP))
            self._code[split] = (SPLIT, split + 1, len(self._code))
        self._write(node.branches[-1], lazy=lazy)
        for end in ends:
            self._code[end] = (JUMP, len(self._code), None)

    def _write_repetition(self, node: Repetition, lazy: bool) -> None:
        shortest = lazy or (not node.greedy and node.lowest == node.highest == 1)
        greedy = node.greedy and not lazy
        for _ in range(node.lowest):
            self._write(node.body, lazy=shortest)
        if node.highest is None:
            split = self._add(SPLIT)
            self._write(node.body, lazy=shortest)
            self._add(JUMP, split)
            self._branch(split, greedy)
            return
        splits = []
        for _ in range(node.highest - node.lowest):
            splits.append(self._add(SPLIT))
            self._write(node.body, lazy=shortest)
        for split in splits:
            self._branch(split, greedy)

    def _branch(self, split: int, greedy: bool) -> None:
        inside, behind = split + 1, len(self._code)
        self._code[split] = (SPLIT, inside, behind) if greedy else (SPLIT, behind, inside)

    # -- running ---------------------------------------------------------------------------------------------------

    def search(self, text: str, start: int = 0) -> Match | None:
        """Return the leftmost match from an offset on, the one that ``re`` would find."""
        for at in range(start, len(text) + 1):
            found = self._match(text, at)
            if found is not None:
                return found
        return None

    def _match(self, text: str, start: int) -> Match | None:
        code, watched = self._code, self._watched
        empty: tuple[int, ...] = (-1,) * (2 * self._parsed.groups + 2)
        pending: list[tuple[int, int, tuple[int, ...]]] = [(0, start, empty)]
        been: set[tuple[int, int, tuple[int, ...]]] = set()
        states = 0
        while pending:
            at, offset, saved = pending.pop()
            while True:
                states += 1
                if states % STATES_A_POLL == 1:
                    poll()
                instruction, first, second = code[at]
                if instruction == CHARACTER:
                    if offset >= len(text) or not self._takes(at, first, text[offset]):
                        break
                    offset += 1
                    at += 1
                elif instruction == SPLIT:
                    state = (at, offset, tuple([saved[slot] for slot in watched]))
                    if state in been:
                        break
                    been.add(state)
                    pending.append((second, offset, saved))
                    at = first
                elif instruction == JUMP:
                    at = first
                elif instruction == SAVE:
                    saved = (*saved[:first], offset, *saved[first + 1 :])
                    at += 1
                elif instruction == TEST:
                    if first.match(text, offset) is None:
                        break
                    at += 1
                elif instruction == REFERENCE:
                    length = self._same(text, saved[first], saved[first + 1], offset)
                    if length < 0:
                        break
                    offset += length
                    at += 1
                else:
                    spans = [(saved[n], saved[n + 1]) if saved[n + 1] >= 0 else None for n in range(2, len(saved), 2)]
                    return Match(text, (start, offset), spans)
        return None

    def _takes(self, at: int, pattern: re.Pattern[str], character: str) -> bool:
        key = (at, character)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = pattern.fullmatch(character) is not None
        return known

    def _same(self, text: str, begin: int, end: int, offset: int) -> int:
        """Return the length of what a group holds where that stands here, -1 where it does not."""
        if begin < 0 or end < begin:
            return -1
        held, here = text[begin:end], text[offset : offset + end - begin]
        if held == here or (self._parsed.flags.ignore_case and held.lower() == here.lower()):
            return end - begin
        return -1
