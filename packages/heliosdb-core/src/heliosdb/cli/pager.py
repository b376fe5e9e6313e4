"""Showing long output through a pager: ``PAGER``, else ``less``, else none."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from typing import IO

from heliosdb.cli.table import display_width

__all__ = ["page"]


def page(lines: Sequence[str], mode: str, out: IO[str]) -> bool:
    """Show lines in a pager and return True; False where they fit the terminal, there is none, or ``mode`` is off."""
    if mode == "off" or not out.isatty():
        return False
    size = shutil.get_terminal_size()
    fits = len(lines) < size.lines and all(display_width(line) <= size.columns for line in lines)
    command = pager_command()
    if command is None or (fits and mode != "always"):
        return False
    out.flush()
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            for line in lines:
                process.stdin.write((line + "\n").encode(errors="replace"))
            process.stdin.close()
        except (BrokenPipeError, KeyboardInterrupt):
            # The user has left the pager.
            pass
        while True:
            try:
                process.wait()
                break
            except KeyboardInterrupt:
                continue
    return True


def pager_command() -> list[str] | None:
    """Return the pager's command line; ``PAGER`` empty means no pager."""
    chosen = os.environ.get("PAGER")
    if chosen is not None:
        words = shlex.split(chosen)
        return words if words and shutil.which(words[0]) else None
    # Long lines are cut, not folded; colours pass; a page that fits ends by itself.
    return ["less", "-SRFX"] if shutil.which("less") else None
