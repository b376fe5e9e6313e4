"""Value expressions: each syntax node to its bound form, with PostgreSQL's typing rules.

``EXPRESSIONS`` maps a node class to its function ``(binder, node, scope) -> Expression``. Calls, subqueries and
literals have modules of their own; what is here are operators, tests, conditionals and constructors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.errors import (
    CannotCoerce,
    CollationMismatch,
    DatatypeMismatch,
    FeatureNotSupported,
    IndeterminateDatatype,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from heliosdb.plan import expressions as bound
from heliosdb.plan.expressions import Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.calls import bind_function_call, bind_sql_value_function
from heliosdb.sql.binder.coercion import (
    EXPLICIT,
    coerce_to_boolean,
    coerce_to_common_type,
    coerce_to_named_type,
    coerce_to_type,
    resolve_unknown,
    select_common_type,
    select_common_typmod,
)
from heliosdb.sql.binder.comparisons import (
    bind_any_all,
    bind_between,
    bind_distinct,
    bind_in_list,
    bind_row_operator,
)
from heliosdb.sql.binder.functions import bind_operator, make_call
from heliosdb.sql.binder.literals import bind_literal, bind_parameter
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.names import bind_column_reference, bind_whole_row
from heliosdb.sql.binder.polymorphic import element_of
from heliosdb.sql.binder.subqueries import (
    bind_array_subquery,
    bind_exists,
    bind_in_subquery,
    bind_scalar_subquery,
)
from heliosdb.sql.binder.type_names import bind_type_name

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope

__all__ = ["EXPRESSIONS", "array_of_type", "call_by_name", "composite_fields"]


def _column(binder: Binder, node: ast.ColumnRef, scope: Scope) -> Expression:
    if node.star:
        if not node.parts:
            raise SqlSyntaxError('row expansion via "*" is not supported here', position=node.position or None)
        return bind_whole_row(node, scope)
    return bind_column_reference(node, scope, binder.context.database)


def _cast(binder: Binder, node: ast.TypeCast, scope: Scope) -> Expression:
    target, typmod = bind_type_name(binder, node.type)
    if isinstance(node.operand, ast.ArrayConstructor):
        element = element_of(binder, target)
        if element is not None:
            operand = array_of_type(binder, node.operand, scope, target, element, typmod)
            if typmod < 0:
                return operand
            return coerce_to_type(binder, operand, target, typmod, EXPLICIT, explicit=True) or operand
    operand = binder.expression(node.operand, scope)
    converted = coerce_to_type(binder, operand, target, typmod, EXPLICIT, explicit=True)
    if converted is None:
        raise CannotCoerce(
            f"cannot cast type {binder.display(operand.type)} to {binder.display(target)}",
            position=node.position or None,
        )
    if node.position and node.position < (converted.position or 0) and not isinstance(converted, bound.Constant):
        # CAST(x AS t) begins at its word, x::t at x.
        converted = evolve(converted, position=node.position)
    return converted


def _operator(binder: Binder, node: ast.Operator, scope: Scope) -> Expression:
    # Chains such as a || b || c ... lean left and may be thousands long: they are unrolled here.
    chain: list[ast.Operator] = []
    current: ast.Expression = node
    while isinstance(current, ast.Operator) and current.left is not None:
        chain.append(current)
        current = current.left
    if not chain:
        schema = node.schema[-1] if node.schema else None
        right = binder.expression(node.right, scope)
        return bind_operator(binder, node.name, None, right, node.position or None, schema)
    innermost = chain[-1]
    if isinstance(innermost.left, ast.RowConstructor) or _is_row_subquery(innermost):
        left = bind_row_operator(binder, innermost, scope)
        chain.pop()
    else:
        left = binder.expression(current, scope)
    for link in reversed(chain):
        right = binder.expression(link.right, scope)
        schema = link.schema[-1] if link.schema else None
        left = bind_operator(binder, link.name, left, right, link.position or None, schema)
    return left


def _is_row_subquery(node: ast.Operator) -> bool:
    return isinstance(node.right, ast.RowConstructor)


def _and(binder: Binder, node: ast.And, scope: Scope) -> Expression:
    arguments = tuple(coerce_to_boolean(binder, binder.expression(item, scope), "AND") for item in node.operands)
    return bound.And(
        arguments=arguments, nullable=any(item.nullable for item in arguments), position=node.position or None
    )


def _or(binder: Binder, node: ast.Or, scope: Scope) -> Expression:
    arguments = tuple(coerce_to_boolean(binder, binder.expression(item, scope), "OR") for item in node.operands)
    return bound.Or(
        arguments=arguments, nullable=any(item.nullable for item in arguments), position=node.position or None
    )


def _not(binder: Binder, node: ast.Not, scope: Scope) -> Expression:
    operand = coerce_to_boolean(binder, binder.expression(node.operand, scope), "NOT")
    return bound.Not(operand=operand, nullable=operand.nullable, position=node.position or None)


def _is_null(binder: Binder, node: ast.IsNull, scope: Scope) -> Expression:
    operand = binder.expression(node.operand, scope)
    found = binder.types.find(operand.type)
    row = operand.type == "record" or (found is not None and found.kind == "composite")
    return bound.IsNull(operand=operand, negated=node.negated, row=row, position=node.position or None)


def _boolean_test(binder: Binder, node: ast.BooleanTest, scope: Scope) -> Expression:
    construct = f"IS {'NOT ' if node.negated else ''}{node.test.upper()}"
    operand = coerce_to_boolean(binder, binder.expression(node.operand, scope), construct)
    value = {"true": True, "false": False, "unknown": None}[node.test]
    return bound.BooleanTest(operand=operand, value=value, negated=node.negated, position=node.position or None)


LIKE_OPERATORS = {
    ("like", False): "~~",
    ("like", True): "!~~",
    ("ilike", False): "~~*",
    ("ilike", True): "!~~*",
    ("similar to", False): "~",
    ("similar to", True): "!~",
}


def _like(binder: Binder, node: ast.Like, scope: Scope) -> Expression:
    operand = binder.expression(node.operand, scope)
    pattern = binder.expression(node.pattern, scope)
    position = node.position or None
    arguments = [pattern]
    if node.escape is not None:
        arguments.append(binder.expression(node.escape, scope))
    if node.kind == "similar to":
        pattern = call_by_name(binder, "similar_to_escape", tuple(arguments), position)
    elif node.escape is not None:
        pattern = call_by_name(binder, "like_escape", tuple(arguments), position)
    return bind_operator(binder, LIKE_OPERATORS[node.kind, node.negated], operand, pattern, position)


def call_by_name(binder: Binder, name: str, arguments: tuple[Expression, ...], position: int | None) -> bound.Call:
    """Return the call of a scalar function of the core on bound arguments."""
    from heliosdb.sql.binder.functions import find_function
    from heliosdb.types.definitions import ScalarFunction

    types = tuple(argument.type for argument in arguments)
    candidate, _ = find_function(binder, ("pg_catalog", name), types)
    if candidate is None or not isinstance(candidate.target, ScalarFunction):
        shown = ", ".join(binder.display(type_) for type_ in types)
        raise UndefinedFunction(f"function pg_catalog.{name}({shown}) does not exist", position=position)
    return make_call(binder, candidate.target, arguments, candidate.arguments, candidate.target.returns, position)


def _refuse_sets(scope: Scope, before: int, construct: str) -> None:
    """Raise 0A000 where a set-returning call was bound inside a construct that may skip it."""
    if len(scope.set_calls) > before:
        raise FeatureNotSupported(
            f"set-returning functions are not allowed in {construct}",
            hint="You might be able to move the set-returning function into a LATERAL FROM item.",
            position=scope.set_calls[before],
        )


def _case(binder: Binder, node: ast.Case, scope: Scope) -> Expression:
    sets = len(scope.set_calls)
    operand: Expression | None = None
    placeholder: Expression | None = None
    if node.operand is not None:
        operand = resolve_unknown(binder, binder.expression(node.operand, scope))
        placeholder = bound.CaseOperand(
            type=operand.type,
            typmod=operand.typmod,
            nullable=operand.nullable,
            collation=operand.collation,
            position=operand.position,
        )
    conditions: list[Expression] = []
    results: list[Expression] = []
    for when in node.whens:
        condition = binder.expression(when.condition, scope)
        if placeholder is not None:
            condition = bind_operator(binder, "=", placeholder, condition, when.position or None)
        conditions.append(coerce_to_boolean(binder, condition, "CASE/WHEN"))
        results.append(binder.expression(when.result, scope))
    default = binder.expression(node.default, scope) if node.default is not None else None
    _refuse_sets(scope, sets, "CASE")
    # PostgreSQL lets ELSE decide first.
    ordered = [default, *results] if default is not None else results
    type_ = select_common_type(binder, ordered, "CASE")
    assert type_ is not None
    results = [coerce_to_common_type(binder, result, type_, "CASE/WHEN") for result in results]
    if default is not None:
        default = coerce_to_common_type(binder, default, type_, "CASE/ELSE")
    outcomes = results if default is None else [*results, default]
    return bound.Case(
        type=type_,
        typmod=-1 if default is None else select_common_typmod(outcomes, type_),
        branches=tuple(zip(conditions, results)),
        default=default,
        operand=operand,
        nullable=default is None or any(outcome.nullable for outcome in outcomes),
        collation=binder.combined_collation(outcomes),
        position=node.position or None,
    )


def _common(
    binder: Binder, nodes: tuple[ast.Expression, ...], scope: Scope, construct: str
) -> tuple[tuple[Expression, ...], str, int]:
    arguments = [binder.expression(node, scope) for node in nodes]
    type_ = select_common_type(binder, arguments, construct)
    assert type_ is not None
    converted = tuple(coerce_to_common_type(binder, argument, type_, construct) for argument in arguments)
    return converted, type_, select_common_typmod(converted, type_)


def _coalesce(binder: Binder, node: ast.Coalesce, scope: Scope) -> Expression:
    sets = len(scope.set_calls)
    arguments, type_, typmod = _common(binder, node.arguments, scope, "COALESCE")
    _refuse_sets(scope, sets, "COALESCE")
    return bound.Coalesce(
        type=type_,
        typmod=typmod,
        arguments=arguments,
        nullable=all(argument.nullable for argument in arguments),
        collation=binder.combined_collation(arguments),
        position=node.position or None,
    )


def _min_max(binder: Binder, node: ast.Greatest | ast.Least, scope: Scope) -> Expression:
    greatest = isinstance(node, ast.Greatest)
    construct = "GREATEST" if greatest else "LEAST"
    arguments, type_, typmod = _common(binder, node.arguments, scope, construct)
    ordering = binder.types.ordering(type_)
    if ordering is None:
        raise UndefinedFunction(
            f"could not identify a comparison function for type {binder.display(type_)}",
            position=node.position or None,
        )
    return bound.MinMax(
        type=type_,
        typmod=typmod,
        arguments=arguments,
        greatest=greatest,
        ordering=ordering,
        nullable=all(argument.nullable for argument in arguments),
        collation=binder.combined_collation(arguments),
        position=node.position or None,
    )


def _null_if(binder: Binder, node: ast.NullIf, scope: Scope) -> Expression:
    left = binder.expression(node.left, scope)
    right = binder.expression(node.right, scope)
    equality = bind_operator(binder, "=", left, right, node.position or None)
    if equality.type != "bool":
        raise DatatypeMismatch("NULLIF requires = operator to yield boolean", position=node.position or None)
    value = equality.arguments[0]
    return bound.NullIf(
        type=value.type,
        typmod=value.typmod,
        value=value,
        equality=equality,
        collation=value.collation,
        position=node.position or None,
    )


def _array(binder: Binder, node: ast.ArrayConstructor, scope: Scope) -> Expression:
    elements = [
        _array(binder, element, scope)
        if isinstance(element, ast.ArrayConstructor)
        else binder.expression(element, scope)
        for element in node.elements
    ]
    position = node.position or None
    if not elements:
        raise IndeterminateDatatype(
            "cannot determine type of empty array",
            hint="Explicitly cast to the desired type, for example ARRAY[]::integer[].",
            position=position,
        )
    type_ = select_common_type(binder, elements, "ARRAY")
    assert type_ is not None
    nested = element_of(binder, type_) is not None
    if nested:
        array = type_
    else:
        found = binder.types.array_of(type_)
        if found is None:
            raise UndefinedObject(f"could not find array type for data type {binder.display(type_)}", position=position)
        array = found.name
    converted = tuple(coerce_to_common_type(binder, element, type_, "ARRAY") for element in elements)
    return bound.ArrayConstructor(
        type=array,
        typmod=select_common_typmod(converted, type_),
        elements=converted,
        nested=nested,
        collation=binder.combined_collation(converted),
        position=position,
    )


def array_of_type(
    binder: Binder, node: ast.ArrayConstructor, scope: Scope, array: str, element: str, typmod: int
) -> Expression:
    """Bind ``ARRAY[...]::type[]``: the elements are converted to the element type one by one."""
    elements: list[Expression] = []
    nested = False
    for item in node.elements:
        if isinstance(item, ast.ArrayConstructor):
            nested = True
            elements.append(array_of_type(binder, item, scope, array, element, typmod))
            continue
        value = binder.expression(item, scope)
        target = array if element_of(binder, value.type) is not None else element
        nested = nested or target == array
        converted = coerce_to_type(binder, value, target, typmod, EXPLICIT, explicit=True)
        if converted is None:
            raise CannotCoerce(
                f"cannot cast type {binder.display(value.type)} to {binder.display(target)}", position=location(value)
            )
        elements.append(converted)
    return bound.ArrayConstructor(type=array, elements=tuple(elements), nested=nested, position=node.position or None)


def _row(binder: Binder, node: ast.RowConstructor, scope: Scope) -> Expression:
    fields: list[Expression] = []
    for element in node.elements:
        if isinstance(element, ast.ColumnRef) and element.star:
            from heliosdb.sql.binder.targets import expand_star

            fields.extend(expression for _, expression in expand_star(binder, element, scope))
        else:
            field = binder.expression(element, scope)
            known = resolve_unknown(binder, field)
            if known is not field and isinstance(field, bound.Constant):
                # A row type that the row is given later may want another type than text.
                binder.undecided_fields[id(known)] = known, field
            fields.append(known)
    names = tuple(f"f{number}" for number in range(1, len(fields) + 1))
    return bound.RowConstructor(type="record", fields=tuple(fields), names=names, position=node.position or None)


def _subscript(binder: Binder, node: ast.Subscript, scope: Scope) -> Expression:
    operand = binder.expression(node.operand, scope)
    position = node.position or None
    found = binder.types.find(operand.type)
    if found is not None and found.name == "jsonb":
        return _jsonb_subscript(binder, operand, node, scope)
    element = element_of(binder, operand.type)
    if element is None:
        raise DatatypeMismatch(
            f"cannot subscript type {binder.display(operand.type)} because it does not support subscripting",
            position=location(operand) or position,
        )
    is_slice = any(isinstance(subscript, ast.ArraySlice) for subscript in node.subscripts)
    subscripts: list[tuple[Expression | None, Expression | None]] = []
    for subscript in node.subscripts:
        if isinstance(subscript, ast.ArraySlice):
            subscripts.append(
                (_array_bound(binder, subscript.lower, scope), _array_bound(binder, subscript.upper, scope))
            )
        elif is_slice:
            # A plain index among slices means from 1 to it.
            one = bound.Constant(type="int4", value=1, nullable=False)
            subscripts.append((one, _array_bound(binder, subscript.index, scope)))
        else:
            subscripts.append((_array_bound(binder, subscript.index, scope), None))
    return bound.Subscript(
        type=operand.type if is_slice else element,
        typmod=operand.typmod,
        operand=operand,
        subscripts=tuple(subscripts),
        slice=is_slice,
        collation=operand.collation,
        position=position,
    )


def _array_bound(binder: Binder, node: ast.Expression | None, scope: Scope) -> Expression | None:
    if node is None:
        return None
    index = binder.expression(node, scope)
    converted = coerce_to_type(binder, index, "int4", -1, bound_context())
    if converted is None:
        raise DatatypeMismatch("array subscript must have type integer", position=location(index))
    return converted


def bound_context() -> Any:
    """Return the context of array subscripts: assignment, as PostgreSQL has it."""
    from heliosdb.types.definitions import CastContext

    return CastContext.ASSIGNMENT


def _jsonb_subscript(binder: Binder, operand: Expression, node: ast.Subscript, scope: Scope) -> Expression:
    subscripts: list[tuple[Expression | None, Expression | None]] = []
    for subscript in node.subscripts:
        if isinstance(subscript, ast.ArraySlice):
            raise DatatypeMismatch("jsonb subscript does not support slices", position=node.position or None)
        key = binder.expression(subscript.index, scope)
        if key.type not in ("int4", "text"):
            key = coerce_to_named_type(binder, key, "text" if key.type == "unknown" else "int4", "jsonb subscript")
        subscripts.append((key, None))
    return bound.Subscript(type="jsonb", operand=operand, subscripts=tuple(subscripts), position=node.position or None)


def composite_fields(binder: Binder, expression: Expression) -> list[tuple[str, Expression]] | None:
    """Return (name, expression) for the fields of a composite value, or None where it is none or not known."""
    if isinstance(expression, bound.RowConstructor):
        return list(zip(expression.names, expression.fields))
    row = binder.row_of(expression)
    if row is not None:
        return [
            (
                name,
                bound.FieldSelection(
                    type=field.type,
                    typmod=field.typmod,
                    collation=field.collation,
                    operand=expression,
                    index=index,
                    position=expression.position,
                ),
            )
            for index, (name, field) in enumerate(zip(row.names, row.fields))
        ]
    found = binder.types.find(expression.type)
    if found is None or found.kind != "composite":
        return None
    return [
        (
            name,
            bound.FieldSelection(
                type=type_, typmod=typmod, operand=expression, index=index, position=expression.position
            ),
        )
        for index, ((name, type_), typmod) in enumerate(zip(found.attributes, binder.types.field_typmods(found.name)))
    ]


def _field(binder: Binder, node: ast.FieldSelection, scope: Scope) -> Expression:
    operand = binder.expression(node.operand, scope)
    position = node.position or None
    fields = composite_fields(binder, operand)
    if fields is None:
        if operand.type == "record":
            raise UndefinedColumn(f'could not identify column "{node.name}" in record data type', position=position)
        raise WrongObjectType(
            f"column notation .{node.name} applied to type {binder.display(operand.type)}, "
            "which is not a composite type",
            position=position,
        )
    for name, field in fields:
        if name == node.name:
            return field
    if isinstance(node.operand, ast.ColumnRef) and len(node.operand.parts) == 1:
        if isinstance(operand, bound.RowConstructor | bound.Case):
            raise UndefinedColumn(f"column {node.operand.parts[0]}.{node.name} does not exist", position=position)
    if operand.type == "record":
        raise UndefinedColumn(f'could not identify column "{node.name}" in record data type', position=position)
    raise UndefinedColumn(
        f'column "{node.name}" not found in data type {binder.display(operand.type)}', position=position
    )


def _collate(binder: Binder, node: ast.Collate, scope: Scope) -> Expression:
    operand = binder.expression(node.operand, scope)
    operand = resolve_unknown(binder, operand)
    name = node.collation.name
    position = node.position or None
    if not binder.is_collatable(operand.type):
        raise DatatypeMismatch(
            f"collations are not supported by type {binder.display(operand.type)}", position=position
        )
    if name not in binder.registries.collations:
        raise UndefinedObject(f'collation "{node.collation}" for encoding "UTF8" does not exist', position=position)
    binder.has_collations = True
    if operand.collation not in (None, name) and isinstance(operand, bound.Call):
        raise CollationMismatch(
            f'collation mismatch between explicit collations "{operand.collation}" and "{name}"', position=position
        )
    return evolve(operand, collation=name)


def _default(binder: Binder, node: ast.Default, scope: Scope) -> Expression:
    raise SqlSyntaxError("DEFAULT is not allowed in this context", position=node.position or None)


def _named_argument(binder: Binder, node: ast.NamedArgument, scope: Scope) -> Expression:
    return binder.expression(node.value, scope)


def _grouping(binder: Binder, node: ast.GroupingFunction, scope: Scope) -> Expression:
    from heliosdb.sql.binder.aggregates import bind_grouping_function

    return bind_grouping_function(binder, node, scope)


def _field_star(binder: Binder, node: ast.FieldStar, scope: Scope) -> Expression:
    raise FeatureNotSupported('row expansion via "*" is not supported here', position=node.position or None)


def _current_of(binder: Binder, node: ast.CurrentOf, scope: Scope) -> Expression:
    from heliosdb.sql.binder.current_of import bind_current_of

    return bind_current_of(binder, node, scope)


EXPRESSIONS: dict[type, Callable[..., Expression]] = {
    ast.ColumnRef: _column,
    ast.Literal: bind_literal,
    ast.Parameter: bind_parameter,
    ast.Operator: _operator,
    ast.And: _and,
    ast.Or: _or,
    ast.Not: _not,
    ast.IsNull: _is_null,
    ast.BooleanTest: _boolean_test,
    ast.IsDistinctFrom: bind_distinct,
    ast.Between: bind_between,
    ast.InList: bind_in_list,
    ast.InSubquery: bind_in_subquery,
    ast.Like: _like,
    ast.AnyAll: bind_any_all,
    ast.Exists: bind_exists,
    ast.ScalarSubquery: bind_scalar_subquery,
    ast.ArraySubquery: bind_array_subquery,
    ast.ArrayConstructor: _array,
    ast.RowConstructor: _row,
    ast.Case: _case,
    ast.Coalesce: _coalesce,
    ast.NullIf: _null_if,
    ast.Greatest: _min_max,
    ast.Least: _min_max,
    ast.TypeCast: _cast,
    ast.FunctionCall: bind_function_call,
    ast.SqlValueFunction: bind_sql_value_function,
    ast.Subscript: _subscript,
    ast.FieldSelection: _field,
    ast.FieldStar: _field_star,
    ast.Collate: _collate,
    ast.Default: _default,
    ast.NamedArgument: _named_argument,
    ast.GroupingFunction: _grouping,
    ast.CurrentOf: _current_of,
}
