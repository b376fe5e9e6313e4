"""What vectors are computed from vectors: ``+``, ``-``, ``*``, ``||``, parts, lengths, bits."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import DataException, NumericValueOutOfRange
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense
from heliosdb_vector.sparse import SPARSEVEC

__all__ = ["HALFVECS", "VECTORS", "Arithmetic", "overflow", "sparse_l2_norm", "sparse_l2_normalize"]


def overflow() -> NumericValueOutOfRange:
    """Return the error for a result that is too large."""
    return NumericValueOutOfRange("value out of range: overflow")


def _underflow() -> NumericValueOutOfRange:
    return NumericValueOutOfRange("value out of range: underflow")


def length_of(numbers: NDArray[Any]) -> float:
    """Return the Euclidean length, computed in double precision."""
    doubles = numbers.astype(np.float64)
    return sqrt(doubles.dot(doubles))


def normalized(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the vector of the same direction and the length 1; one without direction stays as it is."""
    length = length_of(numbers)
    return (numbers / np.float64(length)).astype(numbers.dtype) if length else np.zeros_like(numbers)


class Arithmetic:
    """The functions of ``vector`` or ``halfvec``."""

    def __init__(self, form: Dense) -> None:
        self._form = form

    def _pair(self, left: bytes, right: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
        self._form.check_same_size(left, right)
        return self._form.numbers(left), self._form.numbers(right)

    @staticmethod
    def _checked(result: NDArray[Any]) -> bytes:
        if not np.isfinite(result).all():
            raise overflow()
        return result.tobytes()

    def add(self, left: bytes, right: bytes) -> bytes:
        """``+``: the sums."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore"):
            return self._checked(first + second)

    def subtract(self, left: bytes, right: bytes) -> bytes:
        """``-``: the differences."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore"):
            return self._checked(first - second)

    def multiply(self, left: bytes, right: bytes) -> bytes:
        """``*``: the products, number by number; NumericValueOutOfRange, too, where one becomes 0 that is not."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore", under="ignore"):
            result = first * second
        data = self._checked(result)
        if ((result == 0) & (first != 0) & (second != 0)).any():
            raise _underflow()
        return data

    def concatenate(self, left: bytes, right: bytes) -> bytes:
        """``||``: the numbers of both."""
        self._form.check_size((len(left) + len(right)) // self._form.width)
        return left + right

    def subvector(self, datum: bytes, start: int, count: int) -> bytes:
        """Return ``count`` numbers from place ``start`` on, counted from 1; those that there are."""
        dimensions, width = self._form.dimensions(datum), self._form.width
        end = min(start + max(count, 0), dimensions + 1)
        start = max(start, 1)
        if end <= start:
            raise DataException(f"{self._form.name} must have at least 1 dimension")
        return datum[(start - 1) * width : (end - 1) * width]

    def l2_norm(self, datum: bytes) -> float:
        """Return the Euclidean length."""
        return length_of(self._form.numbers(datum))

    def l2_normalize(self, datum: bytes) -> bytes:
        """Return the vector of the same direction and the length 1."""
        return self._checked(normalized(self._form.numbers(datum)))

    def binary_quantize(self, datum: bytes) -> str:
        """Return a bit for each number: 1 where it is above zero."""
        return (self._form.numbers(datum) > 0).astype("u1").tobytes().translate(_DIGITS).decode("ascii")


_DIGITS = b"01" + bytes(254)

VECTORS = Arithmetic(VECTOR)
HALFVECS = Arithmetic(HALFVEC)


def sparse_l2_norm(datum: bytes) -> float:
    """Return the Euclidean length."""
    return length_of(SPARSEVEC.parts(datum)[2])


def sparse_l2_normalize(datum: bytes) -> bytes:
    """Return the vector of the same direction and the length 1."""
    dimensions, places, numbers = SPARSEVEC.parts(datum)
    result = normalized(numbers)
    if not np.isfinite(result).all():
        raise overflow()
    return SPARSEVEC.datum(dimensions, places, result)
