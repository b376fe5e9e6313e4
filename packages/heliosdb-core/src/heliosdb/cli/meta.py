r"""Meta-commands: what begins with a backslash and is for the shell, not for the engine.

Each family's module has a table ``COMMANDS``; plugins add theirs through the hook ``register_meta_commands``. A
command is a function of the shell and its arguments; what it raises as ``heliosdb.errors.Error`` is reported as any
statement's error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from attrs import frozen

from heliosdb.cli.arguments import Arguments
from heliosdb.errors import Error, InternalFailure, ObjectNotInPrerequisiteState, SqlSyntaxError, UndefinedObject

if TYPE_CHECKING:
    from heliosdb.cli.shell import Shell

__all__ = ["MetaCommand", "all_commands", "run_meta_command"]

MODULES: Final = ("meta_general", "meta_describe", "meta_output", "meta_files", "meta_buffer", "meta_variables")
_name: Final = re.compile(r"\\([^\s\\;'\":|]+|[\\?!;]?)")


@frozen
class MetaCommand:
    """``names`` without the backslash, the first being the usual one; ``usage`` and ``description`` are for help."""

    names: tuple[str, ...]
    run: Callable[[Shell, Arguments], None]
    usage: str
    description: str
    section: str = "General"


@cache
def core_commands() -> dict[str, MetaCommand]:
    """Return the shell's own commands by name. They never change, so this is made once a process."""
    commands: dict[str, MetaCommand] = {}
    for module in MODULES:
        for command in import_module(f"heliosdb.cli.{module}").COMMANDS:
            for name in command.names:
                commands[name] = command
    return commands


def all_commands(shell: Shell) -> Iterator[MetaCommand]:
    """Yield every command once, the plugins' ones last."""
    yield from dict.fromkeys(core_commands().values())
    for registered in shell.session.registries.meta_commands.values():
        yield _of_plugin(registered)


def run_meta_command(shell: Shell, line: str, at: int) -> int:
    r"""Run the command that begins at ``line[at]``, a backslash; return the offset behind it and its arguments."""
    match = _name.match(line, at)
    assert match is not None
    name = match[1]
    if name == "\\":
        return match.end()
    if not name:
        raise SqlSyntaxError("a command's name must follow the backslash", hint=r"Try \? for help.")
    # \d+, \dS+, \x1: the name is the longest known beginning, for psql takes \x1 too; what is left belongs to the
    # arguments.
    if shell.restriction is not None and name != "unrestrict":
        raise ObjectNotInPrerequisiteState("backslash commands are restricted; only \\unrestrict is allowed")
    command = find(shell, name)
    if command is None:
        raise UndefinedObject(f"invalid command \\{name}", hint=r"Try \? for help.")
    arguments = Arguments(line, match.end(), shell.variables, name)
    command.run(shell, arguments)
    rest = arguments.take_all()
    if rest:
        shell.notice(f'\\{name}: extra argument "{rest[0]}" ignored', severity="WARNING")
    # \\ between two commands was looked at, not passed.
    return arguments.at


def find(shell: Shell, name: str) -> MetaCommand | None:
    """Return a command by name, with or without + and S behind it."""
    commands = core_commands()
    command = commands.get(name) or commands.get(name.rstrip("+")) or commands.get(name.replace("+", "").rstrip("S"))
    if command is not None:
        return command
    for registered in shell.session.registries.meta_commands.values():
        if name in (registered.name, *registered.aliases):
            return _of_plugin(registered)
    return None


def _of_plugin(registered: object) -> MetaCommand:
    from heliosdb.types.definitions import resolve_implementation

    def run(shell: Shell, arguments: Arguments) -> None:
        words = arguments.take_all()
        try:
            resolve_implementation(registered.run)(shell, words)  # type: ignore[attr-defined]
        except Error:
            raise
        except Exception as error:
            raise InternalFailure(f"\\{arguments.name}: {type(error).__name__}: {error}") from error

    names = (registered.name, *registered.aliases)  # type: ignore[attr-defined]
    usage = registered.usage or f"\\{names[0]}"  # type: ignore[attr-defined]
    return MetaCommand(names, run, usage, registered.description, "Plugins")  # type: ignore[attr-defined]
