"""Sums over sparse vectors, many at once: what their distances are made of.

Vectors are three arrays, of all their numbers one behind the other: whose each is, at which place, and what. Beside one
other vector each number has that vector's at its place, or zero:

    owner    0    0    1          {1:2,4:1}/6 and {2:5}/6
    place    0    3    1
    number   2    1    5
    other    7    0    0          beside {1:7}/6

What the other has where a vector has nothing is its whole sum less that at common places. Sums are of doubles, added up
in the order of places, by one loop for one vector as for many; so both give the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heliosdb_vector.sparse import SPARSEVEC

__all__ = ["Beside", "SparseRows", "rows_of"]

Doubles = NDArray[np.float64]


class SparseRows(NamedTuple):
    """``size`` vectors of as many ``dimensions`` each; see the module."""

    size: int
    dimensions: int
    owner: NDArray[np.int64]
    places: NDArray[np.int32]
    numbers: Doubles

    def sums(self, terms: Doubles) -> Doubles:
        """Return for each vector the sum of the terms that are its numbers'."""
        found: Doubles = np.bincount(self.owner, terms, self.size).astype(np.float64, copy=False)
        return found

    @property
    def nbytes(self) -> int:
        """How much memory the arrays take."""
        return self.owner.nbytes + self.places.nbytes + self.numbers.nbytes


def rows_of(data: Sequence[bytes]) -> SparseRows | None:
    """Return data as arrays; None where their dimensions differ."""
    if len({datum[:4] for datum in data}) != 1:
        return None
    whole = np.frombuffer(b"".join(data), "<i4")
    counts = np.array([len(datum) for datum in data], np.int64) // 8
    starts = np.cumsum(2 * counts + 1) - (2 * counts + 1)
    owner = np.repeat(np.arange(len(data)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    at = np.repeat(starts + 1, counts) + within
    numbers = whole.view("<f4")[at + np.repeat(counts, counts)].astype(np.float64)
    return SparseRows(len(data), SPARSEVEC.dimensions(data[0]), owner, whole[at], numbers)


class Beside:
    """The sums of many vectors and one other. ``squares``: those of the many, where they are known."""

    def __init__(self, rows: SparseRows, other: bytes, squares: Doubles | None = None) -> None:
        _, places, numbers = SPARSEVEC.parts(other)
        self._rows, self._squares = rows, squares
        self._whole = numbers.astype(np.float64)
        at = np.searchsorted(places, rows.places)
        if len(places):
            at[at == len(places)] = 0
            self._other = np.where(places[at] == rows.places, self._whole[at], 0.0)
        else:
            self._other = np.zeros(len(at))

    def _missed(self, whole: Doubles, common: Doubles) -> Doubles:
        """Return the sum of what the other has at places where a vector has nothing."""
        total = np.bincount(np.zeros(len(whole), np.int64), whole, 1)[0]
        missed: Doubles = np.maximum(0.0, total - self._rows.sums(common))
        return missed

    def products(self) -> Doubles:
        """Return inner products."""
        return self._rows.sums(self._rows.numbers * self._other)

    def euclidean(self) -> Doubles:
        """Return Euclidean distances."""
        differences = self._rows.numbers - self._other
        squares = self._rows.sums(differences * differences)
        distances: Doubles = np.sqrt(squares + self._missed(self._whole * self._whole, self._other * self._other))
        return distances

    def taxicab(self) -> Doubles:
        """Return taxicab distances."""
        sums = self._rows.sums(np.abs(self._rows.numbers - self._other))
        return sums + self._missed(np.abs(self._whole), np.abs(self._other))

    def cosine(self) -> Doubles:
        """Return cosine distances, NaN where there is no direction."""
        numbers = self._rows.numbers
        squares = self._rows.sums(numbers * numbers) if self._squares is None else self._squares
        whole = self._whole * self._whole
        lengths = np.sqrt(squares * np.bincount(np.zeros(len(whole), np.int64), whole, 1)[0])
        similarity = self.products() / np.where(lengths == 0, np.nan, lengths)
        distances: Doubles = 1.0 - np.clip(similarity, -1.0, 1.0)
        return distances
