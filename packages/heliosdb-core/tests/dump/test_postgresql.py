"""What HeliosDB writes PostgreSQL reads, and the other way round.

``pg_dump.sql`` is what pg_dump 15 wrote of a database into which psql had read ``everything.sql``. The way to
PostgreSQL needs a server (POSTGRESQL_REFERENCE), psql and pg_dump.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.dump import DumpOptions, dump_script, restore

HERE = Path(__file__).parent
SERVER = os.environ.get("POSTGRESQL_REFERENCE")
fresh = EmbeddedDatabase.new_in_memory

OBJECTS = {
    "columns": """SELECT attrelid::regclass::text, rank() OVER (PARTITION BY attrelid ORDER BY attnum),
        attname, format_type(atttypid, atttypmod), attnotnull,
        attidentity, attgenerated, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped
        AND attrelid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'v'))""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), obj_description(oid)
        FROM pg_constraint WHERE conrelid >= 16384""",
    "sequences": """SELECT seqrelid::regclass::text, seqstart, seqincrement, seqmin, seqmax, seqcycle, seqcache,
        format_type(seqtypid, NULL), pg_sequence_last_value(seqrelid) FROM pg_sequence""",
    "types": """SELECT typname, typtype, typnotnull, typdefault, format_type(typbasetype, typtypmod),
        obj_description(oid, 'pg_type') FROM pg_type WHERE oid >= 16384 AND typtype IN ('e', 'd', 'c')""",
    "labels": "SELECT enumtypid::regtype::text, enumlabel, rank() OVER (PARTITION BY enumtypid ORDER BY enumsortorder)"
    " FROM pg_enum",
    "fields": """SELECT t.oid::regtype::text, rank() OVER (PARTITION BY t.oid ORDER BY a.attnum), a.attname,
        format_type(a.atttypid, a.atttypmod)
        FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.typtype = 'c' AND t.oid >= 16384
        AND a.attnum > 0 AND NOT a.attisdropped""",
    "relations": """SELECT oid::regclass::text, relkind, relpersistence, obj_description(oid, 'pg_class') FROM pg_class
        WHERE oid >= 16384 AND relkind IN ('r', 'v', 'S', 'i')""",
    "schemas": "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname !~ '^pg_'",
}


def contents(database: EmbeddedDatabase) -> dict[str, Any]:
    """Return all that SQL tells of a database, and all rows, whatever the order in which things were made."""
    session = database.session()
    session.execute("SET search_path = ''")
    found: dict[str, Any] = {}
    for what, query in OBJECTS.items():
        rows = [tuple(row) for row in session.execute(query)[0].rows]
        # What is temporary stays behind.
        found[what] = sorted((row for row in rows if "passing" not in str(row[0])), key=repr)
    for relation in session.catalog.relations():
        if relation.kind in ("table", "view") and relation.persistence != "temporary":
            lines: list[str] = []
            name = ".".join('"' + part.replace('"', '""') + '"' for part in (relation.schema, relation.name))
            session.copy_to(f"COPY (SELECT * FROM {name}) TO STDOUT", lines.append)
            found[name] = sorted("".join(lines).splitlines())
    session.close()
    return found


def test_a_dump_of_pg_dump_makes_the_database_that_it_was_made_of(everything: EmbeddedDatabase) -> None:
    with fresh() as other:
        report = restore(other, str(HERE / "pg_dump.sql"))
        expected, found = contents(everything), contents(other)
        for what in expected:
            assert found[what] == expected[what], what
        assert report.skipped == {"owners": 27}


def test_what_was_restored_is_dumped_the_same_again() -> None:
    with fresh() as first, fresh() as second:
        restore(first, str(HERE / "pg_dump.sql"))
        once = "".join(dump_script(first))
        restore(second, _file(once))
        assert "".join(dump_script(second)) == once


def _file(text: str) -> Any:
    import io

    return io.BytesIO(text.encode())


# -- with a server -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """Return what makes databases on the server, gone at the end: name -> connection string."""
    if SERVER is None or shutil.which("psql") is None or shutil.which("pg_dump") is None:
        pytest.skip("no reference server: POSTGRESQL_REFERENCE, psql and pg_dump are needed")
    made: list[str] = []

    def make(name: str) -> str:
        name = f"heliosdb_dump_{name}_{os.getpid()}"
        _psql(SERVER, f'DROP DATABASE IF EXISTS "{name}"')
        _psql(SERVER, f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
        made.append(name)
        return f"{SERVER} dbname={name}"

    yield make
    for name in made:
        _psql(SERVER, f'DROP DATABASE IF EXISTS "{name}"')


def _psql(connection: str | None, command: str | None = None, script: str | None = None) -> None:
    assert connection is not None
    words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection]
    words += ["-c", command] if command is not None else ["-1", "-f", "-"]
    done = subprocess.run(words, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _pg_dump(connection: str) -> str:
    done = subprocess.run(["pg_dump", "--no-owner", "-d", connection], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return re.sub(r"^\\(un)?restrict .*\n", "", done.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "options",
    [DumpOptions(), DumpOptions(inserts=True), DumpOptions(rows_per_insert=4), DumpOptions(clean=True, if_exists=True)],
)
def test_postgresql_makes_the_same_database_of_a_dump(
    everything: EmbeddedDatabase, server: Any, options: DumpOptions
) -> None:
    straight, through = server("straight"), server("through")
    _psql(straight, script=(HERE / "everything.sql").read_text())
    _psql(through, script="".join(dump_script(everything, options)))
    assert _pg_dump(through) == _pg_dump(straight)
    if options.clean:
        _psql(through, script="".join(dump_script(everything, options)))
        assert _pg_dump(through) == _pg_dump(straight)


def test_there_and_back_is_the_same_database(everything: EmbeddedDatabase, server: Any) -> None:
    through = server("there")
    _psql(through, script="".join(dump_script(everything)))
    with fresh() as other:
        restore(other, _file(_pg_dump(through)))
        assert contents(other) == contents(everything)
