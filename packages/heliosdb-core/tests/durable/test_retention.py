"""What pins and retentions keep on a volume, and what goes when they no longer do."""

from __future__ import annotations

from random import Random

import pytest

from heliosdb.errors import (
    DuplicateObject,
    InvalidParameterValue,
    IoError,
    ObjectInUse,
    ObjectNotInPrerequisiteState,
    UndefinedObject,
)
from heliosdb.store import Retention
from heliosdb.store.commits import Commits
from heliosdb.transaction import Transaction, TransactionalStore
from heliosdb_testkit import FaultyVolume

TABLE, ROWS = 100, 3000
Rows = list[tuple[int, str]]


def filled() -> TransactionalStore:
    store = TransactionalStore(FaultyVolume())
    transaction = store.begin()
    transaction.begin_statement()
    transaction.insert_rows(TABLE, [(n, "first") for n in range(ROWS)])
    transaction.commit().wait()
    return store


def change(store: TransactionalStore, text: str) -> int:
    """Give all rows another text and return the SCN."""
    transaction = store.begin()
    transaction.begin_statement()
    for ids, rows in transaction.view(TABLE).item_blocks():
        transaction.update_rows(TABLE, list(ids), rows, [(number, text) for number, _ in rows])
    ticket = transaction.commit()
    ticket.wait()
    return ticket.scn


def reopened(store: TransactionalStore) -> TransactionalStore:
    store.close()
    assert isinstance(store.volume, FaultyVolume)
    return TransactionalStore(store.volume.kill())


def texts(store: TransactionalStore, scn: int) -> set[str]:
    transaction: Transaction = store.begin(snapshot=scn)
    transaction.begin_statement()
    try:
        rows = [row for block in transaction.view(TABLE).row_blocks() for row in block]
    finally:
        transaction.rollback()
    assert len(rows) == ROWS
    return {text for _, text in rows}


def size(store: TransactionalStore) -> int:
    return sum(store.volume.size(name) for name in store.volume.names() if name.startswith("segment"))


def compact(store: TransactionalStore) -> None:
    assert store.maintenance is not None
    store.maintenance.compact()


def test_a_pin_keeps_its_point_until_it_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled()
    pinned = store.pin("backup")
    with pytest.raises(DuplicateObject):
        store.pin("backup")
    later = [change(store, text) for text in ("second", "third", "fourth")]
    store = reopened(store)
    compact(store)
    assert texts(store, pinned) == {"first"}
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        texts(store, later[0])
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        store.pin("too late", later[0])
    held = size(store)
    store.unpin("backup")
    with pytest.raises(UndefinedObject):
        store.unpin("backup")
    store = reopened(store)
    compact(store)
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        texts(store, pinned)
    assert texts(store, later[-1]) == {"fourth"}
    assert size(store) < held
    assert size(reopened(store)) < held


def test_what_a_period_no_longer_covers_goes_with_a_compaction(monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled()
    first = store.published
    hour = 3_600_000_000
    store.retain(Retention(period=hour))
    second = change(store, "second")
    third = change(store, "third")
    store = reopened(store)
    compact(store)
    assert [texts(store, scn) for scn in (first, second, third)] == [{"first"}, {"second"}, {"third"}]
    kept = size(store)
    committed = store.commits.get(second)
    assert committed is not None
    # An hour after the second commit: what was visible then is within the period, what ended with it is not.
    monkeypatch.setattr(Commits, "clock", lambda commits: committed.time + hour)
    compact(store)
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        texts(store, first)
    assert [texts(store, scn) for scn in (second, third)] == [{"second"}, {"third"}]
    assert size(store) < kept
    store = reopened(store)
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        texts(store, first)
    assert texts(store, second) == {"second"}


def test_a_relation_can_be_taken_out_of_the_rule() -> None:
    store = filled()
    first = store.published
    store.retain(Retention())
    store.retain(Retention(0), TABLE)
    change(store, "second")
    last = change(store, "third")
    store = reopened(store)
    with pytest.raises(ObjectNotInPrerequisiteState, match="before the horizon"):
        texts(store, first)
    assert texts(store, last) == {"third"}


def test_a_timeline_that_a_pin_holds_is_not_dropped() -> None:
    store = filled()
    store.create_timeline("staging")
    store.pin("backup", None, "staging")
    store = reopened(store)
    with pytest.raises(ObjectInUse, match='held by pin "backup"'):
        store.drop_timeline("staging")
    store.unpin("backup")
    store.drop_timeline("staging")


def test_a_dropped_relation_stays_for_as_long_as_its_past_is_kept() -> None:
    store = filled()
    point = store.pin("backup")
    transaction = store.begin()
    transaction.begin_statement()
    transaction.drop_relation(TABLE)
    transaction.insert(TABLE + 1, (1,))
    transaction.commit().wait()
    for _ in range(2):
        store = reopened(store)
        assert texts(store, point) == {"first"}
    store.unpin("backup")
    store.vacuum()
    assert TABLE not in {**store.main.relations, **store.main.stored}
    store = reopened(store)
    assert TABLE not in {**store.main.relations, **store.main.stored}


@pytest.mark.parametrize("step", ["append log", "sync log"])
def test_a_pin_that_was_not_written_does_not_hold(step: str) -> None:
    store = filled()
    assert isinstance(store.volume, FaultyVolume)
    store.volume.fail(IoError("input/output error"), step, 1)
    with pytest.raises(IoError):
        store.pin("backup")
    assert store.holds.pins() == {}
    assert not store.snapshots.pins
    store.volume.lose_power()
    after = TransactionalStore(store.volume.crash(Random(1)))
    assert after.published == store.published


@pytest.mark.parametrize(("period", "since"), [(-1, 0), (None, -1), (5, -1)])
def test_a_retention_is_not_negative(period: int | None, since: int) -> None:
    with pytest.raises(InvalidParameterValue):
        Retention(period, since)
