"""The core's statements by their leading word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from heliosdb.sql.parser import query, with_clause
from heliosdb.sql.parser.grammar import StatementRule
from heliosdb.sql.statements import Statement

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["CORE_STATEMENTS"]


def _from_word(rule: Callable[[Parser], Statement]) -> Callable[[Parser], Statement]:
    """Make a rule that reads the leading word itself out of one that begins behind it."""

    def parse(p: Parser) -> Statement:
        p.reset(p.i - 1)
        return rule(p)

    return parse


_RULES: Final[dict[str, Callable[[Parser], Statement]]] = {
    "select": query.query,
    "values": query.query,
    "table": query.query,
    "(": query.query,
    "with": with_clause.statement_with,
    "insert": with_clause.preparable_statement,
    "update": with_clause.preparable_statement,
    "delete": with_clause.preparable_statement,
    "merge": with_clause.preparable_statement,
}

CORE_STATEMENTS: Final = tuple(StatementRule(word, (word,), _from_word(rule)) for word, rule in _RULES.items())
