"""The methods of EmbeddedDatabase about branches."""

from __future__ import annotations

from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors


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
