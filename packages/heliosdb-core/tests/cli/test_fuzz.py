"""Whatever is typed, the shell answers with results or errors and goes on."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliosdb.cli.meta import core_commands
from heliosdb.cli.shell import Shell
from heliosdb.cli.source import StandardInput
from heliosdb.database import Database

# What leaves the shell's own world: files, time, an editor.
OUTSIDE = {"watch", "cd", "o", "out", "w", "write", "i", "include", "ir", "include_relative", "g", "gx", "copy", "e"}
WORDS = [
    *(f"\\{name}" for name in sorted(core_commands()) if name not in OUTSIDE | {"edit", "warn"}),
    *(
        "select",
        "1",
        "from",
        "t",
        "'",
        '"',
        "$$",
        "/*",
        "*/",
        "--",
        "(",
        ")",
        ";",
        ",",
        "*",
        ":",
        ":x",
        ":'x'",
        "::",
        "\\",
        "\\\\",
    ),
    *(
        "begin;",
        "rollback;",
        "commit;",
        "insert into t values (1);",
        "select * from t;",
        "create table t (a int);",
        "é",
        "\x1b[2J",
    ),
    *(
        "on",
        "off",
        "csv",
        "null",
        "format",
        "x",
        "S",
        "+",
        "copy t from stdin;",
        "\\.",
        "\n",
        "\n",
        "\n",
        "\t",
        "\u2028",
        "\r",
    ),
]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database(plugins=[])
    yield database
    database.close()


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_shell_survives(database: Database, words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    shell = Shell(database, out=out, err=err)
    shell.process(StandardInput(io.BytesIO(" ".join(words).encode(errors="replace"))))
    shell.session.execute("ROLLBACK")
    assert "This is an error of the engine" not in err.getvalue()
    assert "\x1b" not in err.getvalue(), "messages do not act on the terminal"
    shell.restriction = None
    shell.scanner.clear()
    shell.style.format, shell.style.tuples_only, shell.style.expanded = "aligned", False, "off"
    shell.process(StandardInput(io.BytesIO(b"SELECT 'alive' AS state;\n")))
    assert "| alive |" in out.getvalue()
    shell.close()
