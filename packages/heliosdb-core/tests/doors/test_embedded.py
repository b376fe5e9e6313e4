"""``EmbeddedDatabase``: every method as documented, and what becomes of misuse."""

# ruff: noqa: PT012 - threads and children report whatever happens; blocks that raise are what is tested

from __future__ import annotations

import datetime
import pickle
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from heliosdb import EmbeddedDatabase, errors
from heliosdb.config import Config
from heliosdb.embedded import Transaction

# -- opening and closing -----------------------------------------------------------------------------------------------


def test_a_path_is_a_database_that_lasts(tmp_path: Path) -> None:
    for number, make in enumerate(
        (EmbeddedDatabase, EmbeddedDatabase.new, lambda path: EmbeddedDatabase.with_config(path, Config()))
    ):
        path = str(tmp_path / f"app{number}.helio")
        with make(path) as db:
            db.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
            db.execute("INSERT INTO t VALUES (1, 'kept')")
        with make(path) as db:
            assert db.query("SELECT * FROM t") == [(1, "kept")]


def test_a_configuration_sets_defaults_and_refuses_unknown_keys() -> None:
    with EmbeddedDatabase.with_config(":memory:", Config(settings={"statement_timeout": "1500ms"})) as db:
        assert db.query("SHOW statement_timeout") == [("1500ms",)]
    with pytest.raises(errors.Error):
        EmbeddedDatabase.with_config(":memory:", Config(settings={"no_such_setting": "1"}))


def test_a_closed_database_refuses_everything_and_closes_again(db: EmbeddedDatabase) -> None:
    statement = db.prepare("SELECT 1")
    tx = db.begin_transaction()
    # A point statement has a function of its own; it must not outlive the database either.
    for _ in range(4):
        db.query("SELECT name FROM users WHERE id = $1", (1,))
    db.close()
    db.close()
    for run in (
        lambda: db.execute("SELECT 1"),
        lambda: db.query("SELECT 1"),
        lambda: db.query("SELECT name FROM users WHERE id = $1", (1,)),
        lambda: db.prepare("SELECT 1"),
        lambda: db.begin_transaction(),
        lambda: db.run(lambda t: None),
        lambda: db.session(),
        lambda: db.create_function("f", [], "int", lambda: 1),
        lambda: db.query_arrow("SELECT 1"),
        lambda: db.insert_frame("users", None),
        statement.query,
        statement.execute,
        lambda: statement.execute_many([()]),
    ):
        with pytest.raises(errors.InterfaceError, match="closed"):
            run()
    for run in (lambda: tx.execute("SELECT 1"), tx.commit):
        with pytest.raises(errors.Error):
            run()
    tx.rollback()


def test_two_databases_share_nothing() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as one, EmbeddedDatabase.new_in_memory(plugins=[]) as other:
        one.execute("CREATE TABLE t (a int); SET application_name = 'one'")
        with pytest.raises(errors.UndefinedTable):
            other.query("SELECT * FROM t")
        assert other.query("SHOW application_name") == [("",)]


def test_plugins_given_by_hand_are_all_there_are() -> None:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        names = {row[0] for row in db.query("SELECT name FROM heliosdb_plugins WHERE status = 'active'")}
        assert names <= {"core", "heliosdb"}


def test_an_unknown_attribute_is_an_attribute_error(db: EmbeddedDatabase) -> None:
    with pytest.raises(AttributeError, match="no_such_method"):
        db.no_such_method()
    assert not hasattr(db, "_no_such")


# -- execute and query -------------------------------------------------------------------------------------------------


def test_execute_answers_the_rows_affected(db: EmbeddedDatabase) -> None:
    assert db.execute("INSERT INTO users VALUES ($1, $2, $3)", (3, "Carol", datetime.date(2000, 1, 1))) == 1
    assert db.execute("UPDATE users SET name = upper(name) WHERE id > $1", [1]) == 2
    assert db.execute("DELETE FROM users WHERE id = 99") == 0
    assert db.execute("CREATE TABLE x (a int)") == 0
    assert db.execute("SELECT * FROM users") == 3
    assert db.execute("INSERT INTO users VALUES (4, 'd'); DELETE FROM users WHERE id IN (3, 4)") == 3
    assert db.execute("") == 0
    assert db.execute(" ; -- nothing\n") == 0


def test_query_answers_the_last_statements_rows(db: EmbeddedDatabase) -> None:
    assert db.query("SELECT 1; SELECT name FROM users ORDER BY id") == [("Alice",), ("Bob",)]
    assert db.query("UPDATE users SET id = id") == []
    assert db.query("UPDATE users SET id = id RETURNING id") == [(1,), (2,)]
    assert db.query("") == []


def test_several_statements_take_no_parameters_and_share_a_transaction(db: EmbeddedDatabase) -> None:
    with pytest.raises(errors.SqlSyntaxError, match="multiple commands"):
        db.execute("SELECT $1; SELECT 2", (1,))
    with pytest.raises(errors.DivisionByZero):
        db.execute("INSERT INTO users VALUES (7, 'x'); SELECT 1/0; INSERT INTO users VALUES (8, 'y')")
    assert db.query("SELECT count(*) FROM users") == [(2,)]
    with pytest.raises(errors.SqlSyntaxError):
        db.execute("INSERT INTO users VALUES (7, 'x'); SELEC 1")
    assert db.query("SELECT count(*) FROM users") == [(2,)]


@pytest.mark.parametrize("params", [(), (1,), (1, 2, 3), [None] * 70000])
def test_the_number_of_parameters_must_fit(db: EmbeddedDatabase, params: Any) -> None:
    for run in (db.query, db.execute, lambda sql, p: db.prepare(sql).query(p)):
        for _ in range(4):
            with pytest.raises(errors.Error) as failure:
                run("SELECT name FROM users WHERE id = $1 AND name = $2", params)
            assert failure.value.sqlstate == "08P01"


@pytest.mark.parametrize("params", ["ab", "1", b"ab", {"a": 1}, 5, None, {1}, {1, 2}])
def test_parameters_must_be_a_sequence(db: EmbeddedDatabase, params: Any) -> None:
    for _ in range(4):
        with pytest.raises((errors.InterfaceError, errors.ProgrammingError)):
            db.query("SELECT name FROM users WHERE id = $1", params)
        db.query("SELECT name FROM users WHERE id = $1", (1,))


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("SELECT $1", 1, 1),
        ("SELECT $1", 2**40, 2**40),
        ("SELECT $1", 2**80, Decimal(2**80)),
        ("SELECT $1", True, True),
        ("SELECT $1", 1.5, 1.5),
        ("SELECT $1", "text", "text"),
        ("SELECT $1", None, None),
        ("SELECT $1", Decimal("1.50"), Decimal("1.50")),
        ("SELECT $1", b"\x00\xff", b"\x00\xff"),
        ("SELECT $1", datetime.date(2024, 2, 29), datetime.date(2024, 2, 29)),
        ("SELECT $1", datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("SELECT $1", datetime.timedelta(days=1, seconds=5), datetime.timedelta(days=1, seconds=5)),
        ("SELECT $1", uuid.UUID(int=5), uuid.UUID(int=5)),
        ("SELECT $1", [1, None, 3], [1, None, 3]),
        ("SELECT $1", ["a", "b"], None),
        ("SELECT $1 + 1", "5", 6),
        ("SELECT $1 + 1", 5, 6),
        ("SELECT $1::text", 5, "5"),
        ("SELECT $1::int", "5", 5),
        ("SELECT $1::date", "2024-02-29", datetime.date(2024, 2, 29)),
        ("SELECT $1::jsonb -> 'a'", {"a": [1, None]}, [1, None]),
        ("SELECT $1::numeric", 5, Decimal(5)),
        ("SELECT $1::float8", 5, 5.0),
        ("SELECT $1::text", True, "true"),
        ("SELECT length($1)", "abc", 3),
    ],
)
def test_context_decides_a_parameters_type_and_python_where_there_is_none(
    db: EmbeddedDatabase, sql: str, value: Any, expected: Any
) -> None:
    if expected is None and value is not None:
        # PostgreSQL knows no type for it either: a list of str is text of an array literal's kind.
        return
    (row,) = db.query(sql, (value,))
    assert row[0] == expected
    assert type(row[0]) is type(expected)


@pytest.mark.parametrize(
    ("sql", "value", "state"),
    [
        ("SELECT $1::int", "x", "22P02"),
        ("SELECT $1::int", 2**31, "22003"),
        ("SELECT $1::int2", 40000, "22003"),
        ("SELECT $1::int", object(), "42804"),
        ("SELECT $1::int", [1], "22P02"),
        ("SELECT $1::int", b"1", "22P02"),
        ("SELECT $1::date", 5, "42804"),
        ("SELECT $1::bool", "maybe", "22P02"),
        ("SELECT $1::uuid", "zz", "22P02"),
        ("SELECT $1::int[]", [1, "x"], "22P02"),
        ("SELECT $1::int[]", [[1], [1, 2]], "2202E"),
        ("SELECT $1::jsonb", {1: object()}, "42804"),
        ("SELECT $1::bytea", 5, "42804"),
        ("SELECT name FROM users WHERE id = $1", "x", "22P02"),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_an_error_with_a_sqlstate(
    db: EmbeddedDatabase, sql: str, value: Any, state: str
) -> None:
    for _ in range(3):
        with pytest.raises(errors.Error) as failure:
            db.query(sql, (value,))
        assert failure.value.sqlstate == state, failure.value
        db.query("SELECT name FROM users WHERE id = $1", (1,))


def test_a_circle_in_a_parameter_is_an_error(db: EmbeddedDatabase) -> None:
    circle: list[Any] = []
    circle.append(circle)
    for cast in ("int[]", "jsonb", "text"):
        with pytest.raises(errors.Error):
            db.query(f"SELECT $1::{cast}", (circle,))


def test_every_error_has_a_sqlstate_and_reads_well(db: EmbeddedDatabase) -> None:
    with pytest.raises(errors.UndefinedTable) as failure:
        db.query("SELECT * FROM nowhere")
    assert failure.value.sqlstate == "42P01"
    assert failure.value.position == 15
    assert 'relation "nowhere" does not exist' in str(failure.value)


# -- rows --------------------------------------------------------------------------------------------------------------


def test_rows_answer_by_number_and_name(db: EmbeddedDatabase) -> None:
    (row,) = db.query("SELECT id, name, born FROM users WHERE id = 1")
    assert row == (1, "Alice", datetime.date(1990, 5, 4))
    assert isinstance(row, tuple)
    assert row["name"] == row[1] == row.get(1) == row.get("name") == row[-2]
    assert row.get(3) is None
    assert row.get("nope", 5) == 5
    assert row.keys() == ("id", "name", "born")
    assert row.as_dict() == {"id": 1, "name": "Alice", "born": datetime.date(1990, 5, 4)}
    number, *rest = row
    assert number == 1
    assert rest == ["Alice", datetime.date(1990, 5, 4)]
    assert row[0:2] == (1, "Alice")
    with pytest.raises(KeyError, match="id, name, born"):
        row["nope"]
    with pytest.raises(IndexError):
        row[3]
    assert pickle.loads(pickle.dumps(row)) == tuple(row)
    assert hash(row) == hash(tuple(row))
    assert repr(row) == "(id=1, name='Alice', born=datetime.date(1990, 5, 4))"


def test_of_two_columns_with_one_name_the_first_answers(db: EmbeddedDatabase) -> None:
    (row,) = db.query("SELECT 1 AS a, 2 AS a")
    assert row["a"] == 1
    assert row.as_dict() == {"a": 2}
    (row,) = db.query("SELECT 1 AS count, 2 AS index, 3 AS keys")
    assert row["count"] == 1
    assert row["keys"] == 3


def test_a_row_without_columns(db: EmbeddedDatabase) -> None:
    assert db.query("SELECT FROM users") == [(), ()]


# -- prepared statements -----------------------------------------------------------------------------------------------


def test_a_prepared_statement_tells_what_it_takes_and_gives(db: EmbeddedDatabase) -> None:
    statement = db.prepare("SELECT id, upper(name) AS big FROM users WHERE id = $1 OR name = $2")
    assert statement.columns == ("id", "big")
    assert statement.parameter_types == ("int4", "text")
    assert statement.query((1, "")) == [(1, "ALICE")]
    assert statement.query((9, "Bob"))[0]["big"] == "BOB"
    insert = db.prepare("INSERT INTO users VALUES ($1, $2)")
    assert insert.columns is None
    assert insert.execute((3, "c")) == 1
    assert insert.execute_many([(4, "d"), (5, "e")]) == 2
    assert insert.execute_many([]) == 0
    with pytest.raises(errors.UniqueViolation):
        insert.execute_many([(6, "f"), (6, "g")])
    assert db.query("SELECT count(*) FROM users") == [(5,)]
    with pytest.raises(errors.SqlSyntaxError):
        db.prepare("SELECT 1; SELECT 2")
    with pytest.raises(errors.UndefinedColumn):
        db.prepare("SELECT nope FROM users")


def test_a_prepared_statement_follows_its_table(db: EmbeddedDatabase) -> None:
    statement = db.prepare("SELECT * FROM users WHERE id = $1")
    assert len(statement.query((1,))[0]) == 3
    db.execute("ALTER TABLE users ADD COLUMN extra int DEFAULT 7")
    assert statement.query((1,))[0]["extra"] == 7
    db.execute("DROP TABLE users")
    with pytest.raises(errors.UndefinedTable):
        statement.query((1,))


def test_execute_many_takes_any_iterable_and_checks_every_row(db: EmbeddedDatabase) -> None:
    insert = db.prepare("INSERT INTO users VALUES ($1, $2)")
    assert insert.execute_many((n, str(n)) for n in range(10, 2010)) == 2000  # type: ignore[arg-type]
    for bad in ([(1,)], [(5000, "x"), (5001,)], [(5000, "x"), (5001, None)], [(5000, "x"), ("y", "z")]):
        with pytest.raises(errors.Error):
            insert.execute_many(bad)
    update = db.prepare("UPDATE users SET name = $2 WHERE id = $1")
    assert update.execute_many([(1, "a"), (99999, "b"), (2, "c")]) == 2
    assert db.query("SELECT count(*) FROM users") == [(2002,)]


# -- transactions ------------------------------------------------------------------------------------------------------


def test_a_transaction_commits_rolls_back_and_ends(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as tx:
        tx.execute("INSERT INTO users VALUES (3, 'c')")
        assert db.query("SELECT count(*) FROM users") == [(2,)]
        tx.commit()
    assert db.query("SELECT count(*) FROM users") == [(3,)]
    with db.begin_transaction() as tx:
        tx.execute("DELETE FROM users")
    assert db.query("SELECT count(*) FROM users") == [(3,)]
    for end in (
        tx.commit,
        lambda: tx.execute("SELECT 1"),
        lambda: tx.query("SELECT 1"),
        lambda: tx.prepare("SELECT 1"),
    ):
        with pytest.raises(errors.NoActiveSqlTransaction):
            end()
    tx.rollback()


def test_an_exception_in_the_block_rolls_back_and_passes_on(db: EmbeddedDatabase) -> None:
    with pytest.raises(ZeroDivisionError), db.begin_transaction() as tx:
        tx.execute("DELETE FROM users")
        raise ZeroDivisionError
    assert db.query("SELECT count(*) FROM users") == [(2,)]


def test_a_failed_transaction_refuses_commit_and_everything_else(db: EmbeddedDatabase) -> None:
    tx = db.begin_transaction()
    tx.execute("INSERT INTO users VALUES (3, 'c')")
    with pytest.raises(errors.UniqueViolation):
        tx.execute("INSERT INTO users VALUES (3, 'd')")
    with pytest.raises(errors.InFailedSqlTransaction):
        tx.query("SELECT 1")
    with pytest.raises(errors.InFailedSqlTransaction):
        tx.commit()
    assert db.query("SELECT count(*) FROM users") == [(2,)]


def test_savepoints_undo_their_block_only(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as tx:
        tx.execute("INSERT INTO users VALUES (3, 'c')")
        with pytest.raises(errors.UniqueViolation), tx.savepoint():
            tx.execute("INSERT INTO users VALUES (4, 'd')")
            tx.execute("INSERT INTO users VALUES (4, 'd')")
        with tx.savepoint():
            tx.execute("INSERT INTO users VALUES (5, 'e')")
            with pytest.raises(KeyError), tx.savepoint():
                tx.execute("INSERT INTO users VALUES (6, 'f')")
                raise KeyError
        tx.commit()
    assert db.query("SELECT array_agg(id ORDER BY id) FROM users") == [([1, 2, 3, 5],)]


def test_a_transaction_inherits_settings_and_functions(db: EmbeddedDatabase) -> None:
    db.execute("SET application_name = 'outer'; CREATE SCHEMA s; SET search_path = s, public")
    db.create_function("twice", ["int"], "int", lambda n: 2 * n)
    with db.begin_transaction() as tx:
        assert tx.query("SHOW application_name") == [("outer",)]
        assert tx.query("SELECT twice(4)") == [(8,)]
        tx.execute("CREATE TABLE inner_table (a int); SET application_name = 'inner'")
        tx.commit()
    assert db.query("SELECT count(*) FROM s.inner_table") == [(0,)]
    assert db.query("SHOW application_name") == [("outer",)]


def test_the_default_isolation_is_a_snapshot(db: EmbeddedDatabase) -> None:
    tx = db.begin_transaction()
    assert tx.query("SHOW transaction_isolation") == [("repeatable read",)]
    assert tx.query("SELECT count(*) FROM users") == [(2,)]
    db.execute("DELETE FROM users")
    assert tx.query("SELECT count(*) FROM users") == [(2,)]
    tx.rollback()
    with db.begin_transaction(isolation="read committed") as tx:
        assert tx.query("SELECT count(*) FROM users") == [(0,)]
        db.execute("INSERT INTO users VALUES (1, 'a')")
        assert tx.query("SELECT count(*) FROM users") == [(1,)]
    with db.begin_transaction(read_only=True) as tx, pytest.raises(errors.ReadOnlySqlTransaction):
        tx.execute("DELETE FROM users")
    with pytest.raises(errors.Error):
        db.begin_transaction(isolation="nonsense")
    with db.begin_transaction(isolation="serializable") as tx:
        assert tx.query("SHOW transaction_isolation") == [("serializable",)]


def test_sql_transactions_act_on_the_default_session(db: EmbeddedDatabase) -> None:
    for _ in range(4):
        db.execute("UPDATE users SET name = $1 WHERE id = $2", ("x", 1))
    db.execute("BEGIN")
    db.execute("UPDATE users SET name = $1 WHERE id = $2", ("y", 1))
    assert db.query("SELECT name FROM users WHERE id = 1") == [("y",)]
    db.execute("ROLLBACK")
    assert db.query("SELECT name FROM users WHERE id = 1") == [("x",)]
    with db.begin_transaction() as tx:
        tx.execute("DELETE FROM users")
        tx.execute("COMMIT")
    assert db.query("SELECT count(*) FROM users") == [(0,)]
    with pytest.raises(errors.NoActiveSqlTransaction):
        tx.commit()


def test_run_commits_repeats_conflicts_and_gives_up(db: EmbeddedDatabase) -> None:
    tries = 0

    def rename(tx: Transaction) -> str:
        nonlocal tries
        tries += 1
        (name,) = tx.query("SELECT name FROM users WHERE id = 1")[0]
        if tries <= 3:
            db.execute("UPDATE users SET name = name || '!' WHERE id = 1")
        tx.execute("UPDATE users SET name = $1 WHERE id = 1", (name + "?",))
        return str(name)

    assert db.run(rename) == "Alice!!!"
    assert tries == 4
    assert db.query("SELECT name FROM users WHERE id = 1") == [("Alice!!!?",)]
    tries = 0
    with pytest.raises(errors.SerializationFailure):
        db.run(rename, retries=2)
    assert tries == 3
    with pytest.raises(ValueError, match="own"):
        db.run(lambda tx: [tx.execute("DELETE FROM users"), int("own")])
    assert db.query("SELECT count(*) FROM users") == [(2,)]


# -- functions ---------------------------------------------------------------------------------------------------------


def test_python_functions_are_sql_functions(db: EmbeddedDatabase) -> None:
    db.create_function("add_days", ["date", "int"], "date", lambda day, n: day + datetime.timedelta(days=n))
    assert db.query("SELECT add_days(born, 1) FROM users ORDER BY id") == [(datetime.date(1990, 5, 5),), (None,)]
    db.create_function("or_zero", ["int"], "int", lambda n: n or 0, strict=False)
    assert db.query("SELECT or_zero(NULL), or_zero(5)") == [(0, 5)]
    db.create_function("tags", ["text"], "text[]", lambda s: s.split(), volatility="immutable")
    assert db.query("SELECT tags('a b'), (tags('a b'))[2]") == [(["a", "b"], "b")]
    db.create_function("or_zero", ["int"], "int", lambda n: -1, strict=False)
    assert db.query("SELECT or_zero(NULL)") == [(-1,)]
    db.create_function("or_zero", ["text"], "text", lambda s: s)
    assert db.query("SELECT or_zero('t'::text), or_zero(1)") == [("t", -1)]


def test_a_functions_exception_is_a_sql_error_that_keeps_its_cause(db: EmbeddedDatabase) -> None:
    db.create_function("fail", ["int"], "int", lambda n: {}[n])
    with pytest.raises(errors.ExternalRoutineException) as failure:
        db.query("SELECT fail(id) FROM users")
    assert failure.value.sqlstate == "38000"
    assert isinstance(failure.value.__cause__, KeyError)
    db.create_function("wrong", ["int"], "int", lambda n: "no number")
    with pytest.raises(errors.InvalidTextRepresentation):
        db.query("SELECT wrong(1)")
    db.create_function("big", ["int"], "int2", lambda n: 99999)
    with pytest.raises(errors.NumericValueOutOfRange):
        db.query("SELECT big(1)")


def test_a_function_that_cannot_be_made_is_refused(db: EmbeddedDatabase) -> None:
    for arguments, returns, function, volatility in (
        (["nosuchtype"], "int", abs, "volatile"),
        (["int"], "nosuchtype", abs, "volatile"),
        (["int"], "int", 5, "volatile"),
        (["int"], "int", abs, "sometimes"),
        (["int; DROP TABLE users"], "int", abs, "volatile"),
    ):
        with pytest.raises(errors.Error):
            db.create_function("f", arguments, returns, function, volatility=volatility)  # type: ignore[arg-type]
    with pytest.raises(errors.UndefinedFunction):
        db.query("SELECT f(1)")


def test_a_function_may_ask_the_database_itself(db: EmbeddedDatabase) -> None:
    other = db.begin_transaction()
    db.create_function(
        "name_of", ["int"], "text", lambda n: other.query("SELECT name FROM users WHERE id = $1", (n,))[0][0]
    )
    assert db.query("SELECT name_of(id) FROM users ORDER BY id") == [("Alice",), ("Bob",)]
    other.rollback()


# -- misuse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sql", [None, 5, b"SELECT 1"])
def test_a_statement_that_is_no_str_is_refused(db: EmbeddedDatabase, sql: Any) -> None:
    with pytest.raises(errors.InterfaceError, match=f"a statement must be a str, not {type(sql).__name__}"):
        db.query(sql)


@pytest.mark.parametrize("sql", ["SELECT $1", "SELECT $1::text", "SELECT $1::inventory"])
def test_a_value_of_a_class_that_no_type_knows_is_refused(db: EmbeddedDatabase, sql: str) -> None:
    db.execute("CREATE TYPE inventory AS ENUM ('a')")
    with pytest.raises(errors.DatatypeMismatch, match="object"):
        db.query(sql, (object(),))


def test_an_integer_of_any_length_is_text(db: EmbeddedDatabase) -> None:
    assert db.query("SELECT length($1::text), left($1::text, 3)", (-(10**5000),)) == [(5002, "-10")]


@pytest.mark.parametrize(("timeout", "message"), [("1", "not str"), (float("nan"), "a number"), (-1, "negative")])
def test_a_time_limit_is_a_number_of_seconds(db: EmbeddedDatabase, timeout: Any, message: str) -> None:
    with pytest.raises(errors.InterfaceError, match=message):
        db.query("SELECT 1", timeout=timeout)


def test_rows_of_execute_many_are_sequences(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE numbers (n text)")
    insert = db.prepare("INSERT INTO numbers VALUES ($1)")
    for rows in ([(1,), 5], ["a"]):
        with pytest.raises(errors.InterfaceError, match="each item of the rows must be a sequence"):
            insert.execute_many(rows)  # type: ignore[arg-type]
    assert db.query("SELECT * FROM numbers") == []


def test_plugins_are_a_sequence(db: EmbeddedDatabase) -> None:
    with pytest.raises(errors.InterfaceError, match="plugins must be a sequence"):
        EmbeddedDatabase.new_in_memory(plugins="core")


def test_an_empty_statement_makes_no_frame(db: EmbeddedDatabase) -> None:
    with pytest.raises(errors.ProgrammingError, match="an empty statement returns no rows"):
        db.query_arrow("")


def test_an_open_comment_is_an_error(db: EmbeddedDatabase) -> None:
    for sql in ("/* SELECT 1", "SELECT 1; /* SELECT 2"):
        with pytest.raises(errors.SqlSyntaxError, match=r"unterminated /\* comment"):
            db.execute(sql)


@pytest.mark.parametrize("kind", ["FUNCTION", "PROCEDURE"])
def test_routines_are_refused_by_the_word_that_was_written(db: EmbeddedDatabase, kind: str) -> None:
    with pytest.raises(errors.FeatureNotSupported, match=f"^CREATE {kind} is not supported"):
        db.execute(f"CREATE {kind} f() LANGUAGE sql AS 'SELECT 1'")
