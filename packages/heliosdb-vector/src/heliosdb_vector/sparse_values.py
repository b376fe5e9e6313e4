"""The Python class of sparse vectors: what results hold, and what parameters may be.

The methods are named as in pgvector's package for Python. As a parameter a mapping is not enough, for it does not say
how many dimensions there are; pgvector's class, SciPy's sparse arrays, and all rows of numbers will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import DatatypeMismatch
from heliosdb_vector.sparse import SPARSEVEC
from heliosdb_vector.values import Value, numbers_of

__all__ = ["SparseVector", "sparsevec_from_python", "sparsevec_to_python"]


class SparseVector(Value):
    """A vector of which only the numbers that are not zero are kept; it never changes. Its text is ``{1:2.5,4:1}/6``.

    ``value`` maps places, counted from 0, to numbers, with ``dimensions`` how many places there are; or it is a row of
    all numbers or a sparse array, without it. DataException for NaN, infinity and places that are not there,
    DatatypeMismatch for what is no row of numbers.
    """

    __slots__ = ()
    _form = SPARSEVEC

    def __init__(self, value: Any, dimensions: int | None = None) -> None:
        if isinstance(value, Mapping):
            if dimensions is None:
                raise TypeError("a mapping does not say how many dimensions there are")
            self._datum = SPARSEVEC.datum_of({int(place): number for place, number in value.items()}, dimensions)
        else:
            if dimensions is not None:
                raise TypeError("only a mapping leaves the number of dimensions open")
            self._datum = sparsevec_from_python(value)

    def indices(self) -> list[int]:
        """Return the places, counted from 0, of what is not zero, ascending."""
        places: list[int] = SPARSEVEC.parts(self._datum)[1].tolist()
        return places

    def values(self) -> list[float]:
        """Return the numbers at those places."""
        numbers: list[float] = SPARSEVEC.parts(self._datum)[2].tolist()
        return numbers

    def to_numpy(self) -> NDArray[np.float32]:
        """Return all numbers, with the zeros."""
        dimensions, places, numbers = SPARSEVEC.parts(self._datum)
        everything = np.zeros(dimensions, np.float32)
        everything[places] = numbers
        return everything

    def __repr__(self) -> str:
        return f"SparseVector({dict(zip(self.indices(), self.values()))}, {self.dimensions()})"


def sparsevec_to_python(datum: bytes) -> SparseVector:
    """Return a result's value."""
    return SparseVector._of(datum)


def sparsevec_from_python(value: Any) -> bytes:
    """Return a parameter's datum."""
    if isinstance(value, SparseVector):
        return value._datum
    if hasattr(value, "tocoo"):
        array = value.tocoo()
        if array.ndim == 2 and array.shape[0] != 1:
            raise DatatypeMismatch(f"a sparse vector is one row, not {array.shape[0]}")
        # Places may come twice: their numbers are added up then.
        elements: dict[int, float] = {}
        for place, number in zip(array.coords[-1].tolist(), array.data.tolist()):
            elements[place] = elements.get(place, 0.0) + number
        return SPARSEVEC.datum_of(elements, array.shape[-1])
    indices, values = getattr(value, "indices", None), getattr(value, "values", None)
    if callable(indices) and callable(values):
        return SPARSEVEC.datum_of(dict(zip(indices(), values())), value.dimensions())
    return SPARSEVEC.from_numbers(numbers_of(value))
