"""What is kept and what is dropped: the change feed, retention, pins, timelines, vacuum, memory."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from heliosdb.errors import DuplicateObject, IoError, ObjectInUse, ObjectNotInPrerequisiteState, UndefinedObject
from heliosdb.store import Author, Retention
from heliosdb.store.feed import Change
from heliosdb.store.snapshot import Snapshot
from heliosdb.transaction import TransactionalStore
from plain_store import BY_ID, TABLE, opened, put, rows


@pytest.fixture
def store() -> TransactionalStore:
    return opened()


def remove(store: TransactionalStore, key: int) -> int:
    transaction = store.begin()
    transaction.begin_statement()
    transaction.delete(TABLE, *transaction.view(TABLE).index(BY_ID).items(key)[0])
    return transaction.commit().scn


# -- the feed


def test_the_feed_tells_what_each_commit_did(store: TransactionalStore) -> None:
    start = store.follow(TABLE)
    first = put(store, 1, "a")
    second = put(store, 1, "b")
    third = remove(store, 1)
    assert list(store.changes(TABLE, start)) == [
        Change(first, "insert", 0, None, (1, "a")),
        Change(second, "update", 0, (1, "a"), (1, "b")),
        Change(third, "delete", 0, (1, "b"), None),
    ]
    assert [change.scn for change in store.changes(TABLE, first, second)] == [second]
    assert list(store.changes(TABLE, third)) == []


def test_the_feed_tells_of_bulk_inserts_and_point_writes(store: TransactionalStore) -> None:
    start = store.follow(TABLE)
    transaction = store.begin()
    transaction.insert_rows(TABLE, [(n, "bulk") for n in range(1000)])
    transaction.commit()
    writer = store.point_writer(TABLE, BY_ID)
    writer.insert((5000, "point"))
    writer.update(7, lambda row: (row[0], "changed"))
    writer.delete(8)
    changes = list(store.changes(TABLE, start))
    assert len(changes) == 1003
    assert [(change.operation, change.old, change.new) for change in changes[1000:]] == [
        ("insert", None, (5000, "point")),
        ("update", (7, "bulk"), (7, "changed")),
        ("delete", (8, "bulk"), None),
    ]


def test_a_rolled_back_transaction_is_not_in_the_feed(store: TransactionalStore) -> None:
    start = store.follow(TABLE)
    transaction = store.begin()
    transaction.begin_statement()
    row_id = transaction.insert(TABLE, (1, "a"))
    transaction.begin_statement()
    transaction.delete(TABLE, row_id, (1, "a"))
    transaction.commit()
    store.begin().rollback()
    assert list(store.changes(TABLE, start)) == []


def test_the_feed_before_its_beginning_is_an_error(store: TransactionalStore) -> None:
    put(store, 1, "a")
    start = store.follow(TABLE)
    put(store, 1, "b")
    with pytest.raises(ObjectNotInPrerequisiteState, match="changes since 0 are no longer kept"):
        list(store.changes(TABLE, 0))
    assert len(list(store.changes(TABLE, start))) == 1


def test_a_consumer_keeps_the_feed_from_where_it_has_read(store: TransactionalStore) -> None:
    first = store.add_consumer("view", TABLE)
    second = store.add_consumer("replica", TABLE)
    assert first == second
    scns = [put(store, n, "x") for n in range(5)]
    store.advance_consumer("view", TABLE, scns[3])
    store.vacuum()
    assert [change.scn for change in store.changes(TABLE, second)] == scns
    store.advance_consumer("replica", TABLE, scns[1])
    store.vacuum()
    assert [change.scn for change in store.changes(TABLE, scns[1])] == scns[2:]
    with pytest.raises(ObjectNotInPrerequisiteState):
        list(store.changes(TABLE, scns[0]))
    store.drop_consumer("view", TABLE)
    store.drop_consumer("replica", TABLE)
    put(store, 9, "x")
    with pytest.raises(ObjectNotInPrerequisiteState):
        list(store.changes(TABLE, scns[4]))


def test_listeners_learn_of_every_commit_and_who_made_it(store: TransactionalStore) -> None:
    seen = []
    store.listeners.append(lambda transaction, ticket: seen.append((ticket.scn, ticket.changes)))
    transaction = store.begin(author=Author(role="alice", application_name="test"))
    row_id = transaction.insert(TABLE, (1, "a"))
    ticket = transaction.commit()
    relation = store.relation(None, TABLE)
    assert seen == [(ticket.scn, [(relation, [(row_id, None, (1, "a"))])])]
    store.begin().commit()
    store.point_writer(TABLE, BY_ID).update(1, lambda row: (1, "b"))
    assert len(seen) == 2
    commit = store.commits.get(ticket.scn)
    assert commit is not None
    assert (commit.transaction_id, commit.author.role) == (ticket.transaction_id, "alice")
    assert store.commits.scn_at(commit.time) == ticket.scn


def test_a_ticket_answers_callbacks(store: TransactionalStore) -> None:
    transaction = store.begin()
    transaction.insert(TABLE, (1, "a"))
    told = []
    ticket = transaction.commit()
    ticket.on_durable(lambda answered: told.append(answered.scn))
    assert told == [ticket.scn]
    assert ticket.wait() is ticket


# -- the past


def test_without_retention_the_past_is_gone_and_the_error_names_the_horizon(store: TransactionalStore) -> None:
    first = put(store, 1, "a")
    put(store, 1, "b")
    put(store, 1, "c")
    store.vacuum()
    with pytest.raises(ObjectNotInPrerequisiteState) as caught:
        rows(store.begin(snapshot=first))
    assert caught.value.detail is not None
    assert f"SCN {store.published}" in caught.value.detail
    assert rows(store.begin(snapshot=store.published)) == [(1, "c")]


def test_retention_of_one_relation_keeps_all_its_versions(store: TransactionalStore) -> None:
    store.retain(Retention(), TABLE)
    scns = [put(store, 1, n) for n in range(3000)]
    store.vacuum()
    for n in (0, 1, 1500, 2998, 2999):
        past = store.begin(snapshot=scns[n])
        assert rows(past) == [(1, n)]
        assert past.view(TABLE).index(BY_ID).get(1) == (1, n)
    assert [row[1] for _, row in store.relation(None, TABLE).versions(0) if row] == list(range(2999, -1, -1))


def test_a_pin_keeps_its_own_point_and_nothing_else(store: TransactionalStore) -> None:
    put(store, 1, "before")
    pinned = put(store, 1, "pinned")
    assert store.pin("tag") == pinned
    later = [put(store, 1, n) for n in range(100)]
    store.vacuum()
    assert rows(store.begin(snapshot=pinned)) == [(1, "pinned")]
    with pytest.raises(ObjectNotInPrerequisiteState):
        rows(store.begin(snapshot=later[50]))
    with pytest.raises(ObjectNotInPrerequisiteState):
        store.pin("too late", later[50])
    assert len(list(store.relation(None, TABLE).versions(0))) == 2
    store.unpin("tag")
    put(store, 1, "end")
    store.vacuum()
    with pytest.raises(ObjectNotInPrerequisiteState):
        rows(store.begin(snapshot=pinned))


def test_one_relation_can_be_read_at_another_point_within_a_transaction(store: TransactionalStore) -> None:
    store.retain(Retention())
    then = put(store, 1, "a")
    put(store, 1, "b")
    store.create_timeline("branch", "main", then)
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert(TABLE, (2, "own"))
    past = transaction.view(TABLE, at=Snapshot("main", then))
    branch = transaction.view(TABLE, at=Snapshot("branch", store.published))
    assert list(past) == [(1, "a")]
    assert list(branch) == [(1, "a")]
    assert past.index(BY_ID).get(1) == (1, "a")
    transaction.rollback()
    assert not store.snapshots.readers


def test_a_held_snapshot_outlives_its_statement_under_read_committed(store: TransactionalStore) -> None:
    put(store, 1, "a")
    transaction = store.begin(isolation="read committed")
    transaction.begin_statement()
    view, hold = transaction.view(TABLE), transaction.hold_snapshot()
    for n in range(50):
        put(store, 1, n)
        transaction.begin_statement()
    store.vacuum()
    assert list(view) == [(1, "a")]
    assert rows(transaction) == [(1, 49)]
    hold.release()
    transaction.rollback()
    assert not store.snapshots.readers


# -- timelines


def test_timelines_are_named_once_and_found_by_name(store: TransactionalStore) -> None:
    store.create_timeline("branch")
    with pytest.raises(DuplicateObject):
        store.create_timeline("branch")
    with pytest.raises(UndefinedObject):
        store.timeline("nowhere")
    with pytest.raises(ObjectInUse):
        store.drop_timeline("main")
    with pytest.raises(ObjectNotInPrerequisiteState):
        store.create_timeline("future", "main", 10**9)
    with pytest.raises(UndefinedObject):
        store.begin(timeline="nowhere")


def test_a_dropped_timeline_lives_on_in_its_branches(store: TransactionalStore) -> None:
    put(store, 1, "main")
    store.create_timeline("one")
    put(store, 1, "one", "one")
    store.create_timeline("two", "one")
    store.drop_timeline("one")
    store.create_timeline("one")
    put(store, 1, "later")
    assert rows(store.begin(timeline="two")) == [(1, "one")]
    assert rows(store.begin(timeline="one")) == [(1, "main")]
    store.drop_timeline("two")
    store.drop_timeline("one")
    assert not store.snapshots.pins


def test_the_chain_of_a_snapshot(store: TransactionalStore) -> None:
    fork = put(store, 1, "a")
    one = store.create_timeline("one")
    put(store, 2, "b")
    inner = put(store, 1, "one", "one")
    two = store.create_timeline("two", "one")
    assert two.chain(99) == ((two, 99), (one, inner), (store.main, fork))
    assert two.chain(fork - 1) == ((store.main, fork - 1),)


def test_an_index_dropped_on_main_still_serves_the_branch(store: TransactionalStore) -> None:
    put(store, 1, "a")
    store.create_timeline("branch")
    assert rows(store.begin(timeline="branch")) == [(1, "a")]
    transaction = store.begin()
    transaction.drop_index(TABLE, BY_ID)
    with pytest.raises(UndefinedObject):
        transaction.find_newest(BY_ID, 1, relation_oid=TABLE)
    transaction.insert(TABLE, (1, "double"))
    transaction.commit()
    assert sorted(rows(store.begin())) == [(1, "a"), (1, "double")]
    branch = store.begin(timeline="branch")
    branch.begin_statement()
    assert branch.view(TABLE).index(BY_ID).get(1) == (1, "a")


def test_a_relation_is_swept_after_its_drop_unless_somebody_reads_it(store: TransactionalStore) -> None:
    put(store, 1, "a")
    reader = store.begin()
    dropping = store.begin()
    dropping.drop_relation(TABLE)
    reader.begin_statement()
    assert list(reader.view(TABLE)) == [(1, "a")]
    dropping.commit()
    assert rows(reader) == [(1, "a")]
    dropping = store.begin()
    dropping.drop_relation(TABLE)
    dropping.commit()
    assert TABLE not in store.main.relations


# -- interruption


def test_after_an_interrupted_commit_the_rest_is_readable_and_nothing_can_follow(store: TransactionalStore) -> None:
    put(store, 1, "a")

    class Interrupting(dict[int, tuple[object, ...]]):
        """Changes that are interrupted while they are entered, as Ctrl-C may do."""

        def items(self) -> object:  # type: ignore[override]
            if self.armed:
                raise KeyboardInterrupt
            return super().items()

        armed = False

    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert(TABLE, (2, "b"))
    writes = transaction.writes[TABLE]
    changes = Interrupting(writes.net()[0][0])
    with store.commit_lock:
        prepared = store.prepare([(writes.relation, {0: changes}, {}, True)])
        changes.armed = True
        scn = store.next_scn()
        with pytest.raises(KeyboardInterrupt):
            store.enter(prepared, scn)
    transaction.rollback()
    assert store.is_sealed
    assert rows(store.begin()) == [(1, "a")]
    assert store.point_reader(TABLE, BY_ID)(2) is None
    with pytest.raises(IoError, match="the database accepts no more commits"):
        put(store, 3, "c")
    with pytest.raises(IoError):
        store.point_writer(TABLE, BY_ID).update(1, lambda row: (1, "b"))
    with pytest.raises(IoError):
        store.point_writer(TABLE, BY_ID).insert((4, "d"))
    assert rows(store.begin()) == [(1, "a")]


# -- memory


def grows(work: object) -> int:
    gc.collect()
    tracemalloc.start()
    work()  # type: ignore[operator]
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size


def test_changing_one_row_over_and_over_keeps_memory_flat(store: TransactionalStore) -> None:
    put(store, 1, 0)
    writer = store.point_writer(TABLE, BY_ID)

    def change(times: int) -> None:
        for _ in range(times):
            writer.update(1, lambda row: (1, row[1] + 1))

    change(10)
    few = grows(lambda: change(100))
    many = grows(lambda: change(10_000))
    assert many - few < 10_000 * 40  # the commit records (20 bytes each), no versions


def test_an_open_snapshot_costs_one_version_not_every_one(store: TransactionalStore) -> None:
    put(store, 1, 0)
    reader = store.begin()
    for n in range(2000):
        put(store, 1, n)
    assert len(list(store.relation(None, TABLE).versions(0))) == 3
    assert rows(reader) == [(1, 0)]


def test_the_last_million_or_two_commits_are_recorded() -> None:
    store = TransactionalStore()
    number = store.commits.author_number(Author())
    store.commits._drop(0)
    for transaction_id in range(10):
        store.commits.record(transaction_id, number)
    store.commits._drop(4)
    assert store.commits.get(4) is None
    commit = store.commits.get(5)
    assert commit is not None
    assert commit.transaction_id == 4
    assert store.commits.scn_at(0) == 4
