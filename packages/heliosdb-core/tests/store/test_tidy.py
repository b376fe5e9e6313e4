"""Scans fold the blocks that they meet changed, unless a transaction reads further back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.store.relation import Relation

ROWS, CHANGED = 4000, 200


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(f"CREATE TABLE t (a int, b int); INSERT INTO t SELECT g, 0 FROM generate_series(1, {ROWS}) g")
        yield database


def entries(db: EmbeddedDatabase) -> int:
    """Return how many changes stand beside the block's rows on the session's timeline."""
    oid = db.query("SELECT 't'::regclass::oid")[0][0]
    relation: Relation = db.database.store.create_relation(db._session.timeline, oid)
    (block,) = relation.blocks
    assert block is not None
    return len(block.overlay)


def change_and_scan(db: EmbeddedDatabase) -> None:
    db.execute(f"UPDATE t SET b = b + 1 WHERE a <= {CHANGED}")
    for _ in range(3):
        assert db.query("SELECT sum(b), count(*) FROM t") == [(CHANGED, ROWS)]


def test_what_a_pin_keeps_does_not_hold_a_fold_up(db: EmbeddedDatabase) -> None:
    then = db.database.history.pin("then")
    change_and_scan(db)
    assert entries(db) == 0
    past = db.database.store.begin(snapshot=then)
    past.begin_statement()
    oid = db.query("SELECT 't'::regclass::oid")[0][0]
    assert sum(row[1] for row in past.view(oid)) == 0
    past.rollback()


def test_nor_does_the_fork_of_a_branch(db: EmbeddedDatabase) -> None:
    db.database.history.create_timeline("b")
    db._session.use_timeline("b")
    change_and_scan(db)
    assert entries(db) == 0
    db._session.use_timeline("main")
    assert db.query("SELECT sum(b), count(*) FROM t") == [(0, ROWS)]


def test_a_transaction_that_reads_further_back_does(db: EmbeddedDatabase) -> None:
    with db.begin_transaction(isolation="repeatable read") as tx:
        assert tx.query("SELECT sum(b) FROM t") == [(0,)]
        change_and_scan(db)
        assert entries(db) == CHANGED
        assert tx.query("SELECT sum(b) FROM t") == [(0,)]
    for _ in range(3):
        assert db.query("SELECT sum(b) FROM t") == [(CHANGED,)]
    assert entries(db) == 0
