"""PostgreSQL 15's grammar by hand: recursive descent over the lexer's tokens, precedence climbing for expressions.

``parse`` and kin are the way in; ``Grammar`` says what plugins added; ``Parser`` is the cursor their functions get.
"""

from __future__ import annotations

from heliosdb.sql.parser.cursor import Parser
from heliosdb.sql.parser.entry import core_grammar, parse, parse_expression, parse_one, parse_rows, parse_type
from heliosdb.sql.parser.grammar import ClausePoint, ClauseRule, Grammar, StatementRule

__all__ = [
    "ClausePoint",
    "ClauseRule",
    "Grammar",
    "Parser",
    "StatementRule",
    "core_grammar",
    "parse",
    "parse_expression",
    "parse_one",
    "parse_rows",
    "parse_type",
]
