"""Rows that come from elsewhere by their ids: completed and checked as INSERT does it, keys when all are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import errors
from heliosdb.database import Database
from heliosdb.session import Session
from heliosdb.spi import RowChanges

Row = tuple[Any, ...]


@pytest.fixture
def session() -> Iterator[Session]:
    database = Database(plugins=[])
    session = database.session()
    session.execute(
        "CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE NOT NULL, a int CHECK (a < 10), twice int"
        " GENERATED ALWAYS AS (a * 2) STORED, note text DEFAULT 'none');"
        "CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE);"
        "INSERT INTO t (id, code, a) VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 3); INSERT INTO c VALUES (10, 1)"
    )
    yield session
    database.close()


def change(session: Session, changes: dict[str, list[tuple[Any, Row | None]]], defaults: tuple[int, ...] = ()) -> None:
    """Make changes of tables: (the key or the id of a row, what is to be there), in one transaction."""
    session.begin("repeatable read")
    try:
        made = RowChanges(session)
        for name, wanted in changes.items():
            relation = session.catalog.lookup_relation(None, name, ["public"])
            assert relation is not None
            present = {
                row[0]: (row_id, row)
                for row_ids, rows in session.transaction.view(relation.oid).item_blocks()
                for row_id, row in zip(row_ids, rows)
            }
            made.change(relation, [(*present.get(key, (key, None)), new) for key, new in wanted], defaults)
        made.check()
    except BaseException:
        session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")


def rows(session: Session, text: str = "TABLE t ORDER BY id") -> list[Row]:
    return list(session.execute(text)[-1].rows)


def test_rows_are_completed_and_keep_their_ids(session: Session) -> None:
    change(session, {"t": [(1, (1, "x", 5, None, "new")), (2, None), (77, (7, "w", None, None, None))]})
    assert rows(session) == [(1, "x", 5, 10, "new"), (3, "z", 3, 6, "none"), (7, "w", None, None, None)]
    relation = session.database.store.relation(None, session.execute("SELECT 't'::regclass::oid")[0].rows[0][0])
    assert relation.newest(77)[1] == (7, "w", None, None, None)
    assert rows(session, "SELECT id FROM t WHERE code = 'w'") == [(7,)]
    assert rows(session, "SELECT id FROM t WHERE code = 'y'") == []


def test_columns_may_get_their_defaults(session: Session) -> None:
    change(session, {"t": [(50, (5, "v", 1, None, "given"))]}, defaults=(5,))
    assert rows(session)[-1] == (5, "v", 1, 2, "none")


def test_two_rows_may_swap_their_keys(session: Session) -> None:
    change(session, {"t": [(1, (1, "y", 1, None, None)), (2, (2, "x", 2, None, None))]})
    assert rows(session, "SELECT id FROM t WHERE code = 'x'") == [(2,)]
    assert rows(session, "SELECT id FROM t WHERE code = 'y'") == [(1,)]


@pytest.mark.parametrize(
    ("changes", "sqlstate"),
    [
        ({"t": [(1, (1, "x", 10, None, None))]}, "23514"),
        ({"t": [(1, (1, None, 1, None, None))]}, "23502"),
        ({"t": [(1, (1, "y", 1, None, None))]}, "23505"),
        ({"t": [(90, (1, "q", 1, None, None))]}, "23505"),
        ({"t": [(90, (8, "q", 1, None, None)), (91, (9, "q", 1, None, None))]}, "23505"),
        ({"t": [(1, None)]}, "23503"),
        ({"t": [(1, (6, "x", 1, None, None))]}, "23503"),
        ({"c": [(90, (11, 99))]}, "23503"),
    ],
)
def test_what_a_statement_would_refuse_is_refused(
    session: Session, changes: dict[str, list[tuple[Any, Row | None]]], sqlstate: str
) -> None:
    before = rows(session), rows(session, "TABLE c")
    with pytest.raises(errors.Error) as caught:
        change(session, changes)
    assert caught.value.sqlstate == sqlstate
    assert (rows(session), rows(session, "TABLE c")) == before


def test_foreign_keys_look_and_do_not_act(session: Session) -> None:
    change(session, {"t": [(1, (6, "x", 1, None, None))], "c": [(10, (10, 6))]})
    assert rows(session, "TABLE c") == [(10, 6)]
    change(session, {"c": [(10, None)], "t": [(6, None)]})
    assert rows(session, "SELECT id FROM t") == [(2,), (3,)]


def test_a_row_that_somebody_has_changed_since_is_a_conflict(session: Session) -> None:
    session.begin("repeatable read")
    relation = session.catalog.lookup_relation(None, "t", ["public"])
    assert relation is not None
    ((row_ids, present),) = session.transaction.view(relation.oid).item_blocks()
    other = session.database.session()
    other.execute("UPDATE t SET a = 9 WHERE id = 1; DELETE FROM t WHERE id = 3")
    for place, new in ((0, (1, "x", 4, None, None)), (2, None)):
        with pytest.raises(errors.SerializationFailure):
            RowChanges(session).change(relation, [(row_ids[place], present[place], new)])
    session.execute("ROLLBACK")
    assert rows(session, "SELECT a FROM t ORDER BY id") == [(9,), (2,)]
