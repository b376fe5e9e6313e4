"""A point in time has the definitions of then: columns, names, views, what was dropped since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    UndefinedColumn,
    UndefinedTable,
)

KEPT = Config(options={"temporal.time_travel_enabled": True})


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(":memory:", config=KEPT) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        database.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        yield database


def scn(db: EmbeddedDatabase) -> int:
    return int(db.query("SELECT heliosdb_current_scn()")[0][0])


def columns(db: EmbeddedDatabase, text: str, parameters: Any = ()) -> list[str]:
    return list(db.query(text, parameters)[0].keys())


CHANGES = {
    "ALTER TABLE t ADD COLUMN more int DEFAULT 7": ["id", "state", "more"],
    "ALTER TABLE t DROP COLUMN state": ["id"],
    "ALTER TABLE t RENAME state TO status": ["id", "status"],
    "ALTER TABLE t ALTER state TYPE varchar(10) USING upper(state)": ["id", "state"],
    "ALTER TABLE t ALTER id TYPE text": ["id", "state"],
    "ALTER TABLE t DROP COLUMN id, ADD COLUMN id text DEFAULT 'x'": ["state", "id"],
    "CREATE INDEX i ON t (state)": ["id", "state"],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("reopened", [False, True])
def test_a_table_has_the_columns_of_then(tmp_path: Path, change: str, reopened: bool) -> None:
    path = str(tmp_path / "t.helio")
    db = EmbeddedDatabase(path, config=KEPT)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    then = scn(db)
    db.execute(change)
    after = scn(db)
    db.execute("INSERT INTO t SELECT * FROM t WHERE false")
    if reopened:
        db.execute("CHECKPOINT")
        db.close()
        db = EmbeddedDatabase(path)
    with db:
        for text in ("SELECT * FROM t AS OF SCN {} ORDER BY 1", "SELECT * FROM t ORDER BY 1 AS OF SCN {}"):
            found = db.query(text.format(then))
            assert found == [(1, "a"), (2, "b")]
            assert list(found[0].keys()) == ["id", "state"]
            # One prepared text, one parameter, two definitions.
            for _ in range(3):
                assert db.query(text.format("$1"), [then]) == [(1, "a"), (2, "b")]
                assert columns(db, text.format("$1"), [after]) == CHANGES[change]
        assert db.query(f"SELECT id FROM t AS OF SCN {then} WHERE state = 'b'") == [(2,)]
        assert db.query(f"SELECT state FROM t AS OF SCN {then} WHERE id = 2") == [("b",)]
        assert db.query(f"SELECT count(*) FROM t AS OF SCN {then} x JOIN t y ON true") == [(4,)]
        assert columns(db, "SELECT * FROM t") == CHANGES[change]


def test_names_are_those_of_then(db: EmbeddedDatabase) -> None:
    then = scn(db)
    db.execute("ALTER TABLE t RENAME TO u; CREATE TABLE t (other int)")
    assert db.query(f"SELECT id, state FROM t AS OF SCN {then}") == [(1, "a"), (2, "b")]
    assert db.query("SELECT * FROM t AS OF SCN heliosdb_current_scn()") == []
    with pytest.raises(UndefinedTable, match=f'relation "u" does not exist at SCN {then}') as caught:
        db.query(f"SELECT * FROM u AS OF SCN {then}")
    assert caught.value.hint == 'It was called "public.t" then.'
    db.execute("ALTER TABLE u RENAME state TO status")
    with pytest.raises(UndefinedColumn):
        db.query(f"SELECT status FROM t AS OF SCN {then}")
    assert db.query(f"SELECT o.state, n.status FROM t AS OF SCN {then} o JOIN u n USING (id) ORDER BY 1") == [
        ("a", "a"),
        ("b", "b"),
    ]


def test_what_was_dropped_since_can_be_read_and_restored(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, config=KEPT) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, state text)")
        db.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        then = scn(db)
        db.execute("DROP TABLE t")
        assert db.query(f"SELECT * FROM t AS OF SCN {then} WHERE id = 1") == [(1, "a")]
        db.execute("VACUUM")
        db.execute("CHECKPOINT")
    with EmbeddedDatabase(path) as db:
        assert db.query(f"SELECT * FROM t AS OF SCN {then} WHERE id = 1") == [(1, "a")]
        db.execute(f"CREATE TABLE t AS SELECT * FROM t AS OF SCN {then}")
        assert db.query("SELECT * FROM t ORDER BY id") == [(1, "a"), (2, "b")]


def test_rows_that_went_with_their_table_are_missed_and_not_taken_for_none() -> None:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=0)) as db:
        db.execute("CREATE TABLE kept (id int); ALTER TABLE kept ADD SYSTEM VERSIONING")
        db.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        then = scn(db)
        db.execute("DROP TABLE t")
        with pytest.raises((UndefinedTable, ObjectNotInPrerequisiteState)):
            db.query(f"SELECT * FROM t AS OF SCN {then}")


def test_a_view_is_the_one_of_then(db: EmbeddedDatabase) -> None:
    db.execute("CREATE VIEW v AS SELECT state FROM t WHERE id = 1")
    then = scn(db)
    db.execute("CREATE OR REPLACE VIEW v AS SELECT state FROM t WHERE id = 2; DELETE FROM t")
    db.execute("CREATE VIEW later AS SELECT count(*) FROM t")
    assert db.query(f"SELECT * FROM v AS OF SCN {then}") == [("a",)]
    assert db.query("SELECT * FROM v") == []
    assert db.query(f"SELECT * FROM later AS OF SCN {then}") == [(2,)]


def test_prepared_statements_and_cursors_follow_the_definition(db: EmbeddedDatabase) -> None:
    then = scn(db)
    db.execute("PREPARE p (bigint) AS SELECT * FROM t AS OF SCN $1 ORDER BY 1")
    db.execute("ALTER TABLE t ADD COLUMN more int DEFAULT 7")
    now = scn(db)
    for _ in range(2):
        assert db.query(f"EXECUTE p({then})") == [(1, "a"), (2, "b")]
        assert db.query(f"EXECUTE p({now})") == [(1, "a", 7), (2, "b", 7)]
        assert "rows=2 " in db.query(f"EXPLAIN (ANALYZE, COSTS off) EXECUTE p({then})")[0][0]
    with db.begin_transaction() as transaction:
        transaction.execute(f"DECLARE c CURSOR FOR SELECT * FROM t AS OF SCN {then} ORDER BY 1")
        assert transaction.query("FETCH ALL c") == [(1, "a"), (2, "b")]
    db.execute("DROP TABLE t")
    assert db.query(f"EXECUTE p({then})") == [(1, "a"), (2, "b")]


def test_a_value_that_is_a_subquery_decides_the_definition(db: EmbeddedDatabase) -> None:
    db.execute(f"CREATE TABLE marks (name text, at bigint); INSERT INTO marks VALUES ('then', {scn(db)})")
    db.execute("ALTER TABLE t DROP COLUMN state")
    text = "SELECT * FROM t AS OF SCN (SELECT at FROM marks WHERE name = $1) ORDER BY 1"
    assert db.query(text, ["then"]) == [(1, "a"), (2, "b")]
    db.execute("INSERT INTO marks VALUES ('now', heliosdb_current_scn())")
    assert db.query(text, ["now"]) == [(1,), (2,)]
    assert db.query(text, ["then"]) == [(1, "a"), (2, "b")]


def test_an_index_of_now_finds_rows_of_then(db: EmbeddedDatabase) -> None:
    db.execute("INSERT INTO t SELECT n, 'same' FROM generate_series(3, 500) n")
    then = scn(db)
    db.execute("DELETE FROM t WHERE id BETWEEN 3 AND 499 AND id <> 77; UPDATE t SET state = 'now' WHERE id > 2")
    db.execute("ALTER TABLE t ADD COLUMN more int")
    db.execute("DELETE FROM t WHERE id > 2; CREATE UNIQUE INDEX ON t (state); CREATE INDEX ON t (state, id)")
    assert db.query(f"SELECT count(*) FROM t AS OF SCN {then} WHERE state = 'same'") == [(498,)]
    assert db.query(f"SELECT id FROM t AS OF SCN {then} WHERE state = 'same' AND id = 77") == [(77,)]
    assert db.query(f"SELECT state FROM t AS OF SCN {then} WHERE id = 400") == [("same",)]
    db.execute("DROP INDEX t_state_id_idx")
    assert db.query(f"SELECT id FROM t AS OF SCN {then} WHERE state = 'same' AND id = 77") == [(77,)]


def test_a_column_of_a_type_that_is_gone_is_refused(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE m (how mood); INSERT INTO m VALUES ('sad')")
    then = scn(db)
    db.execute("ALTER TABLE m DROP COLUMN how; DROP TYPE mood")
    with pytest.raises(
        FeatureNotSupported, match='column "how" of relation "m" had a type that has been dropped since'
    ):
        db.query(f"SELECT * FROM m AS OF SCN {then}")


def test_definitions_of_an_open_transaction_are_of_now(db: EmbeddedDatabase) -> None:
    then = scn(db)
    with db.begin_transaction() as transaction:
        transaction.execute("ALTER TABLE t ADD COLUMN more int; CREATE TABLE fresh (id int)")
        assert transaction.query(f"SELECT * FROM t AS OF SCN {then} WHERE id = 1") == [(1, "a")]
        assert transaction.query("SELECT * FROM t WHERE id = 1") == [(1, "a", None)]
        with pytest.raises(UndefinedTable, match='relation "fresh" does not exist at SCN'):
            transaction.query(f"SELECT * FROM fresh AS OF SCN {then}")


def test_rows_of_another_time_cannot_be_changed(db: EmbeddedDatabase) -> None:
    then = scn(db)
    for text in (
        f"WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone AS OF SCN {then}",
        f"WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone, t AS OF SCN {then} ORDER BY 1",
    ):
        if "gone AS OF" not in text:
            assert len(db.query(text)) == 4
            continue
        with pytest.raises(FeatureNotSupported):
            db.query(text)
