"""Write a syntax tree as SQL text: what the catalog keeps of defaults, checks, index expressions and views.

The text parses to an equal tree: names and constants are quoted, every operator is parenthesised (as PostgreSQL's
``pg_get_expr`` prints it), so precedence never decides. What was not written is not added: no implicit casts, no
qualification.

Chains such as ``a || b || c ...`` lean to the left and may be long; they are written by a loop, everything else
recursively.
"""

from __future__ import annotations

from functools import singledispatch

from heliosdb.errors import FeatureNotSupported
from heliosdb.sql import statements as tree
from heliosdb.sql.keywords import KEYWORDS

__all__ = ["expression_text", "query_text", "quote_identifier", "quote_literal", "quote_name", "type_text"]

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


def quote_identifier(name: str) -> str:
    """Return a name as it must be written: quoted unless it is a plain lower-case word that is no keyword but an
    unreserved one."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit() and name == name.lower()
    if plain and KEYWORDS.get(name, "U") == "U":
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_name(parts: tuple[str, ...]) -> str:
    """Return a qualified name as it must be written."""
    return ".".join([quote_identifier(part) for part in parts])


def quote_literal(text: str) -> str:
    """Return a string constant as it must be written."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def expression_text(expression: tree.Node) -> str:
    """Return an expression as SQL text."""
    return _text(expression)


def query_text(query: tree.Node) -> str:
    """Return a query as SQL text, on one line."""
    return _text(query)


def type_text(written: tree.TypeName) -> str:
    """Return a type as SQL text."""
    return _type(written)


@singledispatch
def _text(node: object) -> str:
    raise FeatureNotSupported(f"{_words(type(node).__name__)} in a stored expression or view is not supported")


def _words(name: str) -> str:
    return "".join(" " + letter.lower() if letter.isupper() else letter for letter in name).strip()


def _list(nodes: tuple[tree.Node, ...]) -> str:
    return ", ".join([_text(node) for node in nodes])


# -- values --------------------------------------------------------------------------------------------------------


@_text.register
def _(node: tree.ColumnRef) -> str:
    name = quote_name(node.parts)
    if not node.star:
        return name
    return f"{name}.*" if name else "*"


@_text.register
def _(node: tree.Literal) -> str:
    if node.kind == "string":
        return quote_literal(node.value)
    if node.kind == "bitstring":
        return f"{node.value[0].upper()}'{node.value[1:]}'"
    if node.kind == "null":
        return "NULL"
    # A negative constant is one value, not a minus before something.
    return f"({node.value})" if node.value.startswith("-") else node.value


@_text.register
def _(node: tree.Parameter) -> str:
    return f"${node.number}"


@_text.register
def _(node: tree.Default) -> str:
    return "DEFAULT"


@_text.register
def _type(node: tree.TypeName) -> str:
    setof = "SETOF " if node.setof else ""
    if node.percent_type:
        return f"{setof}{quote_name(node.names)}%TYPE"
    modifiers = f"({_list(node.modifiers)})" if node.modifiers else ""
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


@_text.register
def _(node: tree.TypeCast) -> str:
    operand = _text(node.operand)
    if not isinstance(node.operand, tree.Literal) or node.operand.kind in ("integer", "numeric"):
        operand = operand if operand.startswith("(") and _is_closed(operand) else f"({operand})"
    return f"{operand}::{_type(node.type)}"


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


@_text.register
def _(node: tree.NamedArgument) -> str:
    return f"{quote_identifier(node.name)} => {_text(node.value)}"


@_text.register
def _(node: tree.FunctionCall) -> str:
    name = ".".join([quote_identifier(part) for part in node.name])
    arguments = [_text(argument) for argument in node.arguments]
    if node.variadic:
        arguments[-1] = "VARIADIC " + arguments[-1]
    inner = "*" if node.star else ", ".join(arguments)
    if node.distinct:
        inner = "DISTINCT " + inner
    order = f" ORDER BY {_list(node.order_by)}" if node.order_by else ""
    text = f"{name}({inner}) WITHIN GROUP ({order.strip()})" if node.within_group else f"{name}({inner}{order})"
    if node.filter is not None:
        text += f" FILTER (WHERE {_text(node.filter)})"
    if node.over is not None:
        text += f" OVER {_over(node.over)}"
    return text


def _over(spec: tree.WindowSpec) -> str:
    return quote_identifier(spec.name) if spec.name is not None else f"({_window(spec)})"


def _window(spec: tree.WindowSpec) -> str:
    parts = []
    if spec.base is not None:
        parts.append(quote_identifier(spec.base))
    if spec.partition_by:
        parts.append(f"PARTITION BY {_list(spec.partition_by)}")
    if spec.order_by:
        parts.append(f"ORDER BY {_list(spec.order_by)}")
    if spec.frame is not None:
        frame = spec.frame
        bounds = f"{frame.mode.upper()} BETWEEN {_text(frame.start)} AND {_text(frame.end)}"
        exclusion = {"current row": " EXCLUDE CURRENT ROW", "group": " EXCLUDE GROUP", "ties": " EXCLUDE TIES"}
        parts.append(bounds + (exclusion[frame.exclusion] if frame.exclusion else ""))
    return " ".join(parts)


@_text.register
def _(node: tree.FrameBound) -> str:
    kind = node.kind.upper()
    return kind if node.offset is None else f"{_text(node.offset)} {kind}"


@_text.register
def _(node: tree.SqlValueFunction) -> str:
    precision = f"({node.precision})" if node.precision is not None else ""
    return node.name.upper() + precision


@_text.register
def _(node: tree.Operator) -> str:
    # Left-deep chains are unrolled: a recursion as deep as the chain is long would not end well.
    rights: list[str] = []
    current: tree.Expression = node
    while isinstance(current, tree.Operator) and current.left is not None:
        rights.append(f" {_operator(current.name, current.schema)} {_text(current.right)})")
        current = current.left
    if isinstance(current, tree.Operator):
        return (
            "(" * len(rights)
            + f"({_operator(current.name, current.schema)} {_text(current.right)})"
            + "".join(reversed(rights))
        )
    return "(" * len(rights) + _text(current) + "".join(reversed(rights))


def _operator(name: str, schema: tuple[str, ...]) -> str:
    return f"OPERATOR({quote_name(schema)}.{name})" if schema else name


@_text.register
def _(node: tree.And) -> str:
    return "(" + " AND ".join([_text(operand) for operand in node.operands]) + ")"


@_text.register
def _(node: tree.Or) -> str:
    return "(" + " OR ".join([_text(operand) for operand in node.operands]) + ")"


@_text.register
def _(node: tree.Not) -> str:
    return f"(NOT {_text(node.operand)})"


def _not(negated: bool) -> str:
    return "NOT " if negated else ""


@_text.register
def _(node: tree.IsNull) -> str:
    return f"({_text(node.operand)} IS {_not(node.negated)}NULL)"


@_text.register
def _(node: tree.BooleanTest) -> str:
    return f"({_text(node.operand)} IS {_not(node.negated)}{node.test.upper()})"


@_text.register
def _(node: tree.IsDistinctFrom) -> str:
    return f"({_text(node.left)} IS {_not(node.negated)}DISTINCT FROM {_text(node.right)})"


@_text.register
def _(node: tree.Between) -> str:
    symmetric = "SYMMETRIC " if node.symmetric else ""
    bounds = f"{_text(node.low)} AND {_text(node.high)}"
    return f"({_text(node.operand)} {_not(node.negated)}BETWEEN {symmetric}{bounds})"


@_text.register
def _(node: tree.InList) -> str:
    return f"({_text(node.operand)} {_not(node.negated)}IN ({_list(node.items)}))"


@_text.register
def _(node: tree.InSubquery) -> str:
    return f"({_text(node.operand)} {_not(node.negated)}IN ({_text(node.query)}))"


@_text.register
def _(node: tree.Like) -> str:
    escape = f" ESCAPE {_text(node.escape)}" if node.escape is not None else ""
    return f"({_text(node.operand)} {_not(node.negated)}{node.kind.upper()} {_text(node.pattern)}{escape})"


@_text.register
def _(node: tree.AnyAll) -> str:
    right = node.array if node.array is not None else node.query
    assert right is not None
    inner = _text(right)
    if isinstance(right, tree.ScalarSubquery):
        # One pair of parentheses would make the subquery itself the set.
        inner = f"({inner})"
    return f"({_text(node.operand)} {_operator(node.operator, node.schema)} {node.quantifier.upper()} ({inner}))"


@_text.register
def _(node: tree.Exists) -> str:
    return f"(EXISTS ({_text(node.query)}))"


@_text.register
def _(node: tree.ScalarSubquery) -> str:
    return f"({_text(node.query)})"


@_text.register
def _(node: tree.ArraySubquery) -> str:
    return f"ARRAY({_text(node.query)})"


@_text.register
def _(node: tree.ArrayConstructor) -> str:
    return f"ARRAY[{_list(node.elements)}]"


@_text.register
def _(node: tree.RowConstructor) -> str:
    return f"ROW({_list(node.elements)})" if node.explicit else f"({_list(node.elements)})"


@_text.register
def _(node: tree.Case) -> str:
    operand = f" {_text(node.operand)}" if node.operand is not None else ""
    whens = "".join([f" WHEN {_text(when.condition)} THEN {_text(when.result)}" for when in node.whens])
    default = f" ELSE {_text(node.default)}" if node.default is not None else ""
    return f"CASE{operand}{whens}{default} END"


@_text.register
def _(node: tree.Coalesce | tree.Greatest | tree.Least) -> str:
    return f"{type(node).__name__.upper()}({_list(node.arguments)})"


@_text.register
def _(node: tree.NullIf) -> str:
    return f"NULLIF({_text(node.left)}, {_text(node.right)})"


@_text.register
def _(node: tree.ArrayIndex) -> str:
    return f"[{_text(node.index)}]"


@_text.register
def _(node: tree.ArraySlice) -> str:
    lower = _text(node.lower) if node.lower is not None else ""
    upper = _text(node.upper) if node.upper is not None else ""
    return f"[{lower}:{upper}]"


@_text.register
def _(node: tree.Subscript) -> str:
    operand = _text(node.operand)
    if not isinstance(node.operand, tree.ColumnRef):
        operand = f"({operand})"
    return operand + "".join([_text(subscript) for subscript in node.subscripts])


@_text.register
def _(node: tree.FieldSelection) -> str:
    return f"({_text(node.operand)}).{quote_identifier(node.name)}"


@_text.register
def _(node: tree.FieldStar) -> str:
    return f"({_text(node.operand)}).*"


@_text.register
def _(node: tree.Collate) -> str:
    return f"({_text(node.operand)} COLLATE {quote_name(node.collation.parts)})"


@_text.register
def _(node: tree.GroupingFunction) -> str:
    return f"GROUPING({_list(node.arguments)})"


# -- queries -------------------------------------------------------------------------------------------------------


@_text.register
def _(node: tree.SortItem) -> str:
    text = _text(node.expression)
    if node.using is not None:
        *schema, name = node.using.parts
        text += f" USING {_operator(name, tuple(schema))}"
    if node.direction is not None:
        text += f" {node.direction.upper()}"
    if node.nulls is not None:
        text += f" NULLS {node.nulls.upper()}"
    return text


@_text.register
def _(node: tree.Target) -> str:
    return _text(node.expression) + (f" AS {quote_identifier(node.alias)}" if node.alias is not None else "")


@_text.register
def _(node: tree.Select) -> str:
    if node.into is not None:
        raise FeatureNotSupported("SELECT INTO is not supported here")
    text = "SELECT"
    if node.distinct_on:
        text += f" DISTINCT ON ({_list(node.distinct_on)})"
    elif node.distinct:
        text += " DISTINCT"
    if node.targets:
        text += f" {_list(node.targets)}"
    if node.from_items:
        text += f" FROM {_list(node.from_items)}"
    if node.where is not None:
        text += f" WHERE {_text(node.where)}"
    if node.group_by:
        text += f" GROUP BY {'DISTINCT ' if node.group_distinct else ''}{_list(node.group_by)}"
    if node.having is not None:
        text += f" HAVING {_text(node.having)}"
    if node.windows:
        named = [f"{quote_identifier(spec.name or '')} AS ({_window(spec)})" for spec in node.windows]
        text += f" WINDOW {', '.join(named)}"
    return _around(node, text)


@_text.register
def _(node: tree.Values) -> str:
    return _around(node, "VALUES " + ", ".join([f"({_list(row)})" for row in node.rows]))


@_text.register
def _(node: tree.SetOperation) -> str:
    # Unions of many lean to the left, too.
    rights: list[str] = []
    current: tree.Query = node
    while isinstance(current, tree.SetOperation) and (current is node or not _has_around(current)):
        every = " ALL" if current.all else ""
        rights.append(f" {current.operator.upper()}{every} ({_text(current.right)})")
        current = current.left
        if isinstance(current, tree.SetOperation) and not _has_around(current):
            rights.append(")")
    text = "(" * rights.count(")") + f"({_text(current)})" + "".join(reversed(rights))
    return _around(node, text)


def _has_around(node: tree.Query) -> bool:
    return bool(
        node.with_clause
        or node.order_by
        or node.limit
        or node.offset
        or node.locking
        or node.extensions
        or node.with_ties
    )


def _around(node: tree.Query, text: str) -> str:
    if node.extensions:
        raise FeatureNotSupported(f"clause {node.extensions[0].name} in a stored query is not supported")
    if node.with_clause is not None:
        text = f"{_text(node.with_clause)} {text}"
    if node.order_by:
        text += f" ORDER BY {_list(node.order_by)}"
    if node.offset is not None:
        text += f" OFFSET {_text(node.offset)}"
    if node.limit is not None:
        if node.with_ties:
            text += f" FETCH FIRST ({_text(node.limit)}) ROWS WITH TIES"
        elif isinstance(node.limit, tree.Literal) and node.limit.kind == "null":
            text += " LIMIT ALL"
        else:
            text += f" LIMIT {_text(node.limit)}"
    return text + "".join([f" {_text(locking)}" for locking in node.locking])


@_text.register
def _(node: tree.Locking) -> str:
    relations = ", ".join([quote_name(name.parts) for name in node.relations])
    wait = {"block": "", "nowait": " NOWAIT", "skip locked": " SKIP LOCKED"}[node.wait]
    return f"FOR {node.strength.upper()}{' OF ' + relations if relations else ''}{wait}"


@_text.register
def _(node: tree.With) -> str:
    return f"WITH {'RECURSIVE ' if node.recursive else ''}{_list(node.tables)}"


@_text.register
def _(node: tree.CommonTable) -> str:
    columns = _columns(node.columns)
    hint = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[node.materialized]
    text = f"{quote_identifier(node.name)}{columns} AS {hint}({_text(node.query)})"
    if node.search is not None:
        order = "BREADTH" if node.search.breadth_first else "DEPTH"
        by = ", ".join([quote_identifier(name) for name in node.search.columns])
        text += f" SEARCH {order} FIRST BY {by} SET {quote_identifier(node.search.sequence_column)}"
    if node.cycle is not None:
        cycle = node.cycle
        columns = ", ".join([quote_identifier(name) for name in cycle.columns])
        text += f" CYCLE {columns} SET {quote_identifier(cycle.mark_column)}"
        if cycle.mark_value is not None and cycle.mark_default is not None:
            text += f" TO {_text(cycle.mark_value)} DEFAULT {_text(cycle.mark_default)}"
        text += f" USING {quote_identifier(cycle.path_column)}"
    return text


def _columns(names: tuple[str, ...]) -> str:
    return f"({', '.join([quote_identifier(name) for name in names])})" if names else ""


@_text.register
def _(node: tree.Alias) -> str:
    return f" {quote_identifier(node.name)}{_columns(node.columns)}"


def _alias(alias: tree.Alias | None) -> str:
    return " AS" + _text(alias) if alias is not None else ""


@_text.register
def _(node: tree.RangeTable) -> str:
    if node.extensions:
        raise FeatureNotSupported(f"clause {node.extensions[0].name} in a stored query is not supported")
    text = ("ONLY " if node.only else "") + quote_name(node.name.parts) + _alias(node.alias)
    if node.sample is not None:
        text += f" TABLESAMPLE {quote_name(node.sample.method.parts)}({_list(node.sample.arguments)})"
        if node.sample.repeatable is not None:
            text += f" REPEATABLE ({_text(node.sample.repeatable)})"
    return text


@_text.register
def _(node: tree.RangeSubquery) -> str:
    return f"{'LATERAL ' if node.lateral else ''}({_text(node.query)}){_alias(node.alias)}"


@_text.register
def _(node: tree.ColumnDefinitionItem) -> str:
    collation = f" COLLATE {quote_name(node.collation.parts)}" if node.collation is not None else ""
    return f"{quote_identifier(node.name)} {_type(node.type)}{collation}"


@_text.register
def _(node: tree.RowsFromItem) -> str:
    definitions = f" AS ({_list(node.column_definitions)})" if node.column_definitions else ""
    return _text(node.function) + definitions


@_text.register
def _(node: tree.RangeFunction) -> str:
    text = f"ROWS FROM ({_list(node.functions)})" if node.rows_from else _text(node.functions[0])
    if node.ordinality:
        text += " WITH ORDINALITY"
    if node.column_definitions:
        name = f" {quote_identifier(node.alias.name)}" if node.alias is not None else ""
        return f"{'LATERAL ' if node.lateral else ''}{text} AS{name}({_list(node.column_definitions)})"
    return f"{'LATERAL ' if node.lateral else ''}{text}{_alias(node.alias)}"


@_text.register
def _(node: tree.Join) -> str:
    right = _text(node.right)
    if isinstance(node.right, tree.Join) and node.right.alias is None:
        right = f"({right})"
    kind = {"inner": "JOIN", "cross": "CROSS JOIN"}.get(node.kind, f"{node.kind.upper()} JOIN")
    text = f"{_text(node.left)} {'NATURAL ' if node.natural else ''}{kind} {right}"
    if node.using:
        text += f" USING {_columns(node.using)}"
        if node.using_alias is not None:
            text += f" AS {quote_identifier(node.using_alias)}"
    elif node.on is not None:
        text += f" ON {_text(node.on)}"
    return f"({text}){_alias(node.alias)}" if node.alias is not None else text


@_text.register
def _(node: tree.GroupingSet) -> str:
    if node.kind == "empty":
        return "()"
    return f"{node.kind.upper()} ({_list(node.members)})"
