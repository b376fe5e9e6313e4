"""Definitions written as SQL: what ``pg_get_indexdef`` and kin answer, and the views show.

The catalog keeps expressions as they were written. They are shown as PostgreSQL shows them, which tells the types it
found: bound and written from the bound form (``heliosdb.commands.bound_text``), or as they are kept where that form
has no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import (
    ColumnDefinition,
    Constraint,
    DataType,
    DomainCheck,
    Index,
    IndexKey,
    Relation,
)
from heliosdb.commands.binding import bind_assignment, bind_condition, bind_expression, parse_expression, spelled_type
from heliosdb.commands.bound_text import bound_text
from heliosdb.commands.layout import laid_out
from heliosdb.commands.naming import figure_column_name
from heliosdb.commands.trees import changed_parts
from heliosdb.errors import Error
from heliosdb.plan.expressions import CoerceTypmod, Convert, Expression
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import expression_text, quote_identifier
from heliosdb.sql.parser import parse_one

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = [
    "check_expression",
    "column_default",
    "constraint_definition",
    "domain_check",
    "domain_check_definition",
    "expression_name",
    "index_definition",
    "index_expressions",
    "index_key",
    "index_predicate",
    "keyword_rows",
    "pretty_expression",
    "view_definition",
]

ACTIONS = {
    "restrict": "RESTRICT",
    "cascade": "CASCADE",
    "set null": "SET NULL",
    "set default": "SET DEFAULT",
}


def column_default(session: CommandSession, relation: Relation, column: ColumnDefinition) -> str | None:
    """Return a column's default or generation expression."""
    if column.generated is not None:
        expression = parse_expression(session, column.generated)
        try:
            bound = bind_assignment(session, expression, column, relation.columns, "generation", relation.name)
        except Error:
            return column.generated
        return _shown(session, _without_coercion(bound), relation, column.generated)
    if column.default is None:
        return None
    expression = parse_expression(session, column.default)
    if isinstance(expression, tree.SqlValueFunction):
        return column.default
    if isinstance(expression, tree.Literal) and expression.kind == "null":
        return f"NULL::{spelled_type(session, column.type)}"
    try:
        if isinstance(expression, tree.Literal) and expression.kind == "string":
            bound = bind_assignment(session, expression, column)
            if isinstance(bound, CoerceTypmod):
                bound = bound.operand
        else:
            bound = bind_expression(session, expression)
    except Error:
        return column.default
    return _shown(session, bound, relation, column.default)


def _without_coercion(bound: Expression) -> Expression:
    while isinstance(bound, CoerceTypmod) or (isinstance(bound, Convert) and not bound.explicit):
        bound = bound.operand
    return bound


def _shown(session: CommandSession, bound: Expression, relation: Relation, text: str) -> str:
    shown = bound_text(session, bound, relation, text)
    return text if shown is None else shown


def _expression(session: CommandSession, relation: Relation, text: str) -> str:
    try:
        bound = bind_expression(session, parse_expression(session, text), relation.columns, relation.name)
    except Error:
        # A plugin that the expression needs may be missing.
        return text
    return _shown(session, bound, relation, text)


def _condition(session: CommandSession, relation: Relation, text: str) -> str:
    try:
        expression = parse_expression(session, text)
        bound = bind_condition(session, expression, relation.columns, relation.name, "CHECK")
    except Error:
        return text
    return _shown(session, bound, relation, text)


def pretty_expression(session: CommandSession, text: str) -> str:
    """Return an expression that is shown in full with only those parentheses that PostgreSQL's pretty text has."""
    try:
        return expression_text(parse_expression(session, text), pretty=True)
    except Error:
        # What was shown need not be an expression: a plugin may say more.
        return text


def check_expression(session: CommandSession, relation: Relation, constraint: Constraint) -> str | None:
    """Return the condition of a check."""
    if constraint.expression is None:
        return None
    return _condition(session, relation, constraint.expression)


def domain_check(session: CommandSession, domain: DataType, check: DomainCheck) -> str:
    """Return the condition of a domain's check, over VALUE."""
    value = ColumnDefinition(number=1, name="value", type=domain.base or "", typmod=domain.typmod)
    try:
        bound = bind_condition(session, parse_expression(session, check.expression), [value], "", "CHECK")
    except Error:
        return check.expression
    return bound_text(session, bound, None, check.expression) or check.expression


def domain_check_definition(
    session: CommandSession, domain: DataType, check: DomainCheck, *, pretty: bool = False
) -> str:
    """Return a domain's check as ADD CONSTRAINT writes it."""
    condition = domain_check(session, domain, check)
    if pretty:
        # VALUE is read as a column, and no column is written as the word VALUE.
        expression = changed_parts(parse_expression(session, condition), _marked)
        condition = expression_text(_marked(expression), pretty=True).replace(quote_identifier(_MARK), "VALUE")
    text = f"CHECK ({condition})"
    return text if check.validated else f"{text} NOT VALID"


_MARK = "\x01"


def _marked(node: Any) -> Any:
    if isinstance(node, tree.ColumnRef):
        return evolve(node, parts=(_MARK,))
    return changed_parts(node, _marked)


def expression_name(session: CommandSession, text: str) -> str:
    """Return what an index calls its column of an expression."""
    return figure_column_name(parse_expression(session, text))


def index_predicate(session: CommandSession, relation: Relation, index: Index) -> str | None:
    """Return the predicate of a partial index."""
    return None if index.predicate is None else _condition(session, relation, index.predicate)


def index_expressions(session: CommandSession, relation: Relation, index: Index) -> str:
    """Return the expressions among an index's keys."""
    texts = [key.expression for key in index.keys if key.expression is not None]
    return ", ".join([_expression(session, relation, text) for text in texts])


def index_key(
    session: CommandSession, relation: Relation, key: IndexKey, *, bare: bool = False, pretty: bool = False
) -> str:
    """Return one key as CREATE INDEX writes it; ``bare``: without its options."""
    if key.column is not None:
        text = quote_identifier(relation.columns[key.column - 1].name)
    else:
        assert key.expression is not None
        text = _expression(session, relation, key.expression)
        if pretty:
            text = pretty_expression(session, text)
        is_call = isinstance(parse_expression(session, key.expression), tree.FunctionCall)
        if not is_call or not text.endswith(")") or text.startswith("("):
            text = f"({text})"
    if bare:
        return text
    own = relation.columns[key.column - 1].collation if key.column is not None else None
    if key.collation is not None and key.collation != (own or "default"):
        text += f" COLLATE {quote_identifier(key.collation)}"
    if key.operator_class is not None:
        text += f" {quote_identifier(key.operator_class)}"
    if key.descending:
        text += " DESC" + ("" if key.nulls_first else " NULLS LAST")
    elif key.nulls_first:
        text += " NULLS FIRST"
    return text


def qualified(relation: Relation) -> str:
    """Return a relation's quoted, qualified name."""
    return f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"


def index_definition(session: CommandSession, relation: Relation, index: Index, *, pretty: bool = False) -> str:
    """Return an index as CREATE INDEX."""
    unique = "UNIQUE " if index.unique else ""
    keys = ", ".join([index_key(session, relation, key, pretty=pretty) for key in index.keys])
    table = _visible_name(session, relation) if pretty else qualified(relation)
    text = f"CREATE {unique}INDEX {quote_identifier(index.name)} ON {table} USING {index.method} ({keys})"
    if index.include:
        names = ", ".join([quote_identifier(relation.columns[number - 1].name) for number in index.include])
        text += f" INCLUDE ({names})"
    if index.nulls_not_distinct:
        text += " NULLS NOT DISTINCT"
    if index.options:
        options = ", ".join([f"{quote_identifier(name)}='{value}'" for name, value in index.options])
        text += f" WITH ({options})"
    predicate = index_predicate(session, relation, index)
    if predicate is not None:
        text += f" WHERE {pretty_expression(session, predicate) if pretty else predicate}"
    return text


def _columns(relation: Relation, numbers: tuple[int, ...]) -> str:
    return ", ".join([quote_identifier(relation.columns[number - 1].name) for number in numbers])


def constraint_definition(
    session: CommandSession, relation: Relation, constraint: Constraint, *, pretty: bool = False
) -> str:
    """Return a constraint as ADD CONSTRAINT writes it."""
    if constraint.kind == "check":
        condition = check_expression(session, relation, constraint) or ""
        if pretty:
            condition = pretty_expression(session, condition)
        line_break = "\n" if condition.startswith("CASE") else ""
        text = f"CHECK ({line_break}{condition})"
        if constraint.no_inherit:
            text += " NO INHERIT"
    elif constraint.foreign is not None:
        text = _reference(session, relation, constraint)
    else:
        index = next(index for index in relation.indexes if index.oid == constraint.index)
        text = constraint.kind.upper()
        if index.nulls_not_distinct:
            text += " NULLS NOT DISTINCT"
        text += f" ({_columns(relation, constraint.columns)})"
        if index.include:
            text += f" INCLUDE ({_columns(relation, index.include)})"
    if constraint.deferrable:
        text += " DEFERRABLE"
    if constraint.initially_deferred:
        text += " INITIALLY DEFERRED"
    if not constraint.validated:
        text += " NOT VALID"
    return text


def _reference(session: CommandSession, relation: Relation, constraint: Constraint) -> str:
    foreign = constraint.foreign
    assert foreign is not None
    referenced = session.catalog.relation_by_oid(foreign.relation)
    assert referenced is not None
    name = _visible_name(session, referenced)
    text = f"FOREIGN KEY ({_columns(relation, constraint.columns)}) REFERENCES {name}"
    text += f"({_columns(referenced, foreign.columns)})"
    if foreign.match == "full":
        text += " MATCH FULL"
    if foreign.on_update in ACTIONS:
        text += f" ON UPDATE {ACTIONS[foreign.on_update]}"
    if foreign.on_delete in ACTIONS:
        text += f" ON DELETE {ACTIONS[foreign.on_delete]}"
        if foreign.set_columns:
            text += f" ({_columns(relation, foreign.set_columns)})"
    return text


def _visible_name(session: CommandSession, relation: Relation) -> str:
    visible = session.catalog.lookup_relation(None, relation.name, session.search_path)
    seen = visible is not None and visible.oid == relation.oid
    return quote_identifier(relation.name) if seen else qualified(relation)


KEYWORD_CLASSES = {
    "U": "unreserved",
    "C": "unreserved (cannot be function or type name)",
    "T": "reserved (can be function or type name)",
    "R": "reserved",
}


def keyword_rows() -> Iterator[tuple[str, str, bool, str, str]]:
    """Yield the rows of ``pg_get_keywords()``."""
    from heliosdb.sql.keywords import BARE_LABELS, KEYWORDS

    for word, letter in sorted(KEYWORDS.items()):
        bare = word in BARE_LABELS
        yield word, letter, bare, KEYWORD_CLASSES[letter], "can be bare label" if bare else "requires AS"


def is_updatable_view(session: CommandSession, relation: Relation) -> bool:
    """Return whether rows can be written through a view."""
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.write_target import find_target

    name = tree.QualifiedName((relation.schema, relation.name))
    try:
        target = find_target(Binder(session.bind_context()), tree.RangeTable(name), "update")
    except Error:
        return False
    return any(column is not None for column in target.live_columns())


def view_definition(session: CommandSession, relation: Relation, *, pretty: bool = False) -> str | None:
    """Return a view's query, laid out in lines, as ``pg_get_viewdef`` gives it."""
    if relation.query is None:
        return None
    query = parse_one(relation.query, session.registries.grammar)
    assert isinstance(query, tree.Query)
    names = tuple(column.name for column in relation.columns if not column.dropped)
    return laid_out(query, names, pretty=pretty)
