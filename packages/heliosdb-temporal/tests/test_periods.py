"""Periods of application time: PERIOD FOR, and UPDATE and DELETE of a portion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import (
    AmbiguousColumn,
    CheckViolation,
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    NullValueNotAllowed,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    UniqueViolation,
    WrongObjectType,
)


def rows(db: EmbeddedDatabase, text: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(text, parameters)]


ALL = "SELECT id, since, until, price FROM t ORDER BY id, since"


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute(
            "CREATE TABLE t (id int, since int, until int, price numeric, "
            "twice int GENERATED ALWAYS AS (id * 2) STORED, PERIOD FOR valid (since, until), PRIMARY KEY (id, since))"
        )
        database.execute("INSERT INTO t VALUES (1, 10, 20, 5), (1, 20, 30, 6), (2, 10, 30, 7)")
        yield database


def test_a_period_is_a_constraint_that_dumps_have(db: EmbeddedDatabase, tmp_path: Path) -> None:
    for values in ("(3, 10, 10, 1)", "(3, 11, 10, 1)", "(3, 10, NULL, 1)"):
        with pytest.raises(CheckViolation, match="valid"):
            db.execute(f"INSERT INTO t VALUES {values}")
    where = tmp_path / "dump.sql"
    db.execute(f"BACKUP TO '{where}'")
    with EmbeddedDatabase.new_in_memory() as other:
        other.execute(f"RESTORE FROM '{where}'")
        assert other.execute("DELETE FROM t FOR PORTION OF valid FROM 12 TO 14 WHERE id = 2") == 1
        assert rows(other, "SELECT since, until FROM t WHERE id = 2 ORDER BY since") == [(10, 12), (14, 30)]


def test_a_period_is_added_to_a_table_and_dropped(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE u (a date, b date); INSERT INTO u VALUES ('2025-01-01', '2026-01-01')")
    db.execute("ALTER TABLE u ADD PERIOD FOR p (a, b)")
    db.execute("ALTER TABLE u RENAME COLUMN a TO first")
    assert db.execute("DELETE FROM u FOR PORTION OF p FROM '2025-03-01' TO '2025-04-01'") == 1
    found = rows(db, "SELECT first::text, b::text FROM u ORDER BY first")
    assert found == [("2025-01-01", "2025-03-01"), ("2025-04-01", "2026-01-01")]
    db.execute("ALTER TABLE u DROP CONSTRAINT p")
    with pytest.raises(UndefinedObject, match='period "p" of table "u"'):
        db.execute("DELETE FROM u FOR PORTION OF p FROM '2025-03-01' TO '2025-04-01'")
    db.execute("INSERT INTO u VALUES ('2025-01-02', '2025-01-01')")
    with pytest.raises(CheckViolation):
        db.execute("ALTER TABLE u ADD PERIOD FOR p (first, b)")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (12, 15, [(10, 12, 7), (12, 15, 0), (15, 30, 7)]),
        (5, 15, [(10, 15, 0), (15, 30, 7)]),
        (15, 99, [(10, 15, 7), (15, 30, 0)]),
        (10, 30, [(10, 30, 0)]),
        (0, 99, [(10, 30, 0)]),
        (0, 10, [(10, 30, 7)]),
        (30, 40, [(10, 30, 7)]),
    ],
)
def test_an_update_changes_the_portion_and_leaves_the_rest(
    db: EmbeddedDatabase, low: int, high: int, expected: list[Any]
) -> None:
    text = "UPDATE t FOR PORTION OF valid FROM $1 TO $2 SET price = $3 WHERE id = $4"
    assert db.execute(text, [low, high, 0, 2]) == (expected != [(10, 30, 7)])
    assert rows(db, "SELECT since, until, price FROM t WHERE id = 2 ORDER BY since") == expected
    assert rows(db, "SELECT DISTINCT twice FROM t WHERE id = 2") == [(4,)]
    assert rows(db, "SELECT count(*) FROM t WHERE id = 1") == [(2,)]


def test_a_delete_over_several_rows(db: EmbeddedDatabase) -> None:
    assert db.execute("DELETE FROM t FOR PORTION OF valid FROM 15 TO 25") == 3
    assert rows(db, ALL) == [(1, 10, 15, 5), (1, 25, 30, 6), (2, 10, 15, 7), (2, 25, 30, 7)]


def test_an_alias_expressions_and_defaults(db: EmbeddedDatabase) -> None:
    db.execute("ALTER TABLE t ALTER price SET DEFAULT 1")
    db.execute("UPDATE t FOR PORTION OF valid FROM 10 + 2 TO 14 AS x SET price = x.price * 2 WHERE x.id = 2")
    db.execute("UPDATE ONLY t FOR PORTION OF valid FROM 20 TO 25 SET price = DEFAULT WHERE id = 1")
    assert rows(db, ALL) == [
        (1, 10, 20, 5), (1, 20, 25, 1), (1, 25, 30, 6),
        (2, 10, 12, 7), (2, 12, 14, 14), (2, 14, 30, 7),
    ]  # fmt: skip


def test_returning_gives_what_the_portion_has_become_and_what_a_deleted_row_was(db: EmbeddedDatabase) -> None:
    text = (
        "UPDATE t FOR PORTION OF valid FROM 12 TO 14 SET price = price + $1 WHERE id = 2 RETURNING *, price * $2 AS x"
    )
    assert [(*tuple(row)[:4], row["x"]) for row in db.query(text, [1, 10])] == [(2, 12, 14, 8, 80)]
    deleted = db.query("DELETE FROM t FOR PORTION OF valid FROM 20 TO 99 WHERE id = $1 RETURNING since, until", [2])
    assert [tuple(row) for row in deleted] == [(14, 30)]
    assert db.query("DELETE FROM t FOR PORTION OF valid FROM 200 TO 300 RETURNING id") == []
    assert rows(db, ALL)[2:] == [(2, 10, 12, 7), (2, 12, 14, 8), (2, 14, 20, 7)]


def test_from_and_using_bring_other_tables(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE s (id int, price int); INSERT INTO s VALUES (2, 100), (2, 100), (3, 1)")
    text = "UPDATE t FOR PORTION OF valid FROM $1 TO 14 AS x SET price = s.price + x.price FROM s WHERE s.id = x.id"
    assert rows(db, f"{text} RETURNING x.since, x.price, s.price AS other", [12]) == [(12, 107, 100)]
    assert rows(db, ALL)[2:] == [(2, 10, 12, 7), (2, 12, 14, 107), (2, 14, 30, 7)]
    assert db.execute("DELETE FROM t FOR PORTION OF valid FROM 0 TO 13 USING s WHERE s.id = t.id AND s.price > 1") == 2
    assert rows(db, ALL)[2:] == [(2, 13, 14, 107), (2, 14, 30, 7)]


def test_a_period_is_dropped(db: EmbeddedDatabase) -> None:
    db.execute("ALTER TABLE IF EXISTS nowhere DROP PERIOD FOR valid")
    db.execute("ALTER TABLE public.t DROP PERIOD FOR valid RESTRICT")
    db.execute("INSERT INTO t VALUES (9, 2, 1, 1)")
    with pytest.raises(UndefinedObject):
        db.execute("DELETE FROM t FOR PORTION OF valid FROM 1 TO 2")


def test_the_refusal_of_a_point_of_application_time_says_what_to_write(db: EmbeddedDatabase) -> None:
    with pytest.raises(SqlSyntaxError, match='"valid" is a period of application time') as caught:
        db.query("SELECT * FROM t FOR valid AS OF 12")
    assert caught.value.hint == "A condition on the period's columns chooses: WHERE since <= x AND until > x."
    assert len(rows(db, "SELECT * FROM t FOR UPDATE OF t")) == 3


def test_constraints_hold_and_a_failure_changes_nothing(db: EmbeddedDatabase) -> None:
    before = rows(db, ALL)
    db.execute("CREATE UNIQUE INDEX ON t (price, id)")
    with pytest.raises(UniqueViolation):
        db.execute("DELETE FROM t FOR PORTION OF valid FROM 15 TO 16 WHERE id = 2")  # both parts have its price
    assert rows(db, ALL) == before
    db.execute("BEGIN; DELETE FROM t FOR PORTION OF valid FROM 0 TO 99")
    assert rows(db, ALL) == []
    db.execute("ROLLBACK")
    assert rows(db, ALL) == before


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("UPDATE t FOR PORTION OF valid FROM 20 TO 20 SET price = 1", InvalidParameterValue),
        ("DELETE FROM t FOR PORTION OF valid FROM 21 TO 20 WHERE false", InvalidParameterValue),
        ("DELETE FROM t FOR PORTION OF valid FROM NULL TO 20", NullValueNotAllowed),
        ("UPDATE t FOR PORTION OF valid FROM 1 TO 2 SET since = 1", SqlSyntaxError),
        ("UPDATE t FOR PORTION OF valid FROM 1 SET price = 1", SqlSyntaxError),
        ("UPDATE t FOR PORTION OF other FROM 1 TO 2 SET price = 1", UndefinedObject),
        ("UPDATE nowhere FOR PORTION OF valid FROM 1 TO 2 SET price = 1", UndefinedTable),
        ("UPDATE v FOR PORTION OF valid FROM 1 TO 2 SET price = 1", WrongObjectType),
        ("UPDATE t FOR PORTION OF valid FROM 1 TO 2 SET nothing = 1", UndefinedColumn),
        ("UPDATE t FOR PORTION OF valid FROM id TO 2 SET price = 1", UndefinedColumn),
        ("UPDATE t FOR PORTION OF valid FROM 1 TO 2 SET price = 1 RETURNING nothing", UndefinedColumn),
        ("UPDATE t FOR PORTION OF valid FROM 11 TO 12 SET price = 1 FROM nowhere", UndefinedTable),
        ("DELETE FROM t FOR PORTION OF valid FROM 11 TO 12 USING v WHERE v.nothing = t.id", UndefinedColumn),
        ("DELETE FROM t FOR PORTION OF valid FROM 11 TO 12 USING v WHERE id = 1", AmbiguousColumn),
        ("SELECT * FROM t FOR valid AS OF 12", SqlSyntaxError),
        ("ALTER TABLE t DROP PERIOD FOR other", UndefinedObject),
        ("ALTER TABLE t DROP PERIOD FOR t_pkey", UndefinedObject),
        ("ALTER TABLE nowhere DROP PERIOD FOR valid", UndefinedTable),
        ("WITH x AS (DELETE FROM t FOR PORTION OF valid FROM 1 TO 2) SELECT 1", FeatureNotSupported),
        ("SELECT * FROM t FOR PORTION OF valid FROM 1 TO 2", FeatureNotSupported),
        ("DELETE FROM t FOR SYSTEM_TIME ALL", FeatureNotSupported),
        ("DELETE FROM t FOR PORTION OF valid FROM 1 TO 2 FOR SYSTEM_TIME ALL", FeatureNotSupported),
        ('DELETE FROM t FOR "portion" OF valid FROM 1 TO 2', SqlSyntaxError),
        ("CREATE TABLE s (a int, b int, PERIOD FOR system_time (a, b))", FeatureNotSupported),
        ("CREATE TABLE s (a int, b int, PERIOD FOR p (a, b), UNIQUE (a, p WITHOUT OVERLAPS))", FeatureNotSupported),
        ("CREATE TABLE s (a int, b int, PERIOD FOR p (a, c))", UndefinedColumn),
        ("CREATE TABLE s (a int, b int, PERIOD FOR p (a))", SqlSyntaxError),
        ("CREATE TABLE s (a int, b int, PERIOD FOR p (a, b) PERIOD FOR q (a, b))", SqlSyntaxError),
    ],
)
def test_what_cannot_be_is_refused(db: EmbeddedDatabase, text: str, error: type[Error]) -> None:
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    before = rows(db, ALL)
    with pytest.raises(error):
        db.execute(text)
    assert rows(db, ALL) == before


def test_the_words_are_names_elsewhere(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE w (period int, portion text DEFAULT 'UPDATE t FOR PORTION OF valid FROM 1 TO 2')")
    db.execute("ALTER TABLE w ADD valid int")
    db.execute("INSERT INTO w (period) VALUES (1); UPDATE w AS period SET portion = 'FOR PORTION OF' WHERE period = 1")
    assert rows(db, "SELECT * FROM w") == [(1, "FOR PORTION OF", None)]


@pytest.mark.parametrize("seed", range(3))
def test_every_instant_is_what_a_model_says(seed: int) -> None:
    """The model keeps a price for each id and instant."""
    random = Random(seed)
    model: dict[tuple[int, int], int] = {}
    with EmbeddedDatabase.new_in_memory() as db:
        db.execute("CREATE TABLE t (id int, since int, until int, price int, PERIOD FOR p (since, until))")
        db.execute("ALTER TABLE t ADD PRIMARY KEY (id, since)")
        for one in range(3):
            db.execute("INSERT INTO t VALUES ($1, 0, 40, 0)", [one])
            model.update({(one, at): 0 for at in range(40)})
        for price in range(1, 60):
            low = random.randrange(-5, 42)
            high = low + random.randint(1, 12)
            one = random.randrange(3)
            at_portion = {(one, at) for at in range(low, high)} & model.keys()
            if random.random() < 0.75:
                text = "UPDATE t FOR PORTION OF p FROM $2 TO $3 SET price = $1 WHERE id = $4"
                db.execute(text, [price, low, high, one])
                model.update(dict.fromkeys(at_portion, price))
            else:
                db.execute("DELETE FROM t FOR PORTION OF p FROM $1 TO $2 WHERE id = $3", [low, high, one])
                for place in at_portion:
                    del model[place]
            found = rows(db, "SELECT id, at, price FROM t, generate_series(since, until - 1) at")
            assert len(found) == len(model)
            assert {(one, at): price for one, at, price in found} == model
