"""The methods of EmbeddedDatabase about branches."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, connect, errors


def test_branches_as_objects() -> None:
    with EmbeddedDatabase.new_in_memory() as opened:
        db: Any = opened
        db.execute("CREATE TABLE t (id int)")
        fork = db.database.history.published
        branch = db.create_branch("experiment 2024")
        assert (branch.name, branch.parent, branch.commits, branch.is_active) == ("experiment 2024", "main", 0, False)
        assert (branch.size_mb, branch.age_days, branch.divergence_point) == (0.0, 0, fork)
        nested = db.create_branch('odd "name"', "experiment 2024")
        assert nested.parent == "experiment 2024"
        session = db.session(settings={"heliosdb.branch": "experiment 2024"})
        session.execute("INSERT INTO t VALUES (1)")
        session.execute("INSERT INTO t VALUES (2)")
        db.execute("INSERT INTO t VALUES (3)")
        info = db.get_branch_info("experiment 2024")
        assert (info.commits, info.is_active, info.size_bytes > 0) == (2, True, True)
        assert [(found.name, found.is_active) for found in db.list_branches()] == [
            ("main", True), ("experiment 2024", True), ('odd "name"', False),
        ]  # fmt: skip
        with pytest.raises(errors.ObjectInUse):
            db.delete_branch("experiment 2024")
        session.close()
        for name in ("experiment 2024", 'odd "name"'):
            db.delete_branch(name)
        assert [found.name for found in db.list_branches()] == ["main"]
        with pytest.raises(errors.UndefinedObject):
            db.get_branch_info("experiment 2024")


def test_a_connection_has_the_same_methods() -> None:
    with EmbeddedDatabase.new_in_memory() as db, connect(db) as conn:
        conn.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        with pytest.raises(errors.ActiveSqlTransaction):
            conn.create_branch("experiment_2024")
        conn.rollback()
        conn.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        conn.commit()
        assert (conn.create_branch("experiment_2024").name, conn.in_transaction) == ("experiment_2024", False)
        there = connect(db, branch="experiment_2024")
        there.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        there.commit()
        info = conn.get_branch_info("experiment_2024")
        assert (info.commits, info.parent, info.is_active) == (1, "main", True)
        compared = conn.compare_branches("main", "experiment_2024")
        assert (compared.tables_modified, compared.total_row_changes) == (["t"], 2)
        assert conn.execute("SELECT count(*) FROM t").fetchone() == (0,)
        conn.commit()
        conn.merge_branch("experiment_2024")
        assert conn.execute("SELECT v FROM t ORDER BY id").fetchall() == [("one",), ("two",)]
        conn.commit()
        there.close()
        conn.delete_branch("experiment_2024")
        assert [branch.name for branch in conn.list_branches()] == ["main"]
        with pytest.raises(errors.UndefinedObject, match='branch "experiment_2024" does not exist'):
            conn.merge_branch("experiment_2024")
