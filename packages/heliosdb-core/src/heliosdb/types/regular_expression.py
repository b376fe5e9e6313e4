"""PostgreSQL's regular expressions (section 9.7.3) parsed and written again for Python's ``re``.

    text ──parse──► tree of nodes ──emit──► source for re ──► compiled, in a bounded cache

The parser knows the advanced form (ARE) with its escapes, classes, bounds, lookaround and embedded options, and
raises 2201B with PostgreSQL's words. Classes and case are the "C" locale's: ASCII.

Two differences from ``re`` are handled here, by what ``Regex.search`` does:

* *Longest match.* POSIX takes the longest of the leftmost matches (or the shortest, for an expression whose first
  quantifier is not greedy), ``re`` the first that its search order finds. Where the tree shows that they could
  differ, the end of the match is found by ``regular_automaton``, and ``re`` then only splits that match into groups.
* *Time.* ``re`` backtracks: nested or many repetitions take exponential or high polynomial time. Those trees run on the
  automaton too, which takes time proportional to text and expression.

Backreferences exist in no automaton: long texts go through ``regular_backtracking``, which does what ``re`` does in
bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import field, frozen

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, InvalidRegularExpression

__all__ = [
    "Alternation",
    "Backreference",
    "CharacterSet",
    "Concatenation",
    "Flags",
    "Group",
    "Look",
    "Node",
    "Position",
    "Repetition",
    "emit",
    "parse_flags",
    "parse_regex",
]

HIGHEST_BOUND = 255
MAXIMUM_DEPTH = 200


@frozen
class Flags:
    """How an expression is read and matched: the option letters of section 9.7.3.4."""

    ignore_case: bool = False
    stop_at_newline: bool = False
    """``.`` and negated brackets do not match a newline."""
    lines: bool = False
    """``^`` and ``$`` match at every line's ends."""
    expanded: bool = False
    literal: bool = False
    every: bool = False
    """The letter ``g``, which belongs to the calling function."""


def parse_flags(letters: str, flags: Flags | None = None) -> Flags:
    """Read option letters, later ones winning; 22023 for an unknown one."""
    values = {
        name: getattr(flags, name) if flags else False
        for name in ("ignore_case", "stop_at_newline", "lines", "expanded", "literal", "every")
    }
    for letter in letters:
        if letter == "g":
            values["every"] = True
        elif not _apply(letter, values):
            raise InvalidParameterValue(f'invalid regular expression option: "{letter}"')
    return Flags(**values)


def _apply(letter: str, values: dict[str, bool]) -> bool:
    """Apply one letter; whether it is one of those that may also be embedded."""
    if letter in "ic":
        values["ignore_case"] = letter == "i"
    elif letter in "nmspw":
        values["stop_at_newline"] = letter in "nmp"
        values["lines"] = letter in "nmw"
    elif letter in "xt":
        values["expanded"] = letter == "x"
    elif letter in "qe":
        # Extended expressions are read as advanced ones, which is exact for what they have in common.
        values["literal"] = letter == "q"
    elif letter == "b":
        raise FeatureNotSupported("basic regular expressions are not supported")
    else:
        return False
    return True


class Node:
    """A part of an expression."""


@frozen
class CharacterSet(Node):
    """One character out of ranges of codes, or outside them."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False


@frozen
class Position(Node):
    """An empty match where a condition holds; ``kind`` is one of ``^ $ \\A \\Z \\m \\M \\y \\Y``."""

    kind: str


@frozen
class Look(Node):
    """Lookahead or lookbehind, positive or negative; ``opening`` is the form ``re`` shares."""

    opening: str
    body: Node


@frozen
class Group(Node):
    """Parentheses; ``number`` is None where they do not capture."""

    body: Node
    number: int | None


@frozen
class Backreference(Node):
    """The text that a group matched."""

    number: int


@frozen
class Repetition(Node):
    """A quantified atom; ``highest`` is None where there is no bound, ``exact`` says that it was written ``{m}``."""

    body: Node
    lowest: int
    highest: int | None
    greedy: bool
    exact: bool = False


@frozen
class Concatenation(Node):
    """Parts one after another."""

    parts: tuple[Node, ...]


@frozen
class Alternation(Node):
    """Branches of which one matches."""

    branches: tuple[Node, ...]


@frozen
class ParsedRegex:
    """An expression's tree, how many groups capture, and the options after its own embedded ones."""

    root: Node
    groups: int
    flags: Flags = field(factory=Flags)


DIGIT = ((48, 57),)
SPACE = ((9, 13), (32, 32))
WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
CLASSES: dict[str, tuple[tuple[int, int], ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": SPACE,
    "upper": ((65, 90),),
    "word": WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_CLASS_ESCAPES = {"d": DIGIT, "s": SPACE, "w": WORD}
_CHARACTER_ESCAPES = {"a": 7, "b": 8, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "B": 92}
_POSITION_ESCAPES = "AZmMyY"
_HIGHEST_CODE = 0x10FFFF


def complement(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Return the codes outside of some ranges."""
    result: list[tuple[int, int]] = []
    following = 0
    for first, last in sorted(ranges):
        if first > following:
            result.append((following, first - 1))
        following = max(following, last + 1)
    if following <= _HIGHEST_CODE:
        result.append((following, _HIGHEST_CODE))
    return tuple(result)


def _error(reason: str) -> InvalidRegularExpression:
    return InvalidRegularExpression(f"invalid regular expression: {reason}")


class _Parser:
    """Recursive descent over an advanced regular expression."""

    def __init__(self, text: str, flags: Flags) -> None:
        self.text = text
        self.position = 0
        self.flags = flags
        self.groups = 0
        self.closed: set[int] = set()
        self.depth = 0

    def parse(self) -> ParsedRegex:
        self.directors()
        if self.flags.literal:
            parts = tuple(CharacterSet(((ord(c), ord(c)),)) for c in self.text[self.position :])
            return ParsedRegex(Concatenation(parts), 0, self.flags)
        root = self.alternation(0)
        if self.position < len(self.text):
            raise _error("parentheses () not balanced")
        return ParsedRegex(root, self.groups, self.flags)

    def directors(self) -> None:
        """Read ``***=``, ``***:`` and embedded options ``(?xyz)`` at the start."""
        if self.text.startswith("***="):
            self.position = 4
            self.flags = parse_flags("q", self.flags)
            return
        if self.text.startswith("***:"):
            self.position = 4
            self.flags = parse_flags("t" if not self.flags.expanded else "x", self.flags)
        elif self.text.startswith("***"):
            raise _error("quantifier operand invalid")
        if self.flags.literal:
            return
        match = re.compile(r"\(\?([a-z]+)\)").match(self.text, self.position)
        if match is not None:
            if any(letter not in "bceimnpqstwx" for letter in match.group(1)):
                raise _error("invalid embedded option")
            self.flags = parse_flags(match.group(1), self.flags)
            self.position = match.end()

    def peek(self) -> str:
        """Return the next character, "" at the end, skipping what the expanded form ignores."""
        while self.position < len(self.text):
            if self.flags.expanded and self.text[self.position] in " \t\n\r\f\v":
                self.position += 1
            elif self.flags.expanded and self.text[self.position] == "#":
                end = self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end + 1
            elif self.text.startswith("(?#", self.position):
                end = self.text.find(")", self.position)
                if end < 0:
                    raise _error("parentheses () not balanced")
                self.position = end + 1
            else:
                return self.text[self.position]
        return ""

    def take(self) -> str:
        character = self.text[self.position]
        self.position += 1
        return character

    def alternation(self, depth: int) -> Node:
        if depth > MAXIMUM_DEPTH:
            raise _error("regular expression is too complex")
        branches = [self.branch(depth)]
        while self.peek() == "|":
            self.take()
            branches.append(self.branch(depth))
        return branches[0] if len(branches) == 1 else Alternation(tuple(branches))

    def branch(self, depth: int) -> Node:
        parts: list[Node] = []
        while (character := self.peek()) and character not in "|)":
            parts.append(self.quantified(depth))
        if character == ")" and depth == 0:
            raise _error("parentheses () not balanced")
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def quantified(self, depth: int) -> Node:
        if self.peek() in "*+?":
            raise _error("quantifier operand invalid")
        if self.peek() == "{" and self.text[self.position + 1 : self.position + 2].isdigit():
            raise _error("quantifier operand invalid")
        atom = self.atom(depth)
        bounds = self.quantifier()
        if bounds is None:
            return atom
        if isinstance(atom, (Position, Look)):
            raise _error("quantifier operand invalid")
        lowest, highest = bounds
        exact = (
            self.text[self.position - 1] == "}"
            and "," not in self.text[self.text.rfind("{", 0, self.position) : self.position]
        )
        greedy = True
        if self.peek() == "?":
            self.take()
            greedy = False
        if self.peek() in ("*", "+", "?") or (
            self.peek() == "{" and self.text[self.position + 1 : self.position + 2].isdigit()
        ):
            raise _error("quantifier operand invalid")
        return Repetition(atom, lowest, highest, greedy, exact)

    def quantifier(self) -> tuple[int, int | None] | None:
        character = self.peek()
        if character in ("*", "+", "?") and character:
            self.take()
            return (1 if character == "+" else 0), (1 if character == "?" else None)
        if character != "{" or not self.text[self.position + 1 : self.position + 2].isdigit():
            return None
        match = re.compile(r"\{([0-9]+)(,?)([0-9]*)").match(self.text, self.position)
        assert match is not None
        lowest = int(match.group(1)[:6])
        highest = (int(match.group(3)[:6]) if match.group(3) else None) if match.group(2) else lowest
        self.position = match.end()
        if self.position >= len(self.text):
            raise _error("braces {} not balanced")
        if self.take() != "}" or lowest > HIGHEST_BOUND:
            raise _error("invalid repetition count(s)")
        if highest is not None and (highest > HIGHEST_BOUND or lowest > highest):
            raise _error("invalid repetition count(s)")
        return lowest, highest

    def atom(self, depth: int) -> Node:
        character = self.take()
        if character == "(":
            return self.parenthesis(depth)
        if character == "[":
            return self.bracket()
        if character == ".":
            return CharacterSet(((10, 10),), negated=True) if self.flags.stop_at_newline else CharacterSet((), True)
        if character in "^$":
            return Position(character)
        if character == "\\":
            return self.escape()
        return CharacterSet(((ord(character), ord(character)),))

    def parenthesis(self, depth: int) -> Node:
        number: int | None = None
        opening = re.compile(r"\?(?:<=|<!|[:=!])").match(self.text, self.position)
        if opening is not None:
            self.position = opening.end()
        elif self.text.startswith("?", self.position):
            raise _error("quantifier operand invalid")
        elif not self.depth:
            self.groups += 1
            number = self.groups
        look = opening is not None and opening.group() != "?:"
        # Parentheses inside lookaround never capture.
        self.depth += look
        body = self.alternation(depth + 1)
        self.depth -= look
        if self.peek() != ")":
            raise _error("parentheses () not balanced")
        self.take()
        if opening is not None and look:
            return Look("(" + opening.group(), body)
        if number is not None:
            self.closed.add(number)
        return Group(body, number)

    def escape(self) -> Node:
        if self.position >= len(self.text):
            raise _error("invalid escape \\ sequence")
        character = self.take()
        if character.lower() in _CLASS_ESCAPES and character.isascii():
            ranges = _CLASS_ESCAPES[character.lower()]
            if character.isupper():
                return CharacterSet(ranges, negated=True)
            return CharacterSet(ranges)
        if character in _POSITION_ESCAPES:
            return Position("\\" + character)
        if character in "123456789":
            digits = character
            while self.position < len(self.text) and self.text[self.position].isdigit() and len(digits) < 3:
                if int(digits + self.text[self.position]) > self.groups:
                    break
                digits += self.take()
            if int(digits) not in self.closed:
                raise _error("invalid backreference number")
            return Backreference(int(digits))
        code = self.character_escape(character)
        return CharacterSet(((code, code),))

    def character_escape(self, character: str) -> int:
        """Return the code that an escape outside and inside brackets stands for."""
        if character in _CHARACTER_ESCAPES:
            return _CHARACTER_ESCAPES[character]
        if character == "c" and self.position < len(self.text):
            return ord(self.take()) & 0x1F
        lengths = {"u": (4, 4), "U": (8, 8), "x": (1, 255)}
        if character in lengths:
            low, high = lengths[character]
            match = re.compile(f"[0-9a-fA-F]{{{low},{high}}}").match(self.text, self.position)
            if match is None or int(match.group(), 16) > _HIGHEST_CODE:
                raise _error("invalid escape \\ sequence")
            self.position = match.end()
            return int(match.group(), 16)
        if character == "0":
            match = re.compile(r"[0-7]{0,2}").match(self.text, self.position)
            assert match is not None
            self.position = match.end()
            return int(match.group() or "0", 8)
        if character.isascii() and character.isalnum():
            raise _error("invalid escape \\ sequence")
        return ord(character)

    def bracket(self) -> Node:
        ranges: list[tuple[int, int]] = []
        negated = self.text.startswith("^", self.position)
        self.position += negated
        if self.text.startswith(("[:<:]]", "[:>:]]"), self.position) and not negated:
            kind = "\\m" if self.text[self.position + 2] == "<" else "\\M"
            self.position += 6
            return Position(kind)
        first = True
        while True:
            if self.position >= len(self.text):
                raise _error("brackets [] not balanced")
            character = self.take()
            if character == "]" and not first:
                break
            first = False
            low = self.bracket_element(character, ranges)
            if low is None:
                continue
            high = low
            if self.text.startswith("-", self.position) and not self.text.startswith("-]", self.position):
                self.position += 1
                if self.position >= len(self.text):
                    raise _error("brackets [] not balanced")
                end = self.bracket_element(self.take(), ranges)
                if end is None or end < low:
                    raise _error("invalid character range")
                high = end
            ranges.append((low, high))
        if negated and self.flags.stop_at_newline:
            ranges.append((10, 10))
        return CharacterSet(tuple(ranges), negated)

    def bracket_element(self, character: str, ranges: list[tuple[int, int]]) -> int | None:
        """Return the code of one element, or add a class to ``ranges`` and return None."""
        if character == "\\":
            if self.position >= len(self.text):
                raise _error("invalid escape \\ sequence")
            letter = self.take()
            if letter.lower() in _CLASS_ESCAPES and letter.isascii():
                if letter.isupper():
                    ranges.extend(complement(_CLASS_ESCAPES[letter.lower()]))
                else:
                    ranges.extend(_CLASS_ESCAPES[letter])
                return None
            if letter in "123456789":
                raise _error("invalid escape \\ sequence")
            return self.character_escape(letter)
        if character == "[" and self.text[self.position : self.position + 1] in (":", "=", "."):
            kind = self.take()
            end = self.text.find(kind + "]", self.position)
            if end < 0:
                raise _error("brackets [] not balanced")
            name = self.text[self.position : end]
            self.position = end + 2
            if kind == ":":
                if name not in CLASSES:
                    raise _error("invalid character class")
                ranges.extend(CLASSES["alpha" if self.flags.ignore_case and name in ("upper", "lower") else name])
                return None
            if len(name) != 1:
                raise _error("invalid collating element")
            return ord(name)
        return ord(character)


def parse_regex(text: str, flags: Flags | None = None) -> ParsedRegex:
    """Parse an advanced regular expression; 2201B where it is malformed."""
    return _Parser(text, flags or Flags()).parse()


def _code(code: int) -> str:
    return re.escape(chr(code)) if code < 128 else chr(code)


def _set(node: CharacterSet) -> str:
    if not node.ranges:
        return r"[\s\S]" if node.negated else r"(?!)"
    if not node.negated and len(node.ranges) == 1 and node.ranges[0][0] == node.ranges[0][1]:
        return _code(node.ranges[0][0])
    body = "".join(_code(first) if first == last else f"{_code(first)}-{_code(last)}" for first, last in node.ranges)
    return f"[{'^' if node.negated else ''}{body}]"


def _positions(lines: bool) -> dict[str, str]:
    return {
        "^": r"(?m:^)" if lines else r"\A",
        "$": r"(?m:$)" if lines else r"\Z",
        r"\A": r"\A",
        r"\Z": r"\Z",
        r"\m": r"(?:\b(?=\w))",
        r"\M": r"(?:\b(?<=\w))",
        r"\y": r"\b",
        r"\Y": r"(?!\b)",  # \B is not true of an empty text
    }


def emit(parsed: ParsedRegex) -> str:
    """Return the source of the same expression for ``re`` (with ``re.ASCII``)."""
    positions = _positions(parsed.flags.lines)

    def write(node: Node, lazy: bool = False) -> Iterator[str]:
        if isinstance(node, CharacterSet):
            yield _set(node)
        elif isinstance(node, Position):
            yield positions[node.kind]
        elif isinstance(node, Concatenation):
            for part in node.parts:
                yield from (("(?:", *write(part, lazy), ")") if isinstance(part, Alternation) else write(part, lazy))
        elif isinstance(node, Alternation):
            for index, branch in enumerate(node.branches):
                yield "|" if index else ""
                yield from write(branch, lazy)
        elif isinstance(node, Repetition):
            # {1,1}? says nothing but "as short as possible" about what it holds.
            shortest = lazy or (not node.greedy and node.lowest == node.highest == 1)
            yield from ("(?:", *write(node.body, shortest), ")")
            yield f"{{{node.lowest},{'' if node.highest is None else node.highest}}}"
            yield "" if node.greedy and not lazy else "?"
        elif isinstance(node, Group):
            yield "(" if node.number is not None else "(?:"
            yield from write(node.body, lazy)
            yield ")"
        elif isinstance(node, Look):
            yield from (node.opening, *write(node.body), ")")
        elif isinstance(node, Backreference):
            yield f"(?:\\{node.number})"

    return "".join(write(parsed.root))
