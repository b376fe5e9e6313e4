"""Derived orderings: how arrays and composites sort and group, made from the orderings of what they hold.

PostgreSQL compares arrays element by element over the flattened elements, then by number of elements, by number of
dimensions and by the dimensions' sizes (https://www.postgresql.org/docs/15/functions-array.html); composites field by
field. In both NULL equals NULL and sorts after every value, unlike NULL as a whole value.

A sort key is therefore a flat tuple of the elements' own keys in which ``NULL_LAST`` stands for NULL, followed by the
dimensions; Python's tuple comparison does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from heliosdb.types.array import dimensions, lower_bounds
from heliosdb.types.comparison import BTREE_STRATEGIES
from heliosdb.types.composite import shape_of
from heliosdb.types.definitions import OperatorClass, Type, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.types.registry import TypeRegistry

__all__ = ["NULL_LAST", "NullLast", "array_ordering", "composite_ordering", "derived"]

Key = Callable[[Any], Any]


class NullLast:
    """The key of a NULL inside an array or a composite: equal to itself, greater than everything else."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is self

    def __hash__(self) -> int:
        return 0x4E55

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return other is self

    def __gt__(self, other: object) -> bool:
        return other is not self

    def __ge__(self, other: object) -> bool:
        return True

    def __reduce__(self) -> str:
        # A key that was put aside must come back as the one object.
        return "NULL_LAST"


NULL_LAST = NullLast()


def derived(type_: Type, types: TypeRegistry) -> OperatorClass | None:
    """Return the ordering of an array or composite type, or None where the type, or what it holds, has none."""
    if type_.kind == "array" and type_.element is not None:
        element = types.ordering(type_.element)
        return None if element is None else array_ordering(type_.name, element)
    if type_.kind == "enum":
        return _enum_ordering(type_)
    if type_.kind == "composite":
        fields = [types.ordering(name) for _, name in type_.attributes]
        if any(field is None for field in fields):
            return None
        return composite_ordering(type_.name, tuple(field for field in fields if field is not None))
    if type_.name == "record":
        # The field types of an anonymous row are the expression's, not the type's: the binder, which knows them, asks
        # composite_ordering itself; here the datums' own order has to do.
        return _ordering("record", lambda datum: _record_key(datum, types), None)
    return None


def _enum_ordering(type_: Type) -> OperatorClass:
    places = {label: place for place, label in enumerate(type_.labels)}
    place_of = places.get
    return OperatorClass(
        "enum_ops",
        "btree",
        type_.name,
        operators=BTREE_STRATEGIES,
        # Versions of rows from before a label was renamed stand before all others in an index.
        sort_key=lambda label: place_of(label, -1),
        hash_key=str,
    )


def _record_key(datum: Any, types: TypeRegistry) -> Any:
    shape = shape_of(datum)
    if shape is None:
        return tuple(NULL_LAST if item is None else item for item in datum)
    keys = []
    for item, (_, type_name, _) in zip(datum, shape.fields, strict=True):
        ordering = types.ordering(type_name)
        keys.append(_applied(None if ordering is None else _keys(ordering)[0], item))
    return tuple(keys)


def array_ordering(name: str, element: OperatorClass) -> OperatorClass:
    """Return the ordering of an array type over an element ordering."""
    sort_element, hash_element = _keys(element)

    def sort_key(datum: Any) -> Any:
        return (*_flat(datum, sort_element), _END, *_shape(datum))

    def hash_key(datum: Any) -> Any:
        return (*_flat(datum, hash_element), *_shape(datum))

    def plain_hash_key(datum: Any) -> Any:
        # Nested tuples of elements that Python compares rightly are their own key; NULL equals NULL there, too.
        return datum if type(datum) is tuple else (tuple(datum), lower_bounds(datum))

    return _ordering(name, sort_key, plain_hash_key if hash_element is None else hash_key)


def composite_ordering(name: str, fields: tuple[OperatorClass, ...]) -> OperatorClass:
    """Return the ordering of rows whose fields have these orderings."""
    sort_keys, hash_keys = zip(*(_keys(field) for field in fields), strict=True) if fields else ((), ())

    def sort_key(datum: Any) -> Any:
        return tuple(_applied(key, item) for key, item in zip(sort_keys, datum, strict=True))

    def hash_key(datum: Any) -> Any:
        return tuple(_applied(key, item) for key, item in zip(hash_keys, datum, strict=True))

    return _ordering(name, sort_key, hash_key)


class _End:
    """What follows the last element in a sort key: less than any element, so that a prefix sorts first."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return other is not self

    def __gt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return other is self

    def __eq__(self, other: object) -> bool:
        return other is self

    def __hash__(self) -> int:
        return 0x454E

    def __reduce__(self) -> str:
        return "_END"


_END = _End()


def _ordering(type_name: str, sort_key: Key, hash_key: Key | None) -> OperatorClass:
    name = "record_ops" if not type_name.startswith("_") else "array_ops"
    return OperatorClass(
        name, "btree", type_name, operators=BTREE_STRATEGIES, sort_key=sort_key, hash_key=hash_key or sort_key
    )


def _keys(ordering: OperatorClass) -> tuple[Key | None, Key | None]:
    """Return the sort and hash key functions of a class; None: the datum itself."""
    if ordering.identity:
        return None, None
    sort_key = None if ordering.sort_key is None else resolve_implementation(ordering.sort_key)
    hash_key = None if ordering.hash_key is None else resolve_implementation(ordering.hash_key)
    return sort_key, hash_key or sort_key


def _applied(key: Key | None, item: Any) -> Any:
    if item is None:
        return NULL_LAST
    return item if key is None else key(item)


def _flat(datum: Any, key: Key | None) -> Iterator[Any]:
    for item in datum:
        if type(item) is tuple:
            yield from _flat(item, key)
        else:
            yield _applied(key, item)


def _shape(datum: Any) -> tuple[int, ...]:
    """Return the number of dimensions, their sizes and their lower bounds."""
    sizes = dimensions(datum)
    return (len(sizes), *sizes, *lower_bounds(datum))
