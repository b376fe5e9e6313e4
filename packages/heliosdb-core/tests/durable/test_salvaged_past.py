"""What salvage makes of the past: what can be read is there, and what cannot be is an error or told, never wrong."""

from __future__ import annotations

import pytest

from heliosdb.encoding.codecs import FileCodecs
from heliosdb.errors import ObjectNotInPrerequisiteState
from heliosdb.store import Author, Retention
from heliosdb.store.commit_history import COMMITS_RELATION
from heliosdb.store.files import StoreFiles
from heliosdb.store.log import read_log
from heliosdb.store.manifest import decode_manifest
from heliosdb.store.options import StorageOptions
from heliosdb.store.salvage import salvage
from heliosdb.store.segment import HISTORY
from heliosdb.store.snapshot import Snapshot
from heliosdb.transaction import TransactionalStore
from heliosdb_testkit import FaultyVolume
from plain_store import TABLE, checkpoint, find, opened, put, rows


def volume_of(store: TransactionalStore) -> FaultyVolume:
    """Kill the process, and return its files."""
    assert isinstance(store.volume, FaultyVolume)
    return store.volume.kill()


def salvaged(volume: FaultyVolume) -> tuple[list[str], TransactionalStore]:
    """Return what is lost, and what salvage makes of the rest."""
    target = FaultyVolume()
    losses = salvage(volume, target).losses
    return [loss.message for loss in losses], opened(target.kill())


def at(store: TransactionalStore, scn: int, timeline: str = "main") -> list[tuple[object, ...]]:
    return rows(store.begin(snapshot=Snapshot(timeline, scn)))


def segment_of(volume: FaultyVolume, oid: int) -> str:
    manifest = decode_manifest(volume.whole("manifest") or b"", FileCodecs())
    (name,) = next(relation.segments for relation in manifest.relations if relation.oid == oid)
    return name


def damage_history(volume: FaultyVolume) -> None:
    """Damage what is stored of older versions of the first block's rows."""
    name = segment_of(volume, TABLE)
    reader = StoreFiles(volume, StorageOptions()).read_segment(name)
    volume.damage(name, dict(reader._parts(0))[HISTORY].offset)


def damage_record(volume: FaultyVolume, place: int) -> str:
    """Damage a record of the only log, and return what is told of it."""
    (name,) = [name for name in volume.names() if name.startswith("log")]
    ends = [4096, *(record.end for record in read_log(volume, int(name[4:]), FileCodecs()))]
    volume.damage(name, ends[place] + 40)
    return f'file "{name}" is damaged from offset {ends[place]} to {ends[place + 1]}'


@pytest.fixture
def store() -> TransactionalStore:
    """A store that keeps the past, with one SCN of it in a segment and two in the log."""
    store = opened(FaultyVolume())
    store.retain(Retention())
    put(store, 1, "a")
    store.pin("first")
    put(store, 1, "b")
    checkpoint(store)
    put(store, 1, "c")
    put(store, 2, "d")
    return store


def test_every_scn_answers_by_scan_and_by_index(store: TransactionalStore) -> None:
    commits = list(store.commits)
    losses, store = salvaged(volume_of(store))
    assert losses == []
    assert list(store.commits) == commits
    assert [at(store, scn) for scn in range(5)] == [
        [], [(1, "a")], [(1, "b")], [(1, "c")], [(1, "c"), (2, "d")],
    ]  # fmt: skip
    assert (find(store, "b"), find(store, "c")) == ([], [(1, "c")])
    assert store.holds.retentions() == {0: Retention()}
    assert {name: pin.scn for name, pin in store.holds.pins().items()} == {"first": 1}
    assert put(store, 3, "e") == 5


def test_a_branch_of_a_branch_has_what_it_had(store: TransactionalStore) -> None:
    store.create_timeline("outer")
    put(store, 1, "later")
    store.create_timeline("inner", "outer")
    put(store, 1, "later still")
    inner = put(store, 3, "x", "inner")
    checkpoint(store)
    store.lines.rename("outer", "other")
    losses, store = salvaged(volume_of(store))
    assert losses == []
    assert rows(store.begin(timeline="inner")) == [(1, "c"), (2, "d"), (3, "x")]
    assert rows(store.begin(timeline="other")) == [(1, "c"), (2, "d")]
    assert find(store, "x", "inner") == [(3, "x")]
    assert at(store, inner - 1, "inner") == [(1, "c"), (2, "d")]
    assert store.create_timeline("new").id == 3


def test_what_nobody_keeps_is_not_taken() -> None:
    store = opened(FaultyVolume())
    for value in "abc":
        put(store, 1, value)
    losses, store = salvaged(volume_of(store))
    assert losses == []
    assert at(store, 3) == [(1, "c")]
    with pytest.raises(ObjectNotInPrerequisiteState):
        at(store, 2)


def test_older_versions_that_are_damaged_are_out_of_reach_and_the_newest_are_not(store: TransactionalStore) -> None:
    volume = volume_of(store)
    damage_history(volume)
    losses, store = salvaged(volume)
    assert losses[1:] == [
        "older versions of rows are lost: what was before SCN 2 cannot be asked for",
        'pin "first" is let go of',
    ]
    assert segment_of(volume, TABLE) in losses[0]
    assert "the history of block 0" in losses[0]
    with pytest.raises(ObjectNotInPrerequisiteState, match="SCN 1 is before the horizon"):
        at(store, 1)
    assert [at(store, scn) for scn in (2, 3, 4)] == [[(1, "b")], [(1, "c")], [(1, "c"), (2, "d")]]


def test_a_branch_that_may_lack_rows_is_named(store: TransactionalStore) -> None:
    store.create_timeline("old", "main", 1)
    checkpoint(store)
    volume = volume_of(store)
    damage_history(volume)
    losses, store = salvaged(volume)
    assert losses[-1] == 'rows may be missing on branch "old", which starts from before that'


def test_a_commit_whose_record_is_damaged_is_lost_alone(store: TransactionalStore) -> None:
    before = list(store.commits)
    volume = volume_of(store)
    told = damage_record(volume, 0)
    losses, store = salvaged(volume)
    assert losses == [told, "commit 3 is lost"]
    assert rows(store.begin()) == [(1, "b"), (2, "d")]
    lost = store.commits.get(3)
    assert lost is not None
    assert (lost.transaction_id, lost.author) == (0, Author(timeline="", kind="lost"))
    assert [commit for commit in store.commits if commit.scn != 3] == before[:2] + before[3:]
    assert [store.commits.scn_at(commit.time) for commit in before] == [1, 2, 3, 4]
    assert [store.commits.scn_of_transaction(commit.transaction_id) for commit in before] == [1, 2, None, 4]


def test_without_the_record_that_made_it_a_branch_is_lost(store: TransactionalStore) -> None:
    store.create_timeline("staging")
    scn = put(store, 1, "staged", "staging")
    volume = volume_of(store)
    told = damage_record(volume, 2)
    losses, store = salvaged(volume)
    assert losses == [f"commit {scn} is lost: it is on a branch of which nothing is known", told]
    assert [line.name for line in store.timelines()] == ["main"]
    assert rows(store.begin()) == [(1, "c"), (2, "d")]
    found = store.commits.get(scn)
    assert found is not None
    assert found.author.timeline == ""


@pytest.mark.parametrize("damage", ["block", "footer", "file"])
def test_records_of_commits_that_are_damaged_are_not_known_any_more(store: TransactionalStore, damage: str) -> None:
    before = list(store.commits)
    volume = volume_of(store)
    name = segment_of(volume, COMMITS_RELATION)
    if damage == "file":
        volume.delete(name)
    elif damage == "footer":
        volume.damage(name, volume.size(name) - 30)
    else:
        reader = StoreFiles(volume, StorageOptions()).read_segment(name)
        volume.damage(name, reader._parts(0)[0][1].offset)
    losses, store = salvaged(volume)
    assert losses[1:] == ["when commits were made up to SCN 2, and by whom, is not known any more"]
    assert name in losses[0]
    assert list(store.commits) == before[2:]
    assert store.commits.first_scn() == 3
    assert at(store, 1) == [(1, "a")]


@pytest.mark.parametrize("is_there", [True, False])
def test_without_a_manifest_the_newest_rows_and_the_commits_are_left(store: TransactionalStore, is_there: bool) -> None:
    store.create_timeline("staging")
    put(store, 1, "staged", "staging")
    commits = list(store.commits)[:4]
    volume = volume_of(store)
    volume.replace("manifest", (volume.whole("manifest") or b"")[:-9] if is_there else b"")
    losses, store = salvaged(volume)
    assert "of branches, pins and the past nothing is taken" in losses[0]
    assert rows(store.begin()) == [(1, "c"), (2, "d")]
    assert list(store.commits)[:4] == commits
    assert [line.name for line in store.timelines()] == ["main"]
    with pytest.raises(ObjectNotInPrerequisiteState):
        at(store, 1)
