"""Evaluating SQL/JSON paths over jsonb trees.

Each step turns an item into a sequence of items, lazily, so that a test for existence stops at the first. In *lax*
mode arrays are unwrapped where a step wants their elements, a single item counts as an array of one, and what is
missing is simply not there; in *strict* mode each of these is an error. Predicates have three values: an error in an
operand makes them unknown (None). PostgreSQL 15, section 9.16.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from attrs import evolve, field, frozen

from heliosdb import errors
from heliosdb.types.float import float8_input
from heliosdb.types.jsonb_tree import (
    JSON_FALSE,
    JSON_NULL,
    JSON_TRUE,
    Json,
    JsonArray,
    JsonBoolean,
    JsonNull,
    JsonObject,
    kind_of,
    make_number,
    make_object,
)
from heliosdb.types.jsonpath_datetime import DatetimeItem, compare_datetimes, datetime_of
from heliosdb.types.jsonpath_parse import JsonPath, PathNode, compile_like_regex, is_predicate
from heliosdb.types.numeric import numeric_add, numeric_div, numeric_mod, numeric_mul, numeric_sub

__all__ = ["evaluate"]

_ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": numeric_add,
    "-": numeric_sub,
    "*": numeric_mul,
    "/": numeric_div,
    "%": numeric_mod,
}


@frozen
class _Scope:
    """Where evaluation stands: the document, variables, the filter's item, the array of the subscript."""

    root: Json
    variables: dict[str, Any] | None
    """None where the caller cannot give any: all of them are null then."""
    strict: bool
    current: Any = None
    array_size: int = -1
    identities: dict[int, int] = field(factory=dict)
    """The numbers that ``keyvalue()`` gave to objects."""
    session: Any = None
    forgiving: bool = False
    """Below ``**`` structural errors do not count, in strict mode either."""

    @property
    def complains(self) -> bool:
        """Whether structural errors are errors."""
        return self.strict and not self.forgiving


def evaluate(path: JsonPath, document: Json, variables: Json | None, session: Any = None) -> Iterator[Json]:
    """Yield the items of a path applied to a document; ``session`` is that whose time zone may be used, None: none."""
    if variables is not None and not isinstance(variables, JsonObject):
        raise errors.InvalidParameterValue(
            '"vars" argument is not an object',
            detail='Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
        )
    scope = _Scope(document, None if variables is None else variables.members, path.strict, document, session=session)
    return map(_leaving, _items(path.root, scope))


def _leaving(item: Any) -> Json:
    """Return an item as jsonb: dates and times are strings there."""
    found: Json = item.as_text() if isinstance(item, DatetimeItem) else item
    return found


def _items(node: PathNode, scope: _Scope) -> Iterator[Json]:
    """Yield the items of an expression with its steps."""
    yield from _following(_source(node, scope), node.following, scope)


def _following(items: Iterator[Json], steps: Sequence[PathNode], scope: _Scope) -> Iterator[Json]:
    if not steps:
        yield from items
        return
    for item in items:
        yield from _steps(item, steps, scope, unwrap=not scope.strict)


def _steps(item: Json, steps: Sequence[PathNode], scope: _Scope, *, unwrap: bool) -> Iterator[Json]:
    """Apply steps to one item; ``unwrap``: an array stands for its elements where the first step wants no array."""
    if not steps:
        yield item
        return
    step, rest = steps[0], steps[1:]
    if step.kind == "**":
        yield from _descend(item, step, rest, scope)
        return
    for found in _step(item, step, scope, unwrap=unwrap):
        yield from _steps(found, rest, scope, unwrap=not scope.strict)


def _source(node: PathNode, scope: _Scope) -> Iterator[Json]:
    kind = node.kind
    if is_predicate(PathNode(kind)):
        outcome = _test(node, scope)
        yield JSON_NULL if outcome is None else JSON_TRUE if outcome else JSON_FALSE
    elif kind in _ARITHMETIC:
        yield _calculated(node, scope)
    elif kind.startswith("unary "):
        yield from _signed(node, scope)
    else:
        yield _primary(node, scope)


def _primary(node: PathNode, scope: _Scope) -> Json:
    kind = node.kind
    if kind == "$":
        return scope.root
    if kind == "@":
        current: Json = scope.current
        return current
    if kind == "last":
        return Decimal(scope.array_size - 1)
    if kind == "variable":
        if scope.variables is None:
            return JSON_NULL
        if node.value not in scope.variables:
            raise errors.UndefinedObject(f'could not find jsonpath variable "{node.value}"')
        variable: Json = scope.variables[node.value]
        return variable
    if kind in ("true", "false"):
        return JSON_TRUE if kind == "true" else JSON_FALSE
    value: Json = JSON_NULL if kind == "null" else node.value
    return value


# -- steps ---------------------------------------------------------------------------------------------------------


def _step(item: Json, step: PathNode, scope: _Scope, *, unwrap: bool) -> Iterator[Json]:
    kind = step.kind
    if kind == "[*]":
        if isinstance(item, JsonArray):
            yield from item
        elif not scope.strict:
            yield item
        elif scope.complains:
            raise errors.SqlJsonArrayNotFound("jsonpath wildcard array accessor can only be applied to an array")
    elif kind == "[]":
        yield from _subscripted(item, step, scope)
    elif isinstance(item, JsonArray) and unwrap and not (kind == "method" and step.value in ("type", "size")):
        for element in item:
            yield from _step(element, step, scope, unwrap=False)
    elif kind == "datetime":
        made: Any = datetime_of(item, step.value)
        yield made
    elif kind == "key":
        yield from _member(item, step.value, scope)
    elif kind == ".*":
        if isinstance(item, JsonObject):
            yield from item.members.values()
        elif scope.complains:
            raise errors.SqlJsonObjectNotFound("jsonpath wildcard member accessor can only be applied to an object")
    elif kind == "filter":
        condition = step.arguments[0]
        assert condition is not None
        if _test(condition, evolve(scope, current=item)):
            yield item
    else:
        yield from _method(item, step.value, scope)


def _member(item: Json, key: str, scope: _Scope) -> Iterator[Json]:
    if isinstance(item, JsonObject):
        if key in item.members:
            yield item.members[key]
        elif scope.complains:
            raise errors.SqlJsonMemberNotFound(f'JSON object does not contain key "{key}"')
    elif scope.complains:
        raise errors.SqlJsonMemberNotFound("jsonpath member accessor can only be applied to an object")


def _subscripted(item: Json, step: PathNode, scope: _Scope) -> Iterator[Json]:
    if isinstance(item, JsonArray):
        elements: Sequence[Json] = item
    elif not scope.strict:
        elements = (item,)
    elif scope.complains:
        raise errors.SqlJsonArrayNotFound("jsonpath array accessor can only be applied to an array")
    else:
        return
    size = len(elements)
    inner = evolve(scope, array_size=size)
    for low, high in zip(step.arguments[::2], step.arguments[1::2], strict=True):
        assert low is not None
        first = _index(low, inner)
        last = first if high is None else _index(high, inner)
        if scope.complains and (first < 0 or first > last or last >= size):
            raise errors.InvalidSqlJsonSubscript("jsonpath array subscript is out of bounds")
        yield from elements[max(first, 0) : last + 1 if last >= 0 else 0]


def _index(node: PathNode, scope: _Scope) -> int:
    found = list(_items(node, scope))
    if len(found) != 1 or not isinstance(found[0], Decimal):
        raise errors.InvalidSqlJsonSubscript("jsonpath array subscript is not a single numeric value")
    index = int(found[0])
    if not -(2**31) <= index < 2**31:
        raise errors.InvalidSqlJsonSubscript("jsonpath array subscript is out of integer range")
    return index


def _descend(item: Json, step: PathNode, rest: Sequence[PathNode], scope: _Scope) -> Iterator[Json]:
    first, last = step.value
    forgiving = evolve(scope, forgiving=True)
    if first == 0:
        yield from _steps(item, rest, forgiving, unwrap=not scope.strict)
    if last != 0:
        yield from _below(item, 1, first, last, rest, forgiving)


def _below(
    item: Json, level: int, first: int | None, last: int | None, rest: Sequence[PathNode], scope: _Scope
) -> Iterator[Json]:
    if isinstance(item, JsonObject):
        children: Sequence[Json] = tuple(item.members.values())
    elif isinstance(item, JsonArray):
        children = item
    else:
        return
    for child in children:
        is_leaf = not isinstance(child, JsonObject | JsonArray)
        wanted = is_leaf if first is None else level >= first
        if wanted:
            yield from _steps(child, rest, scope, unwrap=not scope.strict)
        if not is_leaf and (last is None or level < last):
            yield from _below(child, level + 1, first, last, rest, scope)


def _method(item: Json, name: str, scope: _Scope) -> Iterator[Json]:
    if name == "type":
        moment: Any = item
        yield moment.type_name if isinstance(moment, DatetimeItem) else kind_of(item)
    elif name == "size":
        if isinstance(item, JsonArray):
            yield Decimal(len(item))
        elif not scope.strict:
            yield Decimal(1)
        elif scope.complains:
            raise errors.SqlJsonArrayNotFound("jsonpath item method .size() can only be applied to an array")
    elif name == "keyvalue":
        if not isinstance(item, JsonObject):
            raise errors.SqlJsonObjectNotFound("jsonpath item method .keyvalue() can only be applied to an object")
        # The document itself is 0; another object gets the next number when it is first met.
        number = 0 if item is scope.root else scope.identities.setdefault(id(item), len(scope.identities) + 1)
        for key, value in item.members.items():
            yield make_object({"key": key, "value": value, "id": Decimal(number)})
    elif name == "double":
        yield _double(item)
    else:
        if not isinstance(item, Decimal):
            raise errors.NonNumericSqlJsonItem(f"jsonpath item method .{name}() can only be applied to a numeric value")
        if name == "abs":
            yield item.copy_abs()
        else:
            rounded = item.to_integral_value(ROUND_FLOOR if name == "floor" else ROUND_CEILING)
            yield rounded if rounded else rounded.copy_abs()


def _double(item: Json) -> Decimal:
    if not isinstance(item, str | Decimal):
        raise errors.NonNumericSqlJsonItem(
            "jsonpath item method .double() can only be applied to a string or numeric value"
        )
    what = "string" if isinstance(item, str) else "numeric"
    try:
        number = float8_input(item if isinstance(item, str) else format(item, "f"), -1)
    except errors.DataError:
        raise errors.NonNumericSqlJsonItem(
            f"{what} argument of jsonpath item method .double() "
            "is not a valid representation of a double precision number"
        ) from None
    if number - number != 0:
        raise errors.NonNumericSqlJsonItem("NaN or Infinity is not allowed for jsonpath item method .double()")
    return item if isinstance(item, Decimal) else make_number(repr(number).removesuffix(".0"))


# -- arithmetic ----------------------------------------------------------------------------------------------------


def _unwrapped(node: PathNode, scope: _Scope) -> Iterator[Json]:
    """Yield the items of an operand; in lax mode arrays give their elements."""
    for item in _items(node, scope):
        if isinstance(item, JsonArray) and not scope.strict:
            yield from item
        else:
            yield item


def _calculated(node: PathNode, scope: _Scope) -> Decimal:
    operands: list[Decimal] = []
    sequences = [list(_unwrapped(argument, scope)) for argument in node.arguments if argument is not None]
    for side, found in zip(("left", "right"), sequences, strict=True):
        if len(found) != 1 or not isinstance(found[0], Decimal):
            raise errors.SingletonSqlJsonItemRequired(
                f"{side} operand of jsonpath operator {node.kind} is not a single numeric value"
            )
        operands.append(found[0])
    return _ARITHMETIC[node.kind](*operands)


def _signed(node: PathNode, scope: _Scope) -> Iterator[Json]:
    argument = node.arguments[0]
    assert argument is not None
    for item in _unwrapped(argument, scope):
        if not isinstance(item, Decimal):
            raise errors.SqlJsonNumberNotFound(
                f"operand of unary jsonpath operator {node.kind[-1]} is not a numeric value"
            )
        yield item if node.kind.endswith("+") or not item else item.copy_negate()


# -- predicates ----------------------------------------------------------------------------------------------------


def _test(node: PathNode, scope: _Scope) -> bool | None:
    """Return whether a predicate holds; None: unknown."""
    kind = node.kind
    first = node.arguments[0]
    assert first is not None
    if kind in ("&&", "||"):
        second = node.arguments[1]
        assert second is not None
        return _connected(kind, first, second, scope)
    if kind == "!":
        outcome = _test(first, scope)
        return None if outcome is None else not outcome
    if kind == "is unknown":
        return _test(first, scope) is None
    if kind == "exists":
        return _exists(first, scope)
    if kind == "like_regex":
        return _like(first, node.value, scope)
    second = node.arguments[1]
    assert second is not None
    if kind == "starts with":
        return _compared(first, second, scope, _starts_with, unwrap_right=False)
    return _compared(first, second, scope, lambda left, right: _compare(kind, left, right, scope), unwrap_right=True)


def _connected(kind: str, first: PathNode, second: PathNode, scope: _Scope) -> bool | None:
    left = _test(first, scope)
    decisive = kind == "||"
    if left is decisive:
        return decisive
    right = _test(second, scope)
    if right is decisive:
        return decisive
    return None if left is None or right is None else not decisive


def _exists(node: PathNode, scope: _Scope) -> bool | None:
    try:
        items = _items(node, scope)
        if scope.strict:
            return bool(list(items))
        return next(items, None) is not None
    except errors.DataError:
        return None


def _like(node: PathNode, value: tuple[str, str], scope: _Scope) -> bool | None:
    regex = compile_like_regex(*value)

    def matches(item: Json) -> bool | None:
        return regex.search(item) is not None if isinstance(item, str) else None

    try:
        items = list(_unwrapped(node, scope))
    except errors.DataError:
        return None
    return _any([(item,) for item in items], scope, matches)


def _compared(
    first: PathNode,
    second: PathNode,
    scope: _Scope,
    test: Callable[[Any, Any], bool | None],
    *,
    unwrap_right: bool,
) -> bool | None:
    try:
        left = list(_unwrapped(first, scope))
        right = list(_unwrapped(second, scope) if unwrap_right else _items(second, scope))
    except errors.DataError:
        return None
    return _any([(one, other) for one in left for other in right], scope, test)


def _any(pairs: Sequence[tuple[Any, ...]], scope: _Scope, test: Callable[..., bool | None]) -> bool | None:
    """Return whether one combination passes; in strict mode one that cannot be tested spoils all."""
    unknown = found = False
    for pair in pairs:
        outcome = test(*pair)
        if outcome is None:
            if scope.strict:
                return None
            unknown = True
        elif outcome:
            if not scope.strict:
                return True
            found = True
    return True if found else None if unknown else False


def _starts_with(text: Json, initial: Json) -> bool | None:
    if not isinstance(text, str) or not isinstance(initial, str):
        return None
    return text.startswith(initial)


def _compare(operator: str, left: Json, right: Json, scope: _Scope) -> bool | None:
    if type(left) is not type(right):
        # Null differs from everything; other kinds do not compare.
        return operator == "!=" if isinstance(left, JsonNull) or isinstance(right, JsonNull) else None
    if isinstance(left, JsonObject | JsonArray):
        return None
    moments: tuple[Any, Any] = (left, right)
    if isinstance(left, JsonNull):
        order = 0
    elif isinstance(moments[0], DatetimeItem):
        found = compare_datetimes(*moments, scope.session)
        if found is None:
            return None
        order = found
    else:
        first: Any = left.value if isinstance(left, JsonBoolean) else left
        second: Any = right.value if isinstance(right, JsonBoolean) else right
        order = (first > second) - (first < second)
    return {
        "==": order == 0,
        "!=": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[operator]
