r"""Meta-commands for help and the session: \?, \h, \q, \conninfo, \errverbose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliosdb.cli.meta import MetaCommand, all_commands
from heliosdb.cli.report import verbose_error_lines

if TYPE_CHECKING:
    from heliosdb.cli.arguments import Arguments
    from heliosdb.cli.shell import Shell

__all__ = ["COMMANDS"]


def help_(shell: Shell, arguments: Arguments) -> None:
    r"""\? and \h without a statement"""
    arguments.take_rest()
    sections: dict[str, list[MetaCommand]] = {}
    for command in all_commands(shell):
        sections.setdefault(command.section, []).append(command)
    lines: list[str] = []
    for section, commands in sections.items():
        lines += [*([""] if lines else []), section]
        lines += [f"  {command.usage:<38} {command.description}" for command in commands]
    lines += ["", "A statement ends with a semicolon and may take several lines."]
    shell.print_lines(lines)


def statement_help(shell: Shell, arguments: Arguments) -> None:
    r"""\h [statement]"""
    wanted = arguments.take_rest().rstrip(";").strip()
    if not wanted:
        help_(shell, arguments)
        shell.print("\\h STATEMENT shows how one is written; \\h * lists all of them.")
        return
    from heliosdb.cli.statement_help import find_statements, plugin_statements, synopsis

    statements = plugin_statements(shell.session.registries)
    if wanted == "*":
        shell.print_lines(find_statements("", statements))
        return
    found = find_statements(wanted, statements)
    if not found:
        shell.print(f'No help available for "{wanted}". \\h * lists the statements.')
    for number, name in enumerate(found):
        if number:
            shell.print()
        shell.print(f"{name}")
        for line in synopsis(name, statements).splitlines():
            shell.print(f"    {line}")


def quit_(shell: Shell, arguments: Arguments) -> None:
    r"""\q"""
    from heliosdb.cli.shell import Quit

    raise Quit


def connection(shell: Shell, arguments: Arguments) -> None:
    r"""\conninfo"""
    where = "in memory" if shell.database.path is None else f'at "{shell.database.path}"'
    shell.print(f'Database "{shell.database.name}" {where}, as user "{shell.session.user}".')


def verbose_error(shell: Shell, arguments: Arguments) -> None:
    r"""\errverbose"""
    if shell.last_error is None:
        shell.print("There is no previous error.")
        return
    for line in verbose_error_lines(*shell.last_error):
        shell.print(line)


COMMANDS = (
    MetaCommand(("h", "help"), statement_help, "\\h [STATEMENT]", "this help, or how a statement is written"),
    MetaCommand(("?",), help_, "\\?", "this help"),
    MetaCommand(("q", "quit"), quit_, "\\q", "quit, or leave the script"),
    MetaCommand(("conninfo",), connection, "\\conninfo", "what is open"),
    MetaCommand(("errverbose",), verbose_error, "\\errverbose", "the last error with all its fields"),
)
