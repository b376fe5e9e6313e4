"""BACKUP TO and RESTORE FROM; each rule is called with the cursor behind its two words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.sql.parser import copy, options
from heliosdb.sql.statements import Option
from heliosdb.sql.statements.backup import Backup, Restore

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["backup", "restore"]


def backup(p: Parser) -> Backup:
    """Read BACKUP TO."""
    return Backup(p.string(), _options(p), position=p.start_position)


def restore(p: Parser) -> Restore:
    """Read RESTORE FROM."""
    return Restore(p.string(), _options(p), position=p.start_position)


def _options(p: Parser) -> tuple[Option, ...]:
    if p.kind not in ("with", "with_la"):
        return ()
    p.advance()
    p.expect("(")
    found = p.separated(lambda: _option(p))
    p.expect(")")
    return found


def _option(p: Parser) -> Option:
    """Read ``name``, ``name value`` or ``name = value``; a list of values stands in parentheses."""
    position = p.position
    name = p.label()
    equals = p.accept("=")
    if not equals and p.kind in (",", ")"):
        return Option(name, position=position)
    if p.accept("("):
        items = p.separated(lambda: copy.word_or_string(p).value)
        p.expect(")")
        return Option(name, items, position=position)
    if p.kind in ("ICONST", "FCONST", "+", "-"):
        return Option(name, options.numeric_only(p), position=position)
    return Option(name, copy.word_or_string(p), position=position)
