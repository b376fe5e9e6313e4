"""What of the text's outer form depends on the dialect: quoting, folding, literals.

A ``Dialect`` is a frozen value that a session holds; it is part of every cache key, so it is small, hashable and
compares by content. Core ships ``POSTGRESQL``; a package that brings another one makes a value of its own with
``attrs.evolve``. How a dialect resolves operators, casts and NULL order is the binder's business, under the same name.
"""

from __future__ import annotations

from typing import Final
from typing import Literal as OneOf

from attrs import frozen

__all__ = ["POSTGRESQL", "Dialect"]


@frozen
class Dialect:
    """The outer form of a SQL text.

    ``identifier_quotes`` are the pairs of delimiters of quoted identifiers, the closing one doubled stands for itself.
    ``folding`` is what happens to unquoted names, for ASCII letters only. ``escape_strings``: E'' and U&'' exist;
    ``dollar_quotes``: ``$tag$ ... $tag$`` exists; ``nested_comments``: ``/* /* */ */`` is one comment.
    Names are cut at ``identifier_bytes`` bytes of UTF-8, never inside a character.
    """

    name: str
    identifier_quotes: tuple[tuple[str, str], ...] = (('"', '"'),)
    folding: OneOf["lower", "upper", "preserve"] = "lower"
    escape_strings: bool = True
    dollar_quotes: bool = True
    nested_comments: bool = True
    identifier_bytes: int = 63


POSTGRESQL: Final = Dialect("postgresql")
