"""Names of other worlds as names here.

Where case does not matter, as in SQLite, or means nothing, as in a CSV header, a plain name becomes lower-case, so
that it can be written without quotes in any case; every other name stays as it is and needs its quotes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath
from typing import Final

from heliosdb.errors import InvalidName
from heliosdb.sql.deparse import quote_identifier, quote_name
from heliosdb.sql.names import split_qualified_name

__all__ = ["LONGEST", "folded", "named_table", "table_of_file", "unique_names"]

LONGEST: Final = 63
"""Bytes of a name that SQL keeps."""
_plain: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def folded(name: str, *, keep_case: bool = False) -> str:
    """Return a name as it is called here."""
    short = name.encode()[:LONGEST].decode(errors="ignore")
    return short.lower() if not keep_case and _plain.fullmatch(short) else short


def unique_names(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Return the names with numbers behind those that occur again; empty ones are called by their place."""
    made: list[str] = []
    seen = set(taken)
    for place, given in enumerate(names, 1):
        name = given or f"column{place}"
        number, unique = 1, name
        while unique in seen:
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        made.append(unique)
    return made


def table_of_file(place: str) -> str:
    """Return what a table is called that comes from a file: the file's name without what follows a dot."""
    stem = PurePosixPath(place.replace("\\", "/")).name.partition(".")[0]
    name = re.sub(r"\W+", "_", stem).strip("_").lower()
    if not name or place == "-":
        return "imported"
    return folded(name if not name[0].isdigit() else f"t_{name}")


def named_table(name: str) -> str:
    """Return a table's name as it was given to an option, as SQL: ``shop.customer``, ``"Order Details"``."""
    try:
        return quote_name(split_qualified_name(name))
    except InvalidName:
        # Not as SQL writes names: it is the name itself.
        return quote_identifier(name)
