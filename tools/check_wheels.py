"""Proves that the wheels work without the source tree, as a user gets them.

Builds a wheel of every package, installs them into a clean environment in a temporary folder, and there, with nothing
of the tree on the path: asks the engine a query, asks the command line for its version and its plugins, and runs the
tests of the example plugins against the installed packages.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import environment
from environment import ROOT

QUERY = """
import pathlib, sys
import heliosdb

home = pathlib.Path(heliosdb.__file__)
assert not home.is_relative_to(sys.argv[1]), f"the source tree leaked: {home}"
with heliosdb.EmbeddedDatabase.new_in_memory() as db:
    rows = db.query("SELECT 1 + 1")
assert [tuple(row) for row in rows] == [(2,)], rows
print("wheels: SELECT 1 + 1 is", rows[0][0])
"""


def main() -> None:
    """Build, look into, install and use the wheels; end with a non-zero status at the first failure."""
    with tempfile.TemporaryDirectory(prefix="heliosdb-wheels-") as name:
        place = Path(name)
        folders = environment.packages()
        for folder in folders:
            # The backend comes from .venv: an isolated build would fetch it once more for each package.
            command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", place / "wheels", folder]
            environment.run(command, quiet=True)
        wheels = sorted((place / "wheels").glob("*.whl"))
        if len(wheels) != len(folders):
            raise SystemExit(f"{len(folders)} packages, but {len(wheels)} wheels")
        for wheel in wheels:
            look_into(wheel)
        python = environment.create(place / "environment")
        environment.install(python, *wheels)
        environment.run([python, "-m", "pip", "check"], quiet=True)
        use(python, place)
        try_examples(python, place)


def look_into(wheel: Path) -> None:
    """Refuse a wheel whose code lacks the marker of a typed package."""
    names = zipfile.ZipFile(wheel).namelist()
    modules = [name for name in names if name.endswith(".py")]
    if modules and not any(name.endswith("/py.typed") for name in names):
        raise SystemExit(f"{wheel.name} holds modules and no py.typed")
    print(f"wheels: {wheel.name}, {len(modules)} modules", flush=True)


def use(python: Path, place: Path) -> None:
    """Run one query and the command line outside the tree (-I: neither the current folder nor PYTHONPATH count)."""
    environment.run([python, "-I", "-c", QUERY, ROOT], cwd=place, env=clean())
    for arguments in (["--version"], ["plugins"]):
        environment.run([python.parent / "heliosdb", *arguments], cwd=place, env=clean())


def try_examples(python: Path, place: Path) -> None:
    """Run each example plugin's own tests against the installed packages, as its author would."""
    for tests in sorted(ROOT.glob("examples/*/tests")):
        copy = place / tests.parent.name / "tests"
        shutil.copytree(tests, copy, ignore=shutil.ignore_patterns("__pycache__"))
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", copy]
        environment.run(command, cwd=copy.parent, env=clean())


def clean() -> dict[str, str]:
    """Return this process's environment without what would reach back into the tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HELIOSDB", "PYTEST"))}
    return kept


if __name__ == "__main__":
    main()
