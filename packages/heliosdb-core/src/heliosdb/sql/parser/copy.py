"""COPY in its present and its older syntax; both give the same options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import SqlSyntaxError
from heliosdb.sql.parser import expressions, options, utility
from heliosdb.sql.statements import Copy, Expression, Literal, Option, QualifiedName, Statement

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["copy"]


def copy(p: Parser) -> Copy:
    """Read COPY behind that word."""
    found: list[Option] = []
    table: QualifiedName | None = None
    source: Statement | None = None
    columns: tuple[str, ...] = ()
    if p.kind == "(":
        p.advance()
        source = utility.preparable(p)
        p.expect(")")
        is_from = False
        p.expect("to")
    else:
        if p.kind == "binary":
            found.append(_word("format", "binary", p.position))
            p.advance()
        table = p.qualified_name()
        columns = p.parenthesized_names() if p.kind == "(" else ()
        is_from = p.one_of("from", "to") == "from"
    program = p.accept("program")
    at = p.position
    file = None
    if p.kind == "SCONST":
        file = p.string()
    else:
        p.one_of("stdin", "stdout")
        if program:
            raise SqlSyntaxError("STDIN/STDOUT not allowed with PROGRAM", position=at)
    if source is None and p.kind in ("using", "delimiters"):
        position = p.position
        p.accept("using")
        p.expect("delimiters")
        found.append(Option("delimiter", _string(p), position=position))
    if p.kind in ("with", "with_la"):
        p.advance()
    if p.kind == "(":
        p.advance()
        found.extend(p.separated(lambda: generic_option(p)))
        p.expect(")")
    else:
        while (option := old_option(p)) is not None:
            found.append(option)
    where: Expression | None = None
    if source is None and p.kind == "where":
        position = p.position
        p.advance()
        where = expressions.expression(p)
        if not is_from:
            raise SqlSyntaxError("WHERE clause not allowed with COPY TO", position=position)
    return Copy(table, source, columns, is_from, program, file, tuple(found), where, position=p.start_position)


def _word(name: str, text: str, position: int) -> Option:
    return Option(name, options.word(text, position), position=position)


def _string(p: Parser) -> Literal:
    if p.kind != "SCONST":
        p.unexpected()
    return p.constant()


def old_option(p: Parser) -> Option | None:
    """Read one option without parentheses (copy_opt_item); None when none is here."""
    position = p.position
    kind = p.kind
    if kind in ("binary", "csv"):
        p.advance()
        return _word("format", kind, position)
    if kind in ("freeze", "header"):
        p.advance()
        return _word(kind, "true", position)
    if kind in ("delimiter", "null", "quote", "escape"):
        p.advance()
        p.accept("as")
        return Option(kind, _string(p), position=position)
    if kind == "encoding":
        p.advance()
        return Option(kind, _string(p), position=position)
    if kind != "force":
        return None
    p.advance()
    what = p.one_of("quote", "not", "null")
    if what == "quote" and p.accept("*"):
        return _word("force_quote", "*", position)
    if what == "not":
        p.expect("null")
        what = "not_null"
    return Option(f"force_{what}", p.names(), position=position)


def generic_option(p: Parser) -> Option:
    """Read ``name [value]`` in parentheses (copy_generic_opt_elem)."""
    position = p.position
    name = p.label()
    at = p.position
    if p.kind == "*":
        p.advance()
        return Option(name, options.word("*", at), position=position)
    if p.accept("("):
        items = p.separated(lambda: list_item(p))
        p.expect(")")
        return Option(name, items, position=position)
    if p.kind in ("ICONST", "FCONST", "+", "-"):
        return Option(name, options.numeric_only(p), position=position)
    if p.kind in (",", ")"):
        return Option(name, position=position)
    return Option(name, word_or_string(p), position=position)


def list_item(p: Parser) -> str:
    return word_or_string(p).value


def word_or_string(p: Parser) -> Literal:
    """Read TRUE, FALSE, ON, another word that is not reserved, or a string."""
    position = p.position
    if p.kind == "SCONST":
        return p.constant()
    if p.kind in ("true", "false", "on"):
        kind = p.kind
        p.advance()
        return options.word(kind, position)
    return options.word(p.non_reserved_word(), position)
