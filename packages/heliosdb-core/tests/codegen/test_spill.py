"""Sorts and groups beyond ``work_mem`` give what they give in memory, and hold little of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from heliosdb import errors
from heliosdb.codegen import spill
from heliosdb.codegen.spill_sort import FAN_IN
from heliosdb.embedded import EmbeddedDatabase
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.store.temporary import Frame, TemporaryRows, TemporarySpace, is_temporary, temporary_name

ROWS = 5_000
TURNED = bytes(255 - byte for byte in range(256))


def open_files() -> list[str]:
    """Return the temporary files that this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("the system does not tell")
    names = []
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):
            names.append(os.readlink(entry))
    return [name for name in names if "heliosdb-temporary" in name]


QUERIES = [
    "SELECT * FROM t ORDER BY b",
    "SELECT * FROM t ORDER BY b DESC, a",
    "SELECT c, a FROM t ORDER BY c, a DESC",
    "SELECT a, c FROM t ORDER BY c",
    "SELECT d, a FROM t ORDER BY d DESC NULLS LAST, a DESC",
    "SELECT a, i FROM t ORDER BY i, j DESC, a",
    "SELECT f, a FROM t ORDER BY f, a",
    "SELECT b, count(*), sum(a), min(c), count(DISTINCT e), array_agg(a ORDER BY d) FROM t GROUP BY b ORDER BY b",
    "SELECT c, b, sum(d), avg(f) FROM t GROUP BY c, b ORDER BY 1, 2",
    "SELECT i, count(*) FROM t GROUP BY i ORDER BY i",
    "SELECT count(DISTINCT a), sum(DISTINCT d), string_agg(DISTINCT c, ',' ORDER BY c), count(DISTINCT f) FROM t",
    "SELECT a % 3, count(DISTINCT b), sum(DISTINCT d) FILTER (WHERE b > 9), string_agg(DISTINCT c, ',' ORDER BY c), "
    "sum(a) FROM t GROUP BY a % 3 ORDER BY 1",
    "SELECT b / 2, count(DISTINCT a % 2), count(DISTINCT c), count(*) FROM t GROUP BY b / 2 ORDER BY 1",
    "SELECT d, max(a) FROM t GROUP BY d ORDER BY d",
    "SELECT j, count(*) FROM t GROUP BY j ORDER BY j",
    "SELECT x.b, sum(y.a) FROM t x LEFT JOIN t y ON x.a = y.b AND y.a % 3 = 0 GROUP BY x.b ORDER BY 2, 1",
    "SELECT n, count(*) FROM (SELECT b, count(*) AS n FROM t GROUP BY b) s GROUP BY n ORDER BY n",
    "SELECT * FROM (SELECT b, sum(a) AS s FROM t GROUP BY b) q WHERE s > 100 ORDER BY s, b",
    "SELECT DISTINCT b, c FROM t ORDER BY b",
    "SELECT DISTINCT d FROM t ORDER BY d",
    "SELECT count(*), sum(s.a) FROM (SELECT DISTINCT a, i FROM t) s",
    "SELECT s.a, u.b FROM (SELECT DISTINCT a, i FROM t) s JOIN (SELECT DISTINCT a, b FROM t) u ON s.a = u.b ORDER BY 1",
    "SELECT b, sum(a), row_number() OVER (ORDER BY b) FROM t GROUP BY b HAVING count(*) = 1 ORDER BY b LIMIT 2000",
]

SETS = [
    "SELECT a, c FROM t UNION SELECT b, c FROM t ORDER BY 1, 2",
    "SELECT b FROM t UNION SELECT a + 1200 FROM t UNION SELECT a FROM t ORDER BY 1",
    "SELECT a FROM t INTERSECT SELECT b * 2 FROM t ORDER BY 1",
    "SELECT a % 2200, d FROM t INTERSECT ALL SELECT a % 2000, d FROM t ORDER BY 1, 2",
    "SELECT a, c FROM t EXCEPT SELECT a * 2, c FROM t ORDER BY 1, 2",
    "SELECT a % 3000, e FROM t EXCEPT ALL SELECT b % 2200, e FROM t ORDER BY 1, 2",
    "SELECT a FROM t EXCEPT SELECT 5 ORDER BY 1",
    "SELECT f FROM t EXCEPT SELECT f FROM t WHERE a < 3700 ORDER BY 1",
    "SELECT c, i FROM t UNION ALL SELECT c, i FROM t ORDER BY 1, 2 LIMIT 9000",
    "SELECT DISTINCT ON (b % 1700) b, a FROM t ORDER BY b % 1700, a DESC",
    "SELECT DISTINCT ON (d) d, a FROM t ORDER BY d NULLS FIRST, a",
    "SELECT a, c, count(*), sum(b), grouping(a, c) FROM t GROUP BY GROUPING SETS ((a), (c), (a, c), ()) "
    "ORDER BY 5, 1, 2",
    "SELECT d, i, count(*) FROM t GROUP BY ROLLUP (d, i) ORDER BY 1, 2",
    "SELECT a, b, max(c) FROM t GROUP BY CUBE (a, b) HAVING a % 5 = 0 ORDER BY 1, 2",
    "WITH w AS MATERIALIZED (SELECT a, c FROM t) SELECT x.a, y.c FROM w x JOIN w y ON x.a = y.a ORDER BY 1",
    "SELECT count(*) FROM t WHERE a IN (SELECT b FROM t WHERE a % 2 = 0) OR c = 'name 5'",
    "SELECT x.a, (SELECT max(y.c) FROM t y WHERE y.b = x.a) FROM t x ORDER BY 1",
    "SELECT x.a, s.c FROM t x, LATERAL (SELECT c FROM t y WHERE y.b = x.a + 1 ORDER BY y.a LIMIT 2) s ORDER BY 1",
    "SELECT count(*) FROM t WHERE a NOT IN (SELECT b FROM t WHERE a % 2 = 0) OR c = 'name 5'",
    "SELECT a, (SELECT count(*) FROM (SELECT DISTINCT b FROM t) s) FROM t WHERE a < 10 ORDER BY 1",
    "SELECT cardinality(ARRAY(SELECT a FROM t ORDER BY c, a))",
    "SELECT g FROM generate_series(1, 3) u(g) WHERE EXISTS (SELECT FROM t WHERE t.a > u.g * 1500)",
    "SELECT count(*) FROM generate_series(1, 3) u(g) LEFT JOIN (SELECT a, c FROM t) s ON s.a > u.g * 1500",
    "WITH RECURSIVE r(n, s) AS (SELECT a, 'x' FROM t WHERE a <= 1500 UNION SELECT n + 1, s FROM r WHERE n < 1550) "
    "SELECT n, s FROM r ORDER BY n",
    "WITH RECURSIVE r(n, k) AS (SELECT a, 0 FROM t WHERE a <= 1500 UNION ALL SELECT n + 1, k + 1 FROM r WHERE k < 3) "
    "SELECT n, count(*) FROM r GROUP BY n ORDER BY n",
]
WINDOWS = [
    "SELECT a, row_number() OVER (ORDER BY b), rank() OVER (ORDER BY c), sum(a) OVER (ORDER BY c, a) FROM t ORDER BY a",
    "SELECT a, row_number() OVER (PARTITION BY c ORDER BY b), count(*) OVER (PARTITION BY c) FROM t ORDER BY a",
    "SELECT a, lag(b, 3) OVER w, lead(c, 2, 'none') OVER w, first_value(b) OVER w, last_value(a) OVER w FROM t "
    "WINDOW w AS (ORDER BY a) ORDER BY a",
    "SELECT a, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w, ntile(7) OVER w FROM t "
    "WINDOW w AS (ORDER BY c) ORDER BY a",
    "SELECT a, sum(d) OVER (ORDER BY a ROWS 5 PRECEDING), max(b) OVER (ORDER BY a ROWS BETWEEN 3 PRECEDING AND 2 "
    "FOLLOWING), nth_value(b, 2) OVER (ORDER BY a ROWS BETWEEN CURRENT ROW AND 4 FOLLOWING) FROM t ORDER BY a",
    "SELECT a, count(*) FILTER (WHERE b % 3 = 0) OVER (PARTITION BY a % 3 ORDER BY b), avg(f) OVER (PARTITION BY a % 2 "
    "ORDER BY a) FROM t ORDER BY a",
    "SELECT sum(a) OVER (), count(*) OVER (PARTITION BY a % 2) FROM t ORDER BY 1, 2",
    "SELECT a, sum(a) OVER (ORDER BY a RANGE BETWEEN 10 PRECEDING AND 5 FOLLOWING) FROM t ORDER BY a",
    "SELECT a, count(*) OVER (ORDER BY a / 10 GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM t "
    "ORDER BY a",
    "SELECT a, i, rank() OVER (PARTITION BY j ORDER BY i DESC), min(d) OVER (PARTITION BY d > 800 ORDER BY e) FROM t "
    "ORDER BY a",
]


@pytest.mark.parametrize("query", WINDOWS)
def test_windows_with_little_memory_give_the_same_rows(db: EmbeddedDatabase, files: list[int], query: str) -> None:
    db.execute("SET work_mem = '1GB'")
    expected = db.query(query)
    assert files == []
    db.execute("SET work_mem = '64kB'")
    assert list(map(repr, db.query(query))) == list(map(repr, expected))
    assert files


JOINS = [
    "SELECT a.x, b.x, b.c FROM a FULL JOIN b ON a.y = b.x ORDER BY 1, 2, 3",
    "SELECT a.x, b.x, b.c FROM a FULL JOIN b ON a.y = b.x AND b.z % 3 = 0 ORDER BY 1, 2, 3",
    "SELECT a.x, b.x FROM (SELECT * FROM a WHERE x % 200 = 0) a FULL JOIN b ON a.y < b.x AND b.x < a.y + 50 "
    "ORDER BY 1, 2",
    "SELECT x FROM a WHERE y NOT IN (SELECT x FROM b) ORDER BY 1",
    "SELECT x FROM a WHERE y NOT IN (SELECT x FROM b WHERE x < 1) ORDER BY 1",
    "SELECT x FROM a WHERE y NOT IN (SELECT y FROM a) ORDER BY 1",
    "SELECT x FROM a WHERE x NOT IN (SELECT y FROM a WHERE y IS NOT NULL) ORDER BY 1",
    "SELECT a.x, b.x, c.x, d.x, e.c FROM a JOIN b ON a.y = b.x JOIN a c ON c.x = b.z LEFT JOIN b d ON d.x = c.y "
    "JOIN a e ON e.x = a.x WHERE a.x % 3 = 0 ORDER BY 1, 2, 3, 4",
    "SELECT count(*), sum(s.x + b.x) FROM (SELECT x FROM a WHERE x <= 30) s LEFT JOIN b ON s.x % 3 = b.z / 1700",
    "SELECT a.x, count(b.x) FROM a LEFT JOIN b ON a.x % 1000 = b.z / 1700 AND b.x > 8000 GROUP BY a.x ORDER BY 1",
    "SELECT count(*), count(a.x), count(b.x) FROM (SELECT * FROM a WHERE x % 500 = 0) a "
    "FULL JOIN b ON a.x % 1 = b.z / 1700",
    "SELECT a.x, b.x, b.c FROM a JOIN b ON a.y = b.x ORDER BY 1, 2, 3",
    "SELECT a.x, b.c FROM a LEFT JOIN b ON a.y = b.x AND b.z > 100 ORDER BY 1, 2",
    "SELECT count(*), sum(a.x), count(b.c) FROM a JOIN b ON a.y = b.z AND a.c = 'n' || b.z % 100",
    "SELECT a.x FROM a WHERE EXISTS (SELECT FROM b WHERE b.x = a.y) ORDER BY 1",
    "SELECT a.x FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.x = a.y) ORDER BY 1",
    "SELECT a.x FROM a WHERE EXISTS (SELECT FROM b WHERE b.x = a.y AND b.z <> a.x) ORDER BY 1",
    "SELECT a.x FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.x = a.y AND b.z > 50) ORDER BY 1",
    "SELECT a.x, p.c FROM a JOIN p ON p.id = a.y ORDER BY 1",
    "SELECT a.x, p.c FROM a LEFT JOIN p ON p.id = a.y + 2400 ORDER BY 1",
    "SELECT a.x, b.x, p.id FROM a JOIN b ON a.y = b.x JOIN p ON p.c = 'c' || b.z ORDER BY 1, 2, 3",
    "SELECT a.c, count(*), sum(b.z) FROM a LEFT JOIN b ON a.y = b.x LEFT JOIN p ON p.id = b.z GROUP BY a.c ORDER BY 1",
    "SELECT a.x, b.x FROM a RIGHT JOIN b ON a.y = b.x ORDER BY 1, 2 LIMIT 2000",
    "SELECT s.y, s.n, p.c FROM (SELECT y, count(*) AS n FROM a GROUP BY y) s JOIN p ON p.id = s.y ORDER BY 1",
    "WITH w AS (SELECT a.x, b.c FROM a JOIN b ON a.y = b.x) SELECT u.x, v.c FROM w u JOIN w v ON u.x = v.x ORDER BY 1",
]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a small table are too many for the least ``work_mem``."""
    monkeypatch.setattr(spill, "LEAST_BUDGET", 0)


@pytest.fixture(scope="module")
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(
            f"""
            CREATE TABLE t AS SELECT g AS a, (g * 7919) % {ROWS} AS b, 'name ' || (g % 1000) AS c,
                CASE WHEN g % 10 = 0 THEN NULL ELSE g::numeric / 3 END AS d, date '2020-01-01' + g % 500 AS e,
                CASE WHEN g % 7 = 0 THEN 'NaN' ELSE sqrt(g) END::float8 AS f,
                make_interval(days => g % 300, hours => g % 24) AS i, jsonb_build_object('n', g % 50, 'x', NULL) AS j
            FROM generate_series(1, {ROWS}) g
            """
        )
        database.execute(
            """
            CREATE TABLE a AS SELECT g AS x, CASE WHEN g % 11 = 0 THEN NULL ELSE (g * 7) % 5000 END AS y,
                'n' || g % 100 AS c FROM generate_series(1, 5000) g;
            CREATE TABLE b AS SELECT g * 2 AS x, g % 1700 AS z,
                CASE WHEN g % 13 = 0 THEN NULL ELSE 'n' || g END AS c FROM generate_series(1, 5000) g;
            CREATE TABLE p (id int PRIMARY KEY, c text);
            INSERT INTO p SELECT g, 'c' || g FROM generate_series(1, 5000) g
            """
        )
        yield database


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pieces that are put aside."""
    written: list[int] = []
    write = TemporaryRows.write

    def noted(self: TemporaryRows, rows: list[object]) -> Frame:
        frame = write(self, rows)
        written.append(frame[1])
        return frame

    monkeypatch.setattr(TemporaryRows, "write", noted)
    return written


@pytest.mark.parametrize("query", QUERIES)
def test_little_memory_gives_the_same_rows(db: EmbeddedDatabase, files: list[int], query: str) -> None:
    db.execute("SET work_mem = '1GB'")
    expected = db.query(query)
    assert files == []
    db.execute("SET work_mem = '64kB'")
    # By their text, for NaN is not equal to itself.
    assert list(map(repr, db.query(query))) == list(map(repr, expected))
    assert files or "GROUP BY i" in query or "GROUP BY j" in query


@pytest.mark.parametrize("query", SETS)
def test_sets_with_little_memory_have_the_same_members(db: EmbeddedDatabase, files: list[int], query: str) -> None:
    db.execute("SET work_mem = '1GB'")
    expected = db.query(query)
    assert files == []
    db.execute("SET work_mem = '64kB'")
    assert list(map(repr, db.query(query))) == list(map(repr, expected))
    assert files


@pytest.mark.parametrize("query", JOINS)
def test_joins_with_little_memory_give_the_same_rows(db: EmbeddedDatabase, files: list[int], query: str) -> None:
    db.execute("SET work_mem = '1GB'")
    expected = db.query(query)
    assert files == []
    db.execute("SET work_mem = '64kB'")
    assert db.query(query) == expected
    assert files


def test_a_join_that_is_left_early_leaves_nothing(db: EmbeddedDatabase, files: list[int]) -> None:
    db.execute("SET work_mem = '64kB'")
    with db.stream("SELECT a.x, b.x FROM a JOIN b ON a.y = b.x") as stream:
        assert len(next(stream)) == 2
    assert len(db.query("SELECT a.x, b.x FROM a JOIN b ON a.y = b.x LIMIT 5")) == 5
    assert files


def test_equal_keys_keep_their_order(db: EmbeddedDatabase, files: list[int]) -> None:
    db.execute("SET work_mem = '64kB'")
    rows = db.query("SELECT g % 3 AS k, g FROM generate_series(1, 20000) g ORDER BY g % 3")
    assert rows == sorted(((g % 3, g) for g in range(1, 20_001)), key=lambda row: row[0])
    rows = db.query("SELECT g % 3 AS k, g FROM generate_series(1, 20000) g ORDER BY g % 3 DESC")
    assert rows == sorted(((g % 3, g) for g in range(1, 20_001)), key=lambda row: row[0], reverse=True)
    assert len(files) > FAN_IN * 2


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("SELECT g, 'abc' || g FROM generate_series(1, 30000) g ORDER BY -g", 1_500_000),
        ("SELECT g, count(*), max('abc' || g) FROM generate_series(1, 30000) g GROUP BY g", 1_500_000),
    ],
)
def test_memory_stays_small(db: EmbeddedDatabase, query: str, most: int) -> None:
    db.execute("SET work_mem = '128kB'")
    assert next(iter(db.stream(query.replace("30000", "10")))) is not None
    tracemalloc.start()
    try:
        assert sum(1 for _ in db.stream(query)) == 30_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


def test_files_are_gone_afterwards(db: EmbeddedDatabase, files: list[int]) -> None:
    db.execute("SET work_mem = '64kB'")
    with db.stream("SELECT a, c FROM t ORDER BY b") as stream:
        next(stream)
        assert len(open_files()) == 1
    assert open_files() == []
    for failing in (
        "SELECT 1 / (a - 4500) FROM t ORDER BY a",
        "SELECT b, sum(1 / (a - 4500)) FROM t GROUP BY b",
        "SELECT 1 / (a - 4500) FROM t UNION SELECT b FROM t",
    ):
        with pytest.raises(errors.DivisionByZero):
            db.query(failing)
    with pytest.raises(errors.QueryCanceled):
        db.query("SELECT g FROM generate_series(1, 1000000000) g ORDER BY -g", timeout=0.2)
    assert files
    assert open_files() == []


def test_bytes_pass_the_codec_on_their_way(files: list[int]) -> None:
    class Turned:
        """Turns every bit, and notes what it was given."""

        name = "turned"

        def __init__(self) -> None:
            self.seen: list[bytes] = []
            self.places: list[bytes] = []

        def encode(self, chunk: bytes, associated: bytes) -> bytes:
            self.seen.append(chunk)
            self.places.append(associated)
            return associated + bytes(chunk).translate(TURNED)

        def decode(self, chunk: bytes, associated: bytes) -> bytes:
            assert chunk.startswith(associated)
            return chunk[len(associated) :].translate(TURNED)

    codec = Turned()
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.database.temporary = TemporarySpace(codecs=FileCodecs(("turned",), find=lambda name: lambda: codec))
        database.execute("SET work_mem = '64kB'")
        rows = database.query("SELECT g, 'secret' || g FROM generate_series(1, 9000) g ORDER BY -g")
        assert rows == [(g, f"secret{g}") for g in range(9000, 0, -1)]
    assert len(codec.seen) == len(files) > 0
    assert len(set(codec.places)) == len(codec.places)


def test_temporary_files_have_a_limit(db: EmbeddedDatabase) -> None:
    assert db.query("SHOW temp_file_limit") == [("-1",)]
    db.execute("SET work_mem = '64kB'; SET temp_file_limit = '1500kB'")
    try:
        with pytest.raises(
            errors.ConfigurationLimitExceeded, match=r"temporary file size exceeds temp_file_limit \(1500kB\)"
        ) as raised:
            db.query("SELECT a, c FROM t, generate_series(1, 30) ORDER BY b")
        assert raised.value.sqlstate == "53400"
        # What is put aside and given back does not count for ever.
        for _ in range(10):
            assert len(db.query("SELECT a FROM t WHERE a <= 3000 ORDER BY b")) == 3000
    finally:
        db.execute("RESET temp_file_limit")
    assert len(db.query("SELECT a, c FROM t ORDER BY b")) == ROWS


def test_names_of_temporary_files_can_be_told() -> None:
    assert is_temporary(temporary_name(4711, 12))
    assert not any(
        map(is_temporary, ["heliosdb-temporary-", "heliosdb-temporary-1", "heliosdb-temporary-a-1", "log-1-1"])
    )


CHANGES = [
    "UPDATE child SET id = id + 1, w = w || 'x'",
    "UPDATE parent SET v = v || 'y' FROM child WHERE child.p = parent.id",
    "UPDATE child SET p = (p + 5) % 2000 + 1 RETURNING id, p",
    "DELETE FROM child WHERE id % 5 = 0 RETURNING *",
    "DELETE FROM child USING parent WHERE parent.id = child.p AND parent.v < 'v5'",
    "DELETE FROM parent WHERE id % 70 = 0",
    "INSERT INTO child SELECT id + 100000, id, 'z' FROM parent RETURNING id",
    "INSERT INTO parent SELECT g, 'n' FROM generate_series(600, 2600) g ON CONFLICT (id) DO UPDATE SET v = excluded.v "
    "RETURNING id",
    "MERGE INTO parent USING (SELECT g FROM generate_series(1000, 3000) g) s ON parent.id = s.g "
    "WHEN MATCHED AND s.g % 2 = 0 THEN UPDATE SET v = 'm' || g WHEN MATCHED AND s.g % 30 = 3 THEN DELETE "
    "WHEN NOT MATCHED THEN INSERT VALUES (s.g, 'new')",
    "WITH d AS (DELETE FROM child WHERE id % 3 = 0 RETURNING id), "
    "u AS (UPDATE parent SET v = 'q' WHERE id IN (SELECT id FROM d) RETURNING id) "
    "SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM u)",
    "SELECT id FROM child ORDER BY w, id FOR UPDATE",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_changes_with_little_memory_change_the_same(files: list[int], statement: str) -> None:
    outcomes = []
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute(
            """
            CREATE TABLE parent (id int PRIMARY KEY, v text);
            CREATE TABLE child (id int, p int REFERENCES parent ON DELETE CASCADE, w text);
            CREATE INDEX ON child (p);
            INSERT INTO parent SELECT g, 'v' || g FROM generate_series(1, 2000) g;
            INSERT INTO child SELECT g, g % 2000 + 1, 'w' || g FROM generate_series(1, 6000) g
            """
        )
        for work_mem in ("1GB", "64kB"):
            database.execute(f"SET work_mem = '{work_mem}'")
            with database.begin_transaction() as transaction:
                gives_rows = "RETURNING" in statement or statement.startswith(("WITH", "SELECT"))
                rows = transaction.query(statement) if gives_rows else transaction.execute(statement)
                outcomes.append(
                    (
                        sorted(rows) if isinstance(rows, list) else rows,
                        transaction.query("SELECT * FROM parent ORDER BY id"),
                        transaction.query("SELECT * FROM child ORDER BY id"),
                    )
                )
                transaction.rollback()
            assert bool(files) is (work_mem == "64kB")
    assert outcomes[0] == outcomes[1]


def test_rows_that_are_locked_stay_what_they_are(db: EmbeddedDatabase, files: list[int]) -> None:
    db.execute("SET work_mem = '64kB'")
    with db.begin_transaction() as transaction:
        rows = transaction.query("SELECT a FROM t ORDER BY b FOR UPDATE")
        assert len(rows) == ROWS
        assert transaction.execute("DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY b LIMIT 10)") == 10
        transaction.rollback()


def test_work_mem_is_a_setting_like_any_other(db: EmbeddedDatabase) -> None:
    db.execute("SET work_mem = '2048'")
    assert db.query("SHOW work_mem") == [("2MB",)]
    with pytest.raises(errors.InvalidParameterValue):
        db.execute("SET work_mem = '63kB'")
    db.execute("RESET work_mem")
    assert db.query("SHOW work_mem") == [("256MB",)]


def plan_of(database: EmbeddedDatabase, query: str) -> list[str]:
    return [line.strip() for (line,) in database.query(f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) {query}")]


def test_explain_shows_what_was_put_aside(db: EmbeddedDatabase) -> None:
    db.execute("SET work_mem = '64kB'")
    expected = {
        "SELECT a FROM t ORDER BY b": r"Sort Method: external merge  Disk: \d+kB",
        "SELECT a, count(*) FROM t GROUP BY a": r"Batches: \d+  Memory Usage: \d+kB  Disk Usage: \d+kB",
        "SELECT x.a FROM t x JOIN t y ON x.a = y.b": r"Batches: \d+  Memory Usage: \d+kB  Disk Usage: \d+kB",
        "SELECT x.a FROM t x RIGHT JOIN t y ON x.a = y.b": r"Batches: \d+  Memory Usage: \d+kB  Disk Usage: \d+kB",
        "SELECT a FROM t UNION SELECT b FROM t": r"Batches: \d+  Memory Usage: \d+kB  Disk Usage: \d+kB",
        "WITH w AS MATERIALIZED (SELECT * FROM t) SELECT (SELECT count(*) FROM w), max(a) FROM w": (
            r"Storage: Disk  Maximum Storage: \d+kB"
        ),
    }
    for query, line in expected.items():
        assert any(re.fullmatch(line, shown) for shown in plan_of(db, query)), query
    db.execute("SET work_mem = '64MB'")
    assert any(
        re.fullmatch(r"Sort Method: quicksort  Memory: \d+kB", line) for line in plan_of(db, next(iter(expected)))
    )
    assert not any("Disk" in line for query in expected for line in plan_of(db, query))
    (document,) = db.query("EXPLAIN (ANALYZE, FORMAT JSON) SELECT a, count(*) FROM t GROUP BY a")[0][0]
    assert document["Plan"]["HashAgg Batches"] == 1
    assert document["Plan"]["Peak Memory Usage"] > 400


def test_a_common_table_that_a_subquery_reads_too_is_made_once(db: EmbeddedDatabase) -> None:
    query = "WITH w AS MATERIALIZED (SELECT random() AS r) SELECT r = (SELECT r FROM w) FROM w"
    assert db.query(query) == [(True,)]


KILLED = """
import os, signal
from heliosdb.embedded import EmbeddedDatabase
database = EmbeddedDatabase.new_in_memory(plugins=[])
database.execute("SET work_mem = '64kB'")
stream = database.stream("SELECT g, repeat('x', 500) || g FROM generate_series(1, 5000) g ORDER BY -g")
assert next(stream)[0] == 5000
plan = database.query("EXPLAIN (ANALYZE) SELECT repeat('x', 500) || g FROM generate_series(1, 5000) g ORDER BY -g")
print(plan, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="elsewhere open files keep their names")
def test_a_killed_process_leaves_no_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "external merge" in done.stdout
    assert list(tmp_path.iterdir()) == []
