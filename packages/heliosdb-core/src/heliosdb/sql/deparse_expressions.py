"""Expressions as SQL text, for ``heliosdb.sql.deparse``.

Chains such as ``a || b || c ...`` lean to the left and may be long; they are written by a loop, everything else
recursively.
"""

from __future__ import annotations

from functools import singledispatch

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql import statements as tree
from heliosdb.sql.quoting import quote_identifier, quote_literal, quote_name
from heliosdb.sql.standard_calls import standard_call

__all__ = ["is_simple", "list_text", "operator_text", "text_of", "type_of", "window_text", "writer"]

DISPLAY = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "varbit": "bit varying",
    "bit": "bit",
    "numeric": "numeric",
    "interval": "interval",
}
"""How the grammar's own type names are spelled; their modifiers follow the word."""

TIMES = {
    "time": ("time", " without time zone"),
    "timetz": ("time", " with time zone"),
    "timestamp": ("timestamp", " without time zone"),
    "timestamptz": ("timestamp", " with time zone"),
}


@singledispatch
def writer(node: object, pretty: bool) -> str:
    raise FeatureNotSupported(f"{_words(type(node).__name__)} in a stored expression or view is not supported")


def text_of(node: tree.Node, pretty: bool) -> str:
    """Return a node as SQL text."""
    return writer(node, pretty)


def _closed(text: str, pretty: bool) -> str:
    return text if pretty else f"({text})"


def _operand(node: tree.Node, parent: tree.Node | None, pretty: bool) -> str:
    text = writer(node, pretty)
    return f"({text})" if pretty and parent is not None and not is_simple(node, parent) else text


ALWAYS_SIMPLE = (
    tree.ColumnRef, tree.Literal, tree.Parameter, tree.Default, tree.Subscript, tree.ArrayConstructor,
    tree.ArraySubquery, tree.RowConstructor, tree.Coalesce, tree.Greatest, tree.Least, tree.NullIf,
    tree.SqlValueFunction, tree.GroupingFunction, tree.FunctionCall, tree.Case, tree.ScalarSubquery, tree.Exists,
    tree.InSubquery,
)  # fmt: skip
"""What looks like a function call, or brings its own parentheses."""

AROUND_ALL = (
    tree.Subscript, tree.ArrayConstructor, tree.RowConstructor, tree.Coalesce, tree.Greatest, tree.Least, tree.NullIf,
    tree.FunctionCall, tree.Case,
)  # fmt: skip
"""Whose own parentheses or brackets are enough for what stands inside."""

COMPARISONS = (tree.IsNull, tree.BooleanTest, tree.IsDistinctFrom, tree.Like, tree.Between)
BOOLEANS = (tree.And, tree.Or, tree.Not)


def is_simple(node: tree.Node, parent: tree.Node) -> bool:
    """Return whether a node needs no parentheses inside another in pretty text (``isSimpleNode`` of ruleutils.c)."""
    if isinstance(node, ALWAYS_SIMPLE):
        return True
    if isinstance(node, tree.TypeCast):
        is_function = node.type.names[-1] not in ("text", "varchar") or isinstance(parent, AROUND_ALL)
        return is_function or is_simple(node.operand, node)
    if isinstance(node, tree.FieldSelection):
        return not isinstance(parent, tree.FieldSelection)
    if isinstance(node, tree.Operator) and isinstance(parent, tree.Operator):
        return _binds_tighter(node, parent)
    if isinstance(node, (tree.Operator, *COMPARISONS)):
        return isinstance(parent, (*AROUND_ALL, *BOOLEANS))
    if isinstance(node, BOOLEANS):
        if isinstance(parent, BOOLEANS):
            return isinstance(parent, tree.Or) or (isinstance(parent, tree.And) and not isinstance(node, tree.Or))
        return isinstance(parent, AROUND_ALL)
    return False


def _binds_tighter(node: tree.Operator, parent: tree.Operator) -> bool:
    if node.left is None or parent.left is None:
        return False
    if len(node.name) != 1 or node.name not in "+-*/%" or parent.name not in "+-*/%" or len(parent.name) != 1:
        return False
    low, low_parent = node.name in "+-", parent.name in "+-"
    return not low if low != low_parent else node is parent.left


def _words(name: str) -> str:
    return "".join(" " + letter.lower() if letter.isupper() else letter for letter in name).strip()


def list_text(nodes: tuple[tree.Node, ...], pretty: bool) -> str:
    return ", ".join([writer(node, pretty) for node in nodes])


# -- values --------------------------------------------------------------------------------------------------------


@writer.register
def _(node: tree.ColumnRef, pretty: bool) -> str:
    name = quote_name(node.parts)
    if not node.star:
        return name
    return f"{name}.*" if name else "*"


@writer.register
def _(node: tree.Literal, pretty: bool) -> str:
    if node.kind == "string":
        return quote_literal(node.value)
    if node.kind == "bitstring":
        return f"{node.value[0].upper()}'{node.value[1:]}'"
    if node.kind == "null":
        return "NULL"
    # A negative constant is one value, not a minus before something.
    return f"({node.value})" if node.value.startswith("-") else node.value


@writer.register
def _(node: tree.Parameter, pretty: bool) -> str:
    return f"${node.number}"


@writer.register
def _(node: tree.Default, pretty: bool) -> str:
    return "DEFAULT"


@writer.register
def type_of(node: tree.TypeName, pretty: bool = False) -> str:
    setof = "SETOF " if node.setof else ""
    if node.percent_type:
        return f"{setof}{quote_name(node.names)}%TYPE"
    modifiers = f"({list_text(node.modifiers, pretty)})" if node.modifiers else ""
    builtin = node.names[-1] if len(node.names) == 1 or node.names[0] == "pg_catalog" else None
    if builtin is not None and len(node.names) == 2 and builtin in TIMES:
        word, zone = TIMES[builtin]
        text = f"{word}{modifiers}{zone}"
    elif builtin is not None and len(node.names) == 2 and builtin in DISPLAY:
        fields = f" {node.interval_fields}" if node.interval_fields else ""
        text = f"{DISPLAY[builtin]}{fields}{modifiers}"
    else:
        text = quote_name(node.names) + modifiers
    dimensions = "".join(["[]" if bound is None else f"[{bound}]" for bound in node.dimensions])
    return setof + text + dimensions


@writer.register
def _(node: tree.TypeCast, pretty: bool) -> str:
    if isinstance(node.operand, tree.Literal):
        operand = writer(node.operand, pretty)
    else:
        operand = _operand(node.operand, node, pretty)
    is_number = isinstance(node.operand, tree.Literal) and node.operand.kind in ("integer", "numeric")
    if not pretty and (is_number or not isinstance(node.operand, tree.Literal)):
        operand = operand if operand.startswith("(") and _is_closed(operand) else f"({operand})"
    return f"{operand}::{type_of(node.type)}"


def _is_closed(text: str) -> bool:
    """Return whether the parenthesis that begins the text ends it (texts with quotes inside count as not closed)."""
    if "'" in text or '"' in text or not text.endswith(")"):
        return False
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return index == len(text) - 1
    return False


@writer.register
def _(node: tree.NamedArgument, pretty: bool) -> str:
    return f"{quote_identifier(node.name)} => {writer(node.value, pretty)}"


@writer.register
def _(node: tree.FunctionCall, pretty: bool) -> str:
    name = ".".join([quote_identifier(part) for part in node.name])
    arguments = [writer(argument, pretty) for argument in node.arguments]
    if node.sql_syntax:
        standard = standard_call(node.name[-1], arguments)
        if standard is not None:
            return standard
    if node.variadic:
        arguments[-1] = "VARIADIC " + arguments[-1]
    inner = "*" if node.star else ", ".join(arguments)
    if node.distinct:
        inner = "DISTINCT " + inner
    order = f" ORDER BY {list_text(node.order_by, pretty)}" if node.order_by else ""
    text = f"{name}({inner}) WITHIN GROUP ({order.strip()})" if node.within_group else f"{name}({inner}{order})"
    if node.filter is not None:
        text += f" FILTER (WHERE {writer(node.filter, pretty)})"
    if node.over is not None:
        text += f" OVER {_over(node.over, pretty)}"
    return text


def _over(spec: tree.WindowSpec, pretty: bool) -> str:
    return quote_identifier(spec.name) if spec.name is not None else f"({window_text(spec, pretty)})"


def window_text(spec: tree.WindowSpec, pretty: bool) -> str:
    parts = []
    if spec.base is not None:
        parts.append(quote_identifier(spec.base))
    if spec.partition_by:
        parts.append(f"PARTITION BY {list_text(spec.partition_by, pretty)}")
    if spec.order_by:
        parts.append(f"ORDER BY {list_text(spec.order_by, pretty)}")
    if spec.frame is not None:
        frame = spec.frame
        bounds = f"{frame.mode.upper()} BETWEEN {writer(frame.start, pretty)} AND {writer(frame.end, pretty)}"
        exclusion = {"current row": " EXCLUDE CURRENT ROW", "group": " EXCLUDE GROUP", "ties": " EXCLUDE TIES"}
        parts.append(bounds + (exclusion[frame.exclusion] if frame.exclusion else ""))
    return " ".join(parts)


@writer.register
def _(node: tree.FrameBound, pretty: bool) -> str:
    kind = node.kind.upper()
    return kind if node.offset is None else f"{writer(node.offset, pretty)} {kind}"


@writer.register
def _(node: tree.SqlValueFunction, pretty: bool) -> str:
    precision = f"({node.precision})" if node.precision is not None else ""
    return node.name.upper() + precision


@writer.register
def _(node: tree.Operator, pretty: bool) -> str:
    # Left-deep chains are unrolled: a recursion as deep as the chain is long would not end well.
    befores: list[str] = []
    afters: list[str] = []
    current: tree.Expression = node
    parent: tree.Expression | None = None
    while isinstance(current, tree.Operator):
        name = operator_text(current.name, current.schema)
        closed = not pretty or not (parent is None or is_simple(current, parent)) or _is_row_comparison(current)
        befores.append("(" if closed else "")
        right = _operand(current.right, current, pretty) + (")" if closed else "")
        if current.left is None:
            return "".join(befores) + f"{name} {right}" + "".join(reversed(afters))
        afters.append(f" {name} {right}")
        current, parent = current.left, current
    return "".join(befores) + _operand(current, parent, pretty) + "".join(reversed(afters))


def _is_row_comparison(node: tree.Operator) -> bool:
    return isinstance(node.left, tree.RowConstructor)


def operator_text(name: str, schema: tuple[str, ...]) -> str:
    return f"OPERATOR({quote_name(schema)}.{name})" if schema else name


@writer.register
def _(node: tree.And, pretty: bool) -> str:
    return _closed(" AND ".join([_operand(operand, node, pretty) for operand in node.operands]), pretty)


@writer.register
def _(node: tree.Or, pretty: bool) -> str:
    return _closed(" OR ".join([_operand(operand, node, pretty) for operand in node.operands]), pretty)


@writer.register
def _(node: tree.Not, pretty: bool) -> str:
    return _closed(f"NOT {_operand(node.operand, node, pretty)}", pretty)


def _not(negated: bool) -> str:
    return "NOT " if negated else ""


@writer.register
def _(node: tree.IsNull, pretty: bool) -> str:
    return _closed(f"{_operand(node.operand, node, pretty)} IS {_not(node.negated)}NULL", pretty)


@writer.register
def _(node: tree.BooleanTest, pretty: bool) -> str:
    return _closed(f"{_operand(node.operand, node, pretty)} IS {_not(node.negated)}{node.test.upper()}", pretty)


@writer.register
def _(node: tree.IsDistinctFrom, pretty: bool) -> str:
    left, right = _operand(node.left, node, pretty), _operand(node.right, node, pretty)
    return _closed(f"{left} IS {_not(node.negated)}DISTINCT FROM {right}", pretty)


@writer.register
def _(node: tree.Between, pretty: bool) -> str:
    symmetric = "SYMMETRIC " if node.symmetric else ""
    bounds = f"{_operand(node.low, node, pretty)} AND {_operand(node.high, node, pretty)}"
    return _closed(f"{_operand(node.operand, node, pretty)} {_not(node.negated)}BETWEEN {symmetric}{bounds}", pretty)


@writer.register
def _(node: tree.InList, pretty: bool) -> str:
    return _closed(
        f"{_operand(node.operand, node, pretty)} {_not(node.negated)}IN ({list_text(node.items, pretty)})", pretty
    )


@writer.register
def _(node: tree.InSubquery, pretty: bool) -> str:
    return f"({writer(node.operand, pretty)} {_not(node.negated)}IN ({writer(node.query, pretty)}))"


@writer.register
def _(node: tree.Like, pretty: bool) -> str:
    escape = f" ESCAPE {_operand(node.escape, node, pretty)}" if node.escape is not None else ""
    operand, pattern = _operand(node.operand, node, pretty), _operand(node.pattern, node, pretty)
    return _closed(f"{operand} {_not(node.negated)}{node.kind.upper()} {pattern}{escape}", pretty)


@writer.register
def _(node: tree.AnyAll, pretty: bool) -> str:
    right = node.array if node.array is not None else node.query
    assert right is not None
    inner = writer(right, pretty)
    if isinstance(right, tree.ScalarSubquery):
        # One pair of parentheses would make the subquery itself the set.
        inner = f"({inner})"
    operand = _operand(node.operand, node, pretty)
    text = f"{operand} {operator_text(node.operator, node.schema)} {node.quantifier.upper()} ({inner})"
    # A comparison with a subquery is always closed.
    return _closed(text, pretty and node.array is not None)


@writer.register
def _(node: tree.Exists, pretty: bool) -> str:
    return f"(EXISTS ({writer(node.query, pretty)}))"


@writer.register
def _(node: tree.ScalarSubquery, pretty: bool) -> str:
    return f"({writer(node.query, pretty)})"


@writer.register
def _(node: tree.ArraySubquery, pretty: bool) -> str:
    return f"ARRAY({writer(node.query, pretty)})"


@writer.register
def _(node: tree.ArrayConstructor, pretty: bool) -> str:
    return f"ARRAY[{list_text(node.elements, pretty)}]"


@writer.register
def _(node: tree.RowConstructor, pretty: bool) -> str:
    return f"ROW({list_text(node.elements, pretty)})" if node.explicit else f"({list_text(node.elements, pretty)})"


@writer.register
def _(node: tree.Case, pretty: bool) -> str:
    before, end = ("\n    ", "\n") if pretty else (" ", " ")
    operand = f" {writer(node.operand, pretty)}" if node.operand is not None else ""
    whens = "".join(
        [f"{before}WHEN {writer(when.condition, pretty)} THEN {writer(when.result, pretty)}" for when in node.whens]
    )
    default = f"{before}ELSE {writer(node.default, pretty)}" if node.default is not None else ""
    return f"CASE{operand}{whens}{default}{end}END"


@writer.register
def _(node: tree.Coalesce | tree.Greatest | tree.Least, pretty: bool) -> str:
    return f"{type(node).__name__.upper()}({list_text(node.arguments, pretty)})"


@writer.register
def _(node: tree.NullIf, pretty: bool) -> str:
    return f"NULLIF({writer(node.left, pretty)}, {writer(node.right, pretty)})"


@writer.register
def _(node: tree.ArrayIndex, pretty: bool) -> str:
    return f"[{writer(node.index, pretty)}]"


@writer.register
def _(node: tree.ArraySlice, pretty: bool) -> str:
    lower = writer(node.lower, pretty) if node.lower is not None else ""
    upper = writer(node.upper, pretty) if node.upper is not None else ""
    return f"[{lower}:{upper}]"


@writer.register
def _(node: tree.Subscript, pretty: bool) -> str:
    operand = writer(node.operand, pretty)
    if not isinstance(node.operand, tree.ColumnRef):
        operand = f"({operand})"
    return operand + "".join([writer(subscript, pretty) for subscript in node.subscripts])


@writer.register
def _(node: tree.FieldSelection, pretty: bool) -> str:
    return f"({writer(node.operand, pretty)}).{quote_identifier(node.name)}"


@writer.register
def _(node: tree.FieldStar, pretty: bool) -> str:
    return f"({writer(node.operand, pretty)}).*"


@writer.register
def _(node: tree.Collate, pretty: bool) -> str:
    return _closed(f"{_operand(node.operand, node, pretty)} COLLATE {quote_name(node.collation.parts)}", pretty)


@writer.register
def _(node: tree.GroupingFunction, pretty: bool) -> str:
    return f"GROUPING({list_text(node.arguments, pretty)})"
