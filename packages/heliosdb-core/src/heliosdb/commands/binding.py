"""Expressions and types of commands: from the syntax tree to bound and compiled forms, with the rules of each place.

Where the catalog keeps an expression it may not contain subqueries, aggregates, window functions or set-returning
functions, nor in some places columns or anything that is not immutable. The words of the refusals are PostgreSQL's
(parse_expr.c, parse_agg.c, parse_func.c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import ColumnDefinition
from heliosdb.commands.trees import replaced, walk
from heliosdb.errors import (
    DatatypeMismatch,
    Error,
    FeatureNotSupported,
    GroupingError,
    InvalidObjectDefinition,
    WindowingError,
)
from heliosdb.plan.expressions import Call, Column, Constant, Convert, Expression
from heliosdb.plan.nodes import OutputColumn
from heliosdb.sql import statements as tree
from heliosdb.sql.binder.binder import Binder
from heliosdb.sql.binder.scope import RangeItem, Scope
from heliosdb.sql.binder.type_names import bind_type_name
from heliosdb.sql.deparse import expression_text, quote_name
from heliosdb.types.definitions import Aggregate, TableFunction, Volatility, WindowFunction
from heliosdb.types.identifiers import parse_identifiers

if TYPE_CHECKING:
    from heliosdb.commands.context import CommandSession

__all__ = [
    "SOURCE",
    "bind_assignment",
    "bind_condition",
    "bind_expression",
    "check_constants",
    "check_contents",
    "compile_row",
    "is_immutable",
    "output_columns",
    "parse_expression",
    "row_item",
    "row_reader",
    "spelled_type",
    "type_of",
]

SOURCE = 1
"""The source number of the relation's row in expressions that stand alone."""

SEQUENCE_FUNCTIONS = frozenset({"currval", "nextval", "setval"})
TEXT_CONCATENATION = frozenset({"textanycat", "anytextcat"})
SETTING_DEPENDENT = frozenset({"date", "timestamp", "timestamptz", "record"})
"""Types whose text form depends on settings or on what is inside."""

SUBQUERIES = (
    tree.Query,
    tree.InSubquery,
    tree.Exists,
    tree.ScalarSubquery,
    tree.ArraySubquery,
)


def type_of(session: CommandSession, written: tree.TypeName) -> tuple[str, int]:
    """Return the internal name and typmod of a written type."""
    return bind_type_name(Binder(session.bind_context()), written)


def spelled_type(session: CommandSession, name: str, typmod: int = -1) -> str:
    """Return how SQL spells a type."""
    return session.registries.types.format(name, typmod)


def output_columns(relation_columns: Sequence[ColumnDefinition]) -> tuple[OutputColumn, ...]:
    """Return columns of a relation as a source has them."""
    return tuple(
        OutputColumn(
            name=column.name,
            type=column.type,
            typmod=column.typmod,
            nullable=not column.not_null,
            collation=column.collation,
        )
        for column in relation_columns
    )


def row_item(binder: Binder, columns: Sequence[ColumnDefinition], name: str) -> RangeItem:
    """Return the range item of a relation's row (source ``SOURCE``) with these columns."""
    slots = [column.number - 1 for column in columns]
    return RangeItem(name, SOURCE, output_columns(columns), slots=slots, forms=binder.forms(columns))


def row_reader(session: CommandSession, columns: Sequence[ColumnDefinition]) -> Callable[[tuple[Any, ...]], Any]:
    """Return the function that gives the values of columns of a stored row."""
    item = row_item(Binder(session.bind_context()), columns, "")
    return compile_row(session, [item.column(number) for number in range(len(columns))])


def parse_expression(session: CommandSession, text: str) -> tree.Expression:
    """Return the tree of an expression that the catalog keeps."""
    from heliosdb.sql.parser import parse_expression as parse

    return parse(text, session.registries.grammar)


def stored_text(session: CommandSession, expression: tree.Expression) -> str:
    """Return the text that the catalog keeps of an expression: relations named as values are qualified for ever."""

    def canonical(node: tree.Node) -> tree.Node:
        if isinstance(node, tree.FunctionCall) and node.name[-1] in SEQUENCE_FUNCTIONS and node.arguments:
            first = node.arguments[0]
            if isinstance(first, tree.Literal) and first.kind == "string":
                return evolve(node, arguments=(_qualified(session, first), *node.arguments[1:]))
        if isinstance(node, tree.TypeCast) and node.type.names[-1] == "regclass" and not node.type.dimensions:
            if isinstance(node.operand, tree.Literal) and node.operand.kind == "string":
                return _qualified(session, node.operand)
        if isinstance(node, tree.TypeName) and len(node.names) == 1 and not node.percent_type:
            found = session.catalog.lookup_type(None, node.names[0], session.search_path)
            if (
                found is not None
                and session.registries.types.definition(type_of(session, node)[0].lstrip("_")) is found
            ):
                return evolve(node, names=(found.schema, found.name))
        return node

    return expression_text(replaced(expression, canonical))


def _qualified(session: CommandSession, literal: tree.Literal) -> tree.Expression:
    regclass = tree.TypeName(("regclass",))
    parts = parse_identifiers(literal.value)
    found = session.catalog.lookup_relation(parts[-2] if len(parts) > 1 else None, parts[-1], session.search_path)
    if found is None:
        return tree.TypeCast(literal, regclass)
    return tree.TypeCast(tree.Literal("string", quote_name((found.schema, found.name))), regclass)


def check_contents(session: CommandSession, expression: tree.Expression, place: str, group: str) -> None:
    """Refuse what may not stand in a stored expression.

    ``place`` is what a subquery is refused with (``"check constraint"``), ``group`` what functions are (``"check
    constraints"``).
    """
    for node in walk(expression):
        position = node.position or None
        if isinstance(node, SUBQUERIES):
            raise FeatureNotSupported(f"cannot use subquery in {place}", position=position)
        if isinstance(node, tree.Default):
            raise FeatureNotSupported("DEFAULT is not allowed in this context", position=position)
        if not isinstance(node, tree.FunctionCall):
            continue
        if node.over is not None:
            raise WindowingError(f"window functions are not allowed in {group}", position=position)
        kinds = session.registries.functions.get(node.name[-1], ())
        if kinds and all(isinstance(function, Aggregate) for function in kinds):
            raise GroupingError(f"aggregate functions are not allowed in {group}", position=position)
        if kinds and all(isinstance(function, WindowFunction) for function in kinds):
            raise WindowingError(f"window functions are not allowed in {group}", position=position)
        if kinds and all(isinstance(function, TableFunction) for function in kinds):
            raise FeatureNotSupported(f"set-returning functions are not allowed in {group}", position=position)


def bind_expression(
    session: CommandSession,
    expression: tree.Expression,
    columns: Sequence[ColumnDefinition] = (),
    name: str = "",
    clause: str = "SELECT",
) -> Expression:
    """Bind an expression on a relation's row (source ``SOURCE``); no columns: on nothing. ``clause`` names the
    place."""
    binder = Binder(session.bind_context())
    scope = Scope()
    if columns:
        live = [column for column in columns if not column.dropped]
        scope.items.append(row_item(binder, live, name))
    with binder.other_text():
        return binder.expression_in(clause, expression, scope)


def bind_condition(
    session: CommandSession, expression: tree.Expression, columns: Sequence[ColumnDefinition], name: str, construct: str
) -> Expression:
    """Bind a condition; ``construct`` is what the error calls it (``CHECK``, ``WHERE``)."""
    bound = bind_expression(session, expression, columns, name)
    if bound.type == "bool":
        return bound
    if isinstance(bound, Constant) and (bound.value is None or bound.type == "unknown"):
        return coerced(session, bound, "bool", -1)
    raise DatatypeMismatch(
        f"argument of {construct} must be type boolean, not type {spelled_type(session, bound.type)}",
        position=expression.position or None,
    )


def coerced(session: CommandSession, bound: Expression, type_name: str, typmod: int) -> Expression:
    """Return the expression assigned to a type; DatatypeMismatch where there is no assignment cast."""
    binder = Binder(session.bind_context())
    with binder.other_text():
        return binder.assigned(bound, type_name, typmod, "")


def bind_assignment(
    session: CommandSession,
    expression: tree.Expression,
    column: ColumnDefinition,
    columns: Sequence[ColumnDefinition] = (),
    what: str = "default",
    relation: str = "",
) -> Expression:
    """Bind an expression whose value is stored in a column."""
    bound = bind_expression(session, expression, columns, relation)
    try:
        return coerced(session, bound, column.type, column.typmod)
    except DatatypeMismatch:
        found = spelled_type(session, bound.type)
        wanted = spelled_type(session, column.type)
        raise DatatypeMismatch(
            f'column "{column.name}" is of type {wanted} but {what} expression is of type {found}',
            hint="You will need to rewrite or cast the expression.",
        ) from None


def refuse_columns(expression: tree.Expression, place: str = "DEFAULT expression") -> None:
    """Refuse column references where there is no row."""
    for node in walk(expression):
        if isinstance(node, tree.ColumnRef):
            raise FeatureNotSupported(f"cannot use column reference in {place}", position=node.position or None)


def is_immutable(bound: Expression) -> bool:
    """Return whether the expression gives equal results for equal rows, for ever."""
    from heliosdb.plan.rewrite import walk as walk_bound

    for node in walk_bound(bound):
        if isinstance(node, Call) and node.function.volatility is not Volatility.IMMUTABLE:
            if node.function.name in TEXT_CONCATENATION and _is_written_alike(node):
                continue
            return False
        if isinstance(node, Convert) and node.via_text and "#" in node.type + node.operand.type:
            # What the text of a type is that SQL made, SQL may change.
            return False
        if isinstance(node, Convert) and node.cast is not None and node.cast.volatility is not Volatility.IMMUTABLE:
            return False
    return True


def _is_written_alike(node: Call) -> bool:
    """Return whether the text of a concatenation's operands depends on no setting, as PostgreSQL sees by inlining."""
    return not any(argument.type in SETTING_DEPENDENT or argument.type.startswith("_") for argument in node.arguments)


def check_constants(session: CommandSession, bound: Expression) -> None:
    """Read the constants whose types leave that to the execution, so that a malformed one is an error now."""
    from heliosdb.plan.rewrite import walk as walk_bound

    for node in walk_bound(bound):
        if isinstance(node, Convert) and node.via_text and isinstance(node.operand, Constant):
            compile_row(session, [node])(())


def is_volatile(bound: Expression) -> bool:
    """Return whether two evaluations in one statement may differ."""
    from heliosdb.plan.rewrite import walk as walk_bound

    return any(isinstance(node, Call) and node.function.volatility is Volatility.VOLATILE for node in walk_bound(bound))


def columns_used(bound: Expression) -> set[int]:
    """Return the attribute numbers that a bound expression uses; -1 (attribute 0) is the whole row."""
    from heliosdb.plan.rewrite import walk as walk_bound

    return {node.index + 1 for node in walk_bound(bound) if isinstance(node, Column) and node.source == SOURCE}


def compile_row(
    session: CommandSession, expressions: Sequence[Expression]
) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return the function that computes bound expressions of a row."""
    from heliosdb.codegen import compile_row_function

    return compile_row_function(expressions, SOURCE, session.registries, session)


def not_immutable(what: str) -> Error:
    """Return the error for an index expression, predicate or generated column that is not immutable."""
    if what == "generation expression":
        return InvalidObjectDefinition("generation expression is not immutable")
    return InvalidObjectDefinition(f"functions in {what} must be marked IMMUTABLE")
