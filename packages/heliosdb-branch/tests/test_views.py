"""``t@branch`` in the text of views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase, errors

KEPT = Config(options={"temporal.time_travel_enabled": True})
ODD = 'odd "name"'


@pytest.fixture
def db(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    """On main t has row 1; on the branch row 2, and a table of its own."""
    with EmbeddedDatabase(str(tmp_path / "t.helio"), config=KEPT) as opened:
        opened.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        opened.execute("INSERT INTO t VALUES (1, 'one')")
        fill(opened)
        yield opened


def fill(db: EmbeddedDatabase) -> None:
    """Make the branch."""
    quoted = ODD.replace('"', '""')
    db.execute(f'CREATE BRANCH "{quoted}"')
    with closing(db.session(settings={"heliosdb.branch": ODD})) as there:
        there.execute("DELETE FROM t; INSERT INTO t VALUES (2, 'two')")
        there.execute("CREATE TABLE IF NOT EXISTS here (x int); INSERT INTO here VALUES (7)")


def rows(db: EmbeddedDatabase, text: str) -> list[tuple[Any, ...]]:
    return list(map(tuple, db.query(text)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('SELECT * FROM t@"odd ""name"""', [(2, "two")]),
        ('SELECT d.a FROM t@"odd ""name""" AS d (a)', [(2,)]),
        ('SELECT x FROM public.here @"odd ""name""" WHERE x > 0', [(7,)]),
        ('SELECT m.id, d.id FROM t m FULL JOIN t@"odd ""name""" d ON m.id = d.id ORDER BY 1', [(1, None), (None, 2)]),
        ('WITH c AS (SELECT id FROM t@"odd ""name""") SELECT id FROM c UNION ALL SELECT id FROM t', [(2,), (1,)]),
    ],
)
def test_a_view_reads_a_branch(db: EmbeddedDatabase, tmp_path: Path, query: str, expected: list[Any]) -> None:
    names = ", ".join(f"c{number}" for number in range(len(expected[0])))
    db.execute(f"CREATE VIEW v ({names}) AS {query}")
    assert rows(db, "SELECT * FROM v") == expected
    assert '@"odd ""name"""' in rows(db, "SELECT pg_get_viewdef('v'::regclass)")[0][0]
    where = tmp_path / "dump.sql"
    db.execute(f"BACKUP TO '{where}'")
    db.close()
    with EmbeddedDatabase(str(tmp_path / "t.helio")) as again:
        assert rows(again, "SELECT * FROM v") == expected
    with EmbeddedDatabase.new_in_memory() as other:
        with pytest.raises(errors.UndefinedObject, match='branch "odd "name"" does not exist'):
            other.execute(f"RESTORE FROM '{where}'")
    with EmbeddedDatabase.new_in_memory() as other:
        other.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        fill(other)
        other.execute("DROP TABLE t")
        other.execute(f"RESTORE FROM '{where}'")
        assert rows(other, "SELECT * FROM v") == expected
        assert rows(other, "SELECT * FROM t") == [(1, "one")]


def test_it_may_be_read_at_a_point_of_the_branch(db: EmbeddedDatabase) -> None:
    ((scn,),) = rows(db, "SELECT heliosdb_current_scn()")
    db.execute(f'CREATE VIEW v AS SELECT * FROM t AS d @"odd ""name""" AS OF SCN {scn}')
    with closing(db.session(settings={"heliosdb.branch": ODD})) as there:
        there.execute("DELETE FROM t")
    assert rows(db, "SELECT * FROM v") == [(2, "two")]


@pytest.mark.parametrize(
    "change", ['DROP BRANCH "odd ""name"""', 'ALTER BRANCH "odd ""name""" RENAME TO other', 'DROP TAG "odd ""name"""']
)
def test_a_branch_that_is_gone_is_named_with_the_view(db: EmbeddedDatabase, change: str) -> None:
    if "TAG" in change:
        db.execute('DROP BRANCH "odd ""name"""')
        db.execute('CREATE TAG "odd ""name"""')
    db.execute('CREATE VIEW v AS SELECT * FROM t@"odd ""name"""')
    db.execute("CREATE VIEW outer_view AS SELECT * FROM v")
    assert len(rows(db, "SELECT * FROM outer_view")) == 1
    db.execute(change)
    for text in ("SELECT * FROM v", "SELECT 1 FROM outer_view", "CREATE VIEW w AS TABLE v"):
        with pytest.raises(errors.UndefinedObject, match='branch "odd "name"" does not exist') as caught:
            db.execute(text)
        assert caught.value.detail == 'It is in the text of view "v".'
    assert rows(db, "SELECT count(*) FROM pg_views WHERE viewname = 'v'") == [(1,)]
    db.execute("ALTER TABLE t RENAME TO t2")
    db.execute("ALTER TABLE t2 RENAME TO t")
    if "TAG" not in change:
        fill(db)
        assert rows(db, "SELECT * FROM outer_view") == [(2, "two")]
    db.execute("DROP VIEW v CASCADE")


def test_what_becomes_of_tables_here_is_nothing_to_the_branch(db: EmbeddedDatabase) -> None:
    db.execute('CREATE VIEW mixed AS SELECT t.v, d.v AS theirs FROM t, t@"odd ""name""" d')
    db.execute('CREATE VIEW theirs AS SELECT * FROM t@"odd ""name"""')
    db.execute("ALTER TABLE t RENAME COLUMN v TO w")
    db.execute("ALTER TABLE t RENAME TO moved")
    assert rows(db, "SELECT * FROM mixed") == [("one", "two")]
    assert rows(db, "SELECT * FROM theirs") == [(2, "two")]
    with pytest.raises(errors.DependentObjectsStillExist):
        db.execute("ALTER TABLE moved DROP COLUMN w")
    db.execute("DROP VIEW mixed")
    db.execute("DROP TABLE moved")
    assert rows(db, "SELECT * FROM theirs") == [(2, "two")]


def test_it_follows_the_tables_of_the_branch(db: EmbeddedDatabase) -> None:
    db.execute('CREATE VIEW v AS SELECT id, v FROM t@"odd ""name"""')
    with closing(db.session(settings={"heliosdb.branch": ODD})) as there:
        there.execute("ALTER TABLE t ADD COLUMN extra int; UPDATE t SET v = 'new'")
        assert rows(db, "SELECT * FROM v") == [(2, "new")]
        there.execute("ALTER TABLE t DROP COLUMN v")
    with pytest.raises(errors.UndefinedColumn, match='column "v" does not exist') as caught:
        rows(db, "SELECT * FROM v")
    assert caught.value.detail == 'It is in the text of view "v".'
