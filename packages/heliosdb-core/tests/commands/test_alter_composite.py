"""What ALTER TYPE refuses for composite types that stored definitions hold, and what older snapshots see."""

from __future__ import annotations

import pytest

from heliosdb import EmbeddedDatabase, errors


@pytest.fixture
def db() -> EmbeddedDatabase:
    made = EmbeddedDatabase.new_in_memory(plugins=[])
    made.execute("CREATE TYPE pair AS (x int, y int); CREATE TABLE t (id int PRIMARY KEY, p pair, a pair[])")
    made.execute("INSERT INTO t VALUES (1, '(1,2)', ARRAY['(3,4)'::pair])")
    return made


@pytest.mark.parametrize(
    ("holder", "change", "error"),
    [
        ("CREATE INDEX i ON t (p)", "ADD ATTRIBUTE z int", "because index i holds it"),
        ("CREATE INDEX i ON t ((p))", "DROP ATTRIBUTE y", "because index i holds it"),
        ("CREATE VIEW v AS SELECT (p).x FROM t", "DROP ATTRIBUTE x", 'because view v names its attribute "x"'),
        ("CREATE VIEW v AS SELECT (p).x FROM t", "RENAME ATTRIBUTE x TO z", 'because view v names its attribute "x"'),
        ("CREATE VIEW v AS SELECT (p).* FROM t", "ADD ATTRIBUTE z int", "because view v has all its attributes"),
        ("ALTER TABLE t ADD CHECK ((p).y > 0)", "DROP ATTRIBUTE y", 'because table t names its attribute "y"'),
        ("CREATE TYPE outer_ AS (p pair)", "ADD ATTRIBUTE z int", "because type outer_ holds it"),
        ("CREATE DOMAIN d AS pair", "DROP ATTRIBUTE y", "because type d holds it"),
    ],
)
def test_what_stored_definitions_hold_is_refused(db: EmbeddedDatabase, holder: str, change: str, error: str) -> None:
    db.execute(holder)
    with pytest.raises(errors.FeatureNotSupported, match=error):
        db.execute(f"ALTER TYPE pair {change}")
    assert db.query("SELECT (p).x, (p).y FROM t") == [(1, 2)]


def test_a_view_of_another_attribute_stays(db: EmbeddedDatabase) -> None:
    db.execute("CREATE VIEW v AS SELECT (p).x FROM t")
    db.execute("ALTER TYPE pair DROP ATTRIBUTE y, ADD ATTRIBUTE z text")
    assert db.query("SELECT * FROM v") == [(1,)]
    assert db.query("SELECT p, a FROM t") == [((1, None), [(3, None)])]


def test_an_older_transaction_gets_no_half_of_it(db: EmbeddedDatabase) -> None:
    reader = db.session()
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT 1 FROM pg_class LIMIT 1")
    db.execute("ALTER TYPE pair ADD ATTRIBUTE z int")
    with pytest.raises(errors.SerializationFailure):
        reader.execute("SELECT p::text FROM t")
    reader.execute("ROLLBACK")
    (result,) = reader.execute("SELECT p::text FROM t")
    assert list(result.rows or ()) == [("(1,2,)",)]


def test_the_type_is_listed_with_its_attributes(db: EmbeddedDatabase) -> None:
    listed = (
        "SELECT c.relkind, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.typrelid = c.oid WHERE t.typname = 'pair' "
        "ORDER BY a.attnum"
    )
    db.execute("ALTER TYPE pair ADD ATTRIBUTE z numeric(5,2)")
    assert db.query(listed) == [("c", "x", "integer"), ("c", "y", "integer"), ("c", "z", "numeric(5,2)")]
