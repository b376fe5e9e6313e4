"""What a process pays before it does anything: which modules stand loaded after the first steps.

Times vary with the machine, modules do not: each step may load only what it needs, with every plugin that is
installed in place. The interpreter runs isolated (-I), as a fresh process of a user would.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

REPORT = """
import sys
before = set(sys.modules)
{step}
print(" ".join(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""

FOR_LATER = {"asyncio", "cryptography", "duckdb", "numpy", "pandas", "polars", "pyarrow", "sqlglot"}
FOR_THE_TERMINAL = {"click", "prompt_toolkit", "pygments", "rich"}


def loaded_by(step: str) -> set[str]:
    """Return the top-level packages that a step loads in a fresh interpreter."""
    command = [sys.executable, "-I", "-c", REPORT.format(step=step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_loads_nothing_but_the_package() -> None:
    assert loaded_by("import heliosdb") == {"__future__", "heliosdb"}


def test_an_error_class_loads_no_third_party_package() -> None:
    assert loaded_by("import heliosdb; heliosdb.IntegrityError") <= sys.stdlib_module_names | {"heliosdb"}


@pytest.mark.parametrize(
    "step",
    [
        "import heliosdb; heliosdb.connect(':memory:')",
        "import heliosdb; heliosdb.EmbeddedDatabase.new_in_memory()",
        "import heliosdb; heliosdb.EmbeddedDatabase.new_in_memory().query('SELECT 1 + 1')",
    ],
)
def test_the_first_query_needs_no_heavy_package_and_no_terminal(step: str) -> None:
    loaded = loaded_by(step)
    assert loaded & (FOR_LATER | FOR_THE_TERMINAL | {"stevedore", "zstandard"}) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    import heliosdb

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = heliosdb.nonsense
    assert {"EmbeddedDatabase", "connect", "Error", "__version__"} <= set(dir(heliosdb))
