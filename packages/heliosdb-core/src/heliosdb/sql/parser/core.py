"""The core's statements by their leading word."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
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


def _later(module: str, name: str) -> Callable[[Parser], Statement]:
    """Make a rule that is imported when it is first used."""
    found: list[Callable[[Parser], Statement]] = []

    def parse(p: Parser) -> Statement:
        if not found:
            found.append(getattr(import_module(f"heliosdb.sql.parser.{module}"), name))
        return found[0](p)

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

#: Leading word -> module of this package and function; the modules are loaded when such a statement comes.
_UTILITY: Final[dict[str, tuple[str, str]]] = {
    "abort": ("utility", "abort"),
    "alter": ("alter", "alter"),
    "analyse": ("utility", "analyze"),
    "analyze": ("utility", "analyze"),
    "begin": ("utility", "begin"),
    "call": ("utility", "call"),
    "checkpoint": ("utility", "checkpoint"),
    "close": ("utility", "close"),
    "cluster": ("utility", "cluster"),
    "comment": ("drop", "comment"),
    "commit": ("utility", "commit"),
    "copy": ("copy", "copy"),
    "create": ("create", "create"),
    "deallocate": ("utility", "deallocate"),
    "declare": ("utility", "declare"),
    "discard": ("utility", "discard"),
    "do": ("utility", "do"),
    "drop": ("drop", "drop"),
    "end": ("utility", "end"),
    "execute": ("utility", "execute_statement"),
    "explain": ("utility", "explain"),
    "fetch": ("utility", "fetch"),
    "grant": ("roles", "grant"),
    "import": ("utility", "import_foreign_schema"),
    "listen": ("utility", "listen"),
    "load": ("utility", "load"),
    "lock": ("utility", "lock"),
    "move": ("utility", "move"),
    "notify": ("utility", "notify"),
    "prepare": ("utility", "prepare"),
    "reassign": ("roles", "reassign_owned"),
    "refresh": ("utility", "refresh"),
    "reindex": ("utility", "reindex"),
    "release": ("utility", "release"),
    "reset": ("settings", "reset"),
    "revoke": ("roles", "revoke"),
    "rollback": ("utility", "rollback"),
    "savepoint": ("utility", "savepoint"),
    "security": ("drop", "security_label"),
    "set": ("settings", "set_statement"),
    "show": ("settings", "show"),
    "start": ("utility", "start"),
    "truncate": ("utility", "truncate"),
    "unlisten": ("utility", "unlisten"),
    "vacuum": ("utility", "vacuum"),
}

CORE_STATEMENTS: Final = (
    *(StatementRule(word, (word,), _from_word(rule)) for word, rule in _RULES.items()),
    *(StatementRule(word, (word,), _later(*home)) for word, home in _UTILITY.items()),
    StatementRule("backup", ("backup", "to"), _later("backup", "backup")),
    StatementRule("restore", ("restore", "from"), _later("backup", "restore")),
)
