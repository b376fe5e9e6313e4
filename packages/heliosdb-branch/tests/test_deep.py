"""Branches of branches, far down: what an index finds there is what a scan finds, whatever the levels between did."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.database import Database
from heliosdb.session import Session
from heliosdb_testkit import FaultyVolume


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    return list(session.execute(text)[0].rows)


def agrees(session: Session) -> None:
    """Compare what the indexes find with the rows."""
    present = sorted(rows(session, "SELECT id, k FROM t WHERE id + 0 > -1000"))
    assert "t_k" in str(rows(session, "EXPLAIN SELECT id FROM t WHERE k = 5"))
    assert rows(session, "SELECT id, k FROM t ORDER BY id") == present
    for key in range(8):
        assert rows(session, f"SELECT id, k FROM t WHERE id = {key}") == [row for row in present if row[0] == key]
        found = sorted(rows(session, f"SELECT id, k FROM t WHERE k = {key}"))
        assert found == [row for row in present if row[1] == key]
    assert sorted(rows(session, "SELECT id FROM t WHERE k BETWEEN 2 AND 6")) == [
        (number,) for number, key in present if 2 <= key <= 6
    ]


CHANGES = (
    "UPDATE t SET k = (k + {0}) % 8 WHERE id % 3 = {0} % 3 AND id < 300",
    "INSERT INTO t SELECT coalesce(max(id), 0) + 1, {0} % 8 FROM t",
    "DELETE FROM t WHERE id = (SELECT min(id) FROM t WHERE id % 5 = {0} % 5)",
    "UPDATE t SET v = 'x' || {0} WHERE k = {0} % 8",
    "UPDATE t SET id = -id WHERE id = {0} % 11",
)


@pytest.mark.parametrize(("seed", "count"), [(0, 200), (1, 200), (2, 200), (3, 5000), (4, 5000)])
def test_indexes_agree_with_rows_on_every_level(seed: int, count: int) -> None:
    """Small levels are asked together, large ones one by one."""
    chance = Random(seed)
    volume = FaultyVolume()
    database = Database(volume=volume, plugins=["branch"])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, k int, v text); CREATE INDEX t_k ON t (k)")
    session.execute(f"INSERT INTO t SELECT g, g % 8, '' FROM generate_series(0, {count}) g; ANALYZE t")
    names = ["main"]
    for step in range(60):
        if len(names) < 12 and chance.random() < 0.4:
            parent = chance.choice(names[-3:])
            names.append(f"b{len(names)}")
            session.execute(f"CREATE BRANCH {names[-1]} FROM {parent}")
        session.execute(f"USE BRANCH {chance.choice(names)}")
        if chance.random() < 0.7:
            session.execute(chance.choice(CHANGES).format(step))
        if step % 10 == 9:
            agrees(session)
        if step == 30:
            session.execute("VACUUM")
        if step in (20, 45):
            if step == 45:
                session.execute("CHECKPOINT")
            volume.lose_power()
            database = Database(volume=volume.kill(), plugins=["branch"])
            session = database.session()
    for name in names:
        session.execute(f"USE BRANCH {name}")
        agrees(session)
    database.close()


def test_a_level_without_changes_hides_nothing_and_shows_nothing_of_the_one_above() -> None:
    database = Database(plugins=["branch"])
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, k int, v text); CREATE INDEX t_k ON t (k)")
    session.execute("INSERT INTO t SELECT g, 5, '' FROM generate_series(0, 200) g; INSERT INTO t VALUES (300, 7, '')")
    session.execute("CREATE BRANCH middle")
    session.execute("UPDATE t SET k = 8 WHERE id = 300; INSERT INTO t VALUES (301, 7, '')")
    session.execute("CREATE BRANCH low FROM middle")
    session.execute("UPDATE t SET k = 9 WHERE id = 300")
    session.execute("USE BRANCH low")
    assert rows(session, "SELECT id FROM t WHERE k = 7") == [(300,)]
    session.execute("USE BRANCH middle")
    session.execute("UPDATE t SET k = 6 WHERE id = 300; INSERT INTO t VALUES (302, 7, '')")
    session.execute("USE BRANCH low")
    assert rows(session, "SELECT id FROM t WHERE k = 7") == [(300,)]
    assert rows(session, "SELECT id FROM t WHERE k BETWEEN 6 AND 9") == [(300,)]
    database.close()


def test_branches_that_were_only_read_take_hardly_any_space(tmp_path: Path) -> None:
    path = str(tmp_path / "t.helio")
    total = "SELECT count(*), sum(id), sum(n) FROM t"
    sizes = "SELECT branch_name, size_bytes FROM pg_database_branches"
    with EmbeddedDatabase(path) as db:
        db.execute("CREATE TABLE t (id int PRIMARY KEY, n int, v text)")
        db.execute("INSERT INTO t SELECT i, 0, md5(i::text) FROM generate_series(1, 20000) i")
        for level in range(1, 6):
            db.execute(f"CREATE BRANCH b{level}")
            db.execute(f"USE BRANCH b{level}")
            if level == 3:
                db.execute("UPDATE t SET n = 7 WHERE id = 5")
            db.query(total)
        db.execute("USE BRANCH main")
        db.execute("UPDATE t SET n = 1")
        db.execute("CHECKPOINT")
        found = dict(map(tuple, db.query(sizes)))
        assert max(found[f"b{level}"] for level in (1, 2, 4, 5)) < 1000
        assert 1000 < found["b3"] < found["main"] / 2
    for _ in range(2):
        with EmbeddedDatabase(path) as db:
            for level, expected in enumerate((20000, 0, 0, 7, 7, 7)):
                db.execute(f"USE BRANCH {'main' if level == 0 else f'b{level}'}")
                assert db.query(total) == [(20000, 200010000, expected)]
            db.execute("UPDATE t SET n = 7 WHERE id = 5")
            db.execute("CHECKPOINT")


def test_rows_that_took_the_keys_of_others_on_the_way_are_found() -> None:
    database = Database(plugins=["branch"])
    session = database.session()
    session.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, '' FROM generate_series(1, 5000) g"
    )
    for level in range(5):
        session.execute(f"CREATE BRANCH b{level}")
        session.execute(f"USE BRANCH b{level}")
        session.execute(f"DELETE FROM t WHERE id = {10 + level}; INSERT INTO t VALUES ({10 + level}, 'b{level}')")
    session.execute("CREATE BRANCH low")
    session.execute("USE BRANCH low; ANALYZE t")
    text = "SELECT id, v FROM t WHERE id BETWEEN 8 AND 16 ORDER BY id"
    assert "t_pkey" in str(rows(session, f"EXPLAIN {text}"))
    expected = [(8, ""), (9, ""), *((10 + level, f"b{level}") for level in range(5)), (15, ""), (16, "")]
    for _ in range(2):
        assert rows(session, text) == expected
        assert [rows(session, f"SELECT id, v FROM t WHERE id = {row[0]}")[0] for row in expected] == expected
    session.execute("USE BRANCH main; DELETE FROM t WHERE id = 9; UPDATE t SET id = 10010 WHERE id = 15")
    session.execute("INSERT INTO t VALUES (15, 'main')")
    session.execute("USE BRANCH low")
    assert rows(session, text) == expected
    database.close()


def test_look_ups_alone_find_rows_that_moved_from_key_to_key_on_the_way() -> None:
    with EmbeddedDatabase(":memory:") as db:
        db.execute(
            "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, g FROM generate_series(1, 6000) g"
        )
        for level in range(4):
            db.execute(f"CREATE BRANCH b{level}")
            db.execute(f"USE BRANCH b{level}")
            db.execute(f"UPDATE t SET id = id + 10000 WHERE id % 10000 = {level // 2 + 1} OR id = 50")
        db.execute("DELETE FROM t WHERE id = 60; INSERT INTO t VALUES (7000, 1)")
        db.execute("USE BRANCH main")
        db.execute("DELETE FROM t WHERE id = 70; INSERT INTO t VALUES (6500, 0)")
        db.execute("USE BRANCH b3")
        expected = dict(map(tuple, db.query("SELECT id, v FROM t WHERE v + 0 > 0")))
        assert [expected[key] for key in (20001, 20002, 10050)] == [1, 2, 50]
        for _ in range(2):
            for key in [*range(1, 200), *range(10001, 10060), *range(20001, 20010), 6500, 7000]:
                found = db.query("SELECT v FROM t WHERE id = $1", [key])
                assert [row[0] for row in found] == ([expected[key]] if key in expected else []), key
