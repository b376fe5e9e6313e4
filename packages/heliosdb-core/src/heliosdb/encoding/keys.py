"""Index keys: what a btree hashes and what it sorts.

A row has, for every index, a *key* (hashable, equal where the operator class says equal) and an *order key*
(sortable as the index is declared). Where the class is Python's own (integers, text in collation "C", ...), every
column ascends and NULLs come last, the two are one object:

    one column      the datum itself            5            "abc"         NULL
    more columns    a tuple of data             (5, "abc")   (5, NULL)

Otherwise the key is made of ``hash_key(datum)`` and the order key of ``sort_key(datum)``, in a ``Descending``
wrapper (a plain negation for numbers) where the column descends. Where both functions are one, and nothing descends
(floats, numerics), the key sorts itself, and no order key is kept beside it. Mostly an order key can be made of the
key, too; then whoever has a key finds it among sorted elements (order key, key).

NULL is a singleton that is greater than every datum, ``NULL_FIRST`` one that is less; MIN and MAX lie outside both
and are never stored: they stand for an open end of a range. All four compare with anything, so no comparison of keys
can raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from attrs import frozen

__all__ = ["MAX", "MIN", "NULL", "NULL_FIRST", "Descending", "KeyColumn", "KeyShape", "extreme_of_rank", "has_null"]

Row = tuple[Any, ...]


class _Extreme:
    """A value with a fixed place among all values: ranks order the extremes, data have rank 0."""

    __slots__ = ("_name", "_rank")

    def __init__(self, name: str, rank: int) -> None:
        self._name = name
        self._rank = rank

    def _rank_of(self, other: object) -> int:
        return other._rank if isinstance(other, _Extreme) else 0

    def __lt__(self, other: object) -> bool:
        return self._rank < self._rank_of(other)

    def __gt__(self, other: object) -> bool:
        return self._rank > self._rank_of(other)

    def __le__(self, other: object) -> bool:
        return self is other or self._rank < self._rank_of(other)

    def __ge__(self, other: object) -> bool:
        return self is other or self._rank > self._rank_of(other)

    def __repr__(self) -> str:
        return self._name


MIN: Any = _Extreme("MIN", -2)
NULL_FIRST: Any = _Extreme("NULL_FIRST", -1)
NULL: Any = _Extreme("NULL", 1)
MAX: Any = _Extreme("MAX", 2)


def extreme_of_rank(rank: int) -> Any:
    """Return NULL or NULL_FIRST, the extremes that are stored, by its rank; ValueError for any other."""
    if rank not in (-1, 1):
        raise ValueError(f"no extreme of rank {rank} is stored")
    return NULL if rank == 1 else NULL_FIRST


def has_null(key: Any, width: int) -> bool:
    """Whether a key has a NULL in it (keys of one column are not looked into: their datum may be a tuple)."""
    return key is NULL or (width > 1 and any(part is NULL for part in key))


class Descending:
    """A value in a column that descends: compares the other way round, hashes and equals as the value does."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: Any) -> bool:
        return bool(other.value < self.value) if isinstance(other, Descending) else NotImplemented

    def __gt__(self, other: Any) -> bool:
        return bool(other.value > self.value) if isinstance(other, Descending) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Descending({self.value!r})"


def _descend(value: Any) -> Any:
    kind = type(value)
    # Negation is cheaper than a wrapper. NaN sorts last in PostgreSQL and must not be negated into itself, so floats
    # are wrapped.
    return -value if kind is int else Descending(value)


@frozen
class KeyColumn:
    """One column of an index: where its datum comes from and how it compares.

    ``source`` is a slot of the row or a function of the row (an expression index). ``hash_key`` and ``sort_key`` are
    the operator class's (None: the datum itself); neither is called with NULL.
    """

    source: int | Callable[[Row], Any]
    hash_key: Callable[[Any], Any] | None = None
    sort_key: Callable[[Any], Any] | None = None
    descending: bool = False
    nulls_first: bool = False
    not_null: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether key and order key of this column are the datum itself (or NULL)."""
        return self.hash_key is None and self.sort_key is None and not self.descending and not self.nulls_first

    @property
    def sorts_itself(self) -> bool:
        """Whether this column's part of the key is its part of the order key, too."""
        return self.hash_key is self.sort_key and not self.descending and not self.nulls_first

    def order_of(self, part: Any) -> Any:
        """Return the part of an order key for a part of a key, where one follows from the other."""
        if part is NULL:
            return NULL_FIRST if self.nulls_first else NULL
        value = self.sort_key(part) if self.hash_key is None and self.sort_key is not None else part
        return _descend(value) if self.descending else value

    def reader(self) -> Callable[[Row], Any]:
        """Return the function that takes the column's datum out of a row."""
        return itemgetter(self.source) if isinstance(self.source, int) else self.source

    def hash_part(self, datum: Any) -> Any:
        """Return the datum's part of a key."""
        if datum is None:
            return NULL
        return datum if self.hash_key is None else self.hash_key(datum)

    def order_part(self, datum: Any) -> Any:
        """Return the datum's part of an order key."""
        if datum is None:
            return NULL_FIRST if self.nulls_first else NULL
        value = datum if self.sort_key is None else self.sort_key(datum)
        return _descend(value) if self.descending else value


class KeyShape:
    """The columns of an index, and the functions that make keys of rows, of values and of range bounds."""

    __slots__ = ("columns", "is_identity", "sorts_itself", "width")

    def __init__(self, columns: Sequence[KeyColumn]) -> None:
        self.columns = tuple(columns)
        self.width = len(self.columns)
        self.is_identity = all(column.is_identity for column in self.columns)
        """Whether keys are made of the data themselves."""
        self.sorts_itself = all(column.sorts_itself for column in self.columns)
        """Whether keys are order keys."""

    def row_key(self) -> Callable[[Row], Any]:
        """Return ``row -> key``, in the cheapest form these columns allow."""
        columns = self.columns
        if self.is_identity and all(column.not_null and isinstance(column.source, int) for column in columns):
            return itemgetter(*(column.source for column in columns))
        readers = [column.reader() for column in columns]
        if self.width == 1:
            read, column = readers[0], columns[0]
            if column.hash_key is None:
                return lambda row: NULL if (datum := read(row)) is None else datum
            hash_key = column.hash_key
            return lambda row: NULL if (datum := read(row)) is None else hash_key(datum)
        if all(column.hash_key is None for column in columns):
            return lambda row: tuple([NULL if (datum := read(row)) is None else datum for read in readers])
        parts = [column.hash_part for column in columns]
        return lambda row: tuple([part(read(row)) for part, read in zip(parts, readers)])

    def row_order_key(self) -> Callable[[Row], Any] | None:
        """Return ``row -> order key``, or None where the key itself is the order key."""
        if self.sorts_itself:
            return None
        readers = [column.reader() for column in self.columns]
        parts = [column.order_part for column in self.columns]
        if self.width == 1:
            read, part = readers[0], parts[0]
            return lambda row: part(read(row))
        return lambda row: tuple([part(read(row)) for part, read in zip(parts, readers)])

    def key_order(self) -> Callable[[Any], Any] | None:
        """Return ``key -> order key``, or None where the one does not follow from the other."""
        columns = self.columns
        if any(column.hash_key is not None and column.hash_key is not column.sort_key for column in columns):
            return None
        parts = [column.order_of for column in columns]
        if self.width == 1:
            return parts[0]
        return lambda key: tuple([part(value) for part, value in zip(parts, key)])

    def key(self, values: Sequence[Any]) -> Any:
        """Return the key of one datum for every column."""
        parts = tuple([column.hash_part(datum) for column, datum in zip(self.columns, values)])
        return parts[0] if self.width == 1 else parts

    def bound(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return a range bound (a prefix of an order key, always a tuple) of data for the leading columns."""
        return tuple([column.order_part(datum) for column, datum in zip(self.columns, values)])
