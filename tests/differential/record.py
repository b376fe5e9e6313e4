"""Record what PostgreSQL answers to the scripts: ``python -m tests.differential.record [--check] [SCRIPT ...]``.

Without a connection string (``--server`` or the environment variable POSTGRESQL_REFERENCE) a throw-away cluster is
started. ``--check`` writes nothing and says which recordings would change. Scripts of the folder ``pgvector`` are left
out where the server has no extension ``vector``.
"""

from __future__ import annotations

import argparse
import os
import sys

from .recording import render
from .reference import REFERENCE_VARIABLE, ReferenceDoor, started_cluster
from .runner import run_script
from .script import ROOT, named, read_script, script_names

__all__ = ["main", "record"]


EXTENSIONS = {"pgvector": "vector"}
"""What the scripts of a folder need."""


def record(name: str, conninfo: str) -> str | None:
    """Run a script on the reference server and return the recording, None where the server has not what it needs."""
    script = read_script(name)
    door = ReferenceDoor(conninfo)
    try:
        needed = EXTENSIONS.get(name.partition("/")[0])
        if needed is not None and not door.has(needed):
            return None
        steps = run_script(script, door, is_reference=True)
        return render([script.narration, *door.header()], steps)
    finally:
        door.close()


def _record_all(names: list[str], conninfo: str, check: bool) -> int:
    changed = 0
    for name in names:
        text = record(name, conninfo)
        if text is None:
            print(f"left out: {name}")
            continue
        path = ROOT / "expected" / f"{name}.txt"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if text != before:
            changed += 1
            print(f"{'differs' if check else 'recorded'}: {name}")
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return changed


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", help="script files or names; all when none is given")
    parser.add_argument("--server", default=os.environ.get(REFERENCE_VARIABLE), help="connection string")
    parser.add_argument("--check", action="store_true", help="write nothing, say what would change")
    arguments = parser.parse_args()
    names = [named(argument) for argument in arguments.scripts] or script_names()
    if arguments.server:
        changed = _record_all(names, arguments.server, arguments.check)
    else:
        with started_cluster() as conninfo:
            changed = _record_all(names, conninfo, arguments.check)
    print(f"{len(names)} scripts, {changed} {'differ' if arguments.check else 'written'}")
    return 1 if arguments.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
