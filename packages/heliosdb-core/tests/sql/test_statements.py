"""Trees of whole statements, and what parsing a text of several does."""

from __future__ import annotations

import pytest

from heliosdb.errors import SqlSyntaxError, StatementTooComplex
from heliosdb.sql import statements as s
from heliosdb.sql.parser import parse, parse_one


def one(text: str) -> s.Statement:
    statements = parse(text)
    assert len(statements) == 1
    return statements[0]


def table(*parts: str, alias: str | None = None) -> s.RangeTable:
    return s.RangeTable(s.QualifiedName(parts), s.Alias(alias) if alias else None)


def column(*parts: str) -> s.ColumnRef:
    return s.ColumnRef(parts)


def number(value: int) -> s.Literal:
    return s.Literal("integer", str(value))


STAR = s.Target(s.ColumnRef((), True))


def test_select_with_all_its_clauses() -> None:
    tree = one(
        "select distinct a, b as x, t.* from s.t, u as v where a group by 1, rollup (a, b) having c "
        "window w as (order by a) order by a desc nulls last limit 5 offset 6 for update of v nowait"
    )
    assert tree == s.Select(
        (s.Target(column("a")), s.Target(column("b"), "x"), s.Target(s.ColumnRef(("t",), True))),
        (table("s", "t"), table("u", alias="v")),
        column("a"),
        (number(1), s.GroupingSet("rollup", (column("a"), column("b")))),
        column("c"),
        (s.WindowSpec("w", None, (), (s.SortItem(column("a")),)),),
        distinct=True,
        order_by=(s.SortItem(column("a"), "desc", "last"),),
        limit=number(5),
        offset=number(6),
        locking=(s.Locking("update", (s.QualifiedName(("v",)),), "nowait"),),
    )


def test_joins_nest_as_their_conditions_say() -> None:
    tree = one("select * from a join b on x left join c using (k) as u cross join d natural join e")
    inner = s.Join("inner", table("a"), table("b"), on=column("x"))
    left = s.Join("left", inner, table("c"), using=("k",), using_alias="u")
    cross = s.Join("cross", left, table("d"))
    assert tree == s.Select((STAR,), (s.Join("inner", cross, table("e"), natural=True),))
    tree = one("select * from a join b join c on y on x")
    nested = s.Join("inner", table("b"), table("c"), on=column("y"))
    assert tree == s.Select((STAR,), (s.Join("inner", table("a"), nested, on=column("x")),))


def test_set_operations_bind_as_in_postgresql() -> None:
    def select(value: int) -> s.Select:
        return s.Select((s.Target(number(value)),))

    tree = one("select 1 union select 2 intersect all select 3 except select 4 order by 1")
    product = s.SetOperation("intersect", True, select(2), select(3))
    union = s.SetOperation("union", False, select(1), product)
    assert tree == s.SetOperation("except", False, union, select(4), order_by=(s.SortItem(number(1)),))


def test_clauses_behind_parentheses_join_those_within() -> None:
    assert one("(select 1 limit 2) order by 1") == s.Select(
        (s.Target(number(1)),), limit=number(2), order_by=(s.SortItem(number(1)),)
    )
    with pytest.raises(SqlSyntaxError, match="multiple ORDER BY clauses not allowed") as caught:
        parse("(select 1 order by 1) order by 2")
    assert caught.value.position == 32
    with pytest.raises(SqlSyntaxError, match="multiple LIMIT clauses not allowed"):
        parse("(select 1 limit 1) limit 2")


def test_items_of_from() -> None:
    tree = one("select * from lateral f(1) with ordinality as t(a, b), (values (1)) v, g() as (x int), only t")
    assert isinstance(tree, s.Select)
    call = s.FunctionCall(("f",), (number(1),))
    assert tree.from_items == (
        s.RangeFunction((s.RowsFromItem(call),), s.Alias("t", ("a", "b")), lateral=True, ordinality=True),
        s.RangeSubquery(s.Values(((number(1),),)), s.Alias("v")),
        s.RangeFunction(
            (s.RowsFromItem(s.FunctionCall(("g",))),),
            column_definitions=(s.ColumnDefinitionItem("x", s.TypeName(("pg_catalog", "int4"))),),
        ),
        s.RangeTable(s.QualifiedName(("t",)), only=True),
    )


def test_with() -> None:
    tree = one("with recursive r (n) as not materialized (select 1) delete from t using r returning *")
    cte = s.CommonTable("r", ("n",), s.Select((s.Target(number(1)),)), False)
    assert tree == s.Delete(table("t"), (table("r"),), returning=(STAR,), with_clause=s.With((cte,), True))


def test_insert() -> None:
    tree = one("insert into t as x (a, b[1].c) values (1, default), (-2, null) on conflict (a) do update set a = 1")
    assert tree == s.Insert(
        table("t", alias="x"),
        (s.AssignmentTarget("a"), s.AssignmentTarget("b", (s.ArrayIndex(number(1)), "c"))),
        s.Values(((number(1), s.Default()), (number(-2), s.Literal("null", "")))),
        on_conflict=s.OnConflict(
            s.ConflictTarget((s.IndexElement("a"),)),
            "update",
            (s.Assignment(s.AssignmentTarget("a"), number(1)),),
        ),
    )
    assert one("insert into t default values") == s.Insert(table("t"), (), None)


def test_rows_of_constants_take_the_short_way_to_the_same_tree() -> None:
    fast = one("values (1, 'a', null, true, 1.5, -3, 3000000000)")
    slow = one("values ((1), ('a'), (null), (true), (1.5), (-3), (3000000000))")
    assert fast == slow
    assert isinstance(fast, s.Values)
    assert [getattr(item, "slot", None) for item in fast.rows[0]] == [0, 1, None, None, 2, 3, 4]


def test_update() -> None:
    tree = one("update t x set a = default, (b, c) = (select 1, 2) from u where current of cur returning a")
    query = s.Select((s.Target(number(1)), s.Target(number(2))))
    assert tree == s.Update(
        table("t", alias="x"),
        (
            s.Assignment(s.AssignmentTarget("a"), s.Default()),
            s.MultiAssignment((s.AssignmentTarget("b"), s.AssignmentTarget("c")), s.ScalarSubquery(query)),
        ),
        (table("u"),),
        s.CurrentOf("cur"),
        (s.Target(column("a")),),
    )


def test_merge() -> None:
    tree = one("merge into t using u on a when matched and b then delete when not matched then insert (c) values (1)")
    assert tree == s.Merge(
        table("t"),
        table("u"),
        column("a"),
        (
            s.MergeWhen(True, "delete", column("b")),
            s.MergeWhen(False, "insert", columns=(s.AssignmentTarget("c"),), values=(number(1),)),
        ),
    )


def test_create_table() -> None:
    tree = one(
        "create temp table if not exists s.t (id int primary key, n varchar(5) constraint c not null default 'x', "
        "g int generated always as (id) stored, foreign key (id) references u (k) on delete cascade deferrable) "
        "with (fillfactor = 70) on commit drop"
    )
    integer = s.TypeName(("pg_catalog", "int4"))
    assert tree == s.CreateTable(
        s.QualifiedName(("s", "t")),
        (
            s.ColumnDefinition("id", integer, constraints=(s.PrimaryKeyConstraint(),)),
            s.ColumnDefinition(
                "n",
                s.TypeName(("pg_catalog", "varchar"), (number(5),)),
                constraints=(s.NotNullConstraint(name="c"), s.DefaultConstraint(s.Literal("string", "x"))),
            ),
            s.ColumnDefinition("g", integer, constraints=(s.GeneratedColumn(column("id")),)),
            s.ForeignKeyConstraint(("id",), s.QualifiedName(("u",)), ("k",), on_delete="cascade", deferrable=True),
        ),
        "temporary",
        True,
        options=(s.Option("fillfactor", number(70)),),
        on_commit="drop",
    )


def test_alter_table() -> None:
    tree = one("alter table if exists t add column a int, drop b cascade, alter c type text using c::text")
    using = s.TypeCast(column("c"), s.TypeName(("text",)))
    assert tree == s.AlterTable(
        "table",
        s.QualifiedName(("t",)),
        (
            s.AddColumn(s.ColumnDefinition("a", s.TypeName(("pg_catalog", "int4")))),
            s.DropColumn("b", cascade=True),
            s.AlterColumnType("c", s.TypeName(("text",)), None, using),
        ),
        if_exists=True,
    )


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("begin isolation level serializable read only", s.Begin(s.TransactionModes("serializable", True))),
        ("start transaction not deferrable", s.Begin(s.TransactionModes(deferrable=False))),
        ("commit and chain", s.Commit(True)),
        ("end", s.Commit()),
        ("abort work", s.Rollback()),
        ("rollback to savepoint x", s.RollbackTo("x")),
        ("release x", s.Release("x")),
        ("set local a.b to 'x', on, 5", s.Set(
            "a.b", (s.Literal("string", "x"), s.Literal("string", "on"), number(5)), True
        )),
        ("set time zone 'UTC'", s.Set("timezone", (s.Literal("string", "UTC"),))),
        ("set a = default", s.Set("a", default=True)),
        ("reset all", s.Reset(None)),
        ("show transaction isolation level", s.Show("transaction_isolation")),
        ("set transaction read write", s.SetTransaction(s.TransactionModes(read_only=False))),
        ("drop table if exists a, s.b cascade", s.Drop("table", (
            s.ObjectName("table", s.QualifiedName(("a",))), s.ObjectName("table", s.QualifiedName(("s", "b")))
        ), True, True)),
        ("truncate a restart identity", s.Truncate((table("a"),), True)),
        ("fetch backward 5 from c", s.Fetch("c", "backward", 5)),
        ("move all c", s.Fetch("c", "forward", None, True)),
        ("fetch last c", s.Fetch("c", "absolute", -1)),
        ("deallocate all", s.Deallocate(None)),
        ("execute p (1)", s.Execute("p", (number(1),))),
        ("call p(1)", s.Call(s.FunctionCall(("p",), (number(1),)))),
        ("explain (analyze, format json) table t", s.Explain(
            s.Select((STAR,), (table("t"),)),
            (s.Option("analyze"), s.Option("format", s.Literal("string", "json"))),
        )),
        ("explain analyze table t", s.Explain(s.Select((STAR,), (table("t"),)), (s.Option("analyze"),))),
        ("copy t (a) from stdin csv header", s.Copy(
            s.QualifiedName(("t",)), None, ("a",), True,
            options=(s.Option("format", s.Literal("string", "csv")), s.Option("header", s.Literal("string", "true"))),
        )),
        ("create unique index i on t using btree (a desc, (b + 1))", s.CreateIndex(
            "i", s.QualifiedName(("t",)), (
                s.IndexElement("a", direction="desc"),
                s.IndexElement(None, s.Operator("+", column("b"), number(1))),
            ), unique=True, method="btree",
        )),
        ("create type e as enum ('a', 'b')", s.CreateEnum(s.QualifiedName(("e",)), ("a", "b"))),
        ("create extension if not exists vector", s.CreateExtension("vector", (), True)),
        ("comment on table t is 'x'", s.Comment(s.ObjectName("table", s.QualifiedName(("t",))), "x")),
        ("alter table t rename a to b", s.Rename(
            s.ObjectName("table", s.QualifiedName(("t",))), "b", "column", "a"
        )),
        ("grant select (a) on t to public", s.Grant(
            True, (s.Privilege("select", ("a",)),), "table",
            (s.ObjectName("table", s.QualifiedName(("t",))),), (s.RoleName(None, "public"),),
        )),
        ("create view v as table t with check option", s.CreateView(
            s.QualifiedName(("v",)), s.Select((STAR,), (table("t"),)), check_option="cascaded"
        )),
        ("prepare p (int) as table t", s.Prepare(
            "p", (s.TypeName(("pg_catalog", "int4")),), s.Select((STAR,), (table("t"),))
        )),
    ],
)  # fmt: skip
def test_trees_of_other_statements(text: str, tree: s.Statement) -> None:
    assert one(text) == tree


def test_a_text_may_hold_several_statements() -> None:
    trees = parse(";; begin; select 1 ;\n commit;")
    assert [type(tree).__name__ for tree in trees] == ["Begin", "Select", "Commit"]
    assert [tree.position for tree in trees] == [4, 11, 23]
    assert parse(" -- nothing\n") == []
    assert parse_one("") is None
    with pytest.raises(SqlSyntaxError, match="cannot insert multiple commands into a prepared statement"):
        parse_one("select 1; select 2")


def test_bodies_of_routines_may_be_statements() -> None:
    tree = one("create function f() returns int begin atomic select 1; return 2; end")
    assert isinstance(tree, s.CreateRoutine)
    assert tree.body == (s.Select((s.Target(number(1)),)), s.RoutineReturn(number(2)))


@pytest.mark.parametrize(
    "text",
    [
        "select " + "(" * 1000 + "1" + ")" * 1000,
        "select " + "(select " * 600 + "1" + ")" * 600,
        "select * from " + "(select * from " * 600 + "t" + ") x" * 600,
        "select " + "case when true then " * 1000 + "1" + " end" * 1000,
        "select " + "f(" * 1000 + "1" + ")" * 1000,
        "select " + "1 + (" * 1000 + "1" + ")" * 1000,
        "select * from " + "(" * 600 + "a cross join b" + ")" * 600,
        "select array" + "[" * 600 + "1" + "]" * 600,
        "select " + " + ".join(["1"] * 5000),
        "select " + " and ".join(["a = 1"] * 5000),
        " union all ".join(["select 1"] * 3000),
        "select * from t " + " ".join(f"join t{i} on true" for i in range(2000)),
    ],
    ids=lambda text: text[7:30],
)
def test_deep_and_long_statements_are_parsed(text: str) -> None:
    assert len(parse(text)) == 1


@pytest.mark.parametrize(
    "opening", ["(", "(select ", "case when ", "f(", "- ", "not ", "@ ", "array[", "1 = not ", "a[", "cast("]
)
def test_nesting_beyond_all_measure_is_54001(opening: str) -> None:
    with pytest.raises(StatementTooComplex, match="stack depth limit exceeded"):
        parse("select " + opening * 20_000)


@pytest.mark.parametrize(
    ("attributes", "timing"),
    [
        ("", (False, False)),
        ("deferrable", (True, False)),
        ("initially deferred", (True, True)),
        ("initially immediate deferrable", (True, False)),
        ("not deferrable initially immediate", (False, False)),
    ],
)
def test_attributes_belong_to_the_column_constraint_before(attributes: str, timing: tuple[bool, bool]) -> None:
    tree = one(f"create table t (a int check (a > 0) references u {attributes} not null)")
    assert isinstance(tree, s.CreateTable)
    definition = tree.elements[0]
    assert isinstance(definition, s.ColumnDefinition)
    key = definition.constraints[1]
    assert isinstance(key, s.ForeignKeyConstraint)
    assert (key.deferrable, key.initially_deferred) == timing
    assert len(definition.constraints) == 3


@pytest.mark.parametrize(
    ("attributes", "message", "position"),
    [
        ("not null deferrable", "misplaced DEFERRABLE clause", 32),
        ("unique deferrable not deferrable", "multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed", 41),
        (
            "unique initially deferred initially immediate",
            "multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed",
            49,
        ),
        (
            "unique not deferrable initially deferred",
            "constraint declared INITIALLY DEFERRED must be DEFERRABLE",
            45,
        ),
    ],
)
def test_attributes_that_contradict_are_refused(attributes: str, message: str, position: int) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        parse(f"create table t (a int {attributes})")
    assert (caught.value.message, caught.value.position) == (message, position)
