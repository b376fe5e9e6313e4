"""Run SQLAlchemy's compliance suite and say what passed: ``python -m tests.clients.compliance [--referee URL]``.

It runs twice, and with a referee a third time, with the same requirements each time:

    in the process      heliosdb:////tmp/.../suite.db
    over the server     postgresql+psycopg:// to a server of this process
    the referee         a PostgreSQL, with schemas test_schema and test_schema_2 in the database of the URL

What the referee passes and one of the others does not is printed, and is a failure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from attrs import frozen

from heliosdb import EmbeddedDatabase
from heliosdb_server import start_server

__all__ = ["Outcome", "run"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
SCHEMAS = ("test_schema", "test_schema_2")


@frozen
class Outcome:
    """What came of one run: tests by their names."""

    passed: frozenset[str]
    failed: frozenset[str]
    skipped: frozenset[str]
    output: str

    def __str__(self) -> str:
        return f"{len(self.passed)} of {len(self.passed | self.failed)} passed, {len(self.skipped)} skipped"


def run(url: str, *arguments: str) -> Outcome:
    """Run the suite in a process of its own: it takes pytest over. ``arguments`` are pytest's, such as ``-k``."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(HERE / "suite.ini"), "--rootdir", str(HERE)]
        command += ["-p", "tests.clients.compliance.plugin", "-p", "no:cacheprovider", f"--junit-xml={report}"]
        command += ["--dburi", url, str(HERE / "suite.py"), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
        if not report.exists():
            raise RuntimeError(f"the suite did not run at all:\n{done.stdout}\n{done.stderr}")
        found: dict[str, set[str]] = {"passed": set(), "failed": set(), "skipped": set()}
        for case in ElementTree.parse(report).iter("testcase"):
            # A class's name ends with the database's.
            name = f"{case.get('classname', '').rpartition('.')[2].partition('_')[0]}::{case.get('name')}"
            kinds = {child.tag for child in case}
            outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
            found[outcome].add(name)
    return Outcome(
        frozenset(found["passed"] - found["failed"]),
        frozenset(found["failed"]),
        frozenset(found["skipped"]),
        done.stdout,
    )


def in_the_process(*arguments: str) -> Outcome:
    """Run it on a new database through the dialect ``heliosdb``."""
    with tempfile.TemporaryDirectory() as folder:
        return run(f"heliosdb:///{folder}/suite.db", *arguments)


def over_the_server(*arguments: str) -> Outcome:
    """Run it on a server through psycopg."""
    with EmbeddedDatabase.new_in_memory() as database, start_server(database, port=0) as server:
        for name in SCHEMAS:
            database.execute(f"CREATE SCHEMA {name}")
        return run(f"postgresql+psycopg://helios@127.0.0.1:{server.port}/suite", *arguments)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--referee", metavar="URL", help="postgresql+psycopg://... of a real PostgreSQL")
    parser.add_argument("-k", metavar="WORDS", default="", help="only tests of these names, as pytest has it")
    given = parser.parse_args()
    words = ("-k", given.k) if given.k else ()
    outcomes = {"in the process": in_the_process(*words), "over the server": over_the_server(*words)}
    expected = None
    if given.referee:
        outcomes["the referee"] = run(given.referee, *words)
        expected = outcomes["the referee"].passed
    failed = False
    for name, outcome in outcomes.items():
        print(f"{name:16} {outcome}")
        wrong = outcome.failed | (frozenset() if expected is None else expected - outcome.passed)
        failed |= bool(wrong)
        for test in sorted(wrong):
            print(f"  {test}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
