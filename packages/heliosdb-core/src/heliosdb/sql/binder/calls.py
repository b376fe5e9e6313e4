"""Function calls: which kind of function a name means, and what may stand around the parentheses.

A call may be a scalar function, a cast written as a function (``date('2020-01-01')``), an aggregate, a window
function or a set-returning function. Aggregates and window calls come out as nodes inside the expression;
``aggregates.py`` and ``windows.py`` move them to plan nodes when the whole query is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from heliosdb.errors import (
    AmbiguousFunction,
    DatatypeMismatch,
    FeatureNotSupported,
    SqlSyntaxError,
    UndefinedFunction,
    WrongObjectType,
)
from heliosdb.plan import expressions as bound
from heliosdb.plan.expressions import Expression
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import (
    EXPLICIT,
    PathwayKind,
    coerce,
    coerce_to_boolean,
    coerce_to_type,
    find_pathway,
    resolve_unknown,
)
from heliosdb.sql.binder.functions import (
    AMBIGUOUS,
    Candidate,
    collect_variadic,
    find_function,
    is_open_call,
    make_call,
)
from heliosdb.sql.binder.parameter_hints import decided, hinted_type
from heliosdb.sql.binder.polymorphic import element_of, is_polymorphic, resolve_generic_types
from heliosdb.sql.binder.type_names import warn_of_precision
from heliosdb.types.definitions import (
    Aggregate,
    ScalarFunction,
    TableFunction,
    Volatility,
    WindowFunction,
    resolve_implementation,
)
from heliosdb.types.variadic import over_array

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope

__all__ = ["bind_function_call", "bind_sql_value_function", "bind_table_call", "resolved_arguments"]

SET_RETURNING_CLAUSES = frozenset({"SELECT", "ORDER BY", "GROUP BY", "DISTINCT ON", "functions in FROM", "INSERT"})

FUNCTION_HINT = "No function matches the given name and argument types. You might need to add explicit type casts."


def bind_function_call(binder: Binder, node: ast.FunctionCall, scope: Scope) -> Expression:
    """Bind a call in a value expression."""
    position = node.position or None
    shown = ".".join(node.name)
    names, arguments = _arguments(binder, node, scope)
    if node.within_group:
        from heliosdb.sql.binder.aggregates import within_group_arguments

        arguments = arguments + within_group_arguments(binder, node, scope)
    condition = None
    if node.filter is not None:
        condition = coerce_to_boolean(binder, binder.expression_in("FILTER", node.filter, scope), "FILTER")
    if binder.parameters.hints and not names:
        arguments = _decided(binder, node.name, arguments)
    types = tuple(argument.type for argument in arguments)
    candidate, exists = find_function(binder, node.name, types, names, variadic=node.variadic)
    if candidate is None or candidate is AMBIGUOUS or candidate.arguments != types:
        cast = _as_cast(binder, node, arguments, names)
        if cast is not None:
            return cast
    if candidate is AMBIGUOUS:
        raise AmbiguousFunction(
            f"function {_signature(binder, shown, names, types)} is not unique",
            hint="Could not choose a best candidate function. You might need to add explicit type casts.",
            position=position,
        )
    if candidate is None:
        raise _undefined(binder, node, shown, names, types, exists)
    target = candidate.target
    if isinstance(target, Aggregate):
        from heliosdb.sql.binder.aggregates import bind_aggregate_call

        return bind_aggregate_call(binder, node, candidate, arguments, condition, scope)
    if isinstance(target, WindowFunction):
        from heliosdb.sql.binder.windows import bind_window_function

        return bind_window_function(binder, node, candidate, arguments, scope)
    _refuse_aggregate_syntax(node, shown)
    if isinstance(target, TableFunction):
        return _set_returning(binder, node, candidate, arguments, scope)
    return scalar_call(binder, candidate, arguments, position)


def _decided(binder: Binder, name: tuple[str, ...], arguments: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Return the arguments with parameters as the values say, where the context leaves several functions."""
    types = tuple(argument.type for argument in arguments)
    hinted = tuple(hinted_type(binder, argument) for argument in arguments)
    if hinted == types:
        return arguments
    candidate, _ = find_function(binder, name, hinted)
    if candidate is None or candidate is AMBIGUOUS:
        return arguments
    if not any(map(is_polymorphic, candidate.arguments)) and not is_open_call(binder, name, types):
        return arguments
    return tuple(decided(binder, argument) for argument in arguments)


def _arguments(binder: Binder, node: ast.FunctionCall, scope: Scope) -> tuple[tuple[str, ...], tuple[Expression, ...]]:
    names: list[str] = []
    arguments: list[Expression] = []
    for argument in node.arguments:
        if isinstance(argument, ast.NamedArgument):
            if argument.name in names:
                raise SqlSyntaxError(
                    f'argument name "{argument.name}" used more than once', position=argument.position or None
                )
            names.append(argument.name)
            arguments.append(binder.expression(argument.value, scope))
        elif names:
            raise SqlSyntaxError("positional argument cannot follow named argument", position=argument.position or None)
        else:
            arguments.append(binder.expression(argument, scope))
    return tuple(names), tuple(arguments)


def _signature(binder: Binder, shown: str, names: tuple[str, ...], types: tuple[str, ...]) -> str:
    positional = len(types) - len(names)
    parts = [binder.display(type_) for type_ in types[:positional]]
    parts += [f"{name} => {binder.display(type_)}" for name, type_ in zip(names, types[positional:])]
    return f"{shown}({', '.join(parts)})"


def _undefined(
    binder: Binder,
    node: ast.FunctionCall,
    shown: str,
    names: tuple[str, ...],
    types: tuple[str, ...],
    exists: bool,
) -> UndefinedFunction:
    position = node.position or None
    known_schemas = {"pg_catalog", "information_schema", *binder.context.catalog.schemas()}
    if len(node.name) > 1 and node.name[-2] not in known_schemas:
        raise binder.undefined_schema(node.name[-2], position)
    if node.star and exists:
        return UndefinedFunction(f"function {shown}() does not exist", hint=FUNCTION_HINT, position=position)
    if len(node.order_by) > 1 and not node.within_group:
        return UndefinedFunction(
            f"function {_signature(binder, shown, names, types)} does not exist",
            hint=(
                "No aggregate function matches the given name and argument types. "
                "Perhaps you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the aggregate."
            ),
            position=position,
        )
    return UndefinedFunction(
        f"function {_signature(binder, shown, names, types)} does not exist", hint=FUNCTION_HINT, position=position
    )


def _as_cast(
    binder: Binder, node: ast.FunctionCall, arguments: tuple[Expression, ...], names: tuple[str, ...]
) -> Expression | None:
    """Return the cast that ``type(value)`` means, or None where the name is no type or the call is none."""
    if len(arguments) != 1 or names or node.star or node.distinct or node.over or node.filter or node.order_by:
        return None
    found = binder.types.resolve(node.name)
    if found is None or found.kind == "pseudo" or found.name == "unknown":
        return None
    argument = arguments[0]
    if argument.type != "unknown":
        pathway = find_pathway(binder, argument.type, found.name, EXPLICIT)
        if pathway is None or pathway.kind is PathwayKind.ELEMENTS:
            return None
        if argument.type == "record":
            return None
    converted = coerce_to_type(binder, argument, found.name, -1, EXPLICIT, explicit=True)
    return None if converted is None else evolve(converted, position=node.position or None)


def _refuse_aggregate_syntax(node: ast.FunctionCall, shown: str) -> None:
    position = node.position or None
    if node.star:
        raise WrongObjectType(f"{shown}(*) specified, but {shown} is not an aggregate function", position=position)
    if node.distinct:
        raise WrongObjectType(f"DISTINCT specified, but {shown} is not an aggregate function", position=position)
    if node.within_group:
        raise WrongObjectType(f"WITHIN GROUP specified, but {shown} is not an aggregate function", position=position)
    if node.order_by:
        raise WrongObjectType(f"ORDER BY specified, but {shown} is not an aggregate function", position=position)
    if node.filter is not None:
        raise WrongObjectType(f"FILTER specified, but {shown} is not an aggregate function", position=position)
    if node.over is not None:
        raise WrongObjectType(
            f"OVER specified, but {shown} is not a window function nor an aggregate function", position=position
        )


def resolved_arguments(
    binder: Binder, candidate: Candidate, arguments: tuple[Expression, ...], position: int | None
) -> tuple[tuple[Expression, ...], tuple[str, ...], str]:
    """Return the arguments converted and completed by defaults, their types, and the call's result type."""
    target = candidate.target
    sources = tuple(argument.type for argument in arguments)
    declared = candidate.arguments
    concrete, returns = resolve_generic_types(binder, sources, declared, target.returns, position)
    converted = tuple(
        argument if argument.type == wanted else _converted(binder, argument, wanted)
        for argument, wanted in zip(arguments, concrete)
    )
    # What a function of "any" computes depends on the type that came.
    concrete = tuple(argument.type if wanted == "any" else wanted for argument, wanted in zip(converted, concrete))
    if candidate.order is not None or candidate.defaulted:
        converted, concrete = _completed(binder, candidate, converted, concrete)
    if candidate.spread:
        concrete, converted = collect_variadic(binder, target.arguments, concrete, converted)
    return converted, concrete, returns


def _converted(binder: Binder, argument: Expression, wanted: str) -> Expression:
    if wanted == "any" and argument.type == "unknown":
        # PostgreSQL passes unknown on; no function here wants to see that, text is what it prints as.
        if isinstance(argument, bound.Constant) and argument.value is None:
            return argument
        if isinstance(argument, bound.Parameter) and binder.parameters.hint(argument.number) is None:
            return argument
        return resolve_unknown(binder, argument)
    return coerce(binder, argument, wanted)


def _completed(
    binder: Binder, candidate: Candidate, arguments: tuple[Expression, ...], concrete: tuple[str, ...]
) -> tuple[tuple[Expression, ...], tuple[str, ...]]:
    """Bring named arguments into order and fill in the defaults."""
    target = candidate.target
    declared = target.arguments
    order = candidate.order or tuple(range(len(arguments)))
    slots: list[Expression | None] = [None] * len(declared)
    types = list(declared)
    for at, argument, type_ in zip(order, arguments, concrete):
        slots[at] = argument
        types[at] = type_
    first_default = len(declared) - len(target.defaults)
    for at, argument_or_none in enumerate(slots):
        if argument_or_none is not None:
            continue
        if getattr(target, "variadic", False) and at == len(declared) - 1 and not target.defaults:
            found = binder.types.find(declared[at])
            array = declared[at] if found is not None and not is_polymorphic(declared[at]) else "_text"
            slots[at] = bound.ArrayConstructor(type=array, elements=())
            continue
        slots[at] = _default(binder, target.defaults[at - first_default], declared[at])
    return tuple(slot for slot in slots if slot is not None), tuple(types)


def _default(binder: Binder, text: str, type_: str) -> Expression:
    from heliosdb.sql.binder.constraints import parse_text_expression
    from heliosdb.sql.binder.scope import Scope

    with binder.other_text():
        expression = binder.expression(parse_text_expression(binder, text), Scope())
        return coerce(binder, expression, type_) if not is_polymorphic(type_) else expression


def scalar_call(
    binder: Binder, candidate: Candidate, arguments: tuple[Expression, ...], position: int | None
) -> Expression:
    """Return the call of a scalar function."""
    function = candidate.target
    assert isinstance(function, ScalarFunction)
    if not candidate.spread and not candidate.defaulted and candidate.order is None:
        if "any" not in candidate.arguments:
            made = make_call(binder, function, arguments, candidate.arguments, function.returns, position)
            return made if function.by_literal is None else _by_literal(binder, made)
    if function.name == "pg_typeof" and isinstance(arguments[0], bound.Constant) and arguments[0].type == "unknown":
        # The only function that sees that a literal has no type.
        unknown = binder.types.by_name("unknown").oid
        return bound.Constant(type="regtype", value=unknown, nullable=False, position=position)
    converted, concrete, returns = resolved_arguments(binder, candidate, arguments, position)
    if function.volatility is Volatility.VOLATILE:
        binder.volatile_calls += 1
    if function.variadic and function.arguments[-1] == "any" and not candidate.spread:
        # VARIADIC was written: the one array stands for any number of arguments.
        function = over_array(function)
    return bound.Call(
        type=returns,
        function=function,
        arguments=converted,
        argument_types=concrete,
        collation=binder.combined_collation(converted) if binder.has_collations else None,
        position=position,
    )


def _by_literal(binder: Binder, call: bound.Call) -> bound.Call:
    """Return the call that one with this literal at its end stands for; the plan then holds for this literal only."""
    *others, last = call.arguments
    by_literal = call.function.by_literal
    if by_literal is None or not isinstance(last, bound.Constant) or last.value is None:
        return call
    binder.pin(last.slot)
    name = resolve_implementation(by_literal)(last.value)
    if name is None:
        return call
    types = call.argument_types[:-1]
    for function in binder.registries.functions.get(name, ()):
        if isinstance(function, ScalarFunction) and function.arguments == types and function.returns == call.type:
            if function.schema == call.function.schema:
                return evolve(call, function=function, arguments=tuple(others), argument_types=types)
    raise UndefinedFunction(
        f"function {_signature(binder, name, (), types)}, which {call.function.name} stands for, does not exist"
    )


def call_function(
    binder: Binder, name: tuple[str, ...], arguments: tuple[Expression, ...], position: int | None
) -> Expression:
    """Return the call of a scalar function on bound arguments; 42883 when there is none that takes them."""
    types = tuple(argument.type for argument in arguments)
    candidate, _ = find_function(binder, name, types)
    if candidate is None or candidate is AMBIGUOUS or not isinstance(candidate.target, ScalarFunction):
        raise UndefinedFunction(
            f"function {_signature(binder, '.'.join(name), (), types)} does not exist",
            hint=FUNCTION_HINT,
            position=position,
        )
    return scalar_call(binder, candidate, arguments, position)


def _set_returning(
    binder: Binder, node: ast.FunctionCall, candidate: Candidate, arguments: tuple[Expression, ...], scope: Scope
) -> Expression:
    position = node.position or None
    if scope.clause not in SET_RETURNING_CLAUSES:
        raise FeatureNotSupported(f"set-returning functions are not allowed in {scope.clause}", position=position)
    scope.has_set_returning = True
    scope.set_calls.append(position)
    return bind_table_call(binder, candidate, arguments, position)


def bind_table_call(
    binder: Binder, candidate: Candidate, arguments: tuple[Expression, ...], position: int | None
) -> bound.SetReturningCall:
    """Return the call of a set-returning function."""
    function = candidate.target
    assert isinstance(function, TableFunction)
    converted, concrete, returns = resolved_arguments(binder, candidate, arguments, position)
    if function.volatility is Volatility.VOLATILE:
        binder.volatile_calls += 1
    columns = tuple((name, _column_type(binder, type_, candidate, arguments)) for name, type_ in function.columns)
    return bound.SetReturningCall(
        type=returns,
        function=function,
        arguments=converted,
        argument_types=concrete,
        columns=columns,
        position=position,
    )


def _column_type(binder: Binder, type_: str, candidate: Candidate, arguments: tuple[Expression, ...]) -> str:
    if not is_polymorphic(type_):
        return type_
    sources = tuple(argument.type for argument in arguments)
    return resolve_generic_types(binder, sources, candidate.arguments, type_)[1]


# -- functions without parentheses -----------------------------------------------------------------------------------

CLOCK_TYPES = {
    "current_timestamp": "timestamptz",
    "current_date": "date",
    "current_time": "timetz",
    "localtime": "time",
    "localtimestamp": "timestamp",
}
NAME_FUNCTIONS = {
    "current_user": "current_user",
    "current_role": "current_user",
    "user": "current_user",
    "session_user": "session_user",
    "current_catalog": "current_database",
    "current_schema": "current_schema",
}


def bind_sql_value_function(binder: Binder, node: ast.SqlValueFunction, scope: Scope) -> Expression:
    """Bind ``CURRENT_DATE`` and kin: conversions of ``now()``, and functions about the session."""
    from heliosdb.sql.binder.expressions import call_by_name

    position = node.position or None
    type_ = CLOCK_TYPES.get(node.name)
    if type_ is None:
        return call_by_name(binder, NAME_FUNCTIONS[node.name], (), position)
    moment: Expression = call_by_name(binder, "now", (), position)
    typmod = -1 if node.precision is None else min(node.precision, 6)
    if node.precision is not None:
        warn_of_precision(binder, type_, node.precision)
    converted = coerce_to_type(binder, moment, type_, typmod, EXPLICIT, explicit=True)
    if converted is None:
        raise DatatypeMismatch(f"cannot cast type timestamp with time zone to {binder.display(type_)}")
    return evolve(converted, position=position, nullable=False)


def is_array(binder: Binder, type_: str) -> bool:
    """Return whether a type is an array type."""
    return element_of(binder, type_) is not None
