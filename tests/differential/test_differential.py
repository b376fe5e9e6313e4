"""Every script, through every door, gives PostgreSQL's answers, except for the steps that ``pending.txt`` names."""

from __future__ import annotations

import pytest

from .compare import compare
from .doors import DbapiDoor, EmbeddedDoor
from .objects import as_objects
from .pending import ALL, read_pending
from .recording import quote, same_as_recorded, split_row
from .script import ROOT, read_script, script_names

DOORS: list[type[EmbeddedDoor | DbapiDoor]] = [EmbeddedDoor, DbapiDoor]
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
    assert {name.partition("@")[0] for name in PENDING} <= set(script_names())


@pytest.mark.parametrize("make_door", DOORS, ids=[door.name for door in DOORS])
@pytest.mark.parametrize("name", script_names())
def test_script(name: str, make_door: type[EmbeddedDoor | DbapiDoor]) -> None:
    everywhere = PENDING.get(name, {})
    own = everywhere if make_door is EmbeddedDoor else PENDING.get(f"{name}@{make_door.name}", {})
    pending = {**everywhere, **own}
    if ALL in pending:
        pytest.skip(pending[ALL])
    count, found = compare(name, make_door)
    new = [report for number, report in found.items() if number not in pending]
    assert not new, f"{len(new)} of {count} steps differ\n\n" + "\n\n".join(new)
    agreeing = sorted(own.keys() - found.keys())
    assert not agreeing, f"these steps agree now, take them out of pending.txt: {agreeing}"
    if found:
        pytest.xfail(f"{len(found)} of {count} steps, the first: {pending[min(found)]}")


@pytest.mark.parametrize(
    "values", [[], ["a"], [None, "NULL", ""], [" a", "x | y", '"', "é\n", "()"], ["|", "a|b", "\\"]]
)
def test_a_recorded_row_reads_as_it_was_written(values: list[str | None]) -> None:
    assert split_row(" | ".join(map(quote, values)) or "()") == values


def test_a_recorded_answer_becomes_objects_or_nothing() -> None:
    lines = ["tag SELECT 1", "columns a b integer | ?column? numeric(5,2)[] | c date", " 1 | {1.50,NULL} | 2024-01-31"]
    assert as_objects(lines) == [
        "tag SELECT 1",
        "columns a b 23 | ?column? 1231 | c 1082",
        " 1 | [Decimal('1.50'), None] | datetime.date(2024, 1, 31)",
    ]
    assert as_objects(["tag SELECT 1", "columns c date", " infinity"]) is None
    assert as_objects(["tag SELECT 1", "columns c nosuchtype", " 1"]) is None
    assert as_objects(["tag INSERT 0 1", "ERROR 22012 division by zero"]) == ["ERROR 22012 division by zero"]
