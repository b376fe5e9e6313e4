"""REVERT TRANSACTION: what a transaction did to rows is undone, or refused with what came in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    FeatureNotSupported,
    ForeignKeyViolation,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SerializationFailure,
    SqlSyntaxError,
)

KEPT = Config(options={"temporal.time_travel_enabled": True})


def rows(db: EmbeddedDatabase, text: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(text)]


def done(db: EmbeddedDatabase, text: str) -> int:
    """Execute and return the transaction's id."""
    db.execute(text)
    return int(db.query("SELECT heliosdb_scn_transaction(heliosdb_current_scn())")[0][0])


@pytest.fixture(params=["memory", "volume"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    where = ":memory:" if request.param == "memory" else str(tmp_path / "t.helio")
    with EmbeddedDatabase(where, config=KEPT) as database:
        database.execute(
            "CREATE TABLE t (id int PRIMARY KEY, state text, twice int GENERATED ALWAYS AS (id * 2) STORED)"
        )
        database.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
        yield database


def test_inserts_updates_and_deletes_of_several_tables_are_undone_together(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE u (x text)")
    before = rows(db, "SELECT * FROM t ORDER BY id")
    number = done(
        db,
        "BEGIN; DELETE FROM t WHERE id = 1; UPDATE t SET id = 20, state = 'x' WHERE id = 2; "
        "INSERT INTO t VALUES (4, 'd'); INSERT INTO u VALUES ('v'); COMMIT",
    )
    assert db.execute(f"REVERT TRANSACTION {number}") == 4
    assert rows(db, "SELECT * FROM t ORDER BY id") == before == [(1, "a", 2), (2, "b", 4), (3, "c", 6)]
    assert rows(db, "SELECT * FROM u") == []
    assert rows(db, "SELECT state FROM t WHERE id = 2") == [("b",)]
    assert rows(db, "SELECT state FROM t WHERE id IN (4, 20)") == []


def test_a_revert_can_be_reverted(db: EmbeddedDatabase) -> None:
    number = done(db, "DELETE FROM t WHERE id >= 2")
    again = done(db, f"REVERT TRANSACTION {number}")
    assert rows(db, "SELECT count(*) FROM t") == [(3,)]
    db.execute(f"REVERT TRANSACTION {again}")
    assert rows(db, "SELECT id FROM t") == [(1,)]


def test_later_changes_of_other_rows_stay(db: EmbeddedDatabase) -> None:
    number = done(db, "UPDATE t SET state = 'wrong' WHERE id = 1")
    db.execute("UPDATE t SET state = 'later' WHERE id = 2; INSERT INTO t VALUES (9, 'new')")
    db.execute(f"REVERT TRANSACTION {number}")
    assert rows(db, "SELECT id, state FROM t ORDER BY id") == [(1, "a"), (2, "later"), (3, "c"), (9, "new")]


@pytest.mark.parametrize("later", ["UPDATE t SET state = 'later' WHERE id = 1", "DELETE FROM t WHERE id = 1"])
def test_rows_that_were_changed_since_are_refused_with_table_and_key(db: EmbeddedDatabase, later: str) -> None:
    number = done(db, "UPDATE t SET state = 'wrong'")
    db.execute(later)
    expected = rows(db, "SELECT * FROM t ORDER BY id")
    with pytest.raises(SerializationFailure, match='rows of table "t" have been changed since') as caught:
        db.execute(f"REVERT TRANSACTION {number}")
    assert caught.value.sqlstate == "40001"
    assert caught.value.detail == 'table "t", (id)=(1)'
    assert rows(db, "SELECT * FROM t ORDER BY id") == expected


def test_many_changed_rows_are_listed_up_to_ten(db: EmbeddedDatabase) -> None:
    number = done(db, "INSERT INTO t SELECT i FROM generate_series(101, 112) i")
    db.execute("UPDATE t SET state = 'later' WHERE id > 100")
    with pytest.raises(SerializationFailure) as caught:
        db.execute(f"REVERT TRANSACTION {number}")
    lines = str(caught.value.detail).split("\n")
    assert (lines[0], lines[9:]) == ('table "t", (id)=(101)', ['table "t", (id)=(110)', "and 2 more"])


def test_a_key_that_another_row_has_taken_is_refused(db: EmbeddedDatabase) -> None:
    number = done(db, "DELETE FROM t WHERE id = 1")
    db.execute("INSERT INTO t VALUES (1, 'other')")
    with pytest.raises(SerializationFailure, match="another row has taken a key") as caught:
        db.execute(f"REVERT TRANSACTION {number}")
    assert "(id)=(1)" in str(caught.value.detail)
    assert rows(db, "SELECT state FROM t WHERE id = 1") == [("other",)]


def test_foreign_keys_are_looked_at(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE child (t int REFERENCES t)")
    number = done(db, "INSERT INTO t VALUES (4, 'd')")
    db.execute("INSERT INTO child VALUES (4)")
    with pytest.raises(ForeignKeyViolation, match="child"):
        db.execute(f"REVERT TRANSACTION {number}")
    assert rows(db, "SELECT count(*) FROM t") == [(4,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ALTER TABLE t ADD COLUMN more int", 'table "t" has other columns since'),
        ("ALTER TABLE t DROP COLUMN state", 'table "t" has other columns since'),
        ("DROP TABLE t", 'table "t" has been dropped since'),
    ],
)
def test_a_table_of_another_definition_is_refused(db: EmbeddedDatabase, change: str, message: str) -> None:
    number = done(db, "DELETE FROM t WHERE id = 1")
    db.execute(change)
    with pytest.raises(FeatureNotSupported, match=message) as caught:
        db.execute(f"REVERT TRANSACTION {number}")
    assert caught.value.sqlstate == "0A000"


def test_a_renamed_table_with_a_new_index_is_reverted(db: EmbeddedDatabase) -> None:
    number = done(db, "UPDATE t SET state = 'wrong'")
    db.execute("ALTER TABLE t RENAME TO s; ALTER TABLE s RENAME COLUMN state TO status; CREATE INDEX ON s (status)")
    db.execute(f"REVERT TRANSACTION {number}")
    assert rows(db, "SELECT id FROM s WHERE status = 'b'") == [(2,)]
    assert rows(db, "SELECT id FROM s WHERE status = 'wrong'") == []


def test_a_transaction_that_changed_definitions_is_refused_and_named(db: EmbeddedDatabase) -> None:
    number = done(db, "BEGIN; CREATE TABLE made (x int); INSERT INTO made VALUES (1); COMMIT")
    with pytest.raises(FeatureNotSupported, match="it changed definitions") as caught:
        db.execute(f"REVERT TRANSACTION {number}")
    assert "made" in str(caught.value.detail)


def test_it_is_part_of_its_transaction(db: EmbeddedDatabase) -> None:
    number = done(db, "DELETE FROM t")
    db.execute(f"BEGIN; REVERT TRANSACTION {number}")
    assert rows(db, "SELECT count(*) FROM t") == [(3,)]
    db.execute("ROLLBACK")
    assert rows(db, "SELECT count(*) FROM t") == [(0,)]


def test_what_the_same_block_has_changed_counts_as_later(db: EmbeddedDatabase) -> None:
    number = done(db, "UPDATE t SET state = 'wrong'")
    db.execute("BEGIN; UPDATE t SET state = 'mine' WHERE id = 3")
    with pytest.raises(SerializationFailure) as caught:
        db.execute(f"REVERT TRANSACTION {number}")
    assert caught.value.detail == 'table "t", (id)=(3)'
    db.execute("ROLLBACK")


def test_numbers_that_mean_no_commit_are_refused(db: EmbeddedDatabase) -> None:
    with pytest.raises(InvalidParameterValue, match="no commit of transaction 424242 is known"):
        db.execute("REVERT TRANSACTION 424242")
    for text in ("REVERT TRANSACTION", "REVERT TRANSACTION x", "REVERT TRANSACTION 1 2", "REVERT 1"):
        with pytest.raises(SqlSyntaxError):
            db.execute(text)


def test_a_transaction_that_changed_nothing_visible_reverts_nothing(db: EmbeddedDatabase) -> None:
    number = done(db, "UPDATE t SET state = state")
    assert db.execute(f"REVERT TRANSACTION {number}") == 0


def test_a_transaction_of_another_timeline_is_refused(db: EmbeddedDatabase) -> None:
    db.database.history.create_timeline("other")
    session = db.database.session()
    session.use_timeline("other")
    session.execute("DELETE FROM t")
    commits = db.database.history.commits
    commit = commits.get(db.database.history.published)
    assert commit is not None
    with pytest.raises(ObjectNotInPrerequisiteState, match="cannot be reverted here") as caught:
        db.execute(f"REVERT TRANSACTION {commit.transaction_id}")
    assert caught.value.detail == 'It was committed on "other".'
    session.execute(f"REVERT TRANSACTION {commit.transaction_id}")
    assert list(session.execute("SELECT count(*) FROM t")[-1].rows) == [(3,)]
    session.close()


def test_it_works_after_reopening(tmp_path: Path) -> None:
    where = str(tmp_path / "t.helio")
    with EmbeddedDatabase(where, config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)")
        number = done(db, "DELETE FROM t WHERE id % 2 = 0")
        db.execute("CHECKPOINT")
    with EmbeddedDatabase(where, config=KEPT) as db:
        assert db.execute(f"REVERT TRANSACTION {number}") == 2500
        assert rows(db, "SELECT count(*), sum(id) FROM t") == [(5000, 12502500)]
