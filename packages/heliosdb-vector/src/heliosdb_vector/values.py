"""The Python classes of vectors: what results hold, and what parameters may be.

A result is a ``Vector``, not an array: rows of results can be compared and hashed, which rows with arrays cannot.
``to_numpy`` gives the array without a copy, ``numpy.asarray(vector)`` does, too, and ``to_list`` a list of floats. The
methods are named as in pgvector's package for Python. As a parameter, whatever NumPy makes a row of numbers of will do:
lists, tuples, arrays, series, this class and pgvector's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import DatatypeMismatch
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense

__all__ = ["HalfVector", "Vector", "halfvec_from_python", "halfvec_to_python", "vector_from_python", "vector_to_python"]


class Value:
    """What all of these classes have in common: a datum of the type ``_form``, which never changes."""

    __slots__ = ("_datum",)
    _form: ClassVar[Any]
    _datum: bytes

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the vector that a text is, as SQL writes it."""
        return cls._of(cls._form.input(text))

    @classmethod
    def from_binary(cls, data: bytes) -> Self:
        """Return the vector of the binary form that PostgreSQL's protocol has."""
        return cls._of(cls._form.receive(bytes(data)))

    @classmethod
    def _of(cls, datum: bytes) -> Self:
        made = cls.__new__(cls)
        made._datum = datum
        return made

    def dimensions(self) -> int:
        """Return how many numbers it has."""
        dimensions: int = self._form.dimensions(self._datum)
        return dimensions

    def to_numpy(self) -> NDArray[Any]:
        """Return all numbers as an array."""
        raise NotImplementedError

    def to_list(self) -> list[float]:
        """Return all numbers."""
        numbers: list[float] = self.to_numpy().tolist()
        return numbers

    def to_text(self) -> str:
        """Return it as SQL writes it."""
        text: str = self._form.output(self._datum)
        return text

    def to_binary(self) -> bytes:
        """Return the binary form that PostgreSQL's protocol has."""
        data: bytes = self._form.send(self._datum)
        return data

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self._form.hash_key(self._datum) == self._form.hash_key(other._datum))

    def __hash__(self) -> int:
        return hash(self._form.hash_key(self._datum))

    def __str__(self) -> str:
        return self.to_text()

    def __reduce__(self) -> Any:
        return _restored, (type(self), self._datum)


class Vector(Value):
    """A vector of single precision; it never changes. Its text is ``[1,2,3]``.

    ``value`` is a row of numbers: a list, an array of one dimension, or another vector. DataException for NaN and
    infinity, DatatypeMismatch for what is no row of numbers.
    """

    __slots__ = ()
    _form: ClassVar[Dense] = VECTOR

    def __init__(self, value: Any) -> None:
        self._datum = _datum(self._form, value)

    def to_numpy(self) -> NDArray[Any]:
        """Return the numbers as an array that shares this vector's memory and is read-only."""
        return self._form.numbers(self._datum)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        numbers = self.to_numpy()
        if dtype is not None and np.dtype(dtype) != numbers.dtype:
            if copy is False:
                raise ValueError(f"{numbers.dtype} cannot be had as {np.dtype(dtype)} without a copy")
            return numbers.astype(dtype)
        return numbers.copy() if copy else numbers

    def __len__(self) -> int:
        return self.dimensions()

    def __iter__(self) -> Iterator[float]:
        return iter(self.to_list())

    def __getitem__(self, place: Any) -> Any:
        return self.to_list()[place]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_list()})"


class HalfVector(Vector):
    """A vector of half precision; otherwise as ``Vector``."""

    __slots__ = ()
    _form = HALFVEC


def _restored(kind: type[Value], datum: bytes) -> Value:
    return kind._of(datum)


def _datum(form: Dense, value: Any) -> bytes:
    """Return the datum of a Python object; DatatypeMismatch where it is no row of numbers."""
    if isinstance(value, Vector):
        return value._datum if value._form is form else form.datum(value.to_numpy())
    return form.datum(numbers_of(value))


def numbers_of(value: Any) -> NDArray[Any]:
    """Return the numbers of a Python object; DatatypeMismatch, saying why, where it is no row of numbers."""
    kind = type(value).__name__
    if not isinstance(value, np.ndarray) and hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, str | bytes | bytearray | dict | set):
        raise DatatypeMismatch(f"a vector is a row of numbers, not a {kind}")
    try:
        numbers = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise DatatypeMismatch(f"a vector is one row of numbers, and this {kind} has rows in it") from None
    if numbers.ndim != 1:
        hint = "Pass the only row that it has: value[0]." if numbers.ndim == 2 and len(numbers) == 1 else None
        raise DatatypeMismatch(f"a vector has one dimension, and this {kind} has {numbers.ndim}", hint=hint)
    if numbers.dtype.kind in "OU":
        return np.array([_number(item, place, kind) for place, item in enumerate(value)], np.float64)
    if numbers.dtype.kind not in "iuf":
        raise DatatypeMismatch(f"a vector is a row of numbers, and this {kind} is one of {numbers.dtype}")
    return numbers


def _number(item: Any, place: int, kind: str) -> float:
    if item is None:
        problem = "None"
    elif isinstance(item, str):
        problem = "a text"
    else:
        try:
            return float(item)
        except OverflowError:
            problem = "a number beyond double precision"
        except (TypeError, ValueError):
            problem = f"an object of type {type(item).__name__}"
    raise DatatypeMismatch(f"a vector is a row of numbers, and this {kind} has {problem} at place {place}")


def vector_to_python(datum: bytes) -> Vector:
    """Return a result's value."""
    return Vector._of(datum)


def vector_from_python(value: Any) -> bytes:
    """Return a parameter's datum."""
    return _datum(VECTOR, value)


def halfvec_to_python(datum: bytes) -> HalfVector:
    """Return a result's value."""
    return HalfVector._of(datum)


def halfvec_from_python(value: Any) -> bytes:
    """Return a parameter's datum."""
    return _datum(HALFVEC, value)
