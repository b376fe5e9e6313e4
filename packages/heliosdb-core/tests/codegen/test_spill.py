"""Sorts and groups beyond ``work_mem`` give what they give in memory, and hold little of it."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from heliosdb import errors
from heliosdb.codegen.spill_sort import FAN_IN
from heliosdb.embedded import EmbeddedDatabase
from heliosdb.store.temporary import Frame, TemporaryRows, TemporarySpace, is_temporary, temporary_name

ROWS = 20_000
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
    "SELECT d, max(a) FROM t GROUP BY d ORDER BY d",
    "SELECT j, count(*) FROM t GROUP BY j ORDER BY j",
    "SELECT x.b, sum(y.a) FROM t x LEFT JOIN t y ON x.a = y.b AND y.a % 3 = 0 GROUP BY x.b ORDER BY 2, 1",
    "SELECT n, count(*) FROM (SELECT b, count(*) AS n FROM t GROUP BY b) s GROUP BY n ORDER BY n",
    "SELECT * FROM (SELECT b, sum(a) AS s FROM t GROUP BY b) q WHERE s > 100 ORDER BY s, b",
    "SELECT DISTINCT b, c FROM t ORDER BY b",
    "SELECT DISTINCT d FROM t ORDER BY d",
    "SELECT count(*), sum(s.a) FROM (SELECT DISTINCT a, i FROM t) s",
    "SELECT s.a, u.b FROM (SELECT DISTINCT a, i FROM t) s JOIN (SELECT DISTINCT a, b FROM t) u ON s.a = u.b ORDER BY 1",
    "SELECT b, sum(a), row_number() OVER (ORDER BY b) FROM t GROUP BY b HAVING count(*) = 1 ORDER BY b LIMIT 7000",
]

SETS = [
    "SELECT a, c FROM t UNION SELECT b, c FROM t ORDER BY 1, 2",
    "SELECT b FROM t UNION SELECT a + 5000 FROM t UNION SELECT a FROM t ORDER BY 1",
    "SELECT a FROM t INTERSECT SELECT b * 2 FROM t ORDER BY 1",
    "SELECT a % 9000, d FROM t INTERSECT ALL SELECT a % 8000, d FROM t ORDER BY 1, 2",
    "SELECT a, c FROM t EXCEPT SELECT a * 2, c FROM t ORDER BY 1, 2",
    "SELECT a % 12000, e FROM t EXCEPT ALL SELECT b % 9000, e FROM t ORDER BY 1, 2",
    "SELECT a FROM t EXCEPT SELECT 5 ORDER BY 1",
    "SELECT f FROM t EXCEPT SELECT f FROM t WHERE a < 15000 ORDER BY 1",
    "SELECT c, i FROM t UNION ALL SELECT c, i FROM t ORDER BY 1, 2 LIMIT 30000",
    "SELECT DISTINCT ON (b % 7000) b, a FROM t ORDER BY b % 7000, a DESC",
    "SELECT DISTINCT ON (d) d, a FROM t ORDER BY d NULLS FIRST, a",
    "SELECT a, c, count(*), sum(b), grouping(a, c) FROM t GROUP BY GROUPING SETS ((a), (c), (a, c), ()) "
    "ORDER BY 5, 1, 2",
    "SELECT d, i, count(*) FROM t GROUP BY ROLLUP (d, i) ORDER BY 1, 2",
    "SELECT a, b, max(c) FROM t GROUP BY CUBE (a, b) HAVING a % 5 = 0 ORDER BY 1, 2",
    "WITH w AS MATERIALIZED (SELECT a, c FROM t) SELECT x.a, y.c FROM w x JOIN w y ON x.a = y.a ORDER BY 1",
    "SELECT count(*) FROM t WHERE a IN (SELECT b FROM t WHERE a % 2 = 0) OR c = 'name 5'",
    "SELECT count(*) FROM t WHERE a NOT IN (SELECT b FROM t WHERE a % 2 = 0) OR c = 'name 5'",
    "SELECT a, (SELECT count(*) FROM (SELECT DISTINCT b FROM t) s) FROM t WHERE a < 10 ORDER BY 1",
    "SELECT cardinality(ARRAY(SELECT a FROM t ORDER BY c, a))",
    "SELECT count(*), sum(s.a * u.g) FROM (SELECT a, c FROM t WHERE a < 6000) s, generate_series(1, 3) u(g)",
    "SELECT count(*) FROM generate_series(1, 3) u(g) LEFT JOIN (SELECT a, c FROM t) s ON s.a > u.g * 6000",
    "WITH RECURSIVE r(n, s) AS (SELECT a, 'x' FROM t WHERE a <= 4000 UNION SELECT n + 1, s FROM r WHERE n < 4050) "
    "SELECT n, s FROM r ORDER BY n",
    "WITH RECURSIVE r(n, k) AS (SELECT a, 0 FROM t WHERE a <= 4000 UNION ALL SELECT n + 1, k + 1 FROM r WHERE k < 3) "
    "SELECT n, count(*) FROM r GROUP BY n ORDER BY n",
]

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
    "SELECT count(*), sum(s.x + b.x) FROM (SELECT x FROM a WHERE x <= 30) s LEFT JOIN b ON s.x % 3 = b.z / 5000",
    "SELECT a.x, count(b.x) FROM a LEFT JOIN b ON a.x % 3000 = b.z / 5000 AND b.x > 25000 GROUP BY a.x ORDER BY 1",
    "SELECT count(*), count(a.x), count(b.x) FROM (SELECT * FROM a WHERE x % 500 = 0) a "
    "FULL JOIN b ON a.x % 1 = b.z / 5000",
    "SELECT a.x, b.x, b.c FROM a JOIN b ON a.y = b.x ORDER BY 1, 2, 3",
    "SELECT a.x, b.c FROM a LEFT JOIN b ON a.y = b.x AND b.z > 100 ORDER BY 1, 2",
    "SELECT count(*), sum(a.x), count(b.c) FROM a JOIN b ON a.y = b.z AND a.c = 'n' || b.z % 100",
    "SELECT a.x FROM a WHERE EXISTS (SELECT FROM b WHERE b.x = a.y) ORDER BY 1",
    "SELECT a.x FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.x = a.y) ORDER BY 1",
    "SELECT a.x FROM a WHERE EXISTS (SELECT FROM b WHERE b.x = a.y AND b.z <> a.x) ORDER BY 1",
    "SELECT a.x FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.x = a.y AND b.z > 50) ORDER BY 1",
    "SELECT a.x, p.c FROM a JOIN p ON p.id = a.y ORDER BY 1",
    "SELECT a.x, p.c FROM a LEFT JOIN p ON p.id = a.y + 7000 ORDER BY 1",
    "SELECT a.x, b.x, p.id FROM a JOIN b ON a.y = b.x JOIN p ON p.c = 'c' || b.z ORDER BY 1, 2, 3",
    "SELECT a.c, count(*), sum(b.z) FROM a LEFT JOIN b ON a.y = b.x LEFT JOIN p ON p.id = b.z GROUP BY a.c ORDER BY 1",
    "SELECT a.x, b.x FROM a RIGHT JOIN b ON a.y = b.x ORDER BY 1, 2 LIMIT 2000",
    "SELECT s.y, s.n, p.c FROM (SELECT y, count(*) AS n FROM a GROUP BY y) s JOIN p ON p.id = s.y ORDER BY 1",
    "WITH w AS (SELECT a.x, b.c FROM a JOIN b ON a.y = b.x) SELECT u.x, v.c FROM w u JOIN w v ON u.x = v.x ORDER BY 1",
]


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
            CREATE TABLE a AS SELECT g AS x, CASE WHEN g % 11 = 0 THEN NULL ELSE (g * 7) % 15000 END AS y,
                'n' || g % 100 AS c FROM generate_series(1, 15000) g;
            CREATE TABLE b AS SELECT g * 2 AS x, g % 5000 AS z,
                CASE WHEN g % 13 = 0 THEN NULL ELSE 'n' || g END AS c FROM generate_series(1, 15000) g;
            CREATE TABLE p (id int PRIMARY KEY, c text);
            INSERT INTO p SELECT g, 'c' || g FROM generate_series(1, 15000) g
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
        "SELECT 1 / (a - 18000) FROM t ORDER BY a",
        "SELECT b, sum(1 / (a - 18000)) FROM t GROUP BY b",
        "SELECT 1 / (a - 18000) FROM t UNION SELECT b FROM t",
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

        def __init__(self) -> None:
            self.seen: list[bytes] = []

        def encode(self, data: bytes) -> bytes:
            self.seen.append(data)
            return bytes(data).translate(TURNED)

        def decode(self, data: bytes) -> bytes:
            return data.translate(TURNED)

    codec = Turned()
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.database.temporary = TemporarySpace(codec=codec)
        database.execute("SET work_mem = '64kB'")
        rows = database.query("SELECT g, 'secret' || g FROM generate_series(1, 9000) g ORDER BY -g")
        assert rows == [(g, f"secret{g}") for g in range(9000, 0, -1)]
    assert len(codec.seen) == len(files) > 0


def test_temporary_files_have_a_limit(db: EmbeddedDatabase) -> None:
    assert db.query("SHOW temp_file_limit") == [("-1",)]
    db.execute("SET work_mem = '64kB'; SET temp_file_limit = '1500kB'")
    try:
        with pytest.raises(
            errors.ConfigurationLimitExceeded, match=r"temporary file size exceeds temp_file_limit \(1500kB\)"
        ) as raised:
            db.query("SELECT a, c FROM t, generate_series(1, 9) ORDER BY b")
        assert raised.value.sqlstate == "53400"
        # What is put aside and given back does not count for ever.
        for _ in range(10):
            assert len(db.query("SELECT a FROM t WHERE a <= 8000 ORDER BY b")) == 8000
    finally:
        db.execute("RESET temp_file_limit")
    assert len(db.query("SELECT a, c FROM t ORDER BY b")) == ROWS


def test_names_of_temporary_files_can_be_told() -> None:
    assert is_temporary(temporary_name(4711, 12))
    assert not any(
        map(is_temporary, ["heliosdb-temporary-", "heliosdb-temporary-1", "heliosdb-temporary-a-1", "log-1-1"])
    )


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
