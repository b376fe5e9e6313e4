"""The shell: one session with variables and output settings, which runs statements and meta-commands from any source
of lines.

``heliosdb repl`` and ``heliosdb run`` are this class with different sources and defaults. What a plugin's meta-command
may use of it is public and listed here: ``session``, ``database``, ``variables``, ``style``, ``print``,
``print_table``, ``print_result``, ``query``, ``run``.

    source --line--> scanner --statement--> session --results--> table --lines--> out
                        \\--backslash--> meta-command

A failed statement is reported and the shell goes on, unless the variable ON_ERROR_STOP is set: then ``Stopped`` ends
all sources.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from heliosdb.cli.pager import page
from heliosdb.cli.report import error_lines, notice_lines, printable, verbose_error_lines
from heliosdb.cli.scanner import Scanner, Stop
from heliosdb.cli.table import Style, Table, format_table
from heliosdb.errors import CharacterNotInRepertoire, Error, InternalFailure
from heliosdb.sql.script import split

if TYPE_CHECKING:
    from types import FrameType

    from heliosdb.catalog.result import Result
    from heliosdb.cli.source import Source
    from heliosdb.database import Database
    from heliosdb.session import Notice

__all__ = ["Quit", "Shell", "Stopped", "plain_word"]

MAX_INCLUDES = 50
_copies = re.compile(r"copy\b", re.IGNORECASE)


class Quit(Exception):
    r"""``\q``: leave the current source."""


class Stopped(Exception):
    """A statement failed while ON_ERROR_STOP is set: leave all sources."""


def plain_word(line: str) -> str | None:
    """Return which of psql's words without a backslash a line at the prompt is: ``help``, ``exit``, ``quit``."""
    word = line.strip().removesuffix(";").rstrip().lower()
    return word if word in ("help", "exit", "quit") else None


class Shell:
    """See the module."""

    def __init__(
        self,
        database: Database,
        *,
        out: IO[str] | None = None,
        err: IO[str] | None = None,
        product: str = "heliosdb",
        interactive: bool = False,
        timing: bool = False,
        show_tags: bool = True,
    ) -> None:
        self.database = database
        self.session = database.session(on_notice=self.on_notice)
        self.product = product
        self.interactive = interactive
        self.timing = timing
        self.show_tags = show_tags
        """Whether ``Query OK`` is printed for statements without rows."""
        self.standard_out = self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self.style = Style()
        self.variables: dict[str, str] = {
            "VERBOSITY": "default",
            "ERROR": "false",
            "SQLSTATE": "00000",
            "ROW_COUNT": "0",
        }
        self.scanner = Scanner(self.variables)
        self.source: Source | None = None
        self.statements = 0
        self.failures = 0
        self.previous = ""
        """The latest statement, for \\g, \\watch and \\e."""
        self.last_error: tuple[Error, str, int] | None = None
        self.target: Callable[[Result], None] | None = None
        r"""Where the next statement's result goes instead of the output (\gset)."""
        self.before_output: Callable[[], None] | None = None
        """Called before anything is printed: a progress bar steps aside."""
        self.restriction: str | None = None
        r"""The key that \restrict was given: until \unrestrict has it too, no other command runs."""
        self._includes = 0
        self._interrupts = 0

    # -- lines in ------------------------------------------------------------------------------------------------------

    def process(self, source: Source) -> None:
        """Run all that a source gives. Quit ends it; Stopped passes through."""
        outer, self.source = self.source, source
        outer_scanner, self.scanner = self.scanner, Scanner(self.variables)
        self._includes += 1
        try:
            while (line := self._read(source)) is not None:
                try:
                    self.feed(line)
                except (KeyboardInterrupt, Stopped):
                    # At the prompt they end what was typed and what it included; a script they end as a whole.
                    if not self._is_at_prompt:
                        raise
                    self.scanner.clear()
                    source.discard()
            # A file's last statement needs no semicolon; what a user has not ended at the prompt was given up.
            if source.name is not None or not self.interactive:
                self.finish()
        except Quit:
            pass
        finally:
            self._includes -= 1
            self.source, self.scanner = outer, outer_scanner

    @property
    def _is_at_prompt(self) -> bool:
        """Whether a user types what is run now."""
        return self.interactive and (self.source is None or self.source.name is None)

    def _read(self, source: Source) -> str | None:
        while True:
            try:
                return source.read(self.scanner.mark)
            except CharacterNotInRepertoire as error:
                self.scanner.clear()
                self.report(error)

    def include(self, source: Source) -> None:
        """Run another source in the middle of this one."""
        if self._includes > MAX_INCLUDES:
            raise Error(f"files are nested more than {MAX_INCLUDES} deep")
        self.process(source)

    def feed(self, line: str) -> None:
        """Take a line: run each statement that ends in it and each meta-command."""
        if self._is_at_prompt and self.scanner.is_empty and not self.scanner.is_quoted:
            word = plain_word(line)
            if word in ("exit", "quit"):
                raise Quit
            if word == "help":
                line = "\\?\n"
        at = 0
        while at < len(line):
            stop, at = self.scanner.scan(line, at)
            if stop is Stop.SEMICOLON:
                self.execute_buffer(terminator=";")
            elif stop is Stop.BACKSLASH:
                at = self._meta(line, at)

    def finish(self) -> None:
        """Run a last statement that has no semicolon."""
        # A comment that nothing closes has swallowed what follows it: running it gives the error that says so.
        if not self.scanner.is_empty or self.scanner.is_quoted:
            self.execute_buffer()
        self.scanner.clear()

    def execute_buffer(self, terminator: str = "") -> bool:
        """Run the statement that has been read, and begin a new one."""
        text = self.scanner.text
        self.scanner.clear()
        return self.run(text, terminator)

    def _meta(self, line: str, at: int) -> int:
        from heliosdb.cli.meta import run_meta_command

        try:
            return run_meta_command(self, line, at)
        except Error as error:
            self.report(error)
            # What follows a failed command in its line may have been meant for it.
            return len(line)

    # -- statements ----------------------------------------------------------------------------------------------------

    def run(self, text: str, terminator: str = "") -> bool:
        """Run a statement (or several, as one transaction) and print its results; return whether all went well."""
        offset = next((part.offset for part in split(text)), None)
        if offset is None:
            return True
        shown = text[offset:] + terminator
        self.previous = shown
        self.statements += 1
        started = time.perf_counter()
        try:
            with self.interruptible():
                results = self._copied(text[offset:]) or self.session.execute(text)
            seconds = time.perf_counter() - started
            for result in results:
                self._outcome(result, seconds)
        except Error as error:
            self.report(error, shown)
            if self._interrupts:
                # Who interrupts wants an end, not the next statement of the line or script.
                raise Stopped from None
        except KeyboardInterrupt:
            self._settle()
            self.report(Error("canceled by the user"), shown)
            raise Stopped from None
        except (BrokenPipeError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001 - functions of plugins run in here; the shell outlives them
            self._settle()
            failure = InternalFailure(
                f"{type(error).__name__}: {error}", hint="This is an error of the engine or a plugin."
            )
            self.report(failure, shown)
        else:
            self._note_success(results)
            return True
        return False

    def _copied(self, text: str) -> list[Result] | None:
        """Run a COPY whose data is among the lines of the source, or goes to the output; None for anything else."""
        if _copies.match(text) is None:
            return None
        from heliosdb.cli.transfer import copy_statement

        return copy_statement(self, text)

    def _settle(self) -> None:
        """Leave a transaction that an exception from outside the engine has left in the middle of a statement."""
        if self.session.block.state == "alone":
            self.session.block.rollback()

    def _outcome(self, result: Result, seconds: float) -> None:
        if self.target is not None and result.columns is not None:
            self.target(result)
        elif result.columns is not None:
            self.print_result(result, seconds)
        elif self.show_tags:
            self.print(f"Query OK{_affected(result)}{self._time(seconds)}")
        elif self.timing:
            self.print(f"Time: {seconds * 1000:.3f} ms")

    def _time(self, seconds: float | None) -> str:
        return f" ({seconds:.3f}s)" if self.timing and seconds is not None else ""

    def _note_success(self, results: Sequence[Result]) -> None:
        self.variables["ERROR"] = "false"
        self.variables["SQLSTATE"] = "00000"
        if results:
            self.variables["ROW_COUNT"] = str(results[-1].row_count or 0)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[str | None, ...]]:
        """Run a query of a meta-command's own and return its rows as text."""
        with self.interruptible():
            result = self.session.execute(sql, parameters)[-1]
        return [tuple(row) for row in self.table_of(result).rows]

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Make Ctrl-C cancel the running statement; a second one, where the engine does not get to look, breaks it
        off.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._interrupts = 0

        def on_interrupt(number: int, frame: FrameType | None) -> None:
            self._interrupts += 1
            if self._interrupts > 1 or not self.session.current_query:
                # The engine does not look, or has not begun, and would forget that it was asked.
                raise KeyboardInterrupt
            self.session.interrupt()

        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    # -- output --------------------------------------------------------------------------------------------------------

    def _clear_the_way(self) -> None:
        if self.before_output is not None:
            self.before_output()

    def print(self, text: str = "") -> None:
        """Print a line to where results go."""
        self._clear_the_way()
        click.echo(text, file=self.out)

    def say(self, text: str) -> None:
        """Print what a command has done, unless only results are wanted."""
        self._clear_the_way()
        if self.show_tags:
            click.echo(text, file=self.standard_out)

    def table_of(self, result: Result) -> Table:
        """Return a result's rows as text."""
        columns = result.columns or ()
        writers = [self._writer(column.type) for column in columns]
        rows = [
            [None if value is None else write(value) for write, value in zip(writers, row, strict=True)]
            for row in result.rows
        ]
        return Table([column.name for column in columns], [column.type for column in columns], rows)

    def _writer(self, type_name: str) -> Callable[[Any], str]:
        output = self.session.types.output(type_name)
        session = self.session
        return lambda value: output(value, session)

    def print_result(self, result: Result, seconds: float | None = None) -> None:
        """Print a result's rows as a table, and how many they are."""
        self.print_table(self.table_of(result), seconds)

    def print_table(self, table: Table, seconds: float | None = None, *, footer: bool = True) -> None:
        """Print a table in the current format, through the pager where it is longer than the terminal."""
        lines = list(format_table(table, self.style, self.width))
        if footer and self.style.has_footer:
            count = len(table.rows)
            lines.append(f"({count} row{'' if count == 1 else 's'}){self._time(seconds)}")
        self.print_lines(lines)

    def print_lines(self, lines: Sequence[str]) -> None:
        """Print lines, through the pager where they are more than the terminal shows."""
        self._clear_the_way()
        if self.interactive and self.out is self.standard_out and page(lines, self.style.pager, self.out):
            return
        for line in lines:
            click.echo(line, file=self.out)

    @property
    def width(self) -> int:
        """The terminal's width in characters."""
        return shutil.get_terminal_size().columns

    # -- messages ------------------------------------------------------------------------------------------------------

    def report(self, error: Error, text: str = "", offset: int = 0) -> None:
        """Print an error; with ON_ERROR_STOP, raise Stopped."""
        self.failures += 1
        self.last_error = (error, text, offset)
        self.variables |= {"ERROR": "true", "SQLSTATE": error.sqlstate, "ROW_COUNT": "0"}
        self.variables |= {"LAST_ERROR_MESSAGE": error.message, "LAST_ERROR_SQLSTATE": error.sqlstate}
        lines = verbose_error_lines if self.variables.get("VERBOSITY") == "verbose" else error_lines
        self._print_message(lines(error, text, offset), "red")
        if _is_on(self.variables.get("ON_ERROR_STOP")):
            raise Stopped

    def on_notice(self, notice: Notice) -> None:
        """Print a notice of the session."""
        self._print_message(notice_lines(notice), "yellow")

    def notice(self, message: str, severity: str = "NOTICE") -> None:
        """Print a notice of the shell's own."""
        self._print_message([f"{severity}:  {printable(message)}"], "yellow")

    def _print_message(self, lines: Iterable[str], colour: str) -> None:
        self._clear_the_way()
        place = ""
        if self.source is not None and self.source.name is not None:
            place = f"{self.source.name}:{self.source.line}: "
        first, *rest = lines
        label, colon, message = first.partition(":")
        self.out.flush()
        click.echo(f"{place}{click.style(label + colon, fg=colour, bold=True)}{message}", file=self.err)
        for line in rest:
            click.echo(line, file=self.err)

    def close(self) -> None:
        """Close the session and an output file."""
        if self.out is not self.standard_out:
            self.out.close()
            self.out = self.standard_out
        self.session.close()


def _affected(result: Result) -> str:
    """Return ``, 3 rows affected`` where a command counts rows."""
    if result.row_count is None or result.status == result.tag:
        return ""
    return f", {result.row_count} row{'' if result.row_count == 1 else 's'} affected"


def _is_on(value: str | None) -> bool:
    return value is not None and value.lower() not in ("", "0", "off", "false", "no")
