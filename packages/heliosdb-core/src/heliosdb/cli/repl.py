"""``heliosdb repl``: the shell at a terminal, or fed by a pipe.

    heliosdb>    ready              heliosdb*>   a transaction is open
          ->    a statement goes on heliosdb!>   it has failed; only ROLLBACK helps

Enter runs what is complete and goes to a new line within what is not, so a statement of many lines is edited as one
text. Ctrl-C drops the text or cancels the running statement, Ctrl-D quits. Without a terminal there is no prompt, no
colour and no history.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliosdb import __version__
from heliosdb.cli.scanner import Scanner, Stop
from heliosdb.cli.shell import Shell, Stopped, plain_word
from heliosdb.cli.source import StandardInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from heliosdb.database import Database

__all__ = ["Prompt", "banner", "is_complete", "run_repl"]

HELP_LINE = r"Type \h for help, \dS for system views, \q to quit"


def run_repl(database: Database, program: str, shell: Shell | None = None) -> int:
    """Run the shell until the input ends; return the exit status."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    shell = shell or Shell(database, product=program)
    shell.interactive = at_terminal
    shell.timing = True
    shell.show_tags = True
    try:
        if at_terminal:
            click.echo(banner(database, program))
            shell.process(Prompt(shell))
        else:
            shell.process(StandardInput())
    except Stopped:
        return 3
    finally:
        if shell.session.block.is_open:
            shell.session.block.rollback()
            shell.notice("the open transaction was rolled back", severity="WARNING")
        shell.close()
    return 0


def banner(database: Database, program: str) -> str:
    """Return what is printed at the start."""
    product = "HeliosDB Nano" if program == "heliosdb-nano" else "HeliosDB"
    where = "in memory, gone when you quit" if database.path is None else database.path
    return (
        f"{product} {__version__}, an embedded database with PostgreSQL's dialect\nDatabase: {where}\n\n{HELP_LINE}\n"
    )


def is_complete(text: str) -> bool:
    """Return whether Enter should run a text: it ends a statement, is a meta-command, or is blank."""
    if plain_word(text) is not None:
        return True
    scanner = Scanner({})
    stop, at = scanner.scan(text)
    while stop is Stop.SEMICOLON:
        scanner.clear()
        stop, at = scanner.scan(text, at)
    return stop is Stop.BACKSLASH or (scanner.is_empty and not scanner.is_quoted)


class Prompt:
    """The terminal as a source of lines."""

    def __init__(self, shell: Shell, *, input: Input | None = None, output: Output | None = None) -> None:  # noqa: A002
        # Here, not above: a pipe needs none of it, and it takes as long to import as the engine.
        from prompt_toolkit import PromptSession
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.lexers import PygmentsLexer
        from pygments.lexers.sql import PostgresLexer

        from heliosdb.cli.completion import SqlCompleter

        self.name: str | None = None
        self.line = 0
        self._shell = shell
        self._lines: list[str] = []
        self._session: PromptSession[str] = PromptSession(
            history=history(),
            lexer=PygmentsLexer(PostgresLexer),
            completer=SqlCompleter(shell),
            complete_while_typing=False,
            multiline=Condition(self._goes_on),
            prompt_continuation=lambda width, number, wrapped: "->".rjust(width - 1) + " ",
            input=input,
            output=output,
        )

        # Rows for COPY FROM STDIN are lines, whatever they hold: a tab is a tab.
        keys = KeyBindings()
        keys.add("tab")(lambda event: event.current_buffer.insert_text("\t"))
        self._rows: PromptSession[str] = PromptSession(key_bindings=keys, input=input, output=output)

    def _goes_on(self) -> bool:
        from prompt_toolkit.application import get_app

        return not is_complete(self._shell.scanner.text + get_app().current_buffer.text)

    def read(self, mark: str) -> str | None:
        """Return the next line that was typed; None at Ctrl-D."""
        if not self._lines:
            try:
                text = self._ask(mark)
            except KeyboardInterrupt:
                self._shell.scanner.clear()
                return "\n"
            except EOFError:
                return None
            self._lines = text.splitlines(keepends=True) or [""]
            self._lines[-1] += "\n"
        self.line += 1
        return self._lines.pop(0)

    def discard(self) -> None:
        """Forget the other lines of what was typed or pasted."""
        self._lines.clear()

    def _ask(self, mark: str) -> str:
        return self._rows.prompt(">> ") if mark == "copy" else self._session.prompt(self._prompt)

    def _prompt(self) -> str:
        state = {"I": "", "T": "*", "E": "!"}[self._shell.session.block.status]
        prompt = f"heliosdb{state}> "
        return prompt if self._shell.scanner.is_empty else "-> ".rjust(len(prompt))


def history() -> History:
    """Return the history in ``HELIOSDB_HISTORY`` or the home folder; in memory where the file cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    chosen = os.environ.get("HELIOSDB_HISTORY")
    if chosen == "":
        return InMemoryHistory()
    path = Path(chosen).expanduser() if chosen else Path.home() / ".heliosdb_history"
    try:
        # Statements may hold secrets: the file is its owner's alone.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return InMemoryHistory()
    return _without_passwords(FileHistory)(str(path))


def _without_passwords(kind: type[History]) -> Callable[[str], History]:
    """Return a kind of history that is told of no passwords."""
    from heliosdb.sql.secrets import without_passwords

    class Discreet(kind):  # type: ignore[misc, valid-type]
        def store_string(self, string: str) -> None:
            super().store_string(without_passwords(string))

    return Discreet
