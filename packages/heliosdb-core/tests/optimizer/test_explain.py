"""What EXPLAIN says of a plan: costs, widths, actual rows and times, and why an index was not used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as made:
        made.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b text, c int)")
        made.execute("INSERT INTO t SELECT g, g % 100, 'x' || g, g % 7 FROM generate_series(1, 10000) g")
        made.execute("CREATE INDEX t_a ON t (a); CREATE INDEX t_ca ON t (c, a); CREATE INDEX t_p ON t (b) WHERE a > 50")
        made.execute("CREATE INDEX t_lower ON t (lower(b)); ANALYZE t")
        yield made


def lines(db: EmbeddedDatabase, text: str) -> list[str]:
    return [line for (line,) in db.query(text)]


def document(db: EmbeddedDatabase, text: str) -> dict[str, Any]:
    value = db.query(text)[0][0]
    (found,) = json.loads(value) if isinstance(value, str) else value
    return dict(found)


def test_every_node_has_costs_rows_and_width(db: EmbeddedDatabase) -> None:
    found = lines(db, "EXPLAIN SELECT b, count(*) FROM t WHERE a > 1 GROUP BY b ORDER BY b LIMIT 3")
    nodes = [line for line in found if "cost=" in line]
    assert len(nodes) == 4
    for line in nodes:
        match = re.search(r"\(cost=([\d.]+)\.\.([\d.]+) rows=(\d+) width=(\d+)\)$", line)
        assert match is not None, line
        assert 0 <= float(match[1]) <= float(match[2])
    totals = [float(line.split("..")[1].split()[0]) for line in nodes]
    assert totals[1] >= totals[2] >= totals[3], "a node costs no less than what is below it"


def test_a_plan_with_an_index_costs_less_than_one_without(db: EmbeddedDatabase) -> None:
    def cost(text: str) -> float:
        return float(lines(db, f"EXPLAIN {text}")[0].split("..")[1].split()[0])

    assert cost("SELECT * FROM t WHERE id = 5") < cost("SELECT * FROM t WHERE a = 5") < cost("SELECT * FROM t")


@pytest.mark.parametrize(
    ("condition", "reasons"),
    [
        ("a > 5", ["t_a: it would cost", "t_ca: no condition is about its first key c"]),
        ("a + 1 = 5", ["t_a: the condition computes something of its first key a, which the index does not hold"]),
        ("b = 'x5'", ["t_p: the condition does not imply its predicate"]),
        ("upper(b) = 'X5'", ["t_lower: no condition compares its first key (lower(b)) with a value"]),
        ("a = 1 OR b LIKE '%5'", ["t_a: it cannot answer the condition about its first key a"]),
    ],
)
def test_a_scan_says_why_it_does_not_use_an_index(db: EmbeddedDatabase, condition: str, reasons: list[str]) -> None:
    found = [
        line.strip().removeprefix("Index Not Used: ")
        for line in lines(db, f"EXPLAIN SELECT * FROM t WHERE {condition}")
        if "Index Not Used" in line
    ]
    for reason in reasons:
        assert any(line.startswith(reason) for line in found), found
    assert not any(line.startswith("t_pkey") for line in found), "the filter is not about id"


def test_an_index_that_is_used_is_not_excused(db: EmbeddedDatabase) -> None:
    assert not any("Not Used" in line for line in lines(db, "EXPLAIN SELECT * FROM t WHERE a = 5"))


def test_analyze_tells_rows_and_times(db: EmbeddedDatabase) -> None:
    found = lines(db, "EXPLAIN ANALYZE SELECT * FROM t WHERE a = 5")
    match = re.search(r"\(actual time=([\d.]+)\.\.([\d.]+) rows=100 loops=1\)$", found[0])
    assert match is not None, found[0]
    assert float(match[1]) <= float(match[2])
    assert [line.split(":")[0] for line in found[-2:]] == ["Planning Time", "Execution Time"]
    untimed = lines(db, "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) SELECT * FROM t WHERE id < 0")
    assert untimed[0].endswith("(actual rows=0 loops=1)")
    assert not any("Time:" in line for line in untimed)


def test_json_has_the_same_under_postgresqls_names(db: EmbeddedDatabase) -> None:
    whole = document(db, "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM t WHERE id = 7")
    plan = whole["Plan"]
    assert set(whole) == {"Plan", "Planning Time", "Execution Time"}
    assert {"Startup Cost", "Total Cost", "Plan Rows", "Plan Width", "Actual Startup Time", "Actual Total Time"} < set(
        plan
    )
    assert (plan["Actual Rows"], plan["Actual Loops"], plan["Plan Rows"]) == (1, 1, 1)
    assert plan["Actual Startup Time"] <= plan["Actual Total Time"]
    unused = document(db, "EXPLAIN (FORMAT JSON) SELECT * FROM t WHERE a > 5")["Plan"]["Index Not Used"]
    assert unused.startswith("t_a: it would cost")
    assert "; t_ca: " in unused


def test_merge_is_explained(db: EmbeddedDatabase) -> None:
    found = lines(db, "EXPLAIN MERGE INTO t USING (VALUES (1)) v(i) ON t.id = v.i WHEN MATCHED THEN DELETE")
    assert found[0].startswith("Merge on t  (cost=")


def test_a_summary_without_analyze_tells_the_planning_time(db: EmbeddedDatabase) -> None:
    assert lines(db, "EXPLAIN (SUMMARY) SELECT 1")[-1].startswith("Planning Time: ")


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("coalesce(a, 1) = 2", "(COALESCE(t.a, 1) = 2)"),
        ("greatest(a, c) > 3 IS TRUE", "((GREATEST(t.a, t.c) > 3) IS TRUE)"),
        ("nullif(b, 'x') IS DISTINCT FROM 'y'", "(NULLIF(t.b, 'x') IS DISTINCT FROM 'y')"),
        ("(ARRAY[a, c])[1] = 2", "(ARRAY[t.a, t.c][1] = 2)"),
        ("a = ANY (ARRAY[c, 5])", "(t.a = ANY (ARRAY[t.c, 5]))"),
        ("(ARRAY[a, c])[1:2] = '{1}'", "(ARRAY[t.a, t.c][1:2] = '{1}')"),
    ],
)
def test_conditions_can_be_read(db: EmbeddedDatabase, condition: str, shown: str) -> None:
    assert f"Filter: {shown}" in [line.strip() for line in lines(db, f"EXPLAIN SELECT * FROM t WHERE {condition}")]


def test_verbose_tells_what_each_node_gives(db: EmbeddedDatabase) -> None:
    found = lines(db, "EXPLAIN (VERBOSE, COSTS OFF) SELECT a + 1, upper(b) FROM t WHERE id = 5")
    assert found == [
        "Index Scan using t_pkey on t",
        "  Output: (t.a + 1), upper(t.b)",
        "  Index Cond: (id = 5)",
    ]


def test_options_that_are_off_are_taken(db: EmbeddedDatabase) -> None:
    off = "ANALYZE OFF, VERBOSE OFF, COSTS OFF, BUFFERS OFF, TIMING OFF, SUMMARY OFF, WAL OFF, SETTINGS OFF"
    assert lines(db, f"EXPLAIN ({off}) SELECT 1") == ["Result"]
    with pytest.raises(errors.InvalidParameterValue, match="TIMING requires ANALYZE"):
        db.query("EXPLAIN (TIMING) SELECT 1")


@pytest.mark.parametrize("option", ["BUFFERS", "WAL", "SETTINGS", "FORMAT XML"])
def test_what_is_not_there_is_refused(db: EmbeddedDatabase, option: str) -> None:
    with pytest.raises(errors.FeatureNotSupported):
        db.query(f"EXPLAIN ({option}) SELECT 1")


@pytest.mark.parametrize("options", ["", "(ANALYZE, COSTS off, TIMING off, SUMMARY off)", "(CODEGEN)"])
def test_an_explained_query_takes_parameters(db: EmbeddedDatabase, options: str) -> None:
    found = [line for (line,) in db.query(f"EXPLAIN {options} SELECT b FROM t WHERE id = $1", [7])]
    assert "Index Cond: (id = $1)" in found[1]
    if "ANALYZE" in options:
        assert "actual rows=1 " in found[0]
    assert [line for (line,) in db.query("EXPLAIN SELECT b FROM t WHERE id = $1")][1] == "  Index Cond: (id = $1)"


def test_parameters_of_an_explained_query_are_looked_at_for_estimates(db: EmbeddedDatabase) -> None:
    def estimate(bound: int) -> int:
        match = re.search(r"rows=(\d+)", str(db.query("EXPLAIN SELECT b FROM t WHERE a < $1", [bound])))
        assert match is not None
        return int(match[1])

    assert estimate(1) < 1000 < estimate(90)


@pytest.mark.parametrize(
    ("text", "parameters", "sqlstate"),
    [
        ("EXPLAIN SELECT $1::int", [1, 2], "08P01"),
        ("EXPLAIN SELECT b FROM t WHERE id = $1", ["x"], "22P02"),
        ("EXPLAIN ANALYZE SELECT $1::int", None, "42P02"),
    ],
)
def test_parameters_that_do_not_fit_an_explained_query_are_refused(
    db: EmbeddedDatabase, text: str, parameters: list[Any] | None, sqlstate: str
) -> None:
    with pytest.raises(errors.Error) as caught:
        db.database.session().execute(text, parameters)
    assert caught.value.sqlstate == sqlstate
