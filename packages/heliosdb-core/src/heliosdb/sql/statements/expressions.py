"""Syntax of value expressions.

Special syntax of the standard becomes what PostgreSQL makes of it: ``EXTRACT(year FROM x)`` is a call of
``pg_catalog.extract('year', x)``, ``x AT TIME ZONE z`` of ``pg_catalog.timezone(z, x)``; such calls have ``sql_syntax``
set. Parentheses leave no trace. Long ``a AND b AND c`` chains are one n-ary node; a chain of other operators is a
left-deep tree, which readers should walk along ``left`` with a loop, for it may be thousands of nodes long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Literal as OneOf

from heliosdb.sql.statements.base import Expression, Node, QualifiedName
from heliosdb.value import field, frozen

if TYPE_CHECKING:
    from heliosdb.sql.statements.query import Query, SortItem

__all__ = [
    "And",
    "AnyAll",
    "ArrayConstructor",
    "ArrayIndex",
    "ArraySlice",
    "ArraySubquery",
    "Between",
    "BooleanTest",
    "Case",
    "Coalesce",
    "Collate",
    "ColumnRef",
    "CurrentOf",
    "Default",
    "Exists",
    "FieldSelection",
    "FieldStar",
    "FrameBound",
    "FunctionCall",
    "Greatest",
    "GroupingFunction",
    "InList",
    "InSubquery",
    "IsDistinctFrom",
    "IsNull",
    "Least",
    "Like",
    "Literal",
    "LiteralKind",
    "NamedArgument",
    "Not",
    "NullIf",
    "Operator",
    "Or",
    "Parameter",
    "RowConstructor",
    "ScalarSubquery",
    "SqlValueFunction",
    "Subscript",
    "TypeCast",
    "TypeName",
    "When",
    "WindowFrame",
    "WindowSpec",
    "leftmost",
]

LiteralKind = OneOf["integer", "numeric", "string", "bitstring", "boolean", "null"]


@frozen(eq=False, repr=False)
class ColumnRef(Expression):
    """``a``, ``t.a``, ``s.t.a``; with ``star`` set ``*``, ``t.*``, ``s.t.*`` (parts without the star)."""

    parts: tuple[str, ...]
    star: bool = False


@frozen(eq=False, repr=False)
class Literal(Expression):
    """A constant as written.

    ``integer`` means digits only, however many (what does not fit int8 is numeric); a ``bitstring`` value begins with
    ``b`` or ``x``; ``boolean`` is ``true`` or ``false``; the value of ``null`` is empty. ``slot`` is the index in the
    vector of constants that ``lexer.shape`` gives, None for what the shape keeps (TRUE, NULL, words taken as strings).
    A minus sign directly before a number belongs to it, as in PostgreSQL: then ``negated`` is set and ``value`` begins
    with ``-`` while the slot's text does not.
    """

    kind: LiteralKind
    value: str
    slot: int | None = field(default=None, eq=False, repr=False)
    negated: bool = field(default=False, eq=False, repr=False)


@frozen(eq=False, repr=False)
class Parameter(Expression):
    """``$1``."""

    number: int


@frozen(eq=False, repr=False)
class Default(Expression):
    """``DEFAULT`` in place of a value: in VALUES of INSERT and in SET."""


@frozen(eq=False, repr=False)
class TypeName(Node):
    """A type as written; the standard's spellings come out as ``pg_catalog`` names (``INTEGER`` as pg_catalog.int4).

    ``dimensions`` has one entry per ``[]`` or ARRAY, None where no bound was given. ``interval_fields`` is such as
    ``year to month`` or ``second``; a precision stands in ``modifiers``. ``percent_type`` is ``name%TYPE``.
    """

    names: tuple[str, ...]
    modifiers: tuple[Expression, ...] = ()
    dimensions: tuple[int | None, ...] = ()
    setof: bool = False
    interval_fields: str | None = None
    percent_type: bool = False

    @property
    def name(self) -> str:
        """The last part of the name."""
        return self.names[-1]


@frozen(eq=False, repr=False)
class TypeCast(Expression):
    """``CAST(x AS t)``, ``x::t`` and ``t 'literal'``."""

    operand: Expression
    type: TypeName


@frozen(eq=False, repr=False)
class NamedArgument(Expression):
    """``name => value`` (or ``:=``) among a call's arguments."""

    name: str
    value: Expression


@frozen(eq=False, repr=False)
class FrameBound(Node):
    """One end of a window frame; ``offset`` only with plain ``preceding`` and ``following``."""

    kind: OneOf["unbounded preceding", "preceding", "current row", "following", "unbounded following"]
    offset: Expression | None = None


@frozen(eq=False, repr=False)
class WindowFrame(Node):
    """``ROWS BETWEEN start AND end EXCLUDE ...``; a frame without BETWEEN ends at the current row."""

    mode: OneOf["range", "rows", "groups"]
    start: FrameBound
    end: FrameBound
    exclusion: OneOf["current row", "group", "ties"] | None = None


@frozen(eq=False, repr=False)
class WindowSpec(Node):
    """A window: ``OVER w`` has only ``name``; ``WINDOW w AS (base ...)`` has both; ``OVER (base ...)`` has ``base``."""

    name: str | None = None
    base: str | None = None
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortItem, ...] = ()
    frame: WindowFrame | None = None


@frozen(eq=False, repr=False)
class FunctionCall(Expression):
    """A call. ``order_by`` is the aggregate's own, or with ``within_group`` that of WITHIN GROUP."""

    name: tuple[str, ...]
    arguments: tuple[Expression, ...] = ()
    star: bool = False
    distinct: bool = False
    variadic: bool = False
    order_by: tuple[SortItem, ...] = ()
    within_group: bool = False
    filter: Expression | None = None
    over: WindowSpec | None = None
    sql_syntax: bool = field(default=False, eq=False)


@frozen(eq=False, repr=False)
class SqlValueFunction(Expression):
    """``CURRENT_DATE``, ``LOCALTIME(3)``, ``CURRENT_USER`` ...: functions that are called without parentheses."""

    name: OneOf[
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "current_role",
        "current_user",
        "user",
        "session_user",
        "current_catalog",
        "current_schema",
    ]
    precision: int | None = None


@frozen(eq=False, repr=False)
class Operator(Expression):
    """A binary operator, or with ``left`` None a prefix one; ``schema`` from ``OPERATOR(schema.op)``."""

    name: str
    left: Expression | None
    right: Expression
    schema: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class And(Expression):
    """Two or more operands joined by AND, flattened."""

    operands: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class Or(Expression):
    """Two or more operands joined by OR, flattened."""

    operands: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class Not(Expression):
    """``NOT x``."""

    operand: Expression


@frozen(eq=False, repr=False)
class IsNull(Expression):
    """``x IS NULL``, ``x ISNULL``; negated ``IS NOT NULL``, ``NOTNULL``."""

    operand: Expression
    negated: bool = False


@frozen(eq=False, repr=False)
class BooleanTest(Expression):
    """``x IS [NOT] TRUE``, FALSE, UNKNOWN."""

    operand: Expression
    test: OneOf["true", "false", "unknown"]
    negated: bool = False


@frozen(eq=False, repr=False)
class IsDistinctFrom(Expression):
    """``a IS [NOT] DISTINCT FROM b``."""

    left: Expression
    right: Expression
    negated: bool = False


@frozen(eq=False, repr=False)
class Between(Expression):
    """``x [NOT] BETWEEN [SYMMETRIC] low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    symmetric: bool = False
    negated: bool = False


@frozen(eq=False, repr=False)
class InList(Expression):
    """``x [NOT] IN (a, b, ...)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@frozen(eq=False, repr=False)
class InSubquery(Expression):
    """``x [NOT] IN (SELECT ...)``; the operand may be a RowConstructor."""

    operand: Expression
    query: Query
    negated: bool = False


@frozen(eq=False, repr=False)
class Like(Expression):
    """``x [NOT] LIKE | ILIKE | SIMILAR TO pattern [ESCAPE e]``; position is that of the word."""

    kind: OneOf["like", "ilike", "similar to"]
    operand: Expression
    pattern: Expression
    escape: Expression | None = None
    negated: bool = False


@frozen(eq=False, repr=False)
class AnyAll(Expression):
    """``x op ANY (array)`` or ``x op ALL (SELECT ...)``: exactly one of ``array`` and ``query`` is set.

    SOME is ANY; ``LIKE ANY`` comes with the operator ``~~`` (ILIKE ``~~*``, negated ``!~~`` and ``!~~*``).
    """

    operand: Expression
    operator: str
    quantifier: OneOf["any", "all"]
    array: Expression | None = None
    query: Query | None = None
    schema: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class Exists(Expression):
    """``EXISTS (SELECT ...)``."""

    query: Query


@frozen(eq=False, repr=False)
class ScalarSubquery(Expression):
    """``(SELECT ...)`` as a value."""

    query: Query


@frozen(eq=False, repr=False)
class ArraySubquery(Expression):
    """``ARRAY(SELECT ...)``."""

    query: Query


@frozen(eq=False, repr=False)
class ArrayConstructor(Expression):
    """``ARRAY[a, b]``; the inner brackets of ``ARRAY[[1], [2]]`` are ArrayConstructors too."""

    elements: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class RowConstructor(Expression):
    """``ROW(a, b)`` (explicit) or ``(a, b)``."""

    elements: tuple[Expression, ...]
    explicit: bool = False


@frozen(eq=False, repr=False)
class When(Node):
    """``WHEN condition THEN result``; with a CASE operand ``condition`` is what it is compared with."""

    condition: Expression
    result: Expression


@frozen(eq=False, repr=False)
class Case(Expression):
    """``CASE [operand] WHEN ... [ELSE default] END``."""

    operand: Expression | None
    whens: tuple[When, ...]
    default: Expression | None = None


@frozen(eq=False, repr=False)
class Coalesce(Expression):
    """``COALESCE(a, b, ...)``."""

    arguments: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class NullIf(Expression):
    """``NULLIF(a, b)``."""

    left: Expression
    right: Expression


@frozen(eq=False, repr=False)
class Greatest(Expression):
    """``GREATEST(a, b, ...)``."""

    arguments: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class Least(Expression):
    """``LEAST(a, b, ...)``."""

    arguments: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class ArrayIndex(Node):
    """``[i]``."""

    index: Expression


@frozen(eq=False, repr=False)
class ArraySlice(Node):
    """``[lower:upper]``, either of which may be missing."""

    lower: Expression | None
    upper: Expression | None


@frozen(eq=False, repr=False)
class Subscript(Expression):
    """One or more subscripts in a row: ``x[1][2:3]``."""

    operand: Expression
    subscripts: tuple[ArrayIndex | ArraySlice, ...]


@frozen(eq=False, repr=False)
class FieldSelection(Expression):
    """``(x).name``; dotted names without parentheses are ColumnRef."""

    operand: Expression
    name: str


@frozen(eq=False, repr=False)
class FieldStar(Expression):
    """``(x).*``."""

    operand: Expression


@frozen(eq=False, repr=False)
class Collate(Expression):
    """``x COLLATE c``."""

    operand: Expression
    collation: QualifiedName


@frozen(eq=False, repr=False)
class GroupingFunction(Expression):
    """``GROUPING(a, b)``."""

    arguments: tuple[Expression, ...]


@frozen(eq=False, repr=False)
class CurrentOf(Expression):
    """``WHERE CURRENT OF cursor``; ``parameter`` is the number when the cursor is given as ``$n``."""

    cursor: str | None
    parameter: int | None = None


def leftmost(node: Expression) -> int:
    """Return the position where the text of an expression begins: what PostgreSQL's exprLocation reports for operators.

    Only what can stand before the node's own token is looked at, with a loop, as chains may be long.
    """
    position = node.position
    while True:
        inner: Expression | None = getattr(node, "operand", None) or getattr(node, "left", None)
        if isinstance(node, FunctionCall) and node.sql_syntax:
            # Written in any order: all of the few arguments may come first.
            return min([position, *(leftmost(argument) for argument in node.arguments if argument.position)])
        if inner is None:
            operands: tuple[Expression, ...] = getattr(node, "operands", ())
            if not operands:
                return position
            inner = operands[0]
        node = inner
        if node.position and node.position < position:
            position = node.position
