"""The plan of a SELECT: what stands above what, and on whose columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliosdb.errors import SqlSyntaxError

Plan = Callable[..., str]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Sort and limit stand below the projection, on the input's columns.
        (
            "select id, name from t where id = 5 order by name desc limit 10",
            "project#2(limit(sort(filter(t#1 where (1.id = 5:int4@0)) by 1.name desc nulls first), 10:int8@1, none): "
            "1.id, 1.name)",
        ),
        ("select name as x from t order by lower(name), x", "project#2(sort(t#1 by lower(1.name), 1.name): 1.name)"),
        # A volatile sort expression must be computed once: it becomes a hidden column.
        (
            "select id from t order by random()",
            "project#3(sort(project#2(t#1: 1.id, random()) by 2.?column?): 2.id)",
        ),
        ("select distinct name from t order by name", "sort(distinct(project#2(t#1: 1.name)) by 2.name)"),
        (
            "select distinct on (b) name from t order by b, id",
            "project#2(distinct(sort(t#1 by 1.b, 1.id) on 1.b): 1.name)",
        ),
        ("select distinct on (b) name from t", "project#2(distinct(sort(t#1 by 1.b) on 1.b): 1.name)"),
        ("select id from t limit null", "project#2(t#1: 1.id)"),
        ("select generate_series(1, id), name from t", "sets#2(t#1: generate_series(1:int4@0, 1.id), 1.name)"),
        (
            "select id, 1 + generate_series(1, id) from t",
            "project#2(sets#3(t#1: generate_series(1:int4@1, 1.id), 1.id): 3.id, (1:int4@0 + 3.0))",
        ),
        (
            "select id from t for update",
            "project#2(lock(t#1, ((1, 'update', 'block'),)): 1.id)",
        ),
        # What is locked is the rows that a subquery or a view reads.
        (
            "select * from (select id from t) s, u for share of s nowait",
            "project#4(inner[project#2(lock(t#1, ((1, 'share', 'nowait'),)): 1.id), u#3]: 2.id, 3.id, 3.t_id, 3.note)",
        ),
        (
            "select key from v for update",
            "project#4(project#3(project#2(lock(filter(t#1 where (1.id > 10:int4)), ((1, 'update', 'block'),)): "
            "1.id, upper(1.name)): 2.id, 2.upper): 3.key)",
        ),
    ],
)
def test_select_list_order_and_limit(plan: Plan, text: str, expected: str) -> None:
    assert plan(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "select a.id, c.note from t a left join u c on a.id = c.t_id where c.id is null",
            "project#3(filter(left[a#1, c#2 on (1.id = 2.t_id)] where 2.id is null): 1.id, 2.note)",
        ),
        (
            "select id, note from t full join u using (id)",
            "project#3(full[t#1, u#2 on (1.id = 2.id)]: coalesce(1.id, 2.id), 2.note)",
        ),
        (
            "select id from t right join u using (id)",
            "project#3(right[t#1, u#2 on (1.id = 2.id)]: 2.id)",
        ),
        ("select id from t natural join u", "project#3(inner[t#1, u#2 on (1.id = 2.id)]: 1.id)"),
        (
            "select t.id, s.n from t, lateral (select u.id + t.id as n from u where u.t_id = t.id) s",
            "project#4(inner lateral[t#1, project#3(filter(u#2 where (2.t_id = 1.id)): (2.id + 1.id))]: 1.id, 3.n)",
        ),
        (
            "select u from t left join u on true",
            "project#3(left[t#1, u#2 on True:bool]: case 2.-1 is null -> None:#102 else row(2.id, 2.t_id, 2.note))",
        ),
        (
            "select * from v where key = 5",
            "project#4(filter(project#3(project#2(filter(t#1 where (1.id > 10:int4)): 1.id, upper(1.name)): "
            "2.id, 2.upper) where (3.key = 5:int4@0)): 3.key, 3.upper)",
        ),
    ],
)
def test_joins_and_views(plan: Plan, text: str, expected: str) -> None:
    assert plan(text) == expected


def test_columns_of_the_side_that_an_outer_join_may_miss_can_be_null(bound: Callable[..., object]) -> None:
    text = "select a.id, b.id from t a {} join t b on a.id = b.id"
    nullable = {
        kind: tuple(column.nullable for column in bound(text.format(kind)).columns)  # type: ignore[attr-defined]
        for kind in ("inner", "left", "right", "full")
    }
    assert nullable == {
        "inner": (False, False),
        "left": (False, True),
        "right": (True, False),
        "full": (True, True),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "select b, count(*), sum(amount) from t group by b having count(*) > 1 order by 2 desc",
            "project#3(sort(filter(aggregate#2(t#1 by [1.b]: count(), sum(1.amount)) where (2.count > 1:int4@0)) "
            "by 2.count desc nulls first): 2.b, 2.count, 2.sum)",
        ),
        # What the primary key determines is grouped by too.
        ("select id + 1, name from t group by id", None),
        (
            "select b, grouping(b, id), count(*) from t group by rollup (b, id)",
            "project#3(aggregate#2(t#1 by [1.b, 1.id] sets ((0, 1), (0,), ()): count()): 2.b, grouping(0, 1), 2.count)",
        ),
        (
            "select sum(sum(id)) over (order by b) from t group by b",
            "project#4(window#3(aggregate#2(t#1 by [1.b]: sum(1.id)) partition by  order by 2.b: sum(2.sum)): 3.sum)",
        ),
        (
            "select rank() over (partition by b order by id), sum(id) over (partition by b order by id) from t",
            "project#3(window#2(t#1 partition by 1.b order by 1.id: rank(), sum(1.id)): 2.rank, 2.sum)",
        ),
    ],
)
def test_grouping_and_windows(plan: Plan, text: str, expected: str | None) -> None:
    if expected is None:
        expected = "project#3(aggregate#2(t#1 by [1.id, 1.name]: ): (2.id + 1:int4@0), 2.name)"
    assert plan(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "select (select max(u.id) from u where u.t_id = t.id) from t",
            "project#5(t#1: scalar of 1.id(project#4(aggregate#3(filter(u#2 where (2.t_id = 1.id)) by []: max(2.id)): "
            "3.max)))",
        ),
        # The aggregate of an outer column belongs to the outer query.
        (
            "select b, (select count(*) from u where u.id = max(t.id)) from t group by b",
            "project#6(aggregate#5(t#1 by [1.b]: max(1.id)): 5.b, scalar of 5.max(project#4(aggregate#3("
            "filter(u#2 where (2.id = 5.max)) by []: count()): 3.count)))",
        ),
        (
            "select (select sum(t.id) from u) from t",
            "project#5(aggregate#4(t#1 by []: sum(1.id)): scalar of 4.sum(project#3(u#2: 4.sum)))",
        ),
        (
            "select id from t where id not in (select t_id from u)",
            "project#4(filter(t#1 where not any((1.id = element0): project#3(u#2: 2.t_id))): 1.id)",
        ),
        (
            "select id from t where id > all (select id from u where u.t_id = t.id)",
            "project#4(filter(t#1 where all of 1.id((1.id > element0): project#3(filter(u#2 where (2.t_id = 1.id)): "
            "2.id))): 1.id)",
        ),
        (
            "select 1 from t where exists (select 1 from u where exists (select 1 from t c where c.id = t.id))",
            "project#6(filter(t#1 where exists of 1.id(project#5(filter(u#2 where exists of 1.id(project#4("
            "filter(c#3 where (3.id = 1.id)): 1:int4@2))): 1:int4@1))): 1:int4@0)",
        ),
    ],
)
def test_subqueries_know_what_they_are_correlated_with(plan: Plan, text: str, expected: str) -> None:
    assert plan(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Named once: put in place. Twice, or volatile: kept.
        ("with a as (select id from t) select * from a", "project#4(project#3(project#2(t#1: 1.id): 2.id): 3.id)"),
        (
            "with a as (select id from t) select * from a, a b",
            "with(1 project#2(t#1: 1.id): project#5(inner[cte 1#3, cte 1#4]: 3.id, 4.id))",
        ),
        (
            "with a as (select random() as r) select * from a",
            "with(1 project#1(one row: random()): project#3(cte 1#2: 2.r))",
        ),
        (
            "with a as materialized (select 1 as x) select * from a",
            "with(1 project#1(one row: 1:int4@0): project#3(cte 1#2: 2.x))",
        ),
        ("with a as (select 1) select 2", "project#2(one row: 2:int4@1)"),
        (
            "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select n from r",
            "with(1 recursive 1#4(project#1(one row: 1:int4@0), project#3(filter(work 1#2 where (2.n < 5:int4@2)): "
            "(2.n + 1:int4@1))): project#6(cte 1#5: 5.n))",
        ),
        (
            "with d as (delete from t returning id) select 1",
            "with(1 delete 1(t#1) returning 2.id: project#4(one row: 1:int4@0))",
        ),
        (
            "select 1 union select 2.5",
            "union#4(project#3(one row: Decimal('1'):numeric@0), project#2(one row: Decimal('2.5'):numeric@1))",
        ),
        (
            "select 'a' as x union all select null",
            "union all#5(project#3(one row: 'a':text@0), project#4(one row: None:text))",
        ),
        (
            "values (1, 'a'), (2.5, null)",
            "values#1(Decimal('1'):numeric@0, 'a':text@1; Decimal('2.5'):numeric@2, None:text)",
        ),
    ],
)
def test_common_tables_and_set_operations(plan: Plan, text: str, expected: str) -> None:
    assert plan(text) == expected


def test_a_long_chain_of_operators_or_unions_needs_no_deep_stack(bound: Callable[..., object]) -> None:
    bound("select " + " || ".join(["'a'"] * 3000))
    bound(" union all ".join(["select 1"] * 600))


def test_the_plan_depends_on_the_objects_that_it_names(bound: Callable[..., object]) -> None:
    statement = bound("select * from v join u on v.key = u.id")
    assert statement.dependencies == {(101, 0), (102, 0), (105, 0)}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("clause", "columns"),
    [
        ("search depth first by n set o", ["n", "o"]),
        ("search breadth first by n set o", ["n", "o"]),
        ("cycle n set looped using path", ["n", "looped", "path"]),
        ("cycle n set looped to 'Y' default 'N' using path", ["n", "looped", "path"]),
        ("search breadth first by n set o cycle n set c using p", ["n", "o", "c", "p"]),
    ],
)
def test_search_and_cycle_add_columns(bound: Callable[..., object], clause: str, columns: list[str]) -> None:
    statement = bound(f"with recursive r(n) as (select 1 union all select n + 1 from r) {clause} select * from r")
    types = {"n": "int4", "o": "_record" if "depth" in clause else "record", "looped": "bool", "path": "_record"}
    types |= {"c": "bool", "p": "_record"} | ({"looped": "text"} if "'Y'" in clause else {})
    assert [(column.name, column.type) for column in statement.columns] == [  # type: ignore[attr-defined]
        (name, types[name]) for name in columns
    ]


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("search depth first by nosuch set o", 'search column "nosuch" not in WITH query column list'),
        ("search depth first by n set n", 'search sequence column name "n" already used in WITH query column list'),
        ("cycle nosuch set c using p", 'cycle column "nosuch" not in WITH query column list'),
        ("cycle n set c using c", "cycle mark column name and cycle path column name are the same"),
    ],
)
def test_search_and_cycle_name_columns_that_fit(bound: Callable[..., object], clause: str, message: str) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        bound(f"with recursive r(n) as (select 1 union all select n + 1 from r) {clause} select * from r")
    assert caught.value.message == message
