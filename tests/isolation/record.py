"""Record schedules: ``python -m tests.isolation.record [--own] [NAME ...]``.

PostgreSQL's answers go to ``answers/``; it is reached by the connection string in POSTGRESQL_REFERENCE, or started for
the occasion. With ``--own`` our answers to the cases that are marked as differing go to ``differing/``.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

import psycopg

from tests.differential.reference import reachable, started_cluster

from .play import play
from .schedule import ROOT, Case, cases_of, file_names
from .stages import OwnStage, ReferenceStage
from .transcript import written

__all__ = ["main", "played"]

DATABASE = "isolation_schedules"


def played(case: Case) -> list[str]:
    """Play a case on a database of our own."""
    stage = OwnStage(case)
    try:
        return play(case, stage)
    finally:
        stage.close()


def _recorded(case: Case, conninfo: str) -> list[str]:
    stage = ReferenceStage(conninfo, DATABASE, case)
    try:
        return play(case, stage)
    finally:
        stage.close()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="files of schedules; all when none is given")
    parser.add_argument("--own", action="store_true", help="record our own answers to what is marked as differing")
    arguments = parser.parse_args()
    names = arguments.names or file_names()
    if arguments.own:
        for name in names:
            lines = {case.title: played(case) for case in cases_of(name) if case.differs}
            path = ROOT / "differing" / f"{name}.txt"
            if lines:
                path.write_text(written(lines), encoding="utf-8")
            else:
                path.unlink(missing_ok=True)
        return 0
    found = reachable()
    with nullcontext(found) if found else started_cluster() as conninfo:
        assert conninfo is not None
        with psycopg.connect(conninfo, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
            for name in names:
                lines = {case.title: _recorded(case, conninfo) for case in cases_of(name)}
                (ROOT / "answers" / f"{name}.txt").write_text(written(lines), encoding="utf-8")
            server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
