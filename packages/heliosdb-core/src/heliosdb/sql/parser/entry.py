"""The way in: from a text to statements, one statement, an expression or a type."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from attrs import evolve

from heliosdb.errors import Error, SqlSyntaxError, StatementTooComplex
from heliosdb.sql.parser.core import CORE_STATEMENTS
from heliosdb.sql.parser.cursor import Parser
from heliosdb.sql.parser.grammar import Grammar
from heliosdb.sql.parser.query import values
from heliosdb.sql.statements import Expression, ExtensionStatement, Insert, Statement, TypeName, Values
from heliosdb.sql.value_rows import LONG_TEXT, ValueRows, cut_rows

__all__ = ["core_grammar", "parse", "parse_expression", "parse_one", "parse_rows", "parse_type"]

Result = TypeVar("Result")


@lru_cache(maxsize=1)
def core_grammar() -> Grammar:
    """Return PostgreSQL's grammar without any plugin's rules."""
    return Grammar().extended(statements=CORE_STATEMENTS)


def parse(text: str, grammar: Grammar | None = None) -> list[Statement]:
    """Parse any number of statements separated by semicolons; positions count from the beginning of the text.

    Raises SqlSyntaxError (42601) with PostgreSQL's message and position, FeatureNotSupported where PostgreSQL's grammar
    has something this one has no node for, StatementTooComplex (54001) for nesting beyond all measure.
    """
    try:
        p = Parser(text, grammar or core_grammar())
        statements: list[Statement] = []
        while True:
            while p.kind == ";":
                p.advance()
            if p.kind == "EOF":
                return statements
            statements.append(statement(p))
            if p.kind != ";" and p.kind != "EOF":
                p.unexpected()
    except RecursionError:
        raise StatementTooComplex("stack depth limit exceeded") from None


def parse_one(text: str, grammar: Grammar | None = None) -> Statement | None:
    """Parse a text of one statement at most; None for an empty one, a syntax error for more."""
    if len(text) > LONG_TEXT:
        found = _with_rows_as_text(text, grammar)
        if found is not None:
            return found
    statements = parse(text, grammar)
    if len(statements) > 1:
        raise SqlSyntaxError("cannot insert multiple commands into a prepared statement")
    return statements[0] if statements else None


def _with_rows_as_text(text: str, grammar: Grammar | None) -> Statement | None:
    """Parse an INSERT of very many rows without most of them; None where it is none."""
    cut = cut_rows(text)
    if cut is None:
        return None
    short, every = cut
    try:
        statements = parse(short, grammar)
    except Error:
        return None
    if len(statements) != 1 or not isinstance(statements[0], Insert):
        return None
    source = statements[0].source
    if not isinstance(source, Values) or len(source.rows) != 1:
        return None
    return evolve(statements[0], source=evolve(source, every=every))


def parse_rows(rows: ValueRows) -> tuple[tuple[Expression, ...], ...]:
    """Parse the rows that ``parse_one`` has left as text."""
    return _whole("values".rjust(rows.start) + rows.text[rows.start : rows.end], None, values).rows


def statement(p: Parser) -> Statement:
    """Read one statement up to its semicolon or the end of the text."""
    start = p.start = p.i
    word = p.values[start] if p.kind in ("IDENT", "with_la", "not_la", "nulls_la") else p.kind
    for rule in p.grammar.statements.get(word, ()):
        if p.accept_keyword(*rule.words):
            found = rule.parse(p)
            if isinstance(found, Statement):
                return found
            if found is not None:
                return ExtensionStatement(rule.name, found, position=p.positions[start])
            p.reset(start)
    p.unexpected()


def parse_expression(text: str, grammar: Grammar | None = None) -> Expression:
    """Parse a text that is one expression."""
    return _whole(text, grammar, lambda p: p.expression())


def parse_type(text: str, grammar: Grammar | None = None) -> TypeName:
    """Parse a text that is one type name."""
    return _whole(text, grammar, lambda p: p.type_name())


def _whole(text: str, grammar: Grammar | None, rule: Callable[[Parser], Result]) -> Result:
    try:
        p = Parser(text, grammar or core_grammar())
        result = rule(p)
        if p.kind != "EOF":
            p.unexpected()
        return result
    except RecursionError:
        raise StatementTooComplex("stack depth limit exceeded") from None
