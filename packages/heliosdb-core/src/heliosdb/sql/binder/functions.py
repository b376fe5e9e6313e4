"""Which operator or function a call means (PostgreSQL 15, sections 10.2 and 10.3).

Exact matches are tried first; then every candidate whose arguments can be had by implicit conversion is weighed by
PostgreSQL's rules (func_select_candidate): most exact matches, most preferred types, then guesses about what unknown
literals are. Operator look-ups depend on argument types alone and are remembered in ``Resolutions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from heliosdb.errors import AmbiguousFunction, InternalFailure, UndefinedFunction
from heliosdb.plan.expressions import ArrayConstructor, Call, Expression
from heliosdb.sql.binder.coercion import base_type, can_coerce, coerce, coerce_to_type, is_binary_coercible
from heliosdb.sql.binder.parameter_hints import decide_operands
from heliosdb.sql.binder.polymorphic import element_of, is_polymorphic, resolve_generic_types
from heliosdb.types.definitions import (
    Aggregate,
    CastContext,
    Operator,
    ScalarFunction,
    Volatility,
)

if TYPE_CHECKING:
    from heliosdb.catalog.registries import AnyFunction
    from heliosdb.sql.binder.binder import Binder

__all__ = ["Candidate", "bind_operator", "find_function", "find_operator", "make_call", "select_candidate"]

TOTAL_OPERATORS = frozenset(
    {
        "=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "~~", "!~~", "~~*", "!~~*",
        "~", "!~", "~*", "!~*", "&", "|", "#", "<<", ">>", "@",
    }
)  # fmt: skip
TOTAL_FUNCTIONS = frozenset(
    {"lower", "upper", "length", "char_length", "abs", "round", "floor", "ceil", "now", "trunc"}
)
"""Strict functions of the core that give no NULL for arguments that are not NULL; of others one cannot know."""

NO_OPERATOR = "No operator matches the given name and argument types. You might need to add explicit type casts."
NO_PREFIX_OPERATOR = (
    "No operator matches the given name and argument type. You might need to add an explicit type cast."
)


@frozen
class Candidate:
    """A function or operator with its declared arguments spread to the number that the call has.

    ``defaulted`` is how many trailing arguments come from defaults; ``order`` maps the call's arguments to the
    function's where they were named; ``spread`` where VARIADIC collects arguments.
    """

    target: Any
    arguments: tuple[str, ...]
    defaulted: int = 0
    order: tuple[int, ...] | None = None
    spread: bool = False


# -- operators ---------------------------------------------------------------------------------------------------------


def find_operator(
    binder: Binder, name: str, left: str | None, right: str, schema: str | None = None
) -> tuple[Operator, ScalarFunction] | None:
    """Return the operator for these argument types and its function, or None; 42725 where none is best."""
    key = (name, left, right)
    memory = binder.context.resolutions.operators
    found = memory.get(key)
    if found is not None and (schema is None or found[0].schema == schema):
        return found
    candidates = binder.registries.operators.get(name, ())
    if schema is not None:
        candidates = tuple(candidate for candidate in candidates if candidate.schema == schema)
    operator = _exact_operator(binder, candidates, left, right) or _best_operator(binder, candidates, left, right)
    if operator is None:
        return None
    found = operator, _operator_function(binder, operator)
    if schema is None and operator.schema == "pg_catalog" and _is_registered(binder, left, right):
        memory[key] = found
    return found


def _is_registered(binder: Binder, left: str | None, right: str) -> bool:
    """Return whether both types are the registries' own: those of the catalog may change under their names."""
    return "#" not in right and (left is None or "#" not in left)


def _exact_operator(binder: Binder, candidates: Sequence[Operator], left: str | None, right: str) -> Operator | None:
    pairs = [(left, right)]
    if left == "unknown" and right != "unknown":
        pairs = [(right, right)]
    elif right == "unknown" and left is not None and left != "unknown":
        pairs = [(left, left)]
    bases = tuple(None if name is None else base_type(binder.types, name) for name in pairs[0])
    if bases != pairs[0]:
        pairs.append(bases)  # type: ignore[arg-type]
    for pair in pairs:
        for candidate in candidates:
            if candidate.right == pair[1] and candidate.left == pair[0]:
                return candidate
    return None


def _best_operator(binder: Binder, candidates: Sequence[Operator], left: str | None, right: str) -> Operator | None:
    if left is None:
        sources: tuple[str, ...] = (right,)
        weighed = [Candidate(c, (c.right,)) for c in candidates if c.left is None]
    else:
        sources = (left, right)
        weighed = [Candidate(c, (c.left, c.right)) for c in candidates if c.left is not None]
    best = select_candidate(binder, sources, weighed)
    if best is AMBIGUOUS:
        raise AmbiguousFunction(
            "operator is not unique: {}",  # the caller fills in how it was written
            hint="Could not choose a best candidate operator. You might need to add explicit type casts.",
        )
    return best.target if best is not None else None


def _operator_function(binder: Binder, operator: Operator) -> ScalarFunction:
    wanted = (operator.right,) if operator.left is None else (operator.left, operator.right)
    fallback: ScalarFunction | None = None
    for function in binder.registries.functions.get(operator.function, ()):
        if isinstance(function, ScalarFunction):
            if function.arguments == wanted:
                return function
            if len(function.arguments) == len(wanted) and all(
                is_binary_coercible(binder, have, want) for have, want in zip(wanted, function.arguments)
            ):
                fallback = function
    if fallback is None:
        raise InternalFailure(f"operator {operator.name} has no function {operator.function}({', '.join(wanted)})")
    return fallback


def bind_operator(
    binder: Binder,
    name: str,
    left: Expression | None,
    right: Expression,
    position: int | None = None,
    schema: str | None = None,
) -> Call:
    """Return the call of an operator on bound operands; 42883 when there is none."""
    if binder.parameters.hints:
        left, right = decide_operands(binder, name, left, right, schema)
    left_type = left.type if left is not None else None
    try:
        found = find_operator(binder, name, left_type, right.type, schema)
    except AmbiguousFunction as error:
        raise AmbiguousFunction(
            error.message.format(_signature(binder, name, left_type, right.type)), hint=error.hint, position=position
        ) from None
    if found is None:
        raise UndefinedFunction(
            f"operator does not exist: {_signature(binder, name, left_type, right.type)}",
            hint=NO_PREFIX_OPERATOR if left is None else NO_OPERATOR,
            position=position,
        )
    operator, function = found
    if function.name in ("textanycat", "anytextcat") and left is not None:
        # Their bodies are $1 || $2::text: bound so, the conversion is the argument's own, and as immutable as that is.
        return _text_concatenation(binder, left, right, position)
    if left is None:
        return make_call(binder, function, (right,), (operator.right,), operator.returns, position, name)
    assert operator.left is not None
    declared = (operator.left, operator.right)
    return make_call(binder, function, (left, right), declared, operator.returns, position, name)


def _text_concatenation(binder: Binder, left: Expression, right: Expression, position: int | None) -> Call:
    operands = []
    for operand in (left, right):
        converted = coerce_to_type(binder, operand, "text", -1, CastContext.EXPLICIT, explicit=True)
        operands.append(operand if converted is None else converted)
    return bind_operator(binder, "||", operands[0], operands[1], position)


def _signature(binder: Binder, name: str, left: str | None, right: str) -> str:
    prefix = f"{binder.display(left)} " if left is not None else ""
    return f"{prefix}{name} {binder.display(right)}"


def make_call(
    binder: Binder,
    function: ScalarFunction,
    arguments: tuple[Expression, ...],
    declared: tuple[str, ...],
    returns: str,
    position: int | None,
    operator: str | None = None,
) -> Call:
    """Return the call with its arguments converted and its polymorphic types resolved."""
    sources = tuple(argument.type for argument in arguments)
    if sources == declared:
        concrete = declared
    else:
        if _any_polymorphic(declared) or is_polymorphic(returns):
            concrete, returns = resolve_generic_types(binder, sources, declared, returns, position)
        else:
            concrete = declared
        arguments = tuple(
            argument if argument.type == target else coerce(binder, argument, target)
            for argument, target in zip(arguments, concrete)
        )
    if is_polymorphic(returns):
        concrete, returns = resolve_generic_types(binder, sources, declared, returns, position)
    if function.volatility is Volatility.VOLATILE:
        binder.volatile_calls += 1
    total = operator in TOTAL_OPERATORS if operator is not None else function.name in TOTAL_FUNCTIONS
    nullable = not (function.strict and total and not any(argument.nullable for argument in arguments))
    collation = binder.combined_collation(arguments) if binder.has_collations else None
    return Call(
        type=returns,
        function=function,
        arguments=arguments,
        argument_types=concrete,
        operator=operator,
        nullable=nullable,
        collation=collation,
        position=position,
    )


def _any_polymorphic(declared: tuple[str, ...]) -> bool:
    return any(name.startswith("any") and is_polymorphic(name) for name in declared)


# -- candidates --------------------------------------------------------------------------------------------------------

AMBIGUOUS = Candidate(None, ())
"""What ``select_candidate`` gives where several candidates remain."""


def select_candidate(binder: Binder, sources: Sequence[str], candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the best candidate for argument types, None where none fits, ``AMBIGUOUS`` where none is best."""
    fitting = [
        candidate
        for candidate in candidates
        if len(candidate.arguments) == len(sources)
        and can_coerce(binder, sources, candidate.arguments, CastContext.IMPLICIT)
    ]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    return _weigh(binder, sources, fitting)


def _weigh(binder: Binder, sources: Sequence[str], candidates: list[Candidate]) -> Candidate:
    types = binder.types
    inputs = [base_type(types, source) if source != "unknown" else source for source in sources]
    unknowns = inputs.count("unknown")
    if unknowns < len(inputs):
        candidates = _most(
            candidates,
            lambda candidate: sum(
                source != "unknown" and source == target for source, target in zip(inputs, candidate.arguments)
            ),
        )
        if len(candidates) == 1:
            return candidates[0]
        categories = [_category(binder, source) for source in inputs]
        candidates = _most(
            candidates,
            lambda candidate: sum(
                source != "unknown" and (source == target or _is_preferred(binder, target, category))
                for source, target, category in zip(inputs, candidate.arguments, categories)
            ),
        )
        if len(candidates) == 1:
            return candidates[0]
    if unknowns == 0:
        return _unchanged(binder, inputs, candidates)
    narrowed = _by_category(binder, inputs, candidates)
    if len(narrowed) == 1:
        return narrowed[0]
    known = {source for source in inputs if source != "unknown"}
    if known and len(known) == 1:
        only = known.pop()
        fitting = [
            candidate
            for candidate in narrowed
            if can_coerce(binder, [only] * len(inputs), candidate.arguments, CastContext.IMPLICIT)
        ]
        if len(fitting) == 1:
            return fitting[0]
    return _unchanged(binder, inputs, narrowed)


def _unchanged(binder: Binder, inputs: list[str], candidates: list[Candidate]) -> Candidate:
    """Return the one candidate that takes the arguments as they are, where PostgreSQL finds none best.

    A plugin may have arrays become values of its own type by themselves; arrays stay arrays among themselves.
    """
    fitting = [
        candidate
        for candidate in candidates
        if all(
            source in ("unknown", target) or is_polymorphic(target)
            for source, target in zip(inputs, candidate.arguments)
        )
    ]
    return fitting[0] if len(fitting) == 1 else AMBIGUOUS


def _most(candidates: list[Candidate], score: Any) -> list[Candidate]:
    scores = [score(candidate) for candidate in candidates]
    best = max(scores)
    return [candidate for candidate, points in zip(candidates, scores) if points == best]


def _category(binder: Binder, name: str) -> str:
    if name == "unknown":
        return "X"
    found = binder.types.find(name)
    return found.category if found is not None else "P" if name.startswith("any") else "U"


def _is_preferred(binder: Binder, name: str, category: str | None) -> bool:
    found = binder.types.find(name)
    return found is not None and found.preferred and (category is None or found.category == category)


def _by_category(binder: Binder, inputs: list[str], candidates: list[Candidate]) -> list[Candidate]:
    """Keep the candidates that take, at every unknown argument, the category that they agree on; string wins."""
    chosen: dict[int, tuple[str, bool]] = {}
    for at, source in enumerate(inputs):
        if source != "unknown":
            continue
        categories = [_category(binder, candidate.arguments[at]) for candidate in candidates]
        preferred = [_is_preferred(binder, candidate.arguments[at], None) for candidate in candidates]
        if "S" in categories:
            category = "S"
        elif len(set(categories)) == 1:
            category = categories[0]
        else:
            return candidates
        chosen[at] = (
            category,
            any(is_preferred and own == category for own, is_preferred in zip(categories, preferred)),
        )
    kept = [
        candidate
        for candidate in candidates
        if all(
            _category(binder, candidate.arguments[at]) == category
            and (not has_preferred or _is_preferred(binder, candidate.arguments[at], None))
            for at, (category, has_preferred) in chosen.items()
        )
    ]
    return kept or candidates


# -- functions ---------------------------------------------------------------------------------------------------------


def find_function(
    binder: Binder,
    name: tuple[str, ...],
    sources: Sequence[str],
    argument_names: Sequence[str] = (),
    *,
    variadic: bool = False,
) -> tuple[Candidate | None, bool]:
    """Return the best candidate for a call and whether any function has the name (func_get_detail).

    ``argument_names`` are those of the trailing named arguments; ``variadic`` where VARIADIC was written.
    """
    functions = named_functions(binder, name)
    candidates: list[Candidate] = []
    for function in functions:
        candidate = _as_candidate(function, len(sources), tuple(argument_names), variadic)
        if candidate is not None:
            candidates.append(candidate)
    candidates = _without_shadowed(candidates)
    for candidate in candidates:
        if candidate.arguments == tuple(sources):
            return candidate, True
    return select_candidate(binder, sources, candidates), bool(functions)


def is_open_call(binder: Binder, name: tuple[str, ...], sources: Sequence[str]) -> bool:
    """Return whether more than one function of a name takes arguments of these types, some of them unknown."""
    candidates = [_as_candidate(function, len(sources), (), False) for function in named_functions(binder, name)]
    fitting = [
        candidate
        for candidate in candidates
        if candidate is not None and can_coerce(binder, sources, candidate.arguments, CastContext.IMPLICIT)
    ]
    return len(fitting) > 1


def named_functions(binder: Binder, name: tuple[str, ...]) -> tuple[AnyFunction, ...]:
    """Return every function with a name: those made at run time, then the registered ones."""
    *qualification, plain = name
    session = binder.context.session_functions.get(plain, ())
    registered = binder.registries.functions.get(plain, ())
    if qualification:
        schema = qualification[-1]
        return tuple(function for function in (*session, *registered) if function.schema == schema)
    if not session:
        return registered
    hidden = {function.arguments for function in session}
    return (*session, *(function for function in registered if function.arguments not in hidden))


def _as_candidate(
    function: AnyFunction, count: int, argument_names: tuple[str, ...], variadic: bool
) -> Candidate | None:
    declared = function.arguments
    if isinstance(function, Aggregate) and function.kind != "normal":
        return _ordered_set_candidate(function, count)
    spreads = getattr(function, "variadic", False)
    if variadic:
        return Candidate(function, declared) if spreads and len(declared) == count else None
    defaults = getattr(function, "defaults", ())
    if argument_names:
        return _named_candidate(function, count, argument_names, defaults)
    if len(declared) == count and not spreads:
        return Candidate(function, declared)
    if spreads:
        fixed = declared[:-1]
        if count > len(fixed):
            element = _variadic_element(declared[-1])
            if element is not None:
                return Candidate(function, fixed + (element,) * (count - len(fixed)), spread=True)
        if count == len(fixed) and defaults:
            return Candidate(function, fixed, defaulted=1)
        return None
    if len(declared) - len(defaults) <= count < len(declared):
        return Candidate(function, declared[:count], defaulted=len(declared) - count)
    return None


def _ordered_set_candidate(function: Aggregate, count: int) -> Candidate | None:
    if len(function.arguments) == count:
        return Candidate(function, function.arguments)
    if function.variadic and count >= len(function.arguments):
        last = function.arguments[-1]
        element = _variadic_element(last) or last
        fixed = function.arguments[:-1]
        return Candidate(function, fixed + (element,) * (count - len(fixed)), spread=True)
    return None


def _variadic_element(array: str) -> str | None:
    """Return what one argument of a VARIADIC array may be."""
    return {"anyarray": "anyelement", "anycompatiblearray": "anycompatible", "any": "any"}.get(
        array, array[1:] if array.startswith("_") else None
    )


def _named_candidate(
    function: AnyFunction, count: int, argument_names: tuple[str, ...], defaults: tuple[str, ...]
) -> Candidate | None:
    """Match named notation: the call's arguments in the function's order, with defaults for those not named."""
    own_names = getattr(function, "argument_names", ())
    declared = function.arguments
    positional = count - len(argument_names)
    if len(own_names) != len(declared) or count > len(declared):
        return None
    order = list(range(positional))
    for name in argument_names:
        if name not in own_names:
            return None
        at = own_names.index(name)
        if at in order:
            return None
        order.append(at)
    optional = set(range(len(declared) - len(defaults), len(declared)))
    if any(at not in order and at not in optional for at in range(len(declared))):
        return None
    return Candidate(function, tuple(declared[at] for at in order), defaulted=len(declared) - count, order=tuple(order))


def _without_shadowed(candidates: list[Candidate]) -> list[Candidate]:
    """Drop variadic and defaulted candidates where a plain one has the same argument types."""
    plain = {candidate.arguments for candidate in candidates if not candidate.spread and not candidate.defaulted}
    return [
        candidate
        for candidate in candidates
        if not (candidate.spread or candidate.defaulted) or candidate.arguments not in plain
    ]


def collect_variadic(
    binder: Binder, declared: tuple[str, ...], concrete: tuple[str, ...], arguments: tuple[Expression, ...]
) -> tuple[tuple[str, ...], tuple[Expression, ...]]:
    """Return the types and arguments with the trailing ones collected into the array that VARIADIC declares."""
    fixed = len(declared) - 1
    if declared[-1] == "any":
        return concrete, arguments
    rest = arguments[fixed:]
    array = declared[-1]
    if is_polymorphic(array):
        found = binder.types.array_of(rest[0].type)
        array = found.name if found is not None else array
    return concrete[:fixed] + (array,), arguments[:fixed] + (
        ArrayConstructor(type=array, elements=rest, nested=element_of(binder, rest[0].type) is not None),
    )
