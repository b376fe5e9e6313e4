"""Functions that are computed block by block answer as they do row by row, and are computed only where they may be."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.codegen.block_runtime import not_worse, taken
from heliosdb.errors import DivisionByZero, InvalidObjectDefinition
from heliosdb.plugin import hookimpl
from heliosdb.spi import ColumnValues, ScalarFunction, Volatility, load_plugins
from heliosdb.store.column_values import RECENT, BlockForms, FormsRoom

ROWS = 10_000


def apart(left: int, right: int) -> float:
    """Return how far two numbers are from each other; 13 is refused, and the distance to 77 is NaN."""
    if left == 13 or right == 13:
        raise DivisionByZero("13")
    return float("nan") if 77 in (left, right) else float(abs(left - right))


class Apart:
    """The function, its column forms, and how often they were called."""

    def __init__(self, as_array: bool) -> None:
        self.as_array = as_array
        self.blocks = self.made = self.rows = 0

    def row(self, left: int, right: int) -> float:
        self.rows += 1
        return apart(left, right)

    def column(self, left: Any, right: Any) -> Any:
        self.blocks += 1
        sides = [side.form(self.numbers) if isinstance(side, ColumnValues) else side for side in (left, right)]
        if any((np.asarray(side) == 13).any() for side in sides):
            return None
        first, second = sides
        distances = np.abs(first - second).astype(float)
        distances[(first == 77) | (second == 77)] = np.nan
        return distances if self.as_array else distances.tolist()

    def numbers(self, column: ColumnValues) -> Any:
        self.made += 1
        return np.array(column.values)

    def plugin(self) -> SimpleNamespace:
        @hookimpl
        def register_functions() -> list[ScalarFunction]:
            both = ("int4", "int4")
            return [
                ScalarFunction("apart", both, "float8", self.row, column_form=self.column, schema="public"),
                ScalarFunction("slow", both, "float8", apart, schema="public"),
            ]

        return SimpleNamespace(plugin_name="apart", register_functions=register_functions)


@pytest.fixture(params=["array", "list"])
def function(request: pytest.FixtureRequest) -> Apart:
    return Apart(request.param == "array")


@pytest.fixture
def database(function: Apart) -> EmbeddedDatabase:
    database = EmbeddedDatabase.new_in_memory(plugins=[function.plugin()])
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, m int, kind int NOT NULL)")
    database.execute(
        "INSERT INTO t SELECT i, CASE WHEN i IN (6001, 9001) THEN 77 ELSE 100 + i * 7919 % 5000 END, "
        f"CASE WHEN i % 7 > 0 THEN 100 + i * 31 % 900 END, i % 10 FROM generate_series(1, {ROWS}) AS i"
    )
    database.execute("CREATE TABLE few (k int)")
    database.execute("INSERT INTO few VALUES (200), (4000), (NULL)")
    return database


def answers(database: EmbeddedDatabase, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(map(repr, row)) for row in database.query(sql, parameters)]


QUERIES = [
    "SELECT id FROM t ORDER BY apart(n, $1), id LIMIT 5",
    "SELECT id FROM t ORDER BY apart($1, n), id LIMIT 5 OFFSET 3",
    "SELECT apart(n, $1) FROM t ORDER BY apart(n, $1) LIMIT 200",
    "SELECT id FROM t ORDER BY apart(n, $1) DESC, id LIMIT 5",
    "SELECT id FROM t ORDER BY apart(m, $1), id LIMIT 5",
    "SELECT id, apart(m, $1) AS d FROM t ORDER BY d NULLS FIRST, id LIMIT 5",
    "SELECT id, apart(m, $1) AS d FROM t ORDER BY d DESC, id LIMIT 5",
    "SELECT id, apart(m, $1) AS d FROM t ORDER BY d DESC NULLS LAST, id LIMIT 5",
    "SELECT id FROM t WHERE kind = 3 ORDER BY apart(n, $1), id LIMIT 5",
    "SELECT id FROM t WHERE kind < 7 AND id > 100 ORDER BY apart(n, $1), id LIMIT 5",
    "SELECT id FROM t WHERE kind < 7 AND apart(m, $1) > 3 ORDER BY apart(n, $1), id LIMIT 5",
    "SELECT id FROM t WHERE apart(n, $1) < 4 ORDER BY id",
    "SELECT id FROM t WHERE apart(n, $1) < 4 OR kind = 3 ORDER BY id",
    "SELECT id FROM t WHERE NOT apart(m, $1) < 800 ORDER BY id",
    "SELECT id FROM t WHERE kind = 1 AND apart(n, m) = $1 - 150 ORDER BY id",
    "SELECT id, apart(n, $1), apart(m, 5) FROM t ORDER BY id LIMIT 50",
    "SELECT id, apart(n, m) FROM t WHERE id < 50 ORDER BY id",
    "SELECT count(*), avg(apart(m, $1)), max(apart(n, $1)) FROM t",
    "SELECT kind, min(apart(m, $1)) FROM t GROUP BY kind ORDER BY kind",
    "SELECT k, id FROM few LEFT JOIN t ON t.n = few.k AND apart(m, $1) > 10 ORDER BY 1, 2",
    "SELECT few.k, t.id, apart(t.m, $1) FROM t RIGHT JOIN few ON t.n = few.k ORDER BY 1, 2",
    "SELECT k, (SELECT id FROM t ORDER BY apart(n, k), id LIMIT 1) FROM few ORDER BY k",
    "SELECT k, (SELECT count(*) FROM t WHERE apart(n, few.k) < $1) FROM few ORDER BY k",
    "SELECT k, x.id FROM few, LATERAL (SELECT id FROM t ORDER BY apart(n, k), id LIMIT 2) AS x ORDER BY 1, 2",
    "SELECT k, x.id, y.id FROM few, LATERAL (SELECT id FROM t ORDER BY apart(n, k), id LIMIT 2) AS x "
    "JOIN t y ON y.kind = x.id % 10 WHERE apart(y.n, few.k) < $1 - 2490 ORDER BY 1, 2, 3",
    "SELECT k, y.id FROM few LEFT JOIN LATERAL (SELECT id FROM t WHERE apart(n, k) < 3) AS x ON true "
    "LEFT JOIN t y ON y.id = x.id AND apart(y.m, few.k) > $1 - 2400 ORDER BY 1, 2",
    "SELECT id FROM t WHERE apart(n, (SELECT max(k) FROM few)) < 3 ORDER BY id",
    "SELECT id, rank() OVER (ORDER BY apart(n, $1), id) FROM t ORDER BY 2 LIMIT 4",
    "SELECT DISTINCT apart(m, $1) FROM t ORDER BY 1 LIMIT 4",
    "SELECT a.id FROM t a JOIN t b ON a.id = b.id WHERE apart(a.n, $1) < 3 AND apart(b.m, 400) < 100 ORDER BY 1",
    "WITH near AS (SELECT id, apart(n, $1) AS d FROM t) SELECT id FROM near WHERE d < 3 ORDER BY id",
    "SELECT id FROM t WHERE CASE WHEN kind = 2 THEN apart(n, $1) < 100 ELSE false END ORDER BY id",
    "SELECT id FROM t WHERE apart(n, $1) IN (1, 2) ORDER BY id",
    "SELECT id FROM t WHERE id BETWEEN 500 AND 5000 ORDER BY apart(n, $1), id LIMIT 3",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_answers_as_without_a_column_form(database: EmbeddedDatabase, query: str) -> None:
    slow = query.replace("apart(", "slow(")
    for value in (2500, 77, None):
        parameters = (value,) if "$1" in query else ()
        expected = answers(database, slow, *parameters)
        assert answers(database, query, *parameters) == expected
        assert answers(database, query, *parameters) == expected
    database.execute("UPDATE t SET n = 2501, m = NULL WHERE id % 1000 = 5")
    database.execute("DELETE FROM t WHERE id % 1000 = 7")
    with database.begin_transaction() as transaction:
        transaction.execute("INSERT INTO t VALUES (20000, 2500, 2500, 3)")
        transaction.execute("UPDATE t SET n = 2499 WHERE id = 4321")
        parameters = (2500,) if "$1" in query else ()
        expected = [tuple(map(repr, row)) for row in transaction.query(slow, parameters)]
        assert [tuple(map(repr, row)) for row in transaction.query(query, parameters)] == expected
        transaction.rollback()
    assert answers(database, query, *parameters) == answers(database, slow, *parameters)


def test_all_rows_of_a_block_are_one_call(database: EmbeddedDatabase, function: Apart) -> None:
    database.query("SELECT id FROM t ORDER BY apart(n, 2500), id LIMIT 3")
    assert (function.blocks, function.made, function.rows) == (3, 3, 0)
    # What was made of the column is kept with the block, whatever it is compared with.
    database.query("SELECT id FROM t ORDER BY apart(70, n) DESC, id LIMIT 3")
    assert (function.blocks, function.made, function.rows) == (6, 3, 0)


def test_what_was_made_of_a_block_goes_when_its_rows_change(database: EmbeddedDatabase, function: Apart) -> None:
    query = "SELECT id FROM t ORDER BY apart(n, 90000), id LIMIT 1"
    database.query(query)
    database.execute("UPDATE t SET n = 89999 WHERE id = 1234")
    for _ in range(3):
        assert answers(database, query) == [("1234",)]
    assert function.rows == 0


def test_what_was_made_of_a_block_serves_the_rows_that_did_not_change(
    database: EmbeddedDatabase, function: Apart
) -> None:
    query = "SELECT id FROM t WHERE kind <> 3 ORDER BY apart(n, 90000), id LIMIT 2"
    database.query(query)
    database.execute("DELETE FROM t WHERE id = 77")
    for number in (1234, 5, 9999):
        database.execute(f"UPDATE t SET n = 80000 + {number} WHERE id = {number}")
    made = function.made
    with database.begin_transaction() as transaction:
        assert [row[0] for row in transaction.query(query)] == [9999, 1234]
        database.execute("UPDATE t SET n = 5 WHERE id = 9999")
        database.execute("INSERT INTO t VALUES (20000, 81200, NULL, 1)")
        assert [row[0] for row in transaction.query(query)] == [9999, 1234]
    assert [row[0] for row in database.query(query)] == [1234, 20000]
    # Three blocks' changed rows, three times; of what did not change nothing was made again.
    assert function.made <= made + 9
    assert function.rows == 0


def test_the_row_before_a_lateral_query_is_known_to_its_scan(database: EmbeddedDatabase, function: Apart) -> None:
    query = "SELECT k, x.id FROM few, LATERAL (SELECT id FROM t ORDER BY apart(n, k), id LIMIT 2) AS x"
    assert len(database.query(query)) == 6
    assert (function.blocks, function.made, function.rows) == (6, 3, 0)


def test_conditions_come_before_what_is_costly(database: EmbeddedDatabase, function: Apart) -> None:
    database.query("SELECT id FROM t WHERE kind = 11 AND apart(n, 5) < 3")
    assert function.blocks == 0
    database.execute("INSERT INTO t VALUES (0, 13, 13, 12)")
    # A row that the function refuses is no matter where another condition leaves it out.
    assert len(answers(database, "SELECT id FROM t WHERE kind < 12 AND apart(n, 2500) < 3")) > 0
    assert len(answers(database, "SELECT id FROM t WHERE kind = 1 ORDER BY apart(n, 2500) LIMIT 3")) == 3


def test_a_row_that_is_refused_is_an_error_only_where_it_is_asked_for(database: EmbeddedDatabase) -> None:
    database.execute("INSERT INTO t VALUES (0, 13, 13, 12)")
    for query in ("SELECT min(apart(n, 5)) FROM t", "SELECT id FROM t ORDER BY apart(n, 5) LIMIT 1"):
        with pytest.raises(DivisionByZero):
            database.query(query)
    assert answers(database, "SELECT CASE WHEN kind < 12 THEN apart(n, 5) END FROM t ORDER BY id LIMIT 1") == [
        ("None",)
    ]
    assert answers(database, "SELECT id FROM few, t WHERE false AND apart(n, 13) < k") == []


def test_a_table_on_disk_answers_the_same(function: Apart, tmp_path: Any) -> None:
    for _ in range(2):
        with EmbeddedDatabase(tmp_path / "db", plugins=[function.plugin()]) as database:
            database.execute("CREATE TABLE IF NOT EXISTS t (id int, n int, other text)")
            if not database.query("SELECT 1 FROM t LIMIT 1"):
                database.execute("INSERT INTO t SELECT i, i * 7 % 9001 + 100, 'x' FROM generate_series(1, 9000) AS i")
                database.execute("CHECKPOINT")
            for _ in range(3):
                query = "SELECT id, apart(n, 4000) FROM t WHERE id <> 7 ORDER BY apart(n, 4000), id LIMIT 7"
                assert answers(database, query) == answers(database, query.replace("apart", "slow"))
            assert function.rows == 0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"strict": False}, "is not strict"),
        ({"volatility": Volatility.VOLATILE}, "is volatile"),
        ({"needs_session": True}, "needs the session"),
        ({"specialize": True}, "is made for each call"),
    ],
)
def test_a_column_form_that_could_not_be_used_is_refused(options: dict[str, Any], what: str) -> None:
    @hookimpl
    def register_functions() -> list[ScalarFunction]:
        return [ScalarFunction("f", ("int4",), "int4", abs, column_form=abs, **options)]

    with pytest.raises(InvalidObjectDefinition, match=f"function f has a column form, but {what}"):
        load_plugins([SimpleNamespace(plugin_name="f", register_functions=register_functions)], strict=True)


# -- what a bound leaves out -------------------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize("wanted", [None, [0, 2, 3, 5, 6, 7]], ids=["all", "some"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("keep_nulls", [False, True])
def test_a_bound_leaves_out_what_is_surely_behind_it_and_nothing_else(
    wanted: list[int] | None, descending: bool, is_strict: bool, keep_nulls: bool
) -> None:
    values: list[Any] = [1.0, 2.0, 3.0, NAN, 2.0, -5.0, None, ..., float("inf")]
    before = {2, 8} if descending else {0, 5}
    expected = {*before, 3, 7, *(() if is_strict else (1, 4)), *((6,) if keep_nulls else ())}
    places = [place for place in (range(9) if wanted is None else wanted) if place in expected]
    assert not_worse(values, 2.0, descending, is_strict, keep_nulls, wanted) == places
    numbers = np.array([NAN if value in (None, ...) else value for value in values])
    found = not_worse(numbers, 2.0, descending, is_strict, keep_nulls, wanted)
    assert found == [p for p in (range(9) if wanted is None else wanted) if p in expected | {6}]
    assert not_worse(values, "2", descending, is_strict, keep_nulls, wanted) == wanted
    assert taken(numbers, [0, 5]).tolist() == taken(values, [0, 5]) == [1.0, -5.0]


@pytest.mark.parametrize("few", [False, True])
def test_of_the_wanted_places_those_are_left_that_are_not_behind_the_bound(few: bool) -> None:
    numbers = np.arange(1000.0) % (1000 if few else 20)
    wanted = [place for place in range(1000) if place % 3]
    expected = [place for place in wanted if numbers[place] < 12]
    assert not_worse(numbers, 12.0, False, True, False, wanted) == expected
    assert not_worse(numbers, 12.0, False, True, False, [7]) == [7]
    assert not_worse(numbers, -1.0, False, True, False, wanted) == []


# -- what is kept ------------------------------------------------------------------------------------------------------


def column(room: FormsRoom, forms: BlockForms) -> ColumnValues:
    forms.used = room.scan()
    return ColumnValues([(1, 2), (3, None)], 0, forms)


def test_a_form_is_made_once_and_its_room_is_given_back() -> None:
    room = FormsRoom(1000)
    forms = BlockForms(room)
    made = []

    def make(values: ColumnValues) -> bytearray:
        made.append(values.values)
        return bytearray(500)

    assert column(room, forms).form(make) is column(room, forms).form(make)
    assert made == [[1, 3]]
    assert 500 < room.size <= 1000
    del forms
    gc.collect()
    assert room.size == 0


def test_forms_beyond_the_room_are_made_anew_each_time_and_old_ones_go() -> None:
    room = FormsRoom(1000)
    first, second = BlockForms(room), BlockForms(room)

    def make(values: ColumnValues) -> bytearray:
        return bytearray(600)

    kept = column(room, first).form(make)
    assert column(room, second).form(make) is not column(room, second).form(make)
    assert room.size <= 1000
    for _ in range(RECENT):
        room.scan()
    other = column(room, second).form(make)
    assert column(room, second).form(make) is other
    assert first.forms == {}
    assert column(room, first).form(make) is not kept
    assert room.size <= 1000


def test_a_column_knows_where_it_has_null() -> None:
    values = ColumnValues([(1, 0), (2, None), (3, "")], 1)
    assert list(values.missing()) == [1]
    places, present = values.present()
    assert (places, present.values, len(present)) == ([0, 2], [0, ""], 2)
    assert list(ColumnValues([(1,), (2,)], 0).missing()) == []
