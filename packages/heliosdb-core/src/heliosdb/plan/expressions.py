"""Bound expressions: names are resolved, every node has a type, every call knows its function.

A column is named by (source, index). A *source* is a number that is unique in the statement and belongs to the plan
node that first produces the rows: a scan, a projection, an aggregate. Joins, filters, sorts and limits pass the
sources of their inputs through unchanged, so that the optimizer moves expressions and reorders joins without
renumbering anything, and the code generator keeps one variable a source. A correlated subquery simply names a source
that its own plan does not produce.

A constant that stands for a literal of the statement's text carries the literal's ``slot``; the generated function then
takes the value from the slot vector, so that one compiled statement serves all texts that differ in such literals only.
``slot`` None means that the value is part of the plan.

Every class has ``type`` (internal type name), ``typmod`` (-1: none), ``nullable`` (False only where NULL is
impossible) and ``collation`` (None: the type's default).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from heliosdb.value import Value, field, frozen

if TYPE_CHECKING:
    from heliosdb.plan.nodes import PlanNode
    from heliosdb.types.definitions import (
        Aggregate,
        Cast,
        OperatorClass,
        RowShape,
        ScalarFunction,
        TableFunction,
        WindowFunction,
    )


@frozen(kw_only=True, eq=False, repr=False)
class Expression(Value):
    """Base of all bound expressions."""

    type: str
    typmod: int = -1
    nullable: bool = True
    collation: str | None = None
    position: int | None = field(default=None, eq=False)
    """1-based character offset in the statement's text, for errors."""


@frozen(kw_only=True, eq=False, repr=False)
class Constant(Expression):
    """A datum known when the statement is compiled, or per execution where ``slot`` is set (and then of the same
    type).
    """

    value: Any
    slot: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Parameter(Expression):
    """``$number`` (1-based); its datum is already of ``type``."""

    number: int


@frozen(kw_only=True, eq=False, repr=False)
class Column(Expression):
    """Column ``index`` (0-based in the source's row) of ``source``. Index -1 is the row id, -2 the whole row."""

    source: int
    index: int
    name: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class Call(Expression):
    """A scalar function or operator call; ``variadic`` arguments are already collected into an array.

    ``operator`` is the operator's name where one was written; errors and EXPLAIN print it.
    """

    function: ScalarFunction
    arguments: tuple[Expression, ...]
    argument_types: tuple[str, ...]
    """The declared types after polymorphic types were resolved."""
    operator: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Convert(Expression):
    """A cast to ``type``: by ``cast``; through text I/O where ``cast`` is None and ``via_text``; else only relabelled.

    ``explicit`` tells length coercion whether the user wrote the cast. ``element_cast`` converts each element of an
    array.
    """

    operand: Expression
    cast: Cast | None = None
    via_text: bool = False
    explicit: bool = False
    element_cast: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class CoerceTypmod(Expression):
    """Length coercion of ``operand`` to ``typmod`` (varchar(n), numeric(p, s))."""

    operand: Expression
    explicit: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class And(Expression):
    """Conjunction of two or more boolean expressions with NULL logic."""

    arguments: tuple[Expression, ...]
    type: str = "bool"


@frozen(kw_only=True, eq=False, repr=False)
class Or(Expression):
    """Disjunction of two or more boolean expressions with NULL logic."""

    arguments: tuple[Expression, ...]
    type: str = "bool"


@frozen(kw_only=True, eq=False, repr=False)
class Not(Expression):
    """Negation with NULL logic."""

    operand: Expression
    type: str = "bool"


@frozen(kw_only=True, eq=False, repr=False)
class IsNull(Expression):
    """``operand IS [NOT] NULL``; ``row`` applies SQL's rule for rows (all fields)."""

    operand: Expression
    negated: bool = False
    row: bool = False
    type: str = "bool"
    nullable: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class BooleanTest(Expression):
    """``operand IS [NOT] TRUE | FALSE | UNKNOWN``; ``value`` True, False or None."""

    operand: Expression
    value: bool | None
    negated: bool = False
    type: str = "bool"
    nullable: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class IsDistinct(Expression):
    """``a IS [NOT] DISTINCT FROM b``; ``equality`` is the bound ``a = b``."""

    equality: Call
    negated: bool = False
    type: str = "bool"
    nullable: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class Case(Expression):
    """Searched CASE; the simple form is bound to equality calls whose left side is ``CaseOperand``."""

    branches: tuple[tuple[Expression, Expression], ...]
    default: Expression | None
    operand: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class CaseOperand(Expression):
    """The value of the enclosing Case's ``operand``, evaluated once."""


@frozen(kw_only=True, eq=False, repr=False)
class Coalesce(Expression):
    """The first argument that is not NULL."""

    arguments: tuple[Expression, ...]


@frozen(kw_only=True, eq=False, repr=False)
class MinMax(Expression):
    """GREATEST or LEAST by the type's default ordering; NULL arguments are ignored."""

    arguments: tuple[Expression, ...]
    greatest: bool
    ordering: OperatorClass


@frozen(kw_only=True, eq=False, repr=False)
class NullIf(Expression):
    """NULL where ``equality`` (bound ``value = other``) holds, else ``value``."""

    value: Expression
    equality: Call


@frozen(kw_only=True, eq=False, repr=False)
class InList(Expression):
    """``operand [NOT] IN (items)``: ``equalities`` are the bound ``operand = item``, one an item; ``hashable`` where
    all items are constants or parameters of one type and equality is the type's own, so that a set can be used."""

    operand: Expression
    items: tuple[Expression, ...]
    equalities: tuple[Expression, ...]
    hashable: bool = False
    negated: bool = False
    type: str = "bool"


@frozen(kw_only=True, eq=False, repr=False)
class AnyAll(Expression):
    """``left op ANY | ALL (array)``: ``comparison`` is the bound call on left and ``Element``."""

    comparison: Expression
    array: Expression
    all: bool = False
    type: str = "bool"


@frozen(kw_only=True, eq=False, repr=False)
class Element(Expression):
    """The current element inside an AnyAll's or quantified subquery's comparison; ``index`` for row comparisons."""

    index: int = 0


class SubqueryKind(StrEnum):
    """What a subquery in an expression stands for."""

    SCALAR = "scalar"
    EXISTS = "exists"
    ANY = "any"
    ALL = "all"
    ARRAY = "array"


@frozen(kw_only=True, eq=False, repr=False)
class Subquery(Expression):
    """A subquery in an expression. ``outer`` are the columns of enclosing queries that the plan uses (empty:
    uncorrelated).

    ANY and ALL (IN is ``= ANY``, NOT IN is Not of it) have ``comparison``, bound on the left expressions and
    ``Element(index)`` for the plan's output columns; ``left`` holds the left expressions; ``hashable`` where every
    comparison is the types' own equality (only ANY).
    """

    kind: SubqueryKind
    plan: PlanNode
    outer: tuple[Column, ...] = ()
    left: tuple[Expression, ...] = ()
    comparison: Expression | None = None
    hashable: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class ArrayConstructor(Expression):
    """``ARRAY[...]``; ``nested`` where the elements are arrays themselves."""

    elements: tuple[Expression, ...]
    nested: bool = False
    nullable: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class RowConstructor(Expression):
    """``ROW(...)``: a composite datum, a tuple; ``names`` are its field names."""

    fields: tuple[Expression, ...]
    names: tuple[str, ...] = ()
    nullable: bool = False


def row_shape(expression: Expression) -> RowShape | None:
    """Return the fields of an expression that is written as a row, or None."""
    if not isinstance(expression, RowConstructor):
        return None
    from heliosdb.types.definitions import RowShape

    names = expression.names or tuple(f"f{number}" for number in range(1, len(expression.fields) + 1))
    pairs = zip(names, expression.fields, strict=True)
    return RowShape(tuple((name, field.type, row_shape(field)) for name, field in pairs))


@frozen(kw_only=True, eq=False, repr=False)
class RowComparison(Expression):
    """``(a, b) op (c, d)`` for ``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``: pairwise bound equality and strict
    comparison.

    ``less`` holds ``left < right`` (or ``>``) a pair, ``equal`` ``left = right``; for ``=`` and ``<>`` only ``equal``
    is used.
    """

    operator: str
    equal: tuple[Expression, ...]
    less: tuple[Expression, ...] = ()
    type: str = "bool"


@frozen(kw_only=True, eq=False, repr=False)
class Subscript(Expression):
    """``array[i]...`` or a slice; each subscript is (lower, upper) with upper None for a plain index and both kinds
    never mixed.

    For jsonb each subscript is a text or integer key.
    """

    operand: Expression
    subscripts: tuple[tuple[Expression | None, Expression | None], ...]
    slice: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class FieldSelection(Expression):
    """Field ``index`` of a composite datum."""

    operand: Expression
    index: int


@frozen(kw_only=True, eq=False, repr=False)
class SortKey(Value):
    """One ORDER BY key. ``ordering`` None: a hash-free type sorted by identity."""

    expression: Expression
    ordering: OperatorClass
    descending: bool = False
    nulls_first: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class AggregateCall(Expression):
    """An aggregate over the rows of a group; it stands only in an Aggregate node, or in a WindowCall."""

    aggregate: Aggregate
    arguments: tuple[Expression, ...]
    argument_types: tuple[str, ...]
    direct: tuple[Expression, ...] = ()
    distinct: bool = False
    order_by: tuple[SortKey, ...] = ()
    filter: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class FrameBound(Value):
    """``kind``: "unbounded preceding", "preceding", "current row", "following", "unbounded following"."""

    kind: str
    offset: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class WindowSpecification(Value):
    """PARTITION BY, ORDER BY and frame; ``in_range`` holds the functions a RANGE offset frame needs (bound on
    Element).
    """

    partition_by: tuple[SortKey, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    mode: str = "range"
    start: FrameBound = FrameBound(kind="unbounded preceding")
    end: FrameBound = FrameBound(kind="current row")
    exclusion: str = "no others"
    range_add: ScalarFunction | None = None
    range_subtract: ScalarFunction | None = None


@frozen(kw_only=True, eq=False, repr=False)
class WindowCall(Expression):
    """A window function or an aggregate over a window; it stands only in a Window node."""

    function: WindowFunction | Aggregate
    arguments: tuple[Expression, ...]
    argument_types: tuple[str, ...]
    specification: WindowSpecification
    filter: Expression | None = None


@frozen(kw_only=True, eq=False, repr=False)
class SetReturningCall(Expression):
    """A set-returning function; it stands only in FunctionScan and ProjectSet nodes."""

    function: TableFunction
    arguments: tuple[Expression, ...]
    argument_types: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Grouping(Expression):
    """``GROUPING(...)``: the bit mask over the group expressions at these indexes."""

    groups: tuple[int, ...]
    source: int
    type: str = "int4"
    nullable: bool = False
