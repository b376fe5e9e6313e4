"""Value expressions: precedence climbing over PostgreSQL's table of operators.

``expression`` is PostgreSQL's ``a_expr``; with ``restricted`` it is ``b_expr``, the subset that may stand where AND,
IN, NOT or LIKE would be ambiguous. Comparisons and the LIKE family do not associate: a second one of the level directly
behind is a syntax error, as ``a < b < c`` is in PostgreSQL. A chain of equal operators is read in a loop, so its length
is not a depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql.parser import functions, names, query, types
from heliosdb.sql.statements import (
    And,
    AnyAll,
    ArrayConstructor,
    ArrayIndex,
    ArraySlice,
    ArraySubquery,
    Between,
    BooleanTest,
    Case,
    Collate,
    Default,
    Exists,
    Expression,
    FieldSelection,
    FieldStar,
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
    Parameter,
    QualifiedName,
    Query,
    RowConstructor,
    ScalarSubquery,
    Subscript,
    TypeCast,
    When,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "OPERATORS",
    "OUTPUT",
    "apply_indirection",
    "expression",
    "expression_list",
    "indirection",
    "negate",
    "primary",
    "qualified_operator",
    "restricted_expression",
    "subscript",
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

_INFIX: Final = {
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
        left = primary(p)
    kind = p.kind
    if kind not in _INFIX:
        return left
    return infix(p, left, minimum, restricted)


def infix(p: Parser, left: Expression, minimum: int, restricted: bool) -> Expression:
    """Read on behind a left operand."""
    last = 0
    while True:
        kind = p.kind
        power = _INFIX.get(kind, 0)
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
        inner = parenthesized(p)
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
    inner = parenthesized(p)
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
        return primary(p)
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


# -- primaries --------------------------------------------------------------------------------------------------------


def primary(p: Parser) -> Expression:
    """Read a ``c_expr``: a constant, a name, a call, something in parentheses ..."""
    kind = p.kind
    if kind == "IDENT":
        return names.name_expression(p)
    handler = _PRIMARIES.get(kind)
    if handler is not None:
        return handler(p)
    return names.name_expression(p)


def constant(p: Parser) -> Expression:
    return p.constant()


def word_constant(p: Parser) -> Expression:
    kind = p.kind
    position = p.position
    p.advance()
    if kind == "null":
        return Literal("null", "", position=position)
    return Literal("boolean", kind, position=position)


def parameter(p: Parser) -> Expression:
    position = p.position
    # PostgreSQL reads the number with atol and keeps 32 bits of it; numbers that large mean nothing anyway.
    digits = p.values[p.i].lstrip("0")
    number = int(digits or "0") if len(digits) <= 10 else 2**31
    p.advance()
    return apply_indirection(p, Parameter(number, position=position))


def parenthesis(p: Parser) -> Expression:
    """Read ``(a)``, ``(a, b)``, ``(SELECT ...)`` with what may follow them."""
    position = p.position
    inner = parenthesized(p)
    if isinstance(inner, Query):
        return apply_indirection(p, ScalarSubquery(inner, position=position))
    if len(inner) == 1:
        return apply_indirection(p, inner[0])
    return overlaps(p, RowConstructor(inner, position=position))


def overlaps(p: Parser, left: RowConstructor) -> Expression:
    """Read ``OVERLAPS (c, d)`` behind a row if it is there."""
    if p.kind != "overlaps":
        return left
    position = p.position
    p.advance()
    at = p.position
    if p.kind == "row":
        right = row_elements(p)
    else:
        if p.kind == "(" and p.next_kind() in query.QUERY_WORDS - {"values"}:
            p.advance()
            p.unexpected()
        inner = parenthesized(p)
        if isinstance(inner, Query) or len(inner) == 1:
            p.unexpected()
        right = inner
    for elements, where in ((left.elements, left.position), (right, at)):
        if len(elements) != 2:
            side = "left" if elements is left.elements else "right"
            error = p.error(f"wrong number of parameters on {side} side of OVERLAPS expression")
            error.position = where
            raise error
    return FunctionCall(("pg_catalog", "overlaps"), (*left.elements, *right), sql_syntax=True, position=position)


def parenthesized(p: Parser) -> Query | tuple[Expression, ...]:
    """Read what stands in parentheses: a query, or one or more expressions."""
    return p.deeper(lambda: _parenthesized(p))


def _parenthesized(p: Parser) -> Query | tuple[Expression, ...]:
    p.expect("(")
    if p.kind in query.QUERY_WORDS and not (p.kind == "values" and p.next_kind() != "("):
        inner = query.query(p)
        p.expect(")")
        return inner
    if p.kind == "(":
        position = p.position
        content = parenthesized(p)
        if isinstance(content, Query):
            if p.kind == ")":
                p.advance()
                return content
            if p.kind in query.TAIL_WORDS:
                inner = query.query_tail(p, content)
                p.expect(")")
                return inner
            first: Expression = ScalarSubquery(content, position=position)
        elif len(content) == 1:
            first = content[0]
        else:
            first = overlaps(p, RowConstructor(content, position=position))
        if not isinstance(first, RowConstructor):
            first = apply_indirection(p, first)
        if p.kind in _INFIX:
            first = infix(p, first, 0, False)
    else:
        first = expression(p)
    items = [first]
    while p.accept(","):
        items.append(expression(p))
    p.expect(")")
    return tuple(items)


def case(p: Parser) -> Expression:
    return p.deeper(lambda: _case(p))


def _case(p: Parser) -> Expression:
    position = p.position
    p.advance()
    operand = None if p.kind == "when" else expression(p)
    whens: list[When] = []
    while p.kind == "when":
        at = p.position
        p.advance()
        condition = expression(p)
        p.expect("then")
        whens.append(When(condition, expression(p), position=at))
    if not whens:
        p.unexpected()
    default = expression(p) if p.accept("else") else None
    p.expect("end")
    return Case(operand, tuple(whens), default, position=position)


def exists(p: Parser) -> Expression:
    if p.next_kind() != "(":
        return names.name_expression(p)
    position = p.position
    p.advance()
    return Exists(query.parenthesized_query(p), position=position)


def array(p: Parser) -> Expression:
    position = p.position
    p.advance()
    if p.kind == "(":
        return ArraySubquery(query.parenthesized_query(p), position=position)
    return p.deeper(lambda: array_elements(p, position))


def array_elements(p: Parser, position: int) -> ArrayConstructor:
    """Read ``[a, b]`` or ``[[a], [b]]``."""
    p.expect("[")
    elements: tuple[Expression, ...] = ()
    if p.kind == "[":
        elements = p.separated(lambda: p.deeper(lambda: array_elements(p, p.position)))
    elif p.kind != "]":
        elements = expression_list(p)
    p.expect("]")
    return ArrayConstructor(elements, position=position)


def row(p: Parser) -> Expression:
    if p.next_kind() != "(":
        return names.name_expression(p)
    position = p.position
    return overlaps(p, RowConstructor(row_elements(p), True, position=position))


def row_elements(p: Parser) -> tuple[Expression, ...]:
    """Read ``ROW(a, b)`` from the word on."""
    p.advance()
    p.expect("(")
    elements = () if p.kind == ")" else p.deeper(lambda: expression_list(p))
    p.expect(")")
    return elements


# -- subscripts and fields --------------------------------------------------------------------------------------------


def subscript(p: Parser) -> ArrayIndex | ArraySlice:
    """Read ``[i]`` or ``[lower:upper]``."""
    position = p.position
    p.expect("[")
    lower = None if p.kind == ":" else expression(p)
    if p.accept(":"):
        upper = None if p.kind == "]" else expression(p)
        p.expect("]")
        return ArraySlice(lower, upper, position=position)
    assert lower is not None
    p.expect("]")
    return ArrayIndex(lower, position=position)


def indirection(p: Parser) -> list[str | ArrayIndex | ArraySlice | None]:
    """Read ``.name``, ``.*`` (None) and subscripts as far as they go."""
    elements: list[str | ArrayIndex | ArraySlice | None] = []
    while True:
        if p.kind == ".":
            p.advance()
            if p.accept("*"):
                elements.append(None)
            else:
                elements.append(p.label())
        elif p.kind == "[":
            elements.append(p.deeper(lambda: subscript(p)))
        else:
            return elements


def apply_indirection(p: Parser, operand: Expression) -> Expression:
    """Read what may follow an expression in parentheses or a parameter, and wrap it."""
    if p.kind != "." and p.kind != "[":
        return operand
    return wrap(p, operand, indirection(p))


def wrap(p: Parser, operand: Expression, elements: list[str | ArrayIndex | ArraySlice | None]) -> Expression:
    """Wrap an expression in field selections and subscripts."""
    if None in elements[:-1]:
        raise p.near('improper use of "*"')
    position = operand.position
    subscripts: list[ArrayIndex | ArraySlice] = []
    for element in elements:
        if isinstance(element, (ArrayIndex, ArraySlice)):
            subscripts.append(element)
            continue
        if subscripts:
            operand = Subscript(operand, tuple(subscripts), position=position)
            subscripts = []
        if element is None:
            operand = FieldStar(operand, position=position)
        else:
            operand = FieldSelection(operand, element, position=position)
    return Subscript(operand, tuple(subscripts), position=position) if subscripts else operand


_PRIMARIES: Final = {
    "ICONST": constant,
    "FCONST": constant,
    "SCONST": constant,
    "BCONST": constant,
    "XCONST": constant,
    "PARAM": parameter,
    "(": parenthesis,
    "null": word_constant,
    "true": word_constant,
    "false": word_constant,
    "case": case,
    "exists": exists,
    "array": array,
    "row": row,
    **functions.SPECIAL,
}
