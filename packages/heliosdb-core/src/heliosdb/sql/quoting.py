"""Names and constants as they must be written in SQL text."""

from __future__ import annotations

from heliosdb.sql.keywords import KEYWORDS

__all__ = ["quote_identifier", "quote_literal", "quote_name"]


def quote_identifier(name: str) -> str:
    """Return a name as it must be written: quoted unless it is a plain lower-case word that is no keyword but an
    unreserved one."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit() and name == name.lower()
    if plain and KEYWORDS.get(name, "U") == "U":
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_name(parts: tuple[str, ...]) -> str:
    """Return a qualified name as it must be written."""
    return ".".join([quote_identifier(part) for part in parts])


def quote_literal(text: str) -> str:
    """Return a string constant as it must be written."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted
