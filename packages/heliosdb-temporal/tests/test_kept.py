"""heliosdb_history_size: how much of the past there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliosdb import Config, EmbeddedDatabase

TEXT = (
    "SELECT table_name, keeps_past, retention_days, row_count, superseded_versions "
    "FROM heliosdb_history_size ORDER BY table_name"
)


def test_versions_are_counted_by_table_and_go_with_vacuum(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    with EmbeddedDatabase(path, config=Config(retention_days=0)) as db:
        db.execute("CREATE TABLE kept (id int); CREATE TABLE other (id int); CREATE TABLE empty (id int)")
        db.execute("CREATE VIEW v AS SELECT * FROM kept; CREATE TEMP TABLE own (id int)")
        db.execute("ALTER TABLE kept ADD SYSTEM VERSIONING WITH (retention = '36 hours')")
        for table in ("kept", "other"):
            db.execute(f"INSERT INTO {table} VALUES (1), (2), (3)")
            db.execute(f"UPDATE {table} SET id = id + 10 WHERE id < 3")
            db.execute(f"DELETE FROM {table} WHERE id = 3")
        then = db.query("SELECT heliosdb_current_scn()")[0][0]
        db.execute("VACUUM")
        expected = [("empty", False, None, 0, 0), ("kept", True, 1.5, 2, 3), ("other", False, None, 2, 0)]
        assert [tuple(row) for row in db.query(TEXT)] == expected
        since = dict(map(tuple, db.query("SELECT table_name, readable_since_scn FROM heliosdb_history_size")))
        assert since["other"] == then
        assert since["kept"] < then
        assert db.query("SELECT count(*) FROM kept AS OF SCN $1", [since["kept"] + 3])[0][0] >= 0
        db.execute("CHECKPOINT")
    with EmbeddedDatabase(path) as db:
        assert [tuple(row) for row in db.query(TEXT)] == expected
        text = "SELECT readable_since = heliosdb_scn_timestamp(readable_since_scn) FROM heliosdb_history_size"
        assert all(row[0] for row in db.query(text))
        db.execute("ALTER TABLE kept DROP SYSTEM VERSIONING")
        db.execute("VACUUM")
        assert [tuple(row) for row in db.query(TEXT)][1] == ("kept", False, None, 2, 0)
        assert len(db.query("SELECT * FROM heliosdb_history_size()")) == 3


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("in_memory", [False, True])
def test_vacuum_tells_how_many_versions_it_drops(tmp_path: Path, *, in_memory: bool, reopened: bool) -> None:
    path = ":memory:" if in_memory else str(tmp_path / "t.helio")
    text = "SELECT row_count, superseded_versions FROM heliosdb_history_size WHERE table_name = 't'"

    def vacuum(db: EmbeddedDatabase) -> list[str]:
        session = db.database.session()
        session.execute("VACUUM (VERBOSE) t")
        messages = [f"{notice.severity}: {notice.message}" for notice in session.notices]
        session.close()
        return messages

    db = EmbeddedDatabase(path, config=Config(retention_days=0))
    db.execute("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int")
    db.execute("ALTER TABLE t ADD SYSTEM VERSIONING")
    db.execute("INSERT INTO t SELECT g FROM generate_series(1, 9000) g")
    db.execute("UPDATE t SET a = a + 1")
    db.execute("DELETE FROM t WHERE a % 2 = 0")
    assert db.query(text) == [(4500, 13500)]
    assert vacuum(db) == ['INFO: vacuumed "public.t": 4500 rows, 0 older versions dropped']
    if reopened and not in_memory:
        db.close()
        db = EmbeddedDatabase(path)
    # Some blocks change, others stay as the files have them.
    db.execute("UPDATE t SET a = a + 1 WHERE a < 1000")
    ((rows, versions),) = db.query(text)
    assert (rows, versions) == (4500, 13999)
    db.execute("ALTER TABLE t DROP SYSTEM VERSIONING")
    assert vacuum(db) == ['INFO: vacuumed "public.t": 4500 rows, 13999 older versions dropped']
    assert db.query(text) == [(4500, 0)]
    assert vacuum(db) == ['INFO: vacuumed "public.t": 4500 rows, 0 older versions dropped']
    db.close()
