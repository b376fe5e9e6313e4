"""The Python code on the front pages runs as printed and shows what a reader would expect."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("page", "output"),
    [
        ("README.md", "PT 778596\nNO 709037\n"),
        ("packages/heliosdb-core/README.md", "Lisbon 545796\n"),
    ],
)
def test_the_python_example_of_a_page_runs_as_printed(page: str, output: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (output, "")
