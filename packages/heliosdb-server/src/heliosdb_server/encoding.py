"""Rows as bytes: a function for each kind of row, written when its first rows go out.

    D  length  number of columns  (length of the datum, -1 for NULL; the datum)*

What a column's bytes are made by is its *way*: ``INTEGER_WAY`` and ``TEXT_WAY`` stand in the function itself, anything
else is called. No text of a statement enters the source; it is made of numbers and fixed names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final

__all__ = ["INTEGER_WAY", "TEXT_WAY", "Rows", "Way", "row_encoder"]

Way = Callable[[Any], bytes]
Rows = Callable[[Iterable[Sequence[Any]]], bytes]


INTEGER_WAY: Final[Way] = b"%d".__mod__
"""A number as text."""

TEXT_WAY: Final[Way] = str.encode
"""A text as UTF-8."""

_INLINE: Final = {INTEGER_WAY: "b'%d' % a{n}", TEXT_WAY: "a{n}.encode()"}


def row_encoder(ways: Sequence[Way]) -> Rows:
    """Return what makes DataRow messages of rows whose columns go these ways."""
    make = _maker(tuple([_INLINE.get(way, "w{n}(a{n})") for way in ways]))
    return make(*ways)  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def _maker(sources: tuple[str, ...]) -> Callable[..., Any]:
    width = len(sources)
    numbers = range(width)
    arguments = ", ".join(f"w{n}" for n in numbers)
    lines = [f"def make({arguments}):", " def encode(rows):", "  parts = []; add = parts.append"]
    lines.append(f"  for {''.join(f'a{n}, ' for n in numbers) or '_ '}in rows:")
    for n, source in enumerate(sources):
        lines.append(f"   if a{n} is None: v{n} = b''; n{n} = -1")
        lines.append(f"   else: v{n} = {source.format(n=n)}; n{n} = len(v{n})")
    size = "".join(f" + len(v{n})" for n in numbers)
    first = ", n0" if width else ""
    lines.append(f"   add(head(68, {6 + 4 * width}{size}, {width}{first}))")
    for n in numbers:
        if n:
            lines.append(f"   add(pack(n{n}))")
        lines.append(f"   add(v{n})")
    lines += ["  return b''.join(parts)", " return encode"]
    namespace: dict[str, Any] = {"head": Struct("!BiHi" if width else "!BiH").pack, "pack": Struct("!i").pack}
    exec("\n".join(lines), namespace)  # noqa: S102 - of numbers and fixed names
    return namespace["make"]  # type: ignore[no-any-return]
