r"""Meta-commands that run or change the statement being written: \g, \gx, \gset, \watch, \e, \p, \r, \w."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from heliosdb.cli.meta import MetaCommand
from heliosdb.cli.meta_output import open_output
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, ObjectNotInPrerequisiteState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliosdb.catalog.result import Result
    from heliosdb.cli.arguments import Arguments
    from heliosdb.cli.shell import Shell

__all__ = ["COMMANDS"]

SECTION = "Statement"
WATCH_SECONDS = 2.0
WATCH_TIMES = 10


def go(shell: Shell, arguments: Arguments) -> None:
    r"""\g [file]"""
    with _output_to(shell, arguments.take()):
        _run(shell)


def go_expanded(shell: Shell, arguments: Arguments) -> None:
    r"""\gx [file]"""
    before, shell.style.expanded = shell.style.expanded, "on"
    try:
        go(shell, arguments)
    finally:
        shell.style.expanded = before


def _run(shell: Shell) -> None:
    if not shell.scanner.is_empty:
        shell.execute_buffer()
    else:
        shell.scanner.clear()
        shell.run(shell.previous)


@contextmanager
def _output_to(shell: Shell, path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    before = shell.out
    shell.out = open_output(path)
    try:
        yield
    finally:
        shell.out.close()
        shell.out = before


def go_set(shell: Shell, arguments: Arguments) -> None:
    r"""\gset [prefix]"""
    prefix = arguments.take() or ""

    def keep(result: Result) -> None:
        table = shell.table_of(result)
        if len(table.rows) != 1:
            what = "no rows" if not table.rows else "more than one row"
            raise ObjectNotInPrerequisiteState(f"{what} returned for \\gset")
        for name, value in zip(table.names, table.rows[0], strict=True):
            if value is None:
                shell.variables.pop(prefix + name, None)
            else:
                shell.variables[prefix + name] = value

    shell.target = keep
    try:
        _run(shell)
    finally:
        shell.target = None


def watch(shell: Shell, arguments: Arguments) -> None:
    r"""\watch [seconds [times]]"""
    seconds = _number(arguments.take(), WATCH_SECONDS)
    times = int(_number(arguments.take(), WATCH_TIMES))
    text = shell.previous if shell.scanner.is_empty else shell.scanner.text
    shell.scanner.clear()
    if not text.strip():
        raise ObjectNotInPrerequisiteState("\\watch cannot be used with an empty query")
    for turn in range(times):
        if turn:
            try:
                time.sleep(seconds)
            except KeyboardInterrupt:
                break
        shell.print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} (every {seconds:g}s, {turn + 1} of {times})\n")
        if not shell.run(text):
            break


def _number(word: str | None, default: float) -> float:
    try:
        number = default if word is None else float(word)
    except ValueError:
        number = -1
    # Bounded, so that a forgotten shell does not run a query for ever.
    if not 0 <= number <= 86_400:
        raise InvalidParameterValue(f'\\watch: incorrect number "{word}"')
    return number


def edit(shell: Shell, arguments: Arguments) -> None:
    r"""\e"""
    if not shell.interactive:
        raise FeatureNotSupported("\\e needs a terminal")
    text = shell.previous if shell.scanner.is_empty else shell.scanner.text
    try:
        edited = click.edit(text, extension=".sql", require_save=False)
    except click.ClickException as error:
        raise ObjectNotInPrerequisiteState(error.format_message()) from None
    shell.scanner.clear()
    if edited is not None:
        shell.feed(edited if edited.endswith("\n") else edited + "\n")


def show(shell: Shell, arguments: Arguments) -> None:
    r"""\p"""
    text = shell.previous if shell.scanner.is_empty else shell.scanner.text
    shell.print(text.rstrip() if text.strip() else "Query buffer is empty.")


def reset(shell: Shell, arguments: Arguments) -> None:
    r"""\r"""
    shell.scanner.clear()
    shell.say("Query buffer reset (cleared).")


def write(shell: Shell, arguments: Arguments) -> None:
    r"""\w file"""
    path = arguments.take()
    if path is None:
        raise InvalidParameterValue("\\w: missing required argument")
    text = shell.previous if shell.scanner.is_empty else shell.scanner.text
    with open_output(path) as file:
        file.write(text.strip().rstrip(";") + ";\n")


COMMANDS = (
    MetaCommand(("g",), go, "\\g [FILE]", "run the statement, into a file where one is named", SECTION),
    MetaCommand(("gx",), go_expanded, "\\gx [FILE]", "run it and print one column a line", SECTION),
    MetaCommand(("gset",), go_set, "\\gset [PREFIX]", "run it and keep its row as variables", SECTION),
    MetaCommand(
        ("watch",),
        watch,
        "\\watch [SECONDS [TIMES]]",
        f"run it again every {WATCH_SECONDS:g} s, {WATCH_TIMES} times",
        SECTION,
    ),
    MetaCommand(("e", "edit"), edit, "\\e", "edit the statement with $EDITOR", SECTION),
    MetaCommand(("p", "print"), show, "\\p", "print the statement", SECTION),
    MetaCommand(("r", "reset"), reset, "\\r", "drop the statement", SECTION),
    MetaCommand(("w", "write"), write, "\\w FILE", "write the statement to a file", SECTION),
)
