"""ORDER BY distance LIMIT k through an index, in every shape that a query may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import DataException, FeatureNotSupported, InvalidParameterValue

from .conftest import clustered, fill, ids, recall

COUNT, DIMENSIONS = 3000, 24
VECTORS = clustered(1, COUNT, DIMENSIONS)
QUERIES = clustered(1, COUNT + 40, DIMENSIONS)[COUNT:]
NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 10"
Exactly = Callable[..., list[int]]


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True) as made:
        fill(made, VECTORS)
        made.execute("CREATE INDEX by_v ON items USING hnsw (v vector_l2_ops) WITH (backend = faiss)")
        yield made


def text(vector: Any) -> str:
    return str(np.asarray(vector).tolist())


def plan(database: EmbeddedDatabase, query: str, vector: Any = QUERIES[0]) -> str:
    return "\n".join(row[0] for row in database.query("EXPLAIN " + query.replace("$1", f"'{text(vector)}'")))


def require_exact(database: EmbeddedDatabase, exactly: Exactly, query: str, least: float = 0.95) -> None:
    """Check that a query has as many rows as there are, in the order of distance, and nearly the nearest ones."""
    found = [ids(database, query, [vector]) for vector in QUERIES]
    exact = [exactly(database, query, [vector]) for vector in QUERIES]
    assert [len(rows) for rows in found] == [len(rows) for rows in exact]
    for vector, rows in zip(QUERIES, found):
        distances = [float(np.linalg.norm(VECTORS[number] - vector)) for number in rows]
        assert distances == pytest.approx(sorted(distances))
    assert recall(found, exact) >= least


def test_the_index_is_used_and_finds_the_nearest(shared: EmbeddedDatabase, exactly: Exactly) -> None:
    assert "Index Scan using by_v on items" in plan(shared, NEAREST)
    assert "Order By: (v <-> " in plan(shared, NEAREST)
    require_exact(shared, exactly, NEAREST)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, v <-> $1 AS distance FROM items ORDER BY distance LIMIT 10",
        "SELECT id, v <-> $1 AS distance FROM items ORDER BY 2 LIMIT 10",
        "SELECT i.id FROM items AS i ORDER BY i.v <-> $1 LIMIT 10",
        "SELECT id FROM items ORDER BY $1 <-> v LIMIT 10",
        "SELECT id FROM items ORDER BY l2_distance(v, $1) LIMIT 10",
        "SELECT id FROM items ORDER BY v <-> $1::vector LIMIT 5 OFFSET 5",
        "WITH near AS (SELECT id FROM items ORDER BY v <-> $1 LIMIT 10) SELECT id FROM near",
        "SELECT id FROM (SELECT id FROM items ORDER BY v <-> $1 LIMIT 10) AS near",
        "SELECT id + 0 FROM items ORDER BY v <-> $1 LIMIT 10",
        "SELECT id FROM items ORDER BY v <-> (SELECT $1::vector) LIMIT 10",
        "SELECT id FROM items WHERE kind < 90 ORDER BY v <-> (SELECT $1::vector) LIMIT 5 OFFSET 2",
    ],
)
def test_any_shape_uses_the_index(shared: EmbeddedDatabase, exactly: Exactly, query: str) -> None:
    assert "Index Scan using by_v" in plan(shared, query)
    require_exact(shared, exactly, query)


def test_several_searches_in_one_query(shared: EmbeddedDatabase, exactly: Exactly) -> None:
    query = (
        "(SELECT id FROM items ORDER BY v <-> $1 LIMIT 3) UNION ALL (SELECT id FROM items ORDER BY v <-> $2 LIMIT 3)"
    )
    pair = [QUERIES[0], QUERIES[1]]
    assert ids(shared, query, pair) == exactly(shared, query, pair)
    related = (
        "SELECT o.id, n.id FROM items AS o, LATERAL "
        "(SELECT id FROM items AS i WHERE i.id <> o.id ORDER BY i.v <-> o.v LIMIT 1) AS n WHERE o.id < 20"
    )
    shown = plan(shared, related)
    assert "Index Scan using by_v" in shown
    found = [tuple(row) for row in shared.query(related)]
    assert len(found) == 20
    distances = ((VECTORS[:20, np.newaxis] - VECTORS) ** 2).sum(axis=2)
    distances[np.arange(20), np.arange(20)] = np.inf
    exact = list(enumerate(distances.argmin(axis=1).tolist()))
    assert sum(pair in exact for pair in found) >= 18


@pytest.mark.parametrize("least", [50, 10, 3, 1, 0])
def test_conditions_leave_as_many_rows_as_there_are(shared: EmbeddedDatabase, exactly: Exactly, least: int) -> None:
    """kind < least is that part of the rows in percent: nothing is short of rows, whichever way was chosen."""
    require_exact(shared, exactly, f"SELECT id FROM items WHERE kind < {least} ORDER BY v <-> $1 LIMIT 10")


def test_a_loose_condition_uses_the_index_and_a_tight_one_its_own(shared: EmbeddedDatabase) -> None:
    assert "by_v" in plan(shared, "SELECT id FROM items WHERE kind < 90 ORDER BY v <-> $1 LIMIT 10")
    assert "items_pkey" in plan(shared, "SELECT id FROM items WHERE id < 20 ORDER BY v <-> $1 LIMIT 10")


def test_a_condition_that_only_far_rows_satisfy_is_filled_up(shared: EmbeddedDatabase) -> None:
    """What the planner cannot know: rows that satisfy it are at the other end."""
    query = "SELECT id FROM items WHERE v <-> $1 > $2 ORDER BY v <-> $1 LIMIT 10"
    distances = np.linalg.norm(VECTORS - QUERIES[0], axis=1)
    order = np.argsort(distances)
    beyond = float(np.sort(distances)[-31:-29].mean())
    found = ids(shared, query, [QUERIES[0], beyond])
    assert found == [number for number in order.tolist() if distances[number] > beyond][:10]


def test_thresholds(shared: EmbeddedDatabase, exactly: Exactly) -> None:
    distances = np.linalg.norm(VECTORS - QUERIES[0], axis=1)
    near = float(np.sort(distances)[6])
    query = "SELECT id FROM items WHERE v <-> $1 < $2 ORDER BY v <-> $1 LIMIT 10"
    assert ids(shared, query, [QUERIES[0], near]) == exactly(shared, query, [QUERIES[0], near])
    assert len(ids(shared, query, [QUERIES[0], near])) == 6


def test_a_limit_beyond_what_a_search_is_good_for(shared: EmbeddedDatabase) -> None:
    for limit in (500, 2999, 5000):
        found = ids(shared, f"SELECT id FROM items ORDER BY v <-> $1 LIMIT {limit}", [QUERIES[0]])
        assert len(found) == len(set(found)) == min(limit, COUNT)


def test_recall_of_one_is_exact(shared: EmbeddedDatabase) -> None:
    shared.execute("SET hnsw.ef_search = 1")
    shared.execute("SET heliosdb.vector_recall = 1")
    try:
        for vector in QUERIES:
            exact = np.argsort(np.linalg.norm(VECTORS - vector, axis=1))[:10].tolist()
            assert ids(shared, NEAREST, [vector]) == exact
    finally:
        shared.execute("RESET hnsw.ef_search")
        shared.execute("RESET heliosdb.vector_recall")


def test_more_effort_finds_more(shared: EmbeddedDatabase, exactly: Exactly) -> None:
    exact = [exactly(shared, NEAREST, [vector]) for vector in QUERIES]
    found = {}
    for effort in (1, 200):
        shared.execute(f"SET hnsw.ef_search = {effort}")
        found[effort] = recall([ids(shared, NEAREST, [vector]) for vector in QUERIES], exact)
    shared.execute("RESET hnsw.ef_search")
    assert found[1] < found[200]
    assert found[200] >= 0.99
    for wrong in ("hnsw.ef_search = 0", "ivfflat.probes = 0", "heliosdb.vector_recall = 1.5"):
        with pytest.raises(InvalidParameterValue):
            shared.execute(f"SET {wrong}")


def test_null_vectors_and_arguments(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE items (id int, v vector(2))")
    database.execute("INSERT INTO items VALUES (1, '[1,0]'), (2, NULL), (3, '[0,0]')")
    database.execute("CREATE INDEX ON items USING hnsw (v vector_cosine_ops)")
    # A vector without a direction has no angle (NaN), NULL no distance: in this order behind all others.
    assert ids(database, "SELECT id FROM items ORDER BY v <=> '[0,1]' LIMIT 5") == [1, 3, 2]
    assert sorted(ids(database, "SELECT id FROM items ORDER BY v <=> NULL LIMIT 5")) == [1, 2, 3]


@pytest.mark.parametrize("length", ["1e-30", "1e-23", "3e38"])
@pytest.mark.filterwarnings("error")
def test_vectors_whose_length_has_no_square_do_no_harm(database: EmbeddedDatabase, length: str) -> None:
    database.execute("CREATE TABLE items (id int, v vector(3))")
    database.execute("CREATE INDEX ON items USING hnsw (v vector_cosine_ops)")
    vectors = clustered(5, 1000, 3)
    with database.begin_transaction() as transaction:
        for number, vector in enumerate(vectors):
            transaction.execute("INSERT INTO items VALUES ($1, $2)", [number, vector])
            if number % 10 == 0:
                transaction.execute(f"INSERT INTO items VALUES (1000, '[{length},{length},{length}]')")
        transaction.commit()
    lengths = np.linalg.norm(vectors, axis=1)
    for query in QUERIES[:20, :3]:
        exact = np.argsort(-(vectors @ query) / lengths)[:5].tolist()
        assert ids(database, "SELECT id FROM items ORDER BY v <=> $1 LIMIT 5", [query]) == exact
    assert len(ids(database, f"SELECT id FROM items ORDER BY v <=> '[{length},{length},{length}]' LIMIT 2000")) == 1100


@pytest.mark.parametrize("definition", ["hnsw (v vector_ip_ops) WITH (backend = hnswlib)", "ivf (v vector_ip_ops)"])
@pytest.mark.parametrize("number", ["1e18", "1e30", "3e38"])
@pytest.mark.filterwarnings("error")
def test_vectors_whose_inner_products_are_infinite_do_no_harm(
    database: EmbeddedDatabase, number: str, definition: str
) -> None:
    if "hnswlib" in definition:
        pytest.importorskip("hnswlib")
    database.execute("CREATE TABLE items (id int, v vector(8))")
    database.execute(f"CREATE INDEX ON items USING {definition}")
    database.execute("SET hnsw.ef_search = 100")
    database.execute("SET ivfflat.probes = 100")
    vectors, random = clustered(5, 1000, 8), np.random.default_rng(5)
    signs = random.choice(["", "-"], (100, 8))
    with database.begin_transaction() as transaction:
        for place, vector in enumerate(vectors):
            transaction.execute("INSERT INTO items VALUES ($1, $2)", [place, vector])
            if place % 10 == 0:
                long = ",".join(sign + number for sign in signs[place // 10])
                transaction.execute(f"INSERT INTO items VALUES ({1000 + place // 10}, '[{long}]')")
        transaction.commit()
    directions = np.where(signs == "-", -1.0, 1.0)
    ordinary, longest = [], []
    for query in QUERIES[:20, :8]:
        exact = np.argsort(-(vectors @ query))[:5].tolist()
        ordinary.append(
            (ids(database, "SELECT id FROM items WHERE id < 1000 ORDER BY v <#> $1 LIMIT 5", [query]), exact)
        )
        exact = (np.argsort(-(directions @ query), kind="stable")[:5] + 1000).tolist()
        longest.append((ids(database, "SELECT id FROM items ORDER BY v <#> $1 LIMIT 5", [query]), exact))
    assert recall(*zip(*ordinary)) >= 0.95
    if number != "3e38":  # of which many are at the same distance, an infinite one
        assert recall(*zip(*longest)) >= 0.95
    query = f"[{','.join([number] * 8)}]"
    assert len(ids(database, f"SELECT id FROM items ORDER BY v <#> '{query}' LIMIT 2000")) == 1100


def test_other_dimensions_are_refused(shared: EmbeddedDatabase, database: EmbeddedDatabase) -> None:
    with pytest.raises(DataException, match="different vector dimensions 24 and 2"):
        ids(shared, NEAREST, ["[1,2]"])
    database.execute("CREATE TABLE items (v vector)")
    database.execute("INSERT INTO items VALUES ('[1,2]')")
    database.execute("CREATE INDEX ON items USING hnsw (v)")
    with pytest.raises(DataException, match="expected 2 dimensions, not 3") as raised:
        database.execute("INSERT INTO items VALUES ('[1,2,3]')")
    assert raised.value.sqlstate == "22000"
    assert database.query("SELECT v::text FROM items")[0][0] == "[1,2]"


def test_vectors_of_several_dimensions_are_refused_before_they_commit(tmp_path: Path) -> None:
    """An index that cannot enter what is committed would let the database accept no more commits, and not open."""
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path, plugins=["vector"]) as database:
        database.execute("CREATE TABLE items (id int, v vector)")
        database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
        with pytest.raises(DataException, match="expected 2 dimensions, not 3"):
            database.execute("INSERT INTO items VALUES (1, '[1,2]'), (2, '[1,2,3]')")
        first, second = database.begin_transaction(), database.begin_transaction()
        first.execute("INSERT INTO items VALUES (3, '[1,2]')")
        second.execute("INSERT INTO items VALUES (4, '[1,2,3]')")
        first.commit()
        with pytest.raises(DataException, match="expected 2 dimensions, not 3"):
            second.commit()
        database.execute("INSERT INTO items VALUES (5, '[1,3]')")
        assert ids(database, "SELECT id FROM items ORDER BY v <-> '[1,3]' LIMIT 5") == [5, 3]
        with pytest.raises(DataException, match="different vector dimensions"):
            ids(database, "SELECT id FROM items ORDER BY v <-> '[1,3,4]' LIMIT 5")
        database.execute("CREATE TABLE mixed (v vector)")
        database.execute("INSERT INTO mixed VALUES ('[1,2]'), ('[1,2,3]')")
        with pytest.raises(DataException, match="expected 2 dimensions, not 3"):
            database.execute("CREATE INDEX ON mixed USING hnsw (v)")
    with EmbeddedDatabase(path, plugins=["vector"]) as database:
        assert ids(database, "SELECT id FROM items ORDER BY v <-> '[1,3]' LIMIT 5") == [5, 3]
        with pytest.raises(DataException, match="expected 2 dimensions, not 3"):
            database.execute("INSERT INTO items VALUES (6, '[1,2,3]')")
        database.execute("DELETE FROM items")
        database.execute("VACUUM items")
        database.execute("REINDEX INDEX by_v")
        database.execute("INSERT INTO items VALUES (6, '[1,2,3]')")
        assert ids(database, "SELECT id FROM items ORDER BY v <-> '[1,3,4]' LIMIT 5") == [6]


def test_dimensions_that_do_not_fit_the_index_are_refused_with_the_first_vector(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE items (v vector)")
    database.execute("CREATE INDEX ON items USING hnsw (v) WITH (quantization = 'pq', pq_subquantizers = 3)")
    with pytest.raises(InvalidParameterValue, match="pq_subquantizers = 3 does not divide 4 dimensions"):
        database.execute("INSERT INTO items VALUES ('[1,2,3,4]')")
    database.execute("INSERT INTO items SELECT ARRAY[n, 2, 3, 4, 5, 6] FROM generate_series(1, 600) AS n")
    assert len(ids(database, "SELECT v::text FROM items ORDER BY v <-> '[1,2,3,4,5,6]' LIMIT 7")) == 7


REFUSED = {
    "hnsw (v) WITH (m = 1)": "out of bounds",
    "hnsw (v) WITH (m = 'many')": "invalid value for option",
    "hnsw (v) WITH (ef_construction = 5000)": "out of bounds",
    "hnsw (v) WITH (lists = 5)": 'unrecognized parameter "lists"',
    "ivf (v) WITH (m = 5)": 'unrecognized parameter "m"',
    "ivf (v) WITH (lists = 0)": "out of bounds",
    "hnsw (v) WITH (quantization = 'zip')": "quantization",
    "hnsw (v) WITH (pq_subquantizers = 4)": "needs quantization = 'product'",
    "hnsw (v) WITH (quantization = 'pq', pq_centroids = 100)": "pq_centroids cannot be 100",
    "hnsw (v) WITH (quantization = 'pq', pq_subquantizers = 5)": "does not divide 24 dimensions",
    "hnsw (v) WITH (backend = 'annoy')": 'vector backend "annoy" does not exist',
    "ivf (v) WITH (backend = 'usearch')": 'vector backend "usearch" does not support lists',
    "hnsw (v vector_ip_ops) WITH (quantization = 'pq')": "does not support|no vector backend supports",
    "hnsw (v vector_l1_ops) WITH (quantization = 'scalar')": "no vector backend supports",
    "ivf (kind)": "no default operator class",
    "hnsw (v, v)": "does not support multicolumn",
}


@pytest.mark.parametrize("definition", REFUSED)
def test_what_cannot_be_made_is_refused(shared: EmbeddedDatabase, definition: str) -> None:
    with pytest.raises((InvalidParameterValue, FeatureNotSupported, Exception), match=REFUSED[definition]):
        shared.execute(f"CREATE INDEX other ON items USING {definition}")
    assert ids(shared, "SELECT count(*) FROM pg_class WHERE relname = 'other'") == [0]


KINDS = {
    "hnsw (v)": 0.95,
    "hnsw (v) WITH (backend = hnswlib)": 0.95,
    "hnsw (v) WITH (backend = usearch)": 0.9,
    "hnsw (v) WITH (quantization = 'scalar')": 0.95,
    "hnsw (v) WITH (quantization = 'product')": 0.9,
    "hnsw (v) WITH (quantization = 'product', pq_subquantizers = 4, pq_centroids = 64)": 0.7,
    "hnsw (v) WITH (quantization = 'binary')": 0.7,
    "ivf (v) WITH (lists = 20)": 0.8,
    "ivfflat (v)": 0.6,
    "ivf (v) WITH (lists = 20, quantization = 'scalar')": 0.8,
    "ivf (v) WITH (lists = 20, quantization = 'pq')": 0.8,
    "ivf (v) WITH (lists = 20, quantization = 'binary')": 0.7,
}


@pytest.mark.parametrize("definition", KINDS)
def test_every_kind_finds_most_and_never_too_few(shared: EmbeddedDatabase, exactly: Exactly, definition: str) -> None:
    for backend in ("hnswlib", "usearch"):
        if backend in definition:
            pytest.importorskip(backend)
    shared.execute("DROP INDEX by_v")
    shared.execute(f"CREATE INDEX by_v ON items USING {definition}")
    shared.execute("SET ivfflat.probes = 8")
    try:
        assert "Index Scan using by_v" in plan(shared, NEAREST)
        require_exact(shared, exactly, NEAREST, KINDS[definition])
        require_exact(shared, exactly, "SELECT id FROM items WHERE kind < 60 ORDER BY v <-> $1 LIMIT 10", 0.6)
    finally:
        shared.execute("RESET ivfflat.probes")
        shared.execute("DROP INDEX by_v")
        shared.execute("CREATE INDEX by_v ON items USING hnsw (v vector_l2_ops) WITH (backend = faiss)")


CLASSES = {
    "vector_ip_ops": "v <#> $1",
    "vector_cosine_ops": "v <=> $1",
    "vector_l1_ops": "v <+> $1",
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_operator_class_serves_its_operator_and_no_other(
    shared: EmbeddedDatabase, exactly: Exactly, name: str
) -> None:
    shared.execute(f"CREATE INDEX by_other ON items USING hnsw (v {name})")
    try:
        for other, order in CLASSES.items():
            query = f"SELECT id FROM items ORDER BY {order} LIMIT 10"
            assert ("Index Scan using by_other" in plan(shared, query)) == (other == name)
        query = f"SELECT id FROM items ORDER BY {CLASSES[name]} LIMIT 10"
        found = [ids(shared, query, [vector]) for vector in QUERIES]
        exact = [exactly(shared, query, [vector]) for vector in QUERIES]
        assert recall(found, exact) >= 0.9
    finally:
        shared.execute("DROP INDEX by_other")


@pytest.mark.parametrize(
    ("type_name", "class_name", "operator"),
    [
        ("halfvec(16)", "halfvec_l2_ops", "<->"),
        ("halfvec(16)", "halfvec_cosine_ops", "<=>"),
        ("bit(16)", "bit_hamming_ops", "<~>"),
        ("bit(16)", "bit_jaccard_ops", "<%>"),
    ],
)
def test_other_types(
    database: EmbeddedDatabase, exactly: Exactly, type_name: str, class_name: str, operator: str
) -> None:
    random = np.random.default_rng(3)
    database.execute(f"CREATE TABLE items (id int, v {type_name})")
    numbers = random.normal(size=(800, 16))

    def literal(row: Any) -> str:
        return "".join("01"[int(number > 0)] for number in row) if "bit" in type_name else text(row)

    for number, row in enumerate(numbers):
        database.execute(f"INSERT INTO items VALUES ($1, '{literal(row)}')", [number])
    database.execute(f"CREATE INDEX by_v ON items USING hnsw (v {class_name})")
    share = []
    for row in random.normal(size=(20, 16)):
        kind = type_name.partition("(")[0]
        argument = f"'{literal(row)}'::{kind}(16)"
        query = f"SELECT v {operator} {argument} FROM items ORDER BY v {operator} {argument} LIMIT 10"
        assert "by_v" in "\n".join(shown[0] for shown in database.query("EXPLAIN " + query))
        found, exact = ids(database, query), exactly(database, query)
        assert len(found) == 10
        assert found == sorted(found)
        # Many bits strings are equally far: distances are compared, not rows.
        share.append(sum(a <= exact[-1] for a in found) / 10)
    assert sum(share) / len(share) >= 0.9


def test_expressions_and_partial_indexes(database: EmbeddedDatabase, exactly: Exactly) -> None:
    fill(database, VECTORS[:800])
    database.execute("CREATE INDEX by_half ON items USING hnsw ((v::halfvec(24)) halfvec_l2_ops)")
    query = "SELECT id FROM items ORDER BY v::halfvec(24) <-> $1::halfvec(24) LIMIT 10"
    assert "by_half" in plan(database, query)
    assert recall([ids(database, query, [QUERIES[0]])], [exactly(database, query, [QUERIES[0]])]) >= 0.9
    database.execute("CREATE INDEX by_few ON items USING hnsw (v) WHERE kind = 7")
    query = "SELECT id FROM items WHERE kind = 7 ORDER BY v <-> $1 LIMIT 20"
    assert len(ids(database, query, [QUERIES[0]])) == 8
    assert ids(database, query, [QUERIES[0]]) == exactly(database, query, [QUERIES[0]])


def test_a_column_that_changes_its_dimensions_has_its_index_made_anew(database: EmbeddedDatabase) -> None:
    fill(database, VECTORS[:700])
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    database.execute("ALTER TABLE items ALTER COLUMN v TYPE vector(4) USING subvector(v, 1, 4)")
    query = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 1"
    assert ids(database, query, [VECTORS[77, :4]]) == [77]
    database.execute("TRUNCATE items")
    assert ids(database, query, [VECTORS[77, :4]]) == []
    database.execute("INSERT INTO items VALUES (1, 1, $1)", [VECTORS[5, :4]])
    assert ids(database, query, [VECTORS[77, :4]]) == [1]


def test_options_that_do_not_fit_the_column_are_refused_before_there_are_rows(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE items (v vector(24))")
    with pytest.raises(InvalidParameterValue, match="does not divide 24 dimensions"):
        database.execute("CREATE INDEX ON items USING hnsw (v) WITH (quantization = 'pq', pq_subquantizers = 5)")


def test_an_index_whose_rows_have_all_gone_goes_on(database: EmbeddedDatabase) -> None:
    fill(database, VECTORS[:700])
    database.execute("CREATE INDEX by_v ON items USING hnsw (v)")
    database.execute("DELETE FROM items")
    database.execute("VACUUM items")
    assert ids(database, NEAREST, [QUERIES[0]]) == []
    for number in range(700):
        database.execute("INSERT INTO items VALUES ($1, 1, $2)", [number, VECTORS[number]])
    assert ids(database, NEAREST, [VECTORS[8]])[0] == 8


@pytest.mark.parametrize("condition", ["", "WHERE kind < 50 "])
def test_further_keys_order_rows_of_equal_distance(database: EmbeddedDatabase, exactly: Any, condition: str) -> None:
    vectors = clustered(11, 3000, 8)
    vectors[100:112] = vectors[5]
    fill(database, vectors)
    database.execute("CREATE INDEX near ON items USING hnsw (v)")
    database.execute("SET hnsw.ef_search = 200")
    for keys in ("id DESC", "kind, id"):
        query = f"SELECT id FROM items {condition}ORDER BY v <-> (SELECT v FROM items WHERE id = 5), {keys} LIMIT 4"
        shown = str([tuple(row) for row in database.query("EXPLAIN " + query)])
        assert "Index Scan using near" in shown
        found = ids(database, query)
        assert found == exactly(database, query)
        assert found[0] == {"id DESC": 111, "kind, id": 100}[keys]
        paged = ids(database, query + " OFFSET 2")
        assert paged == exactly(database, query + " OFFSET 2")
        assert paged[:2] == found[2:]
