"""Makes virtual environments on machines that bring only Python, pip and git.

Debian splits ``ensurepip`` off, so ``python3 -m venv`` may fail, and marks its interpreter as externally managed, so
pip refuses to install into it. Installing into a folder of our own (``--target``) is allowed to everybody: virtualenv
goes to ``.bootstrap/``, brings pip along, and makes the environment. All installing is done by pip, because pip is what
the machine's owner has configured with mirrors and certificates.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP = ROOT / ".bootstrap"
BIN = "Scripts" if os.name == "nt" else "bin"
PIP_OPTIONS = ["-qq", "--disable-pip-version-check", "--no-input"]


def run(command: list[str | os.PathLike[str]], *, quiet: bool = False, **options: object) -> None:
    """Run a command and end this program with its exit status when it fails; ``quiet`` shows its output only then."""
    if quiet:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run([os.fspath(part) for part in command], check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        print(
            done.stdout or "", f"failed with status {done.returncode}: {' '.join(map(str, command))}", file=sys.stderr
        )
        raise SystemExit(done.returncode)


def python_of(environment: Path) -> Path:
    """Return the path of an environment's interpreter."""
    return environment / BIN / ("python.exe" if os.name == "nt" else "python")


def create(environment: Path, *, interpreter: str = sys.executable) -> Path:
    """Make a fresh environment with pip in it, replacing what stands there; return its interpreter."""
    if not (BOOTSTRAP / "virtualenv").is_dir():
        shutil.rmtree(BOOTSTRAP, ignore_errors=True)
        # A target folder is never externally managed, so no flag has to override the system's protection.
        # --isolated is not used: it would also drop the owner's mirror and certificate settings.
        plain = {name: value for name, value in os.environ.items() if name not in ("PIP_USER", "PIP_PREFIX")}
        command = [interpreter, "-m", "pip", "install", *PIP_OPTIONS, "--target", BOOTSTRAP, "virtualenv>=20.26"]
        run(command, env=plain)
    shutil.rmtree(environment, ignore_errors=True)
    search_path = os.pathsep.join(filter(None, [str(BOOTSTRAP), os.environ.get("PYTHONPATH")]))
    # --no-download: the pip that virtualenv carries is recent enough, and asking for a newer one costs a round trip.
    command = [interpreter, "-m", "virtualenv", "--quiet", "--no-download", "--python", interpreter, environment]
    run(command, env=os.environ | {"PYTHONPATH": search_path})
    return python_of(environment)


def install(python: Path, *arguments: str | os.PathLike[str]) -> None:
    """Install into the environment of an interpreter, with pip's own arguments."""
    run([python, "-m", "pip", "install", *PIP_OPTIONS, *arguments])


def packages() -> list[Path]:
    """Return the folders of all packages of the repository, what is depended on first."""
    found = [path.parent for pattern in ("packages/*", "examples/*") for path in ROOT.glob(f"{pattern}/pyproject.toml")]
    return sorted(found, key=lambda path: (path.parent.name != "packages", path.name != "heliosdb-core", path.name))
