"""Rows are found by numbers that go on from one to the next, as they are found by any key."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.store import dense_keys

FIRST, COUNT = 100, 700
SELECT = "SELECT id, v FROM t WHERE id = $1"

steps = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "move", "update", "many", "delete many", "look", "rolled back"]),
        st.integers(FIRST - 3, FIRST + 12),
        st.integers(FIRST - 3, FIRST + 12),
    ),
    max_size=30,
)


@pytest.fixture
def small_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_keys, "FEWEST_KEYS", COUNT)


def made(key_type: str = "integer") -> EmbeddedDatabase:
    database = EmbeddedDatabase.new_in_memory()
    database.execute(f"CREATE TABLE t (v text, id {key_type} PRIMARY KEY)")
    database.prepare("INSERT INTO t (id, v) VALUES ($1, $2)").execute_many(
        [(FIRST + n, f"v{FIRST + n}") for n in range(COUNT)]
    )
    return database


def order_of(database: EmbeddedDatabase) -> Any:
    store = database.database.store
    (relation,) = [found for found in store.main.relations.values() if found.count >= COUNT]
    (index,) = relation.indexes.values()
    return index.tree.order


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from(["integer", "bigint"]))
def test_look_ups_find_what_is_there_now(changes: list[tuple[str, int, int]], key_type: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense_keys, "FEWEST_KEYS", COUNT)
        with made(key_type) as database:
            assert order_of(database).dense is not None
            held = {FIRST + n: f"v{FIRST + n}" for n in range(COUNT)}

            def look(*keys: int) -> None:
                for key in keys:
                    wanted = [(key, held[key])] if key in held else []
                    assert database.query(SELECT, (key,)) == wanted

            look(FIRST, FIRST, FIRST - 1, FIRST + COUNT, FIRST + COUNT - 1)
            for number, (kind, one, other) in enumerate(changes):
                if kind == "insert" and one not in held:
                    database.execute("INSERT INTO t (id, v) VALUES ($1, $2)", (one, f"n{number}"))
                    held[one] = f"n{number}"
                elif kind == "delete":
                    database.execute("DELETE FROM t WHERE id = $1", (one,))
                    held.pop(one, None)
                elif kind == "move" and one in held and other not in held:
                    database.execute("UPDATE t SET id = $1 WHERE id = $2", (other, one))
                    held[other] = held.pop(one)
                elif kind == "update" and one in held:
                    database.execute("UPDATE t SET v = $1 WHERE id = $2", (f"u{number}", one))
                    held[one] = f"u{number}"
                elif kind == "many":
                    first = FIRST + COUNT + 10_000 * number
                    rows = [(first + n, "m") for n in range(600)]
                    database.prepare("INSERT INTO t (id, v) VALUES ($1, $2)").execute_many(rows)
                    held |= dict(rows)
                    look(first, first + 599, first + 600)
                elif kind == "delete many":
                    database.execute("DELETE FROM t WHERE id BETWEEN $1 AND $2", (one, one + 40))
                    for key in range(one, one + 41):
                        held.pop(key, None)
                elif kind == "rolled back":
                    transaction = database.begin_transaction()
                    transaction.execute("DELETE FROM t WHERE id = $1", (one,))
                    assert transaction.query(SELECT, (one,)) == []
                    look(one)
                    transaction.rollback()
                look(one, other, FIRST + COUNT - 1)
            assert database.query("SELECT count(*) FROM t") == [(len(held),)]


@pytest.mark.usefixtures("small_tables_too")
def test_keys_go_on_over_several_inserts_and_not_over_gaps() -> None:
    with made() as database:
        order = order_of(database)
        insert = database.prepare("INSERT INTO t (id, v) VALUES ($1, 'x')")
        insert.execute_many([(FIRST + COUNT + n,) for n in range(600)])
        assert (order.dense.first, len(order.dense.row_ids)) == (FIRST, COUNT + 600)
        insert.execute_many([(5000 + n,) for n in range(600)])
        assert len(order.dense.row_ids) == COUNT + 600
        assert database.query(SELECT, (5001,)) == [(5001, "x")]


@pytest.mark.usefixtures("small_tables_too")
def test_many_changes_put_it_aside() -> None:
    with made() as database:
        order = order_of(database)
        assert order.dense is not None
        database.execute("DELETE FROM t WHERE id < $1", (FIRST + 100,))
        assert order.dense is None
        assert database.query(SELECT, (FIRST + 1,)) == []
        assert database.query(SELECT, (FIRST + 100,)) == [(FIRST + 100, f"v{FIRST + 100}")]


@pytest.mark.usefixtures("small_tables_too")
def test_rows_that_change_their_keys_are_found_under_one_of_them() -> None:
    with made() as database:
        stop = threading.Event()
        failures: list[Any] = []

        def move() -> None:
            session = database.session()
            chooser = random.Random(1)
            while not stop.is_set():
                key = FIRST + chooser.randrange(20)
                session.execute("UPDATE t SET id = -id WHERE id IN ($1, $2)", (key, -key))

        def look() -> None:
            for number in range(4000):
                key = FIRST + number % 20
                for found in (key, -key):
                    row = database.query(SELECT, (found,))
                    if row not in ([], [(found, f"v{key}")]):
                        failures.append(row)

        threads = [threading.Thread(target=move), *(threading.Thread(target=look) for _ in range(2))]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        stop.set()
        threads[0].join()
        assert not failures
        for key in range(FIRST, FIRST + 20):
            assert len(database.query(SELECT, (key,)) + database.query(SELECT, (-key,))) == 1
