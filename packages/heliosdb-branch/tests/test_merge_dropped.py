"""MERGE BRANCH where one side has dropped a table and the other changed its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.verify import verify

from .conftest import on


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory() as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 0), (2, 0)")
        opened.execute("CREATE TABLE old (id serial PRIMARY KEY, n int UNIQUE, r int REFERENCES old)")
        opened.execute("CREATE BRANCH y")
        yield opened


def merge(db: EmbeddedDatabase, wins: str) -> None:
    db.execute(f"MERGE BRANCH y INTO main WITH (conflict_resolution = '{wins}')")


def is_merged(db: EmbeddedDatabase) -> bool:
    return db.query("SELECT a FROM t WHERE id = 2") == [(5,)]


def test_a_table_that_the_source_dropped_stays_where_the_target_wins(db: EmbeddedDatabase) -> None:
    on(db, "y", "DROP TABLE old", "UPDATE t SET a = 5 WHERE id = 2")
    on(db, "main", "INSERT INTO old (n) VALUES (7)")
    for _ in range(2):
        merge(db, "target_wins")
        assert is_merged(db)
        db.execute("INSERT INTO old (n, r) SELECT max(n) + 1, max(id) FROM old")
    assert db.query("SELECT n FROM old WHERE n > 7 ORDER BY n") == [(8,), (9,)]
    with pytest.raises(errors.UniqueViolation):
        db.execute("INSERT INTO old (n) VALUES (7)")
    with pytest.raises(errors.ForeignKeyViolation):
        db.execute("DELETE FROM old WHERE n = 7")
    assert verify(db.database).problems == ()


def test_a_table_that_the_target_dropped_does_not_come_back(db: EmbeddedDatabase) -> None:
    on(db, "main", "DROP TABLE old")
    on(db, "y", "INSERT INTO old VALUES (1)", "UPDATE t SET a = 5 WHERE id = 2")
    for wins, sqlstate in (("fail", "40001"), ("branch_wins", "55000")):
        with pytest.raises(errors.Error) as caught:
            merge(db, wins)
        assert caught.value.sqlstate == sqlstate
        assert not is_merged(db)
    assert "old: rows changed, and dropped" in str(db.query("EXPLAIN MERGE BRANCH y INTO main"))
    merge(db, "target_wins")
    assert is_merged(db)
    with pytest.raises(errors.UndefinedTable):
        db.query("TABLE old")


def test_a_table_that_must_go_with_another_is_refused(db: EmbeddedDatabase) -> None:
    """The target's rows stay, and what they refer to is gone."""
    on(db, "y", "DROP TABLE old", "DROP TABLE t")
    db.execute("ALTER TABLE old ADD FOREIGN KEY (r) REFERENCES t")
    db.execute("INSERT INTO old (n) VALUES (7)")
    with pytest.raises(errors.Error) as caught:
        merge(db, "target_wins")
    assert caught.value.sqlstate in ("40001", "55000")
    assert db.query("SELECT n FROM old") == [(7,)]
    assert db.query("SELECT count(*) FROM t") == [(2,)]
