"""What plugins may add to the grammar, and that it never disturbs what is not theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from heliosdb.errors import SqlSyntaxError
from heliosdb.sql.parser import ClauseRule, Parser, StatementRule, core_grammar, parse, parse_one
from heliosdb.sql.statements import (
    Alias,
    Clause,
    ColumnDefinition,
    ColumnRef,
    CreateIndex,
    CreateTable,
    Expression,
    ExtensionStatement,
    FunctionCall,
    Insert,
    Literal,
    RangeTable,
    Select,
    Show,
    Statement,
    Update,
)


def as_of(p: Parser) -> Expression | None:
    if p.accept_keyword("timestamp"):
        return p.expression()
    if p.accept_keyword("now"):
        return Literal("string", "now")
    return None


def create_branch(p: Parser) -> object:
    name = p.identifier()
    p.expect_keyword("from")
    parent = p.identifier()
    point = p.expression() if p.accept_keyword("as", "of") else None
    options = p.options() if p.accept_keyword("with") else ()
    return name, parent, point, tuple((option.name, option.text) for option in options)


def show_branches(p: Parser) -> object:
    return {"like": p.string() if p.accept_keyword("like") else None}


def show_declined(p: Parser) -> object | None:
    p.advance()
    return None


GRAMMAR = core_grammar().extended(
    statements=[
        StatementRule("create branch", ("create", "branch"), create_branch),
        StatementRule("show branches", ("show", "branches"), show_branches),
        StatementRule("show server", ("show", "server_version"), show_declined),
        StatementRule("shout", ("shout",), lambda p: p.string()),
    ],
    clauses=[
        ClauseRule("as of", "table", ("as", "of"), as_of),
        ClauseRule("refresh", "create_table", ("auto_refresh",), lambda p: p.integer()),
        ClauseRule("quantized", "create_index", ("quantized", "by"), lambda p: p.identifier()),
        ClauseRule("encrypted", "column", ("encrypted",), lambda p: True),
        ClauseRule("settings", "query", ("settings",), lambda p: p.options()),
        ClauseRule("as at", "query", ("as", "at"), lambda p: p.integer() if p.kind == "ICONST" else None),
        ClauseRule("for weekdays", "query", ("for", "weekdays"), lambda p: True),
    ],
)


def test_a_plugin_claims_statements_by_their_leading_words() -> None:
    found = parse_one("CREATE Branch dev FROM main AS OF now() WITH (ttl = 5, mode = fast)", GRAMMAR)
    assert isinstance(found, ExtensionStatement)
    assert found.name == "create branch"
    assert found.payload == ("dev", "main", FunctionCall(("now",)), (("ttl", "5"), ("mode", "fast")))
    assert parse_one("shout 'x'", GRAMMAR) == ExtensionStatement("shout", "x")


def test_other_statements_with_the_same_first_word_stay() -> None:
    assert parse_one("show branches like 'a%'", GRAMMAR) == ExtensionStatement("show branches", {"like": "a%"})
    assert parse_one("show work_mem", GRAMMAR) == Show("work_mem")
    assert parse_one("show server_version", GRAMMAR) == Show("server_version")  # the rule declined
    assert isinstance(parse_one("create table branch (branch int)", GRAMMAR), CreateTable)
    with pytest.raises(SqlSyntaxError, match='at or near "extra"'):
        parse("show branches extra", GRAMMAR)
    with pytest.raises(SqlSyntaxError, match='at or near "branch"'):
        parse("create branch dev from main")


def test_clauses_stand_behind_a_relation_and_before_or_behind_its_alias() -> None:
    clause = Clause("as of", Literal("string", "2001-01-01"))
    for text in (
        "select * from t as of timestamp '2001-01-01' as x",
        "select * from t as of timestamp '2001-01-01' x",
        "select * from t x as of timestamp '2001-01-01'",
        "select * from t as x as of timestamp '2001-01-01'",
    ):
        tree = parse_one(text, GRAMMAR)
        assert isinstance(tree, Select)
        item = tree.from_items[0]
        assert isinstance(item, RangeTable)
        assert item.extensions == (clause,)
        assert item.alias == Alias("x")
        assert item.extensions[0].position == text.index("as of") + 1
    update = parse_one("update t as of now set a = 1", GRAMMAR)
    assert isinstance(update, Update)
    assert update.target.extensions == (Clause("as of", Literal("string", "now")),)
    insert = parse_one("insert into t as of now values (1)", GRAMMAR)
    assert isinstance(insert, Insert)
    assert insert.target.extensions == (Clause("as of", Literal("string", "now")),)


def test_names_and_literals_that_look_like_clauses_are_left_alone() -> None:
    tree = parse_one('select \'AS OF\', "as" "of", $$as of$$ as of, of from t as of, u as "as of"', GRAMMAR)
    assert isinstance(tree, Select)
    assert [target.alias for target in tree.targets] == [None, "of", "of", None]
    assert tree.targets[3].expression == ColumnRef(("of",))
    first, second = tree.from_items
    assert isinstance(first, RangeTable)
    assert isinstance(second, RangeTable)
    assert (first.alias, second.alias) == (Alias("of"), Alias("as of"))
    assert first.extensions == second.extensions == ()
    assert isinstance(parse_one('create table "branch" (encrypted int, quantized int)', GRAMMAR), CreateTable)
    with pytest.raises(SqlSyntaxError):
        parse('create table t (a int "encrypted")', GRAMMAR)


def test_clauses_of_definitions_and_queries() -> None:
    tree = parse_one("create table t (a int not null encrypted default 5, b text) auto_refresh 5", GRAMMAR)
    assert isinstance(tree, CreateTable)
    assert tree.extensions == (Clause("refresh", 5),)
    first = tree.elements[0]
    assert isinstance(first, ColumnDefinition)
    assert first.extensions == (Clause("encrypted", True),)
    assert len(first.constraints) == 2
    index = parse_one("create index on t using hnsw (a) where b quantized by pq", GRAMMAR)
    assert isinstance(index, CreateIndex)
    assert index.extensions == (Clause("quantized", "pq"),)
    query = parse_one("select 1 limit 5 settings (x = 1)", GRAMMAR)
    assert isinstance(query, Select)
    assert [clause.name for clause in query.extensions] == ["settings"]


@pytest.mark.parametrize(
    ("text", "names", "locks"),
    [
        ("select * from t join u using (a) as at 5", ["as at"], 0),
        ("select * from t join u using (a) as at", [], 0),
        ("select * from t join u using (a) as x as at 5", ["as at"], 0),
        ("select * from t for weekdays", ["for weekdays"], 0),
        ("select * from t for update limit 1 for weekdays", ["for weekdays"], 1),
        ("select * from t limit 1 for share for update for weekdays as at 5", ["for weekdays", "as at"], 2),
    ],
)
def test_clauses_behind_a_query_may_begin_as_other_parts_of_it_do(text: str, names: list[str], locks: int) -> None:
    query = parse_one(text, GRAMMAR)
    assert isinstance(query, Select)
    assert [clause.name for clause in query.extensions] == names
    assert len(query.locking) == locks


def test_the_core_grammar_does_not_know_them() -> None:
    for text in (
        "select * from t as of timestamp 'x'",
        "create table t (a int encrypted)",
        "select 1 settings (x = 1)",
    ):
        with pytest.raises(SqlSyntaxError):
            parse(text)


def test_a_grammar_is_a_value() -> None:
    assert core_grammar() is core_grammar()
    assert evolve(GRAMMAR) == GRAMMAR
    assert "shout" not in core_grammar().statements


def test_all_of_postgresql_is_read_the_same_with_plugins_around() -> None:
    lines = (Path(__file__).parent / "accepted.sql").read_text(encoding="utf-8").splitlines()
    for text in lines:
        trees: list[Statement] = parse(text)
        assert parse(text, GRAMMAR) == trees


def test_the_cursor_reads_what_rules_need() -> None:
    p = Parser("alpha Beta.\"C\" (x = 1, y) 'text' 42 <=> ;", core_grammar())
    assert p.at_keyword("alpha", "beta")
    assert not p.at_keyword("alpha", "gamma")
    assert p.accept_keyword("alpha")
    mark = p.mark()
    assert p.qualified_name().parts == ("beta", "C")
    assert p.source(mark + 6) == 'Beta."C"'
    assert [(option.name, option.text) for option in p.options()] == [("x", "1"), ("y", None)]
    assert p.string() == "text"
    assert p.peek() == ("ICONST", "42", 34, 36)
    assert p.integer() == 42
    assert p.at_mark("<=>")
    p.expect_mark("<=>")
    assert p.at_end()
    p.reset(mark)
    assert p.identifier() == "beta"
    error = p.error()
    assert (error.message, error.position) == ('syntax error at or near "."', 11)
    assert p.error("no such thing", hint="try another").hint == "try another"


def test_a_clause_may_begin_with_an_operator() -> None:
    grammar = core_grammar().extended(clauses=[ClauseRule("place", "table", ("@",), lambda p: p.identifier())])
    tree = parse_one('select @a from t@x b, u @"Y" where a @ b', grammar)
    assert isinstance(tree, Select)
    first, second = tree.from_items
    assert isinstance(first, RangeTable)
    assert isinstance(second, RangeTable)
    assert [clause.payload for clause in (*first.extensions, *second.extensions)] == ["x", "Y"]
    with pytest.raises(SqlSyntaxError, match='at or near "@"'):
        parse("select 1 from t@x")
