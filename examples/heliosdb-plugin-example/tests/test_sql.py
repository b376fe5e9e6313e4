"""The plugin in a database, through SQL: what its users see."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from click.testing import CliRunner

from heliosdb import EmbeddedDatabase
from heliosdb.errors import (
    DependentObjectsStillExist,
    Error,
    FeatureNotSupported,
    InvalidTextRepresentation,
    SqlSyntaxError,
    UndefinedColumn,
    UniqueViolation,
)
from heliosdb_plugin_example.census import count
from heliosdb_plugin_example.command import semver
from heliosdb_plugin_example.semver import Version


@pytest.fixture
def heliosdb_plugins() -> list[Any]:
    return ["semver"]


@pytest.fixture
def releases(database: EmbeddedDatabase) -> EmbeddedDatabase:
    """A database with a table of releases."""
    database.execute("CREATE TABLE releases (package text, version semver, PRIMARY KEY (package, version))")
    database.execute(
        "INSERT INTO releases VALUES ('engine', '1.9.0'), ('engine', '1.10.0'), ('engine', '2.0.0-rc.1'), "
        "('engine', '1.10.2'), ('client', '0.3.0'), ('client', '0.5.0')"
    )
    return database


def texts(database: EmbeddedDatabase, sql: str) -> list[Any]:
    """Return the first column."""
    return [row[0] for row in database.query(sql)]


def test_versions_sort_by_precedence_and_not_by_text(releases: EmbeddedDatabase) -> None:
    assert texts(
        releases, "SELECT version::text FROM releases WHERE package = 'engine' ORDER BY releases.version DESC"
    ) == [
        "2.0.0-rc.1",
        "1.10.2",
        "1.10.0",
        "1.9.0",
    ]


def test_python_gets_and_gives_versions(releases: EmbeddedDatabase) -> None:
    (row,) = releases.query("SELECT version FROM releases WHERE version = $1", (Version(1, 10, 2),))
    assert row[0] == Version(1, 10, 2)
    assert isinstance(row[0], Version)


def test_the_primary_key_knows_that_build_metadata_does_not_count(releases: EmbeddedDatabase) -> None:
    with pytest.raises(UniqueViolation) as raised:
        releases.execute("INSERT INTO releases VALUES ('engine', '1.9.0+build.7')")
    assert raised.value.detail == "Key (package, version)=(engine, 1.9.0+build.7) already exists."


def test_an_index_finds_versions_in_a_range(releases: EmbeddedDatabase) -> None:
    releases.execute("CREATE INDEX by_version ON releases (version)")
    releases.execute("INSERT INTO releases SELECT 'filler', ('3.0.' || n)::semver FROM generate_series(1, 2000) AS n")
    plan = "\n".join(texts(releases, "EXPLAIN SELECT * FROM releases WHERE version = '1.10.2'"))
    assert "Index Scan using by_version" in plan
    found = texts(releases, "SELECT version::text FROM releases WHERE version > '3.0.1998' ORDER BY version")
    assert found == ["3.0.1999", "3.0.2000"]
    assert texts(releases, "SELECT count(*) FROM releases WHERE version <= '1.10.0'") == [4]


def test_grouping_joining_and_distinct_go_by_precedence(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE a (v semver)")
    database.execute("INSERT INTO a VALUES ('1.0.0+x'), ('1.0.0+y'), ('2.0.0')")
    assert sorted(texts(database, "SELECT count(*) FROM a GROUP BY v")) == [1, 2]
    assert texts(database, "SELECT count(*) FROM (SELECT DISTINCT v FROM a) AS d") == [2]
    assert texts(database, "SELECT count(*) FROM a AS x JOIN a AS y ON x.v = y.v") == [5]


def test_scalar_functions_casts_and_the_range_operator(database: EmbeddedDatabase) -> None:
    (row,) = database.query(
        "SELECT semver_bump('1.2.3', 'minor')::text, semver_major('4.5.6'), '1.4.0'::semver @@ '^1.2', "
        "'1.4.0'::semver::int4[], '1.0.0-rc.1'::semver < '1.0.0', semver_bump(NULL, 'minor')"
    )
    assert tuple(row) == ("1.3.0", 4, True, [1, 4, 0], True, None)


def test_the_aggregate_takes_the_greatest_version(releases: EmbeddedDatabase) -> None:
    rows = releases.query("SELECT package, latest(version)::text FROM releases GROUP BY package ORDER BY package")
    assert [tuple(row) for row in rows] == [("client", "0.5.0"), ("engine", "2.0.0-rc.1")]
    assert texts(releases, "SELECT latest(version) FROM releases WHERE false") == [None]
    assert texts(releases, "SELECT latest(version)::text FROM releases WHERE version @@ '^1.0'") == ["1.10.2"]


def test_the_table_function_gives_a_row_a_part(database: EmbeddedDatabase) -> None:
    rows = database.query("SELECT * FROM semver_parts('1.2.3-rc.1')")
    assert [tuple(row) for row in rows] == [("major", "1"), ("minor", "2"), ("patch", "3"), ("prerelease", "rc.1")]
    assert database.query("SELECT * FROM semver_parts(NULL)") == []


def test_the_statement_reports_versions_that_skip(releases: EmbeddedDatabase) -> None:
    releases.execute("INSERT INTO releases VALUES ('client', '0.5.9')")
    rows = releases.query("AUDIT VERSIONS OF releases (version)")
    assert [str(row["version"]) for row in rows] == ["0.5.0", "0.5.9", "1.9.0", "1.10.2"]
    assert [str(version) for version in rows[0]["expected"]] == ["0.3.1", "0.4.0", "1.0.0"]


def test_the_statement_has_errors_like_any_other(releases: EmbeddedDatabase) -> None:
    with pytest.raises(SqlSyntaxError, match='syntax error at or near "releases"') as raised:
        releases.query("AUDIT VERSIONS releases (version)")
    assert raised.value.position == 16
    with pytest.raises(UndefinedColumn):
        releases.query("AUDIT VERSIONS OF releases (nothing)")
    # Names travel as names: nothing of them is read as SQL.
    with pytest.raises(UndefinedColumn):
        releases.query('AUDIT VERSIONS OF releases ("version; DROP TABLE releases")')


def test_the_clause_leaves_prereleases_out(releases: EmbeddedDatabase) -> None:
    assert texts(releases, "SELECT count(*) FROM releases STABLE BY version") == [5]
    found = texts(
        releases, "SELECT r.version::text FROM releases AS r STABLE BY version WHERE package = 'engine' ORDER BY 1"
    )
    assert found == ["1.10.0", "1.10.2", "1.9.0"]
    joined = "SELECT count(*) FROM releases a JOIN releases b STABLE BY version ON a.package = b.package"
    assert texts(releases, joined) == [4 * 3 + 2 * 2]


def test_the_clause_names_the_column_that_is_wrong(releases: EmbeddedDatabase) -> None:
    with pytest.raises(UndefinedColumn, match='column "nothing" does not exist'):
        releases.query("SELECT * FROM releases STABLE BY nothing")


def test_the_catalog_view_follows_the_catalog(releases: EmbeddedDatabase) -> None:
    query = "SELECT table_schema, table_name, column_name FROM semver_columns"
    assert [tuple(row) for row in releases.query(query)] == [("public", "releases", "version")]
    releases.execute("ALTER TABLE releases ADD COLUMN tested semver[]")
    assert len(releases.query(query)) == 2
    releases.execute("DROP TABLE releases")
    assert releases.query(query) == []


def test_the_setting_decides_how_much_may_be_missing(database: EmbeddedDatabase) -> None:
    assert texts(database, "SHOW semver.strict") == ["on"]
    with pytest.raises(InvalidTextRepresentation, match=r'invalid input syntax for type semver: "v1.2"'):
        database.query("SELECT 'v1.2'::semver")
    database.execute("SET semver.strict = off")
    assert texts(database, "SELECT 'v1.2'::semver::text") == ["1.2.0"]
    database.execute("RESET semver.strict")
    with pytest.raises(InvalidTextRepresentation):
        database.query("SELECT 'v1.2'::semver")


def test_the_background_worker_counts_and_is_listed(
    releases: EmbeddedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "heliosdb_plugin_example.census"):
        count(releases.database, threading.Event())
    assert caplog.messages == ["1 columns of type semver"]
    (row,) = releases.query("SELECT name, plugin, state, error FROM heliosdb_background_workers")
    assert tuple(row) == ("semver_census", "semver", "waiting", None)


def test_the_command_checks_and_bumps() -> None:
    run = CliRunner().invoke
    assert run(semver, ["1.2.3", "--bump", "minor"]).output == "1.3.0\n"
    assert run(semver, ["1.2.3", "--satisfies", "^1.0"]).exit_code == 0
    refused = run(semver, ["1.2.3", "--satisfies", "^2.0"])
    assert (refused.exit_code, refused.output) == (1, "Error: 1.2.3 does not satisfy ^2.0\n")
    assert run(semver, ["1.2"]).exit_code == 1


@pytest.fixture
def names(database: EmbeddedDatabase) -> EmbeddedDatabase:
    """A database with a trigram index over 3000 names."""
    database.execute("CREATE TABLE names (id int PRIMARY KEY, name text NOT NULL)")
    database.execute("INSERT INTO names SELECT n, md5(n::text) FROM generate_series(1, 3000) AS n")
    database.execute("INSERT INTO names VALUES (5001, 'numpy'), (5002, 'numpydoc'), (5003, 'pandas'), (5004, '')")
    database.execute("CREATE INDEX by_name ON names USING trigram (name)")
    return database


def plan(database: EmbeddedDatabase, sql: str) -> str:
    """Return the plan as EXPLAIN prints it."""
    return "\n".join(texts(database, "EXPLAIN " + sql))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name LIKE '%umpy%'", [5001, 5002]),
        ("name LIKE 'num%'", [5001, 5002]),
        ("name LIKE '%py'", [5001]),
        ("name LIKE 'NUM%'", []),
        ("name % 'numpi'", [5001, 5002]),
        ("name LIKE '%umpy%' AND id <> 5001", [5002]),
    ],
)
def test_a_trigram_index_answers_what_a_scan_answers(
    names: EmbeddedDatabase, condition: str, expected: list[int]
) -> None:
    query = f"SELECT id FROM names WHERE {condition} ORDER BY id"
    assert "using by_name" in plan(names, query)
    assert texts(names, query) == expected
    names.execute("DROP INDEX by_name")
    assert texts(names, query) == expected


def test_a_trigram_index_gives_the_nearest_rows_in_order(names: EmbeddedDatabase) -> None:
    query = "SELECT name FROM names ORDER BY name <-> 'numpi' LIMIT 2"
    assert "Order By" in plan(names, query)
    assert texts(names, query) == ["numpy", "numpydoc"]
    everything = "SELECT count(*) FROM (SELECT id FROM names ORDER BY name <-> 'numpi' LIMIT 100000) AS t"
    assert texts(names, everything) == [3004]


def test_a_trigram_index_follows_changes_and_transactions(names: EmbeddedDatabase) -> None:
    query = "SELECT id FROM names WHERE name LIKE '%umpy%' ORDER BY id"
    with names.begin_transaction() as transaction:
        transaction.execute("UPDATE names SET name = 'scipy' WHERE id = 5001")
        transaction.execute("INSERT INTO names VALUES (5005, 'rumpy')")
        assert [row[0] for row in transaction.query(query)] == [5002, 5005]
        assert texts(names, query) == [5001, 5002]
        transaction.commit()
    assert texts(names, query) == [5002, 5005]
    names.execute("DELETE FROM names WHERE id = 5002")
    assert texts(names, query) == [5005]
    assert texts(names, "SELECT name FROM names ORDER BY name <-> 'scipy' LIMIT 1") == ["scipy"]


def test_what_the_method_cannot_do_is_refused(names: EmbeddedDatabase) -> None:
    with pytest.raises(FeatureNotSupported, match='access method "trigram" does not support unique indexes'):
        names.execute("CREATE UNIQUE INDEX ON names USING trigram (name)")


def test_an_extension_is_recorded_and_kept_while_it_is_needed(releases: EmbeddedDatabase) -> None:
    releases.execute("CREATE EXTENSION IF NOT EXISTS semver")
    (row,) = releases.query("SELECT extname, extversion FROM pg_extension")
    assert tuple(row) == ("semver", "0.1.0")
    with pytest.raises(DependentObjectsStillExist) as raised:
        releases.execute("DROP EXTENSION semver")
    assert raised.value.detail == "column version of table releases depends on extension semver"
    releases.execute("DROP TABLE releases")
    releases.execute("DROP EXTENSION semver")
    assert releases.query("SELECT * FROM pg_extension") == []


def test_the_plugin_is_listed_with_what_it_registered(database: EmbeddedDatabase) -> None:
    (row,) = database.query("SELECT package, version, status, registered FROM heliosdb_plugins WHERE name = 'semver'")
    assert tuple(row)[:3] == ("heliosdb-plugin-example", "0.1.0", "active")
    assert "types: semver" in row["registered"]
    assert "access methods: trigram" in row["registered"]


def test_without_the_plugin_its_names_mean_nothing() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        assert texts(database, "SELECT name FROM heliosdb_plugins") == ["core"]
        for statement in ("SELECT 'x'::semver", "AUDIT VERSIONS OF a (b)", "SHOW semver.strict"):
            with pytest.raises(Error) as raised:
                database.query(statement)
            assert raised.value.sqlstate in ("42704", "42601"), statement
