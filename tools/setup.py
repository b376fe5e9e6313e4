"""``make setup``: brings .venv/ up to date with every pyproject.toml of the repository, or does nothing.

The environment's stamp holds a digest of all that it was made from. Equal digests end the run after a few milliseconds;
otherwise pip is asked again, and where the interpreter or the place of the tree changed the environment is made anew.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from pathlib import Path

import environment
from environment import ROOT

VENV = ROOT / ".venv"
STAMP = VENV / ".heliosdb-stamp"
LOCK = ROOT / ".bootstrap.lock"


def main() -> None:
    """Set up the environment, one process at a time."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs on whatever python3 is
        raise SystemExit(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; try: make PYTHON=python3.11"
        )
    import tomllib  # not at the top, where an older Python would fail before it can be told why

    with LOCK.open("w") as handle:
        lock(handle.fileno())
        maker = f"{sys.version} {sys.base_prefix} {VENV}"
        digest = f"{maker}\n{digest_of_sources()}\n"
        made = STAMP.read_text().splitlines() if STAMP.exists() else []
        if "\n".join(made) + "\n" == digest:
            return
        started = time.perf_counter()
        STAMP.unlink(missing_ok=True)
        python = environment.python_of(VENV)
        if not python.exists() or not made or made[:-1] != maker.splitlines():
            print("setup: making .venv", flush=True)
            python = environment.create(VENV)
        tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
        print(f"setup: installing {len(tools)} tools and their dependencies", flush=True)
        environment.install(python, *tools)
        folders = environment.packages()
        print("setup: installing", ", ".join(folder.name for folder in folders), flush=True)
        # The build backend is among the tools, so building needs no environment of its own per package.
        editable = [argument for folder in folders for argument in ("--editable", folder)]
        environment.install(python, "--no-build-isolation", *editable)
        install_hnswlib(python)
        STAMP.write_text(digest)
        print(f"setup: done in {time.perf_counter() - started:.0f} s", flush=True)


def install_hnswlib(python: Path) -> None:
    """Install the backend of vector indexes that has no wheels, where it can be built; all works without it."""
    if not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))):
        print("setup: there is no C++ compiler, so vector indexes are tested without hnswlib", flush=True)
        return
    try:
        environment.install(python, "hnswlib>=0.8")
    except SystemExit:
        print("setup: hnswlib could not be built, so vector indexes are tested without it", flush=True)


def digest_of_sources() -> str:
    """Return a digest over the files that decide what is installed."""
    files = [ROOT / "pyproject.toml", *(folder / "pyproject.toml" for folder in environment.packages())]
    files += [Path(__file__), Path(environment.__file__)]
    content = hashlib.sha256()
    for path in files:
        content.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return content.hexdigest()


def lock(descriptor: int) -> None:
    """Wait until no other setup runs in this tree (where the platform can; on others two setups may collide)."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


if __name__ == "__main__":
    main()
