"""MERGE BRANCH: from which point on changes count, where there seem to be several."""

from __future__ import annotations

import pytest

from heliosdb import EmbeddedDatabase, errors

from .conftest import on


def merge(db: EmbeddedDatabase, source: str, target: str) -> None:
    db.execute(f"MERGE BRANCH {source} INTO {target}")


def test_a_timeline_on_which_nothing_was_done_is_no_second_base(db: EmbeddedDatabase) -> None:
    """SCNs are given to all branches in turn: main goes on in numbers while others commit."""
    on(db, "x", "UPDATE t SET a = 1 WHERE id = 1", "CREATE BRANCH y", "CREATE BRANCH z")
    on(db, "y", "UPDATE t SET b = 5 WHERE id = 2")
    merge(db, "main", "y")
    on(db, "main", "UPDATE t SET b = 7 WHERE id = 3")
    merge(db, "main", "z")
    on(db, "z", "UPDATE t SET a = 2 WHERE id = 1")
    merge(db, "y", "z")
    assert db.query("SELECT * FROM t@z ORDER BY 1") == [(1, 2, 0), (2, 0, 5), (3, 0, 7)]


@pytest.mark.parametrize(
    "text", ["UPDATE t SET b = 6 WHERE id = 3", "CREATE TABLE n (id int)", "ALTER TABLE t ADD c int"]
)
def test_one_on_which_something_was_done_is(db: EmbeddedDatabase, text: str) -> None:
    on(db, "x", "UPDATE t SET a = 1 WHERE id = 1", "CREATE BRANCH y", "CREATE BRANCH z")
    on(db, "main", text)
    merge(db, "main", "y")
    merge(db, "main", "z")
    on(db, "z", "UPDATE t SET a = 2 WHERE id = 1")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="crosswise"):
        merge(db, "y", "z")
