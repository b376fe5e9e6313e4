"""Functions and operators of arrays: order, containment, building, searching, shape, conversion to text.

Where elements are compared, the element type's default operator class says what is equal; searching functions treat
NULL as a value that equals NULL, containment treats it as equal to nothing (PostgreSQL 15, section 9.19).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from heliosdb import errors
from heliosdb.types.array import (
    Array,
    build_array,
    check_dimension_count,
    check_size,
    construct_nested,
    dimensions,
    flatten,
    lower_bounds,
    with_bounds,
)
from heliosdb.types.comparison import comparison_operators
from heliosdb.types.composite import as_element
from heliosdb.types.definitions import (
    Aggregate,
    CallTypes,
    Operator,
    ScalarFunction,
    SessionContext,
    TableFunction,
    Volatility,
    resolve_implementation,
)

__all__ = ["AGGREGATES", "FUNCTIONS", "OPERATORS", "TABLE_FUNCTIONS", "element_key"]

Key = Callable[[Any], Any]


def _identity(datum: Any) -> Any:
    return datum


def element_key(element: str, call: CallTypes, what: str = "an equality operator") -> Key:
    """Return the function whose results are equal where elements are; 42883 for a type without equality."""
    ordering = call.types.ordering(element)
    if ordering is None:
        display = call.types.by_name(element).display
        raise errors.UndefinedFunction(f"could not identify {what} for type {display}")
    if ordering.identity:
        return _identity
    key = ordering.hash_key or ordering.sort_key
    return _identity if key is None else resolve_implementation(key)


def _array_element(call: CallTypes, position: int = 0) -> str:
    element = call.types.by_name(call.arguments[position]).element
    if element is None:
        raise errors.UndefinedFunction(f"type {call.arguments[position]} is not an array")
    return element


# -- order ---------------------------------------------------------------------------------------------------------


def _comparison(name: str) -> Callable[[CallTypes], Callable[[Array, Array], bool]]:
    def specialize(call: CallTypes) -> Callable[[Array, Array], bool]:
        ordering = call.types.ordering(call.arguments[0])
        if ordering is None or ordering.sort_key is None:
            what = "an equality operator" if name in ("array_eq", "array_ne") else "a comparison function"
            display = call.types.by_name(_array_element(call)).display
            raise errors.UndefinedFunction(f"could not identify {what} for type {display}")
        sort_key = resolve_implementation(ordering.sort_key)
        hash_key = resolve_implementation(ordering.hash_key or ordering.sort_key)

        def equal(left: Array, right: Array) -> bool:
            return hash_key(left) == hash_key(right) and lower_bounds(left) == lower_bounds(right)

        tests: dict[str, Callable[[Array, Array], bool]] = {
            "array_eq": equal,
            "array_ne": lambda left, right: not equal(left, right),
            "array_lt": lambda left, right: bool(sort_key(left) < sort_key(right)),
            "array_le": lambda left, right: bool(sort_key(left) <= sort_key(right)),
            "array_gt": lambda left, right: bool(sort_key(left) > sort_key(right)),
            "array_ge": lambda left, right: bool(sort_key(left) >= sort_key(right)),
        }
        return tests[name]

    return specialize


# -- containment ---------------------------------------------------------------------------------------------------


def _contains(container: Array, contained: Array, key: Key) -> bool:
    wanted = list(flatten(contained))
    if not wanted:
        return True
    if None in wanted:
        return False
    have = {key(item) for item in flatten(container) if item is not None}
    return all(key(item) in have for item in wanted)


def array_contains(call: CallTypes) -> Callable[[Array, Array], bool]:
    """Make ``@>``: does every element of the second occur in the first?"""
    key = element_key(_array_element(call), call)
    return lambda left, right: _contains(left, right, key)


def array_contained(call: CallTypes) -> Callable[[Array, Array], bool]:
    """Make ``<@``: does every element of the first occur in the second?"""
    key = element_key(_array_element(call), call)
    return lambda left, right: _contains(right, left, key)


def array_overlap(call: CallTypes) -> Callable[[Array, Array], bool]:
    """Make ``&&``: have the two an element in common?"""
    key = element_key(_array_element(call), call)

    def overlap(left: Array, right: Array) -> bool:
        have = {key(item) for item in flatten(left) if item is not None}
        return any(key(item) in have for item in flatten(right) if item is not None)

    return overlap


# -- building ------------------------------------------------------------------------------------------------------


def _one_dimensional(array: Array) -> None:
    if len(dimensions(array)) > 1:
        raise errors.DataException("argument must be empty or one-dimensional array")


def array_append(array: Array | None, element: Any) -> Array:
    """Add an element at the end; NULL counts as empty."""
    if not array:
        return (element,)
    _one_dimensional(array)
    return with_bounds((*array, element), lower_bounds(array))


def array_prepend(element: Any, array: Array | None) -> Array:
    """Add an element at the beginning; the lower bound stays."""
    if not array:
        return (element,)
    _one_dimensional(array)
    return with_bounds((element, *array), lower_bounds(array))


def array_cat(left: Array | None, right: Array | None) -> Array | None:
    """Concatenate arrays of as many dimensions, or an array and one of its elements' dimensions."""
    if left is None or right is None:
        return right if left is None else left
    if not left or not right:
        # The empty array gives way to the other, whatever the other's dimensions.
        return left or right
    sizes, other = dimensions(left), dimensions(right)
    lower, other_lower = lower_bounds(left), lower_bounds(right)
    if len(sizes) == len(other):
        if sizes[1:] != other[1:] or lower[1:] != other_lower[1:]:
            raise _incompatible("Arrays with differing element dimensions are not compatible for concatenation.")
        parts: Array = (*left, *right)
    elif len(sizes) == len(other) + 1:
        if sizes[1:] != other or lower[1:] != other_lower:
            raise _incompatible("Arrays with differing dimensions are not compatible for concatenation.")
        parts = (*left, tuple(right))
    elif len(sizes) + 1 == len(other):
        if sizes != other[1:] or lower != other_lower[1:]:
            raise _incompatible("Arrays with differing dimensions are not compatible for concatenation.")
        parts, lower = (tuple(left), *right), other_lower
    else:
        raise _incompatible(f"Arrays of {len(sizes)} and {len(other)} dimensions are not compatible for concatenation.")
    return with_bounds(parts, lower)


def _incompatible(detail: str) -> errors.Error:
    return errors.ArraySubscriptError("cannot concatenate incompatible arrays", detail=detail)


def array_fill(value: Any, sizes: Array | None, lower: Array | None = (1,) * 6) -> Array:
    """Return an array of these dimensions (and lower bounds) that holds one value everywhere."""
    if sizes is None or lower is None:
        raise errors.NullValueNotAllowed("dimension array or low bound array cannot be null")
    for array, name in ((sizes, "Dimension"), (lower, "Low bound")):
        if len(dimensions(array)) > 1:
            raise errors.ArraySubscriptError(
                "wrong number of array subscripts", detail=f"{name} array must be one dimensional."
            )
        if None in array:
            raise errors.NullValueNotAllowed("dimension values cannot be null")
    check_dimension_count(len(sizes))
    if lower != (1,) * 6 and len(lower) != len(sizes):
        raise errors.ArraySubscriptError(
            "wrong number of array subscripts", detail="Low bound array has different size than dimensions array."
        )
    total = 1 if sizes else 0
    for size in sizes:
        if size < 0:
            raise errors.ProgramLimitExceeded("array size exceeds the maximum allowed (134217727)")
        total *= size
    check_size(total)
    return build_array([value] * total, sizes, lower[: len(sizes)])


def trim_array(array: Array, count: int) -> Array:
    """Drop elements from the end of the first dimension; subscripts then begin at 1."""
    if not 0 <= count <= len(array):
        raise errors.ArraySubscriptError(f"number of elements to trim must be between 0 and {len(array)}")
    return tuple(array[: len(array) - count])


# -- searching -----------------------------------------------------------------------------------------------------


def array_position(call: CallTypes) -> Callable[..., int | None]:
    """Make ``array_position(array, element[, start])``: the subscript of the first equal element."""
    key = element_key(_array_element(call), call)

    def position(array: Array | None, element: Any, start: int | None = -(2**31)) -> int | None:
        if array is None:
            return None
        _searchable(array)
        if not array or (element is None and None not in array):
            return None
        if start is None:
            raise errors.NullValueNotAllowed("initial position must not be null")
        wanted = None if element is None else key(element)
        for subscript, item in enumerate(array, lower_bounds(array)[0] if array else 1):
            if subscript >= start and _same(item, wanted, key):
                return subscript
        return None

    return position


def array_positions(call: CallTypes) -> Callable[[Array | None, Any], Array | None]:
    """Make ``array_positions(array, element)``: the subscripts of all equal elements."""
    key = element_key(_array_element(call), call)

    def positions(array: Array | None, element: Any) -> Array | None:
        if array is None:
            return None
        _searchable(array)
        wanted = None if element is None else key(element)
        first = lower_bounds(array)[0] if array else 1
        return tuple(subscript for subscript, item in enumerate(array, first) if _same(item, wanted, key))

    return positions


def _searchable(array: Array) -> None:
    if len(dimensions(array)) > 1:
        raise errors.FeatureNotSupported("searching for elements in multidimensional arrays is not supported")


def _same(item: Any, wanted: Any, key: Key) -> bool:
    """Compare an element with a key, NULL being equal to NULL."""
    if item is None or wanted is None:
        return item is None and wanted is None
    return bool(key(item) == wanted)


def array_remove(call: CallTypes) -> Callable[[Array | None, Any], Array | None]:
    """Make ``array_remove(array, element)``: without the elements equal to it."""
    key = element_key(_array_element(call), call)

    def remove(array: Array | None, element: Any) -> Array | None:
        if not array:
            return array
        if len(dimensions(array)) > 1:
            raise errors.FeatureNotSupported("removing elements from multidimensional arrays is not supported")
        wanted = None if element is None else key(element)
        kept = tuple(item for item in array if not _same(item, wanted, key))
        return array if len(kept) == len(array) else with_bounds(kept, lower_bounds(array))

    return remove


def array_replace(call: CallTypes) -> Callable[[Array | None, Any, Any], Array | None]:
    """Make ``array_replace(array, from, to)``, through all dimensions."""
    key = element_key(_array_element(call), call)

    def replace(array: Array | None, old: Any, new: Any) -> Array | None:
        if not array:
            return array
        wanted = None if old is None else key(old)
        items = [new if _same(item, wanted, key) else item for item in flatten(array)]
        return build_array(items, dimensions(array), lower_bounds(array))

    return replace


# -- shape ---------------------------------------------------------------------------------------------------------


def array_ndims(array: Array) -> int | None:
    """Return the number of dimensions, NULL for an empty array."""
    return len(dimensions(array)) or None


def array_dims(array: Array) -> str | None:
    """Return ``[1:2][1:3]``, NULL for an empty array."""
    spans = zip(lower_bounds(array), dimensions(array), strict=True)
    return "".join(f"[{first}:{first + size - 1}]" for first, size in spans) or None


def array_length(array: Array, dimension: int) -> int | None:
    """Return the length of a dimension, NULL where there is none."""
    sizes = dimensions(array)
    return sizes[dimension - 1] if 0 < dimension <= len(sizes) else None


def array_lower(array: Array, dimension: int) -> int | None:
    """Return the first subscript of a dimension, NULL where there is none."""
    lower = lower_bounds(array)
    return lower[dimension - 1] if 0 < dimension <= len(lower) else None


def array_upper(array: Array, dimension: int) -> int | None:
    """Return the last subscript of a dimension, NULL where there is none."""
    lower, sizes = lower_bounds(array), dimensions(array)
    return lower[dimension - 1] + sizes[dimension - 1] - 1 if 0 < dimension <= len(sizes) else None


def cardinality(array: Array) -> int:
    """Return the number of elements in all dimensions."""
    total = 1 if array else 0
    for size in dimensions(array):
        total *= size
    return total


def generate_subscripts(array: Array, dimension: int, reverse: bool = False) -> Iterator[int]:
    """Yield the subscripts of a dimension, forwards or backwards."""
    first, last = array_lower(array, dimension), array_upper(array, dimension)
    if first is not None and last is not None:
        yield from range(last, first - 1, -1) if reverse else range(first, last + 1)


# -- text ----------------------------------------------------------------------------------------------------------


def array_to_string(call: CallTypes) -> Callable[..., str | None]:
    """Make ``array_to_string(array, delimiter[, null_string])``."""
    write = call.types.output(_array_element(call))
    with_null_string = len(call.arguments) == 3

    def join(array: Array | None, delimiter: str | None, *rest: Any) -> str | None:
        null_string: str | None = rest[0] if with_null_string else None
        session: SessionContext = rest[-1]
        if array is None or delimiter is None:
            return None
        texts = (null_string if item is None else write(item, session) for item in flatten(array))
        return delimiter.join(text for text in texts if text is not None)

    return join


# -- aggregates ----------------------------------------------------------------------------------------------------


def array_agg_final(call: CallTypes) -> Aggregate:
    """Make ``array_agg`` over elements: a list that becomes an array; no rows give NULL."""
    element = call.types.by_name(call.arguments[0])
    if element.kind == "composite" or element.name == "record":
        return Aggregate(
            "array_agg",
            call.arguments,
            call.result,
            initial=list,
            step=_append_composite,
            final=_list_to_array,
            strict=False,
        )
    return Aggregate(
        "array_agg",
        call.arguments,
        call.result,
        initial=list,
        step=_append,
        final=_list_to_array,
        strict=False,
    )


def _append(state: list[Any], value: Any) -> list[Any]:
    state.append(value)
    return state


def _append_composite(state: list[Any], value: Any) -> list[Any]:
    state.append(as_element(value))
    return state


def _list_to_array(state: list[Any]) -> Array | None:
    return tuple(state) or None


def _append_array(state: list[Any], value: Array | None) -> list[Any]:
    if value is None:
        raise errors.NullValueNotAllowed("cannot accumulate null arrays")
    if not value:
        raise errors.ArraySubscriptError("cannot accumulate empty arrays")
    if state and dimensions(state[0]) != dimensions(value):
        raise errors.ArraySubscriptError("cannot accumulate arrays of different dimensionality")
    state.append(value)
    return state


def _arrays_to_array(state: list[Any]) -> Array | None:
    return construct_nested(state) or None


_NAMES = ("array_eq", "array_ne", "array_lt", "array_le", "array_gt", "array_ge")
_COMPATIBLE = ("anycompatiblearray", "anycompatible")
_ARRAY2 = ("anyarray", "anyarray")


def _shape_function(name: str, returns: str, implementation: Callable[..., Any], *more: str) -> ScalarFunction:
    return ScalarFunction(name, ("anyarray", *more), returns, implementation)


FUNCTIONS: tuple[ScalarFunction, ...] = (
    *(ScalarFunction(name, _ARRAY2, "bool", _comparison(name), specialize=True) for name in _NAMES),
    ScalarFunction("arraycontains", _ARRAY2, "bool", array_contains, specialize=True),
    ScalarFunction("arraycontained", _ARRAY2, "bool", array_contained, specialize=True),
    ScalarFunction("arrayoverlap", _ARRAY2, "bool", array_overlap, specialize=True),
    ScalarFunction("array_append", _COMPATIBLE, "anycompatiblearray", array_append, strict=False),
    ScalarFunction(
        "array_prepend", ("anycompatible", "anycompatiblearray"), "anycompatiblearray", array_prepend, strict=False
    ),
    ScalarFunction(
        "array_cat", ("anycompatiblearray", "anycompatiblearray"), "anycompatiblearray", array_cat, strict=False
    ),
    ScalarFunction("array_fill", ("anyelement", "_int4"), "anyarray", array_fill, strict=False),
    ScalarFunction("array_fill", ("anyelement", "_int4", "_int4"), "anyarray", array_fill, strict=False),
    ScalarFunction("trim_array", ("anyarray", "int4"), "anyarray", trim_array),
    ScalarFunction("array_position", _COMPATIBLE, "int4", array_position, strict=False, specialize=True),
    ScalarFunction("array_position", (*_COMPATIBLE, "int4"), "int4", array_position, strict=False, specialize=True),
    ScalarFunction("array_positions", _COMPATIBLE, "_int4", array_positions, strict=False, specialize=True),
    ScalarFunction("array_remove", _COMPATIBLE, "anycompatiblearray", array_remove, strict=False, specialize=True),
    ScalarFunction(
        "array_replace",
        (*_COMPATIBLE, "anycompatible"),
        "anycompatiblearray",
        array_replace,
        strict=False,
        specialize=True,
    ),
    _shape_function("array_ndims", "int4", array_ndims),
    _shape_function("array_dims", "text", array_dims),
    _shape_function("array_length", "int4", array_length, "int4"),
    _shape_function("array_lower", "int4", array_lower, "int4"),
    _shape_function("array_upper", "int4", array_upper, "int4"),
    _shape_function("cardinality", "int4", cardinality),
    ScalarFunction(
        "array_to_string",
        ("anyarray", "text"),
        "text",
        array_to_string,
        volatility=Volatility.STABLE,
        needs_session=True,
        specialize=True,
    ),
    ScalarFunction(
        "array_to_string",
        ("anyarray", "text", "text"),
        "text",
        array_to_string,
        strict=False,
        volatility=Volatility.STABLE,
        needs_session=True,
        specialize=True,
    ),
)

OPERATORS: tuple[Operator, ...] = (
    *comparison_operators("anyarray", "anyarray", _NAMES),
    Operator("@>", *_ARRAY2, "bool", "arraycontains", commutator="<@", selectivity="contains"),
    Operator("<@", *_ARRAY2, "bool", "arraycontained", commutator="@>", selectivity="contains"),
    Operator("&&", *_ARRAY2, "bool", "arrayoverlap", commutator="&&", selectivity="contains"),
    Operator("||", "anycompatiblearray", "anycompatible", "anycompatiblearray", "array_append"),
    Operator("||", "anycompatible", "anycompatiblearray", "anycompatiblearray", "array_prepend"),
    Operator("||", "anycompatiblearray", "anycompatiblearray", "anycompatiblearray", "array_cat"),
)

AGGREGATES: tuple[Aggregate, ...] = (
    Aggregate(
        "array_agg",
        ("anynonarray",),
        "anyarray",
        implementation=array_agg_final,
        strict=False,
        specialize=True,
        description="concatenate aggregate input into an array",
    ),
    Aggregate(
        "array_agg",
        ("anyarray",),
        "anyarray",
        initial=list,
        step=_append_array,
        final=_arrays_to_array,
        strict=False,
        description="concatenate aggregate input into an array",
    ),
)

TABLE_FUNCTIONS: tuple[TableFunction, ...] = (
    TableFunction("unnest", ("anyarray",), "anyelement", flatten, rows=100.0),
    TableFunction("generate_subscripts", ("anyarray", "int4"), "int4", generate_subscripts),
    TableFunction("generate_subscripts", ("anyarray", "int4", "bool"), "int4", generate_subscripts),
)
