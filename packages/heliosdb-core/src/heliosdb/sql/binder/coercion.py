"""Conversions: when one type may stand for another, and the expression that makes it so (PostgreSQL 15, chapter 10).

A *context* says how much was asked for: implicit (in an expression), assignment (into a column), explicit (a written
cast). An unknown literal, a quoted string before anything gave it a type, converts to whatever is wanted by the
type's input function; an untyped parameter takes the wanted type for good. Everything else goes by the registered
casts, then by what follows from them: arrays by their elements, strings by text I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from heliosdb.errors import CannotCoerce, DatatypeMismatch, IndeterminateDatatype
from heliosdb.plan.expressions import (
    Case,
    CoerceTypmod,
    Constant,
    Convert,
    Expression,
    Parameter,
    RowConstructor,
)
from heliosdb.sql.binder.literals import convert_unknown, widened_literal
from heliosdb.sql.binder.locations import location
from heliosdb.sql.binder.parameter_hints import common_type_of_values, converted_value
from heliosdb.types.definitions import Cast, CastContext

if TYPE_CHECKING:
    from heliosdb.sql.binder.binder import Binder
    from heliosdb.types.definitions import Type
    from heliosdb.types.registry import TypeRegistry

__all__ = [
    "Pathway",
    "PathwayKind",
    "can_coerce",
    "coerce",
    "coerce_to_boolean",
    "coerce_to_common_type",
    "coerce_to_type",
    "find_pathway",
    "is_binary_coercible",
    "select_common_type",
    "select_common_typmod",
]

IMPLICIT, ASSIGNMENT, EXPLICIT = CastContext.IMPLICIT, CastContext.ASSIGNMENT, CastContext.EXPLICIT
RANK = {IMPLICIT: 0, ASSIGNMENT: 1, EXPLICIT: 2}
POLYMORPHIC = frozenset(
    {
        "any", "anyelement", "anyarray", "anynonarray", "anyenum", "anyrange", "anymultirange", "anycompatible",
        "anycompatiblearray", "anycompatiblenonarray", "anycompatiblerange", "anycompatiblemultirange",
    }
)  # fmt: skip


class PathwayKind(Enum):
    """How a conversion is done."""

    NONE = "none"
    RELABEL = "relabel"
    CAST = "cast"
    ELEMENTS = "elements"
    TEXT = "text"


@frozen
class Pathway:
    """A way from one type to another; ``cast`` of the type or of the array's element."""

    kind: PathwayKind
    cast: Cast | None = None


RELABEL = Pathway(PathwayKind.RELABEL)
VIA_TEXT = Pathway(PathwayKind.TEXT)


def find_pathway(binder: Binder, source: str, target: str, context: CastContext) -> Pathway | None:
    """Return how a value of type ``source`` becomes one of ``target`` in a context, or None (find_coercion_pathway)."""
    types = binder.types
    source, target = base_type(types, source), base_type(types, target)
    if source == target:
        return RELABEL
    cast = binder.registries.casts.get((source, target))
    if cast is not None:
        if RANK[context] < RANK[cast.context]:
            return None
        return (
            Pathway(PathwayKind.CAST, cast) if cast.implementation is not None or cast.inline is not None else RELABEL
        )
    source_type, target_type = types.find(source), types.find(target)
    if source_type is None or target_type is None:
        return None
    if target_type.kind == "array" and source_type.category == "A":
        assert source_type.element is not None
        assert target_type.element is not None
        inner = find_pathway(binder, source_type.element, target_type.element, context)
        if inner is not None:
            return inner if inner.kind is PathwayKind.RELABEL else Pathway(PathwayKind.ELEMENTS, inner.cast)
    if "pseudo" in (source_type.kind, target_type.kind) and source not in ("record", "cstring"):
        return None
    if context is not IMPLICIT and target_type.category == "S":
        return VIA_TEXT
    if context is EXPLICIT and source_type.category == "S":
        return VIA_TEXT
    return None


def base_type(types: TypeRegistry, name: str) -> str:
    """Return the type below a domain, or the type itself."""
    found = types.find(name)
    while found is not None and found.kind == "domain" and found.element is not None:
        name = found.element
        found = types.find(name)
    return name


def is_binary_coercible(binder: Binder, source: str, target: str) -> bool:
    """Return whether values of ``source`` are values of ``target`` as they are (IsBinaryCoercible)."""
    if source == target or target in ("any", "anyelement", "anycompatible"):
        return True
    source = base_type(binder.types, source)
    if source == target:
        return True
    cast = binder.registries.casts.get((source, target))
    if cast is not None:
        return cast.context is IMPLICIT and cast.implementation is None and cast.inline in (None, "{0}")
    return False


def can_coerce(binder: Binder, sources: Sequence[str], targets: Sequence[str], context: CastContext) -> bool:
    """Return whether every source type converts to its target, polymorphic targets included (can_coerce_type)."""
    generic = False
    for source, target in zip(sources, targets):
        if source == target or source == "unknown":
            generic = generic or target in POLYMORPHIC
            continue
        if target == "any":
            continue
        if target in POLYMORPHIC:
            generic = True
            continue
        if find_pathway(binder, source, target, context) is None:
            found = binder.types.find(source)
            if found is not None and found.kind == "composite" and target == "record":
                continue
            wanted = binder.types.find(target)
            if source == "record" and wanted is not None and wanted.kind == "composite":
                continue
            return False
    if generic:
        from heliosdb.sql.binder.polymorphic import generic_types_agree

        return generic_types_agree(binder, sources, targets)
    return True


def coerce(
    binder: Binder,
    expression: Expression,
    target: str,
    typmod: int = -1,
    context: CastContext = IMPLICIT,
    *,
    explicit: bool = False,
) -> Expression:
    """Convert an expression for which ``can_coerce`` holds, without length coercion (coerce_type)."""
    source = expression.type
    if source == target or target in POLYMORPHIC:
        if source == "unknown" and target in ("any", "anyelement", "anycompatible", "anynonarray"):
            return expression
        return expression
    domain = binder.types.definition(target)
    if domain is not None and domain.kind == "domain":
        return _to_domain(binder, expression, domain, context, explicit)
    if source == "unknown":
        number = None if context is IMPLICIT else converted_value(binder, expression, target)
        if number is not None:
            return _converted(binder, number, target, context, typmod, explicit)
        return convert_unknown(binder, expression, target, typmod, explicit=explicit)
    if isinstance(expression, Constant):
        widened = widened_literal(binder, expression, target)
        if widened is not None:
            return widened
    return _converted(binder, expression, target, context, typmod, explicit)


def _to_domain(binder: Binder, expression: Expression, domain: Any, context: CastContext, explicit: bool) -> Expression:
    """Convert to a domain: to what it is over, length included; then the code generator checks the conditions."""
    lowest = domain
    while (below := binder.types.definition(lowest.base)) is not None and below.kind == "domain":
        lowest = below
    inner = coerce_to_type(binder, expression, lowest.base, lowest.typmod, context, explicit=explicit)
    if inner is None:
        raise CannotCoerce(
            f"cannot cast type {binder.display(expression.type)} to {binder.display(domain.internal_name)}",
            position=location(expression),
        )
    return Convert(
        type=domain.internal_name,
        operand=inner,
        explicit=explicit,
        nullable=inner.nullable,
        collation=inner.collation,
        position=expression.position,
    )


def _converted(
    binder: Binder, expression: Expression, target: str, context: CastContext, typmod: int, explicit: bool
) -> Expression:
    pathway = find_pathway(binder, expression.type, target, context)
    if pathway is None:
        wanted = binder.types.find(target)
        if isinstance(expression, RowConstructor) and wanted is not None and wanted.kind == "composite":
            return _row_of_type(binder, expression, wanted, context, explicit)
        if target == "record":
            anonymous = _anonymous(expression)
            if anonymous is not None:
                return anonymous
            return Convert(type=target, operand=expression, explicit=explicit, position=expression.position)
        raise CannotCoerce(
            f"cannot cast type {binder.display(expression.type)} to {binder.display(target)}",
            position=location(expression),
        )
    cast = pathway.cast
    if target.startswith("_#") and pathway.kind in (PathwayKind.RELABEL, PathwayKind.ELEMENTS):
        element = binder.types.definition(target[1:])
        if element is not None and element.kind == "domain":
            # Only reading the text checks every element.
            pathway, cast = VIA_TEXT, None
    collation = expression.collation if binder.is_collatable(target) else None
    return Convert(
        type=target,
        typmod=typmod if cast is not None and cast.takes_typmod else -1,
        operand=expression,
        cast=cast,
        via_text=pathway.kind is PathwayKind.TEXT or (pathway.kind is PathwayKind.ELEMENTS and cast is None),
        element_cast=pathway.kind is PathwayKind.ELEMENTS,
        explicit=explicit,
        nullable=expression.nullable,
        collation=collation,
        position=expression.position,
    )


def _anonymous(expression: Expression) -> Expression | None:
    """Return a row of a relation, or the one that an outer join may miss, without its type: its fields stay known."""
    if isinstance(expression, RowConstructor):
        return evolve(expression, type="record")
    if isinstance(expression, Case) and isinstance(expression.default, RowConstructor):
        branches = tuple(
            (condition, evolve(result, type="record"))
            for condition, result in expression.branches
            if isinstance(result, Constant) and result.value is None
        )
        if len(branches) == len(expression.branches):
            return evolve(
                expression, type="record", branches=branches, default=evolve(expression.default, type="record")
            )
    return None


def _row_of_type(binder: Binder, row: RowConstructor, target: Type, context: CastContext, explicit: bool) -> Expression:
    """Convert a written row to a composite type, field by field (coerce_record_to_complex)."""
    message = f"cannot cast type {binder.display(row.type)} to {target.display}"
    if len(row.fields) != len(target.attributes):
        few = len(row.fields) < len(target.attributes)
        raise CannotCoerce(message, detail=f"Input has too {'few' if few else 'many'} columns.", position=location(row))
    typmods = binder.types.field_typmods(target.name)
    fields: list[Expression] = []
    for number, (field, (_, type_)) in enumerate(zip(row.fields, target.attributes), 1):
        typmod = typmods[number - 1]
        kept = binder.undecided_fields.get(id(field))
        if kept is not None and kept[0] is field:
            field = kept[1]
        converted = coerce_to_type(binder, field, type_, typmod, context, explicit=explicit)
        if converted is None:
            raise CannotCoerce(
                message,
                detail=f"Cannot cast type {binder.display(field.type)} to {binder.display(type_)} in column {number}.",
                position=location(field),
            )
        fields.append(converted)
    return evolve(row, type=target.name, fields=tuple(fields), names=tuple(name for name, _ in target.attributes))


def coerce_to_type(
    binder: Binder,
    expression: Expression,
    target: str,
    typmod: int,
    context: CastContext,
    *,
    explicit: bool = False,
) -> Expression | None:
    """Convert to a type and its length, or return None where there is no way (coerce_to_target_type)."""
    source = expression.type
    if source != target:
        if not can_coerce(binder, (source,), (target,), context):
            return None
        expression = coerce(binder, expression, target, typmod, context, explicit=explicit)
    if typmod < 0 or expression.typmod == typmod:
        return expression
    return with_typmod(binder, expression, typmod, explicit=explicit)


def with_typmod(binder: Binder, expression: Expression, typmod: int, *, explicit: bool) -> Expression:
    """Return the expression with length coercion to a typmod, where its type has one."""
    if binder.types.coerce_typmod(expression.type) is None:
        return evolve(expression, typmod=typmod)
    return CoerceTypmod(
        type=expression.type,
        typmod=typmod,
        operand=expression,
        explicit=explicit,
        nullable=expression.nullable,
        collation=expression.collation,
        position=expression.position,
    )


def coerce_to_boolean(binder: Binder, expression: Expression, construct: str) -> Expression:
    """Convert a condition to bool; 42804 names the construct (coerce_to_boolean)."""
    if expression.type == "bool":
        return expression
    converted = coerce_to_type(binder, expression, "bool", -1, ASSIGNMENT)
    if converted is None:
        raise DatatypeMismatch(
            f"argument of {construct} must be type boolean, not type {binder.display(expression.type)}",
            position=location(expression),
        )
    return converted


def coerce_to_named_type(binder: Binder, expression: Expression, target: str, construct: str) -> Expression:
    """Convert to the type that a construct such as LIMIT wants; 42804 names it (coerce_to_specific_type)."""
    if expression.type == target:
        return expression
    converted = coerce_to_type(binder, expression, target, -1, ASSIGNMENT)
    if converted is None:
        raise DatatypeMismatch(
            f"argument of {construct} must be type {binder.display(target)}, "
            f"not type {binder.display(expression.type)}",
            position=location(expression),
        )
    return converted


def select_common_type(binder: Binder, expressions: Sequence[Expression], construct: str | None) -> str | None:
    """Return the type that UNION, CASE, VALUES and kin resolve to (section 10.5).

    ``construct`` names it in the 42804; None gives None instead of the error.
    """
    types = binder.types
    chosen = expressions[0].type
    if chosen != "unknown" and all(expression.type == chosen for expression in expressions):
        return chosen
    chosen = base_type(types, chosen)
    category, preferred = _category(types, chosen)
    for expression in expressions[1:]:
        candidate = base_type(types, expression.type)
        if candidate == "unknown" or candidate == chosen:
            continue
        candidate_category, candidate_preferred = _category(types, candidate)
        if chosen == "unknown":
            chosen, category, preferred = candidate, candidate_category, candidate_preferred
        elif candidate_category != category:
            if construct is None:
                return None
            raise DatatypeMismatch(
                f"{construct} types {binder.display(chosen)} and {binder.display(candidate)} cannot be matched",
                position=location(expression),
            )
        elif (
            not preferred
            and can_coerce(binder, (chosen,), (candidate,), IMPLICIT)
            and not can_coerce(binder, (candidate,), (chosen,), IMPLICIT)
        ):
            chosen, category, preferred = candidate, candidate_category, candidate_preferred
    if binder.parameters.hints:
        return common_type_of_values(binder, expressions, chosen)
    return "text" if chosen == "unknown" else chosen


def _category(types: TypeRegistry, name: str) -> tuple[str, bool]:
    found = types.find(name)
    return (found.category, found.preferred) if found is not None else ("X", False)


def coerce_to_common_type(binder: Binder, expression: Expression, target: str, construct: str) -> Expression:
    """Convert a branch to the type that ``select_common_type`` chose (coerce_to_common_type)."""
    if expression.type == target:
        return expression
    if not can_coerce(binder, (expression.type,), (target,), IMPLICIT):
        raise CannotCoerce(
            f"{construct} could not convert type {binder.display(expression.type)} to {binder.display(target)}",
            position=location(expression),
        )
    return coerce(binder, expression, target)


def select_common_typmod(expressions: Iterable[Expression], type_: str) -> int:
    """Return the typmod that all expressions agree on, else -1."""
    typmods = {expression.typmod if expression.type == type_ else -1 for expression in expressions}
    return typmods.pop() if len(typmods) == 1 else -1


def resolve_unknown(binder: Binder, expression: Expression) -> Expression:
    """Give an output column that nothing else decided its type: text, or what the parameter's value is."""
    if expression.type != "unknown":
        return expression
    if isinstance(expression, Parameter):
        return binder.parameters.settle(expression)
    return coerce(binder, expression, "text")


def require_known(binder: Binder, expression: Expression) -> Expression:
    """Return the expression; 42P18 for a parameter whose type nothing decides."""
    if isinstance(expression, Parameter) and expression.type == "unknown":
        raise IndeterminateDatatype(
            f"could not determine data type of parameter ${expression.number}", position=location(expression)
        )
    return expression
