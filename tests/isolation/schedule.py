"""Schedules: which session does what, in which order. What each step brings is recorded from PostgreSQL.

A file begins with comment lines that say what it shows. ``setup`` has the statements that make the tables, one a line;
it holds for the schedules behind it. A schedule is a title, choices, and steps:

    schedule a lost update
      with level = read committed | repeatable read | serializable
      A BEGIN ISOLATION LEVEL {level}
      B BEGIN ISOLATION LEVEL {level}
      A UPDATE test SET value = 11 WHERE id = 1
      B UPDATE test SET value = 12 WHERE id = 1
      A COMMIT

Every combination of choices is a case of its own, ``{name}`` stands for what was chosen. A step may wait for another
session; then the schedule goes on, and what the statement answers at last is noted behind the step that let it go.
``B! UPDATE ...`` is a step that ends by itself however long it waits: a timeout, a deadlock.

    differs (level = serializable) step: why

says for which cases HeliosDB deliberately answers otherwise, and how far:

    step        the same transactions commit, but the error comes at another step
    victim      as many transactions commit, but another one is refused
    refused     we refuse a transaction that PostgreSQL commits
    answer      some answer is another one, which the reason explains
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["KINDS", "ROOT", "Case", "Step", "cases_of", "file_names"]

ROOT = Path(__file__).resolve().parent
KINDS = ("step", "victim", "refused", "answer")

_STEP = re.compile(r"([A-Z])(!?)\s+(.+)")
_CHOICE = re.compile(r"with (\w+) = (.+)")
_DIFFERS = re.compile(r"differs(?: \((.+?)\))? (\w+): (.+)")


@dataclass(frozen=True)
class Step:
    """One statement of one session."""

    session: str
    text: str
    ends_by_itself: bool = False


@dataclass(frozen=True)
class Case:
    """A schedule with one choice for everything that can be chosen."""

    title: str
    setup: tuple[str, ...]
    steps: tuple[Step, ...]
    differs: str | None = None
    """One of ``KINDS`` where our answers deliberately differ."""


@dataclass
class _Schedule:
    title: str
    choices: dict[str, list[str]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    differing: list[tuple[dict[str, list[str]], str]] = field(default_factory=list)

    def cases(self, setup: tuple[str, ...]) -> list[Case]:
        made = []
        for values in itertools.product(*self.choices.values()):
            chosen = dict(zip(self.choices, values, strict=True))
            shown = ", ".join(f"{name} = {value}" for name, value in chosen.items())
            kinds = [
                kind
                for conditions, kind in self.differing
                if all(chosen[name] in accepted for name, accepted in conditions.items())
            ]
            steps = tuple(Step(s.session, _filled(s.text, chosen), s.ends_by_itself) for s in self.steps)
            title = f"{self.title} ({shown})" if shown else self.title
            made.append(Case(title, tuple(_filled(text, chosen) for text in setup), steps, kinds[0] if kinds else None))
        return made


def _filled(text: str, chosen: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: chosen[found[1]], text)


def file_names() -> list[str]:
    """Return the names of all files of schedules."""
    return sorted(path.stem for path in (ROOT / "schedules").glob("*.txt"))


def cases_of(name: str) -> list[Case]:
    """Return the cases of a file, in order."""
    setup: list[str] = []
    schedule: _Schedule | None = None
    cases: list[Case] = []
    in_setup = False

    def finish() -> None:
        if schedule is not None:
            cases.extend(schedule.cases(tuple(setup)))

    lines = (ROOT / "schedules" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text == "setup":
            finish()
            schedule, setup, in_setup = None, [], True
        elif line.startswith("schedule "):
            finish()
            schedule, in_setup = _Schedule(text.removeprefix("schedule ")), False
        elif in_setup:
            setup.append(text)
        elif schedule is None:
            raise ValueError(f"{name}:{number}: outside of a schedule")
        elif choice := _CHOICE.fullmatch(text):
            schedule.choices[choice[1]] = [value.strip() for value in choice[2].split("|")]
        elif differs := _DIFFERS.fullmatch(text):
            if differs[2] not in KINDS:
                raise ValueError(f"{name}:{number}: no such difference: {differs[2]}")
            schedule.differing.append((_conditions(differs[1] or ""), differs[2]))
        elif step := _STEP.fullmatch(text):
            schedule.steps.append(Step(step[1], step[3], bool(step[2])))
        else:
            raise ValueError(f"{name}:{number}: {line}")
    finish()
    titles = [case.title for case in cases]
    if len(set(titles)) != len(titles):
        raise ValueError(f"{name}: two cases of one title")
    return cases


def _conditions(text: str) -> dict[str, list[str]]:
    conditions = {}
    for part in filter(None, text.split(",")):
        name, _, values = part.partition("=")
        conditions[name.strip()] = [value.strip() for value in values.split("|")]
    return conditions
