"""The grammar of a database: the core's rules and those that the plugins' statements and clauses claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from heliosdb.sql.parser import ClauseRule, Grammar, StatementRule, core_grammar
from heliosdb.types.definitions import Implementation, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.registrations import Clause, Statement

__all__ = ["extended_grammar"]


def extended_grammar(statements: Iterable[Statement], clauses: Iterable[Clause]) -> Grammar:
    """Return the core's grammar with the rules of statements that have a ``parse`` and of clauses."""
    statement_rules = [
        StatementRule(statement.name, _lower(statement.words), _on_first_use(statement.parse))
        for statement in statements
        if statement.parse is not None
    ]
    clause_rules = [
        ClauseRule(clause.name, clause.point, _lower(clause.words), _on_first_use(clause.parse)) for clause in clauses
    ]
    return core_grammar().extended(statement_rules, clause_rules)


def _lower(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def _on_first_use(parse: Implementation) -> Callable[[Any], Any]:
    resolved: list[Callable[[Any], Any]] = []

    def read(cursor: Any) -> Any:
        if not resolved:
            resolved.append(resolve_implementation(parse))
        return resolved[0](cursor)

    return read if isinstance(parse, str) else parse
