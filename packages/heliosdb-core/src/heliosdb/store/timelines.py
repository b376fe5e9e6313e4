"""The timelines of a store: which there are, and how one begins and ends.

    main      ──1──2──3──4──5──►
                    │
    staging         └──────6──►          fork 2 of main; a pin keeps what main shows at 2

What there is stands in the log before it is true in memory: a record has the one that was made, or after another change
lists all timelines, those included that were dropped and that living ones still descend from. So a timeline that was
made is there after reopening, and one that was dropped is not. Numbers are never given twice; names may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb.errors import (
    DataCorrupted,
    DuplicateObject,
    Error,
    ObjectInUse,
    ObjectNotInPrerequisiteState,
    ReadOnlySqlTransaction,
    UndefinedObject,
)
from heliosdb.store.manifest import StoredTimeline
from heliosdb.store.timeline import Timeline

if TYPE_CHECKING:
    from heliosdb.store.relation import Relation
    from heliosdb.store.store import Store
    from heliosdb.store.timeline_index import TimelineIndex

__all__ = ["Timelines"]


class Timelines:
    """The timelines of one store. Whoever changes them holds the commit lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.root = self.main = Timeline(0, "main")
        """What all others start from; and what is called main, which is another once that took the name."""
        self._named: dict[str, Timeline] = {"main": self.main}
        self._all: dict[int, Timeline] = {0: self.root}
        """By number: the living, and those that were dropped and live on in what starts from them."""
        self.next_number = 1

    def named(self, name: str) -> Timeline:
        """Return a living timeline by name; UndefinedObject when there is none."""
        found = self._named.get(name)
        if found is None:
            raise UndefinedObject(f'timeline "{name}" does not exist')
        return found

    def numbered(self, number: int) -> Timeline:
        """Return a timeline by its number; DataCorrupted when there is none (a log speaks of it)."""
        found = self._all.get(number)
        if found is None:
            raise DataCorrupted(f"the log speaks of timeline {number}, and there is none")
        return found

    def living(self) -> list[Timeline]:
        """Return every timeline that has a name, main first."""
        return sorted(self._named.values(), key=lambda line: (line is not self.main, line.id))

    def all(self) -> list[Timeline]:
        """Return every timeline that has data, parents before what starts from them."""
        return [self._all[number] for number in sorted(self._all)]

    def has(self, relation: Relation) -> bool:
        """Whether a relation is there, in a timeline that has data: neither was dropped."""
        line = self._all.get(relation.timeline)
        return line is not None and relation in (line.relations.get(relation.oid), line.stored.get(relation.oid))

    def has_index(self, number: int, index: TimelineIndex) -> bool:
        """Whether an index of a timeline is there."""
        line = self._all.get(number)
        relation = None if line is None else line.relations.get(index.spec.relation_oid)
        return relation is not None and relation.indexes.get(index.spec.oid) is index

    # -- changes

    def create(
        self,
        name: str,
        parent: Timeline | None = None,
        scn: int | None = None,
        properties: Mapping[str, Any] | None = None,
        *,
        wait: bool = True,
    ) -> Timeline:
        """Start a timeline at an SCN of its parent; see ``Store.create_timeline``."""
        store = self._store
        with store.commit_lock:
            self._require_free(name)
            source = self.main if parent is None else parent
            if source.dropped:
                raise ObjectNotInPrerequisiteState(f'timeline "{source.name}" has been dropped')
            fork = store.published if scn is None else scn
            if fork > store.published:
                raise ObjectNotInPrerequisiteState(f"SCN {fork} has not been reached")
            while source.parent is not None and fork < source.fork:
                source = source.parent
            if scn is not None:
                store.check_readable_at(source, fork)
            made = Timeline(self.next_number, name, source, fork, store.commits.next_time(), properties)
            self._log(stored_timeline(made))
            self._enter(made)
        if wait:
            self._settle(made)
        return made

    def rename(self, name: str, new_name: str) -> None:
        """Give a timeline another name."""
        with self._store.commit_lock:
            line = self.named(name)
            if line is self.main:
                raise ObjectInUse("cannot rename the main timeline")
            self._require_free(new_name)
            self._log([stored_timeline(other, new_name if other is line else None) for other in self.all()])
            del self._named[name]
            line.name = new_name
            self._named[new_name] = line
            self._store.points_changed()
        self._settle()

    def drop(self, name: str, *, wait: bool = True) -> None:
        """Take a timeline's name away; its versions stay as long as a living one reads them."""
        with self._store.commit_lock:
            line = self.named(name)
            if line is self.main:
                raise ObjectInUse("cannot drop the main timeline")
            self._drop(line, None)
        if wait:
            self._settle()

    def replace(self, name: str, by: str) -> None:
        """Drop a timeline and give its name to another, in one step. So main can be another one."""
        with self._store.commit_lock:
            line, heir = self.named(name), self.named(by)
            if heir is line or heir is self.main:
                raise ObjectInUse(f'cannot replace timeline "{name}" by "{by}"')
            self._drop(line, heir)
        self._settle()

    def _drop(self, line: Timeline, heir: Timeline | None) -> None:
        held = [pin for pin, point in self._store.holds.pins().items() if point.timeline == line.id]
        if held:
            raise ObjectInUse(
                f'timeline "{line.name}" is held by pin "{held[0]}"', hint="Let go of what holds it first."
            )
        left = self._ancestors(other for other in self._named.values() if other is not line)
        self._log([
            stored_timeline(left[n], line.name if left[n] is heir else None, left[n].dropped or left[n] is line)
            for n in sorted(left)
        ])  # fmt: skip
        del self._named[line.name]
        line.dropped = True
        if heir is not None:
            del self._named[heir.name]
            heir.name = line.name
            self._enter(heir)
            if line is self.main:
                self._call_main(heir)
        self._store.points_changed()
        self._let_go(left)

    def _call_main(self, line: Timeline) -> None:
        self.main = self._store.main = line

    def _require_free(self, name: str) -> None:
        if name in self._named:
            raise DuplicateObject(f'timeline "{name}" already exists')

    def _log(self, items: StoredTimeline | Sequence[StoredTimeline]) -> None:
        store = self._store
        if store.journal is not None:
            store.journal.append_timelines(store.commits.next_time(), items)
        elif store.volume.read_only:
            raise ReadOnlySqlTransaction("the database is open for reading only")

    def _settle(self, made: Timeline | None = None) -> None:
        """Return when what was logged is durable. Where that fails the database takes no more changes; a timeline that
        nobody can use is not there."""
        if self._store.journal is None:
            return
        try:
            self._store.journal.sync()
        except Error:
            if made is not None:
                with self._store.commit_lock:
                    self._named.pop(made.name, None)
                    made.dropped = True
                    self._let_go(self._ancestors(self._named.values()))
            raise

    def _enter(self, line: Timeline) -> None:
        self._all[line.id] = line
        if not line.dropped:
            self._named[line.name] = line
        self.next_number = max(self.next_number, line.id + 1)
        if line.parent is not None:
            self._store.snapshots.pins["timeline", line.id] = (line.parent.id, line.fork)

    @staticmethod
    def _ancestors(lines: Iterable[Timeline]) -> dict[int, Timeline]:
        """Return timelines and all that they start from, by number."""
        found: dict[int, Timeline] = {}
        for line in lines:
            ancestor: Timeline | None = line
            while ancestor is not None:
                found[ancestor.id] = ancestor
                ancestor = ancestor.parent
        return found

    def _let_go(self, left: dict[int, Timeline]) -> None:
        """Forget all timelines but these: nobody reads the others, and their forks need not be kept."""
        for number in self._all.keys() - left.keys():
            line = self._all.pop(number)
            self._store.snapshots.pins.pop(("timeline", number), None)
            line.relations.clear()
            line.stored.clear()

    # -- opening

    def add(self, item: StoredTimeline) -> Timeline:
        """Have a timeline as a manifest or a log record has it."""
        line = self._all.get(item.id)
        if line is None:
            parent = self.numbered(item.parent or 0)
            line = Timeline(item.id, item.name, parent, item.fork, item.created, item.properties)
        line.name, line.dropped = item.name, item.dropped
        self._enter(line)
        return line

    def restore(self, items: Iterable[StoredTimeline], next_number: int = 0) -> None:
        """Have the timelines that a manifest or a log record lists, and no others."""
        left = {0: self.root}
        self._named = {}
        self.root.dropped = False
        for item in sorted(items, key=lambda item: item.id):
            left[item.id] = self.add(item)
        if not self.root.dropped:
            self._named["main"] = self.root
        self._call_main(self._named["main"])
        self._let_go(left)
        self.next_number = max(self.next_number, next_number)


def stored_timeline(line: Timeline, name: str | None = None, dropped: bool | None = None) -> StoredTimeline:
    """Return what a manifest or a log record says of a timeline."""
    parent = None if line.parent is None else line.parent.id
    is_dropped = line.dropped if dropped is None else dropped
    return StoredTimeline(
        line.id,
        line.name if name is None else name,
        parent,
        line.fork,
        is_dropped,
        line.created,
        dict(line.properties),
    )
