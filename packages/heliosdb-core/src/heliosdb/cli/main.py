"""The entry point of ``heliosdb`` and ``heliosdb-nano``: commands and options, nothing else.

The engine is imported by the command that needs it: ``--version`` and ``--help`` of a command answer at once. The
names follow the program's: called as ``heliosdb-nano`` it is HeliosDB Nano.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from heliosdb import __version__
from heliosdb.cli import moving, upkeep
from heliosdb.cli.opening import error_class, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from heliosdb.database import Database

__all__ = ["cli", "main", "program_name"]


def program_name() -> str:
    """Return the name that the program was called by: ``heliosdb-nano``, or ``heliosdb`` for anything else."""
    called = os.path.basename(sys.argv[0]).removesuffix(".exe")
    return "heliosdb-nano" if called == "heliosdb-nano" else "heliosdb"


class Commands(click.Group):
    """The core's commands, and those that plugins registered; plugins are loaded only where a name is not the
    core's.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        """Return all names."""
        return [*self.commands, *sorted(set(self._of_plugins()) - set(self.commands))]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command by name."""
        return self.commands.get(name) or self._plugin_command(name)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; errors of the database are printed as click prints its own, for plugins' commands, too."""
        try:
            return super().invoke(context)
        except error_class() as error:
            raise click.ClickException(told(error)) from None

    def _of_plugins(self) -> Mapping[str, Any]:
        from heliosdb.plugin.host import load_plugins

        return load_plugins().freeze().commands

    def _plugin_command(self, name: str) -> click.Command | None:
        registered = self._of_plugins().get(name)
        if registered is None:
            return None
        from heliosdb.types.definitions import resolve_implementation

        try:
            command = resolve_implementation(registered.command)
        except Exception as error:  # noqa: BLE001 - the plugin boundary
            return _broken(name, f"{type(error).__name__}: {error}")
        if not isinstance(command, click.Command):
            return _broken(name, f"{registered.command!r} is not a click command")
        return command


def _broken(name: str, reason: str) -> click.Command:
    """Return a command that says why it does not work: the others must go on working, and be listed."""

    @click.command(name, short_help=f"(does not load: {reason})", context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def broken(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(f'the plugin\'s command "{name}" does not load: {reason}')

    return broken


def print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the program's name and the version."""
    if wanted and not context.resilient_parsing:
        click.echo(f"{context.find_root().info_name} {__version__}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.option(
    "--version", "-V", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Show the version."
)
@click.pass_context
def cli(context: click.Context) -> None:
    """An embedded SQL database with PostgreSQL's dialect: shell, scripts, demo."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def database_options(command: Any) -> Any:
    """Add the options that say how a database is opened."""
    command = click.option("--memory", is_flag=True, help="Use a new database in memory; it is gone at the end.")(
        command
    )
    command = click.option(
        "--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file."
    )(command)
    return click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        help="Give a setting its value, as SET would; repeatable.",
    )(command)


@cli.command()
@click.argument("path", required=False)
@database_options
@click.pass_context
def repl(
    context: click.Context, path: str | None, memory: bool, config_file: str | None, settings: tuple[str, ...]
) -> None:
    """Open the shell on the database at PATH, or on a new one in memory.

    From a pipe it reads statements to the end, without a prompt.
    """
    from heliosdb.cli.repl import run_repl

    program = context.find_root().info_name or "heliosdb"
    database = open_database(path, memory=memory, config_file=config_file, settings=settings)
    try:
        context.exit(run_repl(database, program))
    finally:
        database.close()


@cli.command()
@click.argument("file", metavar="FILE.sql")
@click.option("--database", "path", metavar="PATH", help="Run in the database at PATH instead of a new one in memory.")
@database_options
@click.option("--interactive", "-i", is_flag=True, help="Open the shell on the database afterwards.")
@click.option("--single-transaction", "-1", is_flag=True, help="Run the script as one transaction: all or nothing.")
@click.option("--stop-on-error/--keep-going", default=True, show_default=True, help="What follows a failed statement.")
@click.option(
    "--variable", "-v", "variables", metavar="NAME=VALUE", multiple=True, help="Set a variable for :NAME; repeatable."
)
@click.option("--quiet", "-q", is_flag=True, help="Print results and errors only.")
@click.pass_context
def run(
    context: click.Context,
    file: str,
    path: str | None,
    memory: bool,
    config_file: str | None,
    settings: tuple[str, ...],
    interactive: bool,
    single_transaction: bool,
    stop_on_error: bool,
    variables: tuple[str, ...],
    quiet: bool,
) -> None:
    """Run a script (- reads standard input), one statement after the other.

    The status is 3 where a statement failed, 1 where the script cannot be read.
    """
    from heliosdb.cli.repl import run_repl
    from heliosdb.cli.script import run_script
    from heliosdb.cli.shell import Shell

    program = context.find_root().info_name or "heliosdb"
    database = open_database(path, memory=memory, config_file=config_file, settings=settings)
    try:
        shell = Shell(database, product=program, show_tags=False)
        if stop_on_error or single_transaction:
            shell.variables["ON_ERROR_STOP"] = "on"
        shell.variables.update(pair(text, "--variable") for text in variables)
        status = run_script(shell, file, single_transaction=single_transaction, quiet=quiet)
        if interactive and status != 1:
            shell.variables.pop("ON_ERROR_STOP", None)
            status = run_repl(database, program, shell)
        shell.close()
        context.exit(status)
    finally:
        database.close()


@cli.command()
@click.option("--pause", is_flag=True, help="Wait for Enter after each answer.")
def demo(pause: bool) -> None:
    """Load the world's airports and answer questions about them."""
    from heliosdb.cli.demo import run_demo

    run_demo(pause=pause)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
def plugins(as_json: bool) -> None:
    """List the installed plugins and what became of each."""
    from heliosdb.cli.plugins import list_plugins

    list_plugins(as_json=as_json)


for command in (
    moving.dump,
    moving.restore,
    moving.import_command,
    moving.export_command,
    upkeep.check,
    upkeep.compact,
    upkeep.salvage,
):
    cli.add_command(command)


def open_database(
    path: str | None, *, memory: bool, config_file: str | None, settings: tuple[str, ...], read_only: bool = False
) -> Database:
    """Open what the arguments, the environment and the configuration file say."""
    from heliosdb.config import load_config, opening
    from heliosdb.database import Database

    if path is not None and memory:
        raise click.UsageError("a path and --memory exclude each other")
    overrides = {
        "path": path,
        "in_memory": True if memory else None,
        "settings": dict(pair(text, "--set") for text in settings),
        "read_only": True if read_only else None,
    }
    config = load_config(config_file, overrides=overrides)
    arguments = opening(None, config)
    if config.log_level is not None:
        # The program is ours here, and so is the place where messages go: standard error.
        import logging

        logging.basicConfig(format="%(levelname)s:  %(message)s")
    return Database(**arguments)


def pair(text: str, option: str) -> tuple[str, str]:
    """Return NAME=VALUE as a pair; UsageError where it is none."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"{option}: NAME=VALUE is needed, not {text!r}")
    return name, value


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        # Data holds all kinds of characters; a terminal that cannot show one must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli.main(prog_name=program_name())
    except BrokenPipeError:
        # The reader has gone (a pager, head): be silent, also when the interpreter flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
