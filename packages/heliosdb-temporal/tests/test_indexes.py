"""AS OF through indexes: the answers of scans, whatever the rows, their keys and the indexes went through since."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    config = Config(options={"temporal.time_travel_enabled": True})
    with EmbeddedDatabase(":memory:", config=config) as database:
        yield database


def scn(db: EmbeddedDatabase) -> int:
    return int(db.query("SELECT heliosdb_current_scn()")[0][0])


def plan(db: EmbeddedDatabase, text: str, parameters: list[Any]) -> str:
    return "\n".join(line for (line,) in db.query(f"EXPLAIN {text}", parameters))


def given(text: str, point: int, key: int) -> list[Any]:
    return [point, key] if "$2" in text else [point]


READS = {
    "SELECT * FROM t AS OF SCN $1 WHERE id = $2": "t_pkey",
    "SELECT * FROM t AS OF SCN $1 WHERE id BETWEEN $2 AND $2 + 20 ORDER BY id": "t_pkey",
    "SELECT * FROM t AS OF SCN $1 ORDER BY id DESC LIMIT 7": "t_pkey",
    "SELECT max(id) FROM t AS OF SCN $1": "t_pkey",
    "SELECT * FROM t AS OF SCN $1 WHERE id IN ($2, $2 + 3, $2 + 5) ORDER BY id": "t_pkey",
    "SELECT * FROM t AS OF SCN $1 WHERE c = $2 % 30 ORDER BY id": "t_c",
    "SELECT count(*) FROM t AS OF SCN $1 WHERE c = $2 % 30": "t_c",
    "SELECT c FROM t AS OF SCN $1 WHERE c BETWEEN $2 % 30 AND $2 % 30 + 1 ORDER BY c": "t_c",
    "SELECT id FROM t AS OF SCN $1 WHERE c = $2 % 30 OR id = $2 ORDER BY id": "t_c",
    "SELECT * FROM t AS OF SCN $1 WHERE lower(v) = 'v' || $2 % 50 ORDER BY id": "t_lower",
    "SELECT * FROM t AS OF SCN $1 WHERE c IS NULL AND v = 'V' || $2 % 50 ORDER BY id": "t_part",
    "SELECT b.* FROM (VALUES ($2), ($2 + 1)) a (id) JOIN t AS OF SCN $1 b ON a.id = b.id ORDER BY b.id": "t_pkey",
    "SELECT * FROM t AS OF SCN $1 x WHERE EXISTS (SELECT FROM t WHERE t.id = x.id) AND x.id < $2 ORDER BY id": "t_pkey",
}


def test_answers_are_those_of_scans_at_every_commit(db: EmbeddedDatabase) -> None:
    """One table has indexes, from before its rows and from after them; its double has none."""
    chance = Random(7)
    for table in ("t", "u"):
        db.execute(f"CREATE TABLE {table} (id int, c int, v text)")
    db.execute("ALTER TABLE t ADD PRIMARY KEY (id); CREATE INDEX t_c ON t (c)")
    made = ", ".join(f"({number}, {chance.randrange(30)}, 'V{number % 50}')" for number in range(2000))
    changes = [f"INSERT INTO {{}} VALUES {made}"]
    for number in range(40):
        where = f"id % 17 = {chance.randrange(17)} AND id % 5 = {chance.randrange(5)}"
        changes += [
            f"UPDATE {{}} SET c = (c + {number}) % 30 WHERE {where}",
            f"UPDATE {{}} SET v = 'W' || id % 50, c = CASE WHEN id % 3 > 0 THEN c END WHERE {where}",
            f"DELETE FROM {{}} WHERE id % 97 = {number}",
            f"INSERT INTO {{}} SELECT g, g % 30, 'v' || g % 50 FROM generate_series({number * 97}, {number * 97 + 9}) g"
            f" WHERE g NOT IN (SELECT id FROM {{}})",
            f"UPDATE {{}} SET id = id + 5000 WHERE id = {number * 13}"
            f" AND {number * 13 + 5000} NOT IN (SELECT id FROM {{}})",
        ]
    commits = []
    for number, change in enumerate(changes):
        if number == 100:
            db.execute("CREATE INDEX t_lower ON t (lower(v)); CREATE INDEX t_part ON t (v) WHERE c IS NULL; ANALYZE")
        db.execute("BEGIN; " + "; ".join(change.replace("{}", table) for table in ("t", "u")) + "; COMMIT")
        commits.append(scn(db))
    for text, index in READS.items():
        assert index in plan(db, text, given(text, commits[50], 40)), text
        for point in chance.sample(commits, 5):
            for key in (0, 13, 97, chance.randrange(2000), 5013):
                double = text.replace("FROM t ", "FROM u ").replace("JOIN t ", "JOIN u ").replace("t.id", "u.id")
                expected = [tuple(row) for row in db.query(double, given(text, point, key))]
                found = [tuple(row) for row in db.query(text, given(text, point, key))]
                assert found == expected, (text, point, key)


def test_an_index_that_is_unique_since_then_finds_all_rows_of_then(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE t (id int, c int); INSERT INTO t VALUES (1, 5), (2, 5), (3, 7)")
    then = scn(db)
    db.execute("DELETE FROM t WHERE id = 2")
    db.execute("CREATE UNIQUE INDEX t_c ON t (c); CREATE TABLE s (x int); INSERT INTO s VALUES (5)")
    assert [tuple(row) for row in db.query("SELECT id FROM t AS OF SCN $1 WHERE c = 5 ORDER BY id", [then])] == [
        (1,),
        (2,),
    ]
    semi = "SELECT x FROM s WHERE x IN (SELECT c FROM t AS OF SCN $1)"
    assert [tuple(row) for row in db.query(semi, [then])] == [(5,)]


def test_a_column_that_has_no_nulls_since_then_may_have_had_them(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE t (id int PRIMARY KEY, c int); INSERT INTO t VALUES (1, NULL), (2, 5)")
    then = scn(db)
    db.execute("DELETE FROM t WHERE id = 1")
    db.execute("ALTER TABLE t ALTER c SET NOT NULL")
    for point, expected in ((scn(db), [(2, 6)]), (then, [(2, 6), (1, None)])):
        found = [tuple(row) for row in db.query("SELECT id, c + 1 FROM t AS OF SCN $1 ORDER BY c", [point])]
        assert found == expected
