"""``sparsevec``: a row of numbers of which most are zero.

A datum is 32-bit integers, the number of dimensions and the places of what is not zero, counted from 0, ascending; then
those numbers in single precision. All have the least significant byte first:

    '{1:2.5,4:1}/6'::sparsevec      6  0 3  2.5 1

Zeros are never stored, so equal vectors are equal bytes. The order is that of the same vectors written out: a key has
(sign, place, number) for each number. At the first place where two vectors differ, the one with a number there that
is above zero is greater, and the earlier that place, the greater it is; the end counts as a number below all others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import (
    DataException,
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
)
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense, dimensions_of_type
from heliosdb_vector.floats import NUMBER, SPACE, number_of, singles_of, text_of

__all__ = ["Sparse", "halfvec_to_sparsevec", "sparsevec_to_halfvec", "sparsevec_to_vector", "vector_to_sparsevec"]

MOST_DIMENSIONS = 1_000_000_000
MOST_NUMBERS = 16_000
_INTEGER = re.compile(rf"[{SPACE}]*([+-]?[0-9]+)", re.ASCII)
_SPACES = re.compile(rf"[{SPACE}]*")
_LITTLE, _BIG = np.dtype("<i4"), np.dtype(">i4")

Parts = tuple[int, NDArray[np.int32], NDArray[np.float32]]
"""How many dimensions, the places of what is not zero, and what stands there."""


class Sparse:
    """The forms of the type."""

    # -- arrays --------------------------------------------------------------------------------------------------

    @staticmethod
    def parts(datum: bytes) -> Parts:
        """Take a datum apart; the arrays share its memory and cannot be changed."""
        count = (len(datum) - 4) // 8
        places = np.frombuffer(datum, _LITTLE, count, 4)
        return Sparse.dimensions(datum), places, np.frombuffer(datum, "<f4", count, 4 + 4 * count)

    @staticmethod
    def dimensions(datum: bytes) -> int:
        """Return how many dimensions there are."""
        return int.from_bytes(datum[:4], "little")

    @staticmethod
    def datum(dimensions: int, places: Any, numbers: Any) -> bytes:
        """Return a datum of ascending places from 0 and numbers; zeros are left out. DataException for what is not
        finite, NumericValueOutOfRange for what single precision cannot hold.
        """
        check_size(dimensions)
        given = np.asarray(numbers)
        with np.errstate(over="ignore"):
            singles = given.astype("<f4")
        finite = np.isfinite(singles)
        if not finite.all():
            number = given[int(np.argmin(finite))]
            if np.isnan(number):
                raise DataException("NaN not allowed in sparsevec")
            if np.isinf(number):
                raise DataException("infinite value not allowed in sparsevec")
            raise NumericValueOutOfRange(f'"{number}" is out of range for type sparsevec')
        there = singles != 0
        if not there.all():
            places, singles = np.asarray(places)[there], singles[there]
        check_count(len(singles))
        return dimensions.to_bytes(4, "little") + np.asarray(places).astype(_LITTLE).tobytes() + singles.tobytes()

    def datum_of(self, elements: dict[int, Any], dimensions: int) -> bytes:
        """Return a datum of numbers by place, counted from 0; DataException for a place that is not there."""
        places = sorted(elements)
        if places and not 0 <= places[0] <= places[-1] < dimensions:
            check_size(dimensions)
            raise DataException("sparsevec index out of bounds")
        return self.datum(dimensions, np.array(places, _LITTLE), np.array([elements[p] for p in places], np.float64))

    # -- text ----------------------------------------------------------------------------------------------------

    def input(self, text: str, typmod: int = -1) -> bytes:
        """Read ``{1:2.5,4:1}/6``: places are counted from 1, in any order."""
        at = _after_space(text, 0)
        if text[at : at + 1] != "{":
            raise _invalid(text, 'Vector contents must start with "{".')
        at = _after_space(text, at + 1)
        elements: list[tuple[int, float]] = []
        if text[at : at + 1] == "}":
            at += 1
        else:
            at = self._read_elements(text, at, elements)
        at = _after_space(text, at)
        if text[at : at + 1] != "/":
            raise _invalid(text, "Unexpected end of input.")
        found = _INTEGER.match(text, at + 1)
        if found is None:
            raise _invalid(text)
        if _after_space(text, found.end()) != len(text):
            raise _invalid(text, "Junk after closing.")
        dimensions = _limited(found[1])
        check_size(dimensions)
        places = [place - 1 for place, _ in elements]
        for place, following in zip(places, [*places[1:], None]):
            if not 0 <= place < dimensions:
                raise DataException("sparsevec index out of bounds")
            if place == following:
                raise DataException("sparsevec indices must not contain duplicates")
        return self.datum(dimensions, np.array(places, _LITTLE), np.array([number for _, number in elements]))

    @staticmethod
    def _read_elements(text: str, at: int, elements: list[tuple[int, float]]) -> int:
        """Read what is between the braces into a list, sorted by place; return where the text goes on."""
        while True:
            if len(elements) == MOST_NUMBERS:
                check_count(MOST_NUMBERS + 1)
            found = _INTEGER.match(text, at)
            if found is None:
                raise _invalid(text)
            at = _after_space(text, found.end())
            if text[at : at + 1] != ":":
                raise _invalid(text)
            number = NUMBER.match(text, _after_space(text, at + 1))
            if number is None:
                raise _invalid(text)
            elements.append((_limited(found[1]), _single(number[0])))
            at = _after_space(text, number.end())
            mark = text[at : at + 1]
            at += 1
            if mark == "}":
                break
            if mark != ",":
                raise _invalid(text)
        elements[:] = sorted([element for element in elements if element[1] != 0 or not _fits(element[0])])
        return at

    def output(self, datum: bytes) -> str:
        """Write ``{1:2.5,4:1}/6``."""
        dimensions, places, numbers = self.parts(datum)
        texts = text_of(numbers).split(",") if len(numbers) else []
        return f"{{{','.join([f'{place + 1}:{text}' for place, text in zip(places.tolist(), texts)])}}}/{dimensions}"

    # -- binary --------------------------------------------------------------------------------------------------

    def send(self, datum: bytes) -> bytes:
        """Write dimensions, how many numbers, a zero, places from 0, numbers: 32 bits each, in network order."""
        dimensions, places, numbers = self.parts(datum)
        head = np.array([dimensions, len(places), 0], _BIG)
        return head.tobytes() + places.astype(_BIG).tobytes() + numbers.astype(">f4").tobytes()

    def receive(self, data: bytes) -> bytes:
        """Read what ``send`` writes."""
        if len(data) < 12:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        dimensions, count, unused = np.frombuffer(data, _BIG, 3).tolist()
        check_size(dimensions)
        if count < 0:
            raise DataException("sparsevec cannot have negative number of elements")
        check_count(count)
        if count > dimensions:
            raise DataException("sparsevec cannot have more elements than dimensions")
        if unused:
            raise DataException(f"expected unused to be 0, not {unused}")
        if len(data) < 12 + 8 * count:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        if len(data) > 12 + 8 * count:
            raise InvalidBinaryRepresentation("incorrect binary data format")
        places = np.frombuffer(data, _BIG, count, 12).astype(_LITTLE)
        numbers = np.frombuffer(data, ">f4", count, 12 + 4 * count)
        if count and not 0 <= int(places.min()) <= int(places.max()) < dimensions:
            raise DataException("sparsevec index out of bounds")
        steps = np.diff(places)
        if (steps < 0).any():
            raise DataException("sparsevec indices must be in ascending order")
        if (steps == 0).any():
            raise DataException("sparsevec indices must not contain duplicates")
        if (numbers == 0).any():
            raise DataException("binary representation of sparsevec cannot contain zero values")
        return self.datum(dimensions, places, numbers)

    # -- dimensions ----------------------------------------------------------------------------------------------

    @staticmethod
    def typmod_in(modifiers: Sequence[int | str]) -> int:
        """Read the number of dimensions."""
        return dimensions_of_type(modifiers, "sparsevec", MOST_DIMENSIONS)

    def coerce(self, datum: bytes, typmod: int, explicit: bool) -> bytes:
        """Return the datum; DataException unless it has the dimensions that the column has."""
        if 0 <= typmod != self.dimensions(datum):
            raise DataException(f"expected {typmod} dimensions, not {self.dimensions(datum)}")
        return datum

    def check_same_size(self, left: bytes, right: bytes) -> None:
        """Raise DataException unless both vectors have as many dimensions."""
        if left[:4] != right[:4]:
            raise DataException(f"different sparsevec dimensions {self.dimensions(left)} and {self.dimensions(right)}")

    # -- order ---------------------------------------------------------------------------------------------------

    @staticmethod
    def hash_key(datum: bytes) -> bytes:
        """Return bytes that are the same for equal vectors."""
        return datum

    def sort_key(self, datum: bytes) -> tuple[float, ...]:
        """Return what sorts as the type does."""
        dimensions, places, numbers = self.parts(datum)
        signs = np.sign(numbers).astype(np.float64)
        flat = np.stack((signs, -signs * places, numbers), axis=1).ravel().tolist()
        return (*flat, -1.0, dimensions, -inf)

    # -- casts ---------------------------------------------------------------------------------------------------

    def from_numbers(self, numbers: NDArray[Any], typmod: int = -1) -> bytes:
        """Return the numbers that are not zero."""
        places = np.flatnonzero(numbers)
        return self.coerce(self.datum(len(numbers), places, numbers[places]), typmod, True)

    def from_array(self, items: tuple[Any, ...], typmod: int, explicit: bool) -> bytes:
        """Return the vector of an array's elements."""
        return self.from_numbers(VECTOR.numbers(VECTOR.from_array(items, -1, explicit)), typmod)

    def written_out(self, datum: bytes, form: Dense) -> NDArray[np.float32]:
        """Return all numbers; ProgramLimitExceeded for more than a vector of that form can have."""
        dimensions, places, numbers = self.parts(datum)
        form.check_size(dimensions)
        everything = np.zeros(dimensions, "<f4")
        everything[places] = numbers
        return everything


def check_size(dimensions: int) -> None:
    """Raise DataException for no dimensions, ProgramLimitExceeded for more than there may be."""
    if dimensions < 1:
        raise DataException("sparsevec must have at least 1 dimension")
    if dimensions > MOST_DIMENSIONS:
        raise ProgramLimitExceeded(f"sparsevec cannot have more than {MOST_DIMENSIONS} dimensions")


def check_count(count: int) -> None:
    """Raise ProgramLimitExceeded for more numbers than there may be."""
    if count > MOST_NUMBERS:
        raise ProgramLimitExceeded(f"sparsevec cannot have more than {MOST_NUMBERS} non-zero elements")


def _fits(place: int) -> bool:
    return 1 <= place <= MOST_DIMENSIONS


def _limited(digits: str) -> int:
    """Return an integer, bounded: what has more digits is out of every range here."""
    return int(digits) if len(digits) <= 12 else MOST_DIMENSIONS + 1 if digits[0] != "-" else -1


def _single(text: str) -> float:
    """Return a number in single precision; what is too large or too small for it is refused."""
    (number,) = singles_of([text]).tolist()
    infinite = "inf" in text.lower()
    if (abs(number) == inf and not infinite) or (number == 0 and _has_digits(text)):
        raise NumericValueOutOfRange(f'"{text}" is out of range for type sparsevec')
    return float(number)


def _has_digits(text: str) -> bool:
    """Whether a text that rounds to zero is none: it has another digit before its exponent."""
    return number_of(text) != 0 or re.search("[1-9]", text.lower().partition("e")[0]) is not None


def _invalid(text: str, detail: str | None = None) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'invalid input syntax for type sparsevec: "{text}"', detail=detail)


def _after_space(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return at if found is None else found.end()


SPARSEVEC = Sparse()


def vector_to_sparsevec(datum: bytes, typmod: int, explicit: bool) -> bytes:
    """Leave out the zeros."""
    return SPARSEVEC.from_numbers(VECTOR.numbers(datum), typmod)


def halfvec_to_sparsevec(datum: bytes, typmod: int, explicit: bool) -> bytes:
    """Leave out the zeros."""
    return SPARSEVEC.from_numbers(HALFVEC.numbers(datum), typmod)


def sparsevec_to_vector(datum: bytes, typmod: int, explicit: bool) -> bytes:
    """Write the zeros out."""
    return VECTOR.coerce(SPARSEVEC.written_out(datum, VECTOR).tobytes(), typmod, explicit)


def sparsevec_to_halfvec(datum: bytes, typmod: int, explicit: bool) -> bytes:
    """Write the zeros out, and round to half precision."""
    return HALFVEC.coerce(HALFVEC.datum(SPARSEVEC.written_out(datum, HALFVEC)), typmod, explicit)
