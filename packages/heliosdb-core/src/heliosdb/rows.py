"""Result rows: tuples that also answer by column name.

``row[0]`` and unpacking are a tuple's; ``row["name"]`` and ``row.get(0)`` read by name or number. Every statement has
its own subclass that knows its columns, so a row carries nothing but its values. ``pack`` makes the rows of a result
at once, with automatic garbage collection paused: tuples of atoms never need it, and a collection for every 700 of
them costs more than making them.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliosdb.plan.nodes import OutputColumn
    from heliosdb.session.adapters import Adapters

__all__ = ["Row", "RowMaker", "collection_paused", "full_collection_paused", "loading"]

MANY = 256
"""From this many rows on it pays to pause collection."""


class Row(tuple[Any, ...]):
    """One result row: a tuple with access by column name."""

    __slots__ = ()
    _numbers: dict[str, int] = {}
    _names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        if key.__class__ is str:
            try:
                return tuple.__getitem__(self, self._numbers[key])
            except KeyError:
                raise KeyError(f"no column {key!r}; the columns are {', '.join(self._names)}") from None
        return tuple.__getitem__(self, key)

    def get(self, key: int | str, default: Any = None) -> Any:
        """Return the value of a column by number (from 0) or name, ``default`` where there is no such column."""
        if isinstance(key, str):
            number = self._numbers.get(key)
            return default if number is None else tuple.__getitem__(self, number)
        return tuple.__getitem__(self, key) if -len(self) <= key < len(self) else default

    def keys(self) -> tuple[str, ...]:
        """Return the column names."""
        return self._names

    def as_dict(self) -> dict[str, Any]:
        """Return the row as a dict; of two columns with one name the last one wins."""
        return dict(zip(self._names, self, strict=True))

    def __repr__(self) -> str:
        return f"({', '.join(f'{name}={value!r}' for name, value in zip(self._names, self, strict=True))})"

    def __reduce__(self) -> Any:
        return tuple, (tuple(self),)


class RowMaker:
    """Makes a statement's rows of datums: Python objects in a Row subclass of its own."""

    def __init__(self, columns: Sequence[OutputColumn], adapters: Adapters) -> None:
        names = tuple(column.name for column in columns)
        numbers = {name: number for number, name in reversed(list(enumerate(names)))}
        self.row_class: type[Row] = type("Row", (Row,), {"__slots__": (), "_numbers": numbers, "_names": names})
        writers = [(number, adapters.writer(column.type)) for number, column in enumerate(columns)]
        self._writers = tuple((number, writer) for number, writer in writers if writer is not None)
        self._adapters = adapters
        names_of = [(number, column.type) for number, column in enumerate(columns)]
        self._names_of = tuple((number, type_) for number, type_ in names_of if adapters.names_objects(type_))
        self.new: Callable[[Iterable[Any]], Row] = partial(tuple.__new__, self.row_class)

    @property
    def is_plain(self) -> bool:
        """Whether every datum is its Python object already."""
        return not self._writers and not self._names_of

    def convert(self, rows: Iterable[tuple[Any, ...]], session: Any) -> Iterable[tuple[Any, ...]]:
        """Yield the rows with Python objects in place of datums, as a session sees them."""
        writers = self._writers
        if self._names_of:
            found = {number: self._adapters.writer(type_, session) for number, type_ in self._names_of}
            named = tuple((number, writer) for number, writer in found.items() if writer is not None)
            writers = tuple(writer for writer in writers if writer[0] not in found) + named
        return self._converted(rows, writers) if writers else rows

    def _converted(
        self, rows: Iterable[tuple[Any, ...]], writers: tuple[tuple[int, Callable[[Any], Any]], ...]
    ) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            values = list(row)
            for number, write in writers:
                value = values[number]
                if value is not None:
                    values[number] = write(value)
            yield tuple(values)

    def pack(self, rows: Sequence[tuple[Any, ...]], session: Any) -> list[Row]:
        """Return the rows as Row objects."""
        if len(rows) < MANY:
            return list(map(self.new, self.convert(rows, session)))
        with collection_paused():
            return list(map(self.new, self.convert(rows, session)))


class _Pauses:
    """How many threads want automatic collection paused; the first one in switches it off, the last one out on
    again.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.was_enabled = False


_pauses = _Pauses()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause automatic garbage collection while the block runs, in whatever threads at once."""
    with _pauses.lock:
        if _pauses.count == 0:
            _pauses.was_enabled = gc.isenabled()
            gc.disable()
        _pauses.count += 1
    try:
        yield
    finally:
        with _pauses.lock:
            _pauses.count -= 1
            if _pauses.count == 0 and _pauses.was_enabled:
                gc.enable()


class _OldPauses:
    """How many threads want the oldest generation left alone, and the thresholds as they were."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.thresholds = (0, 0, 0)


_old_pauses = _OldPauses()
NEVER = 1 << 30


@contextmanager
def full_collection_paused() -> Iterator[None]:
    """Leave the oldest generation alone while the block runs; young cycles are collected as ever.

    A full collection looks at every row of every table, which lie all over memory: 80 ms for 400,000 rows. A statement
    that makes some ten thousand lists of its own would bring one about, and no row is ever part of a cycle.
    """
    with _old_pauses.lock:
        if _old_pauses.count == 0:
            young, middle, _ = _old_pauses.thresholds = gc.get_threshold()
            gc.set_threshold(young, middle, NEVER)
        _old_pauses.count += 1
    try:
        yield
    finally:
        with _old_pauses.lock:
            _old_pauses.count -= 1
            # Unless somebody else has set them meanwhile.
            if _old_pauses.count == 0 and gc.get_threshold()[2] == NEVER:
                gc.set_threshold(*_old_pauses.thresholds)


@contextmanager
def loading() -> Iterator[None]:
    """Pause collection while modules are loaded, and take what they made for old at once.

    They stay, and the first collection would look at all of them: 15 ms before the first row. Moving the young ones to
    the permanent generation and all of it to the oldest costs nothing (unless somebody has a permanent generation).
    """
    loaded = len(sys.modules)
    with collection_paused():
        yield
        with _pauses.lock:
            # To ask for the freeze count is to count: with a permanent generation that takes a millisecond and more.
            settled = len(sys.modules) > loaded and _pauses.count == 1 and _pauses.was_enabled
            if settled and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
