"""Distances of many rows at once: the column forms of the functions in ``distances`` and ``bits``.

A block's vectors are one matrix, which is kept with the block, and their distances to one vector, or to those of
another column, come from a few NumPy calls. The sums are added up by the very loops that the functions of two data use,
so results are the same to the last bit. Where vectors differ in their dimensions nothing is computed here: the row that
is wrong says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.spi import ColumnValues, StoredColumn
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense
from heliosdb_vector.distances import METRICS
from heliosdb_vector.sparse import SPARSEVEC
from heliosdb_vector.sparse_sums import Beside, SparseRows, rows_of

__all__ = ["HALFVECS", "SPARSEVECS", "VECTORS", "Columns", "SparseColumns", "hamming_distance", "jaccard_distance"]

Pair = tuple[NDArray[Any], NDArray[Any]]
Matrix = NDArray[np.float32]
Doubles = NDArray[np.float64]


class EuclideanDistances:
    """The distances of pairs of vectors, computed as far as they are asked for.

    Who looks for the nearest compares them all with a bound, and wants the few that may be less. For that the squares
    of the lengths, which are kept, and an inner product are enough: |a - b|^2 = |a|^2 + |b|^2 - 2ab, as far as single
    precision goes. A sum of n products is off by less than n units in the last place of the sum of their magnitudes,
    so what is surely not less is known, and the rest is computed as ever.
    """

    def __init__(self, left: Matrix, right: Matrix, sums: Callable[[], Doubles]) -> None:
        self._left, self._right = left, right
        self._sums = sums

    def _least_squares(self) -> Doubles:
        """Return the squares of the distances, none greater than it is when it is computed."""
        terms = self._left.shape[-1] + 8
        error = terms * _UNIT
        sums = self._sums()
        with np.errstate(over="ignore", invalid="ignore"):
            squares = sums - 2.0 * _dot(self._left, self._right)
            least: Doubles = (squares - 2.0 * error * sums) * (1 - error) - terms * _LEAST
        return least

    def __ge__(self, bound: float) -> Any:
        return self._least_squares() >= bound * abs(bound) if bound > 0 else self.exact() >= bound

    def __gt__(self, bound: float) -> Any:
        return self._least_squares() > bound * abs(bound) if bound > 0 else self.exact() > bound

    def __le__(self, bound: float) -> Any:
        return self.exact() <= bound

    def __lt__(self, bound: float) -> Any:
        return self.exact() < bound

    def exact(self) -> Doubles:
        """Return all distances."""
        return _euclidean(self._left, self._right)

    def take(self, places: list[int]) -> Doubles:
        """Return the distances at places."""
        left, right = (side[places] if side.ndim == 2 else side for side in (self._left, self._right))
        return _euclidean(left, right)

    def tolist(self) -> list[float]:
        """Return all distances."""
        distances: list[float] = self.exact().tolist()
        return distances


def _euclidean(left: Matrix, right: Matrix) -> Doubles:
    with np.errstate(over="ignore", invalid="ignore"):
        difference = left - right
        squares: NDArray[np.float32] = np.vecdot(difference, difference)
        distances: Doubles = np.sqrt(squares.astype(np.float64))
        return distances


_UNIT = 2.0**-23
"""What a number of single precision may be off by, in parts of itself, twice over."""
_LEAST = 2.0**-146
"""What it may be off by where it is too small for that."""


class Columns:
    """The column forms of one type. Each side is a column or one datum, and one of them is a column."""

    def __init__(self, form: Dense) -> None:
        self._form = form

    def matrix(self, column: ColumnValues) -> Matrix | None:
        """Return a column's vectors as the rows of a matrix; None where they differ in their dimensions."""
        data = column.values
        if len(set(map(len, data))) != 1:
            return None
        numbers = np.frombuffer(b"".join(data), self._form.dtype).reshape(len(data), -1)
        return numbers.astype(np.float32, copy=False)

    def stored_matrix(self, column: StoredColumn) -> Matrix | None:
        """Return a stored column's vectors, those that are not NULL, as the rows of a matrix; of vectors of one length
        no Python object is made. None where they differ in their dimensions.
        """
        if column.data is not None and column.width:
            numbers = np.frombuffer(column.data, self._form.dtype).reshape(-1, column.width // self._form.width)
            return numbers.astype(np.float32, copy=False)
        present = [value for value in column.to_list() if value is not None]
        return self.matrix(ColumnValues([(value,) for value in present], 0)) if present else None

    def squares(self, column: ColumnValues) -> Doubles:
        """Return the squares of the lengths of a matrix's rows."""
        matrix = column.form(self.matrix)
        return _dot(matrix, matrix)

    def _side(self, given: Any) -> Matrix | None:
        if isinstance(given, ColumnValues):
            matrix: Matrix | None = given.form(self.matrix)
            return matrix
        return self._form.numbers(given).astype(np.float32, copy=False)

    def _squares(self, given: Any, numbers: Matrix) -> Any:
        return given.form(self.squares) if isinstance(given, ColumnValues) else _dot(numbers, numbers)

    def _pair(self, left: Any, right: Any) -> Pair | None:
        first, second = self._side(left), self._side(right)
        if first is None or second is None or first.shape[-1] != second.shape[-1]:
            return None
        return first, second

    def l2_distance(self, left: Any, right: Any) -> EuclideanDistances | None:
        """``<->``."""
        pair = self._pair(left, right)
        if pair is None:
            return None
        return EuclideanDistances(*pair, lambda: self._squares(left, pair[0]) + self._squares(right, pair[1]))

    def inner_product(self, left: Any, right: Any) -> Doubles | None:
        """``<~>``."""
        pair = self._pair(left, right)
        if pair is None:
            return None
        return _dot(*pair)

    def negative_inner_product(self, left: Any, right: Any) -> Doubles | None:
        """``<#>``."""
        product = self.inner_product(left, right)
        return None if product is None else -product

    def cosine_distance(self, left: Any, right: Any) -> Doubles | None:
        """``<=>``."""
        pair = self._pair(left, right)
        if pair is None:
            return None
        first, second = pair
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            lengths = np.sqrt(self._squares(left, first) * self._squares(right, second))
            similarity = _dot(first, second) / np.where(lengths == 0, np.nan, lengths)
            distances: Doubles = 1.0 - np.clip(similarity, -1.0, 1.0)
            return distances

    def l1_distance(self, left: Any, right: Any) -> Doubles | None:
        """``<+>``."""
        pair = self._pair(left, right)
        if pair is None:
            return None
        with np.errstate(over="ignore"):
            sums: NDArray[np.float32] = np.abs(pair[0] - pair[1]).sum(axis=1)
        return sums.astype(np.float64)

    def vector_distance(self, left: Any, right: Any, name: Any) -> Any:
        """The distance of a name that is the same for all rows."""
        return _by_name(self, left, right, name)


def _dot(left: Matrix, right: Matrix) -> Doubles:
    with np.errstate(over="ignore", invalid="ignore"):
        products: NDArray[np.float32] = np.vecdot(left, right)
    return products.astype(np.float64)


class SparseColumns:
    """The column forms of ``sparsevec``: those of a column and one datum."""

    def rows(self, column: ColumnValues) -> SparseRows | None:
        """Return a column's vectors as arrays; None where they differ in their dimensions."""
        return rows_of(column.values)

    def squares(self, column: ColumnValues) -> Doubles:
        """Return the squares of the lengths."""
        rows: SparseRows = column.form(self.rows)
        return rows.sums(rows.numbers * rows.numbers)

    def _beside(self, left: Any, right: Any, *, squares: bool = False) -> Beside | None:
        column, datum = (left, right) if isinstance(left, ColumnValues) else (right, left)
        if isinstance(datum, ColumnValues):
            return None
        rows: SparseRows | None = column.form(self.rows)
        if rows is None or rows.dimensions != SPARSEVEC.dimensions(datum):
            return None
        return Beside(rows, datum, column.form(self.squares) if squares else None)

    def l2_distance(self, left: Any, right: Any) -> Doubles | None:
        """``<->``."""
        beside = self._beside(left, right)
        return None if beside is None else beside.euclidean()

    def inner_product(self, left: Any, right: Any) -> Doubles | None:
        """``<~>``."""
        beside = self._beside(left, right)
        return None if beside is None else beside.products()

    def negative_inner_product(self, left: Any, right: Any) -> Doubles | None:
        """``<#>``."""
        product = self.inner_product(left, right)
        return None if product is None else -product

    def cosine_distance(self, left: Any, right: Any) -> Doubles | None:
        """``<=>``."""
        beside = self._beside(left, right, squares=True)
        return None if beside is None else beside.cosine()

    def l1_distance(self, left: Any, right: Any) -> Doubles | None:
        """``<+>``."""
        beside = self._beside(left, right)
        return None if beside is None else beside.taxicab()

    def vector_distance(self, left: Any, right: Any, name: Any) -> Any:
        """The distance of a name that is the same for all rows."""
        return _by_name(self, left, right, name)


def _by_name(columns: Any, left: Any, right: Any, name: Any) -> Any:
    function = METRICS.get(name.lower()) if type(name) is str else None
    return None if function is None else getattr(columns, function)(left, right)


VECTORS = Columns(VECTOR)
SPARSEVECS = SparseColumns()
HALFVECS = Columns(HALFVEC)


def _bits(given: Any) -> NDArray[Any] | None:
    if isinstance(given, ColumnValues):
        matrix: NDArray[Any] | None = given.form(bit_matrix)
        return matrix
    return np.frombuffer(given.encode("ascii"), np.uint8) & 1


def bit_matrix(column: ColumnValues) -> NDArray[Any] | None:
    """Return a column's bits, a byte each; None where bit strings differ in their lengths."""
    data = column.values
    if len(set(map(len, data))) != 1:
        return None
    return np.frombuffer("".join(data).encode("ascii"), np.uint8).reshape(len(data), -1) & 1


def _bit_pair(left: Any, right: Any) -> tuple[NDArray[Any], NDArray[Any]] | None:
    first, second = _bits(left), _bits(right)
    if first is None or second is None or first.shape[-1] != second.shape[-1]:
        return None
    return first, second


def hamming_distance(left: Any, right: Any) -> Doubles | None:
    """``<~>``."""
    pair = _bit_pair(left, right)
    return None if pair is None else np.count_nonzero(pair[0] ^ pair[1], axis=1).astype(np.float64)


def jaccard_distance(left: Any, right: Any) -> Doubles | None:
    """``<%>``."""
    pair = _bit_pair(left, right)
    if pair is None:
        return None
    common = np.count_nonzero(pair[0] & pair[1], axis=1)
    either = np.count_nonzero(pair[0] | pair[1], axis=1)
    distances: Doubles = 1.0 - common / np.maximum(either, 1)
    return distances
