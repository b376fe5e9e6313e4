"""Function calls, windows, and the standard's functions that have a syntax of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliosdb.errors import SqlSyntaxError, WindowingError
from heliosdb.sql.keywords import COLUMN_NAMES, FUNCTION_NAMES
from heliosdb.sql.parser import expressions, names, query, types
from heliosdb.sql.statements import (
    Coalesce,
    Expression,
    FrameBound,
    FunctionCall,
    Greatest,
    GroupingFunction,
    Least,
    Literal,
    NamedArgument,
    NullIf,
    SortItem,
    SqlValueFunction,
    TypeCast,
    TypeName,
    WindowFrame,
    WindowSpec,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = ["SPECIAL", "call", "plain_call", "window_specification"]


def call(p: Parser, name: tuple[str, ...], position: int) -> Expression:
    """Read a call from its parenthesis on, with WITHIN GROUP, FILTER and OVER."""
    function = p.deeper(lambda: plain_call(p, name, position))
    kind = p.kind
    if kind == "SCONST" and not (function.star or function.distinct or function.variadic):
        if cast := type_constant(p, function):
            return cast
    within = filtered = over = None
    if kind == "within":
        within = within_group(p, function)
    if p.kind == "filter":
        p.advance()
        p.expect("(")
        p.expect("where")
        filtered = expressions.expression(p)
        p.expect(")")
    if p.kind == "over":
        p.advance()
        if p.kind == "(":
            over = p.deeper(lambda: window_specification(p))
        else:
            at = p.position
            over = WindowSpec(p.identifier(), position=at)
    if within is None and filtered is None and over is None:
        return function
    return FunctionCall(
        function.name,
        function.arguments,
        function.star,
        function.distinct,
        function.variadic,
        within if within is not None else function.order_by,
        within is not None,
        filtered,
        over,
        position=position,
    )


def type_constant(p: Parser, function: FunctionCall) -> TypeCast | None:
    """Return ``name(1, 2) 'literal'``: the call was a type with modifiers."""
    if not function.arguments:
        return None
    for argument in function.arguments:
        if isinstance(argument, NamedArgument):
            raise SqlSyntaxError("type modifier cannot have parameter name", position=argument.position)
    if function.order_by:
        raise SqlSyntaxError("type modifier cannot have ORDER BY", position=function.order_by[0].position)
    return names.modified_type(p, function)


def within_group(p: Parser, function: FunctionCall) -> tuple[SortItem, ...]:
    """Read ``WITHIN GROUP (ORDER BY ...)``."""
    position = p.position
    p.advance()
    p.expect_all("group", "(")
    order_by = query.order_by(p)
    p.expect(")")
    if function.order_by:
        raise SqlSyntaxError("cannot use multiple ORDER BY clauses with WITHIN GROUP", position=position)
    if function.distinct:
        raise SqlSyntaxError("cannot use DISTINCT with WITHIN GROUP", position=position)
    if function.variadic:
        raise SqlSyntaxError("cannot use VARIADIC with WITHIN GROUP", position=position)
    return order_by


def plain_call(p: Parser, name: tuple[str, ...], position: int) -> FunctionCall:
    """Read the arguments of a call from its parenthesis on (func_application)."""
    p.expect("(")
    kind = p.kind
    if kind == ")":
        p.advance()
        return FunctionCall(name, position=position)
    if kind == "*":
        p.advance()
        p.expect(")")
        return FunctionCall(name, star=True, position=position)
    distinct = variadic = False
    if kind == "distinct" or kind == "all":
        distinct = kind == "distinct"
        p.advance()
        arguments = [argument(p)]
        while p.accept(","):
            arguments.append(argument(p))
    else:
        variadic = p.accept("variadic")
        arguments = [argument(p)]
        while not variadic and p.accept(","):
            variadic = p.accept("variadic")
            arguments.append(argument(p))
    order_by = query.order_by(p) if p.kind == "order" else ()
    p.expect(")")
    return FunctionCall(name, tuple(arguments), False, distinct, variadic, order_by, position=position)


def argument(p: Parser) -> Expression:
    """Read an argument, by name or not."""
    if p.kind in FUNCTION_NAMES and p.kinds[p.i + 1] in (":=", "=>"):
        position = p.position
        name = p.values[p.i]
        p.advance()
        p.advance()
        return NamedArgument(name, expressions.expression(p), position=position)
    return expressions.expression(p)


def optional_arguments(p: Parser) -> tuple[Expression, ...]:
    """Read the arguments of a plain call up to its closing parenthesis, which is taken (func_arg_list_opt)."""
    arguments = () if p.kind == ")" else p.separated(lambda: argument(p))
    p.expect(")")
    return arguments


# -- windows ----------------------------------------------------------------------------------------------------------

_FRAME_WORDS: Final = frozenset({"range", "rows", "groups"})


def window_specification(p: Parser, name: str | None = None) -> WindowSpec:
    """Read ``(base PARTITION BY ... ORDER BY ... frame)``."""
    position = p.position
    p.expect("(")
    base = None
    if p.kind in COLUMN_NAMES and p.kind != "partition" and p.kind not in _FRAME_WORDS:
        base = p.identifier()
    partition_by: tuple[Expression, ...] = ()
    if p.accept("partition"):
        p.expect("by")
        partition_by = expressions.expression_list(p)
    order_by = query.order_by(p) if p.kind == "order" else ()
    frame = window_frame(p) if p.kind in _FRAME_WORDS else None
    p.expect(")")
    return WindowSpec(name, base, partition_by, order_by, frame, position=position)


def window_frame(p: Parser) -> WindowFrame:
    """Read a frame and refuse the ends PostgreSQL's grammar refuses."""
    position = p.position
    mode = p.one_of("range", "rows", "groups")
    if p.accept("between"):
        start = frame_bound(p)
        p.expect("and")
        end = frame_bound(p)
        if start.kind == "unbounded following":
            raise WindowingError("frame start cannot be UNBOUNDED FOLLOWING", position=start.position)
        if end.kind == "unbounded preceding":
            raise WindowingError("frame end cannot be UNBOUNDED PRECEDING", position=end.position)
        if start.kind == "current row" and end.kind == "preceding":
            raise WindowingError("frame starting from current row cannot have preceding rows", position=end.position)
        if start.kind == "following" and end.kind in ("preceding", "current row"):
            raise WindowingError("frame starting from following row cannot have preceding rows", position=end.position)
    else:
        start = frame_bound(p)
        end = FrameBound("current row", position=start.position)
        if start.kind == "unbounded following":
            raise WindowingError("frame start cannot be UNBOUNDED FOLLOWING", position=start.position)
        if start.kind == "following":
            raise WindowingError(
                "frame starting from following row cannot end with current row", position=start.position
            )
    exclusion = None
    if p.accept("exclude"):
        if p.accept("current"):
            p.expect("row")
            exclusion = "current row"
        elif p.accept("group"):
            exclusion = "group"
        elif p.accept("ties"):
            exclusion = "ties"
        else:
            p.expect_all("no", "others")
    return WindowFrame(mode, start, end, exclusion, position=position)  # type: ignore[arg-type]


def frame_bound(p: Parser) -> FrameBound:
    """Read one end of a frame."""
    position = p.position
    if p.kind == "unbounded" and p.next_kind() in ("preceding", "following"):
        p.advance()
        return FrameBound("unbounded " + p.one_of("preceding", "following"), position=position)  # type: ignore[arg-type]
    if p.kind == "current" and p.next_kind() == "row":
        p.advance()
        p.advance()
        return FrameBound("current row", position=position)
    offset = expressions.expression(p)
    return FrameBound(p.one_of("preceding", "following"), offset, position=position)  # type: ignore[arg-type]


# -- the standard's own syntax ----------------------------------------------------------------------------------------


def system_call(name: str, arguments: tuple[Expression, ...], position: int) -> FunctionCall:
    """Return a call of a function of pg_catalog that was written in the standard's way."""
    return FunctionCall(("pg_catalog", name), arguments, sql_syntax=True, position=position)


def value_function(p: Parser) -> Expression:
    position = p.position
    name = p.kind
    p.advance()
    precision = None
    if p.kind == "(" and name in _WITH_PRECISION:
        p.advance()
        precision = p.integer()
        p.expect(")")
    return SqlValueFunction(name, precision, position=position)  # type: ignore[arg-type]


_WITH_PRECISION: Final = frozenset({"current_time", "current_timestamp", "localtime", "localtimestamp"})


def current_schema(p: Parser) -> Expression:
    """CURRENT_SCHEMA is a function's name too: with parentheses it is a call."""
    if p.next_kind() in ("(", "SCONST"):
        return names.name_expression(p)
    return value_function(p)


def cast(p: Parser) -> Expression:
    position = p.position
    p.advance()
    p.expect("(")
    operand = p.deeper(lambda: expressions.expression(p))
    p.expect("as")
    type_name = types.type_name(p)
    p.expect(")")
    return TypeCast(operand, type_name, position=position)


def opens(p: Parser) -> bool:
    """Take the special word and its parenthesis; False where the word is a plain name."""
    if p.next_kind() != "(":
        return False
    p.advance()
    p.advance()
    return True


def extract(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    if p.kind == "SCONST":
        field: Expression = p.constant()
    elif p.kind == "IDENT" or p.kind in types.INTERVAL_FIELDS:
        field = Literal("string", p.values[p.i], position=p.position)
        p.advance()
    else:
        p.unexpected()
    p.expect("from")
    source = p.deeper(lambda: expressions.expression(p))
    p.expect(")")
    return system_call("extract", (field, source), position)


def normalize(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    arguments = [p.deeper(lambda: expressions.expression(p))]
    if p.accept(","):
        at = p.position
        form = p.one_of("nfc", "nfd", "nfkc", "nfkd")
        arguments.append(Literal("string", form.upper(), position=at))
    p.expect(")")
    return system_call("normalize", tuple(arguments), position)


def overlay(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    if p.kind == ")":
        p.advance()
        return FunctionCall(("overlay",), position=position)
    first = p.deeper(lambda: argument(p))
    if isinstance(first, NamedArgument) or p.kind != "placing":
        return FunctionCall(("overlay",), more_arguments(p, first), position=position)
    p.advance()
    arguments = [first, expressions.expression(p)]
    p.expect("from")
    arguments.append(expressions.expression(p))
    if p.accept("for"):
        arguments.append(expressions.expression(p))
    p.expect(")")
    return system_call("overlay", tuple(arguments), position)


def more_arguments(p: Parser, first: Expression) -> tuple[Expression, ...]:
    """Read the rest of a plain argument list behind its first."""
    arguments = [first]
    while p.accept(","):
        arguments.append(argument(p))
    p.expect(")")
    return tuple(arguments)


def position_in(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    part = p.deeper(lambda: expressions.restricted_expression(p))
    p.expect("in")
    whole = expressions.restricted_expression(p)
    p.expect(")")
    return system_call("position", (whole, part), position)


def substring(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    if p.kind == ")":
        p.advance()
        return FunctionCall(("substring",), position=position)
    outer, p.similar_ends = p.similar_ends, True
    first = p.deeper(lambda: argument(p))
    p.similar_ends = outer
    named = isinstance(first, NamedArgument)
    if not named and p.accept("from"):
        arguments = [first, expressions.expression(p)]
        if p.accept("for"):
            arguments.append(expressions.expression(p))
    elif not named and p.accept("for"):
        length = expressions.expression(p)
        if p.accept("from"):
            arguments = [first, expressions.expression(p), length]
        else:
            # PostgreSQL's own shortcut: without FROM the length is cast, so that no pattern form can match.
            integer = TypeName(("pg_catalog", "int4"))
            arguments = [first, Literal("integer", "1"), TypeCast(length, integer, position=length.position)]
    elif not named and p.accept("similar"):
        arguments = [first, expressions.expression(p)]
        p.expect("escape")
        arguments.append(expressions.expression(p))
    else:
        return FunctionCall(("substring",), more_arguments(p, first), position=position)
    p.expect(")")
    return system_call("substring", tuple(arguments), position)


def treat(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    operand = p.deeper(lambda: expressions.expression(p))
    p.expect("as")
    target = types.type_name(p)
    p.expect(")")
    return FunctionCall(("pg_catalog", target.name), (operand,), position=position)


def trim(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    name = "btrim"
    if p.kind in ("both", "leading", "trailing"):
        name = {"both": "btrim", "leading": "ltrim", "trailing": "rtrim"}[p.kind]
        p.advance()
    if p.accept("from"):
        arguments = p.deeper(lambda: expressions.expression_list(p))
    else:
        first = p.deeper(lambda: expressions.expression(p))
        if p.accept("from"):
            arguments = (*expressions.expression_list(p), first)
        else:
            rest: tuple[Expression, ...] = expressions.expression_list(p) if p.accept(",") else ()
            arguments = (first, *rest)
    p.expect(")")
    return system_call(name, arguments, position)


def collation_for(p: Parser) -> Expression:
    if p.next_kind() != "for":
        return names.name_expression(p)
    position = p.position
    p.advance()
    p.advance()
    p.expect("(")
    operand = p.deeper(lambda: expressions.expression(p))
    p.expect(")")
    return system_call("pg_collation_for", (operand,), position)


def argument_list(p: Parser) -> tuple[Expression, ...]:
    """Read the parenthesized, non-empty expressions of COALESCE and kin."""
    arguments = p.deeper(lambda: expressions.expression_list(p))
    p.expect(")")
    return arguments


def coalesce(p: Parser) -> Expression:
    position = p.position
    kind = p.kind
    if not opens(p):
        return names.name_expression(p)
    arguments = argument_list(p)
    if kind == "coalesce":
        return Coalesce(arguments, position=position)
    if kind == "greatest":
        return Greatest(arguments, position=position)
    return Least(arguments, position=position)


def null_if(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    left = p.deeper(lambda: expressions.expression(p))
    p.expect(",")
    right = expressions.expression(p)
    p.expect(")")
    return NullIf(left, right, position=position)


def grouping(p: Parser) -> Expression:
    position = p.position
    if not opens(p):
        return names.name_expression(p)
    return GroupingFunction(argument_list(p), position=position)


def xml(p: Parser) -> Expression:
    if p.next_kind() != "(":
        return names.name_expression(p)
    raise p.unsupported(p.kind.upper())


SPECIAL: Final = {
    "current_date": value_function,
    "current_time": value_function,
    "current_timestamp": value_function,
    "localtime": value_function,
    "localtimestamp": value_function,
    "current_role": value_function,
    "current_user": value_function,
    "session_user": value_function,
    "user": value_function,
    "current_catalog": value_function,
    "current_schema": current_schema,
    "cast": cast,
    "extract": extract,
    "normalize": normalize,
    "overlay": overlay,
    "position": position_in,
    "substring": substring,
    "treat": treat,
    "trim": trim,
    "collation": collation_for,
    "coalesce": coalesce,
    "greatest": coalesce,
    "least": coalesce,
    "nullif": null_if,
    "grouping": grouping,
    **dict.fromkeys(
        ("xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlparse", "xmlpi", "xmlroot", "xmlserialize"), xml
    ),
}
