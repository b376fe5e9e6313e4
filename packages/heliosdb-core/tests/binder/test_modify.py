"""INSERT, UPDATE and DELETE: whole rows, defaults, checks, conflicts, RETURNING."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from heliosdb.errors import Error, FeatureNotSupported
from heliosdb.plan import nodes
from heliosdb.plan.expressions import Constant
from heliosdb.plan.nodes import BoundStatement

Bound = Callable[..., BoundStatement]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "insert into t (id, name) values (1, 'a'), (2, default)",
            "insert 1(values#3(1:int4@0, 'a':text@1; 2:int4@2, None:text) -> 3.id, 3.name, None:numeric, None:bool)",
        ),
        (
            "insert into t (id, name) select id, note from u",
            "insert 1(project#4(u#3: 3.id, 3.note) -> 4.id, 4.note::text, None:numeric, None:bool)",
        ),
        # Defaults, the slot of a dropped column, a generated column and a check.
        (
            "insert into rich (code) values ('ab')",
            "insert 1(values#3('ab':varchar@0::varchar[9]) -> nextval(110:regclass), 3.code, "
            "Decimal('0.5'):numeric::numeric[393222], None:text, None:numeric, now(), None:int2; "
            "generated 4 = (1.price * Decimal('2'):numeric); check rich_price_check (1.price > Decimal('0'):numeric))",
        ),
        ("insert into ident (v) values (5)", "insert 1(values#3(5:int4@0) -> nextval(111:regclass)::int4, 3.v)"),
        ("insert into ident default values", None),
        (
            "insert into t values (1) on conflict (id) do update set name = excluded.name where t.id > 5 returning id",
            "insert 1(values#3(1:int4@0) -> 3.id, None:text, None:numeric, None:bool; conflict ['t_pkey']; "
            "set 1 = 5.name where (4.id > 5:int4@1)) returning 1.id",
        ),
        (
            "update t set name = 'x', amount = amount + 1 where id = 5",
            "update 1(filter(t#1 where (1.id = 5:int4@2)): 1 = 'x':text@0, "
            "2 = (1.amount + Decimal('1'):numeric@1)::numeric[655366])",
        ),
        (
            "update t set name = u.note from u where u.t_id = t.id returning t.name, note",
            "update 1(filter(inner[t#1, u#2] where (2.t_id = 1.id)): 1 = 2.note::text) returning 3.name, 2.note",
        ),
        (
            "update t set (name, b) = (select note, true from u where u.t_id = t.id)",
            "update 1(t#1: 1 = (scalar of 1.id(project#4(project#3(filter(u#2 where (2.t_id = 1.id)): "
            "2.note, True:bool): row(3.note, 3.bool)))).0::text, "
            "3 = (scalar of 1.id(project#4(project#3(filter(u#2 where (2.t_id = 1.id)): 2.note, True:bool): "
            "row(3.note, 3.bool)))).1)",
        ),
        (
            "update many set ia[2] = 5, ia[3] = 6",
            "update 1(many#1: 18 = assign_element(assign_element(1.ia, 5:int4@1, 2:int4@0), 6:int4@3, 3:int4@2))",
        ),
        (
            "delete from t using u where u.t_id = t.id returning t.id",
            "delete 1(filter(inner[t#1, u#2] where (2.t_id = 1.id))) returning 3.id",
        ),
    ],
)
def test_modifications(plan: Callable[..., str], text: str, expected: str | None) -> None:
    if expected is None:
        expected = "insert 1(one row -> nextval(111:regclass)::int4, nextval(112:regclass)::int4)"
    text_of_plan = plan(text).replace("?column?", "bool")
    assert text_of_plan == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The view's columns are the table's under other names, its condition is the statement's too.
        (
            "insert into v (key) values (11) returning key, upper",
            "insert 4(values#6(11:int4@0) -> 6.id, None:text, None:numeric, None:bool) returning 4.id, upper(4.name)",
        ),
        (
            "update v set key = 12 where upper = 'A' returning v.key",
            "update 4(filter(filter(v#4 where (4.id > 10:int4)) where (upper(4.name) = 'A':text@1)): "
            "0 = 12:int4@0) returning 5.id",
        ),
        (
            "delete from v where key = 11",
            "delete 4(filter(filter(v#4 where (4.id > 10:int4)) where (4.id = 11:int4@0)))",
        ),
    ],
)
def test_simple_views_are_written_through(plan: Callable[..., str], text: str, expected: str) -> None:
    assert plan(text) == expected


def test_a_computed_column_of_a_view_cannot_be_written(bound: Bound) -> None:
    with pytest.raises(FeatureNotSupported, match='cannot insert into column "upper" of view "v"'):
        bound("insert into v values (1, 'A')")
    with pytest.raises(FeatureNotSupported, match='cannot update column "upper" of view "v"') as caught:
        bound("update v set upper = 'A'")
    assert caught.value.detail == "View columns that are not columns of their base relation are not updatable."


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT DISTINCT id, name FROM t", "Views containing DISTINCT"),
        ("SELECT id, name FROM t GROUP BY id", "Views containing GROUP BY"),
        ("SELECT count(*) FROM t", "Views that return aggregate functions"),
        ("SELECT rank() OVER (ORDER BY id) FROM t", "Views that return window functions"),
        ("SELECT id FROM t UNION SELECT id FROM u", "Views containing UNION, INTERSECT, or EXCEPT"),
        ("SELECT id FROM t LIMIT 5", "Views containing LIMIT or OFFSET"),
        ("SELECT t.id FROM t, u", "Views that do not select from a single table or view"),
        ("SELECT id FROM (SELECT id FROM t) s", "Views that do not select from a single table or view"),
        ("WITH a AS (SELECT 1) SELECT id FROM t", "Views containing WITH"),
        ("SELECT id FROM missing.nosuch", None),
    ],
)
def test_other_views_say_why_they_cannot_be_written(
    bound: Bound, changed: Callable[..., object], query: str, reason: str | None
) -> None:
    with pytest.raises(Error) as caught:
        bound("delete from v", catalog=changed("v", query=query))
    if reason is None:
        assert caught.value.sqlstate == "42P01"
    else:
        assert (caught.value.sqlstate, caught.value.message) == ("55000", 'cannot delete from view "v"')
        assert caught.value.detail == f"{reason} are not automatically updatable."


def modification(statement: BoundStatement) -> nodes.Modify:
    assert isinstance(statement.plan, nodes.Modify)
    return statement.plan


def test_foreign_keys_are_checked_where_their_columns_change(bound: Bound) -> None:
    def names(text: str) -> tuple[list[str], list[str]]:
        plan = modification(bound(text))
        return (
            [constraint.name for constraint in plan.foreign_keys],
            [constraint.name for _, constraint in plan.referencing],
        )

    assert names("insert into u values (1, 2)") == (["u_t_id_fkey"], [])
    assert names("update u set t_id = 5") == (["u_t_id_fkey"], [])
    assert names("update u set note = 'x'") == ([], [])
    assert names("update t set name = 'x'") == ([], [])
    assert names("update t set id = 5") == ([], ["u_t_id_fkey"])
    assert names("delete from t") == ([], ["u_t_id_fkey"])


@pytest.mark.parametrize(
    ("target", "arbiters"),
    [
        ("", []),
        ("(id)", ["rich_pkey"]),
        ("on constraint rich_pkey", ["rich_pkey"]),
        ("(lower(code))", ["rich_code_lower"]),
        ("(code) where small > 5", ["rich_code_small"]),
        ("(code) where small > 5 and price > 1", ["rich_code_small"]),
    ],
)
def test_arbiters_are_inferred_from_columns_expressions_and_predicates(
    bound: Bound, target: str, arbiters: list[str]
) -> None:
    plan = modification(bound(f"insert into rich (code) values ('a') on conflict {target} do nothing"))
    assert isinstance(plan, nodes.Insert)
    assert plan.conflict is not None
    assert [index.name for index in plan.conflict.arbiters] == arbiters


def test_thousands_of_literal_rows_become_datums(bound: Bound) -> None:
    rows = ", ".join(f"({number}, 'n{number}', {number}.25, true)" for number in range(2000))
    plan = modification(bound(f"insert into t values {rows}")).inputs[0]
    assert isinstance(plan, nodes.Values)
    assert plan.table == ()
    assert len(plan.datums) == 2000
    assert plan.datums[1999] == (1999, "n1999", Decimal("1999.25"), True)
    assert [column.type for column in plan.columns] == ["int4", "text", "numeric", "bool"]


def test_thousands_of_literal_rows_with_an_expression_among_them_become_constants(bound: Bound) -> None:
    rows = ", ".join(f"({number}, 'n{number}', {number}.25, true)" for number in range(2000))
    plan = modification(bound(f"insert into t values {rows}, (1 + 1, '', 0, null)")).inputs[0]
    assert isinstance(plan, nodes.Values)
    assert len(plan.table) == 2001
    number, name, amount, _ = plan.table[1999]
    assert isinstance(number, Constant)
    assert (number.value, number.slot) == (1999, 1999 * 3)
    assert isinstance(name, Constant)
    assert name.type == "text"
    assert amount.type == "numeric"


def test_modifications_say_that_they_write(bound: Bound) -> None:
    assert bound("select 1").read_only
    assert not bound("select id from t for update").read_only
    assert not bound("with d as (delete from t returning id) select * from d").read_only
    assert (bound("insert into t values (1)").tag, bound("update t set id = 1").tag) == ("INSERT", "UPDATE")
