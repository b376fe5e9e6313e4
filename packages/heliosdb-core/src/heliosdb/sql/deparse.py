"""Write a syntax tree as SQL text: what the catalog keeps of defaults, checks, index expressions and views.

The text parses to an equal tree: names and constants are quoted, every operator is parenthesised (as PostgreSQL's
``pg_get_expr`` prints it), so precedence never decides. What was not written is not added: no implicit casts, no
qualification. ``pretty`` leaves out the parentheses that PostgreSQL leaves out where it is asked for pretty text.

Expressions are written by ``deparse_expressions``, queries by ``deparse_queries``.
"""

from __future__ import annotations

from heliosdb.sql import deparse_queries as _queries  # noqa: F401 (tells the writer about queries)
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse_expressions import text_of
from heliosdb.sql.quoting import quote_identifier, quote_literal, quote_name

__all__ = ["expression_text", "query_text", "quote_identifier", "quote_literal", "quote_name", "type_text"]


def expression_text(expression: tree.Node, *, pretty: bool = False) -> str:
    """Return an expression as SQL text."""
    return text_of(expression, pretty)


def query_text(query: tree.Node, *, pretty: bool = False) -> str:
    """Return a query as SQL text, on one line."""
    return text_of(query, pretty)


def type_text(written: tree.TypeName) -> str:
    """Return a type as SQL text."""
    return text_of(written, False)
