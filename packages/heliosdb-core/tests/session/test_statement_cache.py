"""One plan serves many texts: whatever is shared must answer as a plan made for the text alone would.

Each family is a template with texts for its holes. Every text is run with whatever plans the texts before it have left,
then again after all plans were forgotten; rows, column types, errors and positions have to be the same.
"""

# ruff: noqa: E501 - a family of statements is one line

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors
from heliosdb.session import Session

INTEGERS = ["0", "1", "2", "32767", "32768", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808"]
NUMBERS = [
    *INTEGERS,
    "1.0",
    "1.50",
    "1.5",
    "1e3",
    "0.1",
    ".5",
    "1_000",
    "1e400",
    "'1'",
    "'1.5'",
    "NULL",
    "-1",
    "- 1",
    "+1",
]
STRINGS = [
    "'a'",
    "'A'",
    "'a%'",
    "'%a'",
    "'a_'",
    "''",
    "E'a'",
    "E'\\x61'",
    "$$a$$",
    "$x$a$x$",
    "U&'\\0061'",
    "'b'",
    "'é'",
]
INTERVALS = ["'1 day'", "'1'", "'1:30'", "'x'", "'P1Y'", "'1 month -1 day'", "''"]
TYPES = ["int", "bigint", "numeric", "numeric(3,1)", "text", "varchar(1)", "float8", "date", "interval"]

FAMILIES: dict[str, tuple[str, list[list[str]]]] = {
    "literal alone": ("SELECT {0}", [[*NUMBERS, *STRINGS]]),
    "widths of a sum": ("SELECT {0} + {1}", [NUMBERS, ["1", "2147483647", "1.5", "'1'"]]),
    "products and division": ("SELECT {0} * {1}, {0} / {1}", [NUMBERS[:12], ["0", "2", "-3", "2.0"]]),
    "minus of a literal": ("SELECT -{0}, - -{0}, 3 -{0}", [NUMBERS[:14]]),
    "power of the smallest": ("SELECT -{0}::int8, (-{0})::int8", [["9223372036854775808", "1", "2147483648"]]),
    "comparison with a column": ("SELECT id FROM t WHERE a = {0} ORDER BY id", [[*NUMBERS, "'x'"]]),
    "comparison of text": ("SELECT id FROM t WHERE b = {0} OR b LIKE {0} ORDER BY id", [[*STRINGS, "1", "NULL"]]),
    "group by an expression": ("SELECT a + {0} FROM t GROUP BY a + {1} ORDER BY 1", [["0", "1", "2"], ["0", "1", "2"]]),
    "group by text": ("SELECT b || {0} FROM t GROUP BY b || {1} ORDER BY 1", [["'x'", "'y'"], ["'x'", "'y'"]]),
    "group by an ordinal": ("SELECT a, b, count(*) FROM t GROUP BY {0}, 2 ORDER BY 1, 2", [["1", "2", "3", "0", "1.5"]]),
    "order by an ordinal": ("SELECT id, a FROM t ORDER BY {0}", [["1", "2", "3", "0", "-1", "2 DESC", "'1'", "1.0"]]),
    "having": ("SELECT a FROM t GROUP BY a HAVING count(*) > {0} AND a + {1} = a + {1} ORDER BY 1", [["0", "1"], ["1", "2"]]),
    "distinct on": ("SELECT DISTINCT ON (a + {0}) a FROM t ORDER BY a + {1}", [["1", "2"], ["1", "2"]]),
    "limit and offset": ("SELECT id FROM t ORDER BY id LIMIT {0} OFFSET {1}", [["0", "1", "2", "NULL", "-1", "'1'", "1.5"], ["0", "1", "-1"]]),
    "fetch": ("SELECT id FROM t ORDER BY id FETCH FIRST {0} ROWS ONLY", [["1", "2"]]),
    "casts": ("SELECT {0}::{1}", [["1", "1.25", "'1'", "'1 day'", "'2024-01-01'", "'abc'"], TYPES]),
    "typmods": ("SELECT 1.25::numeric({0},{1}), 'abcdef'::varchar({0})", [["3", "4", "0", "1001"], ["1", "2", "5"]]),
    "typed literals": ("SELECT {0} {1}", [["date", "interval", "int", "numeric"], [*INTERVALS, "'2024-01-01'", "'12'"]]),
    "interval arithmetic": ("SELECT timestamp '2024-01-31' + interval {0}, date '2024-01-31' + {1}", [INTERVALS, ["1", "'1'", "interval '1 month'"]]),
    "interval with fields": ("SELECT interval {0} day, interval {0} minute to second", [INTERVALS]),
    "like with escape": ("SELECT b LIKE {0} ESCAPE {1} FROM t ORDER BY id", [["'a%'", "'a!%'", "'%'"], ["'!'", "'x'", "''", "'ab'"]]),
    "regular expressions": ("SELECT b ~ {0}, substring(b from {0}) FROM t ORDER BY id", [["'a'", "'^A'", "'('", "''"]]),
    "similar": ("SELECT b SIMILAR TO {0} FROM t ORDER BY id", [["'a%'", "'(a|b)'", "'('"]]),
    "lists": ("SELECT id FROM t WHERE a IN ({0}, {1}) ORDER BY id", [["1", "'1'", "1.0", "NULL", "2147483648", "'x'"], ["2", "NULL", "1"]]),
    "arrays": ("SELECT ARRAY[{0}, {1}], {0} = ANY (ARRAY[{1}])", [["1", "1.5", "'1'", "NULL"], ["2", "'2'", "2147483648"]]),
    "array text": ("SELECT a = ANY ({0}) FROM t ORDER BY id", [["'{1,2}'", "'{1,NULL}'", "'{x}'", "'{}'"]]),
    "case": ("SELECT CASE a WHEN {0} THEN {1} ELSE 'z' END FROM t ORDER BY id", [["1", "'1'", "1.5", "'x'"], ["'a'", "'b'", "1"]]),
    "coalesce": ("SELECT coalesce(a, {0}), coalesce({0}, {1}) FROM t ORDER BY id", [["1", "1.5", "'1'", "'x'", "NULL"], ["1", "'2'", "2147483648"]]),
    "union": ("SELECT {0} UNION SELECT {1} ORDER BY 1", [["1", "1.0", "'1'", "'x'", "NULL"], ["1", "2147483648", "'1'", "1.5"]]),
    "values": ("SELECT * FROM (VALUES ({0}), ({1})) v ORDER BY 1", [["1", "'1'", "1.5", "NULL"], ["1", "'x'", "2147483648"]]),
    "functions by argument": ("SELECT abs({0}), round({0}), length({1})", [["1", "-1.5", "'1'", "2147483648"], ["'abc'", "'\\xab'", "1"]]),
    "round to digits": ("SELECT round(1.2345, {0}), round({1}, 1)", [["1", "2", "-1", "'1'"], ["1", "1.25", "'1.25'"]]),
    "extract": ("SELECT extract({0} FROM timestamp '2024-02-29 01:02:03'), date_part({1}, timestamp '2024-02-29')", [["year", "dow", "'month'"], ["'day'", "'nope'"]]),
    "date_trunc": ("SELECT date_trunc({0}, timestamp '2024-02-29 01:02:03')", [["'day'", "'month'", "'nope'", "'century'"]]),
    "to_char": ("SELECT to_char({0}, {1})", [["1.5", "1", "timestamp '2024-02-29'"], ["'9.99'", "'YYYY'"]]),
    "at time zone": ("SELECT timestamptz '2024-02-29 00:00+00' AT TIME ZONE {0}", [["'UTC'", "'Europe/Berlin'", "'nope'", "interval '1 hour'"]]),
    "json paths": ("SELECT '{{\"a\": [1, 2]}}'::jsonb -> {0}, '{{\"a\": [1, 2]}}'::jsonb #> {1}", [["'a'", "0", "'b'"], ["'{a,1}'", "'{b}'", "'x'"]]),
    "subscripts": ("SELECT (ARRAY[1,2,3])[{0}], (ARRAY[1,2,3])[{0}:{1}]", [["1", "2", "'2'", "1.5"], ["2", "3"]]),
    "windows": ("SELECT sum(a) OVER (ORDER BY id ROWS BETWEEN {0} PRECEDING AND CURRENT ROW), ntile({1}) OVER (ORDER BY id) FROM t ORDER BY id", [["0", "1", "-1"], ["1", "2", "0"]]),
    "lag with default": ("SELECT lag(a, {0}, {1}) OVER (ORDER BY id) FROM t ORDER BY id", [["1", "2"], ["0", "-1", "'5'"]]),
    "exists and limits": ("SELECT id FROM t WHERE EXISTS (SELECT {0} FROM t u WHERE u.a > {1}) ORDER BY id", [["1", "'x'"], ["0", "100"]]),
    "division by a literal": ("SELECT 1 / {0}, a / {0} FROM t ORDER BY id", [["1", "0", "2", "0.0", "NULL"]]),
    "boolean literals": ("SELECT id FROM t WHERE {0} ORDER BY id", [["'t'", "'false'", "'x'", "true", "NULL", "1"]]),
    "bit strings": ("SELECT {0}, {0} || B'1'", [["B'101'", "B'1'", "X'F'", "B''"]]),
    "intersecting text": ("SELECT position({0} in {1}), overlay({1} placing {0} from 1)", [["'a'", "''"], ["'banana'", "'x'"]]),
    "indexed": ("SELECT id FROM t WHERE id = {0}", [[*NUMBERS, "'x'"]]),
    "indexed range": ("SELECT id FROM t WHERE id BETWEEN {0} AND {1} ORDER BY id DESC", [["0", "1", "1.5", "'2'"], ["2", "2147483648", "NULL"]]),
    "partial index": ("SELECT id FROM t WHERE b = 'a' AND a = {0} ORDER BY id", [["1", "2", "3", "1.0"]]),
    "insert": ("INSERT INTO w VALUES ({0}, {1}) RETURNING *", [["1", "1.6", "'1'", "NULL", "2147483648", "'x'"], ["'a'", "1", "NULL", "'abcd'"]]),
    "update": ("UPDATE w SET a = {0}, b = {1} RETURNING *", [["1", "1.6", "'1'", "NULL", "2147483648"], ["'a'", "'abcd'", "NULL"]]),
    "aliases": ('SELECT {0} AS {1}', [["1", "'x'"], ["a", '"1"', '"A"']]),
    "comments": ("SELECT {0} /* 1 */ -- 2\n, {0}", [["1", "'/*'", "'--'"]]),
}  # fmt: skip


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b text)")
        database.execute("INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'A'), (3, 1, 'ab'), (4, NULL, 'é'), (5, 3, NULL)")
        database.execute("CREATE INDEX ON t (a) WHERE a = 1")
        database.execute("CREATE TABLE w (a int, b varchar(3))")
        yield database


def outcome(session: Session, text: str) -> Any:
    """Return everything a client sees of a statement."""
    try:
        (result,) = session.execute(text)
    except errors.Error as error:
        return error.sqlstate, str(error), error.position, error.detail, error.hint
    columns = None if result.columns is None else [(c.name, c.type, c.typmod) for c in result.columns]
    return result.tag, columns, list(result.rows), list(map(_classes, result.rows))


def _classes(row: tuple[Any, ...]) -> list[type]:
    return [type(value) for value in row]


def same_without_cache(db: EmbeddedDatabase, session: Session, text: str) -> None:
    session.execute("TRUNCATE w; INSERT INTO w VALUES (0, 'w')")
    shared = outcome(session, text)
    session.execute("TRUNCATE w; INSERT INTO w VALUES (0, 'w')")
    db.database.statements.clear()
    assert shared == outcome(session, text), text


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shared_plan_answers_as_one_of_its_own(family: str, db: EmbeddedDatabase) -> None:
    template, holes = FAMILIES[family]
    texts = [template.format(*chosen) for chosen in itertools.product(*holes)]
    session = db.session()
    # All texts with the plans that those before them left; then each with nothing left.
    shared = []
    for text in texts:
        session.execute("TRUNCATE w; INSERT INTO w VALUES (0, 'w')")
        shared.append((text, outcome(session, text)))
    for text, found in shared:
        session.execute("TRUNCATE w; INSERT INTO w VALUES (0, 'w')")
        db.database.statements.clear()
        assert found == outcome(session, text), text
    session.close()


FRAGMENTS = [
    "{} + a",
    "a + {}",
    "({})::text",
    "b || {}",
    "coalesce(a, {})",
    "{} IN (1, {})",
    "nullif({}, {})",
    "-{}",
    "{}",
]
LITERALS = ["1", "2", "1.5", "'1'", "'a'", "2147483648", "NULL", "1.0"]


@given(
    st.lists(
        st.tuples(st.sampled_from(FRAGMENTS), st.lists(st.sampled_from(LITERALS), min_size=2, max_size=2)),
        min_size=1,
        max_size=2,
    ),
    st.sampled_from(["", " GROUP BY 1", " ORDER BY 1", " WHERE a > {}", " WHERE id = {}"]),
    st.lists(st.sampled_from(LITERALS), min_size=3, max_size=3),
)
@settings(max_examples=50)
def test_any_statement_answers_as_if_alone(
    db: EmbeddedDatabase, parts: list[tuple[str, list[str]]], tail: str, others: list[str]
) -> None:
    session = db._session
    for literal in others:
        targets = ", ".join(part.format(literal, values[1]) for part, values in parts)
        outcome(session, f"SELECT {targets} FROM t" + tail.format(literal))
    targets = ", ".join(part.format(*values) for part, values in parts)
    same_without_cache(db, session, f"SELECT {targets} FROM t" + tail.format(others[0]))


# -- what else a plan depends on ---------------------------------------------------------------------------------------


@pytest.fixture
def own() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'public')")
        yield database


def test_the_search_path_decides_anew(own: EmbeddedDatabase) -> None:
    own.execute("CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, v text); INSERT INTO s.t VALUES (1, 's')")
    for _ in range(4):
        assert own.query("SELECT v FROM t WHERE id = $1", (1,)) == [("public",)]
        own.execute("SET search_path = s, public")
        assert own.query("SELECT v FROM t WHERE id = $1", (1,)) == [("s",)]
        own.execute("RESET search_path")


def test_a_temporary_table_hides_another_while_it_lives(own: EmbeddedDatabase) -> None:
    for _ in range(4):
        assert own.query("SELECT v FROM t WHERE id = $1", (1,)) == [("public",)]
    own.execute("CREATE TEMP TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'temporary')")
    for _ in range(4):
        assert own.query("SELECT v FROM t WHERE id = $1", (1,)) == [("temporary",)]
    with own.begin_transaction() as tx:
        for _ in range(3):
            assert tx.query("SELECT v FROM t WHERE id = $1", (1,)) == [("public",)]
    own.execute("DROP TABLE t")
    for _ in range(4):
        assert own.query("SELECT v FROM t WHERE id = $1", (1,)) == [("public",)]


@pytest.mark.parametrize("in_block", [False, True])
def test_definitions_that_change_in_between_are_seen(own: EmbeddedDatabase, in_block: bool) -> None:
    select, update = "SELECT v FROM t WHERE id = $1", "UPDATE t SET v = $2 WHERE id = $1"
    for _ in range(4):
        own.query(select, (1,))
        own.execute(update, (1, "x"))
    if in_block:
        own.execute("BEGIN")
    own.execute("ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5")
    assert own.query("SELECT * FROM t WHERE id = 1") == [(1, "x", 5)]
    own.execute("ALTER TABLE t ADD CONSTRAINT short CHECK (length(v) < 3)")
    with pytest.raises(errors.CheckViolation):
        own.execute(update, (1, "long"))
    if in_block:
        own.execute("ROLLBACK")
        assert own.execute(update, (1, "long")) == 1
        assert own.query("SELECT * FROM t") == [(1, "long")]
        return
    own.execute("ALTER TABLE t DROP CONSTRAINT short; ALTER TABLE t ALTER COLUMN v TYPE int USING length(v)")
    assert own.query(select, (1,)) == [(1,)]
    assert own.execute(update, (1, 7)) == 1
    own.execute("ALTER TABLE t RENAME COLUMN v TO w; ALTER TABLE t RENAME COLUMN n TO v")
    assert own.query(select, (1,)) == [(5,)]
    own.execute("DROP TABLE t; CREATE TABLE t (id text PRIMARY KEY, v date)")
    own.execute("INSERT INTO t VALUES ('1', '2024-02-29')")
    assert own.query(select, ("1",))[0].keys() == ("v",)
    own.execute("DROP TABLE t; CREATE VIEW t AS SELECT 1 AS id, 'view' AS v")
    assert own.query(select, (1,)) == [("view",)]


def test_an_index_that_goes_or_comes_changes_no_answer(own: EmbeddedDatabase) -> None:
    own.execute("CREATE UNIQUE INDEX by_v ON t (v)")
    for _ in range(4):
        assert own.query("SELECT id FROM t WHERE v = $1", ("public",)) == [(1,)]
    own.execute("DROP INDEX by_v")
    own.execute("INSERT INTO t VALUES (2, 'public')")
    assert own.query("SELECT id FROM t WHERE v = $1 ORDER BY id", ("public",)) == [(1,), (2,)]
    own.execute("CREATE INDEX ON t (v)")
    assert own.query("SELECT id FROM t WHERE v = $1 ORDER BY id", ("public",)) == [(1,), (2,)]


def test_settings_that_change_results_are_not_baked_in(own: EmbeddedDatabase) -> None:
    text = "SELECT (timestamptz '2024-01-01 00:00:00+00')::text, '01/02/2024'::date, extract(hour from timestamptz '2024-01-01 00:00+00')"
    for zone, style, expected in (
        ("UTC", "ISO, MDY", ("2024-01-01 00:00:00+00", 1, 0)),
        ("Europe/Berlin", "ISO, DMY", ("2024-01-01 01:00:00+01", 2, 1)),
        ("UTC", "ISO, MDY", ("2024-01-01 00:00:00+00", 1, 0)),
    ):
        own.execute(f"SET TimeZone = '{zone}'; SET DateStyle = '{style}'")
        ((shown, day, hour),) = own.query(text)
        assert (shown, day.month, hour) == expected
    for role in ("one", "two"):
        own.execute(f"CREATE ROLE {role}")
        session = own.session(user=role)
        (result,) = session.execute("SELECT current_user, session_user")
        assert result.rows == [(role, role)]


def test_a_function_made_later_counts(own: EmbeddedDatabase) -> None:
    text = "SELECT lower(v) FROM t WHERE id = $1"
    for _ in range(4):
        assert own.query(text, (1,)) == [("public",)]
    with pytest.raises(errors.UndefinedFunction):
        own.query("SELECT later($1::int)", (1,))
    own.create_function("later", ["int"], "int", lambda n: n + 1)
    assert own.query("SELECT later($1::int)", (1,)) == [(2,)]
    own.create_function("later", ["int"], "int", lambda n: n + 2)
    assert own.query("SELECT later($1::int)", (1,)) == [(3,)]


def test_parameters_of_other_types_make_other_plans(own: EmbeddedDatabase) -> None:
    for value, kind in (
        (1, "integer"),
        (2**40, "bigint"),
        (1.5, "double precision"),
        ("x", "text"),
        (True, "boolean"),
        (1, "integer"),
    ):
        assert own.query("SELECT pg_typeof($1)::text, $1", (value,)) == [(kind, value)]
    assert own.query("SELECT $1 + 1", (1,)) == [(2,)]
    assert own.query("SELECT $1 + 1", (2**40,)) == [(2**40 + 1,)]
    with pytest.raises(errors.InvalidTextRepresentation):
        own.query("SELECT $1 + 1", ("x",))


def test_plans_over_uncommitted_definitions_stay_with_their_transaction(own: EmbeddedDatabase) -> None:
    with own.begin_transaction() as tx:
        tx.execute("ALTER TABLE t RENAME COLUMN v TO w")
        assert tx.query("SELECT w FROM t") == [("public",)]
        tx.execute("CREATE TABLE fresh (a int)")
        assert tx.query("SELECT * FROM fresh") == []
        with pytest.raises(errors.UndefinedTable):
            own.query("SELECT * FROM fresh")
    assert own.query("SELECT v FROM t") == [("public",)]
    with pytest.raises(errors.UndefinedColumn):
        own.query("SELECT w FROM t")


def test_a_table_that_grows_gets_another_plan(own: EmbeddedDatabase) -> None:
    own.execute("CREATE INDEX ON t (v)")
    text = "SELECT id FROM t WHERE v = $1"
    for _ in range(3):
        own.query(text, ("public",))
    small = own._session.last_plan
    own.execute("INSERT INTO t SELECT g, g::text FROM generate_series(2, 20000) g")
    for number in range(2, 80):
        assert own.query(text, (str(number),)) == [(number,)]
    large = own._session.last_plan
    assert small is not None
    assert large is not None
    assert "IndexScan" in repr(large.explained)
    assert small is not large


def test_the_caches_stay_bounded(own: EmbeddedDatabase) -> None:
    from heliosdb.session import statements

    for number in range(300):
        own.query(f"SELECT {number} AS c{number}")
    cache = own.database.statements
    assert len(cache._plans) <= statements.PLANS
    for number in range(2 * statements.PLANS_PER_SHAPE):
        own.query(f"SELECT id, v FROM t LIMIT 1 + {number}")
        own.query(f"SELECT 1.5::numeric({number + 2}, 1)")
    assert max(map(len, cache._plans.values())) <= statements.PLANS_PER_SHAPE


def test_constants_that_select_another_part_get_another_plan(own: EmbeddedDatabase) -> None:
    own.execute("CREATE TABLE skewed (id int PRIMARY KEY, kind text, size int)")
    own.execute(
        "INSERT INTO skewed SELECT g, CASE WHEN g % 100 = 0 THEN 'rare' || g % 700 ELSE 'common' END, g"
        " FROM generate_series(1, 20000) g"
    )
    own.execute("CREATE INDEX ON skewed (kind)")
    own.execute("CREATE INDEX ON skewed (size)")
    own.execute("ANALYZE skewed")

    def run(condition: str, *, index: bool) -> Any:
        (counted,) = own.query(f"SELECT count(*), min(id), max(id) FROM skewed WHERE {condition}")
        assert ("IndexScan" in repr(own._session.last_plan.explained)) is index, condition  # type: ignore[union-attr]
        # No index knows the condition in this form.
        assert own.query(
            "SELECT count(*), min(id), max(id) FROM (SELECT id, kind || '' kind, size + 0 size FROM skewed) s"
            f" WHERE {condition}"
        ) == [counted]
        return own._session.last_plan

    for rare in ("rare100", "rare600", "nothing"):
        run(f"kind = '{rare}'", index=True)
    run("kind = 'common'", index=False)
    run("kind = 'rare300'", index=True)
    run("size BETWEEN 5 AND 20", index=True)
    run("size BETWEEN 15000 AND 15015", index=True)
    run("size BETWEEN 5 AND 19000", index=False)
    run("size BETWEEN 25 AND 30", index=True)
    cache = own.database.statements
    misses = cache.misses
    for low in range(100, 19000, 700):
        assert own.query(f"SELECT count(*) FROM skewed WHERE size BETWEEN {low} AND {low + 30}") == [(31,)]
    assert cache.misses <= misses + 2, "the same part, elsewhere: one plan, looked for twice"


def test_parameters_that_select_another_part_get_another_plan(own: EmbeddedDatabase) -> None:
    own.execute("CREATE TABLE measured (id int PRIMARY KEY, at timestamp, size int, name text)")
    own.execute(
        "INSERT INTO measured SELECT g, timestamp '2024-01-01' + g * interval '1 minute', g % 5000, 'n' || g"
        " FROM generate_series(1, 20000) g"
    )
    own.execute("CREATE INDEX ON measured (at); CREATE INDEX ON measured (size); ANALYZE measured")

    def run(text: str, parameters: tuple[Any, ...], rows: int, *, index: bool) -> None:
        assert len(own.query(text, parameters)) == rows
        assert ("IndexScan" in repr(own._session.last_plan.explained)) is index, (text, parameters)  # type: ignore[union-attr]

    later = "SELECT name FROM measured WHERE at > $1"
    run(later, (datetime(2024, 1, 14, 20, 0),), 80, index=True)
    run(later, (datetime(2024, 1, 2),), 18560, index=False)
    run(later, (datetime(2024, 1, 14, 21, 0),), 20, index=True)
    run(later, (datetime(2024, 3, 1),), 0, index=True)
    run(later, (None,), 0, index=False)
    between = "SELECT name FROM measured WHERE size >= $1 AND size < $2"
    for low, high, index in ((10, 12, True), (10, 4990, False), (4000, 4003, True), (4003, 4000, True)):
        run(between, (low, high), 4 * max(0, high - low), index=index)
    with pytest.raises(errors.Error):
        own.query(between, ("x", 3))
    with pytest.raises(errors.Error):
        own.query(between, (3,))
