"""heliosdb_history: what became of rows, by whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import Error, FeatureNotSupported, UndefinedTable, WrongObjectType

KEPT = Config(options={"temporal.time_travel_enabled": True})


def rows(db: EmbeddedDatabase, text: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(text, parameters)]


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(":memory:", config=KEPT) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, state text, price numeric)")
        database.execute("INSERT INTO t VALUES (1, 'a', 1.50), (2, 'b', NULL)")
        database.execute("SET application_name = 'shop'")
        database.execute("UPDATE t SET state = 'x' WHERE id = 1")
        database.execute("DELETE FROM t WHERE id = 1")
        database.execute("INSERT INTO t VALUES (1, 'again', 2)")
        yield database


SHORT = "SELECT operation, row->>'state', application_name FROM heliosdb_history('t', $1)"


def test_every_change_of_a_row_is_told_in_order(db: EmbeddedDatabase) -> None:
    expected = [
        ("INSERT", "a", ""),
        ("UPDATE", "x", "shop"),
        ("DELETE", "x", "shop"),
        ("INSERT", "again", "shop"),
    ]
    assert rows(db, SHORT, [1]) == expected
    assert rows(db, SHORT, ["1"]) == expected
    assert rows(db, SHORT, [2]) == [("INSERT", "b", "")]
    assert rows(db, SHORT, [3]) == []
    found = rows(db, "SELECT row::text FROM heliosdb_history('t', 1) LIMIT 1")
    assert found == [('{"id": 1, "price": 1.50, "state": "a"}',)]
    assert rows(db, "SELECT operation, row->'id' FROM heliosdb_history('public.t') ORDER BY scn, row->'id'") == [
        ("INSERT", 1),
        ("INSERT", 2),
        ("UPDATE", 1),
        ("DELETE", 1),
        ("INSERT", 1),
    ]


def test_who_and_when_are_those_of_the_commit(db: EmbeddedDatabase) -> None:
    text = (
        "SELECT h.username, h.role, h.changed_at = heliosdb_scn_timestamp(h.scn), "
        "h.transaction = heliosdb_scn_transaction(h.scn) FROM heliosdb_history('t') h"
    )
    me = rows(db, "SELECT session_user::text, current_user::text")[0]
    assert set(rows(db, text)) == {(*me, True, True)}


def test_a_key_that_changed_leads_to_the_row_by_both(db: EmbeddedDatabase) -> None:
    db.execute("UPDATE t SET id = 20 WHERE id = 2")
    for key in (2, 20):
        assert rows(db, "SELECT operation, row->'id' FROM heliosdb_history('t', $1)", [key]) == [
            ("INSERT", 2),
            ("UPDATE", 20),
        ]


def test_it_is_read_by_the_definition_of_now_and_outlives_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, config=KEPT) as db:
        db.execute("CREATE TABLE t (name text PRIMARY KEY, old int)")
        db.execute("INSERT INTO t VALUES ('k', 1)")
        db.execute("ALTER TABLE t RENAME old TO new; ALTER TABLE t ADD COLUMN more text DEFAULT 'm'")
        db.execute("DELETE FROM t")
        db.execute("CHECKPOINT")
    with EmbeddedDatabase(path) as db:
        assert rows(db, "SELECT operation, row::text FROM heliosdb_history('t', 'k')") == [
            ("INSERT", '{"new": 1, "more": null, "name": "k"}'),
            ("UPDATE", '{"new": 1, "more": "m", "name": "k"}'),
            ("DELETE", '{"new": 1, "more": "m", "name": "k"}'),
        ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT * FROM heliosdb_history('nowhere')", UndefinedTable),
        ("SELECT * FROM heliosdb_history('v')", WrongObjectType),
        ("SELECT * FROM heliosdb_history('pairs', 1)", FeatureNotSupported),
        ("SELECT * FROM heliosdb_history('bare', 1)", FeatureNotSupported),
        ("SELECT * FROM heliosdb_history('t', 'x')", Error),
    ],
)
def test_what_has_no_history_is_refused(db: EmbeddedDatabase, text: str, error: type[Error]) -> None:
    db.execute("CREATE VIEW v AS SELECT * FROM t; CREATE TABLE bare (id int)")
    db.execute("CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b))")
    with pytest.raises(error):
        db.query(text)


def test_what_was_before_the_horizon_is_not_told() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=0)) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
        db.execute("INSERT INTO t VALUES (1, 1)")
        db.execute("UPDATE t SET n = 2")
        db.execute("VACUUM")
        db.execute("ALTER TABLE t ADD SYSTEM VERSIONING")
        db.execute("UPDATE t SET n = 3")
        assert rows(db, "SELECT operation, row->'n' FROM heliosdb_history('t', 1)") == [("UPDATE", 3)]
