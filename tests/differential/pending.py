"""Steps that HeliosDB does not pass yet, listed with a reason in ``pending.txt``.

A line is ``area/name:STEPS  reason`` where STEPS are numbers and ranges (``3,5-7``), ``*`` for a script that cannot be
run at all; ``area/name@door:STEPS`` are steps that differ only through that door. The tests hold the list to be exact:
a step that differs and is not listed fails, and so does a listed step that agrees.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .script import ROOT

__all__ = ["ALL", "pending_text", "read_pending", "reason_of", "steps_text"]

HEAD = """\
# Steps whose answers differ from PostgreSQL's so far: area/name:STEPS, then the reason. The tests hold this list to be
# exact. `python -m tests.differential.compare --write-pending` takes out what agrees now and puts in what differs.
"""

ALL = -1
"""Stands for every step of a script."""

_LINE = re.compile(r"(\S+?):(\S+)\s+(\S.*)$")


def read_pending() -> Mapping[str, Mapping[int, str]]:
    """Return for each script the pending steps and their reasons."""
    pending: dict[str, dict[int, str]] = {}
    path = ROOT / "pending.txt"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"pending.txt: {line!r} is not 'area/name:STEPS  reason'")
        steps = pending.setdefault(found[1], {})
        for number in _numbers(found[2]):
            steps[number] = found[3]
    return pending


def _numbers(text: str) -> list[int]:
    if text == "*":
        return [ALL]
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def steps_text(numbers: list[int]) -> str:
    """Return step numbers as they stand in the list, runs as ranges."""
    parts: list[str] = ["*"] if ALL in numbers else []
    for number in sorted(set(numbers) - {ALL}):
        if parts and int(parts[-1].split("-")[-1]) == number - 1:
            parts[-1] = f"{parts[-1].split('-')[0]}-{number}"
        else:
            parts.append(str(number))
    return ",".join(parts)


def reason_of(report: str) -> str:
    """Return a short reason from a step's difference: what PostgreSQL answers, what HeliosDB answers."""
    lines = report.partition("\n---\n")[2].splitlines()
    sides = [next((line[1:].strip() for line in lines if line.startswith(sign)), "nothing") for sign in "-+"]
    return " / ".join(side if len(side) < 90 else side[:87] + "..." for side in sides)


def pending_text(pending: Mapping[str, Mapping[int, str]]) -> str:
    """Return the list as text."""
    lines: list[str] = []
    for name in sorted(pending):
        by_reason: dict[str, list[int]] = {}
        for number, reason in sorted(pending[name].items()):
            by_reason.setdefault(reason, []).append(number)
        lines += [f"{name}:{steps_text(numbers)}  {reason}" for reason, numbers in by_reason.items()]
    return HEAD + "".join(line + "\n" for line in lines)
