"""The commands ``heliosdb status`` and ``heliosdb stop``.

Both find the server by the file that it keeps beside its database, or where ``--pid-file`` said; see ``control``. The
status of the first says what is the case, with pg_ctl's numbers: 0 it runs, 1 it is there and does not answer, 3 none
runs, 4 there is no database.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import click

from heliosdb_server import control
from heliosdb_server.lifecycle import MODES

__all__ = ["status", "stop"]

RUNS, SILENT, NOT_RUNNING, NO_DATABASE = 0, 1, 3, 4

PAUSE = 0.02


def _place(path: str | None, data_dir: str | None, pid_file: str | None) -> str:
    """Return the path of a server's file."""
    if sum(each is not None for each in (path, data_dir, pid_file)) != 1:
        raise click.UsageError("give one of PATH, --data-dir and --pid-file")
    if pid_file is not None:
        return pid_file
    from heliosdb.spi import load_plugins

    given = path or data_dir
    assert given is not None
    located = load_plugins().freeze().first_result("locate_database", given)
    found = given if located is None else located.path
    if not os.path.isdir(found):
        raise _Ended(f'there is no database at "{given}"', NO_DATABASE)
    return os.path.join(found, control.FILE)


class _Ended(click.ClickException):
    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    def show(self, file: Any = None) -> None:
        """Say why, and end with the code that says it, too."""
        super().show(file)
        sys.exit(self.code)


def _asked(place: str, words: str, timeout: float) -> tuple[control.Contact, dict[str, Any]]:
    """Return how a server is reached, and its answer."""
    contact = control.noted(place)
    if contact is None:
        raise _Ended("no server is running", NOT_RUNNING)
    try:
        return contact, control.ask(contact, words, timeout)
    except TimeoutError:
        raise _Ended(
            f"the server (PID {contact.process}) does not answer at {contact.host}:{contact.port}", SILENT
        ) from None
    except control.NotThereError:
        raise _Ended(
            f"no server is running; the one with PID {contact.process} has ended without a word", NOT_RUNNING
        ) from None


def _where(command: Any) -> Any:
    for option in (
        click.option("--timeout", type=click.FloatRange(0.1), default=5.0, show_default=True, help="Seconds to wait."),
        click.option("--pid-file", metavar="FILE", help="The file that heliosdb start was told to write."),
        click.option("--data-dir", "--data", "data_dir", metavar="PATH", help="The database, another way to say PATH."),
        click.argument("path", metavar="[PATH]", required=False),
    ):
        command = option(command)
    return command


@click.command()
@_where
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def status(path: str | None, data_dir: str | None, pid_file: str | None, timeout: float, as_json: bool) -> None:
    """Say whether a server runs for the database at PATH, and how it is.

    The status is 0 where one runs, 1 where it does not answer, 3 where none runs, 4 where there is no database.
    """
    place = _place(path, data_dir, pid_file)
    try:
        _, answer = _asked(place, "status", timeout)
    except _Ended as ended:
        if as_json:
            click.echo(json.dumps({"state": "silent" if ended.code == SILENT else "stopped"}))
        raise
    answer["size_bytes"] = None if pid_file else _size(os.path.dirname(place))
    if as_json:
        click.echo(json.dumps(answer))
        return
    click.echo(f"{answer['state']} (PID {answer['process']})")
    for label, text in (
        ("address", answer["url"]),
        ("uptime", _duration(answer["uptime_seconds"])),
        ("connections", f"{answer['active_connections']} of {answer['max_connections']}"),
        ("queries", f"{answer['total_queries']:,}"),
        ("size", None if answer["size_bytes"] is None else _bytes(answer["size_bytes"])),
    ):
        if text is not None:
            click.echo(f"{label:<12} {text}")


@click.command()
@_where
@click.option(
    "--mode",
    "-m",
    type=click.Choice(MODES),
    default="fast",
    show_default=True,
    help="Wait for clients to go, roll back what they do, or end on the spot.",
)
def stop(path: str | None, data_dir: str | None, pid_file: str | None, timeout: float, mode: str) -> None:
    """Stop the server of the database at PATH, and wait until it has ended.

    The status is 0 where it has, 1 where it has not within the time, 3 where none runs, 4 where there is no database.
    """
    place = _place(path, data_dir, pid_file)
    contact, answer = _asked(place, f"stop {mode}", timeout)
    if "error" in answer:
        raise click.ClickException(f"{answer['error']}\nHINT:  {answer['hint']}")
    patience = time.monotonic() + timeout
    while (left := control.noted(place)) is not None and left.secret == contact.secret:
        if not _is_alive(contact.process):
            break  # it was killed on the way
        if time.monotonic() > patience:
            raise _Ended("the server is still ending", SILENT)
        time.sleep(PAUSE)
    click.echo("stopped")


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # signal 0 is Ctrl-C there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _size(folder: str) -> int:
    """Return how many bytes the files of a database have."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat().st_size
            except FileNotFoundError:
                continue  # files come and go
    return total


def _duration(seconds: float) -> str:
    left = int(seconds)
    parts = []
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if left >= length:
            parts.append(f"{left // length} {name}")
            left %= length
    return " ".join([*parts, f"{left} s"])


def _bytes(size: int) -> str:
    power = max(0, min(4, (size.bit_length() - 1) // 10))
    return f"{size} B" if not power else f"{size / 1024**power:.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
