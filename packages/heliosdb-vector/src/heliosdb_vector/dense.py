"""``vector`` and ``halfvec``: a row of numbers, all of them finite.

A datum is the numbers' bytes, single or half precision, the least significant byte first:

    '[1,2.5]'::vector       00 00 80 3f  00 00 20 40

So a datum is hashable, costs no object a number, and is stored as it is; a column of them is one piece of memory, which
NumPy takes for a matrix. Two data are the same vector where their bytes are, but for zeros: 0 and -0 are equal, hence
``hash_key``. The order is that of arrays: number by number, a prefix first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import (
    DataException,
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NullValueNotAllowed,
    NumericValueOutOfRange,
    ProgramLimitExceeded,
)
from heliosdb_vector.floats import NUMBER, SPACE, singles_of, text_of

__all__ = ["HALFVEC", "VECTOR", "Dense", "halfvec_to_vector", "typmod_out", "vector_to_halfvec"]

MOST_DIMENSIONS = 16_000
_USUAL = re.compile(rf"[{SPACE}]*\[([0-9eE+\-., ]+)\][{SPACE}]*", re.ASCII)
_SPACES = re.compile(rf"[{SPACE}]*")


class Dense:
    """The forms of one type. ``dtype`` is that of a datum's bytes."""

    def __init__(self, name: str, dtype: str) -> None:
        self.name = name
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.width = self.dtype.itemsize
        self._negative_zero = np.array([-0.0], dtype).tobytes()

    # -- arrays --------------------------------------------------------------------------------------------------

    def numbers(self, datum: bytes) -> NDArray[Any]:
        """Return a datum's numbers; they share its memory and cannot be changed."""
        return np.frombuffer(datum, self.dtype)

    def dimensions(self, datum: bytes) -> int:
        """Return how many numbers a datum has."""
        return len(datum) // self.width

    def datum(self, numbers: Any) -> bytes:
        """Return the datum of some numbers; NumericValueOutOfRange where one does not fit, DataException for NaN,
        infinity and too few or many.
        """
        given = made = np.asarray(numbers)
        if given.dtype != self.dtype:
            with np.errstate(over="ignore"):
                made = given.astype(self.dtype)
        self.check_size(made.size)
        finite = np.isfinite(made)
        if not finite.all():
            number = given[int(np.argmin(finite))]
            if np.isnan(number):
                raise DataException(f"NaN not allowed in {self.name}")
            if np.isinf(number):
                raise DataException(f"infinite value not allowed in {self.name}")
            raise self.out_of_range(text_of(given[[int(np.argmin(finite))]]) if abs(number) < 3e38 else str(number))
        return made.tobytes()

    def out_of_range(self, text: str) -> NumericValueOutOfRange:
        """Return the error for a number that does not fit."""
        return NumericValueOutOfRange(f'"{text}" is out of range for type {self.name}')

    def check_size(self, dimensions: int) -> None:
        """Raise DataException for no numbers, ProgramLimitExceeded for more than there may be."""
        if dimensions < 1:
            raise DataException(f"{self.name} must have at least 1 dimension")
        if dimensions > MOST_DIMENSIONS:
            raise ProgramLimitExceeded(f"{self.name} cannot have more than {MOST_DIMENSIONS} dimensions")

    # -- text ----------------------------------------------------------------------------------------------------

    def input(self, text: str, typmod: int = -1) -> bytes:
        """Read ``[1,2,3]``."""
        usual = _USUAL.fullmatch(text)
        if usual is not None:
            try:
                singles = singles_of(usual[1].split(","))
            except ValueError:
                return self._input_slowly(text)
            with np.errstate(over="ignore"):
                numbers = singles.astype(self.dtype, copy=False)
            if np.isfinite(numbers).all() and numbers.size <= MOST_DIMENSIONS:
                return numbers.tobytes()
        return self._input_slowly(text)

    def _input_slowly(self, text: str) -> bytes:
        """Read number by number: finds what is wrong, and takes what is rarely written."""
        at = self._after_space(text, 0)
        if text[at : at + 1] != "[":
            raise self._invalid(text, 'Vector contents must start with "[".')
        at = self._after_space(text, at + 1)
        if text[at : at + 1] == "]":
            self.check_size(0)
        numbers: list[np.float32] = []
        while True:
            if len(numbers) == MOST_DIMENSIONS:
                self.check_size(MOST_DIMENSIONS + 1)
            at = self._after_space(text, at)
            found = NUMBER.match(text, at)
            if found is None:
                raise self._invalid(text)
            numbers.append(self._number(found[0]))
            at = self._after_space(text, found.end())
            mark = text[at : at + 1]
            at += 1
            if mark == "]":
                break
            if mark != ",":
                raise self._invalid(text)
        if self._after_space(text, at) != len(text):
            raise self._invalid(text, "Junk after closing right brace.")
        return self.datum(np.array(numbers, np.float32))

    def _number(self, text: str) -> np.float32:
        (number,) = singles_of([text])
        if np.isinf(number) and "inf" not in text.lower():
            raise self.out_of_range(text)
        with np.errstate(over="ignore"):
            fits = np.isfinite(number.astype(self.dtype)) or not np.isfinite(number)
        if not fits:
            raise self.out_of_range(text)
        return number  # type: ignore[no-any-return]

    def _invalid(self, text: str, detail: str | None = None) -> InvalidTextRepresentation:
        return InvalidTextRepresentation(f'invalid input syntax for type {self.name}: "{text}"', detail=detail)

    @staticmethod
    def _after_space(text: str, at: int) -> int:
        found = _SPACES.match(text, at)
        return at if found is None else found.end()

    def output(self, datum: bytes) -> str:
        """Write ``[1,2,3]``."""
        return f"[{text_of(self.numbers(datum))}]"

    # -- binary --------------------------------------------------------------------------------------------------

    def send(self, datum: bytes) -> bytes:
        """Write the number of dimensions and a zero in 16 bits each, and the numbers, all in network order."""
        numbers = self.numbers(datum)
        return len(numbers).to_bytes(2, "big") + b"\0\0" + numbers.astype(self.dtype.newbyteorder(">")).tobytes()

    def receive(self, data: bytes) -> bytes:
        """Read what ``send`` writes."""
        if len(data) < 4:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        dimensions, unused = int.from_bytes(data[:2], "big", signed=True), int.from_bytes(data[2:4], "big", signed=True)
        self.check_size(dimensions)
        if unused:
            raise DataException(f"expected unused to be 0, not {unused}")
        size = 4 + dimensions * self.width
        if len(data) < size:
            raise InvalidBinaryRepresentation("insufficient data left in message")
        if len(data) > size:
            raise InvalidBinaryRepresentation("incorrect binary data format")
        return self.datum(np.frombuffer(data, self.dtype.newbyteorder(">"), offset=4))

    # -- dimensions ----------------------------------------------------------------------------------------------

    def typmod_in(self, modifiers: Sequence[int | str]) -> int:
        """Read the number of dimensions."""
        return dimensions_of_type(modifiers, self.name, MOST_DIMENSIONS)

    def coerce(self, datum: bytes, typmod: int, explicit: bool) -> bytes:
        """Return the datum; DataException unless it has the dimensions that the column has."""
        if typmod >= 0 and len(datum) != typmod * self.width:
            raise DataException(f"expected {typmod} dimensions, not {self.dimensions(datum)}")
        return datum

    # -- order ---------------------------------------------------------------------------------------------------

    def hash_key(self, datum: bytes) -> bytes:
        """Return bytes that are the same for equal vectors."""
        if self._negative_zero in datum:
            positive: bytes = (self.numbers(datum) + self.dtype.type(0)).tobytes()
            return positive
        return datum

    def sort_key(self, datum: bytes) -> tuple[float, ...]:
        """Return what sorts as the type does."""
        return tuple(self.numbers(datum).tolist())

    # -- casts ---------------------------------------------------------------------------------------------------

    def from_array(self, items: tuple[Any, ...], typmod: int, explicit: bool) -> bytes:
        """Return the vector of an array's elements."""
        if any(type(item) is tuple for item in items):
            raise DataException("array must be 1-D")
        if None in items:
            raise NullValueNotAllowed("array must not contain nulls")
        return self.coerce(self.datum(np.array(items, np.float64)), typmod, explicit)

    def to_array(self, datum: bytes) -> tuple[float, ...]:
        """Return the numbers as an array of real."""
        return tuple(self.numbers(datum).tolist())

    def to_arrow(self, pa: Any, data: list[bytes | None], typmod: int) -> Any:
        """Return an Arrow array of lists, of one size where all vectors have the same dimensions."""
        number = pa.float32() if self.width == 4 else pa.float16()
        sizes = {typmod} if typmod >= 0 else {self.dimensions(datum) for datum in data if datum is not None}
        if len(sizes) != 1:
            return pa.array([None if datum is None else self.numbers(datum) for datum in data], pa.list_(number))
        (size,) = sizes
        nothing = bytes(size * self.width)
        numbers = self.numbers(b"".join([nothing if datum is None else datum for datum in data]))
        missing = pa.array([datum is None for datum in data], pa.bool_())
        return pa.FixedSizeListArray.from_arrays(pa.array(numbers, number), size, mask=missing)

    def check_same_size(self, left: bytes, right: bytes) -> None:
        """Raise DataException unless both vectors have as many dimensions."""
        if len(left) != len(right):
            raise DataException(
                f"different {self.name} dimensions {self.dimensions(left)} and {self.dimensions(right)}"
            )


VECTOR = Dense("vector", "<f4")
HALFVEC = Dense("halfvec", "<f2")


def vector_to_halfvec(datum: bytes, typmod: int, explicit: bool) -> bytes:
    """Round to half precision; NumericValueOutOfRange where a number is too large for it."""
    return HALFVEC.coerce(HALFVEC.datum(VECTOR.numbers(datum)), typmod, explicit)


def halfvec_to_vector(datum: bytes, typmod: int, explicit: bool) -> bytes:
    """Return the same numbers in single precision."""
    return VECTOR.coerce(VECTOR.datum(HALFVEC.numbers(datum)), typmod, explicit)


def dimensions_of_type(modifiers: Sequence[int | str], name: str, most: int) -> int:
    """Return what stands in the parentheses behind a type's name."""
    if len(modifiers) != 1:
        raise InvalidParameterValue("invalid type modifier")
    (dimensions,) = modifiers
    if isinstance(dimensions, str):
        raise InvalidTextRepresentation(f'invalid input syntax for type integer: "{dimensions}"')
    if dimensions < 1:
        raise InvalidParameterValue(f"dimensions for type {name} must be at least 1")
    if dimensions > most:
        raise InvalidParameterValue(f"dimensions for type {name} cannot exceed {most}")
    return dimensions


def typmod_out(typmod: int) -> str:
    """Return ``(n)``."""
    return f"({typmod})" if typmod >= 0 else ""
