"""An access method that guesses which rows are the nearest: what it leaves out the engine supplies."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.catalog.registrations import AccessMethodFactory
from heliosdb.plugin import hookimpl
from heliosdb.spi import (
    ColumnValues,
    Index,
    IndexChange,
    IndexDefinition,
    LikelySearch,
    Named,
    Operator,
    OperatorClass,
    Progress,
    ScalarFunction,
)

searches: list[tuple[int | None, int]] = []
"""(wanted, batches that were taken) of each search since the test began."""


class Guesses:
    """Knows a value's neighbours among even numbers only, and gives up after ``most`` batches."""

    def __init__(self, batch: int, most: int) -> None:
        self.batch, self.most = batch, most
        self.rows: dict[int, set[int]] = {}

    def extract(self, values: Sequence[Any]) -> Sequence[Any]:
        return [] if values[0] is None or values[0] % 2 else [values[0]]

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        for row_id, _, added in changes:
            for key in added:
                self.rows.setdefault(key, set()).add(row_id)

    def forget(self, entries: Iterable[tuple[Any, int]]) -> None:
        for key, row_id in entries:
            self.rows.get(key, set()).discard(row_id)

    def build(self, batches: Iterable[Sequence[tuple[int, Sequence[Any]]]], progress: Progress | None = None) -> None:
        for batch in batches:
            self.apply([(row_id, (), keys) for row_id, keys in batch], 0)

    def candidates(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[Sequence[int]]:
        return iter(())

    def likely(self, search: LikelySearch) -> Iterator[Named]:
        searches.append((search.wanted, 0))
        place = len(searches) - 1
        keys = [] if search.argument is None else sorted(self.rows, key=lambda key: abs(key - search.argument))
        named = [row_id for key in keys for row_id in tuple(self.rows[key])]
        # Within a batch from far to near: sorting them is up to the engine.
        for number, start in enumerate(range(0, len(named), self.batch)):
            if number == self.most:
                return
            searches[place] = (search.wanted, number + 1)
            # The last row of all is named, too, though it is none of the nearest.
            yield Named(start + self.batch, [*named[-1:], *named[start : start + self.batch][::-1]])

    def ordering_values(self, operator: str, argument: Any, column: ColumnValues) -> Sequence[Any]:
        return [None if value is None or argument is None else abs(value - argument) for value in column.values]

    def size_bytes(self) -> int:
        return 0

    def check(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> list[str]:
        return []


class GuessMethod:
    name = "guess"
    exact = unique = ordered = False
    many_keys = likely = True
    strategies = {"guess_ops": {}}
    options = {"batch": int, "most": int, "rest": int}

    def create(self, definition: IndexDefinition) -> Index:
        return Guesses(definition.options.get("batch", 8), definition.options.get("most", 1000))

    def refusal(self, options: Mapping[str, Any], setting: Callable[[str], Any]) -> str | None:
        return f"it rests, says {setting('application_name')}" if options.get("rest") else None

    def cost(self, rows: float, selectivity: float) -> float:
        return 10.0 + rows * selectivity


def plugin() -> ModuleType:
    module = ModuleType("guesses")

    def hook(name: str, value: Any) -> None:
        def register() -> list[Any]:
            return [value]

        register.__name__ = name
        setattr(module, name, hookimpl(register))

    def far(left: int, right: int) -> int:
        return abs(left - right)

    hook("register_functions", ScalarFunction("far", ("int4", "int4"), "int4", far))
    hook("register_operators", Operator("<->", "int4", "int4", "int4", "far", commutator="<->"))
    hook("register_operator_classes", OperatorClass("guess_ops", "guess", "int4", ordering_operators=("<->",)))
    hook("register_access_methods", AccessMethodFactory("guess", GuessMethod))
    return module


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    searches.clear()
    with EmbeddedDatabase.new_in_memory(plugins=[plugin()], strict=True) as made:
        made.execute("CREATE TABLE t (id int, n int)")
        made.execute("INSERT INTO t SELECT g, g FROM generate_series(1, 1000) AS g")
        made.execute("INSERT INTO t VALUES (2001, NULL), (2002, NULL)")
        yield made


def index(database: EmbeddedDatabase, options: str = "") -> None:
    database.execute(f"CREATE INDEX by_n ON t USING guess (n){options}")


def numbers(database: EmbeddedDatabase, query: str, *parameters: Any) -> list[Any]:
    return [row[0] for row in database.query(query, list(parameters))]


def plan(database: EmbeddedDatabase, query: str) -> str:
    return "\n".join(row[0] for row in database.query("EXPLAIN " + query))


def test_as_many_rows_as_are_wanted_come_in_order(database: EmbeddedDatabase) -> None:
    index(database)
    query = "SELECT n FROM t ORDER BY n <-> 500 LIMIT 5"
    assert "Index Scan using by_n" in plan(database, query)
    assert numbers(database, query) == [500, 498, 502, 496, 504]
    assert searches == [(5, 1)]
    assert numbers(database, "SELECT n FROM t ORDER BY n <-> 500 LIMIT 3 OFFSET 20") == [520, 478, 522]
    assert searches[-1] == (23, 3)
    assert numbers(database, "SELECT n FROM t ORDER BY n <-> 500 LIMIT 0") == []


def test_rows_that_the_index_does_not_name_come_as_well(database: EmbeddedDatabase) -> None:
    index(database, " WITH (batch = 4, most = 2)")
    # Eight rows are named and a ninth is wanted: now all are read, and are in their exact order.
    found = numbers(database, "SELECT n FROM t ORDER BY n <-> 500 LIMIT 9")
    assert sorted(found) == list(range(496, 505))
    assert [abs(n - 500) for n in found] == sorted(abs(n - 500) for n in found)
    everything = numbers(database, "SELECT n FROM t ORDER BY n <-> 1 LIMIT 5000")
    assert everything == [*range(1, 1001), None, None]


def test_a_condition_is_filled_up_and_the_result_is_in_order(database: EmbeddedDatabase) -> None:
    index(database, " WITH (batch = 16)")
    query = "SELECT n FROM t WHERE id % 10 < 4 ORDER BY n <-> 500 LIMIT 12"
    assert "Index Scan using by_n" in plan(database, query)
    found = numbers(database, query)
    assert len(found) == 12
    assert all(n % 10 < 4 for n in found)
    assert [abs(n - 500) for n in found] == sorted(abs(n - 500) for n in found)
    # Fewer rows than wanted: every one of them.
    rare = "SELECT n FROM t WHERE (n = 7 OR id % 500 = 3) ORDER BY n <-> 500 LIMIT 12"
    assert sorted(numbers(database, rare)) == [3, 7, 503]
    offset = "SELECT n FROM t WHERE id % 10 < 4 ORDER BY n <-> 500 LIMIT 4 OFFSET 8"
    assert numbers(database, offset) == found[8:]


def test_a_selective_condition_is_looked_for_first(database: EmbeddedDatabase) -> None:
    database.execute("CREATE UNIQUE INDEX ON t (id)")
    index(database)
    query = "SELECT n FROM t WHERE id IN (3, 900) ORDER BY n <-> 500 LIMIT 5"
    assert "Index Scan using by_n" not in plan(database, query)
    assert numbers(database, query) == [900, 3]
    assert searches == []


def test_own_writes_rollbacks_and_snapshots_are_seen(database: EmbeddedDatabase) -> None:
    index(database)
    query = "SELECT n FROM t ORDER BY n <-> 500 LIMIT 3"
    reader = database.begin_transaction()
    assert [row[0] for row in reader.query(query)] == [500, 498, 502]
    with database.begin_transaction() as writer:
        writer.execute("DELETE FROM t WHERE n = 500")
        writer.execute("UPDATE t SET n = 499 WHERE n = 502")
        writer.execute("INSERT INTO t VALUES (5000, 501)")
        assert sorted(row[0] for row in writer.query(query)) == [498, 499, 501]
        writer.rollback()
    assert numbers(database, query) == [500, 498, 502]
    database.execute("DELETE FROM t WHERE n = 500")
    assert [row[0] for row in reader.query(query)] == [500, 498, 502]
    assert numbers(database, query) == [498, 502, 496]
    reader.rollback()


def test_a_null_argument_orders_nothing(database: EmbeddedDatabase) -> None:
    index(database)
    assert len(numbers(database, "SELECT n FROM t ORDER BY n <-> NULL::int LIMIT 5")) == 5


def test_the_operators_function_is_recognised_by_name(database: EmbeddedDatabase) -> None:
    index(database)
    query = "SELECT n FROM t ORDER BY far(500, n) LIMIT 2"
    assert "Index Scan using by_n" in plan(database, query)
    assert numbers(database, query) == [500, 498]
    for other in ("n <-> 500 DESC", "n <-> 500 NULLS FIRST", "id, n <-> 500", "n <-> id", "n <-> (random() * 9)::int"):
        assert "Index Scan using by_n" not in plan(database, f"SELECT n FROM t ORDER BY {other} LIMIT 2")


def test_further_keys_order_rows_that_the_operator_leaves_tied(database: EmbeddedDatabase) -> None:
    index(database)
    for keys, expected in (("n", [500, 498]), ("n DESC", [500, 502])):
        query = f"SELECT n FROM t ORDER BY n <-> 500, {keys}"
        assert "Index Scan using by_n" in plan(database, f"{query} LIMIT 2")
        assert numbers(database, f"{query} LIMIT 2") == expected
        assert numbers(database, f"{query} LIMIT 1 OFFSET 1") == expected[1:]
        assert "Index Scan using by_n" not in plan(database, f"{query} OFFSET 1")


def test_a_partial_index_serves_conditions_that_imply_it(database: EmbeddedDatabase) -> None:
    database.execute("CREATE INDEX by_n ON t USING guess (n) WHERE id > 500")
    assert "Index Scan using by_n" not in plan(database, "SELECT n FROM t ORDER BY n <-> 400 LIMIT 2")
    query = "SELECT n FROM t WHERE id > 500 ORDER BY n <-> 400 LIMIT 2"
    assert "Index Scan using by_n" in plan(database, query)
    assert numbers(database, query) == [502, 504]
    assert numbers(database, "SELECT n FROM t WHERE id > 500 ORDER BY n <-> 400 LIMIT 999")[-1] is None


def test_a_method_may_refuse_and_explain_says_why(database: EmbeddedDatabase) -> None:
    index(database, " WITH (rest = 1)")
    database.execute("SET application_name = 'the test'")
    query = "SELECT n FROM t ORDER BY n <-> 500 LIMIT 3"
    shown = plan(database, query)
    assert "Index Scan" not in shown
    assert "Index Not Used: by_n: it rests, says the test" in shown
    assert sorted(numbers(database, query)) == [499, 500, 501]
    assert searches == []


def test_joins_are_led_by_the_index_and_a_limit_of_null_is_none(database: EmbeddedDatabase) -> None:
    index(database)
    query = "SELECT a.n FROM t a JOIN t b ON b.id = a.id + 1 ORDER BY a.n <-> 500 LIMIT 4"
    assert "Index Scan using by_n on t a" in plan(database, query)
    found = numbers(database, query)
    # As good as the index knows: it has no odd numbers.
    assert {*found[:3]} == {500, 498, 502}
    assert abs(found[3] - 500) == 4
    assert len(searches) >= 1
    everything = numbers(database, "SELECT n FROM t ORDER BY n <-> 500 LIMIT $1", None)
    distances = [abs(n - 500) for n in everything if n is not None]
    assert len(everything) == 1002
    assert distances == sorted(distances)
    assert everything[-2:] == [None, None]
