r"""Meta-commands about how results look and where they go: \x, \pset, \a, \t, \f, \o, \timing, \echo, \qecho, \warn."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from heliosdb.cli.meta import MetaCommand
from heliosdb.cli.table import FORMATS
from heliosdb.errors import FeatureNotSupported, InvalidParameterValue, UndefinedFile, UndefinedObject

if TYPE_CHECKING:
    from heliosdb.cli.arguments import Arguments
    from heliosdb.cli.shell import Shell

__all__ = ["COMMANDS", "open_output"]

SECTION = "Output"


def switched(word: str | None, current: bool, name: str) -> bool:
    """Return what on, off or (without a word) the opposite of the current state is."""
    if word is None:
        return not current
    lowered = word.lower()
    if lowered in ("on", "true", "yes", "1"):
        return True
    if lowered in ("off", "false", "no", "0"):
        return False
    raise InvalidParameterValue(f'unrecognized value "{word}" for "{name}": Boolean expected')


def expanded(shell: Shell, arguments: Arguments) -> None:
    r"""\x [on|off|auto]"""
    set_expanded(shell, arguments.take())


def set_expanded(shell: Shell, word: str | None) -> None:
    """Switch between columns side by side and one a line."""
    if word is not None and word.lower() == "auto":
        shell.style.expanded = "auto"
        shell.say("Expanded display is used automatically.")
        return
    shell.style.expanded = "on" if switched(word, shell.style.expanded == "on", "expanded") else "off"
    shell.say(f"Expanded display is {shell.style.expanded}.")


def timing(shell: Shell, arguments: Arguments) -> None:
    r"""\timing [on|off]"""
    shell.timing = switched(arguments.take(), shell.timing, "\\timing")
    shell.say(f"Timing is {'on' if shell.timing else 'off'}.")


def pset(shell: Shell, arguments: Arguments) -> None:
    r"""\pset [name [value]]"""
    name, value = arguments.take(), arguments.take()
    style = shell.style
    if name is None:
        for key, current in state(shell).items():
            shell.print(f"{key:<12} {current}")
        return
    key = name.lower()
    if key == "format":
        if value is not None:
            matches = [name for name in FORMATS if name.startswith(value.lower())]
            if len(matches) != 1:
                raise InvalidParameterValue(f"\\pset: allowed formats are {', '.join(FORMATS)}")
            style.format = matches[0]
        shell.say(f"Output format is {style.format}.")
    elif key == "null":
        if value is not None:
            style.null = value
        shell.say(f'Null display is "{style.null}".')
    elif key in ("expanded", "x"):
        set_expanded(shell, value)
    elif key == "fieldsep":
        if value is not None:
            style.field_separator = value
        shell.say(f'Field separator is "{style.field_separator}".')
    elif key in ("tuples_only", "t"):
        style.tuples_only = switched(value, style.tuples_only, key)
        shell.say(f"Tuples only is {'on' if style.tuples_only else 'off'}.")
    elif key == "footer":
        style.footer = switched(value, style.footer, key)
        shell.say(f"Default footer is {'on' if style.footer else 'off'}.")
    elif key == "pager":
        if value is not None and value.lower() == "always":
            style.pager = "always"
        else:
            style.pager = "on" if switched(value, style.pager != "off", key) else "off"
        shell.say(f"Pager is {style.pager}.")
    else:
        raise UndefinedObject(f"\\pset: unknown option: {name}", hint=f"There are: {', '.join(state(shell))}.")


def state(shell: Shell) -> dict[str, str]:
    """Return the output settings as \\pset lists them."""
    style = shell.style
    on = {True: "on", False: "off"}
    return {
        "expanded": style.expanded,
        "fieldsep": f"'{style.field_separator}'",
        "footer": on[style.footer],
        "format": style.format,
        "null": f"'{style.null}'",
        "pager": style.pager,
        "tuples_only": on[style.tuples_only],
    }


def toggle_alignment(shell: Shell, arguments: Arguments) -> None:
    r"""\a"""
    shell.style.format = "unaligned" if shell.style.format == "aligned" else "aligned"
    shell.say(f"Output format is {shell.style.format}.")


def toggle_tuples_only(shell: Shell, arguments: Arguments) -> None:
    r"""\t [on|off]"""
    shell.style.tuples_only = switched(arguments.take(), shell.style.tuples_only, "\\t")
    shell.say(f"Tuples only is {'on' if shell.style.tuples_only else 'off'}.")


def redirect(shell: Shell, arguments: Arguments) -> None:
    r"""\o [file]"""
    path = arguments.take()
    if path is None:
        if shell.out is not shell.standard_out:
            shell.out.close()
        shell.out = shell.standard_out
        return
    target = open_output(path)
    if shell.out is not shell.standard_out:
        shell.out.close()
    shell.out = target


def open_output(path: str) -> IO[str]:
    """Open a file for results; a pipe to a program is refused."""
    if path.startswith("|"):
        raise FeatureNotSupported("running programs from the shell is not supported", hint="Name a file.")
    try:
        return Path(path).expanduser().open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UndefinedFile(f"{path}: {error.strerror}") from None


def echo(shell: Shell, arguments: Arguments) -> None:
    r"""\echo [text ...]"""
    _echo(shell.standard_out, arguments)


def echo_to_output(shell: Shell, arguments: Arguments) -> None:
    r"""\qecho [text ...]"""
    _echo(shell.out, arguments)


def warn(shell: Shell, arguments: Arguments) -> None:
    r"""\warn [text ...]"""
    _echo(shell.err, arguments)


def _echo(stream: IO[str], arguments: Arguments) -> None:
    words = arguments.take_all()
    newline = words[:1] != ["-n"]
    click.echo(" ".join(words if newline else words[1:]), file=stream, nl=newline)


COMMANDS = (
    MetaCommand(("x",), expanded, "\\x [on|off|auto]", "one column a line", SECTION),
    MetaCommand(("timing",), timing, "\\timing [on|off]", "print how long statements take", SECTION),
    MetaCommand(
        ("pset",), pset, "\\pset [NAME [VALUE]]", "list or set how results look: format, null, pager, ...", SECTION
    ),
    MetaCommand(("a",), toggle_alignment, "\\a", "switch between boxes and bare values", SECTION),
    MetaCommand(("t",), toggle_tuples_only, "\\t [on|off]", "print rows only", SECTION),
    MetaCommand(("o", "out"), redirect, "\\o [FILE]", "send results to a file, or back here", SECTION),
    MetaCommand(("echo",), echo, "\\echo [-n] [TEXT ...]", "print words", SECTION),
    MetaCommand(("qecho",), echo_to_output, "\\qecho [-n] [TEXT ...]", "print words to where results go", SECTION),
    MetaCommand(("warn",), warn, "\\warn [-n] [TEXT ...]", "print words to the error output", SECTION),
)
