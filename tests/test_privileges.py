"""No door leads past the privileges: every way to a table's rows, by a role that may and by one that may not.

What queries answer without privileges is compared with PostgreSQL elsewhere (``tests/differential/scripts/roles``);
here are the ways that PostgreSQL has not, or has not in this form: functions made for short statements, kept plans,
streams, the past, branches, views and functions of plugins, statements of plugins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import heliosdb
from heliosdb import EmbeddedDatabase
from heliosdb.commands import COMMANDS, DROPS
from heliosdb.errors import Error, InsufficientPrivilege
from heliosdb.session import Session

SETUP = """
CREATE ROLE nobody; CREATE ROLE reader; CREATE ROLE writer; CREATE ROLE member IN ROLE reader; CREATE ROLE boss;
CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE mine (id int PRIMARY KEY, t_id int REFERENCES t);
CREATE SEQUENCE s; CREATE VIEW v AS SELECT id, a FROM t;
GRANT SELECT ON t TO reader; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON t TO writer;
GRANT ALL ON mine TO PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO boss;
INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')
"""


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(":memory:") as opened:
        session = opened.database.session()
        for text in SETUP.split(";"):
            session.execute(text)
        session.execute("CREATE BRANCH b")
        session.execute("UPDATE t SET a = 'deux' WHERE id = 2")
        yield opened


def rows(session: Session, text: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    return list(session.execute(text, parameters)[-1].rows)


def as_of(session: Session) -> object:
    ((scn,),) = rows(session, "SELECT heliosdb_current_scn()")
    session.execute(f"SET heliosdb.as_of = 'SCN {scn}'")
    return rows(session, "SELECT a FROM t")


READS: dict[str, Callable[[Session], object]] = {
    "query": lambda s: rows(s, "SELECT a FROM t"),
    "look-up": lambda s: rows(s, "SELECT a FROM t WHERE id = 1"),
    "look-up by parameter": lambda s: [rows(s, "SELECT a FROM t WHERE id = $1", [k]) for k in (1, 2, 3, 1, 2)],
    "count": lambda s: rows(s, "SELECT count(*) FROM t"),
    "no columns": lambda s: rows(s, "SELECT FROM t"),
    "subquery": lambda s: rows(s, "SELECT EXISTS (SELECT FROM t WHERE a = 'x')"),
    "common table": lambda s: rows(s, "WITH x AS MATERIALIZED (SELECT a FROM t) SELECT count(*) FROM x"),
    "common table that nobody reads": lambda s: rows(s, "WITH x AS (SELECT a FROM t) SELECT 1"),
    "join": lambda s: rows(s, "SELECT 1 FROM mine LEFT JOIN t ON t.id = mine.t_id"),
    "set operation": lambda s: rows(s, "SELECT a FROM t EXCEPT SELECT 'x'"),
    "table": lambda s: rows(s, "TABLE t"),
    "sample": lambda s: rows(s, "SELECT a FROM t TABLESAMPLE BERNOULLI (100)"),
    "whole row": lambda s: rows(s, "SELECT t FROM t"),
    "source of an insert": lambda s: rows(s, "INSERT INTO mine SELECT id + 10, id FROM t RETURNING id"),
    "source of an update": lambda s: s.execute("UPDATE mine SET t_id = t.id FROM t"),
    "source of a delete": lambda s: s.execute("DELETE FROM mine USING t WHERE t.a = 'x'"),
    "source of a merge": lambda s: s.execute(
        "MERGE INTO mine USING t ON mine.id = t.id WHEN MATCHED THEN UPDATE SET t_id = 1"
    ),
    "stream": lambda s: list(s.stream("SELECT a FROM t")),
    "COPY": lambda s: list(s.copy("COPY t TO STDOUT")),
    "COPY of a query": lambda s: list(s.copy("COPY (SELECT a FROM t) TO STDOUT")),
    "cursor": lambda s: s.execute("BEGIN; DECLARE c CURSOR FOR SELECT a FROM t; FETCH 1 FROM c; COMMIT"),
    "held cursor": lambda s: s.execute("DECLARE h CURSOR WITH HOLD FOR SELECT a FROM t"),
    "prepared": lambda s: s.execute("PREPARE p AS SELECT a FROM t; EXECUTE p"),
    "prepared by the door": lambda s: s.prepare("SELECT a FROM t"),
    "EXPLAIN": lambda s: s.execute("EXPLAIN ANALYZE SELECT a FROM t"),
    "CREATE TABLE AS": lambda s: s.execute("CREATE TEMPORARY TABLE x AS SELECT a FROM t"),
    "SELECT INTO": lambda s: s.execute("SELECT a INTO TEMPORARY x FROM t"),
    "LIKE": lambda s: s.execute("CREATE TEMPORARY TABLE x (LIKE t INCLUDING ALL)"),
    "AS OF": lambda s: rows(s, "SELECT a FROM t AS OF SCN heliosdb_current_scn()"),
    "AS OF behind a query": lambda s: rows(s, "SELECT a FROM t AS OF SCN heliosdb_current_scn() - 1"),
    "heliosdb.as_of": as_of,
    "range of time": lambda s: rows(s, "SELECT a FROM t FOR SYSTEM_TIME ALL"),
    "another branch": lambda s: rows(s, "SELECT a FROM t@b"),
    "history": lambda s: rows(s, "SELECT * FROM heliosdb_history('t')"),
    "history of a key": lambda s: rows(s, "SELECT * FROM heliosdb_history('t', 2)"),
    "diff": lambda s: rows(s, "SELECT * FROM heliosdb_diff('t', 'b', 'main')"),
    "diff of SCNs": lambda s: rows(
        s, "SELECT * FROM heliosdb_diff('t', heliosdb_current_scn() - 1, heliosdb_current_scn())"
    ),
    "blame": lambda s: rows(s, "SELECT * FROM heliosdb_blame('t')"),
    "work on a branch": lambda s: s.execute("USE BRANCH b; SELECT a FROM t"),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("role", ["reader", "member", "helios"])
def test_who_may_read_gets_in_by_every_door(db: EmbeddedDatabase, name: str, role: str) -> None:
    session = db.database.session(user=role)
    READS[name](session)


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("role", ["nobody", "boss"])
def test_who_may_not_read_gets_in_by_none(db: EmbeddedDatabase, name: str, role: str) -> None:
    session = db.database.session(user=role)
    with pytest.raises(InsufficientPrivilege, match=r"permission denied for (table|view) "):
        READS[name](session)


WRITES: dict[str, str] = {
    "insert": "INSERT INTO t VALUES (9, 'nine')",
    "insert by parameters": "INSERT INTO t VALUES ($1, 'x')",
    "insert of a query": "INSERT INTO t SELECT 9, 'nine'",
    "insert in a common table": "WITH x AS (INSERT INTO t VALUES (9, 'nine') RETURNING id) SELECT id FROM x",
    "upsert": "INSERT INTO t VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET a = excluded.a",
    "update": "UPDATE t SET a = 'x' WHERE id = 1",
    "update of all": "UPDATE t SET a = 'x'",
    "delete": "DELETE FROM t WHERE id = 1",
    "delete of all": "DELETE FROM t",
    "merge": "MERGE INTO t USING (SELECT 1 AS id) n ON n.id = t.id WHEN MATCHED THEN DELETE",
    "truncate": "TRUNCATE mine, t",
    "lock": "BEGIN; LOCK TABLE t; COMMIT",
    "lock of rows": "SELECT a FROM t FOR UPDATE",
    "through a cursor": "BEGIN; DECLARE c CURSOR FOR SELECT id FROM t FOR UPDATE; FETCH 1 FROM c; "
    "UPDATE t SET a = 'x' WHERE CURRENT OF c; COMMIT",
}


def write(session: Session, name: str) -> None:
    session.execute(WRITES[name], [9] if "$1" in WRITES[name] else None)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("role", ["writer", "helios"])
def test_who_may_write_does(db: EmbeddedDatabase, name: str, role: str) -> None:
    write(db.database.session(user=role), name)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("role", ["nobody", "reader", "boss"])
def test_who_may_not_write_does_not(db: EmbeddedDatabase, name: str, role: str) -> None:
    before = db.query("SELECT * FROM t ORDER BY id")
    session = db.database.session(user=role)
    with pytest.raises(InsufficientPrivilege, match="permission denied for table t"):
        write(session, name)
    assert db.query("SELECT * FROM t ORDER BY id") == before


def test_rows_for_many_and_from_a_stream_need_insert(db: EmbeddedDatabase) -> None:
    for role, allowed in (("writer", True), ("reader", False)):
        session = db.database.session(user=role)
        if allowed:
            session.execute_many("INSERT INTO t VALUES ($1, $2)", [(10, "x"), (11, "y")])
            with session.copy("COPY t FROM STDIN") as copy:
                copy.write("12\tz\n")
            continue
        with pytest.raises(InsufficientPrivilege, match="permission denied for table t"):
            session.execute_many("INSERT INTO t VALUES ($1, $2)", [(20, "x"), (21, "y")])
        with pytest.raises(InsufficientPrivilege, match="permission denied for table t"):
            session.copy("COPY t FROM STDIN")
    assert db.query("SELECT id FROM t WHERE id > 9 ORDER BY id") == [(10,), (11,), (12,)]


TEXTS = [
    "SELECT a FROM t WHERE id = 1",
    "SELECT count(*) FROM t",
    "SELECT a FROM t ORDER BY a",
    "SELECT a FROM v WHERE id = 1",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_kept_for_one_role_serves_no_other(db: EmbeddedDatabase, text: str) -> None:
    session = db.database.session()
    for _ in range(5):
        session.execute(text)
    session.execute("SET ROLE nobody")
    with pytest.raises(InsufficientPrivilege):
        session.execute(text)
    session.execute("RESET ROLE")
    session.execute(text)
    session.execute("SET SESSION AUTHORIZATION nobody")
    with pytest.raises(InsufficientPrivilege):
        session.execute(text)


REVOCATIONS = {
    "of the privilege": ("REVOKE SELECT ON t, v FROM reader", "GRANT SELECT ON t, v TO reader"),
    "of the membership": ("REVOKE reader FROM member", "GRANT reader TO member"),
    "of inheriting": ("ALTER ROLE member NOINHERIT", "ALTER ROLE member INHERIT"),
    "of the schema": ("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO PUBLIC"),
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("how", REVOCATIONS)
def test_what_was_kept_ends_with_the_privilege_and_begins_with_it(db: EmbeddedDatabase, how: str, text: str) -> None:
    away, back = REVOCATIONS[how]
    root = db.database.session()
    root.execute("GRANT SELECT ON v TO reader")
    session = db.database.session(user="member")
    prepared = session.prepare(text)
    for _ in range(5):
        expected = rows(session, text)
        assert list(session.run(prepared.text).rows) == expected
    for _ in range(2):
        root.execute(away)
        for _ in range(3):
            with pytest.raises(Error) as caught:
                session.execute(text)
            # Without the schema the name means nothing.
            assert caught.value.sqlstate == ("42P01" if how == "of the schema" else "42501")
        with pytest.raises(Error):
            session.run(prepared.text)
        root.execute(back)
        for _ in range(5):
            assert rows(session, text) == expected


def test_a_revocation_counts_at_once_in_its_own_transaction(db: EmbeddedDatabase) -> None:
    session = db.database.session()
    session.execute("BEGIN")
    session.execute("REVOKE SELECT ON t FROM reader")
    session.execute("SET LOCAL ROLE reader")
    with pytest.raises(InsufficientPrivilege):
        session.execute("SELECT a FROM t")
    session.execute("ROLLBACK")
    session.execute("SET ROLE reader")
    assert len(rows(session, "SELECT a FROM t")) == 3


def test_references_are_checked_whoever_may_read_them(db: EmbeddedDatabase) -> None:
    session = db.database.session(user="nobody")
    session.execute("INSERT INTO mine VALUES (1, 1)")
    with pytest.raises(heliosdb.IntegrityError):
        session.execute("INSERT INTO mine VALUES (2, 99)")
    # The engine's own texts are planned for nobody else.
    for text in list(db.database.statements._texts):
        if "mine" not in text and " t" in text.lower() and text.upper().startswith("SELECT 1 FROM"):
            with pytest.raises(InsufficientPrivilege):
                session.execute(text, [1] if "$1" in text else None)


COMMANDS_OF_NOBODY = {
    "AlterDomain": "ALTER DOMAIN d SET NOT NULL",
    "AlterEnum": "ALTER TYPE e ADD VALUE 'b'",
    "AlterObject": "ALTER SEQUENCE s RESTART",
    "AlterOwner": "ALTER SCHEMA z OWNER TO nobody",
    "AlterRole": "ALTER ROLE boss CREATEDB",
    "AlterSchema": "ALTER TABLE t SET SCHEMA z",
    "AlterTable": "ALTER TABLE t ADD COLUMN b int",
    "Backup": "BACKUP TO '/tmp/never'",
    "Checkpoint": "CHECKPOINT",
    "Comment": "COMMENT ON TABLE t IS 'x'",
    "Copy": "COPY t TO '/tmp/never'",
    "CreateCompositeType": "CREATE TYPE c AS (a int)",
    "CreateDatabase": "CREATE DATABASE x",
    "CreateDomain": "CREATE DOMAIN x AS int",
    "CreateEnum": "CREATE TYPE x AS ENUM ('a')",
    "CreateExtension": "CREATE EXTENSION vector",
    "CreateIndex": "CREATE INDEX ON t (a)",
    "CreateRole": "CREATE ROLE x",
    "CreateSchema": "CREATE SCHEMA x",
    "CreateSequence": "CREATE SEQUENCE x",
    "CreateTable": "CREATE TABLE x (a int)",
    "CreateTableAs": "CREATE TABLE x AS SELECT 1",
    "CreateView": "CREATE VIEW x AS SELECT 1",
    "DeclareCursor": "DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t",
    "Drop": "DROP TABLE t CASCADE",
    "DropOwned": "DROP OWNED BY boss",
    "Explain": "EXPLAIN SELECT a FROM t",
    "Grant": "GRANT SELECT ON t TO nobody",
    "GrantRole": "GRANT boss TO nobody",
    "Lock": "BEGIN; LOCK TABLE t",
    "Prepare": "PREPARE p AS SELECT a FROM t",
    "ReassignOwned": "REASSIGN OWNED BY boss TO nobody",
    "Reindex": "REINDEX TABLE t",
    "Rename": "ALTER TABLE t RENAME TO u",
    "Restore": "RESTORE FROM '/tmp/never'",
    "Select": "SELECT a INTO x FROM t",
    "Truncate": "TRUNCATE t",
}
"""For each command that does something to what is another's: an attempt of a role that has no privileges."""

HARMLESS = {
    "AlterDatabaseSet", "AlterDefaultPrivileges", "Analyze", "Begin", "CloseCursor", "Commit", "Deallocate", "Discard",
    "Execute", "Fetch", "Listen", "Notify", "PrepareTransaction", "PreparedTransaction", "Release", "Reset",
    "Rollback", "RollbackTo", "Savepoint", "Set", "SetConstraints", "SetTransaction", "Show", "Unlisten", "Vacuum",
}  # fmt: skip
"""Commands that do nothing to what is another's, are refused for everybody, or skip what is not the role's."""

DROPPED = {
    "domain": "DROP DOMAIN d", "type": "DROP TYPE e", "extension": "DROP EXTENSION vector", "role": "DROP ROLE boss",
}  # fmt: skip
NOTHING_TO_DROP = {"aggregate", "database", "function", "procedure", "routine", "trigger"}

STATEMENTS_OF_PLUGINS = [
    "CREATE BRANCH x", "DROP BRANCH b", "ALTER BRANCH b RENAME TO x", "CREATE TAG x", "DROP TAG x",
    "MERGE BRANCH b INTO main", "EXPLAIN MERGE BRANCH b INTO main", "REVERT TRANSACTION 5",
    "ERASE FROM t WHERE id = 1", "ALTER TABLE t ADD SYSTEM VERSIONING",
    "SELECT * FROM heliosdb_merge_conflicts('b', 'main')",
]  # fmt: skip


def test_no_command_is_left_out_here() -> None:
    assert set(COMMANDS) == set(COMMANDS_OF_NOBODY) | HARMLESS
    assert set(DROPS) == set(DROPPED) | NOTHING_TO_DROP


@pytest.mark.parametrize(
    "text", [*COMMANDS_OF_NOBODY.values(), *DROPPED.values(), *STATEMENTS_OF_PLUGINS, "DROP SCHEMA z", "DROP INDEX i"]
)
def test_who_owns_nothing_changes_nothing(db: EmbeddedDatabase, text: str) -> None:
    root = db.database.session()
    for made in ("SCHEMA z", "TYPE e AS ENUM ('a')", "DOMAIN d AS int", "INDEX i ON t (a)", "EXTENSION vector"):
        if made != "EXTENSION vector" or text != COMMANDS_OF_NOBODY["CreateExtension"]:
            root.execute(f"CREATE {made}")
    before = list(root.catalog.objects())
    session = db.database.session(user="nobody")
    with pytest.raises(InsufficientPrivilege):
        session.execute(text)
    if session.block.is_open:
        session.execute("ROLLBACK")
    root.execute("SELECT 1")
    assert list(root.catalog.objects()) == before


def test_upkeep_skips_what_is_anothers(db: EmbeddedDatabase) -> None:
    session = db.database.session(user="nobody")
    session.execute("VACUUM t")
    session.execute("ANALYZE t")
    assert [notice.message for notice in session.notices] == [
        'permission denied to vacuum "t", skipping it', 'permission denied to analyze "t", skipping it',
    ]  # fmt: skip


def test_counts_of_changes_are_told_of_tables_that_one_may_read(db: EmbeddedDatabase) -> None:
    for role, expected in (("reader", [("t", 0, 1, 0)]), ("nobody", [])):
        session = db.database.session(user=role)
        assert rows(session, "SELECT * FROM heliosdb_compare_branches('b', 'main')") == expected


def test_what_others_run_is_not_shown(db: EmbeddedDatabase) -> None:
    asked = "SELECT query FROM pg_stat_activity WHERE usename <> session_user AND usename IS NOT NULL"
    others = rows(db.database.session(user="nobody"), asked)
    assert others
    assert set(others) == {("<insufficient privilege>",)}
    db.execute("GRANT pg_read_all_stats TO nobody")
    assert ("<insufficient privilege>",) not in rows(db.database.session(user="nobody"), asked)


def test_predefined_roles_read_and_write_everything(db: EmbeddedDatabase) -> None:
    db.execute("CREATE ROLE r IN ROLE pg_read_all_data; CREATE ROLE w IN ROLE pg_write_all_data")
    reader, writer = db.database.session(user="r"), db.database.session(user="w")
    assert len(rows(reader, "SELECT a FROM t")) == 3
    assert rows(reader, "SELECT last_value FROM s") == [(1,)]
    writer.execute("INSERT INTO t VALUES (9, 'nine')")
    for session, text in ((reader, "INSERT INTO t VALUES (8, 'x')"), (writer, "SELECT a FROM t")):
        with pytest.raises(InsufficientPrivilege, match="permission denied for table t"):
            session.execute(text)


def test_a_connection_of_the_db_api_may_act_as_a_role(db: EmbeddedDatabase) -> None:
    with heliosdb.connect(db, autocommit=True) as connection:
        connection.execute("SET SESSION AUTHORIZATION reader")
        assert connection.execute("SELECT a FROM t WHERE id = %s", (1,)).fetchall() == [("one",)]
        with pytest.raises(heliosdb.ProgrammingError, match="permission denied for table t"):
            connection.execute("UPDATE t SET a = 'x' WHERE id = %s", (1,))
        with pytest.raises(heliosdb.ProgrammingError, match="permission denied for table t"):
            connection.cursor().executemany("INSERT INTO t VALUES (%s, %s)", [(7, "x"), (8, "y")])


PAST = [
    "SET heliosdb.as_of = 'SCN {scn}'; SELECT a FROM t",
    "SET heliosdb.as_of = 'SCN {scn}'; SELECT a FROM v",
    "SELECT a FROM t AS OF SCN {scn}",
    "SELECT a FROM v AS OF SCN {scn}",
]


@pytest.mark.parametrize("text", PAST)
@pytest.mark.parametrize(
    "before",
    [
        "GRANT SELECT ON t, v TO nobody", "ALTER ROLE nobody SUPERUSER", "GRANT reader, boss TO nobody",
        "ALTER TABLE t OWNER TO nobody; ALTER VIEW v OWNER TO nobody", "GRANT pg_read_all_data TO nobody",
    ],
)  # fmt: skip
def test_the_past_has_the_roles_and_grants_of_now(db: EmbeddedDatabase, before: str, text: str) -> None:
    undo = {
        "GRANT SELECT ON t, v TO nobody": "REVOKE SELECT ON t, v FROM nobody",
        "ALTER ROLE nobody SUPERUSER": "ALTER ROLE nobody NOSUPERUSER",
        "GRANT reader, boss TO nobody": "REVOKE reader, boss FROM nobody",
        "GRANT pg_read_all_data TO nobody": "REVOKE pg_read_all_data FROM nobody",
    }.get(before, "ALTER TABLE t OWNER TO helios; ALTER VIEW v OWNER TO helios")
    db.execute("GRANT SELECT ON v TO reader")
    db.execute(before)
    ((scn,),) = db.query("SELECT heliosdb_current_scn()")
    db.execute(undo)
    text = text.format(scn=scn)
    with pytest.raises(InsufficientPrivilege):
        db.database.session(user="nobody").execute(text)
    db.execute(before)
    assert len(rows(db.database.session(user="nobody"), text)) == 3


@pytest.mark.parametrize("text", ["SET heliosdb.as_of = 'SCN {scn}'; SELECT a FROM {name}",
                                  "SELECT a FROM {name} AS OF SCN {scn}"])  # fmt: skip
@pytest.mark.parametrize("name", ["gone", "view_of_gone"])
def test_grants_on_what_is_dropped_have_gone_with_it(db: EmbeddedDatabase, name: str, text: str) -> None:
    db.execute("CREATE TABLE gone (a text); INSERT INTO gone VALUES ('x'); CREATE VIEW view_of_gone AS TABLE gone")
    db.execute(f"ALTER TABLE gone OWNER TO boss; GRANT SELECT ON {name} TO nobody; GRANT SELECT ON gone TO reader")
    ((scn,),) = db.query("SELECT heliosdb_current_scn()")
    db.execute(f"REVOKE SELECT ON {name} FROM nobody; DROP TABLE gone CASCADE")
    text = text.format(scn=scn, name=name)
    for user in ("nobody", "reader", "boss"):
        with pytest.raises(InsufficientPrivilege):
            db.database.session(user=user).execute(text)
    if name == "gone":
        assert rows(db.database.session(), text) == [("x",)]
        db.execute("GRANT pg_read_all_data TO nobody")
        assert rows(db.database.session(user="nobody"), text) == [("x",)]


@pytest.mark.parametrize("action", ["ADD ATTRIBUTE b int", "DROP ATTRIBUTE a", "ALTER ATTRIBUTE a TYPE text",
                                    "RENAME ATTRIBUTE a TO z"])  # fmt: skip
def test_attributes_of_a_type_are_its_owners(db: EmbeddedDatabase, action: str) -> None:
    db.execute("CREATE TYPE pair AS (a int, c int)")
    session = db.database.session(user="nobody")
    with pytest.raises(InsufficientPrivilege, match="must be owner of type pair"):
        session.execute(f"ALTER TYPE pair {action}")
    db.execute("ALTER TYPE pair OWNER TO nobody")
    session.execute(f"ALTER TYPE pair {action}")


def test_who_may_read_now_may_read_what_was_before_that(db: EmbeddedDatabase) -> None:
    ((scn,),) = db.query("SELECT heliosdb_current_scn()")
    db.execute("CREATE ROLE later; GRANT SELECT ON t TO later")
    session = db.database.session(user="later")
    assert len(rows(session, f"SELECT a FROM t AS OF SCN {scn}")) == 3
    session.execute(f"SET heliosdb.as_of = 'SCN {scn}'")
    assert rows(session, "SELECT current_user, count(*) FROM t") == [("later", 3)]


@pytest.mark.parametrize("text", ["SELECT a FROM t WHERE id = $1", "SELECT a FROM t AS OF SCN $1"])
def test_a_prepared_statement_asks_for_the_role_that_runs_it(db: EmbeddedDatabase, text: str) -> None:
    session = db.database.session()
    ((scn,),) = rows(session, "SELECT heliosdb_current_scn()")
    session.execute(f"PREPARE p AS {text}")
    for _ in range(3):
        session.execute(f"EXECUTE p({scn})")
    session.execute("SET ROLE nobody")
    for run in (f"EXECUTE p({scn})", f"EXPLAIN EXECUTE p({scn})", f"DECLARE c CURSOR WITH HOLD FOR {text}"):
        with pytest.raises(InsufficientPrivilege):
            session.execute(run, [scn] if "DECLARE" in run else None)
    session.execute("SET ROLE reader")
    session.execute(f"EXECUTE p({scn})")


def test_a_statement_that_a_program_prepared_asks_for_the_role_that_runs_it(db: EmbeddedDatabase) -> None:
    prepared = db.prepare("SELECT a FROM t WHERE id = $1")
    for _ in range(5):
        assert prepared.query((1,)) == [("one",)]
    db.execute("SET ROLE nobody")
    for _ in range(3):
        with pytest.raises(InsufficientPrivilege):
            prepared.query((1,))
    db.execute("RESET ROLE")
    assert prepared.query((1,)) == [("one",)]


@pytest.mark.parametrize("name", ["temp_file_limit", "log_min_duration_statement", "pg_stat_statements.track"])
def test_what_concerns_all_is_set_by_superusers(db: EmbeddedDatabase, name: str) -> None:
    value = "'top'" if name.endswith("track") else "1000"
    session = db.database.session(user="nobody")
    for text in (f"SET {name} = {value}", f"ALTER ROLE nobody SET {name} = {value}"):
        with pytest.raises(InsufficientPrivilege, match=f'permission denied to set parameter "{name}"'):
            session.execute(text)
    db.execute(f"ALTER ROLE nobody SET {name} = {value}")
    shown = rows(db.database.session(user="nobody"), f"SHOW {name}")
    assert shown != rows(session, f"SHOW {name}")
    session.execute("ALTER ROLE nobody SET work_mem = '8MB'")


GONE = ["heliosdb_diff('gone', {before}::bigint, {scn}::bigint)",
        "heliosdb_diff('gone', 'main@{before}', 'main@{scn}')",
        "heliosdb_diff('gone', 'old@{before}', 'old@{scn}')",
        "heliosdb_compare_branches('main@{before}', 'main@{scn}')"]  # fmt: skip


@pytest.mark.parametrize("call", GONE)
def test_differences_of_what_is_dropped_are_for_superusers(db: EmbeddedDatabase, call: str) -> None:
    db.execute("CREATE TABLE gone (a text); GRANT SELECT ON gone TO nobody")
    db.execute("CREATE BRANCH old")
    ((before,),) = db.query("SELECT heliosdb_current_scn()")
    for branch in ("main", "old"):
        session = db.database.session()
        session.execute(f"USE BRANCH {branch}")
        session.execute("INSERT INTO gone VALUES ('x')")
    ((scn,),) = db.query("SELECT heliosdb_current_scn()")
    for branch in ("main", "old"):
        session = db.database.session()
        session.execute(f"USE BRANCH {branch}")
        session.execute("DROP TABLE gone")
    text = f"SELECT * FROM {call.format(before=before, scn=scn)}"
    assert len(rows(db.database.session(), text)) == 1
    session = db.database.session(user="nobody")
    if "compare" in call:
        assert rows(session, text) == []
        return
    with pytest.raises(InsufficientPrivilege, match="permission denied for table gone"):
        session.execute(text)


LEAKS = {
    "UPDATE secret SET id = 2": 'duplicate key value violates unique constraint "secret_pkey"',
    "INSERT INTO secret VALUES (2, 'x')": 'duplicate key value violates unique constraint "secret_pkey"',
    "UPDATE secret SET id = -1": 'new row for relation "secret" violates check constraint "positive"',
    "UPDATE secret SET id = NULL": 'null value in column "id" of relation "secret" violates not-null constraint',
    "UPDATE narrow SET id = 9": 'new row violates check option for view "narrow"',
    "INSERT INTO child VALUES (7)": 'insert or update on table "child" violates foreign key constraint "child_id_fkey"',
    "DELETE FROM secret": 'update or delete on table "secret" violates foreign key constraint "child_id_fkey"',
}


@pytest.mark.parametrize("text", LEAKS)
@pytest.mark.parametrize("is_short", [False, True])
def test_errors_tell_values_to_those_alone_who_may_read_them(db: EmbeddedDatabase, text: str, is_short: bool) -> None:
    for each in (
        "CREATE TABLE secret (id int PRIMARY KEY CONSTRAINT positive CHECK (id > 0), word text)",
        "CREATE TABLE child (id int REFERENCES secret)",
        "CREATE VIEW narrow AS SELECT * FROM secret WHERE id < 5 WITH CHECK OPTION",
        "INSERT INTO secret VALUES (1, 'one'), (2, 'two'); INSERT INTO child VALUES (1), (2)",
        "GRANT INSERT, UPDATE, DELETE ON secret, child, narrow TO nobody",
    ):
        db.execute(each)

    def failed() -> Error:
        with heliosdb.connect(db, autocommit=True) as connection:
            connection.execute("SET SESSION AUTHORIZATION nobody")
            if is_short:
                for key in range(60, 64):
                    connection.execute(f"INSERT INTO secret VALUES ({key}, 'x')")
            with pytest.raises(Error) as caught:
                connection.execute(text)
        db.execute("DELETE FROM secret WHERE id >= 60")
        return caught.value

    error = failed()
    assert error.message.startswith(LEAKS[text])
    assert not re.search(r"\d|one|two|word", error.detail or "")
    db.execute("GRANT SELECT ON secret, child TO nobody")
    assert re.search(r"\(id\)=\(\d\)|contains \(", failed().detail or "")
