"""COPY with streams of the caller's: every kind of source, errors in the middle, transactions."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.embedded import EmbeddedDatabase


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(8,2), d date)")
        yield database


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        yield database


ROWS = "1\tone\t1.5\t2020-02-29\n2\t\\N\t-3\t\\N\n3\ttab\\there\t0\tinfinity\n"


@pytest.mark.parametrize(
    "source",
    [
        ROWS,
        ROWS.encode(),
        io.StringIO(ROWS),
        io.BytesIO(ROWS.encode()),
        ROWS.splitlines(keepends=True),
        (bytes([byte]) for byte in ROWS.encode()),
    ],
    ids=["str", "bytes", "text file", "binary file", "lines", "single bytes"],
)
def test_any_source_will_do(db: EmbeddedDatabase, source: object) -> None:
    assert db.copy_from("COPY t FROM STDIN", source) == 3  # type: ignore[arg-type]
    pieces: list[str] = []
    assert db.copy_to("COPY (SELECT * FROM t ORDER BY a) TO STDOUT", pieces.append) == 3
    assert "".join(pieces) == ROWS.replace("\t0\t", "\t0.00\t").replace("1.5", "1.50").replace("-3", "-3.00")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.none() | st.text(), st.none() | st.text(max_size=5), st.integers(-9, 9)), max_size=20),
    options=st.sampled_from(
        [
            "",
            "(DELIMITER '|', NULL '<none>')",
            "(DELIMITER ' ')",
            "(FORMAT csv)",
            "(FORMAT csv, NULL 'n', DELIMITER ';', QUOTE '''')",
            "(FORMAT csv, ESCAPE '\\', FORCE_QUOTE *)",
            "(FORMAT csv, HEADER)",
            "(HEADER)",
        ]
    ),
    piece=st.integers(1, 50),
)
def test_what_copy_writes_copy_reads(
    shared: EmbeddedDatabase, rows: list[tuple[str | None, str | None, int]], options: str, piece: int
) -> None:
    clean = [tuple(v.replace("\0", "") if isinstance(v, str) else v for v in row) for row in rows]
    clean = [row for row in clean if not any(isinstance(v, str) and not _is_text(v) for v in row)]
    pieces: list[str] = []
    shared.execute("DROP TABLE IF EXISTS u, v; CREATE TABLE u (x text, y text, n int); CREATE TABLE v (LIKE u)")
    for row in clean:
        shared.execute("INSERT INTO u VALUES ($1, $2, $3)", row)
    shared.copy_to(f"COPY u TO STDOUT {options}", pieces.append)
    text = "".join(pieces)
    reading = options.replace(", FORCE_QUOTE *", "")
    shared.copy_from(f"COPY v FROM STDIN {reading}", (text[i : i + piece] for i in range(0, len(text), piece)))
    assert shared.query("SELECT * FROM v") == shared.query("SELECT * FROM u")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_an_error_undoes_the_whole_copy(db: EmbeddedDatabase) -> None:
    lines = [f"{number}\tx\t1\t\\N\n" for number in range(10_000)]
    lines[9_876] = "oops\n"
    with pytest.raises(errors.InvalidTextRepresentation) as raised:
        db.copy_from("COPY t FROM STDIN", lines)
    assert raised.value.context == 'COPY t, line 9877, column a: "oops"'
    assert db.query("SELECT count(*) FROM t") == [(0,)]


def test_the_line_of_a_refused_row_is_told_whenever_it_is_found(db: EmbeddedDatabase) -> None:
    lines = [f"{number}\tx\t1\t\\N\n" for number in range(1, 20_000)]
    lines[15_000] = "77\tx\t1\t\\N\n"
    with pytest.raises(errors.UniqueViolation) as raised:
        db.copy_from("COPY t FROM STDIN", lines)
    assert raised.value.context == "COPY t, line 15001"
    assert raised.value.detail == "Key (a)=(77) already exists."


def test_a_source_that_raises_undoes_the_copy(db: EmbeddedDatabase) -> None:
    def source() -> Iterator[str]:
        yield ROWS
        raise ValueError("the source is broken")

    with pytest.raises(ValueError, match="the source is broken"):
        db.copy_from("COPY t FROM STDIN", source())
    assert db.query("SELECT count(*) FROM t") == [(0,)]
    assert db.copy_from("COPY t FROM STDIN", ROWS) == 3


def test_inside_a_transaction(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as transaction:
        transaction.copy_from("COPY t FROM STDIN", ROWS)
        with transaction.savepoint():
            assert transaction.query("SELECT count(*) FROM t") == [(3,)]
        with pytest.raises(errors.UniqueViolation), transaction.savepoint():
            transaction.copy_from("COPY t FROM STDIN", ROWS)
        assert transaction.query("SELECT count(*) FROM t") == [(3,)]
        with pytest.raises(errors.BadCopyFileFormat):
            transaction.copy_from("COPY t FROM STDIN", "1\n2")
        with pytest.raises(errors.InFailedSqlTransaction):
            transaction.copy_from("COPY t FROM STDIN", ROWS)
    assert db.query("SELECT count(*) FROM t") == [(0,)]


def test_files(db: EmbeddedDatabase, tmp_path: Path) -> None:
    path = tmp_path / "it's a file.csv"
    name = str(path).replace("'", "''")
    db.copy_from("COPY t FROM STDIN", ROWS.replace("infinity", "2021-01-01"))
    assert db.execute(f"COPY t TO '{name}' (FORMAT csv, HEADER)") == 3
    assert path.read_bytes().startswith(b"a,b,c,d\n1,one,1.50,2020-02-29\n")
    db.execute("CREATE TABLE u (LIKE t)")
    assert db.execute(f"COPY u FROM '{name}' (FORMAT csv, HEADER match)") == 3
    assert db.query("SELECT * FROM u ORDER BY a") == db.query("SELECT * FROM t ORDER BY a")
    with pytest.raises(errors.UndefinedFile, match=r'could not open file ".*missing" for reading: No such file'):
        db.execute(f"COPY u FROM '{tmp_path}/missing'")
    with pytest.raises(errors.WrongObjectType, match="is a directory"):
        db.execute(f"COPY u FROM '{tmp_path}'")
    with pytest.raises(errors.FeatureNotSupported):
        db.execute("COPY u FROM PROGRAM 'echo 1'")
    with pytest.raises(errors.BadCopyFileFormat, match="signature not recognized"):
        db.execute(f"COPY u FROM '{name}' (FORMAT binary)")
    with pytest.raises(errors.SqlSyntaxError, match="freeze requires a Boolean value"):
        db.execute(f"COPY u FROM '{name}' (FREEZE maybe)")


def test_without_a_stream_it_is_refused(db: EmbeddedDatabase) -> None:
    for text in ("COPY t FROM STDIN", "COPY t TO STDOUT"):
        with pytest.raises(errors.FeatureNotSupported, match="needs a stream"):
            db.execute(text)
    with pytest.raises(errors.ProgrammingError):
        db.copy_from("INSERT INTO t VALUES (1)", "")
    with pytest.raises(errors.InterfaceError):
        db.copy_from("COPY t TO STDOUT", ROWS)
    assert db.query("SELECT count(*) FROM t") == [(0,)]


def test_reading_holds_no_more_than_a_few_blocks(db: EmbeddedDatabase) -> None:
    line = "1\tsome text that is not so short\t1.5\t2020-01-01\n"
    db.copy_from("COPY t FROM STDIN WHERE false", line)
    tracemalloc.start()
    try:
        assert db.copy_from("COPY t FROM STDIN WHERE a > 1", (line for _ in range(30_000))) == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_writing_holds_no_more_than_a_batch(db: EmbeddedDatabase) -> None:
    sizes: list[int] = []
    db.copy_to("COPY (SELECT g, g FROM generate_series(1, 100000) g) TO STDOUT", lambda text: sizes.append(len(text)))
    assert max(sizes) < 100_000
    assert sum(sizes) == sum(2 * len(str(number)) + 2 for number in range(1, 100_001))


def test_statement_timeout_stops_a_copy(db: EmbeddedDatabase) -> None:
    db.execute("SET statement_timeout = '50ms'")
    with pytest.raises(errors.QueryCanceled):
        db.copy_to("COPY (SELECT g FROM generate_series(1, 1000000000000) g) TO STDOUT", lambda text: None)
    with pytest.raises(errors.QueryCanceled):
        db.copy_from("COPY t FROM STDIN WHERE false", (ROWS for _ in iter(int, 1)))
    db.execute("RESET statement_timeout")
    assert db.query("SELECT count(*) FROM t") == [(0,)]
