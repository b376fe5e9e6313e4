"""Polymorphic types: what ``anyelement`` and kin stand for in one call (PostgreSQL 15, section 38.2.5).

Two families are independent of each other. In the first (anyelement, anyarray, anynonarray, anyenum, anyrange,
anymultirange) all arguments must have the very same element type; in the second (anycompatible...) they are converted
to their common type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heliosdb.errors import DatatypeMismatch
from heliosdb.plan.expressions import Constant

if TYPE_CHECKING:
    from heliosdb.plan.expressions import Expression
    from heliosdb.sql.binder.binder import Binder

__all__ = ["generic_types_agree", "is_polymorphic", "resolve_generic_types"]

ELEMENTS = frozenset({"anyelement", "anynonarray", "anyenum"})
COMPATIBLE = frozenset({"anycompatible", "anycompatiblenonarray"})
FAMILY = frozenset({"anyelement", "anynonarray", "anyenum", "anyarray", "anyrange", "anymultirange"})
COMPATIBLE_FAMILY = frozenset(
    {"anycompatible", "anycompatiblenonarray", "anycompatiblearray", "anycompatiblerange", "anycompatiblemultirange"}
)


def is_polymorphic(name: str) -> bool:
    """Return whether a declared type stands for the arguments' types."""
    return name in FAMILY or name in COMPATIBLE_FAMILY


def element_of(binder: Binder, name: str) -> str | None:
    """Return the element type of an array type, through domains, or None."""
    found = binder.types.find(name)
    while found is not None and found.kind == "domain" and found.element is not None:
        found = binder.types.find(found.element)
    # int2vector and oidvector are arrays too, of another text form.
    return found.element if found is not None and (found.kind == "array" or found.category == "A") else None


def _range_element(binder: Binder, name: str) -> str | None:
    found = binder.types.find(name)
    return found.element if found is not None and found.kind in ("range", "multirange") else None


def generic_types_agree(binder: Binder, sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Return whether argument types can stand for declared polymorphic types (check_generic_type_consistency)."""
    element: str | None = None
    array: str | None = None
    range_type: str | None = None
    for source, target in zip(sources, targets):
        if target not in FAMILY or source == "unknown":
            if target in COMPATIBLE_FAMILY and source != "unknown" and not _compatible_kind(binder, source, target):
                return False
            continue
        if target in ELEMENTS:
            if element is not None and element != source:
                return False
            element = source
            if target == "anynonarray" and element_of(binder, source) is not None:
                return False
            if target == "anyenum" and binder.types.by_name(source).kind != "enum":
                return False
        elif target == "anyarray":
            if element_of(binder, source) is None and source != "anyarray":
                return False
            if array is not None and array != source:
                return False
            array = source
        else:
            if _range_element(binder, source) is None:
                return False
            if range_type is not None and range_type != source:
                return False
            range_type = source
    if array is not None and array != "anyarray":
        inner = element_of(binder, array)
        if element is not None and inner != element:
            return False
        element = inner
    if range_type is not None and element is not None and _range_element(binder, range_type) != element:
        return False
    if any(target == "anynonarray" for target in targets) and element is not None:
        if element_of(binder, element) is not None:
            return False
    return _compatible_type(binder, sources, targets) is not None


def _compatible_kind(binder: Binder, source: str, target: str) -> bool:
    if target == "anycompatiblearray":
        return element_of(binder, source) is not None
    if target == "anycompatiblenonarray":
        return element_of(binder, source) is None
    if target in ("anycompatiblerange", "anycompatiblemultirange"):
        return _range_element(binder, source) is not None
    return True


def _compatible_type(binder: Binder, sources: Sequence[str], targets: Sequence[str]) -> str | None:
    """Return the common type of the anycompatible arguments ("" where there are none), or None where they have none."""
    from heliosdb.sql.binder.coercion import select_common_type

    members: list[Expression] = []
    for source, target in zip(sources, targets):
        if target not in COMPATIBLE_FAMILY:
            continue
        inner: str | None = source
        if target == "anycompatiblearray" and source != "unknown":
            inner = element_of(binder, source)
        elif target in ("anycompatiblerange", "anycompatiblemultirange") and source != "unknown":
            inner = _range_element(binder, source)
        if inner is not None:
            members.append(Constant(type=inner, value=None))
    if not members:
        return ""
    return select_common_type(binder, members, None)


def resolve_generic_types(
    binder: Binder, sources: Sequence[str], targets: Sequence[str], result: str, position: int | None = None
) -> tuple[tuple[str, ...], str]:
    """Return the concrete argument types and result type of a call (enforce_generic_type_consistency)."""
    if not any(is_polymorphic(target) for target in targets):
        if is_polymorphic(result):
            raise DatatypeMismatch(
                "could not determine polymorphic type because input has type unknown", position=position
            )
        return tuple(targets), result
    element, array, range_type = _family_types(binder, sources, targets, position)
    compatible = _compatible_type(binder, sources, targets) or "text"
    concrete = tuple(_concrete(binder, target, element, array, range_type, compatible) for target in targets)
    return concrete, _concrete(binder, result, element, array, range_type, compatible)


def _family_types(
    binder: Binder, sources: Sequence[str], targets: Sequence[str], position: int | None
) -> tuple[str | None, str | None, str | None]:
    element: str | None = None
    array: str | None = None
    range_type: str | None = None
    wanted = False
    for source, target in zip(sources, targets):
        if target not in FAMILY:
            continue
        wanted = True
        if source == "unknown":
            continue
        if target in ELEMENTS:
            element = source
        elif target == "anyarray":
            array = source
        else:
            range_type = source
    if array is not None and array != "anyarray":
        inner = element_of(binder, array)
        if inner is None:
            raise DatatypeMismatch(f"argument declared anyarray is not an array but type {binder.display(array)}")
        element = element or inner
    if range_type is not None and element is None:
        element = _range_element(binder, range_type)
    if wanted and element is None and array is None:
        raise DatatypeMismatch("could not determine polymorphic type because input has type unknown", position=position)
    if element is not None and array is None:
        found = binder.types.array_of(element)
        array = found.name if found is not None else None
    return element, array, range_type


def _concrete(
    binder: Binder, name: str, element: str | None, array: str | None, range_type: str | None, compatible: str
) -> str:
    if name in ELEMENTS:
        return element or name
    if name == "anyarray":
        return array or name
    if name in ("anyrange", "anymultirange"):
        return range_type or name
    if name in COMPATIBLE:
        return compatible
    if name == "anycompatiblearray":
        found = binder.types.array_of(compatible)
        return found.name if found is not None else name
    return name
