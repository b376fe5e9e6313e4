"""Show where HeliosDB answers otherwise than recorded: ``python -m tests.differential.compare [--all] [SCRIPT ...]``.

Prints each differing step, those of ``pending.txt`` only with ``--all``, and a summary.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from .doors import DbapiDoor, Door, EmbeddedDoor
from .objects import as_objects
from .pending import ALL, pending_text, read_pending, reason_of, steps_text
from .recording import differences
from .runner import run_script
from .script import ROOT, named, read_script, script_names

__all__ = ["compare", "main"]


PLUGINS = {"pgvector": ["vector"]}
"""What the scripts of a folder are run with, beside the core."""


def compare(name: str, make_door: Callable[[Sequence[str]], Door] = EmbeddedDoor) -> tuple[int, dict[int, str]]:
    """Run a script; return the number of its steps and the reports of those that differ."""
    script = read_script(name)
    door = make_door(PLUGINS.get(name.partition("/")[0], []))
    try:
        steps = run_script(script, door)
    finally:
        door.close()
    recorded = (ROOT / "expected" / f"{name}.txt").read_text(encoding="utf-8")
    return len(steps), differences(script, recorded, steps, as_objects if door.gives_objects else None)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.compare", description=__doc__)
    parser.add_argument("scripts", nargs="*", help="script files or names; all when none is given")
    parser.add_argument("--all", action="store_true", help="show pending steps, too")
    parser.add_argument("--write-pending", action="store_true", help="make pending.txt agree with this run")
    parser.add_argument("--dbapi", action="store_true", help="go through DB-API connections")
    arguments = parser.parse_args()
    make_door: Callable[[Sequence[str]], Door] = DbapiDoor if arguments.dbapi else EmbeddedDoor
    pending = {name: dict(steps) for name, steps in read_pending().items()}
    total: Counter[str] = Counter()
    for name in [named(argument) for argument in arguments.scripts] or script_names():
        known = pending.get(name, {})
        if ALL in known and not arguments.all:
            total["scripts left out"] += 1
            continue
        own = f"{name}@{DbapiDoor.name}" if arguments.dbapi else name
        listed = known | pending.get(own, {})
        count, found = compare(name, make_door)
        total["steps"] += count
        total["differ"] += len(found)
        total["pending"] += len(found.keys() & listed.keys())
        if found:
            print(f"##### {name}:{steps_text(list(found))}  ({len(found)} of {count})", flush=True)
        if arguments.write_pending:
            pending[own] = {
                number: listed.get(number) or reason_of(report)
                for number, report in found.items()
                if own == name or number not in known
            }
            continue
        for number, report in found.items():
            if arguments.all or number not in listed:
                print(report, end="\n\n")
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    if arguments.write_pending:
        (ROOT / "pending.txt").write_text(pending_text(pending), encoding="utf-8")
    return 1 if total["differ"] > total["pending"] else 0


if __name__ == "__main__":
    sys.exit(main())
