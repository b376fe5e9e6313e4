"""CREATE FUNCTION and PROCEDURE, their parameters and options; triggers and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from heliosdb.errors import FeatureNotSupported, SqlSyntaxError
from heliosdb.sql.keywords import FUNCTION_NAMES
from heliosdb.sql.parser import constraints, entry, expressions, options, query, settings, types, with_clause
from heliosdb.sql.statements import (
    CreateRoutine,
    CreateRule,
    CreateTrigger,
    Expression,
    Literal,
    Option,
    QualifiedName,
    RoutineParameter,
    RoutineReturn,
    Statement,
    TransitionTable,
    TriggerEvent,
    TypeName,
)

if TYPE_CHECKING:
    from heliosdb.sql.parser.cursor import Parser

__all__ = [
    "aggregate_parameters",
    "common_option",
    "create_routine",
    "create_rule",
    "create_trigger",
    "language",
    "parameters",
    "routine_settings",
]

_MODES: Final = frozenset({"in", "out", "inout", "variadic"})


def parameters(p: Parser, *, defaults: bool = False) -> tuple[RoutineParameter, ...]:
    """Read ``(mode name type DEFAULT x, ...)``."""
    p.expect("(")
    found = () if p.kind == ")" else p.separated(lambda: parameter(p, defaults))
    p.expect(")")
    return found


def aggregate_parameters(p: Parser) -> tuple[RoutineParameter, ...]:
    """Read ``(*)``, ``(types)``, ``(types ORDER BY types)``; those behind ORDER BY are appended."""
    p.expect("(")
    found: tuple[RoutineParameter, ...] = ()
    if p.kind == "*":
        p.advance()
        p.expect(")")
        return ()
    if p.kind != "order":
        found = p.separated(lambda: parameter(p, False))
    if p.accept("order"):
        p.expect("by")
        ordered = p.separated(lambda: parameter(p, False))
        if found and found[-1].mode == "variadic":
            if len(ordered) != 1 or ordered[0] != found[-1]:
                raise FeatureNotSupported(
                    "an ordered-set aggregate with a VARIADIC direct argument must have one VARIADIC aggregated "
                    "argument of the same data type",
                    position=ordered[0].position,
                )
        else:
            found += ordered
    p.expect(")")
    return found


def mode(p: Parser) -> str:
    """Read ``IN``, ``OUT``, ``IN OUT``, ``INOUT``, ``VARIADIC`` if one is there."""
    if p.kind not in _MODES:
        return "default"
    found = p.kind
    p.advance()
    if found == "in" and p.accept("out"):
        return "inout"
    return found


def begins_type(kind: str) -> bool:
    return kind in FUNCTION_NAMES or kind in types.CONSTANT_TYPES or kind == "setof"


def parameter(p: Parser, defaults: bool) -> RoutineParameter:
    position = p.position
    passing = mode(p)
    name = None
    following = p.next_kind()
    if p.kind in FUNCTION_NAMES and (begins_type(following) or (following in _MODES and passing == "default")):
        name = p.values[p.i]
        p.advance()
        if passing == "default":
            passing = mode(p)
    type_name = options.routine_type(p)
    default = None
    if defaults and p.kind in ("default", "="):
        p.advance()
        default = expressions.expression(p)
    return RoutineParameter(type_name, name, passing, default, position=position)  # type: ignore[arg-type]


def create_routine(p: Parser, kind: str, replace: bool) -> CreateRoutine:
    """Read CREATE FUNCTION or PROCEDURE behind that word."""
    name = QualifiedName(p.function_name(), position=p.positions[p.i - 1])
    found = parameters(p, defaults=True)
    returns: TypeName | None = None
    if kind == "function" and p.kind == "returns" and p.next_kind() != "null":
        p.advance()
        if p.kind == "table":
            position = p.position
            p.advance()
            p.expect("(")
            columns = p.separated(lambda: table_column(p))
            p.expect(")")
            found, returns = merged(found, columns, position)
        else:
            returns = options.routine_type(p)
    listed: list[Option] = []
    sets: list[Statement] = []
    while True:
        if p.kind in ("set", "reset"):
            sets.append(settings.routine_set_or_reset(p))
        elif (option := create_option(p)) is not None:
            listed.append(option)
        else:
            break
    body = routine_body(p)
    return CreateRoutine(
        kind,  # type: ignore[arg-type]
        name,
        found,
        returns,
        tuple(listed),
        body,
        replace,
        tuple(sets),
        position=p.start_position,
    )


def table_column(p: Parser) -> RoutineParameter:
    position = p.position
    if p.kind not in FUNCTION_NAMES:
        p.unexpected()
    name = p.values[p.i]
    p.advance()
    return RoutineParameter(options.routine_type(p), name, "table", position=position)


def merged(
    found: tuple[RoutineParameter, ...], columns: tuple[RoutineParameter, ...], position: int
) -> tuple[tuple[RoutineParameter, ...], TypeName]:
    """Join the columns of RETURNS TABLE to the parameters, which may have no OUT among them."""
    for item in found:
        if item.mode in ("out", "inout"):
            raise SqlSyntaxError("OUT and INOUT arguments aren't allowed in TABLE functions", position=item.position)
    if len(columns) == 1:
        return found + columns, evolve(columns[0].type, setof=True, position=position)
    return found + columns, TypeName(("pg_catalog", "record"), setof=True, position=position)


def create_option(p: Parser) -> Option | None:
    """Read one option of CREATE FUNCTION; None when none begins here."""
    position = p.position
    kind = p.kind
    if kind == "as":
        p.advance()
        first = string_literal(p)
        if p.accept(","):
            return Option("as", (first, string_literal(p)), position=position)
        return Option("as", (first,), position=position)
    if kind == "language":
        p.advance()
        return Option("language", language(p), position=position)
    if kind == "transform":
        p.advance()
        return Option("transform", p.separated(lambda: transform_type(p)), position=position)
    if kind == "window":
        p.advance()
        return Option("window", options.word("true", position), position=position)
    return common_option(p)


def transform_type(p: Parser) -> TypeName:
    p.expect_all("for", "type")
    return types.type_name(p)


def string_literal(p: Parser) -> Literal:
    """Read a string as a Literal."""
    if p.kind != "SCONST":
        p.unexpected()
    return p.constant()


def language(p: Parser) -> Literal:
    """Read a word or a string (NonReservedWord_or_Sconst)."""
    if p.kind == "SCONST":
        return p.constant()
    position = p.position
    return options.word(p.non_reserved_word(), position)


def common_option(p: Parser) -> Option | None:
    """Read an option that ALTER FUNCTION has too (common_func_opt_item)."""
    position = p.position
    kind = p.kind
    if kind == "called":
        p.advance()
        p.expect_all("on", "null", "input")
        return Option("strict", options.word("false", position), position=position)
    if kind == "returns":
        p.advance()
        p.expect_all("null", "on", "null", "input")
        return Option("strict", options.word("true", position), position=position)
    if kind == "strict":
        p.advance()
        return Option("strict", options.word("true", position), position=position)
    if kind in ("immutable", "stable", "volatile"):
        p.advance()
        return Option("volatility", options.word(kind, position), position=position)
    if kind in ("external", "security"):
        if kind == "external":
            p.advance()
        p.expect("security")
        return Option("security", options.word(p.one_of("definer", "invoker"), position), position=position)
    if kind == "leakproof":
        p.advance()
        return Option("leakproof", options.word("true", position), position=position)
    if kind == "not":
        p.advance()
        p.expect("leakproof")
        return Option("leakproof", options.word("false", position), position=position)
    if kind in ("cost", "rows"):
        p.advance()
        return Option(kind, options.numeric_only(p), position=position)
    if kind == "support":
        p.advance()
        return Option("support", p.any_name(), position=position)
    if kind == "parallel":
        p.advance()
        return Option("parallel", options.word(p.identifier(), position), position=position)
    return None


def routine_settings(p: Parser) -> tuple[tuple[Option, ...], tuple[Statement, ...]]:
    """Read the options of ALTER FUNCTION, at least one, with an idle RESTRICT behind them."""
    listed: list[Option] = []
    sets: list[Statement] = []
    while True:
        if p.kind in ("set", "reset"):
            sets.append(settings.routine_set_or_reset(p))
        elif (option := common_option(p)) is not None:
            listed.append(option)
        else:
            break
    if not listed and not sets:
        p.unexpected()
    p.accept("restrict")
    return tuple(listed), tuple(sets)


def routine_body(p: Parser) -> Expression | tuple[Statement, ...] | None:
    """Read ``RETURN expression`` or ``BEGIN ATOMIC ... END`` if it is there."""
    if p.accept("return"):
        return expressions.expression(p)
    if p.kind != "begin":
        return None
    p.advance()
    p.expect("atomic")
    statements: list[Statement] = []
    while p.kind != "end" or p.next_kind() in _GOES_ON:
        if p.kind != ";":
            if p.kind == "return":
                position = p.position
                p.advance()
                statements.append(RoutineReturn(expressions.expression(p), position=position))
            else:
                statements.append(p.deeper(lambda: entry.statement(p)))
        p.expect(";")
    p.advance()
    return tuple(statements)


#: Behind these END is the statement that commits, not the end of the body.
_GOES_ON: Final = frozenset({"work", "transaction"})


# -- triggers and rules -----------------------------------------------------------------------------------------------


def create_trigger(p: Parser, *, constraint: bool, replace: bool) -> CreateTrigger:
    """Read CREATE [CONSTRAINT] TRIGGER behind those words."""
    name = p.identifier()
    if constraint:
        timing = "after"
        p.expect("after")
    else:
        timing = p.one_of("before", "after", "instead")
        if timing == "instead":
            p.expect("of")
            timing = "instead of"
    events = [trigger_event(p)]
    while p.kind == "or":
        p.advance()
        event = trigger_event(p)
        if any(event.event == other.event for other in events):
            raise p.near("duplicate trigger events specified")
        events.append(event)
    p.expect("on")
    table = p.qualified_name()
    referenced = None
    transitions: list[TransitionTable] = []
    deferrable = deferred = False
    for_each_row = constraint
    if constraint:
        if p.accept("from"):
            referenced = p.qualified_name()
        found = constraints.attributes(p, "TRIGGER", deferrable=True)
        deferrable, deferred = found.get("deferrable", False), found.get("initially_deferred", False)
        p.expect_all("for", "each", "row")
    else:
        if p.accept("referencing"):
            while p.kind in ("new", "old"):
                transitions.append(transition(p))
            if not transitions:
                p.unexpected()
        if p.accept("for"):
            p.accept("each")
            for_each_row = p.one_of("row", "statement") == "row"
    when = None
    if p.accept("when"):
        p.expect("(")
        when = expressions.expression(p)
        p.expect(")")
    p.expect("execute")
    p.one_of("function", "procedure")
    position = p.position
    function = QualifiedName(p.function_name(), position=position)
    p.expect("(")
    p.accept(",")  # PostgreSQL's rule lets the first of several arguments be empty
    arguments = () if p.kind == ")" else p.separated(lambda: trigger_argument(p))
    p.expect(")")
    if constraint and replace:
        raise FeatureNotSupported("CREATE OR REPLACE CONSTRAINT TRIGGER is not supported")
    return CreateTrigger(
        name,
        table,
        timing,  # type: ignore[arg-type]
        tuple(events),
        function,
        arguments,
        for_each_row,
        when,
        tuple(transitions),
        constraint,
        referenced,
        deferrable,
        deferred,
        replace,
        position=p.start_position,
    )


def trigger_event(p: Parser) -> TriggerEvent:
    position = p.position
    event = p.one_of("insert", "update", "delete", "truncate")
    columns = p.names() if event == "update" and p.accept("of") else ()
    return TriggerEvent(event, columns, position=position)  # type: ignore[arg-type]


def transition(p: Parser) -> TransitionTable:
    position = p.position
    new = p.one_of("new", "old") == "new"
    table = p.one_of("table", "row") == "table"
    p.accept("as")
    return TransitionTable(p.identifier(), new, table, position=position)


def trigger_argument(p: Parser) -> str:
    if p.kind in ("ICONST", "FCONST", "SCONST"):
        return p.constant().value
    return p.label()


def create_rule(p: Parser, replace: bool) -> CreateRule:
    """Read CREATE RULE behind those words."""
    name = p.identifier()
    p.expect_all("as", "on")
    event = p.one_of("select", "insert", "update", "delete")
    p.expect("to")
    table = p.qualified_name()
    where = expressions.expression(p) if p.accept("where") else None
    p.expect("do")
    instead = p.kind == "instead"
    if p.kind in ("instead", "also"):
        p.advance()
    actions: list[Statement] = []
    if p.accept("nothing"):
        pass
    elif p.kind == "(" and p.next_kind() not in ("(", "select", "values", "with", "with_la", "table"):
        p.advance()
        several_actions(p, actions)
    elif p.kind == "(":
        parenthesized_actions(p, actions)
    else:
        actions.append(rule_action(p))
    return CreateRule(name, table, event, where, instead, tuple(actions), replace, position=p.start_position)  # type: ignore[arg-type]


def several_actions(p: Parser, actions: list[Statement]) -> None:
    while True:
        if p.kind not in (";", ")"):
            actions.append(rule_action(p))
        if not p.accept(";"):
            break
    p.expect(")")


def parenthesized_actions(p: Parser, actions: list[Statement]) -> None:
    """Read ``(SELECT ...; ...)``, a list, or ``(SELECT ...) UNION ...``, a query: the semicolon tells."""
    start = p.i
    p.advance()
    actions.append(rule_action(p))
    if p.accept(";"):
        several_actions(p, actions)
        return
    actions.clear()
    p.reset(start)
    actions.append(query.query(p))


def rule_action(p: Parser) -> Statement:
    if p.kind == "notify":
        return entry.statement(p)
    if p.kind == "merge":
        p.unexpected()
    return with_clause.preparable_statement(p)
