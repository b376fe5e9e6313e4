"""``heliosdb run``: a script from beginning to end, with a summary.

Results go to standard output; messages, the progress bar and the summary to the error output. The status is 0 where
all went well, 3 where a statement failed (as psql's with ON_ERROR_STOP), 1 where the script could not be read or the
database not be opened.
"""

from __future__ import annotations

import time
from pathlib import PurePath

import click

from heliosdb.cli.progress import progress
from heliosdb.cli.shell import Shell, Stopped
from heliosdb.cli.source import FileSource
from heliosdb.errors import Error

__all__ = ["run_script"]


def run_script(shell: Shell, path: str, *, single_transaction: bool, quiet: bool) -> int:
    """Run a file in a shell and return the exit status."""
    try:
        source = FileSource(path)
    except Error as error:
        click.echo(f"{shell.product}: error: {error.message}", err=True)
        return 1
    started = time.perf_counter()
    with progress(PurePath(path).name, source.size, hidden=quiet) as bar:
        source.on_progress, shell.before_output = bar.advance, bar.hide
        try:
            if single_transaction:
                shell.session.begin()
            shell.process(source)
            _end(shell, single_transaction=single_transaction)
        except Stopped:
            if shell.session.block.is_open:
                shell.session.block.rollback()
        finally:
            shell.before_output = None
    seconds = time.perf_counter() - started
    if not quiet:
        click.echo(summary(shell, seconds), err=True)
    return 3 if shell.failures else 0


def _end(shell: Shell, *, single_transaction: bool) -> None:
    """Commit the transaction that holds the whole script; one that the script itself left open is rolled back."""
    block = shell.session.block
    if not block.is_open:
        return
    if single_transaction and block.status == "T":
        try:
            block.commit()
        except Error as error:
            shell.report(error)
        return
    failed = block.status == "E"
    block.rollback()
    if not single_transaction:
        shell.notice("the script left a transaction open; it was rolled back", severity="WARNING")
    elif failed:
        shell.notice("the transaction had failed and was rolled back", severity="WARNING")


def summary(shell: Shell, seconds: float) -> str:
    """Return what ran, in one line."""
    statements = f"{shell.statements:,} statement{'' if shell.statements == 1 else 's'}"
    failures = "no errors" if not shell.failures else f"{shell.failures} error{'' if shell.failures == 1 else 's'}"
    return f"{statements}, {failures}, {seconds:.3f}s"
