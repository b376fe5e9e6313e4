"""``t@branch``: tables of other branches in queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase, errors

KEPT = Config(options={"temporal.time_travel_enabled": True})


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    """On main t has rows 1 and 2; on dev-1 it has 2 and 3, and another column."""
    with EmbeddedDatabase(":memory:", config=KEPT) as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        opened.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        opened.execute("CREATE BRANCH dev-1")
        opened.execute("USE BRANCH dev-1")
        opened.execute("ALTER TABLE t ADD COLUMN w int DEFAULT 9")
        opened.execute("INSERT INTO t VALUES (3, 'three', 1)")
        opened.execute("DELETE FROM t WHERE id = 1")
        opened.execute("CREATE TABLE here (x int)")
        opened.execute("INSERT INTO here VALUES (7)")
        opened.execute("USE BRANCH main")
        yield opened


def rows(db: EmbeddedDatabase, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return list(map(tuple, db.query(text, list(parameters))))


MAIN, DEV = [(1, "one"), (2, "two")], [(2, "two", 9), (3, "three", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('SELECT * FROM t@"dev-1" ORDER BY id', DEV),
        ("SELECT * FROM t@main ORDER BY id", MAIN),
        ("SELECT * FROM t @MAIN ORDER BY id", MAIN),
        ('SELECT * FROM public.t@"dev-1" AS d (a) WHERE d.a = 3', DEV[1:]),
        ('SELECT t.id FROM t@"dev-1" ORDER BY t.id', [(2,), (3,)]),
        ('SELECT * FROM here@"dev-1"', [(7,)]),
        (
            'SELECT id, m.v, d.v FROM t@main m FULL JOIN t@"dev-1" d USING (id) ORDER BY id',
            [(1, "one", None), (2, "two", "two"), (3, None, "three")],
        ),
        ('WITH c AS (SELECT * FROM t@"dev-1") SELECT count(*) FROM c, t', [(4,)]),
        ('SELECT id FROM t EXCEPT SELECT id FROM t@"dev-1"', [(1,)]),
        ('SELECT id FROM t@"dev-1" d WHERE NOT EXISTS (SELECT FROM t WHERE t.id = d.id)', [(3,)]),
        ('SELECT (SELECT max(w) FROM t@"dev-1")', [(9,)]),
        ("SELECT id FROM t@\"dev-1\" WHERE v = 't@main' OR @id = 3", [(3,)]),
        ('SELECT v FROM t@"dev-1" WHERE id = 3', [("three",)]),
    ],
)
def test_it_stands_wherever_a_table_does(db: EmbeddedDatabase, text: str, expected: list[Any]) -> None:
    for _ in range(3):
        assert rows(db, text) == expected


def test_what_it_reads_depends_on_no_session(db: EmbeddedDatabase) -> None:
    db.execute("USE BRANCH dev-1")
    assert rows(db, "SELECT * FROM t@main ORDER BY id") == MAIN
    assert rows(db, 'SELECT * FROM t@"dev-1" ORDER BY id') == DEV == rows(db, "SELECT * FROM t ORDER BY id")


def test_rows_go_from_one_branch_to_another(db: EmbeddedDatabase) -> None:
    db.execute('INSERT INTO t SELECT id, v FROM t@"dev-1" WHERE id NOT IN (SELECT id FROM t)')
    db.execute('UPDATE t SET v = t.v || d.w FROM t@"dev-1" d WHERE d.id = t.id')
    db.execute('CREATE TABLE kept AS SELECT * FROM t@"dev-1"')
    assert rows(db, "SELECT * FROM t ORDER BY id") == [(1, "one"), (2, "two9"), (3, "three1")]
    assert rows(db, "SELECT * FROM kept ORDER BY id") == DEV
    db.execute('DELETE FROM t USING t@"dev-1" d WHERE d.id = t.id')
    assert rows(db, "SELECT * FROM t") == [(1, "one")]
    assert rows(db, 'SELECT * FROM t@"dev-1" ORDER BY id') == DEV


def test_the_same_text_follows_the_branch(db: EmbeddedDatabase) -> None:
    text = 'SELECT * FROM t@"dev-1" WHERE id = $1'
    other = db.session()
    other.execute("USE BRANCH dev-1")
    for number in range(4):
        other.execute(f"UPDATE t SET w = {number} WHERE id = 3")
        assert rows(db, text, 3) == [(3, "three", number)]
    other.execute("ALTER TABLE t RENAME COLUMN w TO z")
    other.execute("ALTER TABLE t DROP COLUMN v")
    assert rows(db, text, 3) == [(3, 3)]
    assert rows(db, 'SELECT z FROM t@"dev-1" WHERE id = 3') == [(3,)]
    other.close()
    db.execute("DROP BRANCH dev-1")
    with pytest.raises(errors.UndefinedObject, match='branch "dev-1" does not exist'):
        rows(db, text, 3)
    db.execute("CREATE BRANCH dev-1")
    assert rows(db, text, 2) == [(2, "two")]


def test_with_a_point_in_time(db: EmbeddedDatabase) -> None:
    ((fork,),) = rows(db, "SELECT fork_scn FROM heliosdb_branches WHERE name = 'dev-1'")
    for text in (
        'SELECT * FROM t@"dev-1" AS OF SCN $1 ORDER BY id',
        'SELECT * FROM t@"dev-1" AS OF SCN $1 x ORDER BY x.id',
        'SELECT * FROM t@"dev-1" x AS OF SCN $1 ORDER BY x.id',
        'SELECT * FROM t@"dev-1" ORDER BY id AS OF SCN $1',
        'SELECT * FROM (SELECT * FROM t@"dev-1") q ORDER BY id AS OF SCN $1',
    ):
        assert rows(db, text, fork) == MAIN
        assert rows(db, text, fork + 1) == [(1, "one", 9), (2, "two", 9)]
        assert rows(db, text, fork + 2) == [(1, "one", 9), (2, "two", 9), (3, "three", 1)]
        assert rows(db, text, fork + 3) == DEV
    joined = 'SELECT a.id, b.id FROM t a FULL JOIN t@"dev-1" b ON a.id = b.id ORDER BY 1, 2 AS OF SCN $1'
    assert rows(db, joined, fork + 2) == [(1, 1), (2, 2), (None, 3)]
    with pytest.raises(errors.FeatureNotSupported, match="none without a point in time of its own"):
        rows(db, 'SELECT * FROM t@"dev-1" AS OF SCN $1 WHERE true AS OF SCN $1', fork)


def test_a_transaction_sees_one_moment_of_all_branches(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as transaction:
        assert transaction.query('SELECT count(*) FROM t@"dev-1"') == [(2,)]
        other = db.session()
        other.execute("USE BRANCH dev-1")
        other.execute("DELETE FROM t")
        other.close()
        assert transaction.query('SELECT count(*) FROM t@"dev-1"') == [(2,)]
        db.execute("CREATE BRANCH later")
        assert transaction.query("SELECT count(*) FROM t@later") == [(2,)]
        transaction.execute("DELETE FROM t")
        assert transaction.query("SELECT (SELECT count(*) FROM t@main), count(*) FROM t") == [(2, 0)]
    assert rows(db, 'SELECT count(*) FROM t@"dev-1"') == [(0,)]


def test_a_view_is_read_on_the_branch(db: EmbeddedDatabase) -> None:
    db.execute("CREATE VIEW seen AS SELECT count(*) FROM t")
    db.execute("DELETE FROM t WHERE id = 1")
    assert rows(db, 'SELECT * FROM seen, seen@"dev-1" AS d') == [(1, 2)]


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ("SELECT * FROM t@nowhere", "42704"),
        ('SELECT * FROM nothing@"dev-1"', "42P01"),
        ("SELECT * FROM here@main", "42P01"),
        ("SELECT * FROM t@dev-1", "42601"),
        ("SELECT * FROM t@", "42601"),
        ("SELECT * FROM t@'main'", "42601"),
        ("SELECT * FROM t@main@main", "42601"),
        ("SELECT * FROM generate_series(1, 2)@main", "42601"),
        ("SELECT * FROM pg_class@main", "0A000"),
        ('SELECT * FROM t@"dev-1" FOR UPDATE', "0A000"),
        ('UPDATE t@"dev-1" SET v = 1', "0A000"),
        ('DELETE FROM t@"dev-1"', "0A000"),
        ('INSERT INTO t@"dev-1" VALUES (5)', "0A000"),
        ("CREATE VIEW v AS SELECT * FROM t@nowhere", "42704"),
    ],
)
def test_what_cannot_be_is_refused(db: EmbeddedDatabase, text: str, sqlstate: str) -> None:
    with pytest.raises(errors.Error) as caught:
        db.execute(text)
    assert caught.value.sqlstate == sqlstate
    assert rows(db, 'SELECT * FROM t@"dev-1" ORDER BY id') == DEV
