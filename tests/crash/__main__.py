"""Crash databases: ``python -m tests.crash [--rounds N] [--kills N] [--seed N] [--skip STEP] [--prove]``.

Rounds are on a simulated device, kills are of real processes; ``--prove`` leaves out one safeguard after the other.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .doubled import run_doubled, run_restore, write_archive
from .encrypted import EncryptedRound
from .erased import run_erased
from .kept import KeptRound
from .past import PastRound
from .process import Bank
from .rounds import Round, Violation, run_round
from .sabotage import SAFEGUARDS, rounds_until_noticed
from .threads import run_threads


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="the first round's")
    parser.add_argument("--skip", action="append", default=[], help="a step that the device does not take: 'sync log'")
    parser.add_argument("--encrypted", action="store_true", help="rounds of an encrypted database whose keys change")
    parser.add_argument("--stop", action="store_true", help="stop at the first violation")
    parser.add_argument("--prove", action="store_true", help="leave out one safeguard after the other instead")
    arguments = parser.parse_args()
    if arguments.prove:
        return _prove(arguments.rounds, arguments.seed)
    if arguments.encrypted:
        return _crash(arguments, EncryptedRound)
    return (
        _crash(arguments, Round)
        or _crash(arguments, PastRound, arguments.rounds // 5)
        or _crash(arguments, KeptRound, arguments.rounds // 5)
        or _crash_doubled(arguments.rounds // 5, arguments.seed)
        or _crash_erased(arguments.rounds // 5, arguments.seed)
        or _crash_threads(arguments.rounds // 5, arguments.seed)
        or _kill(arguments.kills, arguments.seed)
    )


def _crash_doubled(rounds: int, seed: int) -> int:
    faults = sum(run_doubled(number) for number in range(seed, seed + rounds))
    print(f"{rounds} rounds of faults behind faults, {faults} of them")
    with tempfile.TemporaryDirectory() as folder:
        archive = write_archive(Path(folder, "some.hda"))
        restored = sum(run_restore(number, archive) for number in range(seed, seed + rounds))
    print(f"{rounds} archives restored while the power failed: {restored} whole, the others not at all")
    return 0


def _crash_erased(rounds: int, seed: int) -> int:
    ends = Counter(run_erased(number) for number in range(seed, seed + rounds))
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    print(f"{rounds} times rows erased while the power failed: {told}; no trace of them, or all of them")
    return 0


def _crash_threads(rounds: int, seed: int) -> int:
    transfers = sum(run_threads(number) for number in range(seed, seed + rounds))
    print(f"{rounds} rounds of threads, {transfers} transfers, none lost")
    return 0


def _kill(kills: int, seed: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        transfers = Bank(Path(folder, "bank"), seed).run(kills)
    print(f"{kills} processes killed, {transfers} transfers, none lost")
    return 0


def _prove(rounds: int, seed: int) -> int:
    unnoticed = 0
    for safeguard in SAFEGUARDS:
        found = rounds_until_noticed(safeguard, rounds, seed)
        unnoticed += found is None
        print(
            f"without {safeguard.name:22} {'nothing was noticed' if found is None else f'round {found} fails'}",
            flush=True,
        )
    return 1 if unnoticed else 0


def _crash(arguments: argparse.Namespace, kind: type[Round], rounds: int | None = None) -> int:
    start = time.monotonic()
    answered = violations = 0
    rounds = arguments.rounds if rounds is None else rounds
    for seed in range(arguments.seed, arguments.seed + rounds):
        try:
            answered += run_round(seed, frozenset(arguments.skip), kind=kind)
        except Violation as violation:
            violations += 1
            print(violation, file=sys.stderr)
            if arguments.stop:
                break
    seconds = time.monotonic() - start
    print(
        f"{kind.__name__}: {rounds} rounds, {answered} transactions answered, {violations} violations, {seconds:.0f} s"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
