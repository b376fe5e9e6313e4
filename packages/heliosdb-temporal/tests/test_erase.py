"""ERASE: rows leave all history, memory and files, and only the fact remains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    ActiveSqlTransaction,
    FeatureNotSupported,
    ForeignKeyViolation,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    WrongObjectType,
)
from heliosdb_temporal import erase

KEPT = Config(compression="none", options={"temporal.time_travel_enabled": True})


def rows(db: EmbeddedDatabase, text: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(text, parameters)]


def scn(db: EmbeddedDatabase) -> int:
    return int(db.query("SELECT heliosdb_current_scn()")[0][0])


def files_with(folder: Path, text: str) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes())


def notices(db: EmbeddedDatabase) -> list[str]:
    return [notice.message for notice in db.notices]


@pytest.fixture(params=["memory", "volume"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    where = ":memory:" if request.param == "memory" else str(tmp_path / "t.helio")
    with EmbeddedDatabase(where, config=KEPT) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, name text); CREATE INDEX by_name ON t (name)")
        database.execute("INSERT INTO t VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cyd')")
        yield database


def test_a_row_is_gone_now_and_at_any_time(db: EmbeddedDatabase) -> None:
    before = scn(db)
    db.execute("UPDATE t SET name = 'Robert' WHERE id = 2")
    changed = scn(db)
    assert db.execute("ERASE FROM t WHERE id = 2") == 1
    assert rows(db, "SELECT * FROM t ORDER BY id") == [(1, "Ada"), (3, "Cyd")]
    for point in (before, changed):
        assert rows(db, "SELECT * FROM t AS OF SCN $1 ORDER BY id", [point]) == [(1, "Ada"), (3, "Cyd")]
        assert rows(db, "SELECT * FROM t AS OF SCN $1 WHERE id = 2", [point]) == []
        assert rows(db, "SELECT * FROM t AS OF SCN $1 WHERE name IN ('Bob', 'Robert')", [point]) == []
    assert rows(db, "SELECT id FROM t FOR SYSTEM_TIME ALL ORDER BY id") == [(1,), (3,)]
    db.execute("INSERT INTO t VALUES (2, 'another')")
    assert rows(db, "SELECT name FROM t WHERE id = 2") == [("another",)]


def test_any_version_counts_and_all_versions_go(db: EmbeddedDatabase) -> None:
    before = scn(db)
    db.execute("UPDATE t SET name = 'Robert' WHERE id = 2; DELETE FROM t WHERE id = 3")
    assert db.execute("ERASE FROM t WHERE name = $1 OR name = $2", ["Bob", "Cyd"]) == 2
    assert rows(db, "SELECT * FROM t") == rows(db, "SELECT * FROM t AS OF SCN $1", [before]) == [(1, "Ada")]


def test_versions_that_only_a_pin_keeps_are_found(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "t.helio")) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'Ada'), (2, 'Bob')")
        point = db.database.history.pin("release")
        for name in ("x", "y", "z"):
            db.execute("UPDATE t SET name = $1", [name])
        db.execute("VACUUM")
        assert db.execute("ERASE FROM t WHERE name = 'Bob'") == 1
        assert rows(db, "SELECT * FROM t AS OF SCN $1", [point]) == [(1, "Ada")]
        assert rows(db, "SELECT * FROM t") == [(1, "z")]


def test_who_reads_the_past_is_told_and_the_view_says_when_who_and_how_many(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE u (id int); INSERT INTO u VALUES (1)")
    before = scn(db)
    db.execute("INSERT INTO t VALUES (4, 'Dan')")
    db.execute("ERASE FROM t WHERE id IN (2, 4)")
    db.execute("ERASE FROM t WHERE id = 3")
    db.notices.clear()
    rows(db, "SELECT * FROM t a CROSS JOIN t AS OF SCN $1 b", [before])
    rows(db, "SELECT * FROM t FOR SYSTEM_TIME ALL")
    assert notices(db) == ['3 rows of relation "t" have been erased since'] * 2
    db.notices.clear()
    rows(db, "SELECT * FROM t")
    rows(db, "SELECT * FROM u AS OF SCN $1", [before])
    rows(db, "SELECT * FROM t AS OF SCN $1", [scn(db)])
    assert notices(db) == []
    found = rows(
        db, 'SELECT table_schema, table_name, role, "session_user", row_count FROM heliosdb_erasures ORDER BY scn'
    )
    user = rows(db, "SELECT current_user")[0][0]
    assert found == [("public", "t", user, user, 2), ("public", "t", user, user, 1)]
    times = rows(db, "SELECT erased_at = heliosdb_scn_timestamp(scn), erased_at <= now() FROM heliosdb_erasures")
    assert times == [(True, True)] * 2


def test_nothing_is_told_of_a_time_when_the_row_was_not_there(db: EmbeddedDatabase) -> None:
    before = scn(db)
    db.execute("INSERT INTO t VALUES (4, 'Dan')")
    db.execute("ERASE FROM t WHERE id = 4")
    db.notices.clear()
    assert len(rows(db, "SELECT * FROM t AS OF SCN $1", [before])) == 3
    assert notices(db) == []


def test_erasing_nothing_leaves_no_record(db: EmbeddedDatabase) -> None:
    assert db.execute("ERASE FROM t WHERE id = 99") == 0
    assert rows(db, "SELECT * FROM heliosdb_erasures") == []


def test_rows_that_others_refer_to_are_refused(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE c (t int REFERENCES t ON DELETE CASCADE); INSERT INTO c VALUES (2)")
    with pytest.raises(ForeignKeyViolation):
        db.execute("ERASE FROM t WHERE id = 2")
    assert rows(db, "SELECT name FROM t WHERE id = 2") == [("Bob",)]
    assert rows(db, "SELECT * FROM heliosdb_erasures") == []
    db.execute("ERASE FROM c WHERE t = 2")
    assert db.execute("ERASE FROM t WHERE id = 2") == 1


def test_what_cannot_be_done_is_refused_with_a_reason(db: EmbeddedDatabase) -> None:
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    for text, error in (
        ("ERASE FROM t", SqlSyntaxError),
        ("ERASE t WHERE id = 1", SqlSyntaxError),
        ("ERASE FROM nowhere WHERE id = 1", UndefinedTable),
        ("ERASE FROM v WHERE id = 1", WrongObjectType),
        ("ERASE FROM t WHERE nothing = 1", UndefinedColumn),
    ):
        with pytest.raises(error):
            db.execute(text)
    db.execute("BEGIN")
    with pytest.raises(ActiveSqlTransaction):
        db.execute("ERASE FROM t WHERE id = 1")
    db.execute("ROLLBACK")
    db.database.history.create_timeline("other")
    with pytest.raises(FeatureNotSupported, match='branch "other"'):
        db.execute("ERASE FROM t WHERE id = 1")
    db.database.history.drop_timeline("other")
    assert rows(db, "SELECT count(*) FROM t") == [(3,)]
    assert db.execute("ERASE FROM t WHERE true") == 3


def test_the_words_in_literals_and_names_mean_nothing(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE erase (\"erase from t\" text); INSERT INTO erase VALUES ('ERASE FROM t WHERE true')")
    assert rows(db, "SELECT * FROM erase") == [("ERASE FROM t WHERE true",)]
    assert rows(db, "SELECT count(*) FROM t") == [(3,)]


# -- files


def test_no_file_has_the_text_any_more(tmp_path: Path) -> None:
    """Neither from the log, nor from segments, nor from index runs, whatever they were replaced by."""
    where = tmp_path / "t.helio"
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, name text); CREATE INDEX ON t (name)")
        db.execute("INSERT INTO t SELECT i, 'row' || i FROM generate_series(1, 9000) i")
        db.execute("INSERT INTO t VALUES (10001, 'confidential-a')")
        db.execute("CHECKPOINT")
        db.execute("UPDATE t SET name = 'confidential-b' WHERE id = 10001")
        db.execute("CHECKPOINT")
        db.execute("UPDATE t SET name = name || '!'")  # large: blocks are replaced as a whole
        before = scn(db)
        db.execute("UPDATE t SET name = name || '?'")
        db.execute("UPDATE t SET name = 'confidential-c' WHERE id = 10001")
        assert all(files_with(where, f"confidential-{letter}") for letter in "ab")
        assert db.execute("ERASE FROM t WHERE name = 'confidential-c'") == 1
        assert files_with(where, "confidential") == []
        assert files_with(where, "row4711")
        assert rows(db, "SELECT name FROM t WHERE id = 4711") == [("row4711!?",)]
        assert rows(db, "SELECT name FROM t AS OF SCN $1 WHERE id = 4711", [before]) == [("row4711!",)]
        assert rows(db, "SELECT count(*) FROM t AS OF SCN $1", [before]) == [(9000,)]
    assert files_with(where, "confidential") == []
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        assert rows(db, "SELECT name FROM t AS OF SCN $1 WHERE name LIKE 'row4711%'", [before]) == [("row4711!",)]
        assert rows(db, "SELECT count(*) FROM t AS OF SCN $1", [before]) == [(9000,)]
        assert rows(db, "SELECT row_count FROM heliosdb_erasures") == [(1,)]


def test_a_segment_of_which_little_is_erased_is_written_anew(tmp_path: Path) -> None:
    where = tmp_path / "t.helio"
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        db.execute("CREATE TABLE t (id int, name text)")
        text = (
            "INSERT INTO t SELECT i, CASE i WHEN 20000 THEN 'confidential' ELSE 'row' END FROM generate_series(1, $1) i"
        )
        db.execute(text, [40000])
        before = scn(db)
        db.execute("CHECKPOINT")
        assert len(files_with(where, "confidential")) == 1
        db.execute("ERASE FROM t WHERE id = 20000")
        assert files_with(where, "confidential") == []
        assert rows(db, "SELECT count(*), sum(id) FROM t AS OF SCN $1", [before]) == [(39999, 800000000)]


@pytest.mark.parametrize("reopened", [False, True])
def test_rows_that_were_deleted_long_ago_are_erased(tmp_path: Path, reopened: bool) -> None:
    where = tmp_path / "t.helio"
    db = EmbeddedDatabase(str(where), config=KEPT)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
    db.execute("INSERT INTO t VALUES (1, 'Ada'), (2, 'confidential')")
    before = scn(db)
    db.execute("DELETE FROM t WHERE id = 2")
    db.execute("CHECKPOINT")
    if reopened:
        db.close()
        db = EmbeddedDatabase(str(where), config=KEPT)
    assert rows(db, "SELECT name FROM t AS OF SCN $1 WHERE id = 2", [before]) == [("confidential",)]
    assert db.execute("ERASE FROM t WHERE id = 2") == 1
    assert files_with(where, "confidential") == []
    assert rows(db, "SELECT name FROM t AS OF SCN $1", [before]) == [("Ada",)]
    db.close()
    assert files_with(where, "confidential") == []


def test_what_blocks_were_before_a_large_commit_replaced_them_is_erased(tmp_path: Path) -> None:
    where = tmp_path / "t.helio"
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        db.execute("CREATE TABLE t (id int, name text)")
        db.execute("INSERT INTO t SELECT i, 'row' || i FROM generate_series(1, 100000) i")
        db.execute("UPDATE t SET name = 'confidential' WHERE id = 2")
        db.execute("CHECKPOINT")
        before = scn(db)
        db.execute("UPDATE t SET name = 'other'")
        assert db.execute("ERASE FROM t WHERE id = 2") == 1
        assert files_with(where, "confidential") == []
        assert rows(db, "SELECT count(*) FROM t AS OF SCN $1 WHERE name LIKE 'row%'", [before]) == [(99999,)]
        assert rows(db, "SELECT count(*), max(name) FROM t") == [(99999, "other")]
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        assert rows(db, "SELECT count(*) FROM t AS OF SCN $1 WHERE name LIKE 'row%'", [before]) == [(99999,)]


def test_an_erasure_that_was_cut_short_is_done_at_the_next_opening(tmp_path: Path) -> None:
    where = tmp_path / "t.helio"
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        db.execute(
            "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'Ada'), (2, 'confidential')"
        )
        before = scn(db)
        session = db.database.session()
        with db.database.store_transaction() as transaction:
            relation = db.database.catalogs.of(transaction).lookup_relation("public", "t", ("public",))
        assert relation is not None
        erase._delete(session, relation, [1])  # the number of the second row
        session.close()
        found = rows(db, "SELECT table_name, erased_at, scn, row_count, is_complete FROM heliosdb_erasures")
        assert found == [("t", None, None, 1, False)]
    assert files_with(where, "confidential")
    with EmbeddedDatabase(str(where), config=Config(read_only=True)) as db:
        assert rows(db, "SELECT is_complete FROM heliosdb_erasures") == [(False,)]
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        assert files_with(where, "confidential") == []
        assert rows(db, "SELECT * FROM t AS OF SCN $1", [before]) == [(1, "Ada")]
        assert rows(db, "SELECT table_name, row_count, is_complete FROM heliosdb_erasures") == [("t", 1, True)]


@pytest.mark.parametrize("obstacle", ["branch", "row"])
def test_an_erasure_that_cannot_go_on_keeps_no_database_closed(tmp_path: Path, obstacle: str) -> None:
    where = tmp_path / "t.helio"
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'Ada'), (2, 'Bob')")
        session = db.database.session()
        with db.database.store_transaction() as transaction:
            relation = db.database.catalogs.of(transaction).lookup_relation("public", "t", ("public",))
        assert relation is not None
        erase._delete(session, relation, [0, 1])
        session.close()
        if obstacle == "branch":
            db.database.history.create_timeline("other")
        else:
            db.execute("REVERT TRANSACTION " + str(rows(db, "SELECT heliosdb_scn_transaction($1)", [scn(db)])[0][0]))
    with EmbeddedDatabase(str(where), config=KEPT) as db:
        state = "SELECT row_count, is_complete FROM heliosdb_erasures ORDER BY scn"
        if obstacle == "branch":
            assert rows(db, state) == [(2, False)]
            db.database.history.drop_timeline("other")
            with pytest.raises(ActiveSqlTransaction, match="has changed something"):
                db.execute("INSERT INTO t VALUES (3, 'Cyd'); ERASE FROM t WHERE id = 3")
            db.execute("INSERT INTO t VALUES (3, 'Cyd')")
            db.execute("ERASE FROM t WHERE id = 3")
            assert rows(db, state) == [(2, True), (1, True)]
            assert rows(db, "SELECT * FROM t FOR SYSTEM_TIME ALL") == []
        else:
            assert rows(db, state) == [(0, True)]
            assert rows(db, "SELECT * FROM t ORDER BY id") == [(1, "Ada"), (2, "Bob")]


@pytest.mark.parametrize("seed", range(2))
def test_all_of_the_rest_is_as_it_was(tmp_path: Path, seed: int) -> None:
    """Against a model that keeps a copy of the table at each commit."""
    random = Random(seed)
    where = str(tmp_path / "t.helio")
    states: dict[int, dict[int, str]] = {}
    erased: set[int] = set()
    current: dict[int, str] = {}

    def step(db: EmbeddedDatabase, number: int) -> None:
        choice = random.random()
        if choice < 0.08 and current:
            ids = random.sample(sorted(current), min(len(current), random.randint(1, 3)))
            db.execute("ERASE FROM t WHERE id = ANY($1)", [ids])
            for one in ids:
                current.pop(one)
            erased.update(ids)
        elif choice < 0.16:
            db.execute(random.choice(["CHECKPOINT", "VACUUM"]))
        elif choice < 0.26:
            db.execute("UPDATE t SET name = name || '+'")
            current.update({one: name + "+" for one, name in current.items()})
        elif choice < 0.6 and current:
            one = random.choice(sorted(current))
            db.execute("UPDATE t SET name = $1 WHERE id = $2", [f"v{number}", one])
            current[one] = f"v{number}"
        elif choice < 0.7 and current:
            one = random.choice(sorted(current))
            db.execute("DELETE FROM t WHERE id = $1", [one])
            current.pop(one)
        else:
            ids = [number * 1000 + i for i in range(random.choice([1, 5, 700]))]
            db.execute("INSERT INTO t SELECT i, 'n' || i FROM unnest($1::int[]) i", [ids])
            current.update({one: f"n{one}" for one in ids})
        states[scn(db)] = dict(current)

    def check(db: EmbeddedDatabase) -> None:
        for point, state in random.sample(sorted(states.items()), min(len(states), 8)):
            expected = sorted((one, name) for one, name in state.items() if one not in erased)
            assert rows(db, "SELECT * FROM t AS OF SCN $1 ORDER BY id", [point]) == expected
            for _, name in random.sample(expected, min(len(expected), 5)):
                found = rows(db, "SELECT id FROM t AS OF SCN $1 WHERE name = $2 ORDER BY id", [point, name])
                assert found == [(other,) for other, text in expected if text == name]
        for one in sorted(erased)[:5]:
            assert rows(db, "SELECT * FROM t FOR SYSTEM_TIME ALL WHERE id = $1", [one]) == []
        assert db.query("SELECT * FROM t ORDER BY id") == sorted(current.items())

    db = EmbeddedDatabase(where, config=KEPT)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, name text); CREATE INDEX ON t (name)")
    for number in range(1, 50):
        step(db, number)
        if number % 12 == 0:
            check(db)
            db.close()
            db = EmbeddedDatabase(where, config=KEPT)
            check(db)
    assert erased
    check(db)
    db.close()


def test_what_readers_have_left_of_a_point_they_asked_for_again_and_again_loses_the_row() -> None:
    with EmbeddedDatabase(":memory:", config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, k int, v text); CREATE INDEX t_k ON t (k)")
        db.execute("INSERT INTO t SELECT g, g, 'v' || g FROM generate_series(1, 3000) g; ANALYZE t")
        then = scn(db)
        db.execute("UPDATE t SET k = k + 1")
        text = f"SELECT id, v FROM t AS OF SCN {then} WHERE k BETWEEN 1499 AND 1501"
        assert "t_k" in str(rows(db, f"EXPLAIN {text}"))
        for _ in range(10):
            assert rows(db, text) == [(1499, "v1499"), (1500, "v1500"), (1501, "v1501")]
        db.execute("ERASE FROM t WHERE id = 1500")
        for _ in range(10):
            assert rows(db, text) == [(1499, "v1499"), (1501, "v1501")]
