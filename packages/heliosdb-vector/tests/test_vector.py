"""The type ``vector`` in a database: dimensions, parameters, results, order."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import DatatypeMismatch, Error
from heliosdb_vector import Vector


@pytest.fixture
def heliosdb_plugins() -> list[Any]:
    return ["vector"]


@pytest.fixture
def items(database: EmbeddedDatabase) -> EmbeddedDatabase:
    """A database with a table of vectors."""
    database.execute("CREATE TABLE items (id int PRIMARY KEY, embedding vector(3))")
    database.execute("INSERT INTO items VALUES (1, '[1,2,3]'), (2, '[4,5,6]'), (3, array[0.5, 0.25, 1e7]), (4, NULL)")
    return database


def column(database: EmbeddedDatabase, sql: str, *parameters: Any) -> list[Any]:
    """Return the first column."""
    return [row[0] for row in database.query(sql, parameters)]


def test_the_nearest_come_first_and_null_last(items: EmbeddedDatabase) -> None:
    assert column(items, "SELECT id FROM items ORDER BY embedding <-> '[4,5,5]'") == [2, 1, 3, 4]
    assert column(items, "SELECT embedding <-> array[1,2,1] FROM items WHERE id = 1") == [2.0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("array[1] = array[1]", True),
        ("array[2] = '{1}'", False),
        ("array[1] || array[2]", [1, 2]),
        ("array[1] || 2", [1, 2]),
        ("array[1] IN (array[2], array[1])", True),
        ("array[1,2] @> array[1]", True),
    ],
)
def test_arrays_stay_arrays_among_themselves(database: EmbeddedDatabase, expression: str, expected: Any) -> None:
    """They become vectors where there is one."""
    assert column(database, f"SELECT {expression}") == [expected]
    with EmbeddedDatabase.new_in_memory(plugins=[]) as without:
        assert column(without, f"SELECT {expression}") == [expected]


@pytest.mark.parametrize(
    "value",
    [
        [4, 5, 5],
        (4, 5, 5),
        [4.0, 5, 5],
        np.array([4, 5, 5]),
        np.array([4, 5, 5], np.float16),
        np.arange(15)[::5] * 0 + (4, 5, 5),
        Vector([4, 5, 5]),
        "[4,5,5]",
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_parameter_is_whatever_is_a_row_of_numbers(items: EmbeddedDatabase, value: Any) -> None:
    assert column(items, "SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 1", value) == [2]
    items.execute("INSERT INTO items VALUES (9, $1)", (value,))
    assert column(items, "SELECT embedding FROM items WHERE id = 9") == [Vector([4, 5, 5])]
    assert column(items, "SELECT $1::vector(3)", value) == [Vector([4, 5, 5])]


@pytest.mark.parametrize(
    ("value", "sqlstate"),
    [
        ([1, 2], "22000"),
        ([1, 2, float("nan")], "22000"),
        ([1, 2, float("inf")], "22000"),
        ([1, 2, 1e300], "22003"),
        ([1, 2, 10**400], "42804"),
        ([1, 2, None], "42804"),
        ([1, 2, "3"], "42804"),
        ([[1, 2, 3]], "42804"),
        ({1: 2}, "42804"),
        (b"abc", "42804"),
        (5, "42804"),
        ("[1,2]", "22000"),
        ("[1,2,x]", "22P02"),
        ([], "22000"),
    ],
)
def test_a_parameter_that_is_no_such_vector_is_refused(items: EmbeddedDatabase, value: Any, sqlstate: str) -> None:
    with pytest.raises(Error) as raised:
        items.execute("INSERT INTO items VALUES (9, $1)", (value,))
    assert raised.value.sqlstate == sqlstate
    assert column(items, "SELECT count(*) FROM items") == [4]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1, 2, 3]], "a vector has one dimension, and this list has 2"),
        (np.ones((2, 3)), "a vector has one dimension, and this ndarray has 2"),
        (np.float32(1), "a vector has one dimension, and this float32 has 0"),
        ([[1, 2], [3]], "a vector is one row of numbers, and this list has rows in it"),
        ([1, 2, None], "a vector is a row of numbers, and this list has None at place 2"),
        (np.array([1, None, 3]), "a vector is a row of numbers, and this ndarray has None at place 1"),
        ([1, "2", 3], "a vector is a row of numbers, and this list has a text at place 1"),
        (
            [10**400, 2, 3],
            "a vector is a row of numbers, and this list has a number beyond double precision at place 0",
        ),
        ([1, Decimal(2), Vector], "a vector is a row of numbers, and this list has an object of type type at place 2"),
        ([True, False, True], "a vector is a row of numbers, and this list is one of bool"),
        ({1: 2}, "a vector is a row of numbers, not a dict"),
    ],
)
@pytest.mark.parametrize("type_name", ["vector", "halfvec", "sparsevec"])
def test_a_parameter_that_is_no_row_of_numbers_is_told_why(
    database: EmbeddedDatabase, type_name: str, value: Any, message: str
) -> None:
    with pytest.raises(DatatypeMismatch) as raised:
        database.query(f"SELECT $1::{type_name}", (value,))
    assert raised.value.message == message
    assert (raised.value.hint is not None) == (message.endswith("this list has 2"))


def test_wrong_dimensions_are_told_with_both_numbers(items: EmbeddedDatabase) -> None:
    for sql, message in [
        ("INSERT INTO items VALUES (9, '[1,2]')", "expected 3 dimensions, not 2"),
        ("SELECT embedding <-> '[1,2]' FROM items", "different vector dimensions 3 and 2"),
        ("SELECT '[1,2,3,4]'::vector(2)", "expected 2 dimensions, not 4"),
    ]:
        with pytest.raises(Error) as raised:
            items.query(sql)
        assert (raised.value.sqlstate, raised.value.message) == ("22000", message)


@pytest.mark.parametrize(
    ("spelled", "message"),
    [
        ("vector(0)", "dimensions for type vector must be at least 1"),
        ("vector(16001)", "dimensions for type vector cannot exceed 16000"),
        ("vector(2, 3)", "invalid type modifier"),
    ],
)
def test_the_number_of_dimensions_has_limits(database: EmbeddedDatabase, spelled: str, message: str) -> None:
    with pytest.raises(Error, match=message) as raised:
        database.execute(f"CREATE TABLE t (v {spelled})")
    assert raised.value.sqlstate == "22023"


def test_a_vector_holds_sixteen_thousand_numbers_and_no_more(database: EmbeddedDatabase) -> None:
    assert column(database, "SELECT $1::vector", [0.5] * 16000) == [Vector([0.5] * 16000)]
    with pytest.raises(Error, match="vector cannot have more than 16000 dimensions") as raised:
        database.query("SELECT $1::vector", ("[" + "1," * 16000 + "1]",))
    assert raised.value.sqlstate == "54000"


def test_zeros_are_equal_whatever_their_sign(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE t (v vector)")
    database.execute("INSERT INTO t VALUES ('[0,1]'), ('[-0,1]'), ('[1,0]'), ('[0]')")
    assert column(database, "SELECT count(*) FROM t GROUP BY v ORDER BY v") == [1, 2, 1]
    assert column(database, "SELECT count(DISTINCT v) FROM t") == [3]
    assert column(database, "SELECT count(*) FROM t WHERE v = '[-0,1]'") == [2]
    assert column(database, "SELECT count(*) FROM t AS a JOIN t AS b ON a.v = b.v") == [6]
    database.execute("CREATE INDEX ON t (v)")
    assert column(database, "SELECT v::text FROM t WHERE v >= '[0,1]' ORDER BY v DESC LIMIT 1") == ["[1,0]"]
    with pytest.raises(Error) as raised:
        database.execute("CREATE UNIQUE INDEX ON t (v)")
    assert raised.value.sqlstate == "23505"


def test_arrays_that_are_no_vectors_are_refused(database: EmbeddedDatabase) -> None:
    for spelled, sqlstate in [
        ("array[1,null]", "22004"),
        ("array[[1,2],[3,4]]", "22000"),
        ("array[]::real[]", "22000"),
        ("array['nan']::float8[]", "22000"),
        ("array[1e300]", "22003"),
    ]:
        with pytest.raises(Error) as raised:
            database.query(f"SELECT {spelled}::vector")
        assert raised.value.sqlstate == sqlstate, spelled


def test_what_a_result_is(items: EmbeddedDatabase) -> None:
    (value,) = column(items, "SELECT embedding FROM items WHERE id = 1")
    assert isinstance(value, Vector)
    assert (value.to_list(), value.to_text(), value.dimensions(), len(value)) == ([1, 2, 3], "[1,2,3]", 3, 3)
    assert (str(value), repr(value), list(value), value[0], value[-2:]) == (
        "[1,2,3]",
        "Vector([1.0, 2.0, 3.0])",
        [1, 2, 3],
        1,
        [2, 3],
    )
    assert value.to_numpy().dtype == np.float32
    assert not value.to_numpy().flags.writeable
    assert np.asarray(value) @ np.array([1, 1, 1]) == 6
    assert np.array(value, dtype=np.float64).tolist() == [1, 2, 3]
    assert value == Vector.from_text("[1,2,3]") == Vector.from_binary(value.to_binary())
    assert value.to_binary() == b"\0\3\0\0" + b"\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0"
    assert value != Vector([1, 2])
    assert value != [1, 2, 3]
    assert {value, Vector([1.0, 2, 3])} == {value}
    assert hash(Vector([0.0])) == hash(Vector([-0.0]))
    assert pickle.loads(pickle.dumps(value)) == value


def test_vectors_are_kept_on_disk(tmp_path: Any) -> None:
    with EmbeddedDatabase(tmp_path / "db", plugins=["vector"]) as database:
        database.execute("CREATE TABLE t (id int, v vector(2))")
        database.execute("INSERT INTO t SELECT n, array[n, -n] FROM generate_series(1, 5000) AS n")
        database.execute("INSERT INTO t VALUES (5001, NULL)")
        database.execute("CHECKPOINT")
    with EmbeddedDatabase(tmp_path / "db", plugins=["vector"]) as database:
        assert column(database, "SELECT v FROM t WHERE id = 4711") == [Vector([4711, -4711])]
        assert column(database, "SELECT count(v) FROM t") == [5000]
        assert column(database, "SELECT id FROM t ORDER BY v <-> '[12.2,-12]' LIMIT 3") == [12, 13, 11]


def test_a_distance_by_name_is_the_function_of_that_name(items: EmbeddedDatabase) -> None:
    items.execute("CREATE TABLE marks (h halfvec(2), s sparsevec(2), b bit(2))")
    for expression, function in (
        ("vector_distance(embedding, '[1,2,3]', 'Cosine')", "cosine_distance(embedding"),
        ("vector_distance(embedding, '[1,2,3]', 'dot')", "vector_negative_inner_product(embedding"),
        ("vector_distance(h, '[1,2]', 'inner_product')", "halfvec_negative_inner_product(h"),
        ("vector_distance(s, '{}/2', 'manhattan')", "l1_distance(s"),
        ("vector_distance(b, '11', 'jaccard')", "jaccard_distance(b"),
    ):
        table = "items" if "embedding" in expression else "marks"
        plan = "".join(column(items, f"EXPLAIN SELECT 1 FROM {table} WHERE {expression} < 5"))
        assert function.replace("(", f"({table}.") in plan
    assert column(items, "SELECT vector_distance(embedding, '[1,2,5]', 'l2') FROM items WHERE id = 1") == [2.0]
    with pytest.raises(Error, match='unrecognized distance: "hamming"'):
        items.query("SELECT vector_distance(embedding, '[1,2,5]', 'hamming') FROM items")


def test_frames_have_columns_of_lists(items: EmbeddedDatabase) -> None:
    import pyarrow as pa

    items.execute("CREATE TABLE free (id int, v vector, h halfvec(2))")
    items.execute("INSERT INTO free VALUES (1, '[1]', '[1,2]'), (2, '[1,2]', NULL), (3, NULL, '[0.5,0]')")
    table = items.query_arrow("SELECT embedding FROM items ORDER BY id")
    assert table.column("embedding").type == pa.list_(pa.float32(), 3)
    assert table.column("embedding").to_pylist() == [[1, 2, 3], [4, 5, 6], [0.5, 0.25, 1e7], None]
    table = items.query_arrow("SELECT v, h FROM free ORDER BY id")
    assert table.column("v").to_pylist() == [[1], [1, 2], None]
    assert (table.column("h").type, table.column("h").to_pylist()) == (
        pa.list_(pa.float16(), 2),
        [[1, 2], None, [0.5, 0]],
    )
    assert items.query_arrow("SELECT v FROM free WHERE false").column("v").to_pylist() == []
    items.insert_frame("items", pa.table({"id": [7], "embedding": [[7.0, 8.0, 9.0]]}))
    assert items.query_pandas("SELECT embedding FROM items WHERE id = 7")["embedding"][0].tolist() == [7, 8, 9]
    assert items.query_polars("SELECT embedding FROM items WHERE id = 7")["embedding"][0].to_list() == [7, 8, 9]


def test_an_extension_that_is_asked_for_is_there(database: EmbeddedDatabase) -> None:
    database.execute("CREATE EXTENSION IF NOT EXISTS vector")
    assert column(database, "SELECT extname FROM pg_extension") == ["vector"]
