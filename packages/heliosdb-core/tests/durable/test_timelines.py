"""Timelines outlive their process: which there are, what they start from, and what was committed on them."""

from __future__ import annotations

from hashlib import sha512

import pytest

from heliosdb.errors import IoError, ObjectInUse, ObjectNotInPrerequisiteState, UndefinedObject
from heliosdb.store.past import History
from heliosdb.store.volume import MemoryVolume
from heliosdb.transaction import TransactionalStore
from heliosdb_testkit import FaultyVolume
from plain_store import TABLE, checkpoint, closed, lost_power, opened, put, rows


@pytest.fixture
def store() -> TransactionalStore:
    return opened(FaultyVolume())


@pytest.mark.parametrize("end", [lost_power, closed])
def test_a_timeline_is_there_after_reopening_with_what_was_committed_on_it(store: TransactionalStore, end) -> None:  # type: ignore[no-untyped-def]
    put(store, 1, "a")
    fork = put(store, 2, "b")
    store.create_timeline("staging")
    store.create_timeline("inner", "staging")
    put(store, 1, "main")
    put(store, 2, "branch", "staging")
    store = end(store)
    assert [line.name for line in store.timelines()] == ["main", "staging", "inner"]
    assert store.timeline("inner").parent is store.timeline("staging")
    assert store.timeline("staging").fork == fork
    assert rows(store.begin()) == [(1, "main"), (2, "b")]
    assert rows(store.begin(timeline="staging")) == [(1, "a"), (2, "branch")]
    assert rows(store.begin(timeline="inner")) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("end", [lost_power, closed])
def test_a_dropped_timeline_is_gone_after_reopening(store: TransactionalStore, end) -> None:  # type: ignore[no-untyped-def]
    put(store, 1, "a")
    store.create_timeline("one")
    put(store, 1, "one", "one")
    store.create_timeline("two", "one")
    first = store.timeline("one")
    store.drop_timeline("one")
    store.create_timeline("one")
    store = end(store)
    assert [line.name for line in store.timelines()] == ["main", "two", "one"]
    assert rows(store.begin(timeline="two")) == [(1, "one")]
    assert rows(store.begin(timeline="one")) == [(1, "a")]
    parent = store.timeline("two").parent
    assert parent is not None
    assert (parent.id, parent.dropped) == (first.id, True)
    store.drop_timeline("two")
    store.drop_timeline("one")
    store = end(store)
    assert store.lines.all() == [store.main]
    assert not store.snapshots.pins


def test_numbers_of_timelines_are_never_given_twice(store: TransactionalStore) -> None:
    numbers = []
    for name in "abc":
        numbers.append(store.create_timeline(name).id)
        store.drop_timeline(name)
        store = closed(store)
    assert numbers == [1, 2, 3]


def test_a_timeline_keeps_its_new_name(store: TransactionalStore) -> None:
    put(store, 1, "a")
    store.create_timeline("staging")
    put(store, 1, "staged", "staging")
    store.lines.rename("staging", "release")
    with pytest.raises(ObjectInUse):
        store.lines.rename("main", "trunk")
    store = lost_power(store)
    with pytest.raises(UndefinedObject):
        store.timeline("staging")
    assert rows(store.begin(timeline="release")) == [(1, "staged")]


@pytest.mark.parametrize("step", ["append log", "sync log"])
def test_a_timeline_whose_record_was_not_written_is_not_there(store: TransactionalStore, step: str) -> None:
    put(store, 1, "a")
    store.create_timeline("kept")
    volume = store.volume
    assert isinstance(volume, FaultyVolume)
    volume.fail(IoError("input/output error"), step, 1)
    with pytest.raises(IoError):
        store.create_timeline("lost")
    assert [line.name for line in store.timelines()] == ["main", "kept"]
    assert len(store.snapshots.pins) == 1
    store = lost_power(store)
    assert "kept" in [line.name for line in store.timelines()]


def test_a_timeline_stays_when_the_record_of_its_end_cannot_be_written(store: TransactionalStore) -> None:
    put(store, 1, "a")
    store.create_timeline("staging")
    put(store, 1, "staged", "staging")
    volume = store.volume
    assert isinstance(volume, FaultyVolume)
    volume.fail(IoError("input/output error"), "append log", 1)
    with pytest.raises(IoError):
        store.drop_timeline("staging")
    assert rows(store.begin(timeline="staging")) == [(1, "staged")]


def test_a_transaction_cannot_commit_on_a_timeline_that_was_dropped_meanwhile(store: TransactionalStore) -> None:
    put(store, 1, "a")
    store.create_timeline("staging")
    transaction = store.begin(timeline="staging")
    transaction.begin_statement()
    transaction.insert(TABLE, (2, "b"))
    store.drop_timeline("staging")
    with pytest.raises(ObjectNotInPrerequisiteState, match="has been dropped"):
        transaction.commit()
    assert rows(lost_power(store).begin()) == [(1, "a")]


def test_transactions_that_commit_in_another_order_than_they_began_have_numbers_of_their_own(
    store: TransactionalStore,
) -> None:
    first, second = store.begin(), store.begin()
    for key, transaction in enumerate((first, second)):
        transaction.begin_statement()
        transaction.insert(TABLE, (key, "x"))
    numbers = [first.transaction_id, second.transaction_id]
    second.commit().wait()
    first.commit().wait()
    store = lost_power(store)
    put(store, 5, "later")
    found = store.commits.get(store.published)
    assert found is not None
    assert found.transaction_id > max(numbers)


@pytest.mark.parametrize("end", [lost_power, closed])
def test_what_was_noted_of_a_timeline_stays_with_it(store: TransactionalStore, end) -> None:  # type: ignore[no-untyped-def]
    noted = {"owner": "QA", "copies": 3, "places": ["a", None]}
    store.create_timeline("a", properties=noted)
    store.create_timeline("plain")
    for name, other in (("a", "b"), ("b", "c")):
        store.lines.rename(name, other)
        store = end(store)
        assert store.timeline(other).properties == noted
        assert store.timeline("plain").properties == {}


@pytest.mark.parametrize("on_volume", [True, False])
def test_a_timeline_is_as_large_as_what_it_has_of_its_own(on_volume: bool) -> None:
    store = opened(FaultyVolume() if on_volume else MemoryVolume())
    history = History(store)

    def fill(line: str, first: int, count: int) -> None:
        transaction = store.begin(timeline=line)
        transaction.begin_statement()
        for number in range(first, first + count):
            transaction.insert(TABLE, (number, sha512(b"%d" % number).hexdigest()))
        transaction.commit().wait()
        if on_volume:
            checkpoint(store)

    fill("main", 0, 5000)
    main = history.size(history.timeline("main"))
    assert main > 5000 * 64
    branch = history.create_timeline("b")
    assert history.size(branch) == 0
    assert len(list(store.begin(timeline="b").view(TABLE))) == 5000
    assert history.size(branch) == 0  # to read is not to have
    fill("b", 5000, 10)
    few = history.size(branch)
    assert 0 < few < main / 2
    fill("b", 5010, 3000)
    assert few < history.size(branch) < 3 * main
    assert main <= history.size(history.timeline("main")) < 1.01 * main


@pytest.mark.parametrize("end", [lost_power, closed])
def test_another_timeline_becomes_main(store: TransactionalStore, end) -> None:  # type: ignore[no-untyped-def]
    put(store, 1, "a")
    store.create_timeline("heir")
    store.create_timeline("other")
    put(store, 1, "main")
    put(store, 2, "heir", "heir")
    history = History(store)
    for name, by in (("main", "main"), ("heir", "main"), ("nothing", "heir"), ("heir", "nothing")):
        with pytest.raises((ObjectInUse, UndefinedObject)):
            history.replace_timeline(name, by)
    history.pin("kept")
    with pytest.raises(ObjectInUse, match='pin "kept"'):
        history.replace_timeline("main", "heir")
    history.unpin("kept")
    history.replace_timeline("main", "heir")
    for _ in range(2):
        assert [line.name for line in store.timelines()] == ["main", "other"]
        assert rows(store.begin()) == rows(store.begin(timeline="main")) == [(1, "a"), (2, "heir")]
        assert rows(store.begin(timeline="other")) == [(1, "a")]
        store = end(store)
    put(store, 3, "more")
    store.create_timeline("next")
    with pytest.raises(ObjectInUse):
        store.drop_timeline("main")
    History(store).replace_timeline("other", "next")
    store = end(store)
    assert rows(store.begin(timeline="other")) == rows(store.begin()) == [(1, "a"), (2, "heir"), (3, "more")]
    assert [(line.name, line.dropped) for line in store.lines.all()] == [
        ("main", True), ("main", False), ("other", False),
    ]  # fmt: skip


def test_who_does_not_wait_for_a_timeline_has_it_with_the_next_commit(store: TransactionalStore) -> None:
    put(store, 1, "a")
    assert isinstance(store.volume, FaultyVolume)
    store.volume.steps.clear()
    store.create_timeline("one", wait=False)
    store.create_timeline("two", wait=False)
    History(store).drop_timeline("one", wait=False)
    assert [kind for kind, _ in store.volume.steps] == ["append"] * 3
    put(store, 2, "b", "two")
    store = lost_power(store)
    assert [line.name for line in store.timelines()] == ["main", "two"]
    assert rows(store.begin(timeline="two")) == [(1, "a"), (2, "b")]
