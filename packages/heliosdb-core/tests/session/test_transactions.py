"""Transaction blocks and the scopes of settings: what BEGIN, SAVEPOINT and their ends do and undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors
from heliosdb.session import Session


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (a int)")
        yield database


@pytest.fixture
def session(db: EmbeddedDatabase) -> Session:
    return db.session()


def value(session: Session, name: str = "my.x") -> str:
    """Return a setting's value; "" where a customized one was never set."""
    (result,) = session.execute(f"SELECT coalesce(current_setting('{name}', true), '')")
    return str(result.rows[0][0])


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "after"),
    [
        ("SET my.x = 1", "1"),
        ("BEGIN; SET my.x = 1; COMMIT", "1"),
        ("BEGIN; SET my.x = 1; ROLLBACK", "0"),
        ("BEGIN; SET LOCAL my.x = 1; COMMIT", "0"),
        ("BEGIN; SET LOCAL my.x = 1; ROLLBACK", "0"),
        ("BEGIN; SET my.x = 1; SET LOCAL my.x = 2; COMMIT", "1"),
        ("BEGIN; SET LOCAL my.x = 2; SET my.x = 1; COMMIT", "1"),
        ("BEGIN; SET LOCAL my.x = 1; SET LOCAL my.x = 2; COMMIT", "0"),
        ("BEGIN; SAVEPOINT s; SET my.x = 1; ROLLBACK TO s; COMMIT", "0"),
        ("BEGIN; SAVEPOINT s; SET my.x = 1; RELEASE s; COMMIT", "1"),
        ("BEGIN; SET my.x = 1; SAVEPOINT s; SET my.x = 2; ROLLBACK TO s; COMMIT", "1"),
        ("BEGIN; SET LOCAL my.x = 1; SAVEPOINT s; SET my.x = 2; ROLLBACK TO s; COMMIT", "0"),
        ("BEGIN; SET my.x = 1; SAVEPOINT s; SET LOCAL my.x = 2; ROLLBACK TO s; COMMIT", "1"),
        ("BEGIN; SET my.x = 1; SAVEPOINT s; SET LOCAL my.x = 2; RELEASE s; COMMIT", "1"),
        ("BEGIN; SAVEPOINT s; SET LOCAL my.x = 1; ROLLBACK TO s; SET my.x = 3; COMMIT", "3"),
        ("BEGIN; SAVEPOINT s; SAVEPOINT r; SET my.x = 1; RELEASE r; ROLLBACK TO s; COMMIT", "0"),
        ("BEGIN; SET LOCAL my.x = 1; SAVEPOINT s; SET LOCAL my.x = 2; RELEASE s; SET my.x = 3; ROLLBACK", "0"),
    ],
)
@pytest.mark.parametrize("name", ["my.x", "extra_float_digits"])
def test_a_setting_lives_as_long_as_its_scope(session: Session, script: str, after: str, name: str) -> None:
    list(session.execute_script(f"SET {name} = 0; " + script.replace("my.x", name)))
    assert value(session, name) == after


SETTING = st.sampled_from(["SET my.x = {}", "SET LOCAL my.x = {}", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"])


@given(st.lists(SETTING, max_size=8), st.sampled_from(["COMMIT", "ROLLBACK"]))
def test_settings_follow_a_stack_of_scopes(steps: list[str], end: str) -> None:
    """A model: each savepoint keeps (value for the session, value now); SET LOCAL changes the second only."""
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        session = db.session()
        session.execute("SET my.x = 'start'")
        session.execute("BEGIN")
        kept, now, stack = "start", "start", []
        for number, step in enumerate(steps):
            if step in ("ROLLBACK TO s", "RELEASE s") and not stack:
                continue
            session.execute(step.format(number))
            match step:
                case "SAVEPOINT s":
                    stack.append((kept, now))
                case "ROLLBACK TO s":
                    kept, now = stack[-1]
                case "RELEASE s":
                    stack.pop()
                case _:
                    now = str(number)
                    kept = kept if "LOCAL" in step else now
            assert value(session) == now, steps[: number + 1]
        session.execute(end)
        assert value(session) == (kept if end == "COMMIT" else "start")


def test_set_local_outside_a_block_only_warns(session: Session) -> None:
    session.execute("SET my.x = 1")
    session.execute("SET LOCAL my.x = 2")
    assert value(session) == "1"
    assert session.notices[-1].severity == "WARNING"


def test_reset_goes_back_to_the_default_and_is_undone_too(session: Session) -> None:
    session.execute("SET extra_float_digits = 3")
    session.execute("BEGIN")
    session.execute("RESET extra_float_digits")
    assert value(session, "extra_float_digits") == "1"
    session.execute("ROLLBACK")
    assert value(session, "extra_float_digits") == "3"
    session.execute("RESET ALL")
    assert value(session, "extra_float_digits") == "1"


def test_set_config_and_function_calls_keep_the_scope(session: Session) -> None:
    session.execute("BEGIN")
    session.execute("SELECT set_config('my.x', 'local', true), set_config('my.y', 'kept', false)")
    assert value(session) == "local"
    session.execute("COMMIT")
    assert value(session) == ""
    assert value(session, "my.y") == "kept"


# -- blocks ------------------------------------------------------------------------------------------------------------


def test_a_failed_block_takes_only_its_end(session: Session) -> None:
    session.execute("BEGIN")
    session.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(errors.DivisionByZero):
        session.execute("SELECT 1/0")
    for text in (
        "SELECT 1",
        "INSERT INTO t VALUES (2)",
        "SET my.x = 1",
        "SAVEPOINT s",
        "RELEASE s",
        "BEGIN",
        "CREATE TABLE u ()",
    ):
        with pytest.raises(errors.InFailedSqlTransaction):
            session.execute(text)
    (result,) = session.execute("COMMIT")
    assert result.status == "ROLLBACK"
    (result,) = session.execute("SELECT count(*) FROM t")
    assert result.rows == [(0,)]


def test_errors_of_every_step_fail_a_block(session: Session) -> None:
    for text, state in (
        ("SELEC", "42601"),
        ("SELECT 'unfinished", "42601"),
        ("SELECT nope", "42703"),
        ("SELECT 'x'::int", "22P02"),
        ("DROP TABLE nowhere", "42P01"),
        ("SET nothing_known = 1", "42704"),
        ("ROLLBACK TO nowhere", "3B001"),
        ("\ud800", "22021"),
    ):
        session.execute("BEGIN")
        with pytest.raises(errors.Error) as failure:
            session.execute(text)
        assert failure.value.sqlstate == state, text
        with pytest.raises(errors.InFailedSqlTransaction):
            session.execute("SELECT 1")
        session.execute("ROLLBACK")


def test_a_savepoint_saves_a_failed_block(session: Session) -> None:
    session.execute("BEGIN")
    session.execute("INSERT INTO t VALUES (1)")
    session.execute("SAVEPOINT s")
    for _ in range(3):
        with pytest.raises(errors.DivisionByZero):
            session.execute("INSERT INTO t SELECT 1/0")
        session.execute("ROLLBACK TO s")
    session.execute("INSERT INTO t VALUES (2)")
    session.execute("COMMIT")
    (result,) = session.execute("SELECT a FROM t ORDER BY a")
    assert result.rows == [(1,), (2,)]


def test_the_newest_savepoint_of_a_name_counts(session: Session) -> None:
    session.execute("BEGIN")
    for number in range(3):
        session.execute("SAVEPOINT s")
        session.execute(f"INSERT INTO t VALUES ({number})")
    session.execute("ROLLBACK TO s")
    session.execute("RELEASE s")
    session.execute("ROLLBACK TO s")
    session.execute("COMMIT")
    (result,) = session.execute("SELECT a FROM t")
    assert result.rows == [(0,)]


def test_statements_of_one_text_share_a_transaction_until_one_ends_it(session: Session) -> None:
    with pytest.raises(errors.DivisionByZero):
        session.execute("INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); SELECT 1/0")
    (result,) = session.execute("SELECT a FROM t")
    assert result.rows == [(1,)]
    with pytest.raises(errors.DivisionByZero):
        session.execute("BEGIN; INSERT INTO t VALUES (3); SELECT 1/0; COMMIT")
    assert session.block.status == "E"
    session.execute("ROLLBACK")
    (result,) = session.execute("SELECT a FROM t")
    assert result.rows == [(1,)]
    assert session.block.status == "I"


def test_commands_outside_a_block_say_so(session: Session) -> None:
    for text in ("COMMIT", "ROLLBACK"):
        session.execute(text)
        assert session.notices[-1].sqlstate == "25P01"
    for text in ("SAVEPOINT s", "RELEASE s", "ROLLBACK TO s"):
        with pytest.raises(errors.NoActiveSqlTransaction):
            session.execute(text)
    session.execute("BEGIN")
    session.execute("BEGIN")
    assert session.notices[-1].sqlstate == "25001"
    session.execute("COMMIT")


def test_read_only_and_isolation_modes(session: Session) -> None:
    session.execute("BEGIN READ ONLY")
    for text in (
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE u ()",
        "TRUNCATE t",
        "SELECT nextval('nope')",
        "DROP TABLE t",
    ):
        session.execute("SAVEPOINT s")
        with pytest.raises(errors.Error) as failure:
            session.execute(text)
        assert failure.value.sqlstate in ("25006", "42P01"), text
        session.execute("ROLLBACK TO s")
    session.execute("SELECT count(*) FROM t")
    with pytest.raises(errors.ActiveSqlTransaction):
        session.execute("SET TRANSACTION READ WRITE")
    session.execute("ROLLBACK")
    session.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
    session.execute("SELECT 1")
    with pytest.raises(errors.ActiveSqlTransaction):
        session.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    session.execute("ROLLBACK")
    session.execute("SET default_transaction_read_only = on")
    with pytest.raises(errors.ReadOnlySqlTransaction):
        session.execute("INSERT INTO t VALUES (1)")
    session.execute("BEGIN READ WRITE")
    session.execute("INSERT INTO t VALUES (1)")
    session.execute("COMMIT")


def test_now_stands_still_in_a_block(session: Session) -> None:
    session.execute("BEGIN")
    (first,) = session.execute("SELECT now(), transaction_timestamp(), current_timestamp")
    (second,) = session.execute("SELECT now(), statement_timestamp() >= now()")
    assert first.rows[0][0] == first.rows[0][1] == first.rows[0][2] == second.rows[0][0]
    assert second.rows[0][1] is True
    session.execute("COMMIT")


def test_a_session_that_closes_leaves_nothing(db: EmbeddedDatabase) -> None:
    session = db.session()
    session.execute("CREATE TEMP TABLE own (a int)")
    session.execute("BEGIN")
    session.execute("INSERT INTO t VALUES (1)")
    session.close()
    session.close()
    with pytest.raises(errors.InterfaceError):
        session.execute("SELECT 1")
    assert db.query("SELECT count(*) FROM t") == [(0,)]
    assert db.query("SELECT count(*) FROM pg_class WHERE relname = 'own'") == [(0,)]
    assert db.execute("INSERT INTO t VALUES (1)") == 1


def test_an_endless_recursion_is_read_as_far_as_asked(session: Session) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    (result,) = session.execute(f"{endless} LIMIT 3")
    assert result.rows == [(1,), (2,), (3,)]
    (result,) = session.execute(f"{endless} WHERE i % 2 = 0 OFFSET 2 LIMIT 2")
    assert result.rows == [(6,), (8,)]
    (result,) = session.execute(f"SELECT EXISTS ({endless} WHERE i > 100)")
    assert result.rows == [(True,)]
    (result,) = session.execute(
        f"SELECT j.i FROM ({endless} LIMIT 5) j JOIN ({endless} LIMIT 3) k USING (i) ORDER BY 1"
    )
    assert result.rows == [(1,), (2,), (3,)]
    session.execute("BEGIN")
    session.execute(f"DECLARE c CURSOR FOR {endless}")
    (result,) = session.execute("FETCH 2 FROM c")
    assert result.rows == [(1,), (2,)]
    session.execute("MOVE 1000 IN c")
    (result,) = session.execute("FETCH FROM c")
    assert result.rows == [(1003,)]
    session.execute("ROLLBACK")
