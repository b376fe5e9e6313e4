"""CREATE SEQUENCE and the options that it shares with identity columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.sql.parser import options, types
from heliosdb.sql.statements import CreateSequence, Option

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["SEQUENCE_WORDS", "create_sequence", "parenthesized_options", "sequence_option", "sequence_options"]

SEQUENCE_WORDS: Final = frozenset(
    [
        "as",
        "cache",
        "cycle",
        "no",
        "increment",
        "logged",
        "maxvalue",
        "minvalue",
        "owned",
        "sequence",
        "start",
        "restart",
        "unlogged",
    ]
)  # fmt: skip
_NUMBERS: Final = frozenset({"cache", "maxvalue", "minvalue"})


def sequence_options(p: Parser) -> tuple[Option, ...]:
    """Read options as far as they go."""
    found: list[Option] = []
    while p.kind in SEQUENCE_WORDS:
        found.append(sequence_option(p))
    return tuple(found)


def parenthesized_options(p: Parser) -> tuple[Option, ...]:
    """Read ``(options)`` if it is there; there must be one at least."""
    if p.kind != "(":
        return ()
    p.advance()
    if p.kind not in SEQUENCE_WORDS:
        p.unexpected()
    found = sequence_options(p)
    p.expect(")")
    return found


def sequence_option(p: Parser) -> Option:
    """Read one option (SeqOptElem)."""
    position = p.position
    kind = p.kind
    if kind not in SEQUENCE_WORDS:
        p.unexpected()
    p.advance()
    if kind == "as":
        return Option("as", types.simple_type_name(p), position=position)
    if kind in _NUMBERS:
        return Option(kind, options.numeric_only(p), position=position)
    if kind in ("cycle", "logged", "unlogged"):
        return Option(kind, options.word("true", position), position=position)
    if kind == "no":
        name = p.one_of("cycle", "maxvalue", "minvalue")
        return Option(name, options.word("false", position) if name == "cycle" else None, position=position)
    if kind == "increment":
        p.accept("by")
        return Option("increment", options.numeric_only(p), position=position)
    if kind == "owned":
        p.expect("by")
        return Option("owned_by", p.any_name(), position=position)
    if kind == "sequence":
        p.expect("name")
        return Option("sequence_name", p.any_name(), position=position)
    if p.kind in ("with", "with_la"):
        p.advance()
    elif kind == "restart" and p.kind not in ("ICONST", "FCONST", "+", "-"):
        return Option("restart", position=position)
    return Option(kind, options.numeric_only(p), position=position)


def create_sequence(p: Parser, persistence: str) -> CreateSequence:
    """Read CREATE SEQUENCE behind that word."""
    exists = p.if_not_exists()
    name = p.qualified_name()
    return CreateSequence(name, sequence_options(p), persistence, exists, position=p.start_position)  # type: ignore[arg-type]
