"""Every script, through every door, gives PostgreSQL's answers, except for the steps that ``pending.txt`` names."""

from __future__ import annotations

import pytest

from .doors import Door, EmbeddedDoor
from .pending import ALL, read_pending
from .recording import differences, same_as_recorded
from .runner import run_script
from .script import ROOT, read_script, script_names

DOORS: list[type[EmbeddedDoor]] = [EmbeddedDoor]
PENDING = read_pending()


def recorded(name: str) -> str:
    return (ROOT / "expected" / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", script_names())
def test_recording_belongs_to_the_script(name: str) -> None:
    assert same_as_recorded(read_script(name), recorded(name)), "record the script again"


@pytest.mark.parametrize("name", script_names(ROOT / "expected", "txt"))
def test_recording_has_a_script(name: str) -> None:
    assert (ROOT / "scripts" / f"{name}.sql").exists()


def test_pending_names_scripts() -> None:
    assert set(PENDING) <= set(script_names())


@pytest.mark.parametrize("make_door", DOORS, ids=[door.name for door in DOORS])
@pytest.mark.parametrize("name", script_names())
def test_script(name: str, make_door: type[EmbeddedDoor]) -> None:
    pending = PENDING.get(name, {})
    if ALL in pending:
        pytest.skip(pending[ALL])
    script = read_script(name)
    door: Door = make_door()
    try:
        steps = run_script(script, door)
    finally:
        door.close()
    found = differences(script, recorded(name), steps)
    new = [report for number, report in found.items() if number not in pending]
    assert not new, f"{len(new)} of {len(steps)} steps differ\n\n" + "\n\n".join(new)
    agreeing = sorted(pending.keys() - found.keys())
    assert not agreeing, f"these steps agree now, take them out of pending.txt: {agreeing}"
    if found:
        pytest.xfail("; ".join(dict.fromkeys(pending.values())))
