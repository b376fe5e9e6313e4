"""AS OF: what each form reads, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    NullValueNotAllowed,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
)
from heliosdb.plugin import hookimpl
from heliosdb.store.directory import DirectoryVolume
from heliosdb.store.salvage import salvage


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    config = Config(options={"temporal.time_travel_enabled": True})
    with EmbeddedDatabase(":memory:", config=config) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        yield database


def scn(db: EmbeddedDatabase) -> int:
    return int(db.query("SELECT heliosdb_current_scn()")[0][0])


def now(db: EmbeddedDatabase) -> datetime:
    found = db.query("SELECT heliosdb_scn_timestamp(heliosdb_current_scn())")[0][0]
    assert isinstance(found, datetime)
    return found


@pytest.fixture
def two(db: EmbeddedDatabase) -> tuple[EmbeddedDatabase, int]:
    """A row that was changed, and the SCN before that."""
    db.execute("INSERT INTO t VALUES (1, 'old'), (2, 'gone')")
    then = scn(db)
    db.execute("UPDATE t SET state = 'new' WHERE id = 1")
    db.execute("DELETE FROM t WHERE id = 2")
    return db, then


OLD, NEW = [(1, "old"), (2, "gone")], [(1, "new")]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t AS OF SCN {} ORDER BY id",
        "SELECT * FROM t as of scn {} x ORDER BY x.id",
        "SELECT * FROM t x AS OF SCN {} ORDER BY x.id",
        "SELECT * FROM t AS OF SCN {} AS x (a, b) ORDER BY x.a",
        "SELECT * FROM t ORDER BY id AS OF SCN {}",
        "SELECT * FROM t WHERE id > 0 ORDER BY id LIMIT 5 AS OF SCN {}",
        "SELECT * FROM t WHERE id > 0 AS OF SCN {} ORDER BY id LIMIT 5",
        "SELECT j.id, b.state FROM t JOIN t b USING (id) AS j AS OF SCN {} ORDER BY id",
        "SELECT * FROM t UNION SELECT * FROM t WHERE true AS OF SCN {} ORDER BY id",
        "SELECT * FROM (SELECT * FROM t AS OF SCN {}) q ORDER BY id",
        "WITH c AS (SELECT * FROM t AS OF SCN {}) SELECT * FROM c ORDER BY id",
        "WITH c AS MATERIALIZED (SELECT * FROM t AS OF SCN {}) SELECT * FROM c ORDER BY id",
        "WITH c AS MATERIALIZED (SELECT * FROM t) SELECT * FROM c ORDER BY id AS OF SCN {}",
        "SELECT * FROM t AS OF SCN {} WHERE id = 1 UNION ALL SELECT * FROM t AS OF SCN {} WHERE id = 2 ORDER BY 1",
        "SELECT * FROM v AS OF SCN {} ORDER BY id",
        "SELECT a.id, b.state FROM t AS OF SCN {} a JOIN t b AS OF SCN {} USING (id) ORDER BY id",
        "SELECT id, a.state FROM t a JOIN t b USING (id) AS OF SCN {}",
        "SELECT id, a.state FROM t a JOIN (t b LEFT JOIN t c USING (id)) USING (id) AS x AS OF SCN {}",
        "SELECT id, a.state FROM t a JOIN t b USING (id) JOIN t c USING (id) FOR SYSTEM_TIME AS OF "
        "heliosdb_scn_timestamp({})",
        "SELECT * FROM t AS OF SCN (SELECT max({}) FROM t) ORDER BY id",
        "SELECT * FROM t AS OF SCN {} WHERE id NOT IN (SELECT id + 1 FROM t WHERE id <> 1) ORDER BY id",
        "SELECT * FROM t AS OF TRANSACTION heliosdb_scn_transaction({}) ORDER BY id",
        "SELECT * FROM t AS OF TIMESTAMP heliosdb_scn_timestamp({}) ORDER BY id",
        "SELECT * FROM t FOR SYSTEM_TIME AS OF heliosdb_scn_timestamp({}) ORDER BY id",
        "SELECT * FROM t ORDER BY id FOR SYSTEM_TIME AS OF heliosdb_scn_timestamp({})",
        "SELECT * FROM t ORDER BY id LIMIT 5 FOR SYSTEM_TIME AS OF heliosdb_scn_timestamp({})",
        "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP heliosdb_scn_timestamp({}) x ORDER BY x.id",
    ],
)
def test_every_place_reads_the_past(two: tuple[EmbeddedDatabase, int], text: str) -> None:
    db, then = two
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    assert db.query(text.replace("{}", str(then))) == OLD
    assert db.query(text.replace("{}", f"(SELECT {then}::bigint)")) == OLD
    assert db.query(text.replace("{}", "heliosdb_current_scn()")) == ([(1, "new")])
    assert db.query(text.replace("{}", "CAST($1 AS bigint)"), [then]) == OLD
    assert db.query("SELECT * FROM t") == NEW


def test_two_times_meet_in_one_statement(two: tuple[EmbeddedDatabase, int]) -> None:
    db, then = two
    text = (
        "SELECT id, before.state, after.state FROM t AS OF SCN $1 before FULL OUTER JOIN t AS OF SCN $2 AS after "
        "USING (id) ORDER BY id"
    )
    assert db.query(text, [then, scn(db)]) == [(1, "old", "new"), (2, "gone", None)]
    assert db.query(text, [then, then]) == [(1, "old", "old"), (2, "gone", "gone")]
    own = "SELECT a.state, b.state FROM t AS OF SCN $1 a JOIN t b ON a.id = b.id"
    assert db.query(own, [then]) == [("old", "new")]
    trailing = (
        f"SELECT a.state, b.state FROM t AS OF SCN heliosdb_current_scn() a JOIN t b ON a.id = b.id AS OF SCN {then}"
    )
    assert db.query(trailing) == [("new", "old")]


def test_what_was_deleted_comes_back(two: tuple[EmbeddedDatabase, int]) -> None:
    db, then = two
    db.execute("INSERT INTO t SELECT * FROM t AS OF SCN $1 WHERE id NOT IN (SELECT id FROM t)", [then])
    assert db.query("SELECT * FROM t ORDER BY id") == [(1, "new"), (2, "gone")]
    db.execute(f"CREATE TABLE copy AS SELECT * FROM t AS OF SCN {then}")
    assert db.query("SELECT * FROM copy ORDER BY id") == OLD
    db.execute(f"UPDATE t SET state = p.state FROM t AS OF SCN {then} p WHERE p.id = t.id")
    assert db.query("SELECT * FROM t ORDER BY id") == OLD
    assert len(db.query(f"SELECT * FROM t JOIN t AS OF SCN {then} p ON p.id = t.id FOR UPDATE OF t")) == 2


def test_the_words_elsewhere_mean_what_they_meant(db: EmbeddedDatabase) -> None:
    db.execute("INSERT INTO t VALUES (1, 'AS OF SCN 0'), (2, 'x FOR SYSTEM_TIME AS OF now()')")
    assert db.query("SELECT state FROM t WHERE state = 'AS OF SCN 0'") == [("AS OF SCN 0",)]
    assert db.query("SELECT count(*) /* AS OF SCN 0 */ FROM t -- AS OF SCN 0") == [(2,)]
    assert db.query("SELECT of.id FROM t AS of WHERE of.id = 1") == [(1,)]
    assert db.query("SELECT of.id FROM t a JOIN t b USING (id) AS of WHERE of.id = 1") == [(1,)]
    assert db.query("SELECT id AS of, state AS scn FROM t ORDER BY of LIMIT 1") == [(1, "AS OF SCN 0")]
    assert db.query('SELECT "as of scn 0" FROM (SELECT id AS "as of scn 0" FROM t) q ORDER BY 1') == [(1,), (2,)]
    assert db.query("SELECT $$ AS OF TIMESTAMP $$") == [(" AS OF TIMESTAMP ",)]
    assert len(db.query("SELECT * FROM t FOR UPDATE")) == 2


def test_a_time_means_the_last_commit_at_or_before_it(db: EmbeddedDatabase) -> None:
    db.execute("INSERT INTO t VALUES (1, 'a')")
    first, at = scn(db), now(db)
    db.execute("UPDATE t SET state = 'b'")
    second, later = scn(db), now(db)
    text = "SELECT state FROM t AS OF TIMESTAMP $1"
    micro = timedelta(microseconds=1)
    assert [db.query(text, [time]) for time in (at, later - micro, later)] == [[("a",)], [("a",)], [("b",)]]
    assert db.query(text, [at - micro]) == []
    assert [db.query("SELECT heliosdb_scn_at($1)", [time])[0][0] for time in (at, later)] == [first, second]
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        db.execute(f"SET TimeZone = '{zone}'")
        local = db.query("SELECT heliosdb_scn_timestamp($1)::text", [first])[0][0]
        assert db.query(f"SELECT state FROM t AS OF TIMESTAMP '{local}'") == [("a",)]
        bare = db.query("SELECT heliosdb_scn_timestamp($1)::timestamp::text", [first])[0][0].replace(" ", "T")
        assert db.query(f"SELECT state FROM t AS OF TIMESTAMP '{bare}'") == [("a",)]


@pytest.mark.parametrize(
    ("clause", "error", "message"),
    [
        ("SCN 1000000", InvalidParameterValue, "SCN 1000000 is in the future"),
        ("SCN -1", InvalidParameterValue, "SCN -1 is negative"),
        ("SCN NULL", NullValueNotAllowed, "AS OF SCN must not be null"),
        ("SCN 'x'", Error, "invalid input syntax"),
        ("TIMESTAMP now() + interval '1 day'", InvalidParameterValue, "in the future"),
        ("TIMESTAMP 'infinity'", InvalidParameterValue, "in the future"),
        ("TIMESTAMP NULL", NullValueNotAllowed, "AS OF TIMESTAMP must not be null"),
        ("TRANSACTION 1000000", InvalidParameterValue, "no commit of transaction 1000000 is known"),
        ("SCN id", UndefinedColumn, "id"),
        ("SCN 0", UndefinedTable, 'relation "t" does not exist at SCN 0'),
        ("TIMESTAMP '1999-12-31'", UndefinedTable, 'relation "t" does not exist at SCN 0'),
        ("TIMESTAMP '-infinity'", UndefinedTable, 'relation "t" does not exist at SCN 0'),
    ],
)
def test_a_point_that_cannot_be_read_is_an_error(
    db: EmbeddedDatabase, clause: str, error: type[Error], message: str
) -> None:
    with pytest.raises(error, match=message):
        db.query(f"SELECT * FROM t AS OF {clause}")
    with pytest.raises(error, match=message):
        db.query(f"SELECT * FROM t WHERE true AS OF {clause}")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM pg_class AS OF SCN heliosdb_current_scn()",
        "SELECT * FROM t, pg_class AS OF SCN heliosdb_current_scn()",
        "SELECT * FROM t JOIN pg_class c ON true AS OF SCN heliosdb_current_scn()",
        "SELECT * FROM s AS OF SCN heliosdb_current_scn()",
        "SELECT 1 AS OF SCN heliosdb_current_scn()",
        "SELECT * FROM generate_series(1, 2) AS OF SCN heliosdb_current_scn()",
        "WITH c AS (SELECT 1) SELECT * FROM c AS OF SCN heliosdb_current_scn()",
        "DELETE FROM t AS OF SCN heliosdb_current_scn()",
        "UPDATE t AS OF SCN heliosdb_current_scn() SET state = 'x'",
        "INSERT INTO t AS OF SCN heliosdb_current_scn() VALUES (1, 'x')",
        "SELECT * FROM t AS OF SCN heliosdb_current_scn() FOR UPDATE",
        "SELECT * FROM t FOR UPDATE AS OF SCN heliosdb_current_scn()",
        "SELECT * FROM v AS OF SCN heliosdb_current_scn() FOR UPDATE",
        "SELECT * FROM t FOR UPDATE FOR SYSTEM_TIME AS OF now()",
        "SELECT * FROM t AS OF SCN heliosdb_current_scn() AS OF SCN heliosdb_current_scn()",
        "SELECT * FROM t WHERE true AS OF SCN heliosdb_current_scn() ORDER BY id AS OF SCN heliosdb_current_scn()",
    ],
)
def test_what_has_no_past_is_refused(db: EmbeddedDatabase, text: str) -> None:
    db.execute("CREATE SEQUENCE s")
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    with pytest.raises((FeatureNotSupported, SqlSyntaxError)):
        db.query(text)


def test_without_retention_the_past_is_an_error_that_names_the_horizon() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=0)) as db:
        db.execute("CREATE TABLE t (id int)")
        db.execute("INSERT INTO t VALUES (1)")
        then = scn(db)
        db.execute("UPDATE t SET id = 2")
        db.execute("VACUUM")
        with pytest.raises(ObjectNotInPrerequisiteState, match=f'SCN {then} is before the horizon of relation "t"'):
            db.query(f"SELECT * FROM t AS OF SCN {then}")
        assert db.query(f"SELECT * FROM t AS OF SCN {then + 1}") == [(2,)]


def test_the_names_of_a_point_lead_to_each_other(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as transaction:
        transaction.execute("INSERT INTO t VALUES (1, 'a')")
        number = transaction.query("SELECT pg_current_xact_id()::text::int8")[0][0]
        assert transaction.query("SELECT heliosdb_scn_of_transaction($1::int8)", [number]) == [(None,)]
        transaction.commit()
    then = scn(db)
    assert db.query("SELECT heliosdb_scn_of_transaction($1::int8)", [number]) == [(then,)]
    assert db.query("SELECT heliosdb_scn_transaction($1)::text", [then]) == [(str(number),)]
    assert db.query("SELECT pg_xact_commit_timestamp($1::text::xid)", [str(number)]) == [(now(db),)]
    assert db.query("SELECT heliosdb_scn_timestamp(0), heliosdb_scn_timestamp($1)", [then + 1]) == [(None, None)]


def test_a_query_as_of_a_time_from_python(two: tuple[Any, int]) -> None:
    db, then = two
    at = db.query("SELECT heliosdb_scn_timestamp($1)", [then])[0][0]
    text = "SELECT * FROM t WHERE id < $1 ORDER BY id DESC;"
    assert db.query_as_of_timestamp(text, [3], at) == [(2, "gone"), (1, "old")]
    assert db.query_as_of_timestamp(text, [2], at.astimezone(UTC).isoformat()) == [(1, "old")]
    for wrong in ("DELETE FROM t", "SELECT 1; DELETE FROM t", "INSERT INTO t VALUES (3, 'x')"):
        with pytest.raises(SqlSyntaxError):
            db.query_as_of_timestamp(wrong, [], at)
    assert db.query("SELECT * FROM t") == NEW


def test_a_salvaged_database_answers_as_of_what_was(tmp_path: Path) -> None:
    config = Config(options={"temporal.time_travel_enabled": True})
    with EmbeddedDatabase(str(tmp_path / "damaged"), config=config) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        db.execute("INSERT INTO t VALUES (1, 'old'), (2, 'gone')")
        then, time = scn(db), now(db)
        db.execute("CHECKPOINT")
        db.execute("UPDATE t SET state = 'new' WHERE id = 1")
        db.execute("DELETE FROM t WHERE id = 2")
    with closing(DirectoryVolume(tmp_path / "damaged", read_only=True)) as source:
        with closing(DirectoryVolume(tmp_path / "mended")) as target:
            assert salvage(source, target).losses == []
    with EmbeddedDatabase(str(tmp_path / "mended"), config=config) as db:
        for point in (f"SCN {then}", f"TIMESTAMP '{time.isoformat()}'"):
            assert db.query(f"SELECT * FROM t AS OF {point} ORDER BY id") == [(1, "old"), (2, "gone")]
            assert db.query(f"SELECT state FROM t AS OF {point} WHERE id = 2") == [("gone",)]
        assert db.query("SELECT * FROM t") == [(1, "new")]
        db.execute("UPDATE t SET state = 'newer'")
        assert db.query(f"SELECT state FROM t AS OF SCN {then + 2}") == [("new",)]


def test_a_clause_is_resolved_once_for_each_run() -> None:
    asked: list[tuple[Any, ...]] = []
    module = ModuleType("listener")

    def resolve_snapshot(session: Any, request: Any, arguments: tuple[Any, ...], base: Any) -> None:
        asked.append(arguments)

    module.resolve_snapshot = hookimpl(tryfirst=True)(resolve_snapshot)  # type: ignore[attr-defined]
    with EmbeddedDatabase(":memory:", plugins=[module, "temporal"]) as db:
        db.execute("CREATE TABLE t (id int)")
        points = []
        for number in range(5):
            db.execute(f"INSERT INTO t VALUES ({number})")
            points.append(db.database.history.published)
        text = "SELECT count(*) FROM t AS OF SCN $1 a JOIN t AS OF SCN $2 b USING (id)"
        assert db.query(text, [points[1], points[3]]) == [(2,)]
        asked.clear()
        for first, second in ((0, 4), (3, 3), (4, 2)):
            assert db.query(text, [points[first], points[second]]) == [(min(first, second) + 1,)]
            assert asked == [(points[first],), (points[second],)]
            asked.clear()
