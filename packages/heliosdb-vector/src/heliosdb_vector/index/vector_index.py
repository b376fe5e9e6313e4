"""One vector index: entries, a structure of some backend that finds them, and recent ones that it does not have yet.

    entries      label -> row id, SCNs between which the row had the vector           (entries.py)
    structure    label -> vector, searched approximately                              (a backend)
    recent       label -> vector, searched exactly: at most RECENT, moved to the structure some at a time

A row that gets another vector has two entries, one with an end; a search leaves out by SCN what its snapshot cannot
see. So it serves the present, the past and branches alike. ``forget`` takes an entry out for good; where more than
half of what the structure holds is gone, it is made anew from the rest, by a thread of its own.

A search names as many rows as are wanted, then four times as many, and so on, and ends where reading all rows is
quicker. What is near is guessed; how far it is, and that nothing is missing, the engine sees to
(``heliosdb.spi.Likely``).

Commits and opening cannot wait for what a backend's library cannot do. Where it raises there, or in a search, the index
is broken: it lets everything go, says so (``trouble``) and names nothing, until it is built again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import DataException, InvalidParameterValue
from heliosdb.spi import ALL_NAMED, ColumnValues, Named
from heliosdb_vector.index.checking import missing
from heliosdb_vector.index.efforts import USUAL_EFFORT
from heliosdb_vector.index.entries import NEVER, Entries, digest_of
from heliosdb_vector.index.gate import Gate
from heliosdb_vector.index.measures import Measure
from heliosdb_vector.index.recall import MEASURED, Curve, Curves, measured, measured_of_codes, steps
from heliosdb_vector.index.recent import Recent
from heliosdb_vector.index.survival import Survival
from heliosdb_vector.index.training import sample

if TYPE_CHECKING:
    from heliosdb.spi import IndexChange, LikelySearch, Progress
    from heliosdb_vector.index.structures import Backend, Plan, Structure

__all__ = ["VectorIndex"]

RECENT = 128
"""Vectors that are compared one by one: a fraction of what a search in a graph takes."""
STEP = 32
"""Vectors that go into the structure while searches wait."""
BUILD_STEP = 4096
FEW = 1000
"""Vectors of which a structure is made at once."""
FORMAT = "2"
GROWTH = 4
GIVE_UP = 8
"""A search ends when it has named one of so many entries: reading them all is about as quick as another search."""
MOST_LISTS = 32768
CODED = 10
"""So many times the wanted vectors are compared where the structure knows them coarsely."""


class VectorIndex:
    """See the module. Implements ``Index``, ``Likely`` and ``Persisted`` of heliosdb.spi.

    ``support``: the operator's function of two data, "distance", and its column form, "distances". ``effort(setting)``
    reads how much effort a search is worth. ``dimensions``: those of the column; None where the first vector says.
    ``oid``: the index's own, by which warnings name it.
    """

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        measure: Measure,
        support: Mapping[str, Callable[..., Any]],
        effort: Callable[[Callable[[str], Any]], int],
        dimensions: int | None = None,
        oid: int = 0,
    ) -> None:
        self.plan = plan
        self.backend = backend
        self.measure = measure
        self._distance, self._distances = support["distance"], support["distances"]
        self._effort = effort
        self._dimensions: dict[str, int] = {}
        """Under "all" those of every vector: whoever is first says it, however many are at once."""
        self._is_fixed = dimensions is not None
        self.trouble: str | None = None
        """Why the index is broken; see ``Likely``."""
        self._survival = Survival(f'index {oid}, by vector backend "{backend.name}"', self._let_go)
        self.known = Entries()
        self.structure: Structure | None = None
        self._held = 0
        """Vectors that the structure was given, forgotten ones included."""
        self.trained_with = 0
        """Vectors that the structure has learned from; 0 where there was nothing to learn."""
        self.recall: float | None = None
        """What codes or lists found when the index was built, with the usual effort; None where nothing was coarse."""
        self._recent = Recent()
        self._gate = Gate()
        self._changing = RLock()
        """Held by whoever changes entries; before the gate, where both are."""
        self.renewal: Thread | None = None
        """What makes the structure anew, or did so last."""
        self._curves = Curves()
        if dimensions is not None:
            self._dimensions["all"] = dimensions
            self._require_fit(dimensions)

    # -- keys --------------------------------------------------------------------------------------------------------

    def extract(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the vector; nothing for NULL, where cosine distance is not defined, and for other dimensions than the
        column has: such a row is of before a change of its type, or after it.

        DataException for other dimensions than the first vector has, in a column that takes any; InvalidParameterValue
        where these do not fit the index. To enter a vector may not fail: its transaction is committing then.
        """
        (datum,) = values
        if datum is None or not self.measure.is_indexed(datum):
            return ()
        dimensions = self.measure.dimensions(datum)
        if not self._dimensions:
            self._require_fit(dimensions)
        expected = self._dimensions.setdefault("all", dimensions)
        if dimensions == expected:
            return (datum,)
        if self._is_fixed:
            return ()
        raise DataException(
            f"expected {expected} dimensions, not {dimensions}",
            hint="All vectors of an index have as many as the first one; REINDEX forgets those that are gone.",
        )

    @property
    def dimensions(self) -> int | None:
        """How many numbers every vector has; None before there was one."""
        return self._dimensions.get("all")

    def _require_fit(self, dimensions: int) -> None:
        """Raise InvalidParameterValue for dimensions that do not fit the index."""
        with self._survival.but(InvalidParameterValue):
            self._new_structure(dimensions, 0)

    def _require(self, dimensions: int) -> None:
        """Raise InvalidParameterValue for more dimensions than the metric can be guessed of."""
        if self.plan.metric == "l1" and self.measure.is_coarse(dimensions):
            raise InvalidParameterValue(
                f"an index by taxicab distance takes sparsevec of {self.measure.width(dimensions)} dimensions at most,"
                f" not {dimensions}"
            )

    # -- changes -----------------------------------------------------------------------------------------------------

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        """Enter new vectors, and note from when on old ones are no more."""
        with self._changing, self._survival:
            if self.trouble is None:
                self._apply(changes, scn)

    def _let_go(self, trouble: str) -> None:
        with self._changing, self._gate.writing():
            # Before what it explains: a search looks here when it has found something.
            self.trouble = trouble
            self.known, self.structure, self._recent, self._held = Entries(), None, Recent(), 0

    def _apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        entries = self.known
        labels: list[int] = []
        data: list[Any] = []
        for row_id, removed, added in changes:
            for datum in removed:
                label = entries.find(row_id, digest_of(datum))
                if label is not None and entries.end[label] == NEVER:
                    entries.close(label, scn)
            for datum in added:
                digest = digest_of(datum)
                label = entries.find(row_id, digest)
                if label is not None:
                    entries.reopen(label)
                else:
                    labels.append(entries.add(row_id, digest, scn))
                    data.append(datum)
        if data:
            self._take(labels, self.measure.rows(data))

    def _take(self, labels: Sequence[int], rows: NDArray[Any]) -> None:
        """Have new vectors, by and by in the structure."""
        self._recent = self._recent.add(labels, rows)
        if len(self._recent.labels) > RECENT:
            self._settle(STEP)

    def _settle(self, step: int, progress: Callable[[int], None] | None = None) -> None:
        """Move recent vectors to the structure, where there are enough for one."""
        if self.structure is None:
            rows = self._recent.rows
            assert rows is not None
            self.structure = self._trained_structure(len(rows), rows)
            if self.structure is None:
                return
        recent = self._recent
        count = len(recent.labels)
        for start in range(0, count, step):
            part = slice(start, start + step)
            assert recent.rows is not None
            # What was forgotten before it got here stays out.
            here = self.known.row[recent.labels[part]] >= 0
            with self._gate.writing():
                self.structure.add(recent.labels[part][here], self.measure.bounded(recent.rows[part][here]))
                self._held += int(here.sum())
                self._recent = recent.rest(min(start + step, count))
            if progress is not None:
                progress(min(start + step, count))

    def train(self, rows: NDArray[Any]) -> None:
        """Make the structure from a sample, before there are vectors; InvalidParameterValue for too few."""
        self.structure = self._trained_structure(len(rows), rows)
        if self.structure is None:
            needed = self._new_structure(self.dimensions, len(rows)).needed
            raise InvalidParameterValue(f"{len(rows)} vectors are too few to train with, {needed} are needed")

    @property
    def _is_coarse(self) -> bool:
        """Whether the structure's vectors only resemble those of the rows."""
        assert self.dimensions is not None
        return self.plan.quantization != "none" or self.measure.is_coarse(self.dimensions)

    def _new_structure(self, dimensions: int | None, expected: int) -> Structure:
        assert dimensions is not None
        self._require(dimensions)
        try:
            return self.backend.structure(self.plan, self.measure.width(dimensions), expected)
        except ValueError as error:
            raise InvalidParameterValue(str(error)) from error

    def _trained_structure(self, expected: int, rows: NDArray[Any]) -> Structure | None:
        """Return an empty structure that has learned from a sample of rows; None where they are too few for that."""
        made = self._new_structure(self.dimensions, expected)
        if made.needed > len(rows):
            return None
        if made.needed:
            seen = self.measure.bounded(sample(rows, max(made.needed, self.plan.sample)))
            made.train(seen)
            self.trained_with = len(seen)
        return made

    def forget(self, entries: Iterable[tuple[Any, int]]) -> None:
        """Let vectors go that no snapshot needs."""
        with self._changing, self._survival:
            if self.trouble is None:
                self._forget(entries)

    def _forget(self, entries: Iterable[tuple[Any, int]]) -> None:
        gone = []
        for datum, row_id in entries:
            label = self.known.find(row_id, digest_of(datum))
            if label is not None:
                self.known.forget(label)
                gone.append(label)
        if self.structure is None or not gone:
            self._recent_only(gone)
            return
        recent = set(self._recent.labels.tolist())
        kept = [label for label in gone if label not in recent]
        if kept:
            with self._gate.writing():
                self.structure.remove(np.array(kept, np.int64))
        live = len(self.known)
        if self._held > RECENT and self._held - live > live:
            if live <= FEW:
                self._renew()
            elif self.renewal is None or not self.renewal.is_alive():
                # It takes seconds, and who deletes must not wait for it.
                self.renewal = Thread(target=self._renew, name="heliosdb-vector-renewal", daemon=True)
                self.renewal.start()

    def _recent_only(self, gone: Sequence[int]) -> None:
        recent = self._recent
        if gone and recent.rows is not None and len(recent.labels) > 2 * len(self.known) + STEP:
            kept = np.flatnonzero(self.known.row[recent.labels] >= 0)
            made = Recent(recent.rows[kept])
            made.labels = recent.labels[kept]
            self._recent = made

    def _renew(self) -> None:
        """Make the structure anew without what was forgotten, while changes and searches go on."""
        with self._survival:
            self._make_anew()

    def _make_anew(self) -> None:
        with self._changing:
            entries, old, labels = self.known, self.structure, self._settled_labels()
        if old is None or (old.needed and not len(labels)):
            return  # nothing is left to train another with
        made: Structure | None = None
        if len(labels):
            parts = []
            for start in range(0, len(labels), BUILD_STEP):
                part = labels[start : start + BUILD_STEP]
                with self._gate.writing():
                    here = part[entries.row[part] >= 0]
                    parts.append((here, old.rows(here)))
            labels, rows = (np.concatenate(column) for column in zip(*parts))
            made = self._trained_structure(len(labels), rows)
            if made is None:
                return
            for start in range(0, len(rows), BUILD_STEP):
                step = slice(start, start + BUILD_STEP)
                made.add(np.arange(len(rows), dtype=np.int64)[step], rows[step])
        with self._changing, self._gate.writing():
            if self.structure is old:  # not where the index was broken meanwhile
                self._exchange(old, made, labels)

    def _settled_labels(self) -> NDArray[np.int64]:
        """Return the labels of all entries whose vectors the structure has."""
        labels = self.known.live_labels()
        return labels[~np.isin(labels, self._recent.labels)]

    def _exchange(self, old: Structure, made: Structure | None, labels: NDArray[np.int64]) -> None:
        """Put a new structure, which has these labels' vectors, in the place of the old one, and number from 0.

        What was settled since it was begun is added to it, and what was forgotten taken out.
        """
        settled = self._settled_labels()
        moved = settled[~np.isin(settled, labels)]
        count = len(labels) + len(moved)
        if len(moved):
            made = made or self._new_structure(self.dimensions, count)
            made.add(np.arange(len(labels), count, dtype=np.int64), old.rows(moved))
        gone = np.flatnonzero(self.known.row[labels] < 0)
        if made is not None and len(gone):
            made.remove(gone)
        waiting = self._recent.labels
        recent = Recent(self._recent.rows)
        recent.labels = np.arange(count, count + len(waiting), dtype=np.int64)
        self.known = self.known.renumbered(np.concatenate([labels, moved, waiting]))
        self.structure, self._recent, self._held = made, recent, count

    def build(self, batches: Iterable[Sequence[tuple[int, Sequence[Any]]]], progress: Progress | None = None) -> None:
        """Enter all rows that are there; a structure that is to be trained is made when all have come."""
        done = 0
        entries = self.known
        waits = self.structure is None and (self.plan.method == "ivf" or self.plan.quantization != "none")
        waiting: list[tuple[list[int], NDArray[Any]]] = []
        for batch in batches:
            if self.trouble is not None:
                return
            labels = [entries.add(row_id, digest_of(datum), 0) for row_id, keys in batch for datum in keys]
            data = [datum for _, keys in batch for datum in keys]
            done += len(batch)
            if data and waits:
                waiting.append((labels, self.measure.rows(data)))
            elif data:
                self._recent = self._recent.add(labels, self.measure.rows(data))
                if len(entries) > RECENT:
                    with self._survival:
                        self._settle(BUILD_STEP)
            if progress is not None:
                progress(done)
        if waiting:
            labels = [label for some, _ in waiting for label in some]
            self._recent = self._recent.add(labels, np.concatenate([rows for _, rows in waiting]))
        if len(self._recent.labels) > RECENT:
            with self._survival:
                all_recent = self._recent
                self._settle(BUILD_STEP)
                if waiting and self.structure is not None:
                    self.recall = self._recall_of(all_recent)

    def _recall_of(self, given: Recent) -> float:
        """Return the recall of ten neighbours among these vectors, which the structure has."""
        effort = self._effort(USUAL_EFFORT.__getitem__)
        count = CODED * MEASURED[0] if self._is_coarse else MEASURED[0]

        def search(row: NDArray[Any]) -> NDArray[Any]:
            assert self.structure is not None
            (bounded,) = self.measure.bounded(row[np.newaxis])
            return self.structure.search(bounded, min(count, self._held), effort)[0]

        assert given.rows is not None
        return measured_of_codes(given.labels, given.rows, self.measure.distances, search, unit=self.plan.unit)

    # -- searches ----------------------------------------------------------------------------------------------------

    def candidates(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[Sequence[int]]:
        """Yield nothing: no condition is answered by this index, only an order."""
        return iter(())

    def likely(self, search: LikelySearch) -> Iterator[Named]:
        """Yield the nearest rows, then the nearest four times as many, and so on."""
        datum, setting = search.argument, search.setting
        wanted, recall = search.wanted, setting("heliosdb.vector_recall")
        if datum is None or not self.measure.is_indexed(datum) or recall >= 1.0:
            return
        known = self.known
        if self.trouble is not None:
            return
        if not len(known):
            yield Named(ALL_NAMED, ())
            return
        if self.measure.dimensions(datum) != self.dimensions:
            return  # the operator says so, where there is a row
        row = self.measure.rows([datum])[0]
        effort: int | None = None
        if recall:
            with self._survival:
                effort = self._effort_for(recall, wanted)
        else:
            effort = self._effort(setting)
        if effort is None:
            return
        visible = known.number_visible(search.scn)
        most = max(wanted, visible // GIVE_UP)
        count = wanted
        while count <= most and count < visible:
            with self._survival:
                found = self._search(row, count, effort, search.scn, visible)
            if self.trouble is not None:
                return
            yield found
            count *= GROWTH
        if visible <= max(wanted, RECENT):
            yield Named(ALL_NAMED, known.visible(known.live_labels(), search.scn).tolist())

    def _effort_for(self, recall: float, count: int) -> int | None:
        """Return the least effort that finds this part of so many nearest, as was measured; None where none does."""
        if self.structure is None:
            return 1
        if self._is_coarse:
            return None
        try:
            return self._curves.effort(count, recall, self._held, self._measured)
        except (LookupError, RuntimeError):  # made anew, or vectors taken out, meanwhile: the next search measures
            return None

    def _measured(self, count: int, recall: float) -> Curve:
        with self._changing:
            entries, labels = self.known, self._settled_labels()
        if not len(labels):
            raise LookupError("there is nothing to measure")

        def structure() -> Structure:
            if self.known is not entries or self.structure is None:
                raise LookupError("the index was made anew")
            return self.structure

        def rows(some: NDArray[Any]) -> NDArray[Any]:
            with self._gate.writing():  # some structures prepare themselves for this
                return structure().rows(some)

        def search(row: NDArray[Any], some: int, effort: int) -> NDArray[Any]:
            with self._gate:
                made: NDArray[Any] = structure().search(row, some * self._held // max(1, len(labels)), effort)[0]
                known: NDArray[Any] = made[entries.row[made] >= 0]  # others were forgotten
                return known

        least, most = (1, min(self._held, MOST_LISTS)) if self.plan.method == "ivf" else (count, self._held)
        return measured(
            labels, rows, self.measure.distances, search, count, steps(least, most), recall, unit=self.plan.unit
        )

    def _search(self, row: NDArray[Any], count: int, effort: int, scn: int, visible: int) -> Named:
        """Return rows that are likely the nearest of those that a snapshot sees."""
        with self._gate:
            entries, recent, structure = self.known, self._recent, self.structure
            named: list[int] = []
            in_order = False
            if structure is not None:
                more = max(CODED * count, 100) if self._is_coarse else count
                if visible < self._held:
                    # Some of what is found is not there for this snapshot.
                    more = more * self._held // max(1, visible) + 1
                (bounded,) = self.measure.bounded(row[np.newaxis])
                labels, ranks = structure.search(bounded, min(more, self._held), effort)
                named = entries.visible(labels, scn).tolist()
                in_order = ranks is not None and not self._is_coarse and self.measure.tells_apart(ranks, len(row))
                # Of forgotten and ended ones there may be more just here.
                count = min(count, len(named)) if more < self._held else visible
            if len(recent.labels):
                assert recent.rows is not None
                labels, near = recent.labels, count
                if self.measure.is_coarse(self.dimensions or 0):
                    near = max(CODED * count, 100)
                if len(labels) > near:
                    distances, seen = self.measure.distances(row, recent.rows), entries.seen(labels, scn)
                    if seen is not None:
                        labels, distances = labels[seen], distances[seen]
                    if len(labels) > near:
                        labels = labels[np.argpartition(distances, near)[: near + 1]]
                named += entries.visible(labels, scn).tolist()
                in_order = False
        return Named(count, named, in_order)

    def ordering_values(self, operator: str, argument: Any, column: ColumnValues) -> Sequence[Any]:
        """Return the operator's own distances."""
        if argument is None:
            return [None] * len(column)
        if not column.missing():
            found = self._distances(column, argument)
            if found is not None:
                values: list[float] = found.tolist()
                return values
        distance = self._distance
        return [None if datum is None else distance(datum, argument) for datum in column.values]

    # -- what there is -------------------------------------------------------------------------------------------------

    @property
    def number_recent(self) -> int:
        """Vectors that are not in the structure yet."""
        return len(self._recent.labels)

    @property
    def number_dead(self) -> int:
        """Vectors in the structure that no snapshot needs, or that have an end."""
        return max(0, self._held + self.number_recent - (self.known.live - self.known.ended))

    def size_bytes(self) -> int:
        """Return what entries, recent vectors and the structure take."""
        recent = 0 if self._recent.rows is None else self._recent.rows.nbytes
        return self.known.size_bytes() + recent + (0 if self.structure is None else self.structure.size_bytes())

    def check(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> list[str]:
        """Return what is missing, in words: entries of rows, and vectors of entries."""
        if self.trouble is not None:
            return [self.trouble]
        return missing(self.known, self._recent, self.structure, rows)

    # -- on a volume -------------------------------------------------------------------------------------------------

    def entries(self, first: int, past: int) -> Iterable[tuple[Any, int]]:
        """Return the entries of a range of rows."""
        return self.known.between(first, past)

    def ended(self) -> Iterable[tuple[int, Any, int]]:
        """Return the entries that have an end."""
        return self.known.closed()

    def blobs(self) -> dict[str, bytes]:
        """Return entries, recent vectors and the structure; of a broken index only why it is."""
        blobs: dict[str, bytes] = {}
        with self._survival:
            blobs = self._blobs()
        return blobs if self.trouble is None else {"trouble": self.trouble.encode()}

    def _blobs(self) -> dict[str, bytes]:
        with self._gate:
            recent = self._recent
            about = {
                "format": FORMAT,
                "backend": self.backend.name,
                "plan": repr(self.plan),
                "dimensions": self.dimensions,
                "held": self._held,
                "trained_with": self.trained_with,
                "recall": self.recall,
            }
            blobs = {"about": json.dumps(about).encode()}
            blobs.update({f"recent.{name}": blob for name, blob in recent.blobs().items()})
            blobs.update({f"entries.{name}": blob for name, blob in self.known.blobs().items()})
            if self.structure is not None:
                blobs.update({f"structure.{name}": blob for name, blob in self.structure.blobs().items()})
        return blobs

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Become what ``blobs`` returned; ValueError for what another format, backend, plan or broken index has."""
        if "trouble" in blobs:
            raise ValueError(blobs["trouble"].decode())
        try:
            about = json.loads(blobs["about"])
            if about["format"] != FORMAT or about["backend"] != self.backend.name or about["plan"] != repr(self.plan):
                raise ValueError(f"kept by another index: {about}")
            dimensions, self._held = about["dimensions"], about["held"]
            if dimensions is not None:
                self._dimensions["all"] = dimensions
            self.trained_with, self.recall = about["trained_with"], about["recall"]
            self.known.load(_part(blobs, "entries."))
            self._recent = Recent.loaded(_part(blobs, "recent."), self.measure, dimensions)
            pieces = _part(blobs, "structure.")
            if pieces:
                structure = self._new_structure(dimensions, self._held)
                structure.load(pieces)
                self.structure = structure
        except KeyError as error:
            raise ValueError(f"a part is missing: {error}") from error
        except ValueError:
            raise
        except Exception as error:  # of the backend's library
            raise ValueError(f"{type(error).__name__}: {error}") from error


def _part(blobs: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): blob for name, blob in blobs.items() if name.startswith(prefix)}
