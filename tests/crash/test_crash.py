"""Some rounds of what ``make crash`` does many of, and the proof that they would notice a missing safeguard."""

from __future__ import annotations

from pathlib import Path

import pytest

from .doubled import run_doubled, run_restore, write_archive
from .encrypted import EncryptedRound
from .erased import run_erased
from .kept import KeptRound
from .past import PastRound
from .process import Bank
from .rounds import quiet_ends, run_round
from .sabotage import SAFEGUARDS, Safeguard, rounds_until_noticed
from .threads import run_threads

# Much work and no waiting: a busy machine takes long, and that is no failure.
pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("first", range(0, 50, 5))
def test_nothing_is_lost_when_the_power_fails(first: int) -> None:
    assert sum(run_round(seed) for seed in range(first, first + 5)) > 0


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_nothing_is_lost_when_the_power_fails_while_it_is_recovered_closed_or_salvaged(first: int) -> None:
    assert sum(run_doubled(seed) for seed in range(first, first + 10)) > 10


def test_an_archive_is_restored_whole_or_not_at_all_when_the_power_fails(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "some.hda")
    assert {run_restore(seed, archive) for seed in range(40)} == {True, False}


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_what_is_erased_is_in_no_file_when_the_power_fails_and_the_rest_is_there(first: int) -> None:
    assert "answered" in {run_erased(seed) for seed in range(first, first + 10)}


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_nothing_is_lost_of_an_encrypted_database_whose_keys_change(first: int) -> None:
    assert sum(run_round(seed, kind=EncryptedRound) for seed in range(first, first + 5)) > 0


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_pins_branches_and_older_states_show_what_they_showed_when_the_power_fails(first: int) -> None:
    assert sum(run_round(seed, kind=PastRound) for seed in range(first, first + 10)) > 0


def test_indexes_of_a_plugin_miss_no_row_when_the_power_fails() -> None:
    rounds = [KeptRound(seed) for seed in range(16)]
    with quiet_ends():
        assert sum(each.run() for each in rounds) > 0
    assert sum(each.looked for each in rounds) > 100


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda safeguard: safeguard.name)
def test_without_any_single_safeguard_something_is_lost(safeguard: Safeguard) -> None:
    assert rounds_until_noticed(safeguard, 200) is not None


def test_nothing_is_lost_that_threads_committed_together() -> None:
    assert sum(run_threads(seed) for seed in range(10)) > 0


def test_nothing_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    assert Bank(tmp_path / "bank", 1).run(6) > 0
