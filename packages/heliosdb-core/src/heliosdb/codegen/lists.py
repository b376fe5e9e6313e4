"""Expressions over many values: IN lists, arrays, rows, GROUPING."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.codegen import runtime
from heliosdb.codegen.atoms import is_null
from heliosdb.codegen.free_columns import is_constant, outer_columns
from heliosdb.plan import expressions as ex
from heliosdb.plan.rewrite import contains
from heliosdb.types.array import flatten
from heliosdb.types.composite import as_element, record_class
from heliosdb.types.definitions import OperatorClass, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.codegen.expressions import Expressions
    from heliosdb.codegen.source import Function


def in_list(emitter: Expressions, node: ex.InList) -> str:
    """``x IN (a, b, ...)``: a set where the values can be hashed, else the equalities one by one."""
    if node.hashable:
        text = _hashed_list(emitter, node)
        if text is not None:
            return text
    connective: ex.Expression = ex.Or(arguments=node.equalities) if len(node.equalities) > 1 else node.equalities[0]
    return emitter.value(ex.Not(operand=connective) if node.negated else connective)


def _hashed_list(emitter: Expressions, node: ex.InList) -> str | None:
    """Membership in a set that is built once a statement; NULL in the list makes a miss unknown."""
    equality = node.equalities[0]
    if not isinstance(equality, ex.Call):
        return None
    ordering = emitter.registries.types.ordering(equality.argument_types[0])
    if ordering is None:
        return None
    left = equality.arguments[0]
    items = [e.arguments[1] for e in node.equalities if isinstance(e, ex.Call)]
    if len(items) != len(node.equalities):
        return None
    has_null = any(isinstance(item, ex.Constant) and item.value is None and item.slot is None for item in items)
    name = emitter.source.fresh("l")
    keys = [emitter.hashed(item, ordering) for item in items]
    nullable = has_null or any(item.nullable for item in items)
    if all(isinstance(item, ex.Constant) and item.slot is None for item in items):
        emitter.head.append(f"{name} = {emitter.bind(_constant_set(items, ordering), 'l')}")
    else:
        emitter.head.append(f"{name} = {{{', '.join(keys)}}}")
    hit, miss = ("False", "True") if node.negated else ("True", "False")
    key = emitter.hashed(left, ordering)
    if not left.nullable and not nullable:
        return f"({key} {'not ' if node.negated else ''}in {name})"
    temporary = emitter.temporary()
    unknown = f"None if None in {name} else {miss}" if nullable else miss
    return f"(None if ({temporary} := {key}) is None else {hit} if {temporary} in {name} else {unknown})"


def _constant_set(items: list[ex.Expression], ordering: OperatorClass) -> frozenset[Any]:
    values = [item.value for item in items if isinstance(item, ex.Constant)]
    if ordering.identity or ordering.hash_key is None:
        return frozenset(values)
    key = resolve_implementation(ordering.hash_key)
    return frozenset(None if value is None else key(value) for value in values)


def any_all(emitter: Expressions, node: ex.AnyAll) -> str:
    """``x op ANY | ALL (array)``."""
    hashed = _hashed_elements(emitter, node)
    if hashed is not None:
        return hashed
    element = emitter.source.fresh("v")
    array_set, array = emitter.atom(node.array)
    with emitter.elements(lambda index: element):
        comparison = emitter.define(
            "c", [node.comparison], lambda f: f.line(f"return {emitter.value(node.comparison)}")
        )
    function = emitter.bind(runtime.all_elements if node.all else runtime.any_element, "f")
    # Walrus targets of an enclosing lambda would be lost, so the comparison is a function of its own.
    return f"(None if {is_null(array_set)} else {function}(lambda {element}: {comparison}, {array}))"


def _hashed_elements(emitter: Expressions, node: ex.AnyAll) -> str | None:
    """``x = ANY (array)`` or ``x <> ALL (array)`` by a set, where the array is the same for all rows."""
    comparison = node.comparison
    if not isinstance(comparison, ex.Call) or comparison.operator != ("<>" if node.all else "="):
        return None
    first, second = comparison.argument_types[:2]
    ordering = emitter.registries.types.ordering(first)
    if ordering is None or (first != second and not {first, second} <= {"int2", "int4", "int8"}):
        return None
    left, right = comparison.arguments
    if contains(left, ex.Element) or not contains(right, ex.Element) or any(outer_columns(right)):
        return None
    if not is_constant(node.array):
        return None

    def write(function: Function) -> None:
        function.line(f"a = {emitter.value(node.array)}")
        function.line("if a is None: return None")
        with emitter.elements(lambda index: "v"):
            key = emitter.hashed(right, ordering)
        function.line(f"return {{{key} for v in {emitter.bind(flatten, 'f')}(a)}}")

    keys = emitter.once("x", write)
    function = emitter.bind(runtime.is_no_element if node.all else runtime.is_element, "f")
    return f"{function}({keys}, {emitter.hashed(left, ordering)})"


def array_constructor(emitter: Expressions, node: ex.ArrayConstructor) -> str:
    """``ARRAY[...]``."""
    texts = [emitter.value(element) for element in node.elements]
    if not node.nested and _holds_rows(emitter, node):
        # In an array a plain tuple is a further dimension.
        wrap = emitter.bind(as_element, "f")
        texts = [f"{wrap}({text})" for text in texts]
    values = "".join(f"{text}, " for text in texts)
    if node.nested:
        return f"{emitter.bind(runtime.nested_array, 'f')}(({values}))"
    return f"({values})"


def _holds_rows(emitter: Expressions, node: ex.ArrayConstructor) -> bool:
    element = emitter.registries.types.by_name(node.type).element
    return element is not None and (
        element == "record" or emitter.registries.types.by_name(element).kind == "composite"
    )


def row_constructor(emitter: Expressions, node: ex.RowConstructor) -> str:
    """``ROW(...)``."""
    fields = f"({''.join(f'{emitter.value(item)}, ' for item in node.fields)})"
    shape = ex.row_shape(node)
    if shape is None or node.type != "record":
        return fields
    return f"{emitter.bind(record_class(shape, emitter.registries.types), 'f')}({fields})"


def row_comparison(emitter: Expressions, node: ex.RowComparison) -> str:
    """``(a, b) op (c, d)``."""
    if node.operator in ("=", "<>"):
        conjunction: ex.Expression = ex.And(arguments=node.equal) if len(node.equal) > 1 else node.equal[0]
        return emitter.value(conjunction if node.operator == "=" else ex.Not(operand=conjunction))
    # Decided by the first pair that is not equal; a NULL before that makes it unknown.
    last = "True" if node.operator in ("<=", ">=") else "False"
    text = last
    for equal, less in reversed(list(zip(node.equal, node.less, strict=True))):
        outcome = emitter.temporary()
        text = (
            f"(({text}) if ({outcome} := {emitter.value(equal)}) is True "
            f"else None if {outcome} is None else {emitter.value(less)})"
        )
    return text


def subscript(emitter: Expressions, node: ex.Subscript) -> str:
    """``array[i]``, ``array[a:b]``, ``document['key']``."""
    function: Callable[..., Any] = runtime.slice_array if node.slice else runtime.subscript_array
    if node.operand.type == "jsonb":
        function = runtime.subscript_jsonb
    bounds = ", ".join(
        f"({'...' if low is None else emitter.value(low)}, {'...' if high is None else emitter.value(high)})"
        for low, high in node.subscripts
    )
    return f"{emitter.bind(function, 'f')}({emitter.value(node.operand)}, ({bounds},))"


def field_selection(emitter: Expressions, node: ex.FieldSelection) -> str:
    """``(row).field``."""
    evaluated, name = emitter.atom(node.operand)
    return f"(None if {is_null(evaluated)} else {name}[{node.index}])"


def grouping(emitter: Expressions, node: ex.Grouping) -> str:
    """``GROUPING(...)``: the bits of the groups that the row's grouping set leaves out."""
    mask = emitter.bindings[node.source](-3)
    bits = " | ".join(
        f"(0 if {group} in {mask} else {1 << (len(node.groups) - 1 - position)})"
        for position, group in enumerate(node.groups)
    )
    return f"({bits or '0'})"
