r"""Meta-commands about files and the world outside: \i, \ir, \copy, \cd, and what is refused: \c, \!, \if."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from heliosdb.cli.meta import MetaCommand
from heliosdb.cli.source import FileSource
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, UndefinedFile

if TYPE_CHECKING:
    from heliosdb.cli.arguments import Arguments
    from heliosdb.cli.shell import Shell

__all__ = ["COMMANDS"]

SECTION = "Files"


def include(shell: Shell, arguments: Arguments) -> None:
    r"""\i file"""
    _include(shell, arguments, Path())


def include_relative(shell: Shell, arguments: Arguments) -> None:
    r"""\ir file"""
    name = None if shell.source is None else shell.source.name
    _include(shell, arguments, Path(name).parent if name else Path())


def _include(shell: Shell, arguments: Arguments, folder: Path) -> None:
    path = arguments.take()
    if path is None:
        raise InvalidParameterValue(f"\\{arguments.name}: missing required argument")
    shell.include(FileSource(str(folder / Path(path).expanduser())))


def copy(shell: Shell, arguments: Arguments) -> None:
    r"""\copy ..."""
    from heliosdb.cli.transfer import copy_command

    result = copy_command(shell, arguments.take_rest())
    shell.say(f"COPY {result}")


def connect(shell: Shell, arguments: Arguments) -> None:
    r"""\c [name]"""
    # Scripts that make a database connect to it next; here the one that is open is meant.
    words = arguments.take_all()
    if words:
        shell.notice(f'\\{arguments.name} "{words[0].rstrip(";")}" is passed over: there is one embedded database')
    else:
        shell.print(f'You are connected to database "{shell.database.name}" as user "{shell.session.user}".')


def change_folder(shell: Shell, arguments: Arguments) -> None:
    r"""\cd [folder]"""
    path = Path(arguments.take() or "~").expanduser()
    try:
        os.chdir(path)
    except OSError as error:
        raise UndefinedFile(f"\\cd: could not change directory to {str(path)!r}: {error.strerror}") from None


def restrict(shell: Shell, arguments: Arguments) -> None:
    r"""\restrict key: a dump holds data between this and \unrestrict; what looks like a command there must not run."""
    shell.restriction = _key(arguments)


def unrestrict(shell: Shell, arguments: Arguments) -> None:
    r"""\unrestrict key"""
    if _key(arguments) != shell.restriction:
        raise InvalidParameterValue(
            "\\unrestrict: wrong key" if shell.restriction else "\\unrestrict: not currently in restricted mode"
        )
    shell.restriction = None


def _key(arguments: Arguments) -> str:
    key = arguments.take()
    if not key:
        raise InvalidParameterValue(f"\\{arguments.name}: missing required argument")
    return key


def run_program(shell: Shell, arguments: Arguments) -> None:
    r"""\! is refused: a script that somebody sent must not be able to run programs."""
    arguments.take_rest()
    raise FeatureNotSupported("running programs from the shell is not supported")


def condition(shell: Shell, arguments: Arguments) -> None:
    r"""\if and kin are refused; to skip them would run both branches."""
    arguments.take_rest()
    raise FeatureNotSupported(f"\\{arguments.name} is not supported")


COMMANDS = (
    MetaCommand(("i", "include"), include, "\\i FILE", "run a script", SECTION),
    MetaCommand(
        ("ir", "include_relative"), include_relative, "\\ir FILE", "run a script, found beside this one", SECTION
    ),
    MetaCommand(
        ("copy",), copy, "\\copy TABLE|(QUERY) FROM|TO FILE [OPTIONS]", "rows from or to a CSV or text file", SECTION
    ),
    MetaCommand(("c", "connect"), connect, "\\c", "say what is open; another database cannot be chosen", SECTION),
    MetaCommand(("cd",), change_folder, "\\cd [FOLDER]", "change the working folder", SECTION),
    MetaCommand(
        ("restrict",), restrict, "\\restrict KEY", "run no commands until \\unrestrict; dumps begin so", SECTION
    ),
    MetaCommand(("unrestrict",), unrestrict, "\\unrestrict KEY", "run commands again", SECTION),
    MetaCommand(("!",), run_program, "\\!", "not supported: scripts run no programs", SECTION),
    MetaCommand(
        ("if", "elif", "else", "endif"),
        condition,
        "\\if",
        "not supported, and neither are \\elif, \\else, \\endif",
        SECTION,
    ),
)
