"""CSV files: how they are written is found out, no value is lost, and what is wrong is named with its line."""

from __future__ import annotations

import io
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.errors import BadCopyFileFormat, CharacterNotInRepertoire, DuplicateTable, Error, InvalidParameterValue
from heliosdb.transfer import CsvDialect, export, import_file

fresh = EmbeddedDatabase.new_in_memory


def imported(tmp_path: Path, content: str | bytes, **options: Any) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """Return the types and rows that a file becomes."""
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with fresh() as database:
        import_file(database, str(path), **options)
        columns = database.query(
            "SELECT attname, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
            " ORDER BY attnum"
        )
        return dict(map(tuple, columns)), [tuple(row) for row in database.query("SELECT * FROM t")]


def test_types_are_found_out(tmp_path: Path) -> None:
    types, rows = imported(
        tmp_path,
        "Id,Name,price,code,born,at,ok,f,big,empty\n"
        "1,Ann,1.50,007,2000-02-29,2024-01-01T10:00:00,true,1e3,9223372036854775808,\n"
        '2,"O""Hara, Jr",-2,1,1999-12-31,2024-01-01 10:00,False,NaN,-1,\n',
    )
    assert types == {
        "id": "bigint",
        "name": "text",
        "price": "numeric",
        "code": "text",
        "born": "date",
        "at": "timestamp without time zone",
        "ok": "boolean",
        "f": "double precision",
        "big": "numeric",
        "empty": "text",
    }
    assert rows[0][:8] == (
        1,
        "Ann",
        Decimal("1.50"),
        "007",
        date(2000, 2, 29),
        datetime(2024, 1, 1, 10),
        True,
        1000.0,
    )
    assert rows[1][1] == 'O"Hara, Jr'
    assert rows[1][9] is None


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("2024-01-01 00:00:00+15:59", "timestamp with time zone"),
        ("2024-01-01 00:00:00+16:00", "text"),
        ("1e-300", "double precision"),
        ("1e-400", "text"),
        ("1e400", "text"),
        ("0e5", "double precision"),
        ("-Infinity", "double precision"),
        ("." + "1" * 16_382, "numeric"),
        ("." + "1" * 16_384, "text"),
    ],
)
def test_a_type_is_taken_only_if_it_has_the_value(tmp_path: Path, value: str, type_: str) -> None:
    types, rows = imported(tmp_path, f"v\n{value}\n", dialect=CsvDialect(header=True))
    assert types == {"v": type_}
    assert rows == [(value,)] or type_ != "text"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path: Path, delimiter: str) -> None:
    content = f"a{delimiter}b\n1{delimiter}x, y\n2{delimiter}z\n".replace("x, y", '"x, y"')
    types, rows = imported(tmp_path, content)
    assert types == {"a": "bigint", "b": "text"}
    assert rows == [(1, "x, y"), (2, "z")]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("id,name\n1,Ann\n2,Bob\n", ["id", "name"]),
        ("1,Ann\n2,Bob\n", ["column1", "column2"]),
        ("first,last\nAnn,Lee\nBob,Ray\n", ["first", "last"]),
        ("Ann,Lee\nBob,Ray\nAnn,Ray\n", ["column1", "column2"]),
        ("a,a,\n1,2,3\n", ["column1", "column2", "column3"]),
        ("id,name,name\n1,Ann,Lee\n", ["id", "name", "name_2"]),
        ("name,name,id\nAnn,Lee,1\n", ["name", "name_2", "id"]),
        (",a,b\n0,1,x\n", ["column1", "a", "b"]),
        ("NA,NA\n1,2\n", ["column1", "column2"]),
        ("name,name\nAnn,Lee\n", ["column1", "column2"]),
        ("5,5,x\n1,2,3\n", ["column1", "column2", "column3"]),
        ("2024-01-01,x\n2024-01-02,y\n", ["column1", "column2"]),
        ("name\nAnn\n", ["name"]),
    ],
)
def test_a_header_is_found_out(tmp_path: Path, content: str, names: list[str]) -> None:
    types, _ = imported(tmp_path, content)
    assert list(types) == names


def test_what_is_said_is_not_found_out(tmp_path: Path) -> None:
    types, rows = imported(tmp_path, "a,A,,a b\n1,2,3,NA\n", dialect=CsvDialect(header=True, null="NA"))
    assert list(types) == ["a", "a_2", "column3", "a b"]
    assert rows == [(1, 2, 3, None)]
    types, rows = imported(tmp_path, "x;y,z\n", dialect=CsvDialect(header=False, delimiter=","))
    assert rows == [("x;y", "z")]
    types, rows = imported(tmp_path, "a,b\n'x,y',z\n", dialect=CsvDialect(quote="'"))
    assert rows == [("x,y", "z")]


def test_a_value_far_down_is_met_in_time(tmp_path: Path) -> None:
    """The types are those of all values, not of the first thousands."""
    lines = "".join(f"{n},{n}\n" for n in range(60_000))
    types, rows = imported(tmp_path, "a,b\n" + lines + "x,007\n")
    assert types == {"a": "text", "b": "text"}
    assert rows[-1] == ("x", "007")
    assert len(rows) == 60_001


def test_quotes_hold_lines_and_empty_texts(tmp_path: Path) -> None:
    types, rows = imported(tmp_path, 'a,b,c\n"two\nlines","",\n"say ""no""",x,y\n\n')
    assert rows == [("two\nlines", "", None), ('say "no"', "x", "y")]
    assert types == {"a": "text", "b": "text", "c": "text"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_say_what_they_are(tmp_path: Path, encoding: str) -> None:
    _, rows = imported(tmp_path, "a,b\n1,Łódź €\n".encode(encoding))
    assert rows == [(1, "Łódź €")]


@pytest.mark.parametrize(
    ("written", "said"),
    [("utf-8-sig", "UTF8"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "UTF-16BE"), ("utf-16", "utf-16")],
)
def test_a_mark_is_no_part_of_the_first_name(tmp_path: Path, written: str, said: str) -> None:
    mark = "\ufeff" if written.endswith("e") else ""
    types, rows = imported(tmp_path, f"{mark}a,b\n1,ü\n".encode(written), dialect=CsvDialect(encoding=said))
    assert (list(types), rows) == (["a", "b"], [(1, "ü")])


@pytest.mark.parametrize("encoding", ["hex", "rot13", "undefined", "a\0b", "ü"])
def test_what_is_no_encoding_of_text(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InvalidParameterValue, match="is not known"):
        imported(tmp_path, "a,b\n1,2\n", dialect=CsvDialect(encoding=encoding))


def test_other_encodings_are_said(tmp_path: Path) -> None:
    content = "a,b\r\n1,Müller\r\n".encode("latin-1")
    with pytest.raises(CharacterNotInRepertoire, match=r'line 2 of .*encoding "utf-8": 0xfc'):
        imported(tmp_path, content)
    _, rows = imported(tmp_path, content, dialect=CsvDialect(encoding="latin-1"))
    assert rows == [(1, "Müller")]
    with pytest.raises(InvalidParameterValue, match='encoding "klingon" is not known'):
        imported(tmp_path, content, dialect=CsvDialect(encoding="klingon"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3 of .* has 3 values, not 2"),
        ("a,b\n1,2\n7\n", "line 3 of .* has 1 value, not 2"),
        ('a,b\n1,"open\n2,3\n', "unterminated CSV quoted field"),
        ("a,b\n1,2\n\\.\n3,4\n", "would end the rows"),
        (b"a,b\n1,\x00\n", "binary|NUL"),
        (bytes(range(1, 256)), ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises((BadCopyFileFormat, CharacterNotInRepertoire)) as caught:
        imported(tmp_path, content)
    assert re.search(words, caught.value.message)


def test_rows_are_added_to_a_table(tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("Name,ID\nx,1\ny,2\n")
    with fresh() as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, name text, rest text DEFAULT 'r')")
        import_file(database, str(path), table="t", append=True)
        assert [tuple(row) for row in database.query("SELECT * FROM t ORDER BY id")] == [(1, "x", "r"), (2, "y", "r")]
        with pytest.raises(DuplicateTable):
            import_file(database, str(path), table="t")
        path.write_text("Name,ID\nz,3\nw,1\n")
        with pytest.raises(Error) as caught:
            import_file(database, str(path), table="t", append=True)
        assert caught.value.sqlstate == "23505"
        path.write_text("Name,ID\nz,nine\n")
        with pytest.raises(Error) as caught:
            import_file(database, str(path), table="t", append=True)
        assert caught.value.context == 'COPY t, line 2, column id: "nine"'
        assert database.query("SELECT count(*) FROM t")[0][0] == 2


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))),
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            st.one_of(st.none(), st.floats()),
            st.one_of(st.none(), st.dates()),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_goes_out_comes_back(rows: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    with fresh() as database:
        database.execute("CREATE TABLE t (a text, b bigint, c float8, d date)")
        for row in rows:
            database.execute("INSERT INTO t VALUES ($1, $2, $3, $4)", row)
        export(database, str(path), tables=("t",))
        database.execute("CREATE TABLE u AS SELECT * FROM t LIMIT 0")
        import_file(database, str(path), table="u", append=True, dialect=CsvDialect(header=True, delimiter=","))
        assert database.query("SELECT a, b, c::text, d FROM u") == database.query("SELECT a, b, c::text, d FROM t")


@settings(max_examples=25, deadline=None)
@given(
    columns=st.lists(
        st.sampled_from(
            [
                st.text(alphabet="ab,;\t|\"'\n0 .-:", max_size=8),
                st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,5})?", fullmatch=True),
                st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2})?", fullmatch=True),
                st.from_regex(r"-?[0-9]{1,3}e-?[0-9]{1,3}|NaN|true|f", fullmatch=True),
            ]
        ),
        min_size=1,
        max_size=4,
    ),
    seed=st.data(),
)
def test_whatever_is_in_a_file_never_fails_on_a_type(
    columns: list[Any], seed: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import csv

    rows = seed.draw(st.lists(st.tuples(*columns), min_size=1, max_size=8))
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    with fresh() as database:
        import_file(database, str(path), kind="csv", dialect=CsvDialect(header=False, delimiter=","))
        stored = database.query("SELECT count(*) FROM t")[0][0]
        assert stored == len(rows)


def test_standard_input_and_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    class Stdin:
        buffer = Pipe(b"a,b\n1,x\n")

    monkeypatch.setattr(sys, "stdin", Stdin())
    with fresh() as database:
        import_file(database, "-", table="t")
        export(database, "-", tables=("t",))
    assert capfdbinary.readouterr().out == b"a,b\n1,x\n"
