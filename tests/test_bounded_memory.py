"""Statements over a table larger than the cache, an eighth of the size that benchmarks/bounded.py has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STATEMENTS = (
    "scan",
    "join",
    "group by",
    "order by",
    "update",
    "delete",
    "delete from indexes",
    "create index",
    "create unique index",
    "insert select",
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc for the most that was in memory")
def test_statements_take_no_more_memory_than_allowed(tmp_path: Path) -> None:
    program = Path(__file__).parent.parent / "benchmarks" / "bounded.py"
    command = [sys.executable, str(program), "--scale", "0.125", "--bound", "40", "--path", str(tmp_path / "database")]
    done = subprocess.run([*command, *STATEMENTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" MB of ") == len(STATEMENTS)
