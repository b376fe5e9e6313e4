"""SQLite files: what is in them comes, as what it is; and what goes out into one comes back."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.dump import DumpOptions, dump_script
from heliosdb.errors import BadCopyFileFormat, DuplicateFile, DuplicateTable, InvalidParameterValue, UndefinedTable
from heliosdb.transfer import export, import_file

fresh = EmbeddedDatabase.new_in_memory


def made(path: Path, script: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.commit()
    connection.close()
    return str(path)


def types_of(database: EmbeddedDatabase, table: str) -> dict[str, str]:
    rows = database.query(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
        [table],
    )
    return dict(map(tuple, rows))


SHOP = """
CREATE TABLE Customer (
    CustomerId INTEGER PRIMARY KEY AUTOINCREMENT,
    Name NVARCHAR(40) NOT NULL DEFAULT 'nobody',
    "E Mail" TEXT UNIQUE,
    Credit DECIMAL(10,2) DEFAULT 0 CHECK (Credit >= 0),
    Born DATE, Seen DATETIME DEFAULT CURRENT_TIMESTAMP, Active BOOLEAN DEFAULT 1, Data JSON, Picture BLOB, Weight REAL
);
CREATE TABLE [Order Line] (
    OrderId INT, "Line" INT, CustomerId INTEGER REFERENCES Customer ON DELETE CASCADE, Note,
    PRIMARY KEY (OrderId, Line)
) WITHOUT ROWID;
CREATE INDEX by_customer ON [Order Line] (CustomerId, OrderId DESC);
CREATE UNIQUE INDEX lowered ON Customer (lower(Name)) WHERE Active;
CREATE VIEW Rich AS SELECT Name, Credit FROM Customer WHERE Credit > 10;
CREATE VIEW Odd AS SELECT Name, strftime('%Y', Born) FROM Customer;
CREATE TRIGGER t AFTER INSERT ON Customer BEGIN SELECT 1; END;
INSERT INTO Customer (Name, "E Mail", Credit, Born, Seen, Data, Picture, Weight) VALUES
    ('Ann', 'a@x', 12.5, '2000-02-29', '2024-01-01 10:00:00', '{"a": 1}', x'00ff', 1.5),
    ('O''Hara', NULL, 0, NULL, NULL, NULL, NULL, 2);
INSERT INTO Customer (CustomerId, Name) VALUES (50, 'gone');
DELETE FROM Customer WHERE CustomerId = 50;
INSERT INTO "Order Line" VALUES (1, 1, 1, 'x'), (1, 2, 2, NULL);
"""


def test_a_file_comes_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    with fresh() as database:
        report = import_file(database, made(tmp_path / "shop.db", SHOP))
        assert types_of(database, "customer") == {
            "customerid": "bigint",
            "name": "character varying(40)",
            "E Mail": "text",
            "credit": "numeric(10,2)",
            "born": "date",
            "seen": "timestamp without time zone",
            "active": "boolean",
            "data": "json",
            "picture": "bytea",
            "weight": "double precision",
        }
        assert types_of(database, '"Order Line"') == {
            "orderid": "bigint",
            "line": "bigint",
            "customerid": "bigint",
            "note": "text",
        }
        chosen = 'customerid, name, "E Mail", credit, active, picture, weight'
        rows = database.query(f"SELECT {chosen} FROM Customer ORDER BY 1")
        assert [tuple(row) for row in rows] == [
            (1, "Ann", "a@x", Decimal("12.50"), True, b"\x00\xff", 1.5),
            (2, "O'Hara", None, Decimal("0.00"), True, None, 2.0),
        ]
        assert report.rows == 4
        # What the deleted row had is not given again, as AUTOINCREMENT promises.
        database.execute("INSERT INTO customer (name) VALUES ('new')")
        assert database.query("SELECT customerid, credit, active FROM customer WHERE name = 'new'") == [
            (51, Decimal("0.00"), True)
        ]
        assert [tuple(row) for row in database.query("SELECT name FROM rich")] == [("Ann",)]
        for wrong, state in (
            ("INSERT INTO customer (name, \"E Mail\") VALUES ('x', 'a@x')", "23505"),
            ("INSERT INTO customer (name, credit) VALUES ('x', -1)", "23514"),
            ("INSERT INTO customer (name) VALUES (NULL)", "23502"),
            ('INSERT INTO "Order Line" VALUES (1, 1, 1)', "23505"),
            ('INSERT INTO "Order Line" VALUES (9, 1, 99)', "23503"),
        ):
            with pytest.raises(Exception) as caught:
                database.execute(wrong)
            assert caught.value.sqlstate == state, wrong  # type: ignore[attr-defined]
        database.execute("DELETE FROM customer WHERE customerid = 1")
        assert database.query('SELECT count(*) FROM "Order Line"')[0][0] == 1
        indexes = {name for (name,) in database.query("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}
        assert {"by_customer", "customer_pkey", "lowered"} <= indexes
        assert set(report.skipped) == {"view Odd", "trigger t"}


@pytest.mark.parametrize(
    ("declared", "values", "type_", "stored"),
    [
        ("INTEGER", "1), (NULL), (9223372036854775807", "bigint", [1, None, 2**63 - 1]),
        ("INTEGER", "1), ('x'), (2.5", "text", ["1", "x", "2.5"]),
        ("INTEGER", "1), (2.5", "double precision", [1.0, 2.5]),
        ("INTEGER", "9007199254740993), (2.5", "numeric", [Decimal(9007199254740993), Decimal("2.5")]),
        ("TEXT", "'a'), (x'00ff'), ('b'", "bytea", [b"a", b"\x00\xff", b"b"]),
        ("VARCHAR(3)", "'abc'), ('abcd'", "text", ["abc", "abcd"]),
        ("VARCHAR(3)", "'abc'", "character varying(3)", ["abc"]),
        ("DATE", "'2024-02-30'", "text", ["2024-02-30"]),
        ("DATE", "1700000000", "bigint", [1700000000]),
        ("BOOLEAN", "1), (0), (2", "bigint", [1, 0, 2]),
        ("DECIMAL(4,2)", "1.25), (100.5", "numeric", [Decimal("1.25"), Decimal("100.5")]),
        ("DECIMAL(4,2)", "0.1), (99.99), (7", "numeric(4,2)", [Decimal("0.10"), Decimal("99.99"), Decimal("7.00")]),
        ("NUMERIC", "9e999", "double precision", [float("inf")]),
        ("", "'x'), (1", "text", ["x", "1"]),
        ("", "x''", "bytea", [b""]),
        ("", "NULL", "text", [None]),
        ("FLOATING POINT", "1", "double precision", [1.0]),
        ("UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "uuid", None),
        ("UUID", "'urn:uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "text", None),
        ("JSON", "'{broken'", "text", ["{broken"]),
        ("JSON", "'[NaN]'", "text", ["[NaN]"]),
        ("JSONB", r"""'"\u0000"'""", "text", [r'"\u0000"']),
        ("JSONB", "'[1]'", "jsonb", [[1]]),
        ("DATE", "'2024-W01-1'", "text", ["2024-W01-1"]),
        ("DATE", "'2024-02-29'), (NULL", "date", [date(2024, 2, 29), None]),
        ("DATETIME", "'2024-01-01'), ('2024-01-01 10:00:00.5'", "timestamp without time zone", None),
        ("DATETIME", "'2024-01-01 10:00:00.1234567'", "text", ["2024-01-01 10:00:00.1234567"]),
        (
            "DATETIME",
            "'2024-01-01 12:00:00+02:00'), ('2024-01-01T12:00:00Z'",
            "timestamp with time zone",
            [datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 1, 12, tzinfo=UTC)],
        ),
        ("DATETIME", "'2024-01-01 12:00+02:00'), ('2024-01-01'", "text", ["2024-01-01 12:00+02:00", "2024-01-01"]),
        ("TIME", "'12:00+02:00'", "text", ["12:00+02:00"]),
        ("TIME", "'12:00:30'", "time without time zone", [time(12, 0, 30)]),
        ("DECIMAL(4,2)", "'Infinity'", "numeric", [Decimal("Infinity")]),
        ("DECIMAL(4,2)", "'sNaN'", "text", ["sNaN"]),
    ],
)
def test_a_column_has_the_type_that_holds_its_values(
    tmp_path: Path, declared: str, values: str, type_: str, stored: list[Any] | None
) -> None:
    path = made(tmp_path / "x.db", f"CREATE TABLE t (v {declared}); INSERT INTO t VALUES ({values});")
    with fresh() as database:
        import_file(database, path)
        assert types_of(database, "t") == {"v": type_}
        if stored is not None:
            assert [row[0] for row in database.query("SELECT v FROM t")] == stored


def test_what_cannot_stand_in_a_text_is_replaced_and_reported(tmp_path: Path) -> None:
    texts = "(CAST(x'ff41' AS TEXT)), ('a' || char(0)), (char(65533)), ('plain')"
    path = made(tmp_path / "x.db", f"CREATE TABLE t (v TEXT); INSERT INTO t VALUES {texts}; CREATE TABLE u (v DATE);")
    with fresh() as database:
        report = import_file(database, path)
        assert [row[0] for row in database.query("SELECT v FROM t")] == ["\ufffdA", "a\ufffd", "\ufffd", "plain"]
    what = "NULs, and bytes that are no UTF-8, of a text in t: U+FFFD stands for each"
    assert report.skipped == {what: 2}


def test_what_the_shell_of_sqlite_dumps_comes_like_its_file(tmp_path: Path) -> None:
    path = made(tmp_path / "shop.db", SHOP)
    connection = sqlite3.connect(path)
    (tmp_path / "shop.txt").write_text("PRAGMA foreign_keys=OFF;\n" + "\n".join(connection.iterdump()))
    connection.close()
    with fresh() as database, fresh() as other:
        import_file(database, path)
        import_file(other, str(tmp_path / "shop.txt"))
        # Indexes and the order of things apart, which SQLite's dump changes.
        assert "".join(dump_script(other, DumpOptions(data_only=True))) == "".join(
            dump_script(database, DumpOptions(data_only=True))
        )
        assert types_of(other, "customer") == types_of(database, "customer")


@pytest.mark.parametrize("wrong", ["CREATE TABLE t (", "ATTACH 'other.db' AS other;", "INSERT INTO absent VALUES (1);"])
def test_a_wrong_script_of_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.sql").write_text(f"PRAGMA foreign_keys=OFF;\nCREATE TABLE a (b);\n{wrong}\n")
    with fresh() as database:
        with pytest.raises(BadCopyFileFormat, match="cannot be read as a SQLite database"):
            import_file(database, str(tmp_path / "x.sql"))
        assert database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0
    assert [found.name for found in tmp_path.iterdir()] == ["x.sql"]


def test_names_that_mean_nothing_here_are_kept_apart(tmp_path: Path) -> None:
    script = '''CREATE TABLE "select" ("from" INT, "a ""b""" INT, "x
        y" INT, "Ü" INT);
        CREATE TABLE "drop table t; --" (a INT);
        INSERT INTO "select" VALUES (1, 2, 3, 4);'''
    with fresh() as database:
        import_file(database, made(tmp_path / "x.db", script))
        assert [tuple(row) for row in database.query('SELECT * FROM "select"')] == [(1, 2, 3, 4)]
        assert database.query('SELECT count(*) FROM "drop table t; --"')[0][0] == 0
    with fresh() as database:
        import_file(database, made(tmp_path / "y.db", 'CREATE TABLE "MixedCase" ("SomeColumn" INT)'), keep_case=True)
        assert types_of(database, '"MixedCase"') == {"SomeColumn": "bigint"}


def test_references_that_rows_violate_come_unvalidated(tmp_path: Path) -> None:
    script = """CREATE TABLE a (id INTEGER PRIMARY KEY);
        CREATE TABLE b (a INTEGER REFERENCES a (id), absent INT REFERENCES nowhere (id));
        INSERT INTO b VALUES (7, NULL);"""
    with fresh() as database:
        report = import_file(database, made(tmp_path / "x.db", script))
        assert database.query("SELECT a FROM b") == [(7,)]
        assert report.skipped == {
            "reference of b (a) to a: rows violate it, so it is not validated": 1,
            "reference of b (absent) to nowhere, which is not there": 1,
        }
        assert database.query("SELECT convalidated FROM pg_constraint WHERE contype = 'f'") == [(False,)]


def test_keys_with_null_become_unique(tmp_path: Path) -> None:
    script = "CREATE TABLE t (k TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL), (NULL), ('x');"
    with fresh() as database:
        import_file(database, made(tmp_path / "x.db", script))
        assert database.query("SELECT contype FROM pg_constraint WHERE conrelid = 't'::regclass") == [("u",)]


def test_one_table_of_a_file(tmp_path: Path) -> None:
    path = made(tmp_path / "x.db", "CREATE TABLE a (x INT); CREATE TABLE b (x INT); INSERT INTO b VALUES (1);")
    with fresh() as database:
        assert import_file(database, path, table="B").tables == 1
        assert [t for (t,) in database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")] == ["b"]
        with pytest.raises(UndefinedTable):
            import_file(database, path, table="c")
        with pytest.raises(DuplicateTable):
            import_file(database, path)
        assert database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 1
        with pytest.raises(InvalidParameterValue):
            import_file(database, path, append=True)


def test_a_damaged_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    made(path, "BEGIN; CREATE TABLE t (a TEXT); " + "INSERT INTO t VALUES (hex(randomblob(500)));" * 200 + "COMMIT;")
    content = path.read_bytes()
    for damaged in (content[:100], content[:5000], content[:16] + b"\xff" * 300 + content[316:]):
        path.write_bytes(damaged)
        with fresh() as database:
            with pytest.raises(BadCopyFileFormat, match="cannot be read as a SQLite database"):
                import_file(database, str(path))
            assert database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0


def test_the_imported_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = Path(made(tmp_path / "x.db", SHOP))
    before = path.read_bytes()
    with fresh() as database:
        import_file(database, str(path))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["x.db"]


def test_tables_go_out_into_a_file_and_come_back(tmp_path: Path) -> None:
    path = str(tmp_path / "out.sqlite")
    with fresh() as database, fresh() as other:
        for statement in (
            "CREATE TABLE a (id int PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, ok bool, n numeric(12,3), f float8)",
            "CREATE TABLE b (a int REFERENCES a ON DELETE CASCADE, at timestamp, d date, u uuid, j jsonb, t text[],"
            " y bytea)",
            "CREATE INDEX on_b ON b (a, d)",
            "INSERT INTO a VALUES (1, 'x', true, 1.5, 'NaN'), (2, 'y', NULL, NULL, 'infinity')",
            "INSERT INTO b VALUES (1, '2024-01-01 10:00:00.5', '2024-02-29', gen_random_uuid(), '[1, null]',"
            " '{a,NULL}', '\\xff')",
        ):
            database.execute(statement)
        report = export(database, path)
        assert (report.tables, report.rows) == (2, 3)
        with pytest.raises(DuplicateFile):
            export(database, path)
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT * FROM a").fetchall()
        assert rows == [(1, "x", 1, 1.5, "NaN"), (2, "y", None, None, float("inf"))]
        assert connection.execute("PRAGMA foreign_key_list(b)").fetchone()[2:5] == ("a", "a", "id")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        import_file(other, path)
        assert types_of(other, "b")["at"] == "timestamp without time zone"
        assert types_of(other, "b")["u"] == "uuid"
        same = "SELECT a, at, d, u, j::text, t::text, y FROM b"
        assert [tuple(row) for row in database.query(same)] == [tuple(row) for row in other.query(same)]


def test_a_query_goes_out_into_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "out.db")
    with fresh() as database:
        export(database, path, query="SELECT n, n * 1.5 AS half FROM generate_series(1, 3) n -- all", name="Numbers")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT * FROM Numbers").fetchall() == [(1, 1.5), (2, 3), (3, 4.5)]
    connection.close()
