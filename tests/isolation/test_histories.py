"""Histories of random transactions: no cycle at serializable, and cycles at the levels that allow them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .histories import Workshop, run_round, run_threads
from .history import History, Violation

A, B = (1, 0), (2, 0)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.close()


@pytest.fixture(scope="module", params=["in memory", "on disk"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Where commits are durable later than they are made, what is pending is seen by nobody."""
    made = Workshop(None if request.param == "in memory" else tmp_path_factory.mktemp("histories") / "db.helio")
    yield made
    made.close()


def test_no_history_of_serializable_transactions_has_a_cycle(workshop: Workshop) -> None:
    outcomes = [run_round(workshop, seed, "serializable") for seed in range(50)]
    assert sum(outcome.committed for outcome in outcomes) > 150
    assert sum(outcome.failed["40001"] for outcome in outcomes) > 30


def test_no_history_of_serializable_threads_has_a_cycle(place: Workshop) -> None:
    outcomes = [run_threads(place, seed, "serializable") for seed in range(8)]
    assert sum(outcome.committed for outcome in outcomes) > 80
    assert sum(outcome.failed["40001"] for outcome in outcomes) > 8


def test_repeatable_read_has_cycles_of_two_antidependencies_in_a_row(workshop: Workshop) -> None:
    outcomes = [run_round(workshop, seed, "repeatable read") for seed in range(40)]
    cycles = [outcome.cycle for outcome in outcomes if outcome.cycle]
    assert cycles
    for cycle in cycles:
        kinds = [edge.kind for edge in cycle]
        assert any(pair == ("rw", "rw") for pair in zip(kinds, [*kinds[1:], kinds[0]])), kinds
    assert any(len(cycle) == 2 for cycle in cycles), "plain write skew"


def test_threads_at_repeatable_read_see_their_snapshots(place: Workshop) -> None:
    outcomes = [run_threads(place, seed, "repeatable read") for seed in range(8)]
    assert sum(outcome.committed for outcome in outcomes) > 80


def test_read_committed_has_more_kinds_of_cycles(workshop: Workshop) -> None:
    outcomes = [run_round(workshop, seed, "read committed") for seed in range(40)]
    cycles = [outcome.cycle for outcome in outcomes if outcome.cycle]
    kinds = {frozenset(edge.kind for edge in cycle) for cycle in cycles}
    assert frozenset(("rw",)) in kinds
    assert any("wr" in kind or "ww" in kind for kind in kinds), "read skew or a lost update, which a snapshot excludes"


# -- what the checker sees and does not let pass


def test_write_skew_is_a_cycle() -> None:
    history = History({1: A, 2: B})
    first, second = history.begin(keeps_snapshot=True), history.begin(keeps_snapshot=True)
    for transaction in (first, second):
        seen = history.seen_by(transaction)
        history.read(transaction, seen, lambda key, row: True, [(1, A), (2, B)])
    history.write(first, 0, 1, A, (3, 0))
    history.write(second, 0, 2, B, (4, 0))
    history.commit(first)
    assert history.cycle() is None
    history.commit(second)
    cycle = history.cycle()
    assert cycle is not None
    assert {str(edge) for edge in cycle} == {"T0 -rw(2)-> T1", "T1 -rw(1)-> T0"}


def test_two_phantoms_are_a_cycle_and_rows_beside_the_condition_are_not() -> None:
    def histories(group: int) -> History:
        history = History({})
        pair = [history.begin(keeps_snapshot=True) for _ in range(2)]
        for transaction in pair:
            history.read(transaction, history.seen_by(transaction), lambda key, row: row[1] == 7, [])
        for key, transaction in enumerate(pair):
            history.write(transaction, 0, key, None, (10 + key, group))
        for transaction in pair:
            history.commit(transaction)
        return history

    assert histories(7).cycle() is not None
    assert histories(8).cycle() is None


def test_what_nobody_could_see_is_noticed() -> None:
    history = History({1: A})
    first, second = history.begin(keeps_snapshot=True), history.begin(keeps_snapshot=False)
    seen = history.seen_by(first)
    history.write(second, history.seen_by(second), 1, A, (5, 0))
    with pytest.raises(Violation, match="should have seen"):  # a dirty read
        history.read(first, seen, lambda key, row: True, [(1, (5, 0))])
    history.commit(second)
    with pytest.raises(Violation, match="should have seen"):  # not the snapshot
        history.read(first, seen, lambda key, row: True, [(1, (5, 0))])
    third = history.begin(keeps_snapshot=False)
    with pytest.raises(Violation, match="should have seen"):  # read committed, an old version
        history.read(third, history.seen_by(third), lambda key, row: True, [(1, A)])
    with pytest.raises(Violation, match="it is lost"):  # a lost update
        history.write(first, seen, 1, A, (6, 0))
