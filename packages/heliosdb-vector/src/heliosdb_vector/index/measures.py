"""What an operator class compares, as structures know it: which metric, over which numbers.

    vector_cosine_ops      rows of numbers, of length one       inner product of those
    sparsevec_l2_ops       numbers written out, or hashed       l2
    bit_jaccard_ops        bits, packed                         jaccard

Structures need not compute what the operator does, only find the same rows first: cosine distance and the inner
product of vectors of length one rank alike. The distance that a query sorts by is the operator's own, computed of the
row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb_vector.sparse import SPARSEVEC
from heliosdb_vector.sparse_sums import rows_of

__all__ = ["MEASURES", "Measure"]

SKETCHED = 1024
"""Places that sparse vectors are brought to where they have more: the top ten bits of a hash."""
LONG, SHORTENED = 1e10, 0.3
"""The ratio of a length to this is raised to that power where it is longer: of 4e40, the greatest there is, 1.5e19 are
left, whose square is a single."""
EMPTY = 4
"""Bytes of a sparse vector without numbers."""
_ONES = np.array([byte.bit_count() for byte in range(256)], np.int64)
"""The bits that are set in a byte."""


def _singles(data: Sequence[bytes]) -> NDArray[Any]:
    return np.frombuffer(b"".join(data), "<f4").reshape(len(data), -1)


def _halves(data: Sequence[bytes]) -> NDArray[Any]:
    return np.frombuffer(b"".join(data), "<f2").reshape(len(data), -1).astype(np.float32)


def _sketches(data: Sequence[bytes]) -> NDArray[Any]:
    """Return sparse vectors written out; where they have more places than that each number goes to a place by its
    own's hash, with a sign that is as random, so that inner products stay about what they are (feature hashing:
    Weinberger et al., 2009).
    """
    rows = rows_of(data)
    assert rows is not None
    width, places, numbers = min(rows.dimensions, SKETCHED), rows.places.astype(np.int64), rows.numbers
    if rows.dimensions > SKETCHED:
        hashed = (places * 2_654_435_761 + 97) & 0xFFFFFFFF
        places, numbers = hashed >> 22, np.where(hashed & (1 << 21), numbers, -numbers)
    sums = np.bincount(rows.owner * width + places, numbers, len(data) * width)
    return sums.reshape(len(data), width).astype(np.float32)


def _bits(data: Sequence[str]) -> NDArray[Any]:
    digits = np.frombuffer("".join(data).encode(), np.uint8).reshape(len(data), -1) - ord("0")
    return np.packbits(digits, axis=1)


@dataclass(frozen=True)
class Measure:
    """How an operator class compares.

    ``metric``: "l2", "ip", "l1", "hamming" or "jaccard"; ``unit`` where vectors are brought to length one before.
    ``matrix(data)`` gives the numbers of many data of equal dimensions, one row each: singles, or packed bits.
    ``dimensions(datum)`` counts them. ``is_sparse``: rows have ``SKETCHED`` numbers at most.
    """

    metric: str
    matrix: Callable[[Sequence[Any]], NDArray[Any]]
    dimensions: Callable[[Any], int]
    unit: bool = False
    is_sparse: bool = False

    @property
    def name(self) -> str:
        """What users call it."""
        return "cosine" if self.unit else self.metric

    @property
    def is_binary(self) -> bool:
        """Whether rows are packed bits."""
        return self.metric in ("hamming", "jaccard")

    def width(self, dimensions: int) -> int:
        """Return how many numbers a row of so many dimensions has, or how many bits."""
        return min(dimensions, SKETCHED) if self.is_sparse else dimensions

    def is_coarse(self, dimensions: int) -> bool:
        """Whether rows of so many dimensions only resemble what they are made of."""
        return self.width(dimensions) < dimensions

    def rows(self, data: Sequence[Any]) -> NDArray[Any]:
        """Return what structures keep of some data, one row each."""
        rows = self.matrix(data)
        if self.unit:
            wide = rows.astype(np.float64)  # in which no square is too small or too large
            lengths = np.linalg.norm(wide, axis=1, keepdims=True)
            # What was hashed may have come to nothing.
            rows = (wide / np.where(lengths == 0, 1, lengths)).astype(np.float32)
        return np.ascontiguousarray(rows)

    def bounded(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return rows as a structure takes them: very long ones shortened, as their inner products might be infinite.

        Infinities cut a graph into pieces. The longer of two stays the longer one, and a query ranks as before.
        """
        if self.metric != "ip" or self.unit or not len(rows) or float(np.abs(rows).max()) <= LONG / rows.shape[1]:
            return rows
        wide = rows.astype(np.float64)
        lengths = np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), LONG)
        bounded: NDArray[Any] = (wide * (lengths / LONG) ** (SHORTENED - 1)).astype(np.float32)
        return bounded

    def tells_apart(self, ranks: NDArray[Any], width: int) -> bool:
        """Whether what a structure ranked rows by (``structures.Found``) leaves no doubt of the operator's order.

        Each is a sum of ``width`` products of singles, and so is what the operator computes, in another order. Either
        is off by (width + 3) units of 2**-24 at most: of itself where it is a square, and of the product of the
        lengths, which is 1 for vectors of length one, where it is an inner product.
        """
        unit = (width + 8) * 2.0**-21
        if self.metric == "l2":
            part, least = unit, 1e-30  # below which nothing is known of what has underflowed
        elif self.unit:
            part, least = 0.0, unit
        else:
            return False
        before = -inf
        for rank in ranks.tolist():
            if not rank - before > part * rank + least:
                return False
            before = rank
        return True

    def is_indexed(self, datum: Any) -> bool:
        """Whether a datum has a distance at all: there is no angle without a direction, nor where the square of the
        length is too small or too large for the operator.
        """
        if not self.unit:
            return True
        if self.is_sparse:
            return len(datum) > EMPTY
        (row,) = self.matrix([datum])
        with np.errstate(over="ignore"):
            return 0 < float(row.dot(row)) < inf

    def distances(self, query: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
        """Return numbers that rank the rows as the operator does."""
        ranks: NDArray[Any] = self._ranks(query, rows)
        return ranks

    def _ranks(self, query: NDArray[Any], rows: NDArray[Any]) -> Any:
        match self.metric:
            case "ip":
                return -(rows @ query)
            case "l2":
                difference = rows - query
                return np.vecdot(difference, difference)
            case "l1":
                return np.abs(rows - query).sum(axis=1)
            case "hamming":
                return _ONES[rows ^ query].sum(axis=1)
        both = _ONES[rows & query].sum(axis=1)
        return 1.0 - both / np.maximum(1, _ONES[rows | query].sum(axis=1))


def _dense(metric: str, *, unit: bool = False) -> Measure:
    return Measure(metric, _singles, lambda datum: len(datum) // 4, unit)


def _half(metric: str, *, unit: bool = False) -> Measure:
    return Measure(metric, _halves, lambda datum: len(datum) // 2, unit)


def _sparse(metric: str, *, unit: bool = False) -> Measure:
    return Measure(metric, _sketches, SPARSEVEC.dimensions, unit, is_sparse=True)


MEASURES: dict[str, Measure] = {
    "distance_ops": _dense("l2"),
    "vector_l2_ops": _dense("l2"),
    "vector_ip_ops": _dense("ip"),
    "vector_cosine_ops": _dense("ip", unit=True),
    "vector_l1_ops": _dense("l1"),
    "halfvec_l2_ops": _half("l2"),
    "halfvec_ip_ops": _half("ip"),
    "halfvec_cosine_ops": _half("ip", unit=True),
    "halfvec_l1_ops": _half("l1"),
    "sparsevec_l2_ops": _sparse("l2"),
    "sparsevec_ip_ops": _sparse("ip"),
    "sparsevec_cosine_ops": _sparse("ip", unit=True),
    "sparsevec_l1_ops": _sparse("l1"),
    "bit_hamming_ops": Measure("hamming", _bits, len),
    "bit_jaccard_ops": Measure("jaccard", _bits, len),
}
"""By operator class."""
