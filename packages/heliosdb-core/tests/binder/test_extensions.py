"""What plugins and sessions add: clauses, resolvers, functions made at run time; expressions without a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from heliosdb.catalog.definitions import Relation
from heliosdb.catalog.registrations import Clause as ClauseRegistration
from heliosdb.catalog.registrations import RelationResolver
from heliosdb.errors import (
    CannotCoerce,
    DatatypeMismatch,
    FeatureNotSupported,
    GroupingError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedTable,
)
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Call, Expression
from heliosdb.sql.binder import BindContext, bind, bind_expression
from heliosdb.sql.parser import parse_expression, parse_one
from heliosdb.sql.statements import Clause, Select
from heliosdb.types.definitions import ScalarFunction


def with_clause(text: str, clause: Clause, *, table: bool) -> Select:
    """Parse a SELECT and put a clause on its table, or behind it, as a plugin's grammar would."""
    select = parse_one(text)
    assert isinstance(select, Select)
    if not table:
        return evolve(select, extensions=(clause,))
    return evolve(select, from_items=(evolve(select.from_items[0], extensions=(clause,)), *select.from_items[1:]))


def as_of(context: Any, payload: Any) -> nodes.SnapshotRequest:
    return nodes.SnapshotRequest(clause="as_of", arguments=(context.expression(payload, None, "timestamptz"),))


def only_positive(context: Any, node: Any, payload: str) -> nodes.PlanNode:
    zero = context.expression(parse_expression("0"))
    return nodes.Filter(input=node, condition=context.operator(">", context.column(node, payload), zero))


@pytest.fixture
def extended(context: BindContext) -> BindContext:
    clauses = {
        "as_of": ClauseRegistration(name="as_of", point="table", words=("AS", "OF"), parse="x:y", moment=as_of),
        "positive": ClauseRegistration(name="positive", point="table", words=("P",), parse="x:y", bind=only_positive),
    }
    resolvers = (RelationResolver(name="at", resolve=lambda session, schema, name: at_version(context, name)),)
    registries = evolve(context.registries, clauses=clauses, relation_resolvers=resolvers)
    return evolve(context, registries=registries)


def at_version(context: BindContext, name: str) -> Relation | None:
    plain, at, _ = name.partition("@")
    return context.catalog.lookup_relation(None, plain, ("public",)) if at else None


MOMENT = parse_expression("'2024-01-01'")


def scans(plan: nodes.PlanNode) -> list[tuple[str, bool]]:
    found = [(plan.alias, plan.snapshot is not None)] if isinstance(plan, nodes.Scan) else []
    return found + [scan for inner in plan.inputs for scan in scans(inner)]


def test_a_clause_of_a_table_gives_its_scan_a_snapshot(extended: BindContext) -> None:
    statement = with_clause("select * from t, u", Clause("as_of", MOMENT), table=True)
    assert scans(bind(statement, extended).plan) == [("t", True), ("u", False)]


def test_a_clause_behind_a_query_is_for_all_its_scans(extended: BindContext) -> None:
    statement = with_clause("select * from v, u", Clause("as_of", MOMENT), table=False)
    assert scans(bind(statement, extended).plan) == [("t", True), ("u", True)]


def test_under_a_moment_names_mean_what_the_catalog_of_then_says(extended: BindContext) -> None:
    t = extended.catalog.lookup_relation(None, "t", ("public",))
    assert t is not None

    class Then:
        """A catalog in which t was called u and had one column."""

        def lookup_relation(self, schema: str | None, name: str, search_path: Any) -> Relation | None:
            return evolve(t, name="u", columns=t.columns[:1]) if name == "u" else None

        def relation_by_oid(self, oid: int) -> Relation | None:
            return self.lookup_relation(None, "u", ()) if oid == t.oid else None

    asked: list[nodes.SnapshotRequest] = []

    def catalog_at(context: BindContext, request: nodes.SnapshotRequest) -> Any:
        asked.append(request)
        return Then(), 7

    context = evolve(extended, catalog_at=catalog_at)
    bound = bind(with_clause("select * from u, t", Clause("as_of", MOMENT), table=True), context)
    assert [column.name for column in bound.columns or ()][:2] == [t.columns[0].name, t.columns[0].name]
    assert scans(bound.plan) == [("u", True), ("t", False)]
    assert (asked[0].clause, asked[0].number, asked[0].base) == ("as_of", 1, None)
    with pytest.raises(UndefinedTable, match='relation "t" does not exist at SCN 7') as caught:
        bind(with_clause("select * from t", Clause("as_of", MOMENT), table=False), context)
    assert caught.value.hint == f'It was called "{t.schema}.u" then.'


def test_a_place_has_one_moment_and_it_needs_a_table(extended: BindContext) -> None:
    select = with_clause("select * from t", Clause("as_of", MOMENT), table=False)
    with pytest.raises(SqlSyntaxError, match="more than one clause for a point in time"):
        bind(evolve(select, extensions=select.extensions * 2), extended)
    with pytest.raises(FeatureNotSupported, match="AS OF is for tables"):
        bind(with_clause("select 1", Clause("as_of", MOMENT), table=False), extended)


def test_a_clause_means_one_thing() -> None:
    for more in ({}, {"bind": only_positive, "moment": as_of}):
        with pytest.raises(ValueError, match="must have bind or moment"):
            ClauseRegistration(name="x", point="table", words=("X",), parse="x:y", **more)
    with pytest.raises(ValueError, match="cannot have a moment"):
        ClauseRegistration(name="x", point="column", words=("X",), parse="x:y", moment=as_of)


def test_a_clause_may_put_a_node_over_the_scan(extended: BindContext) -> None:
    statement = with_clause("select id from u", Clause("positive", "t_id"), table=True)
    plan = bind(statement, extended).plan
    assert isinstance(plan.inputs[0], nodes.Filter)
    assert isinstance(plan.inputs[0].condition, Call)


def test_an_unknown_clause_is_refused(extended: BindContext) -> None:
    with pytest.raises(FeatureNotSupported, match="NOSUCH is not supported here"):
        bind(with_clause("select * from t", Clause("nosuch", None), table=True), extended)


def test_a_resolver_is_asked_before_a_name_is_unknown(extended: BindContext) -> None:
    statement = parse_one('select id from "t@7"')
    assert statement is not None
    assert bind(statement, extended).columns is not None
    missing = parse_one('select id from "nosuch@7"')
    assert missing is not None
    with pytest.raises(UndefinedTable, match='relation "nosuch@7" does not exist'):
        bind(missing, extended)


def test_functions_of_the_session_come_before_registered_ones(bound: Callable[..., nodes.BoundStatement]) -> None:
    mine = ScalarFunction("lower", ("text",), "int4", len, schema="public")
    own = ScalarFunction("twice", ("int4",), "int4", lambda value: value * 2, schema="public")
    functions = {"lower": (mine,), "twice": (own,)}
    statement = bound("select lower(name), twice(id) from t", session_functions=functions)
    assert [column.type for column in statement.columns or ()] == ["int4", "int4"]
    with pytest.raises(UndefinedFunction, match=r"function twice\(text\) does not exist"):
        bound("select twice(name) from t", session_functions=functions)


def expression(context: BindContext, text: str, columns: Any = (), **more: Any) -> Expression:
    return bind_expression(parse_expression(text), context, columns, **more)


def test_an_expression_over_a_relation_reads_its_slots(context: BindContext) -> None:
    rich = context.catalog.lookup_relation(None, "rich", ("public",))
    bound = expression(context, "rich.total + 1", rich, source=7)
    assert isinstance(bound, Call)
    column = bound.arguments[0]
    assert (column.source, column.index) == (7, 4)  # type: ignore[attr-defined]


def test_an_expression_for_a_column_is_converted_to_its_type(context: BindContext) -> None:
    bound = expression(context, "'5'", type_="int8", column="a", clause="DEFAULT expressions")
    assert (bound.type, bound.value) == ("int8", 5)  # type: ignore[attr-defined]
    with pytest.raises(DatatypeMismatch, match='column "a" is of type boolean but expression is of type integer'):
        expression(context, "5", type_="bool", column="a")


def test_what_an_expression_may_not_hold(context: BindContext) -> None:
    with pytest.raises(GroupingError, match="aggregate functions are not allowed in check constraints"):
        expression(context, "count(*) > 1", clause="check constraints")
    with pytest.raises(FeatureNotSupported, match="cannot use subquery in DEFAULT expression"):
        expression(context, "(select 1)", clause="DEFAULT expressions")
    with pytest.raises(UndefinedColumn):
        expression(context, "nosuch", clause="index expressions")
    with pytest.raises(CannotCoerce):
        expression(context, "cast(true as date)")
