"""Search for differences: ``python -m tests.fuzz [--histories] [--minutes N] [--seed N] [--server CONNINFO]``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from tests.differential.doors import EmbeddedDoor
from tests.differential.reference import REFERENCE_VARIABLE, ReferenceDoor, started_cluster

from .campaign import Campaign, Finding
from .histories import find_divergence, smallest
from .values import FAMILIES
from .values import differing as differences

BATCH = 200
"""Calls of one family in a row."""


def _report(finding: Finding, number: int, folder: Path | None) -> None:
    print(f"{number}. {finding.cause[0]} {finding.cause[1]}")
    print(finding.script())
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seed{finding.seed}_{number}.sql").write_text(finding.script(), encoding="utf-8")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, help="the first world's seed; by default the time")
    parser.add_argument("--server", default=os.environ.get(REFERENCE_VARIABLE), help="connection string")
    parser.add_argument("--save", type=Path, help="write each finding to a script in this folder")
    parser.add_argument("--histories", action="store_true", help="histories of several sessions, not statements")
    parser.add_argument("--values", action="store_true", help="calls of single functions, not statements")
    parser.add_argument("--repeat", action="store_true", help="report findings that look like an earlier one, too")
    parser.add_argument("--slow", action="store_true", help="show statements that took much longer here")
    arguments = parser.parse_args()
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    until = time.monotonic() + arguments.minutes * 60
    with nullcontext(arguments.server) if arguments.server else started_cluster() as conninfo:
        if arguments.histories:
            return _histories(conninfo, seed, until)
        if arguments.values:
            return _values(conninfo, seed, until)
        return _statements(conninfo, seed, until, arguments.save, arguments.repeat, arguments.slow)


def _histories(conninfo: str, seed: int, until: float) -> int:
    reference = ReferenceDoor(conninfo, f"fuzz_{os.getpid()}")
    count = differing = 0
    try:
        while time.monotonic() < until:
            found = find_divergence(seed + count, reference, EmbeddedDoor)
            count += 1
            if found is not None:
                differing += 1
                print(smallest(found, reference, EmbeddedDoor).script(), flush=True)
    finally:
        reference.close()
    print(f"seed {seed}: {count} histories, {differing} differ")
    return 1 if differing else 0


def _values(conninfo: str, seed: int, until: float) -> int:
    door, tested = ReferenceDoor(conninfo, f"fuzz_{os.getpid()}"), EmbeddedDoor()
    differing = 0
    count = 0
    try:
        sides = door.open(), tested.open()
        while time.monotonic() < until:
            for family in FAMILIES:
                for report in differences(*sides, family, seed + count, BATCH):
                    differing += 1
                    print(f"-- {family}, seed {seed + count}\n{report}", flush=True)
            count += 1
    finally:
        tested.close()
        door.close()
    print(f"seed {seed}: {count * BATCH * len(FAMILIES)} calls, {differing} differ")
    return 1 if differing else 0


def _statements(conninfo: str, seed: int, until: float, folder: Path | None, repeat: bool, slow: bool) -> int:
    causes: dict[tuple[str, str], int] = {}
    door, tested = ReferenceDoor(conninfo, f"fuzz_{os.getpid()}"), EmbeddedDoor()
    try:
        sides = (door.open(), tested.open())
        for side in sides:
            side.send("SET statement_timeout = '3s'")
        campaign = Campaign(*sides)
        for finding in campaign.run(seed, until=until):
            causes[finding.cause] = causes.get(finding.cause, 0) + 1
            if repeat or causes[finding.cause] <= 4:
                _report(finding, sum(causes.values()), folder)
    finally:
        tested.close()
        door.close()
    print(
        f"seed {seed}: {campaign.asked} statements, {sum(causes.values())} differ, {len(causes)} kinds, "
        f"{campaign.soft} not comparable, {len(campaign.slow)} slow"
    )
    for there, here, world, text in campaign.slow if slow else []:
        print(f"-- {there:.3f} s / {here:.3f} s", *world.statements(), text, sep=";\n")
    for (kind, message), count in sorted(causes.items(), key=lambda item: -item[1]):
        print(f"{count:6} {kind} {message}")
    return 1 if causes else 0


if __name__ == "__main__":
    sys.exit(main())
