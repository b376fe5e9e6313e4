"""An access method with many keys a row and an ordering operator, kept through the contract alone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from heliosdb.errors import FeatureNotSupported, UndefinedObject
from heliosdb.store import Index, IndexChange, IndexDefinition, IndexSpec
from heliosdb.transaction import Transaction, TransactionalStore

TABLE, WORDS = 100, 104
ANY_WORD = 1


class WordIndex:
    """A multimap from word to row ids: the least an index can be. Distance is the difference in length to a number."""

    def __init__(self) -> None:
        self.words: dict[str, dict[int, None]] = {}
        self.applied: list[int] = []

    def extract(self, values: Sequence[Any]) -> Sequence[Any]:
        return sorted(set((values[0] or "").split()))

    def apply(self, changes: Sequence[IndexChange], scn: int) -> None:
        self.applied.append(scn)
        for row_id, _, added in changes:
            for word in added:
                self.words.setdefault(word, {})[row_id] = None

    def forget(self, entries: Iterable[tuple[Any, int]]) -> None:
        for word, row_id in entries:
            self.words.get(word, {}).pop(row_id, None)

    def build(
        self,
        batches: Iterable[Sequence[tuple[int, Sequence[Any]]]],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        for batch in batches:
            self.apply([(row_id, (), keys) for row_id, keys in batch], 0)

    def candidates(
        self, strategy: int, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[Sequence[int]]:
        assert strategy == ANY_WORD
        for word in argument.split():
            found = tuple(self.words.get(word, ()))
            yield [row_id for row_id in found if row_filter is None or row_id in row_filter]

    def nearest(
        self, operator: str, argument: Any, row_filter: Container[int] | None = None
    ) -> Iterator[tuple[Any, int]]:
        found = [(abs(len(word) - argument), row_id) for word, rows in self.words.items() for row_id in tuple(rows)]
        yield from sorted(found)

    def ordering_value(self, operator: str, argument: Any, values: Sequence[Any]) -> Any:
        return min((abs(len(word) - argument) for word in self.extract(values)), default=None)

    def size_bytes(self) -> int:
        return 0

    def check(self, rows: Iterable[tuple[int, Sequence[Any]]]) -> list[str]:
        return [f"{row_id} misses {key}" for row_id, keys in rows for key in keys if row_id not in self.words[key]]


class WordMethod:
    """Its access method."""

    name = "words"
    exact = False
    unique = False
    ordered = False
    many_keys = True
    strategies: Mapping[str, Mapping[int, str]] = {"text": {ANY_WORD: "@@"}}
    options: Mapping[str, Callable[[str], Any]] = {}

    def create(self, definition: IndexDefinition) -> Index:
        assert definition.columns == 1
        return WordIndex()

    def cost(self, rows: float, selectivity: float) -> float:
        return 1.0


SPEC = IndexSpec(WORDS, TABLE, lambda row: row[1], method="words", values=lambda row: (row[1],))


@pytest.fixture
def store() -> TransactionalStore:
    made = TransactionalStore(methods=[WordMethod()])
    fill = made.begin()
    fill.insert(TABLE, (1, "red apple"))
    fill.insert(TABLE, (2, "green apple"))
    fill.insert(TABLE, (3, None))
    fill.commit()
    made.define_index(None, TABLE, SPEC)
    return made


def found(transaction: Transaction, words: str, row_filter: Container[int] | None = None) -> list[Any]:
    """Search as a plan does: the method is inexact, so the condition is evaluated again on the visible row."""
    transaction.begin_statement()
    view = transaction.view(TABLE).index(WORDS)
    rows = [row for batch in view.search(ANY_WORD, words, row_filter) for _, row in batch]
    assert len(rows) == len(set(rows))
    return sorted(row for row in rows if row[1] and set(row[1].split()) & set(words.split()))


def change(transaction: Transaction, row_id: int, row: tuple[Any, ...] | None) -> None:
    transaction.begin_statement()
    old = transaction.view(TABLE).fetch(row_id)
    assert old is not None
    if row is None:
        transaction.delete(TABLE, row_id, old)
    else:
        transaction.update(TABLE, row_id, old, row)


def test_rows_are_found_by_each_of_their_keys_once(store: TransactionalStore) -> None:
    reader = store.begin()
    assert found(reader, "apple") == [(1, "red apple"), (2, "green apple")]
    assert found(reader, "red apple green") == [(1, "red apple"), (2, "green apple")]
    assert found(reader, "apple", {1}) == [(2, "green apple")]
    assert found(reader, "pear") == []


def test_old_snapshots_find_old_keys_until_they_end(store: TransactionalStore) -> None:
    before = store.begin()
    change(writer := store.begin(), 0, (1, "red pear"))
    change(writer, 1, None)
    writer.commit()
    assert found(before, "apple") == [(1, "red apple"), (2, "green apple")]
    after = store.begin()
    assert found(after, "pear") == [(1, "red pear")]
    assert found(after, "apple") == []
    after.rollback()
    before.rollback()
    change(again := store.begin(), 0, (1, "blue plum"))
    again.commit()
    change(again := store.begin(), 0, (1, "blue kiwi"))
    again.commit()
    method = store.index(None, TABLE, WORDS).method
    assert isinstance(method, WordIndex)
    store.vacuum()
    assert {word for word, rows in method.words.items() if rows} == {"blue", "kiwi"}


def test_a_key_that_came_back_is_not_forgotten(store: TransactionalStore) -> None:
    reader = store.begin()
    change(writer := store.begin(), 0, (1, "pear"))
    writer.commit()
    change(writer := store.begin(), 0, (1, "red apple"))
    writer.commit()
    reader.rollback()
    store.vacuum()
    assert found(store.begin(), "red") == [(1, "red apple")]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 1), st.sampled_from(["a", "b", "a b", "", None])),
            st.tuples(st.just("read"), st.just(0), st.none()),
            st.tuples(st.just("end"), st.integers(0, 5), st.none()),
            st.tuples(st.just("vacuum"), st.just(0), st.none()),
        ),
        min_size=6,
        max_size=40,
    )
)
@example(
    [("read", 0, None), ("write", 0, "b"), ("write", 0, "a"), ("read", 0, None), ("write", 0, "b"), ("end", 0, None),
     ("write", 1, "b")]
)  # fmt: skip
def test_every_reader_finds_what_it_sees_however_often_keys_come_and_go(steps: list[tuple[str, int, Any]]) -> None:
    store = TransactionalStore(methods=[WordMethod()])
    fill = store.begin()
    for number in range(2):
        fill.insert(TABLE, (number, "a"))
    fill.commit()
    store.define_index(None, TABLE, SPEC)
    readers: list[Transaction] = []
    for step, number, text in steps:
        if step == "write":
            change(writer := store.begin(), number, (number, text))
            writer.commit()
        elif step == "read":
            readers.append(store.begin())
        elif step == "vacuum":
            store.vacuum()
        elif number < len(readers):
            readers.pop(number).rollback()
        newest = store.begin()
        for reader in (*readers, newest):
            reader.begin_statement()
            rows = [row for block in reader.view(TABLE).row_blocks() for row in block]
            for word in ("a", "b"):
                assert found(reader, word) == sorted(row for row in rows if row[1] and word in row[1].split())
        newest.rollback()


def test_own_writes_are_candidates(store: TransactionalStore) -> None:
    writer = store.begin()
    writer.begin_statement()
    writer.insert(TABLE, (4, "own apple"))
    change(writer, 0, None)
    assert found(writer, "apple") == [(2, "green apple"), (4, "own apple")]
    assert found(store.begin(), "apple") == [(1, "red apple"), (2, "green apple")]


def test_a_branch_reads_its_parents_index_at_the_fork(store: TransactionalStore) -> None:
    store.create_timeline("branch")
    change(on_main := store.begin(), 0, (1, "red melon"))
    on_main.commit()
    change(on_branch := store.begin(timeline="branch"), 1, (2, "green melon"))
    on_branch.commit()
    branch = store.begin(timeline="branch")
    assert found(branch, "melon") == [(2, "green melon")]
    assert found(branch, "apple") == [(1, "red apple")]
    assert found(store.begin(), "melon") == [(1, "red melon")]
    assert found(store.begin(), "apple") == [(2, "green apple")]


def nearest(transaction: Transaction, length: int) -> list[tuple[Any, Any]]:
    transaction.begin_statement()
    return [(value, row) for value, _, row in transaction.view(TABLE).index(WORDS).nearest("<->", length)]


NULL = (None, (3, None))


def test_nearest_orders_by_the_visible_version_with_own_and_inherited_rows(store: TransactionalStore) -> None:
    before = store.begin()
    change(writer := store.begin(), 1, (2, "watermelon"))
    writer.commit()
    assert nearest(before, 3) == [(0, (1, "red apple")), (2, (2, "green apple")), NULL]
    assert nearest(store.begin(), 3) == [(0, (1, "red apple")), (7, (2, "watermelon")), NULL]
    own = store.begin()
    own.begin_statement()
    own.insert(TABLE, (9, "four"))
    assert nearest(own, 3) == [(0, (1, "red apple")), (1, (9, "four")), (7, (2, "watermelon")), NULL]
    store.create_timeline("branch")
    change(on_branch := store.begin(timeline="branch"), 0, (1, "apple"))
    on_branch.commit()
    assert nearest(store.begin(timeline="branch"), 3) == [(2, (1, "apple")), (7, (2, "watermelon")), NULL]


def test_what_a_method_cannot_do_is_refused(store: TransactionalStore) -> None:
    reader = store.begin()
    reader.begin_statement()
    view = reader.view(TABLE)
    with pytest.raises(FeatureNotSupported):
        list(view.index(WORDS).range_blocks())
    with pytest.raises(UndefinedObject):
        view.index(999)
    with pytest.raises(UndefinedObject, match='access method "bitmap" does not exist'):
        store.define_index(None, TABLE, IndexSpec(5, TABLE, lambda row: row[0], method="bitmap"))
    store.define_index(None, TABLE, IndexSpec(6, TABLE, lambda row: row[0]))
    with pytest.raises(FeatureNotSupported):
        list(store.begin().view(TABLE).index(6).nearest("<->", 1))
