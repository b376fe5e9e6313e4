"""Scripts are cut at the semicolons that end statements, and at no others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.sql.script import next_statement, split


def texts(script: str) -> list[str]:
    return [statement.text for statement in split(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ; ;\n-- only a comment\n/* ; */;", []),
        ("select 1; select 2", ["select 1", "select 2"]),
        ("  select 1  ;  ", ["select 1"]),
        ("select ';', \";\", $$;$$, $a$;$$;$a$, E'\\';' ; x", ["select ';', \";\", $$;$$, $a$;$$;$a$, E'\\';'", "x"]),
        ("select 1 -- ;\n; select /* ; /* ; */ ; */ 2;", ["select 1 -- ;", "select /* ; /* ; */ ; */ 2"]),
        ("create rule r as on insert to t do (select 1; select 2); x", [
            "create rule r as on insert to t do (select 1; select 2)", "x",
        ]),
        ("create function f() returns int begin atomic select case when a then 1 end; select 2; end; x", [
            "create function f() returns int begin atomic select case when a then 1 end; select 2; end", "x",
        ]),
        ("create or replace procedure p() BEGIN ATOMIC insert into t values (1); END; begin; end;", [
            "create or replace procedure p() BEGIN ATOMIC insert into t values (1); END", "begin", "end",
        ]),
        ("begin; select case when a then 1 end; end", ["begin", "select case when a then 1 end", "end"]),
        ("select 'unterminated ; x", ["select 'unterminated ; x"]),
        ("select 1) ; x", ["select 1)", "x"]),
        ("a$1;b", ["a$1", "b"]),
        ("select 1e5;select 2", ["select 1e5", "select 2"]),
    ],
)  # fmt: skip
def test_split(script: str, expected: list[str]) -> None:
    assert texts(script) == expected


def test_statements_know_their_offsets_and_where_the_next_begins() -> None:
    script = "-- first\n select 1 ; copy t from stdin;\n1\n\\.\nselect 2;"
    first = next_statement(script)
    assert first is not None
    assert first[0] == ("select 1", 10)
    second = next_statement(script, first[1])
    assert second is not None
    assert second[0].text == "copy t from stdin"
    behind_data = script.index("\\.") + 3
    third = next_statement(script, behind_data)
    assert third is not None
    assert third[0] == ("select 2", script.index("select 2"))
    assert next_statement(script, third[1]) is None


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1 ;'\"$\\/*-(),\neE"), max_size=40))
def test_every_statement_stands_at_its_offset(script: str) -> None:
    end = 0
    for statement in split(script):
        assert statement.offset >= end
        assert script[statement.offset :].startswith(statement.text)
        assert statement.text
        end = statement.offset + len(statement.text)
