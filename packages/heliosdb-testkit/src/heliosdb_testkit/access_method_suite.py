"""What the store relies on in an access method, put to the test with histories of changes.

The one rule: an index never misses a row that some reader may still see. So after every step the candidates of a
search must contain all rows that match, by the operator's own function, in their newest version or in one not yet
forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb.spi import (
    AccessMethod,
    ColumnValues,
    Index,
    IndexDefinition,
    Likely,
    LikelySearch,
    Nearest,
    Persisted,
    Registries,
    resolve_implementation,
)
from heliosdb_testkit.surroundings import registries_of

__all__ = ["AccessMethodSuite"]

Values = tuple[Any, ...]


class AccessMethodSuite:
    """Subclass it and name the method, its operator class, values to index, and searches.

    ``values``: indexed values (tuples, one datum a key column; None is NULL). ``searches``: (strategy, argument,
    matches), where ``matches(values)`` says whether a row with these values is wanted. ``orderings``: (operator,
    argument), for methods with ordering operators.
    """

    plugin: ClassVar[Any] = None
    method: ClassVar[str]
    operator_class: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    values: ClassVar[tuple[Values, ...]]
    searches: ClassVar[tuple[tuple[int, Any, Callable[[Values], bool]], ...]]
    orderings: ClassVar[tuple[tuple[str, Any], ...]] = ()

    def registries(self) -> Registries:
        """Return the core's registrations and the plugin's."""
        return registries_of(self.plugin)

    def access_method(self) -> AccessMethod:
        """Return the method under test."""
        method: AccessMethod = self.registries().access_methods[self.method]
        return method

    def new_index(self) -> Index:
        """Return an empty index."""
        support = {}
        for (method, _), classes in self.registries().operator_classes.items():
            for found in classes:
                if method == self.method and found.name == self.operator_class:
                    support = {name: resolve_implementation(f) for name, f in found.functions.items()}
        width = len(self.values[0])
        definition = IndexDefinition(
            1, width, operator_classes=(self.operator_class,) * width, options=self.options, support=(support,) * width
        )
        return self.access_method().create(definition)

    def filled(self) -> tuple[Index, dict[int, Values]]:
        """Return an index over all the values, and the rows by row id."""
        index = self.new_index()
        rows = dict(enumerate(self.values, start=1))
        index.apply([(row_id, (), index.extract(values)) for row_id, values in rows.items()], 1)
        return index, rows

    def require_complete(self, index: Index, rows: dict[int, list[Values]]) -> None:
        """Check every search: all rows with a version that matches are among the candidates."""
        for strategy, argument, matches in self.searches:
            found = {row_id for batch in index.candidates(strategy, argument) for row_id in batch}
            wanted = {row_id for row_id, versions in rows.items() if any(matches(values) for values in versions)}
            assert wanted <= found, f"strategy {strategy} of {argument!r} misses rows {sorted(wanted - found)}"

    def test_it_says_what_it_can(self) -> None:
        """The method's abilities are stated and its strategies are operators that exist."""
        method, registries = self.access_method(), self.registries()
        assert method.name == self.method
        assert not (method.many_keys and method.unique), "uniqueness needs one key a row"
        for operators in method.strategies.values():
            for name in operators.values():
                assert name in registries.operators
        assert method.cost(1e6, 1e-6) < method.cost(1e6, 1.0)
        assert method.cost(10.0, 1.0) < method.cost(1e6, 1.0)

    def test_keys_depend_on_the_values_alone(self) -> None:
        """Two indexes extract the same keys, hashable, without duplicates; one key a row unless ``many_keys``."""
        first, second = self.new_index(), self.new_index()
        for values in self.values:
            keys = first.extract(values)
            assert list(keys) == list(second.extract(values))
            assert len(set(keys)) == len(keys)
            if not self.access_method().many_keys:
                assert len(keys) <= 1

    def test_an_empty_index_finds_nothing(self) -> None:
        """Nothing comes of nothing."""
        index = self.new_index()
        for strategy, argument, _ in self.searches:
            assert [row_id for batch in index.candidates(strategy, argument) for row_id in batch] == []
        assert index.check([]) == []

    def test_searches_miss_no_row(self) -> None:
        """After entering all values every search is complete."""
        index, rows = self.filled()
        self.require_complete(index, {row_id: [values] for row_id, values in rows.items()})

    def test_an_exact_method_gives_nothing_else(self) -> None:
        """Plans do not test the condition again after an exact method."""
        if not self.access_method().exact:
            pytest.skip("the method is inexact: plans recheck")
        index, rows = self.filled()
        for strategy, argument, matches in self.searches:
            for batch in index.candidates(strategy, argument):
                assert all(matches(rows[row_id]) for row_id in batch)

    def test_a_row_filter_leaves_rows_out_and_no_others(self) -> None:
        """The filter is pushed down: what it excludes never comes, what it includes still does."""
        index, rows = self.filled()
        chosen = frozenset(list(rows)[::2])
        for strategy, argument, matches in self.searches:
            found = {row_id for batch in index.candidates(strategy, argument, chosen) for row_id in batch}
            assert found <= chosen
            assert {row_id for row_id in chosen if matches(rows[row_id])} <= found

    def test_a_removed_key_stays_until_it_is_forgotten(self) -> None:
        """Readers of older snapshots still find the row by what it was."""
        index, rows = self.filled()
        changes = []
        for row_id, values in rows.items():
            changes.append((row_id, index.extract(values), ()))
        index.apply(changes, 2)
        self.require_complete(index, {row_id: [values] for row_id, values in rows.items()})
        index.forget([(key, row_id) for row_id, removed, _ in changes for key in removed])
        for strategy, argument, _ in self.searches:
            assert [row_id for batch in index.candidates(strategy, argument) for row_id in batch] == []

    def test_a_build_finds_what_single_changes_find(self) -> None:
        """The bulk build over existing rows gives the same index, and reports how far it is."""
        index, rows = self.filled()
        built = self.new_index()
        reported: list[int] = []
        items = [(row_id, index.extract(values)) for row_id, values in rows.items()]
        built.build([items[:2], items[2:]], reported.append)
        for strategy, argument, _ in self.searches:
            one, other = (
                sorted(row_id for batch in found.candidates(strategy, argument) for row_id in batch)
                for found in (index, built)
            )
            assert one == other
        assert reported[-1] == len(items)
        assert built.check(items) == []

    def test_check_notices_a_missing_row(self) -> None:
        """``check`` compares with the table's rows, in words."""
        index, rows = self.filled()
        items = [(row_id, index.extract(values)) for row_id, values in rows.items()]
        assert index.check(items) == []
        missing = next(keys for _, keys in items if keys)
        problems = index.check([*items, (999, missing)])
        assert problems
        assert all(isinstance(problem, str) for problem in problems)

    def test_size_grows_with_the_index(self) -> None:
        """Memory limits and EXPLAIN look at it."""
        index, _ = self.filled()
        assert index.size_bytes() > self.new_index().size_bytes() >= 0

    def test_any_history_of_changes_keeps_searches_complete(self) -> None:
        """Random inserts, updates, deletes and vacuums: the rule holds after each step."""

        @settings(max_examples=40, deadline=None, derandomize=True)
        @given(
            st.lists(st.tuples(st.integers(1, 6), st.integers(-1, len(self.values) - 1), st.booleans()), max_size=25)
        )
        def run(steps: list[tuple[int, int, bool]]) -> None:
            index = self.new_index()
            current: dict[int, Values] = {}
            versions: dict[int, list[Values]] = {}
            superseded: list[tuple[Any, int]] = []
            for scn, (row_id, number, vacuum) in enumerate(steps, start=1):
                new = None if number < 0 else self.values[number]
                old = current.pop(row_id, None)
                before = [] if old is None else list(index.extract(old))
                after = [] if new is None else list(index.extract(new))
                removed = [key for key in before if key not in after]
                index.apply([(row_id, removed, [key for key in after if key not in before])], scn)
                superseded += [(key, row_id) for key in removed]
                if new is not None:
                    current[row_id] = new
                    versions.setdefault(row_id, []).append(new)
                if vacuum:
                    # What a newest version has again is not forgotten, as the store does it.
                    live = {(key, r) for r, values in current.items() for key in index.extract(values)}
                    index.forget([entry for entry in superseded if entry not in live])
                    superseded.clear()
                    versions = {r: [values] for r, values in current.items()}
                self.require_complete(index, versions)

        run()

    def test_searches_run_while_rows_are_entered(self) -> None:
        """A reader in another thread misses none of the rows that were there when it began, and never fails."""
        index, rows = self.filled()
        failures: list[BaseException] = []
        done = threading.Event()

        def search() -> None:
            try:
                while not done.is_set():
                    self.require_complete(index, {row_id: [values] for row_id, values in rows.items()})
            except BaseException as error:  # noqa: BLE001 - handed to the test, which fails with it
                failures.append(error)

        reader = threading.Thread(target=search)
        reader.start()
        for row_id in range(1000, 1000 + 200):
            values = self.values[row_id % len(self.values)]
            index.apply([(row_id, (), index.extract(values))], row_id)
        done.set()
        reader.join()
        assert failures == []

    # -- optional abilities ----------------------------------------------------------------------------------------

    def nearest(self, index: Index) -> Nearest:
        """Return the index as one with ordering operators, or skip."""
        if not self.orderings:
            pytest.skip("no ordering operators are under test")
        if isinstance(index, Likely):
            pytest.skip("the method guesses")
        assert isinstance(index, Nearest)
        return index

    def test_nearest_gives_every_row_once_by_rising_lower_bounds(self) -> None:
        """``ORDER BY column <-> value LIMIT k``: values never fall, and none is above the row's exact value."""
        index, rows = self.filled()
        near = self.nearest(index)
        for operator, argument in self.orderings:
            found = list(near.nearest(operator, argument))
            assert sorted(row_id for _, row_id in found) == sorted(rows)
            assert [value for value, _ in found] == sorted(value for value, _ in found)
            for value, row_id in found:
                exact = near.ordering_value(operator, argument, rows[row_id])
                assert exact is None or value <= exact + 1e-9

    def test_nearest_respects_the_row_filter_and_is_lazy(self) -> None:
        """The first answers come without the last ones."""
        index, rows = self.filled()
        near = self.nearest(index)
        chosen = frozenset(list(rows)[::2])
        for operator, argument in self.orderings:
            found: Iterator[tuple[Any, int]] = iter(near.nearest(operator, argument, chosen))
            next(found)
            assert {row_id for _, row_id in near.nearest(operator, argument, chosen)} == chosen

    def test_likely_rows_are_rows_of_the_index_and_have_their_own_values(self) -> None:
        """What is named, exists and is named at any snapshot that sees it; rows without a value have none."""
        index, rows = self.filled()
        if not isinstance(index, Likely):
            pytest.skip("the method does not guess")
        assert getattr(self.access_method(), "likely", False), "the method does not say so"
        settings_of = self.registries().settings
        for operator, argument in self.orderings:
            for scn in (1, 2):
                search = LikelySearch(operator, argument, 3, scn, lambda name: settings_of[name].default)
                batches = list(index.likely(search))
                counts = [batch.sure for batch in batches]
                assert counts == sorted(counts)
                named = {row_id for batch in batches for row_id in batch.row_ids}
                assert named
                assert named <= set(rows)
                for batch in batches:
                    if batch.in_order:
                        column = ColumnValues([rows[row_id] for row_id in batch.row_ids], 0)
                        ranks = index.ordering_values(operator, argument, column)
                        assert all(before < after for before, after in pairwise(ranks)), "that is not their order"
            search = LikelySearch(operator, None, 3, 2, lambda name: settings_of[name].default)
            assert [row_id for batch in index.likely(search) for row_id in batch.row_ids] == []
            values = index.ordering_values(operator, argument, ColumnValues(self.values, 0))
            one_by_one = [index.ordering_values(operator, argument, ColumnValues([row], 0))[0] for row in self.values]
            assert list(values) == one_by_one
            assert all(value is None for row, value in zip(self.values, values) if row[0] is None)

    def test_the_persisted_form_answers_as_the_index_did(self) -> None:
        """``load`` undoes ``blobs``; blobs of another make are refused with ValueError."""
        index, rows = self.filled()
        if not isinstance(index, Persisted):
            pytest.skip("the method keeps no persisted form")
        blobs = index.blobs()
        assert all(isinstance(content, bytes) for content in blobs.values())
        loaded = self.new_index()
        assert isinstance(loaded, Persisted)
        loaded.load(blobs)
        items = [(row_id, index.extract(values)) for row_id, values in rows.items()]
        again: Any = loaded
        assert again.check(items) == []
        self.require_complete(again, {row_id: [values] for row_id, values in rows.items()})
        with pytest.raises(ValueError):
            self.new_persisted().load({"nonsense": b"\x00"})

    def new_persisted(self) -> Persisted:
        """Return an empty index as one that can be kept."""
        index = self.new_index()
        assert isinstance(index, Persisted)
        return index

    def test_kept_entries_can_be_told_row_by_row(self) -> None:
        """``entries`` gives what the index has of a range of rows; its keys equal those of ``extract``."""
        index, rows = self.filled()
        if not isinstance(index, Persisted):
            pytest.skip("the method keeps no persisted form")
        for row_id, values in rows.items():
            kept = list(index.entries(row_id, row_id + 1))
            assert {owner for _, owner in kept} <= {row_id}
            keys = list(index.extract(values))
            assert len(kept) == len(keys)
            assert all(any(key == other for other in keys) for key, _ in kept)
        assert len(list(index.entries(0, 10**9))) == sum(len(index.extract(values)) for values in rows.values())
        # What is told can be forgotten, and then is no more.
        index.forget(list(index.entries(0, 10**9)))
        assert list(index.entries(0, 10**9)) == []
