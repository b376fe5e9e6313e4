"""Lists of Python values as bytes, for temporary files of this process: what sorts and hash tables put aside.

The frames are those of ``stored_frames``, but classes need no names, for what one object wrote only the same object
can read: a class, or what makes its values, is written by its number.

    T  number column    tuples of class ``classes[number]``, which add no state to what is in them
    R  number column    values that ``makers[number]`` makes of the arguments in the column: classes that say by
                        ``__reduce__`` how they are made, sets, lists, dicts
    k  number           objects kept as they are, ``kept[number]`` and those behind it

So nothing that can be sorted or grouped is ever changed by being put aside, whatever it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.column_forms import Writer
from heliosdb.encoding.columns import Source, write_varint
from heliosdb.encoding.stored_frames import StoredFrames

__all__ = ["Frames"]

Kind = Any


class Frames(StoredFrames):
    """Writes and reads frames. What one object wrote only the same object can read."""

    def __init__(self) -> None:
        super().__init__(ClassTable())
        self.classes: list[type] = []
        self._numbers: dict[type, int] = {}
        self.makers: list[Callable[..., Any]] = []
        self._maker_numbers: dict[Any, int] = {}
        self.kept: list[Any] = []
        """Objects without a form."""

    def _write_class(self, kind: Kind, values: list[Any], writer: Writer, depth: int) -> None:
        if type(kind) is tuple:
            self._keep(values, writer)  # opaque ones
        elif issubclass(kind, tuple) and not kind.__dictoffset__ and kind.__iter__ is tuple.__iter__:
            number = self._numbers.get(kind)
            if number is None:
                number = self._numbers[kind] = len(self.classes)
                self.classes.append(kind)
            writer.parts += (b"T", write_varint(number))
            self._write(list(map(tuple, values)), writer, depth + 1)
        else:
            maker, arguments = _made_by(kind, values)
            if maker is None:
                self._keep(values, writer)
                return
            number = self._maker_numbers.get(maker)
            if number is None:
                number = self._maker_numbers[maker] = len(self.makers)
                self.makers.append(_attribute_of(maker) if isinstance(maker, str) else maker)
            writer.parts += (b"R", write_varint(number))
            self._write(arguments, writer, depth + 1)

    def _write_nested(self, values: list[Any], writer: Writer) -> None:
        self._keep(values, writer)

    def _keep(self, values: list[Any], writer: Writer) -> None:
        writer.parts += (b"k", write_varint(len(self.kept)))
        self.kept.extend(values)

    def read_values(self, source: Source, count: int) -> list[Any]:
        """Read a column of so many values."""
        tag = source.data[source.at]
        if tag == 0x54:  # T
            source.byte()
            source.count(count)
            kind = self.classes[source.varint()]
            return list(map(partial(tuple.__new__, kind), self.read_values(source, count)))
        if tag == 0x52:  # R
            source.byte()
            source.count(count)
            make = self.makers[source.varint()]
            return [make(*arguments) for arguments in self.read_values(source, count)]
        if tag == 0x6B:  # k
            source.byte()
            source.count(count)
            first = source.varint()
            return self.kept[first : first + count]
        return super().read_values(source, count)


def _made_by(kind: type, values: list[Any]) -> tuple[Any, list[Any]]:
    """Return what makes all these values (a text: the module whose constants they are) and of what; None: nothing."""
    if kind in (set, frozenset, list):
        return kind, [(tuple(value),) for value in values]
    if kind is dict:
        return kind, [(tuple(value.items()),) for value in values]
    if getattr(kind, "__reduce__") is object.__reduce__:  # noqa: B009 - the checker takes the two for different
        return None, []
    reduced = [value.__reduce__() for value in values]
    if all(type(how) is str for how in reduced):
        return kind.__module__, [(name,) for name in reduced]
    makers = {how[0] if type(how) is tuple and len(how) == 2 else None for how in reduced}
    maker = makers.pop()
    return (None, []) if makers or maker is None else (maker, [arguments for _, arguments in reduced])


def _attribute_of(module: str) -> Callable[[str], Any]:
    return partial(getattr, sys.modules[module])
