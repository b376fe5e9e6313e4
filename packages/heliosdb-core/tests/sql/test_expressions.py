"""Trees of value expressions: precedence, special syntax, positions."""

from __future__ import annotations

import pytest

from heliosdb.errors import Error
from heliosdb.sql.parser import parse_expression, parse_type
from heliosdb.sql.statements import (
    And,
    AnyAll,
    ArrayConstructor,
    ArrayIndex,
    ArraySlice,
    Between,
    BooleanTest,
    Case,
    Coalesce,
    Collate,
    ColumnRef,
    Expression,
    FieldSelection,
    FieldStar,
    FrameBound,
    FunctionCall,
    InList,
    InSubquery,
    IsDistinctFrom,
    IsNull,
    Like,
    Literal,
    NamedArgument,
    Not,
    Operator,
    Or,
    Parameter,
    QualifiedName,
    RowConstructor,
    ScalarSubquery,
    Select,
    SortItem,
    SqlValueFunction,
    Subscript,
    Target,
    TypeCast,
    TypeName,
    When,
    WindowFrame,
    WindowSpec,
    leftmost,
)

a, b, c, d = (ColumnRef((name,)) for name in "abcd")


def op(name: str, left: Expression | None, right: Expression) -> Operator:
    return Operator(name, left, right)


def number(value: str) -> Literal:
    return Literal("integer", value)


def string(value: str) -> Literal:
    return Literal("string", value)


def system(name: str) -> tuple[str, str]:
    return ("pg_catalog", name)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c", op("+", a, op("*", b, c))),
        ("a - b - c", op("-", op("-", a, b), c)),
        ("a ^ b ^ c", op("^", op("^", a, b), c)),  # to the left, as PostgreSQL has it
        ("-a ^ b", op("^", op("-", None, a), b)),
        ("- a + b", op("+", op("-", None, a), b)),
        ("a || b + c", op("||", a, op("+", b, c))),
        ("a + b || c", op("||", op("+", a, b), c)),
        ("@ a + b", op("@", None, op("+", a, b))),
        ("@ a || b", op("||", op("@", None, a), b)),
        ("a < b + c", op("<", a, op("+", b, c))),
        ("a = b or c and not d", Or((op("=", a, b), And((c, Not(d)))))),
        ("a and b and c and d", And((a, b, c, d))),
        ("(a and b) and (c and d)", And((a, b, And((c, d))))),
        ("a or (b or c)", Or((a, Or((b, c))))),
        ("not a = b", Not(op("=", a, b))),
        ("a = not b", op("=", a, Not(b))),
        ("not a is null", Not(IsNull(a))),
        ("a = b is null", IsNull(op("=", a, b))),
        ("a is null = b", op("=", IsNull(a), b)),
        ("a < b is not true", BooleanTest(op("<", a, b), "true", True)),
        ("a is distinct from b + c", IsDistinctFrom(a, op("+", b, c))),
        ("a between b and c and d", And((Between(a, b, c), d))),
        ("a not between symmetric b + 1 and c", Between(a, op("+", b, number("1")), c, True, True)),
        ("a = b between c and d", op("=", a, Between(b, c, d))),
        ("a in (b, c) = d", op("=", InList(a, (b, c)), d)),
        ("a like b || c escape d", Like("like", a, op("||", b, c), d)),
        ("a not ilike b", Like("ilike", a, b, None, True)),
        ("a similar to b", Like("similar to", a, b)),
        ("a collate \"C\" || b", op("||", Collate(a, QualifiedName(("C",))), b)),
        ("-a::int", op("-", None, TypeCast(a, TypeName(system("int4"))))),
        ("a + b::int", op("+", a, TypeCast(b, TypeName(system("int4"))))),
        ("a operator(s.+) b * c", Operator("+", a, op("*", b, c), ("s",))),
        ("a <> b", op("<>", a, b)),
        ("a != b", op("<>", a, b)),
        ("((a))", a),
        ("(a + b) * c", op("*", op("+", a, b), c)),
    ],
)  # fmt: skip
def test_operators_bind_as_in_postgresql(text: str, tree: Expression) -> None:
    assert parse_expression(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1", number("1")),
        ("-1", Literal("integer", "-1")),
        ("- -1", number("1")),
        ("-(1.5)", Literal("numeric", "-1.5")),
        ("-1::text", op("-", None, TypeCast(number("1"), TypeName(("text",))))),
        ("9999999999", number("9999999999")),
        ("1e5", Literal("numeric", "1e5")),
        ("b'01'", Literal("bitstring", "b01")),
        ("X'aF'", Literal("bitstring", "xaF")),
        ("null", Literal("null", "")),
        ("true", Literal("boolean", "true")),
        ("$3", Parameter(3)),
        ("date '2001-01-01'", TypeCast(string("2001-01-01"), TypeName(("date",)))),
        ("int '5'", TypeCast(string("5"), TypeName(system("int4")))),
        ("numeric(5, 2) '1'", TypeCast(string("1"), TypeName(system("numeric"), (number("5"), number("2"))))),
        ("s.ty(3) 'x'", TypeCast(string("x"), TypeName(("s", "ty"), (number("3"),)))),
        (
            "interval '1' day to second(3)",
            TypeCast(string("1"), TypeName(system("interval"), (number("3"),), interval_fields="day to second")),
        ),
        ("char 'abc'", TypeCast(string("abc"), TypeName(system("bpchar")))),
    ],
)
def test_constants(text: str, tree: Expression) -> None:
    assert parse_expression(text) == tree


def test_a_minus_before_a_number_is_part_of_it_and_known_as_such() -> None:
    literal = parse_expression(" -5")
    assert isinstance(literal, Literal)
    assert (literal.value, literal.negated, literal.slot, literal.position) == ("-5", True, 0, 2)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("t.a", ColumnRef(("t", "a"))),
        ("t.*", ColumnRef(("t",), True)),
        ("a[1]", Subscript(a, (ArrayIndex(number("1")),))),
        ("a[1:2][b]", Subscript(a, (ArraySlice(number("1"), number("2")), ArrayIndex(b)))),
        ("a[:]", Subscript(a, (ArraySlice(None, None),))),
        ("(a).b[1].*", FieldStar(Subscript(FieldSelection(a, "b"), (ArrayIndex(number("1")),)))),
        ("$1.x", FieldSelection(Parameter(1), "x")),
        ("array[a, b]", ArrayConstructor((a, b))),
        ("array[[a], [b]]", ArrayConstructor((ArrayConstructor((a,)), ArrayConstructor((b,))))),
        ("row(a)", RowConstructor((a,), True)),
        ("(a, b)", RowConstructor((a, b))),
        ("case a when b then c end", Case(a, (When(b, c),))),
        ("coalesce(a, b)", Coalesce((a, b))),
        ("case when a then b else c end + d", op("+", Case(None, (When(a, b),), c), d)),
    ],
)
def test_references_and_constructors(text: str, tree: Expression) -> None:
    assert parse_expression(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("extract(year from a)", FunctionCall(system("extract"), (string("year"), a), sql_syntax=True)),
        ("a at time zone b", FunctionCall(system("timezone"), (b, a), sql_syntax=True)),
        ("position(a in b)", FunctionCall(system("position"), (b, a), sql_syntax=True)),
        ("substring(a from b for c)", FunctionCall(system("substring"), (a, b, c), sql_syntax=True)),
        (
            "substring(a for b)",
            FunctionCall(
                system("substring"), (a, number("1"), TypeCast(b, TypeName(system("int4")))), sql_syntax=True
            ),
        ),
        ("substring(a, b)", FunctionCall(("substring",), (a, b))),
        ("overlay(a placing b from c)", FunctionCall(system("overlay"), (a, b, c), sql_syntax=True)),
        ("trim(a)", FunctionCall(system("btrim"), (a,), sql_syntax=True)),
        ("trim(leading b from a)", FunctionCall(system("ltrim"), (a, b), sql_syntax=True)),
        ("collation for (a)", FunctionCall(system("pg_collation_for"), (a,), sql_syntax=True)),
        ("(a, b) overlaps (c, d)", FunctionCall(system("overlaps"), (a, b, c, d), sql_syntax=True)),
        ("current_timestamp(3)", SqlValueFunction("current_timestamp", 3)),
        ("current_user", SqlValueFunction("current_user")),
        ("current_schema()", FunctionCall(("current_schema",))),
        ("left(a, 1)", FunctionCall(("left",), (a, number("1")))),
        ("f(a, x => b, y := c)", FunctionCall(("f",), (a, NamedArgument("x", b), NamedArgument("y", c)))),
        ("s.f(distinct a order by b desc)", FunctionCall(
            ("s", "f"), (a,), distinct=True, order_by=(SortItem(b, "desc"),)
        )),
        ("count(*) filter (where a)", FunctionCall(("count",), star=True, filter=a)),
        ("f(variadic a)", FunctionCall(("f",), (a,), variadic=True)),
        ("f(a) within group (order by b)", FunctionCall(
            ("f",), (a,), order_by=(SortItem(b),), within_group=True
        )),
        ("f() over w", FunctionCall(("f",), over=WindowSpec("w"))),
        ("f() over (w partition by a order by b rows 1 preceding)", FunctionCall(("f",), over=WindowSpec(
            None, "w", (a,), (SortItem(b),),
            WindowFrame("rows", FrameBound("preceding", number("1")), FrameBound("current row")),
        ))),
    ],
)  # fmt: skip
def test_functions_and_the_standards_syntax(text: str, tree: Expression) -> None:
    assert parse_expression(text) == tree


def test_subqueries_in_expressions() -> None:
    one = Select((Target(number("1")),))
    assert parse_expression("(select 1)") == ScalarSubquery(one)
    assert parse_expression("((select 1))") == ScalarSubquery(one)
    assert parse_expression("((select 1) + a)") == op("+", ScalarSubquery(one), a)
    assert parse_expression("((select 1), a)") == RowConstructor((ScalarSubquery(one), a))
    assert parse_expression("a in (select 1)") == InSubquery(a, one)
    assert parse_expression("a in ((select 1))") == InSubquery(a, one)
    assert parse_expression("a not in ((select 1), b)") == InList(a, (ScalarSubquery(one), b), True)
    assert parse_expression("a = any (select 1)") == AnyAll(a, "=", "any", query=one)
    assert parse_expression("a <> all (b)") == AnyAll(a, "<>", "all", array=b)
    assert parse_expression("a like any (b)") == AnyAll(a, "~~", "any", array=b)
    assert parse_expression("a not ilike all (b)") == AnyAll(a, "!~~*", "all", array=b)


@pytest.mark.parametrize(
    ("text", "position", "start"),
    [
        ("a + b", 3, 1),
        ("  a.b.c < 1", 9, 3),
        ("(a + b) * c", 9, 2),
        ("a and b or c", 9, 1),
        ("f(a)", 1, 1),
        ("a::int", 2, 1),
        ("cast(a as int)", 1, 1),
        ("a between 1 and 2", 3, 1),
        ("a not in (1)", 3, 1),
        ("a is null", 3, 1),
        ("case a when b then c end", 1, 1),
        ("- a", 1, 1),
        ("a at time zone b", 3, 1),
        ("a collate \"C\"", 3, 1),
        ("'x' || 'y'", 5, 1),
    ],
)  # fmt: skip
def test_positions_are_of_the_token_that_postgresql_reports(text: str, position: int, start: int) -> None:
    tree = parse_expression(text)
    assert tree.position == position
    assert leftmost(tree) == start


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("integer", TypeName(system("int4"))),
        ("double precision", TypeName(system("float8"))),
        ("float(24)", TypeName(system("float4"))),
        ("float", TypeName(system("float8"))),
        ("decimal(10, 2)", TypeName(system("numeric"), (number("10"), number("2")))),
        ("char", TypeName(system("bpchar"), (number("1"),))),
        ("character varying(5)", TypeName(system("varchar"), (number("5"),))),
        ("bit", TypeName(system("bit"), (number("1"),))),
        ("timestamp(3) with time zone", TypeName(system("timestamptz"), (number("3"),))),
        ("time without time zone", TypeName(system("time"))),
        ("interval year to month", TypeName(system("interval"), interval_fields="year to month")),
        ("vector(3)", TypeName(("vector",), (number("3"),))),
        ("s.t[][3]", TypeName(("s", "t"), dimensions=(None, 3))),
        ("int array", TypeName(system("int4"), dimensions=(None,))),
        ("setof text", TypeName(("text",), setof=True)),
        ("double", TypeName(("double",))),
        ('"char"', TypeName(("char",))),
    ],
)
def test_types(text: str, name: TypeName) -> None:
    assert parse_type(text) == name


@pytest.mark.parametrize(
    ("text", "sqlstate", "message", "position"),
    [
        ("a < b < c", "42601", 'syntax error at or near "<"', 7),
        ("a = b = c", "42601", 'syntax error at or near "="', 7),
        ("a like b like c", "42601", 'syntax error at or near "like"', 10),
        ("a is distinct from b is null", "42601", 'syntax error at or near "is"', 22),
        ("array[1][1]", "42601", 'syntax error at or near "["', 9),
        ("f(a).b", "42601", 'syntax error at or near "."', 5),
        ("a b", "42601", 'syntax error at or near "b"', 3),
        ("a +", "42601", "syntax error at end of input", 4),
        ("int(5)", "42601", 'syntax error at or near "("', 4),
        ("(a).*.b", "42601", 'improper use of "*" at end of input', 8),
        ("a.*.b", "42601", 'improper use of "*" at end of input', 6),
        ("f() over (rows between unbounded following and current row)", "42P20",
         "frame start cannot be UNBOUNDED FOLLOWING", 24),
        ("a::float(60)", "22023", "precision for type float must be less than 54 bits", 10),
        ("(a, b) overlaps (c, d, e)", "42601", "wrong number of parameters on right side of OVERLAPS expression", 17),
        ("xmlelement(name x)", "0A000", "XMLELEMENT is not supported", 1),
    ],
)  # fmt: skip
def test_wrong_expressions(text: str, sqlstate: str, message: str, position: int) -> None:
    with pytest.raises(Error) as caught:
        parse_expression(text)
    assert (caught.value.sqlstate, caught.value.message, caught.value.position) == (sqlstate, message, position)
