"""Long VALUES lists that are read as text give the rows, and the errors, of those that are parsed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors
from heliosdb.sql import value_rows
from heliosdb.sql.parser import entry, parse_one
from heliosdb.sql.script import split
from heliosdb.sql.value_rows import cut_rows

TYPES = (
    "integer",
    "bigint",
    "smallint",
    "text",
    "varchar(4)",
    "char(3)",
    "double precision",
    "real",
    "numeric(6,2)",
    "numeric",
    "boolean",
    "date",
    "timestamptz",
    "interval",
    "bytea",
    "uuid",
    "jsonb",
    "integer[]",
)
CELLS = (
    *("0", "-0", "7", "-7", "2147483647", "-2147483648", "2147483648", "9223372036854775808", "007"),
    *("1.5", "-0.0", ".5", "1e3", "1E-400", "1e400", "-2.50", "123456.789"),
    *("'a'", "''", "'it''s'", "'12'", "' 7 '", "'2020-02-29'", "'now-here'", "'NaN'", "'{1,2}'", "'Ä€'", "'abcdef'"),
    *("'t'", "'1 day'", "'infinity'", "'00000000-0000-0000-0000-000000000001'", "'\\x00ff'"),
    *("NULL", "null", "TRUE", "false"),
)
ODD_CELLS = (
    "DEFAULT",
    "1 + 1",
    "E'x\\n'",
    "$$d$$",
    "lower('X')",
    "'a' 'b'",
    "+5",
    "- 5",
    "'a'::text",
    "(1)",
    "x",
    "1.",
)


def outcome(types: Sequence[str], text: str, *, as_text: bool) -> Any:
    length = 0 if as_text else 1 << 40
    with pytest.MonkeyPatch.context() as patch:
        for module in (entry, value_rows):
            patch.setattr(module, "LONG_TEXT", length)
        with EmbeddedDatabase.new_in_memory() as database:
            columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(types))
            database.execute(f"CREATE TABLE t ({columns})")
            try:
                database.execute(text)
            except errors.Error as error:
                return error.sqlstate, str(error), error.position
            return [repr(tuple(row)) for row in database.query("SELECT * FROM t")]


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3), st.data())
def test_rows_as_text_are_the_rows_that_are_parsed(types: list[str], data: st.DataObject) -> None:
    usual = st.sampled_from(CELLS)
    cell = data.draw(st.sampled_from([usual, usual, st.one_of(usual, st.sampled_from(ODD_CELLS))]))
    width = st.just(len(types))
    if data.draw(st.integers(0, 9)) == 0:
        width = st.integers(1, 3)
    rows = data.draw(st.lists(width.flatmap(lambda n: st.lists(cell, min_size=n, max_size=n)), min_size=1, max_size=4))
    blank = data.draw(st.sampled_from(["", " ", "\n", " \t"]))
    written = f",{blank}".join(f"({blank}{f'{blank},'.join(row)}{blank})" for row in rows)
    head = data.draw(
        st.sampled_from(["INSERT INTO t VALUES", "insert into public.t\nvalues ", 'INSERT INTO "t" VALUES'])
    )
    tail = data.draw(st.sampled_from(["", "", " ;", " RETURNING c0", " ON CONFLICT DO NOTHING", " garbage"]))
    text = head + blank + written + tail
    assert outcome(types, text, as_text=True) == outcome(types, text, as_text=False)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TYPES), st.lists(st.sampled_from(CELLS), min_size=1, max_size=5))
@example("double precision", ["-0.0", "-0", "0"])
@example("varchar(4)", ["'abcde'"])
@example("integer", ["NULL", "NULL"])
def test_every_type_reads_cells_as_its_input_does(type_: str, cells: list[str]) -> None:
    text = "INSERT INTO t VALUES " + ", ".join(f"({cell})" for cell in cells)
    assert outcome([type_], text, as_text=True) == outcome([type_], text, as_text=False)


def long_insert(rows: int = 3000) -> str:
    return "INSERT INTO t (id, s) VALUES " + ",\n".join(f"({n}, 'it''s; ({n}')" for n in range(rows))


def test_a_long_list_is_cut_and_its_statement_ends_where_it_ends() -> None:
    text = long_insert()
    cut = cut_rows(text)
    assert cut is not None
    assert len(cut[0]) == len(text)
    assert cut[0].rstrip() == text[: text.index("),\n") + 1]
    tree = parse_one(text)
    assert len(tree.source.rows) == 1  # type: ignore[union-attr]
    script = f"{text} ;\nSELECT ';'; {text} RETURNING id; SELECT 2"
    assert [part.text for part in split(script)] == [text, "SELECT ';'", f"{text} RETURNING id", "SELECT 2"]
    assert [script[part.offset :][:6] for part in split(script)] == ["INSERT", "SELECT", "INSERT", "SELECT"]


def test_what_follows_the_rows_keeps_its_position() -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE TABLE t (id integer PRIMARY KEY, s text, d date DEFAULT '2020-01-01')")
        text = long_insert()
        assert database.query(text + " RETURNING id, d")[2999]["id"] == 2999
        assert database.execute(text + " ON CONFLICT (id) DO UPDATE SET s = 'x' WHERE t.id < 5") == 5
        assert database.query("SELECT count(*), min(s) FROM t WHERE s <> 'x'") == [(2995, "it's; (10")]
        with pytest.raises(errors.UndefinedColumn) as caught:
            database.execute(text + " RETURNING nothing")
        assert caught.value.position == len(text) + 12
        with pytest.raises(errors.UniqueViolation):
            database.execute(text)


def test_columns_that_generate_themselves_are_guarded() -> None:
    with EmbeddedDatabase.new_in_memory() as database:
        database.execute("CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, s text)")
        with pytest.raises(errors.GeneratedAlways):
            database.execute(long_insert())
        overriding = long_insert().replace("VALUES", "OVERRIDING SYSTEM VALUE VALUES")
        assert database.execute(overriding) == 3000
        assert database.execute(long_insert().replace("VALUES", "OVERRIDING USER VALUE VALUES")) == 3000
        assert database.query("SELECT max(id), count(*), count(DISTINCT s) FROM t") == [(3000, 6000, 3000)]
