"""``make clients``: run programs of other people's drivers and tools on a server, and compare what they print with what
PostgreSQL made them print.

Each program of ``programs/`` takes host, port, user and database and prints what it saw; psql runs a script.
``expected/`` is what it prints with PostgreSQL 15 (with pgvector's adapters: what it has to be). A program whose tool
is not here is named.
``ARGS="--record PORT DATABASE"`` writes ``expected/`` anew from a PostgreSQL of the user postgres on this machine.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from heliosdb import EmbeddedDatabase
from heliosdb_server import start_server

__all__ = ["PROGRAMS", "run"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / ".clients"
JAR = "org.postgresql:postgresql:42.7.13"


def _python(name: str, *where: str) -> list[str]:
    return [sys.executable, str(HERE / "programs" / f"{name}.py"), *where]


def _node(name: str, *where: str) -> list[str]:
    return ["node", str(HERE / "programs" / f"{name}.mjs"), *where]


def _psql(name: str, host: str, port: str, user: str, database: str) -> list[str]:
    script = os.path.relpath(HERE / "programs" / f"{name}.sql", TOOLS)  # what psql puts before each error
    return ["psql", "-X", "-h", host, "-p", port, "-U", user, "-d", database, "-f", script]


def _jar() -> Path | None:
    """Return pgjdbc, where Maven has put it or has it for others."""
    repository = Path.home() / ".m2" / "repository" / "org" / "postgresql" / "postgresql"
    return next(iter([*TOOLS.glob("postgresql-*.jar"), *sorted(repository.glob("*/postgresql-*[0-9].jar"))]), None)


def _jdbc(name: str, host: str, port: str, user: str, database: str) -> list[str]:
    jar = _jar()
    assert jar is not None
    program = str(HERE / "programs" / "Jdbc.java")
    return ["java", "-cp", str(jar), program, f"jdbc:postgresql://{host}:{port}/{database}", user]


PROGRAMS: dict[str, tuple[str, Callable[..., list[str]]]] = {
    "asyncpg_program": ("python", _python),
    "psycopg_program": ("python", _python),
    "psycopg2_program": ("python", _python),
    "django_project": ("python", _python),
    "pgvector_python": ("python", _python),
    "psql": ("psql", _psql),
    "pgbench_program": ("pgbench", _python),
    "node_postgres": ("npm", _node),
    "pgvector_node": ("npm", _node),
    "jdbc": ("java", _jdbc),
}
"""By name: the tool that a program needs, and its command."""

OF_POSTGRESQL = {"psql": 15, "pgbench": 15}
"""PostgreSQL's own tools print other tables in each version: the one that ``expected/`` was recorded with."""


def missing(name: str) -> str | None:
    """Return why a program cannot run here, or None."""
    tool, _ = PROGRAMS[name]
    if tool == "python":
        return None
    if shutil.which(tool) is None:
        return f"there is no {tool}"
    if tool == "java" and _jar() is None:
        return f"Maven could not get {JAR}"
    if tool in OF_POSTGRESQL:
        version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        if not version.startswith(f"{tool} (PostgreSQL) {OF_POSTGRESQL[tool]}."):
            return f"what is recorded is of version {OF_POSTGRESQL[tool]}, here is {version}"
    return None


def install() -> None:
    """Install what the programs of Node and Java need; those of Python are a group of dependencies."""
    TOOLS.mkdir(exist_ok=True)
    if shutil.which("npm"):
        packages = ["pg@8", "pg-cursor@2", "pg-copy-streams@7", "pgvector@0.2"]
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], cwd=TOOLS, check=True)
    if shutil.which("mvn") and _jar() is None:
        copy = ["dependency:copy", f"-Dartifact={JAR}", f"-DoutputDirectory={TOOLS}"]
        subprocess.run(["mvn", "-q", "-B", *copy], cwd=TOOLS, check=False)


def run(name: str, port: int, user: str, database: str) -> str:
    """Run a program and return what it printed, errors included."""
    _, command = PROGRAMS[name]
    where = ("127.0.0.1", str(port), user, database)
    environment = {**os.environ, "PGTZ": "UTC", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command(name, *where), capture_output=True, text=True, check=False, cwd=TOOLS, timeout=300, env=environment
    )
    return done.stdout + done.stderr


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", nargs=2, metavar=("PORT", "DATABASE"))
    given = parser.parse_args()
    install()
    failed = False
    with EmbeddedDatabase.new_in_memory() as database, start_server(database, port=0) as server:
        database.execute("CREATE ROLE postgres SUPERUSER LOGIN")
        schema = (HERE / "programs" / "schema.sql").read_text(encoding="utf-8")
        database.execute("SET ROLE postgres")
        database.execute(schema)
        database.execute("RESET ROLE")
        for name in PROGRAMS:
            if (why := missing(name)) is not None:
                print(f"{name:18} skipped: {why}")
                continue
            recorded = HERE / "expected" / f"{name}.txt"
            if given.record and "vector" not in name:
                recorded.write_text(run(name, int(given.record[0]), "postgres", given.record[1]), encoding="utf-8")
            expected = recorded.read_text(encoding="utf-8").splitlines()
            found = run(name, server.port, "postgres", "app").splitlines()
            print(f"{name:18} {'as expected' if found == expected else 'DIFFERS'}, {len(expected)} lines")
            failed |= found != expected
            for line in difflib.unified_diff(expected, found, "expected", "found", lineterm="", n=1):
                print(f"    {line}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
