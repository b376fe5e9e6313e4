"""Steps that HeliosDB does not pass yet, listed with a reason in ``pending.txt``.

A line is ``area/name:STEPS  reason`` where STEPS are numbers and ranges (``3,5-7``), ``*`` for a script that cannot be
run at all. The tests hold the list to be exact: a step that differs and is not listed fails, and so does a listed step
that agrees.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .script import ROOT

__all__ = ["ALL", "read_pending", "steps_text"]

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
    parts: list[str] = []
    for number in sorted(numbers):
        if parts and int(parts[-1].split("-")[-1]) == number - 1:
            parts[-1] = f"{parts[-1].split('-')[0]}-{number}"
        else:
            parts.append(str(number))
    return ",".join(parts)
