"""``heliosdb start`` as a process of its own, for tests that stop or kill it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

HELIOSDB = str(Path(sys.executable).parent / "heliosdb")
SECONDS = 60


def environment() -> dict[str, str]:
    """Return an environment in which nothing is said about a database."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("HELIOSDB_", "PG"))}


def run(*arguments: str, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line to its end."""
    return subprocess.run(
        [HELIOSDB, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment() | (variables or {}),
        check=False,
    )


def status(*arguments: str) -> Any:
    """Return what ``heliosdb status`` says, as an object."""
    return json.loads(run("status", *arguments, "--json").stdout)


class ServerProcess:
    """A server that listens once the block begins; killed at its end where it still runs."""

    def __init__(
        self, *arguments: str, command: str = "start", password: str = "", variables: dict[str, str] | None = None
    ) -> None:
        told = [HELIOSDB, command, *arguments, "--port", "0"]
        stated = environment() | (variables or {}) | ({"PGPASSWORD": password} if password else {})
        self.process = subprocess.Popen(told, stderr=subprocess.PIPE, text=True, env=stated)
        self.lines: list[str] = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"listening at ([\w.:]+):(\d+)", line)
            if found is not None:
                self.port = int(found[2])
                return
        raise AssertionError("".join(self.lines))

    @property
    def url(self) -> str:
        return f"postgresql://helios@127.0.0.1:{self.port}/app"

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return the status and what it said."""
        assert self.process.stderr is not None
        rest = self.process.stderr.read()
        return self.process.wait(SECONDS), "".join(self.lines) + rest

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.process.wait(SECONDS)
