"""Generated source: lines with indentation, fresh names, and the namespace through which objects reach the code.

No text of a statement ever enters the source. Identifiers are generated symbols; constants, functions, operator
classes and catalog objects are bound into the namespace under generated names. Only ints, bools and None are written
out, from the objects themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_LOOPS = 12
"""Loops nested in one function; CPython refuses 21 nested blocks."""


class Source:
    """The text of one generated module."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        self._names: dict[tuple[int, str], str] = {}
        self._counter = 0

    def fresh(self, prefix: str) -> str:
        """Return a name that occurs nowhere else in the module."""
        self._counter += 1
        return f"{prefix}{self._counter}"

    def bind(self, value: Any, prefix: str = "k") -> str:
        """Return source text for an object: a literal for None, bools and small ints, else a name in the namespace."""
        if value is None or value is True or value is False:
            return repr(value)
        if type(value) is int and -(2**31) <= value < 2**31:
            return repr(value) if value >= 0 else f"({value!r})"
        key = (id(value), prefix)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self.fresh(prefix)
            # The namespace keeps the object alive, so its id stays its own.
            self.namespace[name] = value
        return name


class Function:
    """A function being written. ``head`` lines run first (captured views, parameters), ``body`` is where emitters
    write.
    """

    def __init__(self, source: Source, name: str, arguments: str) -> None:
        self.source = source
        self.name = name
        self.arguments = arguments
        self.lines: list[str] = []
        self.depth = 1
        self.loops = 0

    def line(self, text: str) -> None:
        """Append one line at the current indentation."""
        self.lines.append(" " * self.depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Write ``header`` and indent what follows."""
        self.line(header)
        self.depth += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self.depth -= 1

    @contextmanager
    def loop(self, header: str) -> Iterator[None]:
        """Write a ``for`` or ``while`` header and indent; counts towards the limit of nested loops."""
        self.loops += 1
        with self.block(header):
            yield
        self.loops -= 1

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Keep the depth as it was at the end of the block, whatever was opened inside."""
        depth, loops = self.depth, self.loops
        yield
        if self.lines and self.lines[-1].endswith(":"):
            self.line("pass")
        self.depth, self.loops = depth, loops

    def open(self, header: str, *, loop: bool = False) -> None:
        """Write ``header`` and leave the block open; ``indented`` around the caller closes it."""
        self.line(header)
        self.depth += 1
        self.loops += loop

    def text(self, indent: int = 0) -> list[str]:
        """Return the whole definition as lines."""
        prefix = " " * indent
        lines = self.lines or [" pass"]
        return [f"{prefix}def {self.name}({self.arguments}):", *(prefix + line for line in lines)]
