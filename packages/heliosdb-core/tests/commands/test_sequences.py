"""Sequences count on when transactions are undone, and start anew only with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

Client = Any
"""``conftest.Client``; test folders are no packages."""


def test_values_are_not_taken_back(client: Client) -> None:
    client.run("CREATE SEQUENCE s; BEGIN")
    assert client.value("SELECT nextval('s')") == 1
    client.run("ROLLBACK")
    assert client.value("SELECT nextval('s')") == 2


def test_a_restart_is_undone_with_its_transaction(client: Client) -> None:
    client.run("CREATE TABLE t (a serial); INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES")
    client.run("BEGIN; TRUNCATE t RESTART IDENTITY; INSERT INTO t DEFAULT VALUES")
    assert client.rows("SELECT a FROM t") == [(1,)]
    client.run("ROLLBACK; INSERT INTO t DEFAULT VALUES")
    assert client.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,), (3,)]
    client.run("ALTER SEQUENCE t_a_seq RESTART WITH 50; INSERT INTO t DEFAULT VALUES")
    assert client.value("SELECT max(a) FROM t") == 50


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ("START 5 INCREMENT -2 MINVALUE 1 MAXVALUE 5 CYCLE", [5, 3, 1, 5]),
        ("MAXVALUE 2 CYCLE", [1, 2, 1]),
        ("INCREMENT BY -1", [-1, -2]),
        ("AS smallint START 32766", [32766, 32767]),
        ("START WITH 9223372036854775806", [9223372036854775806, 9223372036854775807]),
    ],
)
def test_options_decide_the_values(client: Client, options: str, values: list[int]) -> None:
    client.run(f"CREATE SEQUENCE s {options}")
    assert [client.value("SELECT nextval('s')") for _ in values] == values


def test_the_end_is_an_error(client: Client) -> None:
    client.run(
        "CREATE SEQUENCE s AS smallint START 32767; CREATE SEQUENCE d INCREMENT -1 MINVALUE -1 MAXVALUE 5 START -1"
    )
    client.value("SELECT nextval('s')")
    client.value("SELECT nextval('d')")
    assert client.error("SELECT nextval('s')").message == 'nextval: reached maximum value of sequence "s" (32767)'
    assert client.error("SELECT nextval('d')").sqlstate == "2200H"


@pytest.mark.parametrize(
    "options",
    [
        "INCREMENT 0",
        "MINVALUE 5 MAXVALUE 5",
        "START 0",
        "CACHE 0",
        "AS text",
        "AS smallint MAXVALUE 40000",
        "MAXVALUE 3 START 4",
    ],
)
def test_impossible_options_are_refused(client: Client, options: str) -> None:
    assert client.error(f"CREATE SEQUENCE s {options}").sqlstate == "22023"


def test_currval_and_lastval_are_the_sessions_own(client: Client, new_client: Callable[[], Client]) -> None:
    client.run("CREATE SEQUENCE s")
    other = new_client()
    assert client.error("SELECT lastval()").sqlstate == "55000"
    assert other.value("SELECT nextval('s')") == 1
    assert client.error("SELECT currval('s')").message == 'currval of sequence "s" is not yet defined in this session'
    assert client.value("SELECT nextval('s')") == 2
    assert (other.value("SELECT currval('s')"), client.value("SELECT lastval()")) == (1, 2)


def test_setval_says_whether_the_value_was_used(client: Client) -> None:
    client.run("CREATE SEQUENCE s")
    client.value("SELECT setval('s', 10, false)")
    assert client.rows("SELECT last_value, is_called FROM s") == [(10, False)]
    assert client.value("SELECT nextval('s')") == 10
    client.value("SELECT setval('s', 20)")
    assert client.value("SELECT nextval('s')") == 21
    assert client.error("SELECT setval('s', 0)").sqlstate == "22003"


def test_a_renamed_sequence_goes_on_filling_its_column(client: Client) -> None:
    client.run(
        "CREATE TABLE t (a serial); ALTER TABLE t ADD b int DEFAULT nextval('t_a_seq'); "
        'ALTER SEQUENCE t_a_seq RENAME TO "Other"; CREATE SCHEMA s; ALTER TABLE t SET SCHEMA s'
    )
    client.run("INSERT INTO s.t DEFAULT VALUES")
    assert client.rows("SELECT * FROM s.t") == [(1, 2)]
    assert client.value("SELECT pg_get_serial_sequence('s.t', 'a')") == 's."Other"'


def test_threads_never_get_one_value_twice(client: Client, new_client: Callable[[], Client]) -> None:
    client.run("CREATE SEQUENCE s")
    values: list[int] = []

    def take(mine: Client) -> None:
        values.extend(mine.value("SELECT nextval('s')") for _ in range(100))

    threads = [threading.Thread(target=take, args=(new_client(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(values) == list(range(1, 401))
