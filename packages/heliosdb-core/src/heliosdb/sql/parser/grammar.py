"""What a parser may meet: a frozen table of statement and clause rules, made from the core's and the plugins'.

A rule claims a place by its leading words and has a function that reads on from there. Rules with more words are tried
first, and of equal ones the plugin's before the core's; a rule's function that returns None declines, the cursor goes
back, and the next rule is tried. So a plugin can take ``SHOW BRANCHES`` and leave every other SHOW alone.

Words are those of the text outside of quotes, in lower case, keywords of the dialect or not: a literal, a quoted name
or a name in another place is never mistaken for one. An operator is a word, too (``t@branch``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Literal as OneOf

from attrs import field, frozen

from heliosdb.sql.dialect import POSTGRESQL, Dialect

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser
    from heliosdb.sql.statements import Statement

__all__ = ["ClausePoint", "ClauseRule", "Grammar", "StatementRule"]

ClausePoint = OneOf["table", "query", "create_table", "create_index", "column", "table_element"]
"""Where a clause may stand: after a relation's name in FROM or DML, before its alias or behind it; behind a query;
behind CREATE TABLE's and CREATE INDEX's own clauses; among a column's constraints; in the
place of a column or constraint of CREATE TABLE, and behind ADD of ALTER TABLE."""


@frozen
class StatementRule:
    """``words`` open the statement; ``parse`` is called with the cursor behind them.

    It returns a Statement, or any other payload, which is wrapped as ``ExtensionStatement(name, payload)``, or None.
    """

    name: str
    words: tuple[str, ...]
    parse: Callable[[Parser], Statement | object | None]


@frozen
class ClauseRule:
    """``words`` open the clause; ``parse`` is called with the cursor behind them and returns the payload, or None."""

    name: str
    point: ClausePoint
    words: tuple[str, ...]
    parse: Callable[[Parser], object | None]


@frozen
class Grammar:
    """The rules by first word, longest first; the parser only reads these tables."""

    dialect: Dialect = POSTGRESQL
    statements: Mapping[str, tuple[StatementRule, ...]] = field(factory=lambda: MappingProxyType({}))
    clauses: Mapping[str, Mapping[str, tuple[ClauseRule, ...]]] = field(factory=lambda: MappingProxyType({}))

    def extended(self, statements: Iterable[StatementRule] = (), clauses: Iterable[ClauseRule] = ()) -> Grammar:
        """Return a grammar that has these rules too, before its own of equal length."""
        table = {word: list(rules) for word, rules in self.statements.items()}
        for rule in reversed(list(statements)):
            table.setdefault(rule.words[0], []).insert(0, rule)
        points: dict[str, dict[str, list[ClauseRule]]] = {
            point: {word: list(rules) for word, rules in words.items()} for point, words in self.clauses.items()
        }
        for clause in reversed(list(clauses)):
            points.setdefault(clause.point, {}).setdefault(clause.words[0], []).insert(0, clause)
        return Grammar(
            self.dialect,
            MappingProxyType({word: tuple(sorted(rules, key=_longest_first)) for word, rules in table.items()}),
            MappingProxyType(
                {
                    point: MappingProxyType({w: tuple(sorted(rules, key=_longest_first)) for w, rules in words.items()})
                    for point, words in points.items()
                }
            ),
        )


def _longest_first(rule: StatementRule | ClauseRule) -> int:
    return -len(rule.words)
