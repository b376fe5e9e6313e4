"""Random rows survive a dump and an archive, whatever is in them."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.dump import DumpOptions, backup, dump_script, restore

fresh = EmbeddedDatabase.new_in_memory


def text_of(database: EmbeddedDatabase) -> str:
    return "".join(dump_script(database))


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
hard_text = st.one_of(
    text, st.sampled_from(["\\N", "\\.", "", "\\", "\t", "\n", "\r\n", "NULL", "\\\\.", "'", '"', "--"])
)
rows = st.lists(
    st.tuples(
        st.one_of(st.none(), hard_text),
        st.one_of(st.none(), st.floats()),
        st.one_of(st.none(), st.decimals(allow_nan=True, allow_infinity=True).filter(lambda d: not d.is_snan())),
        st.one_of(st.none(), st.binary(max_size=20)),
        st.one_of(st.none(), st.lists(st.one_of(st.none(), hard_text), max_size=4)),
        st.one_of(st.none(), st.dates()),
        st.one_of(st.none(), st.timedeltas()),
    ),
    max_size=8,
)


def test_numbers_that_no_number_of_the_grammar_is_come_back() -> None:
    with fresh() as database, fresh() as other:
        database.execute("CREATE TABLE t (f float8, g float4, n numeric)")
        database.execute("INSERT INTO t VALUES ('-0', '-0', 0), ('NaN', '-Infinity', 'NaN'), (-1e300, 1e-45, -0.00)")
        file = io.BytesIO()
        backup(database, file, file_format="sql", options=DumpOptions(inserts=True))
        file.seek(0)
        restore(other, file)
        assert text_of(other) == text_of(database)


@pytest.mark.parametrize("form", ["copy", "inserts", "archive"])
@settings(max_examples=12, deadline=None)
@given(rows=rows)
def test_random_rows_come_back(form: str, rows: list[tuple[Any, ...]]) -> None:
    fitting = [row for row in rows if row[2] is None or not row[2].is_finite() or abs(row[2]) < Decimal("1e1000")]
    fitting = [
        row for row in fitting if row[2] is None or not row[2].is_finite() or row[2].as_tuple().exponent > -16000
    ]  # type: ignore[operator]
    with fresh() as database, fresh() as other:
        database.execute("CREATE TABLE t (a text, f float8, n numeric, b bytea, l text[], d date, i interval)")
        for row in fitting:
            database.execute("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)", row)
        file = io.BytesIO()
        backup(
            database,
            file,
            file_format="archive" if form == "archive" else "sql",
            options=DumpOptions(inserts=form == "inserts"),
        )
        file.seek(0)
        assert restore(other, file).rows == len(fitting)
        assert text_of(other) == text_of(database)
