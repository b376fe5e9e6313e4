"""Which part of a match each group of a regular expression gets, as PostgreSQL decides it.

``re`` takes the first alternative that leads to a match; PostgreSQL gives each part, from left to right, the longest
text (or the shortest, where the part prefers that) with which the rest can still match the rest of the text. So once
it is known where the match begins and ends, the tree is taken apart from the top: each part's automaton tells where
it could end, and whether what follows can match what is left (as ``cdissect`` in PostgreSQL's regexec.c does).

Parts without groups that stand next to each other count as one part. A repetition keeps the groups of its last round;
``x{m,n}`` is ``x{m-1,n-1}`` without groups, then ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from heliosdb.types.regular_automaton import Automaton, build, prefers_shortest
from heliosdb.types.regular_expression import (
    Alternation,
    Concatenation,
    Flags,
    Group,
    Look,
    Node,
    ParsedRegex,
    Repetition,
)

__all__ = ["Dissection", "Match"]

Span = tuple[int, int]


class Match:
    """A match, with as much of the interface of ``re.Match`` as is used."""

    __slots__ = ("_spans", "_text")

    def __init__(self, text: str, span: Span, groups: Sequence[Span | None]) -> None:
        self._text = text
        self._spans: tuple[Span | None, ...] = (span, *groups)

    def start(self, group: int = 0) -> int:
        """Return where the match or a group begins, -1 for a group that took no part."""
        span = self._spans[group]
        return -1 if span is None else span[0]

    def end(self, group: int = 0) -> int:
        """Return where the match or a group ends."""
        span = self._spans[group]
        return -1 if span is None else span[1]

    def group(self, group: int = 0) -> str | None:
        """Return the text of the match or of a group."""
        span = self._spans[group]
        return None if span is None else self._text[span[0] : span[1]]

    def groups(self) -> tuple[str | None, ...]:
        """Return the texts of all groups."""
        return tuple(self.group(number) for number in range(1, len(self._spans)))


class Dissection:
    """Finds the groups of one expression's matches. Automata of parts are made when they are first needed."""

    def __init__(self, parsed: ParsedRegex) -> None:
        self.parsed = parsed
        self._automata: dict[int, Automaton] = {}
        self._nodes: dict[tuple[int, ...], Node] = {}
        self._kept: list[Node] = []
        self._groups: dict[int, list[int]] = {}

    def match(self, text: str, start: int, end: int) -> Match | None:
        """Return the match of the whole expression with this stretch of the text, with its groups."""
        run = _Run(self, text)
        if not run.take(self.parsed.root, start, end):
            return None
        return Match(text, (start, end), run.spans[1:])

    def automaton(self, node: Node) -> Automaton:
        """Return the automaton of a part."""
        made = self._automata.get(id(node))
        if made is None:
            flags: Flags = self.parsed.flags
            found = build(ParsedRegex(node, 0, flags))
            assert found is not None  # the whole has one
            made = self._automata[id(node)] = found
            self._kept.append(node)  # so that its id stays its own
        return made

    def groups_in(self, node: Node) -> list[int]:
        """Return the numbers of the groups inside a part."""
        known = self._groups.get(id(node))
        if known is None:
            known = self._groups[id(node)] = list(_group_numbers(node))
            self._kept.append(node)
        return known

    def units(self, node: Concatenation) -> list[Node]:
        """Return the parts, those without groups that are neighbours as one."""
        units: list[Node] = []
        plain: list[Node] = []
        for part in (*node.parts, None):
            if part is not None and not self.groups_in(part):
                plain.append(part)
                continue
            if plain:
                units.append(plain[0] if len(plain) == 1 else self.joined(plain))
                plain = []
            if part is not None:
                units.append(part)
        return units

    def joined(self, parts: Sequence[Node]) -> Node:
        """Return the same node for the same parts every time."""
        key = tuple(id(part) for part in parts)
        if key not in self._nodes:
            self._kept.extend(parts)
            self._nodes[key] = Concatenation(tuple(parts))
        return self._nodes[key]

    def repeated(self, node: Repetition, lowest: int, highest: int | None) -> Node:
        """Return a repetition's body with other bounds."""
        key = (id(node), lowest, -1 if highest is None else highest)
        if key not in self._nodes:
            self._kept.append(node)
            self._nodes[key] = Repetition(node.body, lowest, highest, node.greedy)
        return self._nodes[key]


class _Run:
    """One match being taken apart."""

    def __init__(self, dissection: Dissection, text: str) -> None:
        self.dissection = dissection
        self.text = text
        self.spans: list[Span | None] = [None] * (dissection.parsed.groups + 1)
        self._ends: dict[tuple[int, int, int], list[int]] = {}

    def ends(self, node: Node, start: int, limit: int) -> list[int]:
        """Return where matches of a part that begin at an offset may end, up to a limit, ascending."""
        key = (id(node), start, limit)
        found = self._ends.get(key)
        if found is None:
            found = self._ends[key] = self.dissection.automaton(node).ends(self.text, start, limit)
        return found

    def fits(self, node: Node, start: int, end: int) -> bool:
        """Whether a part matches exactly this stretch."""
        return end in self.ends(node, start, end)

    def clear(self, node: Node) -> Literal[True]:
        for number in self.dissection.groups_in(node):
            self.spans[number] = None
        return True

    def take(self, node: Node, start: int, end: int) -> bool:
        """Match a part with a stretch and note its groups; whether it can."""
        if not self.dissection.groups_in(node):
            return self.fits(node, start, end)
        if isinstance(node, Group):
            if not self.take(node.body, start, end):
                return False
            if node.number is not None:
                self.spans[node.number] = (start, end)
            return True
        if isinstance(node, Alternation):
            self.clear(node)
            return any(self.fits(branch, start, end) and self.take(branch, start, end) for branch in node.branches)
        if isinstance(node, Concatenation):
            return self.sequence(self.dissection.units(node), start, end)
        if isinstance(node, Repetition):
            return self.repetition(node, start, end)
        # The groups of a lookahead are not filled.
        return self.fits(node, start, end)

    def sequence(self, units: Sequence[Node], start: int, end: int) -> bool:
        if len(units) == 1:
            return self.take(units[0], start, end)
        rest = self.dissection.joined(units[1:])
        middles = self.ends(units[0], start, end)
        for middle in middles if prefers_shortest(units[0]) else reversed(middles):
            if (
                self.fits(rest, middle, end)
                and self.take(units[0], start, middle)
                and self.sequence(units[1:], middle, end)
            ):
                return True
        return False

    def repetition(self, node: Repetition, start: int, end: int) -> bool:
        self.clear(node)
        highest = node.highest
        if node.lowest > 0:
            if highest == 1:
                return self.take(node.body, start, end)
            head = self.dissection.repeated(node, node.lowest - 1, None if highest is None else highest - 1)
            middles = self.ends(head, start, end)
            for middle in reversed(middles) if node.greedy else middles:
                if self.fits(node.body, middle, end) and self.take(node.body, middle, end):
                    return True
            return False
        if highest == 0:
            return start == end
        if start == end:
            return (self.fits(node.body, start, end) and self.take(node.body, start, end)) or self.clear(node)
        return self.rounds(node, start, end)

    def rounds(self, node: Repetition, start: int, end: int) -> bool:
        """Go through the rounds of ``x*`` or ``x{,n}`` over a stretch that is not empty."""
        left = node.highest
        while True:
            left = None if left is None else left - 1
            ends = [middle for middle in self.ends(node.body, start, end) if middle > start]
            more = None if left == 0 else self.dissection.repeated(node, 1, left)
            for middle in reversed(ends) if node.greedy else ends:
                if middle == end:
                    self.clear(node)
                    return self.take(node.body, start, end)
                if more is not None and self.fits(more, middle, end):
                    break
            else:
                return False
            start = middle


def _group_numbers(node: Node) -> Sequence[int]:
    if isinstance(node, Group):
        inner = _group_numbers(node.body)
        return inner if node.number is None else [node.number, *inner]
    if isinstance(node, (Repetition, Look)):
        return _group_numbers(node.body)
    if isinstance(node, Concatenation):
        return [number for part in node.parts for number in _group_numbers(part)]
    if isinstance(node, Alternation):
        return [number for branch in node.branches for number in _group_numbers(branch)]
    return []
