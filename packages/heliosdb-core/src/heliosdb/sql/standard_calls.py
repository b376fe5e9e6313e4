"""Calls that the standard spells with words: ``EXTRACT(year FROM day)``, ``day AT TIME ZONE 'UTC'``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["standard_call"]


def _substring(arguments: Sequence[str]) -> str:
    length = f" FOR {arguments[2]}" if len(arguments) == 3 else ""
    return f"SUBSTRING({arguments[0]} FROM {arguments[1]}{length})"


def _overlay(arguments: Sequence[str]) -> str:
    length = f" FOR {arguments[3]}" if len(arguments) == 4 else ""
    return f"OVERLAY({arguments[0]} PLACING {arguments[1]} FROM {arguments[2]}{length})"


def _extract(arguments: Sequence[str]) -> str:
    field = arguments[0].removesuffix("::text")
    word = field[1:-1]
    return f"EXTRACT({word if word.isidentifier() and word.islower() else field} FROM {arguments[1]})"


def _trim(words: str) -> Callable[[Sequence[str]], str]:
    def trim(arguments: Sequence[str]) -> str:
        letters = f"{arguments[1]} " if len(arguments) == 2 else ""
        return f"TRIM({words} {letters}FROM {arguments[0]})"

    return trim


SPELLINGS: dict[str, tuple[int, Callable[[Sequence[str]], str]]] = {
    "timezone": (2, lambda arguments: f"({arguments[1]} AT TIME ZONE {arguments[0]})"),
    "extract": (2, _extract),
    "position": (2, lambda arguments: f"POSITION(({arguments[1]}) IN ({arguments[0]}))"),
    "overlaps": (4, lambda arguments: "(({}, {}) OVERLAPS ({}, {}))".format(*arguments)),
    "overlay": (3, _overlay),
    "substring": (2, _substring),
    "btrim": (1, _trim("BOTH")),
    "ltrim": (1, _trim("LEADING")),
    "rtrim": (1, _trim("TRAILING")),
}
"""Function: (least number of arguments, how it is spelled)."""


def standard_call(name: str, arguments: Sequence[str]) -> str | None:
    """Return a call in the standard's words, or None for a function that has none."""
    least, spelled = SPELLINGS.get(name, (0, None))
    return None if spelled is None or len(arguments) < least else spelled(arguments)
