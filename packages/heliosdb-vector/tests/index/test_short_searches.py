"""Searches that are run again and again go a short way, which answers as the ordinary one and steps aside where it
cannot.

Each history runs on two databases: one as it is, and one that never takes the short way.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, connect, errors
from heliosdb_vector import Vector
from heliosdb_vector.index.measures import MEASURES

from .conftest import clustered, fill

COUNT, DIMENSIONS = 200, 8
VECTORS = clustered(3, COUNT, DIMENSIONS)
POINTS = clustered(3, COUNT + 20, DIMENSIONS)[COUNT:]
NEAREST = "SELECT id FROM items ORDER BY v <-> $1 LIMIT 5"
SEARCHES: list[tuple[str, int]] = [
    (NEAREST, 1),
    ("SELECT id, v <-> $1 AS far FROM items ORDER BY far LIMIT 5", 1),
    ("SELECT kind + 1, 1 - (v <-> $1), v FROM items ORDER BY v <-> $1 LIMIT $2", 2),
    ("SELECT id, v <-> $2 FROM items ORDER BY v <-> $1 LIMIT 3", 2),
    ("SELECT id FROM items ORDER BY $1 <-> v LIMIT 4", 1),
    ("SELECT id FROM items ORDER BY v <-> $1 LIMIT 4 OFFSET 2", 1),
    ("SELECT id FROM items WHERE kind < 50 ORDER BY v <-> $1 LIMIT 4", 1),
    ("SELECT 10 / (id - $2) FROM items ORDER BY v <-> $1 LIMIT 5", 2),
    ("SELECT id, random() < 2 FROM items ORDER BY v <-> $1 LIMIT 2", 1),
]
BETWEEN = [
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SET hnsw.ef_search = 400",
    "SET heliosdb.vector_recall = 1",
    "SET heliosdb.vector_recall = 0",
    "SET default_transaction_isolation = 'serializable'",
    "SET default_transaction_isolation = 'read committed'",
    "UPDATE items SET v = v + v WHERE id % 7 = 0",
    "UPDATE items SET v = NULL WHERE id % 5 = 0",
    "UPDATE items SET kind = kind + 1 WHERE id < 20",
    "DELETE FROM items WHERE id % 11 = 0",
    "DELETE FROM items WHERE id > 3",
    "INSERT INTO items SELECT max(id) + 1, 7, '[0,0,0,0,0,0,0,0]' FROM items",
    "ALTER TABLE items ADD COLUMN IF NOT EXISTS more int DEFAULT 3",
    "REINDEX INDEX by_v",
    "DROP INDEX IF EXISTS by_v",
    "CREATE INDEX IF NOT EXISTS by_v ON items USING hnsw (v vector_l2_ops)",
    "VACUUM",
]
ARGUMENTS: list[Any] = [
    *POINTS[:6], POINTS[7].tolist(), POINTS[8].astype(np.float64), Vector(POINTS[9]), str(POINTS[10].tolist()), None,
    [1.0, 2.0], "[1,2]", "nonsense", float("nan"), np.full(DIMENSIONS, np.inf, np.float32), np.zeros((2, 8)), b"x", 5,
    1, 3, 0, -1, 1000, 2**70, True,
]  # fmt: skip


def database() -> EmbeddedDatabase:
    made = EmbeddedDatabase.new_in_memory(plugins=["vector"], strict=True)
    fill(made, VECTORS)
    made.execute("CREATE INDEX by_v ON items USING hnsw (v vector_l2_ops) WITH (backend = faiss)")
    made.execute("SET hnsw.ef_search = 400")  # more than there are: nothing is left to chance
    return made


def outcome(db: EmbeddedDatabase, text: str, params: list[Any]) -> Any:
    """Return what a client sees of a statement."""
    try:
        if text.startswith("SELECT"):
            rows = db.query(text, params)
            return [(tuple(row), row.keys(), [type(value) for value in row]) for row in rows]
        return db.execute(text, params)
    except errors.Error as error:
        return error.sqlstate, str(error), error.detail


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_the_short_way_answers_as_the_ordinary_one(data: st.DataObject) -> None:
    quick, plain = database(), database()
    plain._session.points.offer = lambda *given, **named: None  # type: ignore[method-assign]
    with quick, plain:
        steps = st.one_of(st.sampled_from(SEARCHES), st.sampled_from(SEARCHES), st.sampled_from(BETWEEN))
        for step in data.draw(st.lists(steps, max_size=12)):
            if isinstance(step, str):
                assert outcome(quick, step, []) == outcome(plain, step, [])
                continue
            text, count = step
            usual = [POINTS[11], 3 if "LIMIT $2" in text or "id - $2" in text else POINTS[12]][:count]
            for _ in range(3):  # the function is made after the second
                assert outcome(quick, text, usual) == outcome(plain, text, usual)
            params = [data.draw(st.sampled_from(ARGUMENTS)) for _ in range(count)]
            assert outcome(quick, text, params) == outcome(plain, text, params)


@pytest.mark.parametrize(("text", "count"), SEARCHES[:5])
def test_searches_are_short_after_two_runs(text: str, count: int) -> None:
    with database() as db:
        params = [POINTS[0], 3 if "LIMIT $2" in text else POINTS[1]][:count]
        for _ in range(2):
            assert text not in db._session.fast
            first = db.query(text, params)
        assert text in db._session.fast
        assert db._session.fast[text](params) == first
        assert db.query(text, params) == first


def test_the_database_module_goes_the_short_way_too() -> None:
    with connect(plugins=["vector"]) as connection:
        connection.autocommit = True
        connection.execute("CREATE TABLE items (id int PRIMARY KEY, v vector(2))")
        connection.execute("CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
        connection.execute("INSERT INTO items SELECT n, ARRAY[n, 0]::vector FROM generate_series(1, 20) n")
        text = "SELECT id, v <-> $1 FROM items ORDER BY v <-> $1 LIMIT 3"
        found = [connection.execute(text, [[7.4, 0.0]]).fetchall() for _ in range(4)]
        assert text in connection.session.fast
        assert found[0] == [(7, pytest.approx(0.4)), (8, pytest.approx(0.6)), (6, pytest.approx(1.4))]
        assert found == [found[0]] * 4


def test_a_search_sees_one_commit_beside_a_writer() -> None:
    """Two rows change places for ever: one of them is near, in every commit."""
    with database() as db:
        near, far = [9.0] * DIMENSIONS, [900.0] * DIMENSIONS
        db.execute("INSERT INTO items VALUES (1001, 0, $1), (1002, 0, $2)", [near, far])
        for _ in range(2):
            db.query("SELECT id FROM items ORDER BY v <-> $1 LIMIT 1", [near])
        stop, problems = threading.Event(), []

        def write() -> None:
            session = db.database.session()
            try:
                while not stop.is_set():
                    session.execute(
                        "UPDATE items SET v = CASE WHEN v = $1 THEN $2 ELSE $1 END WHERE id > 1000", [near, far]
                    )
            except Exception as error:  # noqa: BLE001 - shown below
                problems.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            short = db._session.fast["SELECT id FROM items ORDER BY v <-> $1 LIMIT 1"]
            answers = [short([near]) for _ in range(2000)]
        finally:
            stop.set()
            writer.join()
        assert problems == []
        found = [answer for answer in answers if answer is not None]
        assert {answer[0][0] for answer in found} <= {1001, 1002}
        assert len(found) > 100


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["vector_l2_ops", "vector_cosine_ops"]), st.integers(0, 40))
def test_what_is_told_apart_is_in_the_operators_order(seed: int, name: str, bits: int) -> None:
    """Vectors that differ by little, in two ways of adding up: where these disagree, there is doubt."""
    random = np.random.default_rng(seed)
    width = int(random.integers(1, 70))
    query = random.normal(size=width).astype(np.float32)
    rows = (query + 1 + 2.0**-bits * random.normal(size=(6, width))).astype(np.float32)
    measure = MEASURES[name]
    kept, asked = measure.rows([row.tobytes() for row in rows]), measure.rows([query.tobytes()])[0]
    backwards = kept[:, ::-1].astype(np.float32), asked[::-1]
    if measure.metric == "l2":
        ranks = np.array([np.sum((row - backwards[1]) ** 2, dtype=np.float32) for row in backwards[0]])
        exact = ((rows.astype(np.float64) - query.astype(np.float64)) ** 2).sum(axis=1)
    else:
        ranks = np.array([np.float32(1) - np.dot(row, backwards[1]) for row in backwards[0]], np.float32)
        wide, asked64 = rows.astype(np.float64), query.astype(np.float64)
        exact = 1 - (wide @ asked64) / np.linalg.norm(wide, axis=1) / np.linalg.norm(asked64)
    order = np.argsort(ranks, kind="stable")
    if measure.tells_apart(ranks[order], width):
        assert (np.diff(exact[order]) > 0).all()
    assert measure.tells_apart(np.sort(np.arange(1, 5, dtype=np.float32)), width)
    assert not measure.tells_apart(np.array([1, 1], np.float32), width)
    assert not measure.tells_apart(np.array([1, np.nextafter(np.float32(1), np.float32(2))], np.float32), width)
    assert not measure.tells_apart(np.array([2, 1], np.float32), width)
    assert not measure.tells_apart(np.array([1, np.nan], np.float32), width)


def test_sums_of_other_measures_are_never_taken_for_certain() -> None:
    assert not MEASURES["vector_ip_ops"].tells_apart(np.array([1, 5], np.float32), 3)
    assert not MEASURES["vector_l1_ops"].tells_apart(np.array([1, 5], np.float32), 3)
