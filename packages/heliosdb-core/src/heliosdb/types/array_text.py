"""Reading the text form of arrays: ``{1,2}``, ``{{a,"b c"},{NULL,d}}``, ``[0:1]={1,2}``.

One pass over the characters with a state that says what may come next; PostgreSQL's error detail follows from the
state and the character (its ``array_in``). An array without quotes, backslashes and inner braces, which is nearly
every one, is split instead.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NoReturn

from heliosdb import errors

__all__ = ["parse_array"]

_SPACE = " \t\n\v\f\r"
_MAXIMUM_DIMENSIONS = 6
_BOUND = re.compile(r"[+-]?[0-9]+")

Elements = tuple[list[str | None], list[int], list[int]]
"""Texts of the elements in storage order (None: NULL), dimensions, lower bounds."""


class _State(Enum):
    NO_LEVEL = auto()
    LEVEL_STARTED = auto()
    ELEMENT_STARTED = auto()
    QUOTED_STARTED = auto()
    QUOTED_COMPLETED = auto()
    ELEMENT_DELIMITED = auto()
    LEVEL_COMPLETED = auto()
    LEVEL_DELIMITED = auto()


_BEFORE_ELEMENT = (_State.LEVEL_STARTED, _State.ELEMENT_DELIMITED)
_AFTER_ELEMENT = (_State.ELEMENT_STARTED, _State.QUOTED_COMPLETED, _State.LEVEL_COMPLETED)


def _malformed(text: str, detail: str) -> NoReturn:
    raise errors.InvalidTextRepresentation(f'malformed array literal: "{text}"', detail=detail)


def parse_array(text: str, delimiter: str) -> Elements:
    """Return the elements' texts, the dimensions and the lower bounds; 22P02 for anything malformed."""
    body = text[1:-1]
    if text[:1] == "{" and text[-1:] == "}" and not any(character in body for character in '{}"\\'):
        if not body.strip(_SPACE):
            return [], [], []
        items = [item.strip(_SPACE) for item in body.split(delimiter)]
        if "" not in items:
            return [None if len(item) == 4 and item.lower() == "null" else item for item in items], [len(items)], [1]
    return _Reader(text, delimiter).read()


class _Reader:
    def __init__(self, text: str, delimiter: str) -> None:
        self.text = text
        self.delimiter = delimiter
        self.position = 0
        self.elements: list[str | None] = []
        self.shown = text

    def fail(self, detail: str) -> NoReturn:
        _malformed(self.shown, detail)

    def skip_space(self) -> None:
        while self.position < len(self.text) and self.text[self.position] in _SPACE:
            self.position += 1

    def read(self) -> Elements:
        declared = self.read_dimensions()
        sizes = self.read_levels()
        self.skip_space()
        if self.position < len(self.text):
            self.fail("Junk after closing right brace.")
        if not self.elements:
            if declared:
                _malformed(self.text, "Specified array dimensions do not match array contents.")
            return [], [], []
        if declared is None:
            return self.elements, sizes, [1] * len(sizes)
        if [size for size, _ in declared] != sizes:
            _malformed(self.text, "Specified array dimensions do not match array contents.")
        return self.elements, sizes, [first for _, first in declared]

    def read_dimensions(self) -> list[tuple[int, int]] | None:
        """Read ``[0:1][1:2]=``; return (size, lower bound) of each, None where there is no such thing."""
        text = self.text
        declared: list[tuple[int, int]] = []
        while True:
            self.skip_space()
            if text[self.position : self.position + 1] != "[":
                break
            self.position += 1
            if len(declared) >= _MAXIMUM_DIMENSIONS:
                raise errors.ProgramLimitExceeded(
                    f"number of array dimensions ({len(declared) + 1}) exceeds the maximum allowed"
                    f" ({_MAXIMUM_DIMENSIONS})"
                )
            first = 1
            last = self.read_bound()
            if text[self.position : self.position + 1] == ":":
                self.position += 1
                first, last = last, self.read_bound("Missing array dimension value.")
            if text[self.position : self.position + 1] != "]":
                self.fail('Missing "]" after array dimensions.')
            self.position += 1
            if last < first:
                raise errors.ArraySubscriptError("upper bound cannot be less than lower bound")
            declared.append((last - first + 1, first))
        if not declared:
            if text[self.position : self.position + 1] != "{":
                self.fail('Array value must start with "{" or dimension information.')
            self.shown = text[self.position :]
            return None
        if text[self.position : self.position + 1] != "=":
            self.fail('Missing "=" after array dimensions.')
        self.position += 1
        self.skip_space()
        if text[self.position : self.position + 1] != "{":
            self.fail('Array contents must start with "{".')
        # From here on PostgreSQL shows the contents only.
        self.shown = text[self.position :]
        return declared

    def read_bound(self, missing: str = '"[" must introduce explicitly-specified array dimensions.') -> int:
        match = _BOUND.match(self.text, self.position)
        if match is None:
            self.fail(missing)
        self.position = match.end()
        value = int(match[0])
        if not -(2**31) <= value < 2**31:
            raise errors.NumericValueOutOfRange(f'value "{match[0]}" is out of range for type integer')
        return value

    def read_levels(self) -> list[int]:
        """Read the braces and what is in them; return the dimensions."""
        text = self.text
        state = _State.NO_LEVEL
        level = depth = 0
        counts = [1] * _MAXIMUM_DIMENSIONS
        earlier = [0] * _MAXIMUM_DIMENSIONS
        start_of_level = 0
        while True:
            if self.position >= len(text):
                self.fail("Unexpected end of input.")
            character = text[self.position]
            if character == '"':
                if state not in _BEFORE_ELEMENT:
                    self.fail("Unexpected array element.")
                self.read_quoted()
                state = _State.QUOTED_COMPLETED
                self.check_tail()
                continue
            if character == "{":
                if state not in (_State.NO_LEVEL, _State.LEVEL_STARTED, _State.LEVEL_DELIMITED):
                    self.fail('Unexpected "{" character.')
                if level >= _MAXIMUM_DIMENSIONS:
                    raise errors.ProgramLimitExceeded(
                        f"number of array dimensions ({level + 1}) exceeds the maximum allowed ({_MAXIMUM_DIMENSIONS})"
                    )
                state = _State.LEVEL_STARTED
                level += 1
                depth = max(depth, level)
                start_of_level = len(self.elements)
            elif character == "}":
                empty = level == 1 and state is _State.LEVEL_STARTED
                if state not in _AFTER_ELEMENT and not empty:
                    self.fail('Unexpected "}" character.')
                state = _State.LEVEL_COMPLETED
                level -= 1
                if earlier[level] and counts[level] != earlier[level]:
                    self.fail("Multidimensional arrays must have sub-arrays with matching dimensions.")
                earlier[level] = counts[level]
                counts[level] = 1
                if level == 0:
                    self.position += 1
                    return [] if empty and start_of_level == 0 else earlier[:depth]
            elif character == self.delimiter:
                if state not in _AFTER_ELEMENT:
                    self.fail(f'Unexpected "{character}" character.')
                completed = state is _State.LEVEL_COMPLETED
                state = _State.LEVEL_DELIMITED if completed else _State.ELEMENT_DELIMITED
                counts[level - 1] += 1
            elif character not in _SPACE:
                if state not in _BEFORE_ELEMENT:
                    backslash = character == "\\"
                    self.fail('Unexpected "\\" character.' if backslash else "Unexpected array element.")
                self.read_plain()
                state = _State.ELEMENT_STARTED
                continue
            self.position += 1

    def read_quoted(self) -> None:
        text = self.text
        self.position += 1
        characters: list[str] = []
        while True:
            if self.position >= len(text):
                self.fail("Unexpected end of input.")
            character = text[self.position]
            self.position += 1
            if character == '"':
                break
            if character == "\\":
                if self.position >= len(text):
                    self.fail("Unexpected end of input.")
                character = text[self.position]
                self.position += 1
            characters.append(character)
        self.elements.append("".join(characters))

    def check_tail(self) -> None:
        """Refuse what follows a quoted element other than blanks, a delimiter and a brace."""
        self.skip_space()
        following = self.text[self.position : self.position + 1]
        if following == "\\":
            self.fail('Unexpected "\\" character.')
        if following and following not in ("{", "}", self.delimiter):
            self.fail("Unexpected array element.")

    def read_plain(self) -> None:
        """Read an element without quotes; blanks at its end do not count unless they are escaped."""
        text = self.text
        characters: list[str] = []
        kept = 0
        escaped = False
        while self.position < len(text):
            character = text[self.position]
            if character == "\\":
                escaped = True
                if self.position + 1 >= len(text):
                    self.fail("Unexpected end of input.")
                self.position += 1
                characters.append(text[self.position])
                kept = len(characters)
            elif character == '"':
                self.fail("Unexpected array element.")
            elif character in ("{", "}", self.delimiter):
                break
            else:
                characters.append(character)
                if character not in _SPACE:
                    kept = len(characters)
            self.position += 1
        element = "".join(characters[:kept])
        self.elements.append(None if not escaped and element.lower() == "null" else element)
