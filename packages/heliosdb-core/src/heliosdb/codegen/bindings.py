"""How a source's columns are read at the current place of a function."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Binding", "local_binding", "row_binding"]

Binding = Callable[[int], str]
"""How a source's column is read: index -> source text (an atom)."""


def row_binding(variable: str) -> Binding:
    """Columns of a row tuple held in a variable."""
    return lambda index: f"{variable}[{index}]" if index >= 0 else _pseudo(variable, index)


def _pseudo(variable: str, index: int) -> str:
    return f"i_{variable}" if index == -1 else variable


def local_binding(names: dict[int, str]) -> Binding:
    """Columns held in local variables (or other atoms), by index."""
    return lambda index: names[index]
