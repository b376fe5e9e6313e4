"""Crash databases: ``python -m tests.crash [--rounds N] [--seed N] [--skip STEP]``."""

from __future__ import annotations

import argparse
import sys
import time

from .rounds import Violation, run_round


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first round's")
    parser.add_argument("--skip", action="append", default=[], help="a step that the device does not take: 'sync log'")
    parser.add_argument("--stop", action="store_true", help="stop at the first violation")
    arguments = parser.parse_args()
    start = time.monotonic()
    answered = violations = 0
    for seed in range(arguments.seed, arguments.seed + arguments.rounds):
        try:
            answered += run_round(seed, frozenset(arguments.skip))
        except Violation as violation:
            violations += 1
            print(violation, file=sys.stderr)
            if arguments.stop:
                break
    seconds = time.monotonic() - start
    print(f"{arguments.rounds} rounds, {answered} transactions answered, {violations} violations, {seconds:.0f} s")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
