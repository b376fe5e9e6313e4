r"""Meta-commands about variables: \set and \unset. ``:name`` in a statement is a variable's value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from heliosdb.cli.meta import MetaCommand
from heliosdb.errors import FeatureNotSupported, InvalidName, InvalidParameterValue

if TYPE_CHECKING:
    from heliosdb.cli.arguments import Arguments
    from heliosdb.cli.shell import Shell

__all__ = ["COMMANDS", "set_variable"]

SECTION = "Variables"
_valid: Final = re.compile(r"\w+")

WITHOUT_EFFECT: Final = {
    "AUTOCOMMIT": "on",
    "ECHO": "none",
    "ECHO_HIDDEN": "off",
    "FETCH_COUNT": "0",
    "ON_ERROR_ROLLBACK": "off",
    "SINGLELINE": "off",
    "SINGLESTEP": "off",
}
"""Variables that change how psql works and do not exist here: only what they are anyway may be set."""


def set_(shell: Shell, arguments: Arguments) -> None:
    r"""\set [name [value ...]]"""
    name = arguments.take()
    if name is None:
        for key in sorted(shell.variables):
            shell.print(f"{key} = '{shell.variables[key]}'")
        return
    set_variable(shell, name, "".join(arguments.take_all()))


def set_variable(shell: Shell, name: str, value: str) -> None:
    """Set a variable; refuse one that would be expected to act and does not."""
    if not _valid.fullmatch(name):
        raise InvalidName(f'invalid variable name: "{name}"')
    fixed = WITHOUT_EFFECT.get(name)
    if fixed is not None and value.lower() != fixed:
        raise FeatureNotSupported(f'variable {name} can only be "{fixed}"')
    if name == "VERBOSITY" and value not in ("default", "verbose"):
        raise InvalidParameterValue(
            f'unrecognized value "{value}" for "VERBOSITY"', hint="Available values are: default, verbose."
        )
    if name == "ON_ERROR_STOP" and value.lower() not in ("", "on", "off", "true", "false", "1", "0", "yes", "no"):
        raise InvalidParameterValue(f'unrecognized value "{value}" for "ON_ERROR_STOP": Boolean expected')
    shell.variables[name] = value or ("on" if name == "ON_ERROR_STOP" else "")


def unset(shell: Shell, arguments: Arguments) -> None:
    r"""\unset name"""
    name = arguments.take()
    if name is None:
        raise InvalidParameterValue("\\unset: missing required argument")
    shell.variables.pop(name, None)


COMMANDS = (
    MetaCommand(
        ("set",), set_, "\\set [NAME [VALUE]]", "list variables, or set one; :NAME in a statement is its value", SECTION
    ),
    MetaCommand(("unset",), unset, "\\unset NAME", "forget a variable", SECTION),
)
