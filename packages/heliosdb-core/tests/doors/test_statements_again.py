"""Texts that come again: what was remembered for one text is never taken for another."""

from __future__ import annotations

import pytest

from heliosdb import EmbeddedDatabase


@pytest.fixture
def db() -> EmbeddedDatabase:
    database = EmbeddedDatabase.new_in_memory(plugins=[])
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    database.execute("INSERT INTO t VALUES (1, 10), (2, 20)")
    return database


@pytest.mark.parametrize(
    "statement",
    [
        "SET TimeZone = 'UTC'",
        "RESET ALL",
        "DROP TABLE IF EXISTS nothing",
        "CREATE TEMP TABLE IF NOT EXISTS s AS SELECT n FROM t WHERE id = 1",
        "TRUNCATE t; INSERT INTO t VALUES (1, 10), (2, 20)",
    ],
)
@pytest.mark.parametrize("query", ["SELECT n FROM t WHERE id = 1", "SELECT n FROM t WHERE id < 3 ORDER BY id"])
def test_a_command_that_comes_again_is_not_taken_for_the_query_before_it(
    db: EmbeddedDatabase, statement: str, query: str
) -> None:
    wanted = db.query(query)
    for _ in range(5):
        count = db.execute(statement)
        assert db.query(query) == wanted
    assert db.execute(statement) == count
    db.close()


def test_execute_of_a_prepared_statement_takes_the_values_that_are_written(db: EmbeddedDatabase) -> None:
    db.execute("PREPARE bump (int) AS UPDATE t SET n = n + 1 WHERE id = $1")
    db.execute("PREPARE look (int) AS SELECT n FROM t WHERE id = $1")
    for turn in range(5):
        assert db.execute("EXECUTE bump(1)") == 1
        assert db.query("EXECUTE look(1)") == [(11 + turn,)]
        assert db.query("EXECUTE look(2)") == [(20,)]
    db.close()


def test_transactions_in_sql_come_again_after_queries(db: EmbeddedDatabase) -> None:
    for turn in range(4):
        db.execute("BEGIN")
        db.execute("UPDATE t SET n = n + 1 WHERE id = 1")
        assert db.query("SELECT n FROM t WHERE id = 1") == [(11 + turn // 2,)]
        db.execute("ROLLBACK" if turn % 2 == 0 else "COMMIT")
    assert db.query("SELECT n FROM t WHERE id = 1") == [(12,)]
    db.close()
