"""Plans over definitions that are not committed yet: kept by their transaction, and good for nobody else."""

from __future__ import annotations

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import UndefinedTable


def test_a_plan_over_a_new_table_is_made_once() -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        session = database.session()
        session.begin()
        session.execute("CREATE TABLE t (a int, b text)")
        session.execute("INSERT INTO t VALUES (1, 'x')")
        first = session.last_plan
        session.execute("INSERT INTO t VALUES (2, 'y')")
        assert session.last_plan is first
        other = database.session()
        with pytest.raises(UndefinedTable):
            other.execute("INSERT INTO t VALUES (3, 'z')")
        session.block.commit()
        other.execute("INSERT INTO t VALUES (3, 'z')")
        assert other.last_plan is not first
        assert database.query("SELECT a, b FROM t ORDER BY a") == [(1, "x"), (2, "y"), (3, "z")]


def test_a_plan_does_not_outlive_its_definition() -> None:
    with EmbeddedDatabase.new_in_memory() as database, database.begin_transaction() as transaction:
        transaction.execute("CREATE TABLE t (a int)")
        transaction.execute("SAVEPOINT s")
        for made, expected in (("a int", 7), ("b int, a text", "7"), ("a numeric(5,2)", 7)):
            transaction.execute("DROP TABLE t")
            transaction.execute(f"CREATE TABLE t ({made})")
            transaction.execute("INSERT INTO t (a) VALUES (7)")
            assert transaction.query("SELECT a FROM t") == [(expected,)]
            transaction.execute("ALTER TABLE t ADD c int DEFAULT 5")
            transaction.execute("INSERT INTO t (a) VALUES (7)")
            assert transaction.query("SELECT count(*), sum(c) FROM t") == [(2, 10)]
            transaction.execute("ROLLBACK TO SAVEPOINT s")
            transaction.execute("INSERT INTO t (a) VALUES (7)")
            assert transaction.query("SELECT a FROM t") == [(7,)]
            transaction.execute("ROLLBACK TO SAVEPOINT s")


def test_a_view_under_change_is_read_as_it_is_now() -> None:
    with EmbeddedDatabase.new_in_memory() as database, database.begin_transaction() as transaction:
        transaction.execute("CREATE TABLE t (a int)")
        transaction.execute("INSERT INTO t VALUES (1)")
        for number in range(3):
            transaction.execute(f"CREATE OR REPLACE VIEW v AS SELECT a + {number} AS a FROM t")
            assert transaction.query("SELECT a FROM v") == [(1 + number,)]
            assert transaction.query("SELECT a FROM v") == [(1 + number,)]
