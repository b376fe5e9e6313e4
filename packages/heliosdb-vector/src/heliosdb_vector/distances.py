"""Distances of two vectors: ``<->``, ``<#>``, ``<=>``, ``<+>``, ``<~>``, and by name.

As in pgvector numbers are multiplied and added up in single precision, and what comes of it is given as a double. The
cosine distance to a vector without direction is NaN.

``vector_distance(a, b, name)`` gives what sorts the nearest first in ascending order: of the inner product
it is the negative, as ``<#>`` has it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import InvalidParameterValue
from heliosdb_vector import bits
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense
from heliosdb_vector.sparse import SPARSEVEC, Sparse
from heliosdb_vector.sparse_sums import Beside, rows_of

__all__ = ["HALFVECS", "METRICS", "SPARSEVECS", "VECTORS", "bit_distance", "function_of_bits"]

METRICS = {
    "l2": "l2_distance",
    "euclidean": "l2_distance",
    "cosine": "cosine_distance",
    "inner_product": "negative_inner_product",
    "dot": "negative_inner_product",
    "dot_product": "negative_inner_product",
    "l1": "l1_distance",
    "manhattan": "l1_distance",
}
"""The names that ``vector_distance`` knows, and the functions that they mean."""


class Distances:
    """The distances of one type; ``_pair`` gives the numbers of two data."""

    type_name: str

    def _pair(self, left: bytes, right: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
        raise NotImplementedError

    def function_of(self, name: str) -> str | None:
        """Return SQL's function of two vectors for the distance of this name, None for what is no such name."""
        function = METRICS.get(name.lower())
        return f"{self.type_name}_{function}" if function == "negative_inner_product" else function

    def l2_distance(self, left: bytes, right: bytes) -> float:
        """``<->``: the Euclidean distance."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore", invalid="ignore"):
            difference = first - second
            return sqrt(difference.dot(difference))

    def inner_product(self, left: bytes, right: bytes) -> float:
        """``<~>``: the sum of the products."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore", invalid="ignore"):
            # Not -0: the sum of products begins with 0, but for vectors of one number NumPy only multiplies.
            return float(first.dot(second)) + 0.0

    def negative_inner_product(self, left: bytes, right: bytes) -> float:
        """``<#>``: the inner product with its sign turned, so that the greatest comes first."""
        return -self.inner_product(left, right)

    def cosine_distance(self, left: bytes, right: bytes) -> float:
        """``<=>``: 1 less the cosine of the angle, from 0 to 2."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore", invalid="ignore"):
            return cosine_distance_of(float(first.dot(second)), float(first.dot(first)), float(second.dot(second)))

    def l1_distance(self, left: bytes, right: bytes) -> float:
        """``<+>``: the sum of the absolute differences."""
        first, second = self._pair(left, right)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.abs(first - second).sum())

    def vector_distance(self, left: bytes, right: bytes, name: str) -> float:
        """Return the distance of this name; InvalidParameterValue for a name that is none."""
        function = METRICS.get(name.lower())
        if function is None:
            raise unknown_metric(name, METRICS)
        distance: Callable[[bytes, bytes], float] = getattr(self, function)
        return distance(left, right)


def cosine_distance_of(product: float, left: float, right: float) -> float:
    """Return the cosine distance from the inner product and both vectors' squared lengths."""
    lengths = sqrt(left * right)
    # Python raises where C gives NaN.
    similarity = product / lengths if lengths else nan
    return 1.0 - (1.0 if similarity > 1 else -1.0 if similarity < -1 else similarity)


class DenseDistances(Distances):
    """The distances of ``vector`` or ``halfvec``."""

    def __init__(self, form: Dense) -> None:
        self.type_name = form.name
        self._form = form
        self._dtype = form.dtype
        self._rounded = form.width < 4

    def _pair(self, left: bytes, right: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
        if len(left) != len(right):
            self._form.check_same_size(left, right)
        first, second = np.frombuffer(left, self._dtype), np.frombuffer(right, self._dtype)
        if self._rounded:
            return first.astype(np.float32), second.astype(np.float32)
        return first, second


class SparseDistances(Distances):
    """The distances of ``sparsevec``: over the places where either has a number."""

    type_name = "sparsevec"

    def __init__(self, form: Sparse) -> None:
        self._form = form

    def _beside(self, left: bytes, right: bytes) -> Beside:
        self._form.check_same_size(left, right)
        rows = rows_of([left])
        assert rows is not None
        return Beside(rows, right)

    def l2_distance(self, left: bytes, right: bytes) -> float:
        """``<->``: the Euclidean distance."""
        return float(self._beside(left, right).euclidean()[0])

    def inner_product(self, left: bytes, right: bytes) -> float:
        """``<~>``: the sum of the products."""
        return float(self._beside(left, right).products()[0])

    def cosine_distance(self, left: bytes, right: bytes) -> float:
        """``<=>``: 1 less the cosine of the angle, from 0 to 2."""
        return float(self._beside(left, right).cosine()[0])

    def l1_distance(self, left: bytes, right: bytes) -> float:
        """``<+>``: the sum of the absolute differences."""
        return float(self._beside(left, right).taxicab()[0])


VECTORS = DenseDistances(VECTOR)
HALFVECS = DenseDistances(HALFVEC)
SPARSEVECS = SparseDistances(SPARSEVEC)

_OF_BITS = {"hamming": bits.hamming_distance, "jaccard": bits.jaccard_distance}


def bit_distance(left: str, right: str, name: str) -> float:
    """Return the distance of two bit strings of this name; InvalidParameterValue for a name that is none."""
    distance = _OF_BITS.get(name.lower())
    if distance is None:
        raise unknown_metric(name, _OF_BITS)
    return distance(left, right)


def function_of_bits(name: str) -> str | None:
    """Return SQL's function of two bit strings for the distance of this name, None for what is no such name."""
    return f"{name.lower()}_distance" if name.lower() in _OF_BITS else None


def unknown_metric(name: str, known: dict[str, Any]) -> InvalidParameterValue:
    """Return the error for a distance that does not exist."""
    return InvalidParameterValue(
        f'unrecognized distance: "{name}"', hint=f"Available distances: {', '.join(sorted(known))}."
    )
