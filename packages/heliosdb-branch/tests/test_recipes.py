"""Recipes for working with branches, each statement as it is written down for users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.session import Session


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    config = Config(options={"temporal.time_travel_enabled": True})
    with EmbeddedDatabase(":memory:", config=config) as opened:
        opened.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
        opened.execute("INSERT INTO users VALUES (1, 'ann'), (2, 'bob')")
        opened.execute("CREATE TABLE product_recommendations (id int PRIMARY KEY, algorithm text)")
        opened.execute("INSERT INTO product_recommendations VALUES (1, 'none')")
        yield opened


def branches(db: EmbeddedDatabase) -> list[str]:
    return [name for (name,) in db.query("SELECT branch_name FROM pg_database_branches() ORDER BY 1")]


def on(db: EmbeddedDatabase, branch: str) -> Session:
    return db.session(settings={"heliosdb.branch": branch})


def test_creating(db: EmbeddedDatabase) -> None:
    ((number,),) = db.query("SELECT heliosdb_scn_transaction(heliosdb_current_scn())::text")
    db.execute("CREATE DATABASE BRANCH staging FROM CURRENT AS OF NOW;")
    db.execute(f"CREATE DATABASE BRANCH backup FROM CURRENT\nAS OF TRANSACTION {number};")
    options = "WITH ( replication_factor = 3, region = 'us-west-2')"
    db.execute(f"CREATE DATABASE BRANCH prod_copy FROM main AS OF NOW\n{options};")
    assert db.query("SELECT (SELECT count(*) FROM users@backup), count(*) FROM users@prod_copy") == [(2, 2)]
    db.execute("DELETE FROM users")
    assert db.query("SELECT count(*) FROM users@staging") == [(2,)]
    assert branches(db) == ["backup", "main", "prod_copy", "staging"]


def test_a_time_before_the_database_is_an_error_that_says_so(db: EmbeddedDatabase) -> None:
    with pytest.raises(Exception, match="no commit at that time"):
        db.execute("CREATE DATABASE BRANCH test FROM main\nAS OF TIMESTAMP '2025-11-20 00:00:00';")


def test_opening(tmp_path: Path) -> None:
    with EmbeddedDatabase.new(str(tmp_path / "mydb")) as db:
        db.execute("CREATE DATABASE BRANCH staging FROM CURRENT AS OF NOW")
    with EmbeddedDatabase.new_branch(str(tmp_path / "mydb"), "staging") as db:
        assert db.query("SELECT current_branch()") == [("staging",)]


def test_listing_and_dropping(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE BRANCH staging")
    (row,) = db.query("SELECT * FROM pg_database_branches() WHERE branch_name = 'staging';")
    assert (row["branch_name"], row["parent_branch"], row["size_bytes"]) == ("staging", "main", 0)
    found = db.query("""
        SELECT branch_name, size_mb::FLOAT / 1024 as size_gb, created_at, status
        FROM pg_database_branches() WHERE status = 'active'
    """)
    assert [name for name, *_ in map(tuple, found)] == ["main", "staging"]
    large = "SELECT branch_name, size_mb\nFROM pg_database_branches()\nWHERE size_mb > 1000\nORDER BY size_mb DESC;"
    assert db.query(large) == []
    db.execute("DROP DATABASE BRANCH staging;")
    db.execute("DROP DATABASE BRANCH IF EXISTS staging;")
    assert branches(db) == ["main"]


@pytest.mark.parametrize("name", ["dev-20251121", "staging-v2.1", "data-team-analytics", "backup-daily"])
def test_names(db: EmbeddedDatabase, name: str) -> None:
    db.execute(f"CREATE DATABASE BRANCH {name} FROM main AS OF NOW;")
    db.execute(f"DROP DATABASE BRANCH {name};")


def test_development(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE BRANCH dev FROM main AS OF NOW;")
    session = on(db, "dev")
    session.execute("INSERT INTO users VALUES (3, 'eve')")
    session.close()
    db.execute("CREATE DATABASE BRANCH staging FROM dev AS OF NOW;")
    db.execute("""
        MERGE DATABASE BRANCH staging INTO main
        WITH (conflict_resolution = 'branch_wins', delete_branch_after = true);
    """)
    db.execute("DROP DATABASE BRANCH dev;")
    assert db.query("SELECT count(*) FROM users") == [(3,)]
    assert branches(db) == ["main"]


def test_blue_and_green(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE BRANCH blue")
    db.execute("CREATE DATABASE BRANCH green FROM blue AS OF NOW;")
    session = on(db, "green")
    session.execute("UPDATE users SET name = 'green' WHERE id = 1")
    session.close()
    db.execute("MERGE DATABASE BRANCH green INTO blue;")
    db.execute("DROP DATABASE BRANCH green;")
    db.execute("CREATE DATABASE BRANCH green FROM blue AS OF NOW;")
    assert db.query("SELECT name FROM users@green WHERE id = 1") == [("green",)]
    assert db.query("SELECT name FROM users WHERE id = 1") == [("ann",)]


def test_changes_of_definitions(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE BRANCH schema_test FROM main AS OF NOW;")
    session = on(db, "schema_test")
    session.execute("ALTER TABLE users ADD COLUMN preferences JSONB;")
    session.execute("CREATE INDEX idx_user_prefs ON users(preferences);")
    session.execute("SELECT * FROM users WHERE preferences->>'theme' = 'dark';")
    session.close()
    db.execute("MERGE DATABASE BRANCH schema_test INTO main;")
    db.execute("DROP DATABASE BRANCH schema_test;")
    assert db.query("SELECT * FROM users WHERE preferences->>'theme' = 'dark'") == []
    assert db.query("SELECT count(*) FROM pg_indexes WHERE indexname = 'idx_user_prefs'") == [(1,)]


def test_two_variants(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE BRANCH variant_a FROM main AS OF NOW;")
    db.execute("CREATE DATABASE BRANCH variant_b FROM main AS OF NOW;")
    for branch, algorithm in (("variant_a", "collaborative_filtering"), ("variant_b", "content_based")):
        session = on(db, branch)
        session.execute(f"UPDATE product_recommendations SET algorithm = '{algorithm}';")
        session.close()
    db.execute("MERGE DATABASE BRANCH variant_a INTO main;")
    db.execute("DROP DATABASE BRANCH variant_a;")
    db.execute("DROP DATABASE BRANCH variant_b;")
    assert db.query("SELECT algorithm FROM product_recommendations") == [("collaborative_filtering",)]


def test_a_disaster(db: EmbeddedDatabase) -> None:
    db.execute("CREATE DATABASE BRANCH backup_daily FROM main AS OF NOW;")
    db.execute("DROP TABLE users")
    db.execute("CREATE DATABASE BRANCH main_new FROM backup_daily AS OF NOW;")
    assert db.query("SELECT COUNT(*) FROM users@main_new;") == [(2,)]
    db.execute("DROP DATABASE BRANCH main;")
    db.execute("ALTER DATABASE BRANCH main_new RENAME TO main;")
    assert db.query("SELECT COUNT(*) FROM users;") == [(2,)]
