"""``SET a[2] = x``, ``SET a.f = x``, ``SET doc['k'] = x``: the value of the whole column after such an assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.errors import DatatypeMismatch, UndefinedColumn
from heliosdb.plan.expressions import Call, Constant, Expression, FieldSelection, RowConstructor, Subscript
from heliosdb.sql import statements as ast
from heliosdb.sql.binder.coercion import ASSIGNMENT, coerce_to_type
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.polymorphic import element_of

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.sql.binder.scope import Scope

__all__ = ["assigned_path"]

Step = str | ast.ArrayIndex | ast.ArraySlice


def assigned_path(
    binder: Binder,
    current: Expression,
    path: tuple[Step, ...],
    value: Expression,
    column: str,
    scope: Scope,
    position: int | None,
) -> Expression:
    """Return ``current`` with what the path leads to replaced by the value (transformAssignmentIndirection)."""
    if not path:
        return value
    if isinstance(path[0], str):
        return _field(binder, current, path, value, column, scope, position)
    count = next((at for at, step in enumerate(path) if isinstance(step, str)), len(path))
    subscripts = [step for step in path[:count] if not isinstance(step, str)]
    if binder.types.by_name(current.type).name == "jsonb":
        return _member(binder, current, subscripts, value, scope)
    return _element(binder, current, subscripts, path[count:], value, column, scope, position)


def _field(
    binder: Binder,
    current: Expression,
    path: tuple[Step, ...],
    value: Expression,
    column: str,
    scope: Scope,
    position: int | None,
) -> Expression:
    name = path[0]
    assert isinstance(name, str)
    found = binder.types.find(current.type)
    if found is None or found.kind != "composite":
        raise DatatypeMismatch(
            f'cannot assign to field "{name}" of column "{column}" because its type '
            f"{binder.display(current.type)} is not a composite type",
            position=position,
        )
    names = [field for field, _ in found.attributes]
    if name not in names:
        raise UndefinedColumn(
            f'cannot assign to field "{name}" of column "{column}" because there is no such column in data type '
            f"{binder.display(current.type)}",
            position=position,
        )
    fields: list[Expression] = []
    typmods = binder.types.field_typmods(found.name)
    for index, ((field, type_), typmod) in enumerate(zip(found.attributes, typmods)):
        old: Expression = Constant(type=type_, typmod=typmod, value=None)
        if not isinstance(current, Constant):
            old = FieldSelection(type=type_, typmod=typmod, operand=current, index=index)
        if field == name:
            new = assigned_path(binder, old, path[1:], value, name, scope, position)
            old = _stored(binder, new, type_, typmod, f'subfield "{name}"', position)
        fields.append(old)
    return RowConstructor(type=current.type, fields=tuple(fields), names=tuple(names))


def _stored(binder: Binder, value: Expression, type_: str, typmod: int, what: str, position: int | None) -> Expression:
    converted = coerce_to_type(binder, value, type_, typmod, ASSIGNMENT)
    if converted is None:
        verb = "is of type" if what.startswith("subfield") else "requires type"
        raise DatatypeMismatch(
            f"{what} {verb} {binder.display(type_)} but expression is of type {binder.display(value.type)}",
            hint="You will need to rewrite or cast the expression.",
            position=location(value) or position,
        )
    return converted


def _element(
    binder: Binder,
    current: Expression,
    subscripts: list[ast.ArrayIndex | ast.ArraySlice],
    rest: tuple[Step, ...],
    value: Expression,
    column: str,
    scope: Scope,
    position: int | None,
) -> Expression:
    from heliosdb.types.subscript_assignment import ASSIGN_ELEMENT, ASSIGN_SLICE

    element = element_of(binder, current.type)
    if element is None:
        raise DatatypeMismatch(
            f"cannot subscript type {binder.display(current.type)} because it does not support subscripting",
            position=position,
        )
    sliced = any(isinstance(subscript, ast.ArraySlice) for subscript in subscripts)
    arguments: list[Expression] = []
    for subscript in subscripts:
        if not sliced:
            assert isinstance(subscript, ast.ArrayIndex)
            arguments.append(_subscript(binder, subscript.index, scope))
            continue
        lower = subscript.lower if isinstance(subscript, ast.ArraySlice) else None
        upper = subscript.upper if isinstance(subscript, ast.ArraySlice) else subscript.index
        plain = isinstance(subscript, ast.ArrayIndex)
        one = Constant(type="int4", value=1, nullable=False)
        missing = Constant(type="int4", value=None)
        arguments.append(one if plain else _subscript(binder, lower, scope) if lower is not None else missing)
        arguments.append(_subscript(binder, upper, scope) if upper is not None else missing)
        arguments.append(Constant(type="bool", value=plain or lower is not None))
        arguments.append(Constant(type="bool", value=upper is not None))
    what = f'subscripted assignment to "{column}"'
    if sliced:
        new = _stored(binder, value, current.type, current.typmod, what, position)
    else:
        if rest:
            pairs: tuple[tuple[Expression | None, Expression | None], ...] = tuple((at, None) for at in arguments)
            inner = Subscript(type=element, operand=current, subscripts=pairs)
            value = assigned_path(binder, inner, rest, value, column, scope, position)
        new = _stored(binder, value, element, current.typmod, what, position)
    types = (current.type, new.type, *(argument.type for argument in arguments))
    return Call(
        type=current.type,
        typmod=current.typmod,
        function=ASSIGN_SLICE if sliced else ASSIGN_ELEMENT,
        arguments=(current, new, *arguments),
        argument_types=types,
        position=position,
    )


def _subscript(binder: Binder, node: ast.Expression, scope: Scope) -> Expression:
    index = binder.expression(node, scope)
    converted = coerce_to_type(binder, index, "int4", -1, ASSIGNMENT)
    if converted is None:
        raise DatatypeMismatch("array subscript must have type integer", position=location(index))
    return converted


def _member(
    binder: Binder,
    current: Expression,
    subscripts: list[ast.ArrayIndex | ast.ArraySlice],
    value: Expression,
    scope: Scope,
) -> Expression:
    from heliosdb.types.subscript_assignment import ASSIGN_MEMBER

    keys: list[Expression] = []
    for subscript in subscripts:
        if isinstance(subscript, ast.ArraySlice):
            raise DatatypeMismatch("jsonb subscript does not support slices", position=subscript.position or None)
        key = binder.expression(subscript.index, scope)
        if key.type != "int4":
            converted = coerce_to_type(binder, key, "text", -1, ASSIGNMENT)
            if converted is None:
                raise DatatypeMismatch(
                    f"subscript type {binder.display(key.type)} is not supported",
                    hint="jsonb subscript must be coercible to either integer or text.",
                    position=location(key),
                )
            key = converted
        keys.append(key)
    new = _stored(binder, value, "jsonb", -1, "subscripted assignment", None)
    return Call(
        type="jsonb",
        function=ASSIGN_MEMBER,
        arguments=(current, new, *keys),
        argument_types=("jsonb", "jsonb", *(key.type for key in keys)),
    )
