"""Show where HeliosDB answers otherwise than recorded: ``python -m tests.differential.compare [--all] [SCRIPT ...]``.

Prints each differing step, those of ``pending.txt`` only with ``--all``, and a summary.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .doors import EmbeddedDoor
from .pending import ALL, pending_text, read_pending, reason_of, steps_text
from .recording import differences
from .runner import run_script
from .script import ROOT, named, read_script, script_names

__all__ = ["compare", "main"]


def compare(name: str) -> tuple[int, dict[int, str]]:
    """Run a script; return the number of its steps and the reports of those that differ."""
    script = read_script(name)
    door = EmbeddedDoor()
    try:
        steps = run_script(script, door)
    finally:
        door.close()
    recorded = (ROOT / "expected" / f"{name}.txt").read_text(encoding="utf-8")
    return len(steps), differences(script, recorded, steps)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.compare", description=__doc__)
    parser.add_argument("scripts", nargs="*", help="script files or names; all when none is given")
    parser.add_argument("--all", action="store_true", help="show pending steps, too")
    parser.add_argument("--write-pending", action="store_true", help="make pending.txt agree with this run")
    arguments = parser.parse_args()
    pending = {name: dict(steps) for name, steps in read_pending().items()}
    total: Counter[str] = Counter()
    for name in [named(argument) for argument in arguments.scripts] or script_names():
        known = pending.get(name, {})
        if ALL in known and not arguments.all:
            total["scripts left out"] += 1
            continue
        count, found = compare(name)
        total["steps"] += count
        total["differ"] += len(found)
        total["pending"] += len(found.keys() & known.keys())
        if found:
            print(f"##### {name}:{steps_text(list(found))}  ({len(found)} of {count})", flush=True)
        if arguments.write_pending:
            pending[name] = {number: known.get(number) or reason_of(report) for number, report in found.items()}
            continue
        for number, report in found.items():
            if arguments.all or number not in known:
                print(report, end="\n\n")
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    if arguments.write_pending:
        (ROOT / "pending.txt").write_text(pending_text(pending), encoding="utf-8")
    return 1 if total["differ"] > total["pending"] else 0


if __name__ == "__main__":
    sys.exit(main())
