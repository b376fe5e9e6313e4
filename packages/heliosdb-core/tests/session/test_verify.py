"""``verify`` tells what is wrong, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.verify import verify


@pytest.fixture
def database() -> Any:
    with EmbeddedDatabase.new_in_memory() as opened:
        for statement in (
            "CREATE DOMAIN positive AS int CHECK (value > 0)",
            "CREATE TABLE t (id int PRIMARY KEY, a text UNIQUE, b numeric CHECK (b > 0), c int REFERENCES t)",
            "ALTER TABLE t ADD UNIQUE (b, c)",
            "CREATE INDEX lowered ON t (lower(a)) WHERE id > 5",
            'CREATE TABLE u (x positive, y text COLLATE "C" NOT NULL)',
            "CREATE INDEX descending ON u (y DESC, x)",
            "INSERT INTO t SELECT n, 'x' || n, n, NULL FROM generate_series(1, 500) n",
            "INSERT INTO t VALUES (1000, NULL, 1000, 1), (1001, NULL, 1, NULL)",
            "INSERT INTO u SELECT n, n::text FROM generate_series(1, 300) n",
            "UPDATE t SET a = a || 'z' WHERE id % 3 = 0",
            "DELETE FROM t WHERE id % 7 = 0",
        ):
            opened.execute(statement)
        yield opened


def index_of(database: EmbeddedDatabase, table: str, name: str) -> Any:
    catalog = database.session().catalog
    relation = catalog.lookup_relation("public", table)
    assert relation is not None
    index = next(found for found in relation.indexes if found.name == name)
    return database.database.store.index(None, relation.oid, index.oid)


def test_a_sound_database_has_no_problems(database: EmbeddedDatabase) -> None:
    found = verify(database)
    assert found.problems == ()
    assert (found.tables, found.indexes) == (2, 5)
    assert found.rows == database.query("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM u)")[0][0]


@pytest.mark.parametrize(("table", "name"), [("t", "t_pkey"), ("t", "lowered"), ("u", "descending")])
def test_a_row_that_an_index_lost_is_found(database: EmbeddedDatabase, table: str, name: str) -> None:
    tree = index_of(database, table, name).tree
    del tree.current[next(iter(tree.current))]
    problems = verify(database).problems
    assert {problem.object for problem in problems} == {f"index public.{name}"}
    assert "is not found under its key" in problems[0].message


def test_constraints_that_rows_break_are_found(database: EmbeddedDatabase) -> None:
    relation = database.session().catalog.lookup_relation("public", "t")
    assert relation is not None
    store = database.database.store
    transaction = store.begin()
    transaction.begin_statement()
    # Behind the back of the statements that would refuse it.
    transaction.insert(relation.oid, (7000, "new", -1, 12345))
    transaction.commit().wait()
    problems = {problem.object: problem.message for problem in verify(database).problems}
    assert set(problems) == {"check t_b_check of table public.t", "reference t_c_fkey of table public.t"}
    assert problems["reference t_c_fkey of table public.t"].endswith('Key (c)=(12345) is not present in table "t".')
