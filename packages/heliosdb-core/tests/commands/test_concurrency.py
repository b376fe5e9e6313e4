"""Two sessions that define things at once: who comes second waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import Error

Client = Any
"""``conftest.Client``; test folders are no packages."""


class Later:
    """A statement that runs in a thread of its own."""

    def __init__(self, client: Client, text: str) -> None:
        self.error: Error | None = None
        self._thread = threading.Thread(target=self._run, args=(client, text))
        self._client = client
        self._thread.start()

    def _run(self, client: Client, text: str) -> None:
        try:
            client.run(text)
        except Error as error:
            self.error = error

    def wait_until_it_waits(self) -> None:
        """Return when the statement waits for a lock."""
        for _ in range(2000):
            transaction = self._client.session.block.transaction
            if transaction is not None and transaction.waiter is not None:
                return
            self._thread.join(0.005)
            assert self._thread.is_alive(), f"the statement did not wait: {self.error}"
        pytest.fail("the statement neither waited nor ended")

    def result(self) -> Error | None:
        """Return the statement's error, or None, when it has ended."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.error


def pair(new_client: Callable[[], Client]) -> tuple[Client, Client]:
    return new_client(), new_client()


def test_the_second_to_create_a_name_waits_and_fails(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("BEGIN; CREATE TABLE t (a int)")
    later = Later(second, "CREATE TABLE t (b text)")
    later.wait_until_it_waits()
    first.run("COMMIT")
    error = later.result()
    assert error is not None
    assert (error.sqlstate, error.message) == ("42P07", 'relation "t" already exists')


def test_the_second_to_create_a_name_succeeds_when_the_first_gives_up(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("BEGIN; CREATE TABLE t (a int)")
    later = Later(second, "CREATE TABLE t (b text); INSERT INTO t VALUES ('x')")
    later.wait_until_it_waits()
    first.run("ROLLBACK")
    assert later.result() is None
    assert first.rows("SELECT * FROM t") == [("x",)]


def test_altering_waits_for_who_changes_rows(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1)")
    later = Later(second, "ALTER TABLE t ADD b int DEFAULT 7")
    later.wait_until_it_waits()
    first.run("COMMIT")
    assert later.result() is None
    assert first.rows("SELECT * FROM t") == [(1, 7)]


def test_changing_rows_waits_for_who_alters(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("CREATE TABLE t (a int); BEGIN; ALTER TABLE t ADD b int DEFAULT 7")
    later = Later(second, "INSERT INTO t VALUES (1)")
    later.wait_until_it_waits()
    first.run("COMMIT")
    assert later.result() is None
    assert first.rows("SELECT * FROM t") == [(1, 7)]


def test_altering_twice_keeps_both_changes(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("CREATE TABLE t (a int); BEGIN; ALTER TABLE t ADD b int")
    later = Later(second, "ALTER TABLE t ADD c int")
    later.wait_until_it_waits()
    first.run("COMMIT")
    assert later.result() is None
    assert first.rows("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER "
        "BY attnum") == [
        ("a",), ("b",), ("c",),
    ]  # fmt: skip


def test_a_table_dropped_meanwhile_is_not_there(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("CREATE TABLE t (a int); BEGIN; DROP TABLE t")
    later = Later(second, "ALTER TABLE t ADD c int")
    later.wait_until_it_waits()
    first.run("COMMIT")
    error = later.result()
    assert error is not None
    assert error.sqlstate == "42P01"


def test_readers_of_an_old_snapshot_keep_their_catalog(new_client: Callable[[], Client]) -> None:
    first, second = pair(new_client)
    first.run("CREATE TABLE t (a int)")
    second.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert second.rows("SELECT count(*) FROM pg_class WHERE relname = 'u'") == [(0,)]
    first.run("CREATE TABLE u (a int)")
    found: Any = second.rows("SELECT count(*) FROM pg_class WHERE relname = 'u'")
    assert found == [(0,)]


def tables(session: Any) -> list[str]:
    """Return the user's tables as the session's catalog has them."""
    if session.block.is_open:
        return sorted(found.name for found in session.catalog.relations() if found.kind == "table")
    return sorted(
        row[0] for row in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")[-1].rows
    )


def test_definitions_that_are_rolled_back_to_a_savepoint_are_seen_no_more() -> None:
    session = Database(plugins=[]).session()
    session.execute("BEGIN")
    session.execute("CREATE TABLE kept (a int)")
    session.execute("SAVEPOINT s")
    session.execute("CREATE TABLE gone (a int)")
    session.execute("ALTER TABLE kept ADD b int")
    assert tables(session) == ["gone", "kept"]
    session.execute("ROLLBACK TO s")
    assert tables(session) == ["kept"]
    assert [column.name for column in session.catalog.lookup_relation("public", "kept").columns] == ["a"]
    session.execute("CREATE TABLE another (a int)")
    session.execute("ROLLBACK TO s")
    assert tables(session) == ["kept"]
    session.execute("COMMIT")
    assert tables(session) == ["kept"]


def test_all_definitions_of_a_transaction_can_be_rolled_back_and_others_made() -> None:
    session = Database(plugins=[]).session()
    session.execute("BEGIN")
    session.execute("SAVEPOINT s")
    session.execute("CREATE TABLE gone (a int)")
    session.execute("ROLLBACK TO s")
    assert tables(session) == []
    session.execute("CREATE TABLE made (a int)")
    session.execute("COMMIT")
    assert tables(session) == ["made"]


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_commit_takes_nothing_away_that_others_have_defined_meanwhile(isolation: str) -> None:
    database = Database(plugins=[])
    one, other = database.session(), database.session()
    one.execute(f"BEGIN ISOLATION LEVEL {isolation}")
    one.execute("SELECT 1 FROM pg_class")
    one.execute("CREATE TABLE first (a int)")
    other.execute("CREATE TABLE second (a int)")
    one.execute("CREATE TABLE third (a int)")
    one.execute("COMMIT")
    for session in (one, other, database.session()):
        assert tables(session) == ["first", "second", "third"]
        session.execute("SELECT * FROM first, second, third")
