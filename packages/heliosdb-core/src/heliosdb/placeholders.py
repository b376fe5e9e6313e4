"""The DB-API's parameters: ``%s`` and ``%(name)s`` become ``$1``, ``$2``, ...

A text is scanned only when parameters are given. Then ``%%`` is a percent sign, ``%s`` the next parameter and
``%(name)s`` a named one; the two are never mixed, neither with ``$1``, which the engine reads itself. As in psycopg
the scan does not look into string literals: with parameters a literal percent sign is written twice everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from heliosdb.errors import InterfaceError, ProgrammingError

__all__ = ["rewrite", "rewrite_many"]

_PLACEHOLDER = re.compile(r"%(?:%|s|\(([^)]*)\)s|.|\Z)", re.DOTALL)
_DOLLAR = re.compile(r"\$\d")


def rewrite(text: str, parameters: Sequence[Any] | Mapping[str, Any] | None) -> tuple[str, Sequence[Any]]:
    """Return the text with ``$n`` in place of placeholders, and the values in their order."""
    if not isinstance(text, str):
        raise InterfaceError(f"a statement must be a str, not {type(text).__name__}")
    if parameters.__class__ is tuple or parameters.__class__ is list:
        # Nearly all; asking an abstract class costs as much as the rest of a row of executemany.
        made, names, count = _rewritten(text)
        if names is None and (count is None or count == len(parameters)):
            return made, parameters
    if parameters is None:
        return text, ()
    if isinstance(parameters, str | bytes):
        raise ProgrammingError("parameters must be a sequence or a mapping, not a string")
    if not isinstance(parameters, Sequence | Mapping):
        raise ProgrammingError(f"parameters must be a sequence or a mapping, not {type(parameters).__name__}")
    made, names, count = _rewritten(text)
    if names is not None:
        if not isinstance(parameters, Mapping):
            raise ProgrammingError("the statement has named placeholders, so parameters must be a mapping")
        missing = [name for name in names if name not in parameters]
        if missing:
            raise ProgrammingError(f"parameter missing: {', '.join(missing)}")
        return made, [parameters[name] for name in names]
    if isinstance(parameters, Mapping):
        if parameters or count:
            raise ProgrammingError("the statement has positional placeholders, so parameters must be a sequence")
        return made, ()
    if count is not None and len(parameters) != count:
        raise ProgrammingError(f"the statement has {count} placeholders but {len(parameters)} parameters were passed")
    return made, parameters


def rewrite_many(
    text: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]
) -> tuple[str, Sequence[Sequence[Any]]] | None:
    """Do the same for many rows of parameters; None where there are none."""
    rows = rows if isinstance(rows, list) else list(rows)
    if not rows:
        return None
    made, first = rewrite(text, rows[0])
    if first is rows[0] and _PLAIN.issuperset(map(type, rows)) and len(set(map(len, rows))) == 1:
        return made, rows  # type: ignore[return-value]  # each would be taken as it is
    return made, [rewrite(text, row)[1] for row in rows]


_PLAIN = frozenset((tuple, list))


@lru_cache(maxsize=1024)
def _rewritten(text: str) -> tuple[str, tuple[str, ...] | None, int | None]:
    """Return (text, names of the named placeholders or None, number of positional ones; None where ``$n`` is used)."""
    names: dict[str, int] = {}
    count = 0
    positional = named = False

    def replace(match: re.Match[str]) -> str:
        nonlocal count, positional, named
        token = match[0]
        if token == "%%":
            return "%"
        if token == "%s":
            positional = True
            count += 1
            return f"${count}"
        if match[1] is not None:
            named = True
            return f"${names.setdefault(match[1], len(names) + 1)}"
        raise ProgrammingError(
            f"only '%s' and '%(name)s' are allowed as placeholders, got {token!r}",
            hint="Write a literal percent sign as '%%' when parameters are given.",
        )

    made = _PLACEHOLDER.sub(replace, text)
    if positional and named:
        raise ProgrammingError("positional and named placeholders cannot be mixed")
    if positional or named:
        # What stands in quotes or comments is no parameter, so only a real token counts.
        if _DOLLAR.search(text) and _uses_dollar(text):
            raise ProgrammingError("'%s' placeholders and '$1' parameters cannot be mixed")
        return made, tuple(names) if named else None, count
    return made, None, None if _uses_dollar(made) else 0


def _uses_dollar(text: str) -> bool:
    if not _DOLLAR.search(text):
        return False
    from heliosdb.sql.dialect import POSTGRESQL
    from heliosdb.sql.lexer import tokenize

    return any(token.kind == "PARAM" for token in tokenize(text, POSTGRESQL))
