"""``heliosdb demo``: the world's airports in tables, and the answers to questions about them.

The data comes from the package ``airportsdata`` (https://pypi.org/project/airportsdata). Everything shown is run as it
is shown: the statements by the shell, the Python code by the interpreter.
"""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from heliosdb.cli.demo_questions import QUESTIONS, SCHEMA
from heliosdb.cli.progress import progress
from heliosdb.cli.shell import Shell
from heliosdb.embedded import EmbeddedDatabase
from heliosdb.plugin.host import load_plugins
from heliosdb.types.definitions import resolve_implementation

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run_demo"]

EMBEDDED = """\
rows = db.query("SELECT name, elevation FROM airport WHERE country = $1 ORDER BY elevation DESC LIMIT 2", ("CH",))
for row in rows:
    print(row["name"], row["elevation"])

with db.begin_transaction() as transaction:
    moved = transaction.execute("UPDATE airport SET elevation = elevation + $1 WHERE country = $2", (1, "NL"))
    print(f"{moved} airports raised above the sea, and let down again")
"""

DBAPI = """\
import heliosdb

with heliosdb.connect(":memory:") as connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE visit (iata text, day date)")
    cursor.executemany("INSERT INTO visit VALUES (%s, %s)", [("LIS", "2026-05-01"), ("OPO", "2026-05-03")])
    cursor.execute("SELECT max(day) - min(day) AS days FROM visit WHERE day > %(since)s", {"since": "2026-01-01"})
    print(cursor.fetchone(), [column.name for column in cursor.description])
"""

SAVEPOINT = """\
BEGIN;
DELETE FROM airport WHERE country = 'IS';
SAVEPOINT before_france;
DELETE FROM airport WHERE country = 'FR';
ROLLBACK TO SAVEPOINT before_france;
SELECT country, count(*) AS airports FROM airport WHERE country IN ('IS', 'FR') GROUP BY country;
ROLLBACK;
"""

EXPLAIN = "EXPLAIN (ANALYZE, CODEGEN) SELECT name FROM airport WHERE country = 'NP' AND elevation > 9000"


FLIGHTS = """\
import itertools, sys, heliosdb

with heliosdb.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("CREATE TABLE flight (number serial PRIMARY KEY, departure timestamptz DEFAULT now())")
    for _ in itertools.count():
        (number,) = connection.execute("INSERT INTO flight DEFAULT VALUES RETURNING number").fetchone()
        print(number, flush=True)
"""
ANSWERED = 500
"""Flights that the process has reported when it is killed."""


def run_demo(*, pause: bool = False) -> None:
    """Run the demo on standard output."""
    airports = load_airports()
    started = time.perf_counter()
    show = highlighter()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "demo.helio")
        failures = show_questions(path, airports, show, pause=pause)
        heading("On disk: another process writes, and is killed in the middle of it")
        show_crash(path, show)
        for demo in load_plugins().freeze().demos.values():
            heading(demo.title)
            resolve_implementation(demo.run)(DemoStage(folder, show))
    click.echo(f"\nAll of this took {time.perf_counter() - started:.1f}s. heliosdb repl opens a shell.")
    if failures:
        sys.exit(3)


def show_questions(path: str, airports: list[dict[str, Any]], show: Callable[[str], str], *, pause: bool) -> int:
    """Fill a new database, ask it, and return how many statements failed."""
    with EmbeddedDatabase(path) as db:
        shell = Shell(db.database, timing=True)
        # DISTANCE is Python: any function can become a function of SQL.
        shell.session.create_function(
            "distance", ["float8"] * 4, "float8", distance, strict=True, volatility="immutable"
        )
        heading(f"Tables for {len(airports):,} airports")
        click.echo(show(SCHEMA.strip()))
        seconds = fill(db, airports)
        rate = len(airports) / seconds
        click.echo(
            f"\n{len(airports):,} rows inserted in {seconds:.2f}s ({rate:,.0f} a second), keys and checks included"
        )
        for number, question in enumerate(QUESTIONS, 1):
            heading(f"{number}. {question.text}")
            click.echo(show(question.sql + ";"))
            shell.run(question.sql, ";")
            if pause:
                click.pause()
        heading("A transaction with a savepoint: nothing of it stays")
        for statement in SAVEPOINT.strip().split("\n"):
            click.echo(show(statement))
            shell.run(statement.rstrip(";"), ";")
        heading("How a statement is run: by Python code that was made for it")
        click.echo(show(EXPLAIN + ";"))
        for (line,) in shell.query(EXPLAIN):
            click.echo(line)
        heading("The same from Python: the embedded API ...")
        run_python(EMBEDDED, show, {"db": db})
        heading("... and the DB-API")
        run_python(DBAPI, show, {})
        failures = shell.failures
        shell.close()
    return failures


class DemoStage:
    """What the parts of plugins are shown on (``heliosdb.spi.Stage``)."""

    def __init__(self, folder: str, show: Callable[[str], str]) -> None:
        self.folder = folder
        self._show = show

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    def python(self, code: str, **names: Any) -> dict[str, Any]:
        """Print Python code, run it, and print what it prints."""
        run_python(code, self._show, names)
        return names

    def sql(self, database: EmbeddedDatabase, *statements: str) -> None:
        """Print statements and what the database answers."""
        shell = Shell(database.database, timing=True)
        for statement in statements:
            click.echo(self._show(statement + ";"))
            shell.run(statement, ";")
        failures = shell.failures
        shell.close()
        if failures:
            raise click.ClickException(f"{failures} statements failed")


def show_crash(path: str, show: Callable[[str], str]) -> None:
    """Let another process commit row after row, kill it, and count what is there."""
    click.echo(show(FLIGHTS.rstrip()))
    answered = 0
    with subprocess.Popen([sys.executable, "-c", FLIGHTS, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            answered = int(line)
            if answered == ANSWERED:
                process.kill()
        # What it had written into the pipe by then was read to the end.
    started = time.perf_counter()
    with EmbeddedDatabase(path) as db:
        opened = time.perf_counter() - started
        (flights, last), (airports,) = (
            db.query("SELECT count(*), max(number) FROM flight")[0],
            db.query("SELECT count(*) FROM airport")[0],
        )
    click.echo(f"\nkilled after it had reported flight {answered}; opened again in {opened * 1000:.0f} ms:")
    click.echo(f"  {flights} flights, the last is number {last}; {airports:,} airports")
    if flights < answered:
        raise click.ClickException("a flight is missing that had been committed")


def load_airports() -> list[dict[str, Any]]:
    """Return the data set; ClickException that says how to install it where it is not there."""
    try:
        import airportsdata
    except ImportError:
        raise click.ClickException(
            'the demo needs the package airportsdata: pip install "heliosdb-core[demo]"'
        ) from None
    return list(airportsdata.load("ICAO").values())


def fill(db: EmbeddedDatabase, airports: list[dict[str, Any]]) -> float:
    """Make the tables and fill them; return the seconds it took."""
    started = time.perf_counter()
    db.execute(SCHEMA)
    zones = sorted({airport["tz"] for airport in airports})
    db.prepare("INSERT INTO timezone (name) VALUES ($1)").execute_many([(zone,) for zone in zones])
    insert = db.prepare("INSERT INTO airport VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
    rows = [
        (
            a["icao"],
            a["iata"] or None,
            a["name"],
            a["city"],
            a["country"],
            round(a["elevation"]),
            a["lat"],
            a["lon"],
            a["tz"],
        )
        for a in airports
    ]
    batch = 4000
    with progress("airports", len(rows)) as bar:
        for begin in range(0, len(rows), batch):
            insert.execute_many(rows[begin : begin + batch])
            bar.advance(batch)
    return time.perf_counter() - started


def distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return kilometres between two places on a sphere of the earth's size (haversine)."""
    one, other = math.radians(latitude), math.radians(other_latitude)
    turned = math.radians(other_longitude - longitude)
    half = math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(turned / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(half))


def heading(text: str) -> None:
    """Print a heading."""
    click.echo()
    click.secho(text, bold=True)
    click.echo()


def highlighter() -> Callable[[str], str]:
    """Return what colours code: for a terminal; elsewhere code stays as it is."""
    if not sys.stdout.isatty():
        return lambda code: code
    from pygments import highlight
    from pygments.formatters import TerminalFormatter
    from pygments.lexers.python import PythonLexer
    from pygments.lexers.sql import PostgresLexer

    def coloured(code: str) -> str:
        lexer = PythonLexer() if "print(" in code else PostgresLexer()
        return str(highlight(code, lexer, TerminalFormatter())).rstrip("\n")

    return coloured


def run_python(code: str, show: Callable[[str], str], names: dict[str, Any]) -> None:
    """Print a piece of Python, run it, and print what it prints."""
    click.echo(show(code.rstrip()))
    printed = io.StringIO()
    started = time.perf_counter()
    with redirect_stdout(printed):
        # Our own text from above, run so that what is shown is what happened.
        exec(code, names)  # noqa: S102
    seconds = time.perf_counter() - started
    for line in printed.getvalue().splitlines():
        click.echo(f"  {line}")
    click.echo(f"  ({seconds:.3f}s)")
