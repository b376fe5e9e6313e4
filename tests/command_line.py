"""Running the command line as a user would: as a process, from a pipe or at a terminal."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from heliosdb.cli.shell import Shell
from heliosdb.cli.source import StandardInput
from heliosdb.database import Database

PROGRAMS = Path(sys.executable).parent
SECONDS = 30
_control = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment without what the tester's own might say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELIOSDB_", "PYTHON"))}
    return kept | {"HELIOSDB_HISTORY": str(folder / "history"), "COLUMNS": "120", "PAGER": "", "TERM": "xterm"}


Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


class Terminal:
    """A program at a pseudo-terminal: what it prints comes without the terminal's control sequences."""

    def __init__(self, arguments: Sequence[str], folder: Path, **variables: str) -> None:
        import pty

        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            # As at a terminal; who runs the tests in the background may have Ctrl-C ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            command = [str(PROGRAMS / "heliosdb"), *arguments]
            os.execve(command[0], command, environment(folder) | variables)
        self.seen = ""

    def type(self, text: str) -> None:
        """Type keys."""
        os.write(self._terminal, text.encode())

    def expect(self, pattern: str) -> str:
        """Wait until something matches, and return what was printed up to there; fail after a while."""
        until = time.monotonic() + SECONDS
        while (match := re.search(pattern, self.seen)) is None:
            if not self._read(until):
                raise AssertionError(f"{pattern!r} did not come; there was:\n{self.seen}")
        before, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return before

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        try:
            content = os.read(self._terminal, 65536)
        except OSError:
            # Linux says so at the end of a terminal.
            return False
        if b"\x1b[6n" in content:
            # prompt_toolkit asks where the cursor is, and waits for the answer.
            os.write(self._terminal, b"\x1b[1;1R")
        self.seen += _control.sub(b"", content).decode(errors="replace").replace("\r", "")
        return bool(content)

    def status(self) -> int:
        """Wait for the program's end and return its status."""
        until = time.monotonic() + SECONDS
        while self._read(until):
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End the program if it has not ended."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)


class Talk:
    """A shell in this process: what is fed, what it prints."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(plugins=[])
        self.out, self.err = io.StringIO(), io.StringIO()
        self.shell = Shell(self.database, out=self.out, err=self.err)
        self.folder = folder

    def __call__(self, text: str) -> str:
        """Feed lines, and return what was printed since the last time, errors included."""
        source = StandardInput(line.encode() for line in text.splitlines(keepends=True))
        self.shell.process(source)
        printed = self.out.getvalue() + self.err.getvalue()
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        return printed
