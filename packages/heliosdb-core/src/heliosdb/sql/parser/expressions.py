"""Value expressions: precedence climbing over PostgreSQL's table of operators.

``expression`` is PostgreSQL's ``a_expr``; with ``restricted`` it is ``b_expr``, the subset that may stand where AND,
IN, NOT or LIKE would be ambiguous. Comparisons and the LIKE family do not associate: a second one of the level directly
behind is a syntax error, as ``a < b < c`` is in PostgreSQL. A chain of equal operators is read in a loop, so its length
is not a depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql.parser import primaries, query, types
from heliosdb.sql.statements import (
    And,
    AnyAll,
    Between,
    BooleanTest,
    Collate,
    Default,
    Expression,
    FunctionCall,
    InList,
    InSubquery,
    IsDistinctFrom,
    IsNull,
    Like,
    Literal,
    Not,
    Operator,
    Or,
    QualifiedName,
    Query,
    TypeCast,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "INFIX",
    "OPERATORS",
    "OUTPUT",
    "expression",
    "expression_list",
    "infix",
    "negate",
    "qualified_operator",
    "restricted_expression",
]

# Binding powers, from PostgreSQL's table (gram.y: the %left, %right and %nonassoc lines), loosest first.
OR, AND, NOT, IS, COMPARE, MATCH, OTHER, ADD, MULTIPLY, POWER, AT, COLLATE, UNARY, CAST = range(1, 15)

#: As the minimum: the expression is an output column, where a word such as AND may be its label.
OUTPUT: Final = -1
_LABELS: Final = frozenset(
    {"or", "and", "is", "between", "in", "like", "ilike", "similar", "operator", "at", "collate"}
)
_ENDS_OUTPUT: Final = frozenset(
    {
        ",", "from", "into", "where", "group", "having", "window", "union", "intersect", "except", "order", "limit",
        "offset", "fetch", "for", "on", "returning", "with", ")", ";", "EOF",
    }
)  # fmt: skip

INFIX: Final = {
    "or": OR,
    "and": AND,
    "is": IS,
    "isnull": IS,
    "notnull": IS,
    "<": COMPARE,
    ">": COMPARE,
    "=": COMPARE,
    "<=": COMPARE,
    ">=": COMPARE,
    "<>": COMPARE,
    "between": MATCH,
    "in": MATCH,
    "like": MATCH,
    "ilike": MATCH,
    "similar": MATCH,
    "not_la": MATCH,
    "OP": OTHER,
    "operator": OTHER,
    "+": ADD,
    "-": ADD,
    "*": MULTIPLY,
    "/": MULTIPLY,
    "%": MULTIPLY,
    "^": POWER,
    "at": AT,
    "collate": COLLATE,
    "::": CAST,
}
OPERATORS: Final = frozenset(["+", "-", "*", "/", "%", "^", "<", ">", "=", "<=", ">=", "<>"])
_RESTRICTED: Final = OPERATORS | {"OP", "operator", "is", "::"}
_QUANTIFIERS: Final = frozenset({"any", "some", "all"})
_NORMAL_FORMS: Final = frozenset({"nfc", "nfd", "nfkc", "nfkd"})


def restricted_expression(p: Parser) -> Expression:
    """Read a ``b_expr``."""
    return expression(p, 0, True)


def expression_list(p: Parser) -> tuple[Expression, ...]:
    """Read one or more expressions separated by commas."""
    first = expression(p)
    if p.kind != ",":
        return (first,)
    items = [first]
    while p.kind == ",":
        p.advance()
        items.append(expression(p))
    return tuple(items)


def expression(p: Parser, minimum: int = 0, restricted: bool = False) -> Expression:
    """Read an expression whose operators bind at least as tightly as ``minimum``."""
    kind = p.kind
    if kind in _PREFIX:
        left = _PREFIX[kind](p, restricted)
    else:
        left = primaries.primary(p)
    kind = p.kind
    if kind not in INFIX:
        return left
    return infix(p, left, minimum, restricted)


def infix(p: Parser, left: Expression, minimum: int, restricted: bool) -> Expression:
    """Read on behind a left operand."""
    last = 0
    while True:
        kind = p.kind
        power = INFIX.get(kind, 0)
        if power < minimum or not power or (restricted and kind not in _RESTRICTED):
            return left
        if minimum < 0 and kind in _LABELS and p.kinds[p.i + 1] in _ENDS_OUTPUT:
            return left
        if power == last:
            p.unexpected()
        last = 0
        i = p.i
        position = p.positions[i]
        if kind in OPERATORS or kind == "OP":
            p.i = i + 1
            p.kind = p.kinds[i + 1]
            if p.kind in _QUANTIFIERS and not restricted:
                left = quantified(p, left, p.values[i], (), position)
                continue
            right = expression(p, power + 1, restricted)
            left = Operator(p.values[i], left, right, position=position)
            if power == COMPARE:
                last = COMPARE
        elif kind == "and" or kind == "or":
            left = chain(p, left, kind, power, position, minimum)
        elif kind == "::":
            p.advance()
            left = TypeCast(left, types.type_name(p), position=position)
        elif kind == "is":
            left = is_test(p, left, restricted, position)
            if type(left) is IsDistinctFrom:
                last = IS
        elif power == MATCH:
            if kind == "similar" and p.similar_ends and p.next_kind() != "to":
                return left
            left, joins = match(p, left, position)
            last = MATCH if joins else 0
        elif kind == "operator":
            name = qualified_operator(p)
            if p.kind in _QUANTIFIERS and not restricted:
                left = quantified(p, left, name.name, name.parts[:-1], position)
                continue
            right = expression(p, OTHER + 1, restricted)
            left = Operator(name.name, left, right, name.parts[:-1], position=position)
        elif kind == "at":
            p.advance()
            p.expect_all("time", "zone")
            zone = expression(p, AT + 1)
            left = FunctionCall(("pg_catalog", "timezone"), (zone, left), sql_syntax=True, position=position)
        elif kind == "collate":
            p.advance()
            left = Collate(left, p.any_name(), position=position)
        else:
            p.advance()
            left = IsNull(left, kind == "notnull", position=position)


def chain(p: Parser, left: Expression, word: str, power: int, position: int, minimum: int) -> Expression:
    """Read ``AND b AND c ...`` into one node (PostgreSQL flattens to the left, parentheses or not)."""
    node = And if word == "and" else Or
    operands = list(left.operands) if isinstance(left, node) else [left]
    if isinstance(left, node):
        position = left.position
    while p.kind == word and not (minimum < 0 and p.kinds[p.i + 1] in _ENDS_OUTPUT):
        p.advance()
        operands.append(expression(p, power + 1))
    return node(tuple(operands), position=position)


def is_test(p: Parser, left: Expression, restricted: bool, position: int) -> Expression:
    """Read what follows IS."""
    p.advance()
    negated = p.accept("not")
    kind = p.kind
    if kind == "distinct":
        p.advance()
        p.expect("from")
        right = expression(p, IS + 1, restricted)
        return IsDistinctFrom(left, right, negated, position=position)
    if kind == "document":
        raise p.unsupported("IS DOCUMENT", position)
    if restricted:
        p.unexpected()
    if kind == "null":
        p.advance()
        return IsNull(left, negated, position=position)
    if kind in ("true", "false", "unknown"):
        p.advance()
        return BooleanTest(left, kind, negated, position=position)  # type: ignore[arg-type]
    form: tuple[Expression, ...] = ()
    if kind in _NORMAL_FORMS:
        form = (Literal("string", kind.upper(), position=p.position),)
        p.advance()
        if p.kind != "normalized":
            p.unexpected()
    p.expect("normalized")
    test = FunctionCall(("pg_catalog", "is_normalized"), (left, *form), sql_syntax=True, position=position)
    return Not(test, position=position) if negated else test


def match(p: Parser, left: Expression, position: int) -> tuple[Expression, bool]:
    """Read BETWEEN, IN, LIKE, ILIKE, SIMILAR TO; tell whether a further one may not follow."""
    negated = p.accept("not_la")
    kind = p.kind
    p.advance()
    if kind == "between":
        symmetric = p.accept("symmetric")
        if not symmetric:
            p.accept("asymmetric")
        low = expression(p, 0, True)
        p.expect("and")
        high = expression(p, MATCH + 1)
        return Between(left, low, high, symmetric, negated, position=position), True
    if kind == "in":
        if p.kind != "(":
            p.unexpected()
        inner = primaries.parenthesized(p)
        if isinstance(inner, Query):
            return InSubquery(left, inner, negated, position=position), False
        return InList(left, inner, negated, position=position), False
    if kind == "similar":
        p.expect("to")
        word = "similar to"
    else:
        word = kind
        if p.kind in _QUANTIFIERS:
            operator = ("!~~" if negated else "~~") + ("*" if kind == "ilike" else "")
            return quantified(p, left, operator, (), position), False
    pattern = expression(p, MATCH + 1)
    escape = expression(p, MATCH + 1) if p.accept("escape") else None
    return Like(word, left, pattern, escape, negated, position=position), True  # type: ignore[arg-type]


def quantified(p: Parser, left: Expression, operator: str, schema: tuple[str, ...], position: int) -> AnyAll:
    """Read ``ANY (...)`` or ``ALL (...)``."""
    quantifier = "all" if p.kind == "all" else "any"
    p.advance()
    if p.kind != "(":
        p.unexpected()
    inner = primaries.parenthesized(p)
    if isinstance(inner, Query):
        return AnyAll(left, operator, quantifier, query=inner, schema=schema, position=position)  # type: ignore[arg-type]
    return AnyAll(left, operator, quantifier, array=inner[0], schema=schema, position=position)  # type: ignore[arg-type]


def qualified_operator(p: Parser) -> QualifiedName:
    """Read an operator as itself or as ``OPERATOR(schema.op)``."""
    position = p.position
    if p.kind != "operator":
        return QualifiedName((any_operator(p),), position=position)
    p.advance()
    p.expect("(")
    name = dotted_operator(p)
    p.expect(")")
    return QualifiedName(name, position=position)


def dotted_operator(p: Parser) -> tuple[str, ...]:
    """Read ``schema.op`` (any_operator)."""
    parts: list[str] = []
    while p.kind != "OP" and p.kind not in OPERATORS:
        parts.append(p.identifier())
        p.expect(".")
    return (*parts, any_operator(p))


def any_operator(p: Parser) -> str:
    """Read an operator's own text."""
    if p.kind != "OP" and p.kind not in OPERATORS:
        p.unexpected()
    name = p.values[p.i]
    p.advance()
    return name


# -- what stands in front ---------------------------------------------------------------------------------------------


def negate(operand: Expression, position: int) -> Expression:
    """Apply a minus sign: to a number constant at once, as PostgreSQL's grammar does."""
    if type(operand) is Literal and operand.kind in ("integer", "numeric"):
        value = operand.value[1:] if operand.negated else "-" + operand.value
        return Literal(operand.kind, value, operand.slot, not operand.negated, position=position)
    return Operator("-", None, operand, position=position)


def prefix_sign(p: Parser, restricted: bool) -> Expression:
    signs: list[tuple[str, int]] = []
    while p.kind in ("+", "-"):
        signs.append((p.kind, p.position))
        p.advance()
    p.check_depth(len(signs))
    operand = expression(p, UNARY, restricted)
    for sign, position in reversed(signs):
        if sign == "-":
            operand = negate(operand, position)
        else:
            operand = Operator("+", None, operand, position=position)
    return operand


def prefix_operator(p: Parser, restricted: bool) -> Expression:
    if p.kind == "operator" and p.next_kind() != "(":
        return primaries.primary(p)
    position = p.position
    name = qualified_operator(p)
    operand = p.deeper(lambda: expression(p, OTHER + 1, restricted))
    return Operator(name.name, None, operand, name.parts[:-1], position=position)


def prefix_not(p: Parser, restricted: bool) -> Expression:
    if restricted:
        p.unexpected()
    positions: list[int] = []
    while p.kind in ("not", "not_la"):
        positions.append(p.position)
        p.advance()
    p.check_depth(len(positions))
    operand = p.deeper(lambda: expression(p, NOT))
    for position in reversed(positions):
        operand = Not(operand, position=position)
    return operand


def prefix_unique(p: Parser, restricted: bool) -> Expression:
    if restricted:
        p.unexpected()
    position = p.position
    p.advance()
    query.parenthesized_query(p)
    raise FeatureNotSupported("UNIQUE predicate is not yet implemented", position=position)


def prefix_default(p: Parser, restricted: bool) -> Expression:
    if restricted:
        p.unexpected()
    position = p.position
    p.advance()
    return Default(position=position)


_PREFIX: Final = {
    "+": prefix_sign,
    "-": prefix_sign,
    "OP": prefix_operator,
    "operator": prefix_operator,
    "not": prefix_not,
    "not_la": prefix_not,
    "unique": prefix_unique,
    "default": prefix_default,
}
