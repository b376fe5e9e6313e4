"""Which commit happened when, by whom: known from the first one on, whatever was checkpointed and opened again."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from random import Random

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.errors import InvalidParameterValue, ObjectNotInPrerequisiteState
from heliosdb.store import Author, Commit, Retention
from heliosdb.store.commits import KEEP
from heliosdb.store.options import StorageOptions
from heliosdb.store.past import History
from heliosdb.transaction import TransactionalStore
from heliosdb_testkit import FaultyVolume
from plain_store import checkpoint

TABLE = 100


def put(store: TransactionalStore, author: Author | None = None, timeline: str = "main") -> int:
    transaction = store.begin(timeline=timeline, author=author)
    transaction.begin_statement()
    transaction.insert(TABLE, (1,))
    ticket = transaction.commit()
    ticket.wait()
    return ticket.scn


def killed(store: TransactionalStore) -> TransactionalStore:
    assert isinstance(store.volume, FaultyVolume)
    store.volume.lose_power()
    return TransactionalStore(store.volume.crash(Random(1)))


def check(store: TransactionalStore, expected: list[Commit]) -> None:
    """Compare every way of asking with the list of all commits."""
    assert list(store.commits) == expected
    times = [commit.time for commit in expected]
    assert times == sorted(set(times))
    for commit in expected:
        assert store.commits.get(commit.scn) == commit
        assert store.commits.scn_of_transaction(commit.transaction_id) == commit.scn
        assert store.commits.scn_at(commit.time) == commit.scn
        before = bisect_right(times, commit.time - 1)
        assert store.commits.scn_at(commit.time - 1) == (expected[before - 1].scn if before else 0)
    assert store.commits.get(0) is None
    assert store.commits.get(expected[-1].scn + 1) is None
    assert store.commits.scn_of_transaction(10**9) is None
    assert store.commits.scn_at(0) == 0
    assert store.commits.first_scn() == 1


def test_a_commit_is_found_by_scn_time_and_transaction_after_reopening() -> None:
    store = TransactionalStore(FaultyVolume())
    random = Random(1)
    recorded: list[Commit] = []
    for life in range(4):
        for step in range(40):
            author = Author(random.choice(("", "alice", "bob")), f"app {random.randrange(3)}", f"step {step}", "é\x00")
            scn = put(store, author._replace(timeline="main", kind="commit"))
            found = store.commits.get(scn)
            assert found is not None
            assert found.author == Author("main", *author[1:5])
            recorded.append(found)
            if random.random() < 0.1:
                checkpoint(store)
        check(store, recorded)
        if life % 2:
            store.close()
            assert isinstance(store.volume, FaultyVolume)
            store = TransactionalStore(store.volume.kill())
        else:
            store = killed(store)
        check(store, recorded)


def test_commits_of_a_timeline_bear_its_name() -> None:
    store = TransactionalStore(FaultyVolume())
    put(store)
    store.create_timeline("staging")
    scn = put(store, Author(role="alice"), "staging")
    checkpoint(store)
    found = killed(store).commits.get(scn)
    assert found is not None
    assert (found.author.timeline, found.author.role) == ("staging", "alice")


def test_whoever_began_first_and_committed_last_is_found_by_his_number() -> None:
    store = TransactionalStore(FaultyVolume())
    late = store.begin()
    late.begin_statement()
    late.insert(TABLE, (0,))
    number = late.transaction_id
    author = store.commits.author_number(Author())
    for _ in range(9000):  # more than two blocks
        store.apply([], next(store.transaction_ids), author)
    late.commit().wait()
    checkpoint(store)
    store = killed(store)
    assert len(store.commits) == 0
    assert store.commits.scn_of_transaction(number) == 9001
    for scn in (1, 4095, 4096, 4097, 8192, 8193, 9000):
        commit = store.commits.get(scn)
        assert commit is not None
        assert store.commits.scn_of_transaction(commit.transaction_id) == scn
        assert store.commits.scn_at(commit.time) == scn
    assert [commit.scn for commit in store.commits.between(4090, 8200)] == list(range(4090, 8201))


def test_records_leave_memory_when_they_are_written() -> None:
    options = StorageOptions(checkpoint_commits=10**9, checkpoint_log_size=10**9)
    store = TransactionalStore(FaultyVolume(), options=options)
    author = store.commits.author_number(Author())
    for _ in range(2 * KEEP + 10):
        store.apply([], next(store.transaction_ids), author)
    assert len(store.commits) == 2 * KEEP + 10
    checkpoint(store)
    assert len(store.commits) == KEEP
    first = store.commits.get(1)
    assert first is not None
    assert first.transaction_id == 3


def test_what_no_retention_keeps_may_be_forgotten() -> None:
    store = TransactionalStore(FaultyVolume())
    author = store.commits.author_number(Author())
    for _ in range(10_000):
        store.apply([], next(store.transaction_ids), author)
    store.retain(Retention(period=1, since=9_000))
    store.pin("backup", 5_000)
    checkpoint(store)
    assert store.commits.history.first_scn() == 1  # they came only now
    store.apply([], next(store.transaction_ids), author)
    checkpoint(store)
    assert store.commits.history.first_scn() == 4097
    assert store.commits.history.scn_at(0) is None
    store.unpin("backup")
    store.apply([], next(store.transaction_ids), author)
    checkpoint(store)
    assert store.commits.history.first_scn() == 8193
    store = killed(store)
    commit = store.commits.get(9_500)
    assert commit is not None
    assert store.commits.scn_at(commit.time) == 9_500
    history = History(store)
    assert history.scn_at(commit.time) == 9_500
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon") as refused:
        history.scn_at(0)
    assert refused.value.detail is not None
    assert refused.value.detail.startswith("The first known commit is SCN 8193 of 20")
    with pytest.raises(InvalidParameterValue, match="in the future"):
        history.scn_at(store.commits.clock() + 10**9)


def test_before_the_first_commit_of_all_there_is_nothing() -> None:
    store = TransactionalStore(FaultyVolume())
    scn = put(store)
    history = History(store)
    assert (history.scn_at(0), history.scn_at(store.commits.clock())) == (0, scn)


def test_who_committed_is_known_to_a_database(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path) as database:
        database.execute("SET application_name = 'ledger'")
        database.execute("CREATE TABLE t (id int PRIMARY KEY)")
        database.execute("INSERT INTO t VALUES (1)")
        scn = database.database.store.published
    with EmbeddedDatabase(path) as database:
        commit = database.database.store.commits.get(scn)
        assert commit is not None
        assert commit.author.application_name == "ledger"
        assert commit.author.role == database.query("SELECT current_user")[0][0]
