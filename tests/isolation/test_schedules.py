"""Every schedule runs as on PostgreSQL, waits included, except for the cases that are marked as differing."""

from __future__ import annotations

import pytest

from .record import played
from .schedule import ROOT, Case, cases_of, file_names
from .transcript import outcomes, read

CASES = [(name, case) for name in file_names() for case in cases_of(name)]


def transcripts(folder: str, name: str) -> dict[str, list[str]]:
    path = ROOT / folder / f"{name}.txt"
    return read(path.read_text(encoding="utf-8")) if path.exists() else {}


ANSWERS = {name: transcripts("answers", name) for name in file_names()}
DIFFERING = {name: transcripts("differing", name) for name in file_names()}


@pytest.mark.parametrize("name", file_names())
def test_what_is_recorded_belongs_to_the_schedules(name: str) -> None:
    cases = cases_of(name)
    assert list(ANSWERS[name]) == [case.title for case in cases], "record the schedules again"
    assert list(DIFFERING[name]) == [case.title for case in cases if case.differs], "record our own answers again"
    for case in cases:
        said = [line.partition(" -> ")[0] for line in ANSWERS[name][case.title] if not line.startswith("  ")]
        assert said == [f"{step.session} {step.text}" for step in case.steps], "record the schedules again"


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case.title}" for name, case in CASES])
def test_a_schedule_runs_as_recorded(name: str, case: Case) -> None:
    theirs = ANSWERS[name][case.title]
    ours = played(case)
    if case.differs is None:
        assert ours == theirs
        return
    assert ours == DIFFERING[name][case.title]
    assert ours != theirs, "does not differ any more"
    committed, reference = outcomes(ours), outcomes(theirs)
    if case.differs == "step":
        assert committed == reference
    elif case.differs == "victim":
        assert sum(map(sum, committed.values())) == sum(map(sum, reference.values()))
    elif case.differs == "refused":
        assert all(
            mine <= other for session in reference for mine, other in zip(committed[session], reference[session])
        )
        assert committed != reference
