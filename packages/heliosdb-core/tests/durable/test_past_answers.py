"""What is out of reach is an error, what is in reach is found: by index as by scan, whatever has left memory."""

from __future__ import annotations

import gc
from random import Random

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import ObjectNotInPrerequisiteState
from heliosdb.store import Retention
from heliosdb.store.snapshot import Snapshot
from heliosdb_testkit import FaultyVolume
from plain_store import BY_VALUE, TABLE, checkpoint, opened, put


def test_an_index_does_not_answer_for_what_it_has_forgotten() -> None:
    store = opened(FaultyVolume())
    first = put(store, 1, "a")
    put(store, 1, "b")
    put(store, 2, "c")  # nobody reads: the index forgets that the row had "a", and the row's version is still there
    past = store.begin(snapshot=first)
    past.begin_statement()
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        past.view(TABLE).index(BY_VALUE).rows("a")


def test_a_reader_who_holds_a_block_reads_its_past_though_a_checkpoint_has_replaced_its_segment() -> None:
    store = opened(FaultyVolume())
    store.retain(Retention())
    scns = [put(store, 1, text) for text in ("first", "second")]
    store.close()
    assert isinstance(store.volume, FaultyVolume)
    store = opened(store.volume.kill())
    relation = store.relation(None, TABLE)
    held = relation.block(0)
    assert held is not None
    relation.blocks[0] = None  # as when the cache lets go of it
    for n in range(3):
        put(store, 1, f"later {n}")
        checkpoint(store)
    assert held.positional(scns[0]) == [(1, "first")]
    del held
    gc.collect()
    checkpoint(store)
    named = {name for line in (relation.stored,) if line is not None for name in line.names()}
    commits = store.commits.history.relation.stored
    assert commits is not None
    assert {name for name in store.volume.names() if name.startswith("segment")} == named | {*commits.names()}


def test_a_branch_has_the_catalog_and_the_indexes_of_its_fork(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
        database.execute("CREATE INDEX by_a ON t (a)")
        database.execute("INSERT INTO t SELECT g, 'a' || g FROM generate_series(1, 5000) AS g")
        database.execute("CHECKPOINT")
        store = database.database.store
        fork = store.create_timeline("staging").fork
        oid, index = database.query("SELECT 't'::regclass::oid, 'by_a'::regclass::oid")[0]
        branch = store.begin(timeline="staging")
        branch.begin_statement()
        (item,) = branch.view(oid).index(index).items("a8")
        branch.update(oid, *item, (8, "c8"))
        branch.commit().wait()
        database.execute("CHECKPOINT")  # the branch's run has this entry, and the parent's index the others
        database.execute("UPDATE t SET a = 'b' || id WHERE id % 2 = 0")
        database.execute("DROP INDEX by_a")
        database.execute("CREATE INDEX later ON t (a, id)")
        (later,) = database.query("SELECT 'later'::regclass::oid")[0]
    for _ in range(2):
        with EmbeddedDatabase(path) as database:
            store = database.database.store
            for scn in (fork, store.published):
                transaction = store.begin(snapshot=Snapshot("staging", scn))
                transaction.begin_statement()
                view = transaction.view(oid)
                if scn > fork:
                    assert later not in view.relation.indexes
                    assert view.relation.indexes.keys() >= {index}
                    assert view.index(index).rows("a4") == [(4, "a4")]
                    assert view.index(index).rows("b4") == []
                    assert view.index(index).rows("c8") == [(8, "c8")]
                assert sum(len(block) for block in view.row_blocks()) == 5000
                transaction.rollback()
            branch = store.begin(timeline="staging")
            branch.begin_statement()
            (item,) = branch.view(oid).index(index).items("a6")
            branch.update(oid, *item, (6, "a6"))
            branch.commit().wait()
            database.execute("CHECKPOINT")
            assert database.query("SELECT id FROM t WHERE a = 'b6'") == [(6,)]
            assert database.query("SELECT id FROM t WHERE a = 'a6'") == []


def test_a_branch_reads_what_its_parent_has_dropped_after_a_crash() -> None:
    store = opened(FaultyVolume())
    put(store, 1, "a")
    checkpoint(store)
    store.create_timeline("staging")
    transaction = store.begin()
    transaction.begin_statement()
    transaction.drop_relation(TABLE)
    transaction.insert(TABLE + 1, (0, ""))
    transaction.commit().wait()
    assert isinstance(store.volume, FaultyVolume)
    store.volume.lose_power()
    store = opened(store.volume.crash(Random(1)))
    branch = store.begin(timeline="staging")
    branch.begin_statement()
    assert list(branch.view(TABLE)) == [(1, "a")]
    assert branch.view(TABLE).index(BY_VALUE).rows("a") == [(1, "a")]
