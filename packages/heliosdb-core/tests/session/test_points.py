"""Point statements: the short way answers exactly as the ordinary one, and steps aside where it cannot.

Each history runs on two databases: one whose point statements are made as usual, one that never makes any.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors

TABLES = """
CREATE TABLE p (id int PRIMARY KEY, n int NOT NULL DEFAULT 7 CHECK (n > -100), name text, price numeric(6, 2),
    twice int GENERATED ALWAYS AS (n * 2) STORED, born date, mail varchar(5) UNIQUE);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES p ON DELETE CASCADE);
CREATE TABLE pairs (a int, b text, v int, PRIMARY KEY (a, b));
CREATE TABLE words (w text PRIMARY KEY, n bigint, ok bool, f float8);
CREATE TABLE marks (t timestamp PRIMARY KEY, u uuid UNIQUE, n numeric UNIQUE, v int);
INSERT INTO p (id, n, name, price, born, mail) VALUES
    (1, 10, 'one', 1.5, '2000-01-01', 'm1'), (2, 20, NULL, NULL, NULL, NULL);
INSERT INTO child VALUES (1, 1);
INSERT INTO pairs VALUES (1, 'a', 1), (1, 'b', 2), (2, 'a', NULL);
INSERT INTO words VALUES ('x', 1, true, 0.5), ('é', 2, NULL, NULL);
INSERT INTO marks VALUES ('2024-01-01', '00000000-0000-0000-0000-000000000001', 1.50, 1);
"""

STATEMENTS: list[tuple[str, int]] = [
    ("SELECT * FROM p WHERE id = $1", 1),
    ("SELECT name, n + 1, price FROM p WHERE id = $1 AND n > 5", 1),
    ("SELECT name FROM p WHERE id = $1 AND name = $2", 2),
    ("SELECT id, mail FROM p WHERE mail = $1", 1),
    ("SELECT v FROM pairs WHERE a = $1 AND b = $2", 2),
    ("SELECT v FROM pairs WHERE a = $1", 1),
    ("SELECT * FROM words WHERE w = $1", 1),
    ("SELECT v FROM marks WHERE t = $1", 1),
    ("SELECT v FROM marks WHERE u = $1", 1),
    ("SELECT v, n FROM marks WHERE n = $1", 1),
    ("SELECT n / (id - $2) FROM p WHERE id = $1", 2),
    ("UPDATE p SET n = $2 WHERE id = $1", 2),
    ("UPDATE p SET n = n + $2 WHERE id = $1", 2),
    ("UPDATE p SET name = $2 WHERE id = $1", 2),
    ("UPDATE p SET price = $2 WHERE id = $1", 2),
    ("UPDATE p SET mail = $2 WHERE id = $1", 2),
    ("UPDATE p SET id = $2 WHERE id = $1", 2),
    ("UPDATE p SET n = 5, name = name || 'x' WHERE id = $1 AND n <> 5", 1),
    ("UPDATE words SET n = n * $2 WHERE w = $1", 2),
    ("UPDATE words SET ok = $2 WHERE w = $1", 2),
    ("UPDATE pairs SET v = coalesce(v, 0) + 1 WHERE a = $1 AND b = $2", 2),
    ("INSERT INTO p (id, n, name) VALUES ($1, $2, 'new')", 2),
    ("INSERT INTO p (id, mail) VALUES ($1, $2)", 2),
    ("INSERT INTO pairs VALUES ($1, $2, 0)", 2),
    ("INSERT INTO child VALUES ($1, $2)", 2),
    ("DELETE FROM p WHERE id = $1", 1),
    ("DELETE FROM child WHERE id = $1", 1),
    ("DELETE FROM pairs WHERE a = $1 AND b = $2", 2),
    ("SELECT n FROM p WHERE id = 1", 0),
    ("UPDATE p SET n = n + 1 WHERE id = 2", 0),
]  # fmt: skip
BETWEEN = [
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SET default_transaction_isolation = 'serializable'",
    "SET default_transaction_isolation = 'read committed'",
    "SET default_transaction_read_only = on",
    "SET default_transaction_read_only = off",
    "ALTER TABLE p ADD COLUMN IF NOT EXISTS extra int DEFAULT 3",
    "ALTER TABLE p DROP COLUMN IF EXISTS extra",
    "ALTER TABLE p ALTER COLUMN n DROP NOT NULL",
    "CREATE INDEX ON p (name)",
    "ALTER TABLE p ADD CHECK (n < 1000)",
    "UPDATE p SET n = n + 1",
    "DELETE FROM p WHERE n > 100",
    "INSERT INTO p VALUES (3, 30, 'three', 3, DEFAULT, '2020-02-02', 'm3') ON CONFLICT DO NOTHING",
    "TRUNCATE child",
]
VALUES: list[Any] = [
    1, 2, 3, 0, -1, 5, None, True, 2**31, 2**63, 1.0, 1.5, Decimal(1), Decimal("1.5"), "1", "a", "b", "x", "é", "m1",
    "toolong", "", "a\0", b"a", datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1), "2024-01-01", [1], object,
    "00000000-0000-0000-0000-000000000001", -200, "1.50", float("nan"),
]  # fmt: skip


def outcome(db: EmbeddedDatabase, text: str, params: tuple[Any, ...]) -> Any:
    """Return what a client sees of a statement, through the method that fits."""
    try:
        if text.startswith("SELECT"):
            rows = db.query(text, params)
            return [(tuple(row), row.keys(), [type(value) for value in row]) for row in rows]
        return db.execute(text, params)
    except errors.Error as error:
        return error.sqlstate, str(error), error.detail


def content(db: EmbeddedDatabase) -> Any:
    """Return all rows of all tables."""
    tables = ("p", "child", "pairs", "words", "marks")
    return [outcome(db, f"SELECT * FROM {table} ORDER BY 1, 2", ()) for table in tables]


def databases(*, on_branch: bool) -> tuple[EmbeddedDatabase, EmbeddedDatabase]:
    """Return a database as it is, and one that never takes the short way."""
    quick, plain = EmbeddedDatabase.new_in_memory(plugins=[]), EmbeddedDatabase.new_in_memory(plugins=[])
    for db in (quick, plain):
        db.execute(TABLES)
        if on_branch:
            use_branch(db)
            db.execute("UPDATE p SET n = n + 1 WHERE id = 2; DELETE FROM words WHERE w = 'x'")
            use_branch(db, "below")
    plain._session.points.offer = lambda *_, **__: None  # type: ignore[method-assign]
    return quick, plain


def use_branch(db: EmbeddedDatabase, name: str = "b") -> None:
    """Make a timeline that starts from the session's, and have the session work on it; nobody else knows of it."""
    line = db._session.timeline
    db.database.history.create_timeline(name, line)
    if line is None:  # what is done here is seen on no branch
        db.execute("UPDATE child SET parent = NULL; UPDATE pairs SET v = 77; UPDATE words SET n = 77")
        db.execute("UPDATE p SET n = 77; INSERT INTO p (id, n) VALUES (5, 55); DELETE FROM p WHERE id = 2")
    db._session.use_timeline(name)


STEP = st.one_of(
    st.tuples(st.sampled_from(STATEMENTS), st.lists(st.sampled_from(VALUES), min_size=2, max_size=2)),
    st.tuples(st.sampled_from([(text, 0) for text in BETWEEN]), st.just([])),
)


@given(st.lists(STEP, min_size=20, max_size=40), st.booleans())
@settings(max_examples=16)
def test_histories_are_the_same_both_ways(steps: list[tuple[tuple[str, int], list[Any]]], on_branch: bool) -> None:
    quick, plain = databases(on_branch=on_branch)
    for text, count in {chosen for chosen, _ in steps if chosen[0] not in BETWEEN}:
        # Warm: from here on every text that has a short way takes it.
        for _ in range(2):
            for db in (quick, plain):
                outcome(db, text, (99, 98)[:count])
        for db in (quick, plain):
            db.execute("DELETE FROM child WHERE id = 99; DELETE FROM p WHERE id IN (98, 99)")
    for (text, count), values in steps:
        params = tuple(values[:count])
        assert outcome(quick, text, params) == outcome(plain, text, params), (text, params)
    for db in (quick, plain):
        db.execute("COMMIT")
    assert content(quick) == content(plain)
    quick.close()
    plain.close()


@pytest.mark.parametrize("on_branch", [False, True])
@pytest.mark.parametrize(("text", "count"), STATEMENTS)
def test_every_value_gives_the_same_both_ways(text: str, count: int, on_branch: bool) -> None:
    quick, plain = databases(on_branch=on_branch)
    choices = (
        [()]
        if count == 0
        else [(v,) for v in VALUES]
        if count == 1
        else [(k, v) for k in (1, "a", None) for v in VALUES]
    )
    for params in [*choices[:3], *choices]:
        # As text: a float may be not a number.
        assert repr(outcome(quick, text, params)) == repr(outcome(plain, text, params)), params
    assert content(quick) == content(plain)
    quick.close()
    plain.close()


# -- what else has to be noticed ---------------------------------------------------------------------------------------


@pytest.fixture
def db() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE p (id int PRIMARY KEY, n int); INSERT INTO p VALUES (1, 0), (2, 0)")
        for _ in range(4):
            database.query("SELECT n FROM p WHERE id = $1", (1,))
            database.execute("UPDATE p SET n = n + 1 WHERE id = $1", (2,))
        assert database._session.fast
        yield database


def test_a_statement_is_done_once_through_either_method(db: EmbeddedDatabase) -> None:
    assert db.query("UPDATE p SET n = n + 1 WHERE id = $1", (2,)) == []
    assert db.execute("SELECT n FROM p WHERE id = $1", (1,)) == 1
    assert db.execute("SELECT n FROM p WHERE id = $1", (9,)) == 0
    assert db.query("SELECT n FROM p WHERE id = 2") == [(5,)]


def test_a_lock_of_another_transaction_is_waited_for(db: EmbeddedDatabase) -> None:
    tx = db.begin_transaction()
    tx.execute("UPDATE p SET n = 100 WHERE id = 2")
    counts: list[int] = []
    thread = threading.Thread(
        target=lambda: counts.append(db.execute("UPDATE p SET n = n + 1 WHERE id = $1", (2,), timeout=30))
    )
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    tx.commit()
    thread.join(30)
    assert counts == [1]
    assert db.query("SELECT n FROM p WHERE id = 2") == [(101,)]


def test_an_open_transaction_of_others_is_not_seen(db: EmbeddedDatabase) -> None:
    with db.begin_transaction() as tx:
        tx.execute("UPDATE p SET n = 100 WHERE id = 1")
        tx.execute("DELETE FROM p WHERE id = 2")
        assert db.query("SELECT n FROM p WHERE id = $1", (1,)) == [(0,)]
        tx.commit()
    assert db.query("SELECT n FROM p WHERE id = $1", (1,)) == [(100,)]
    assert db.query("SELECT n FROM p WHERE id = $1", (2,)) == []
    assert db.execute("UPDATE p SET n = n + 1 WHERE id = $1", (2,)) == 0


def test_a_serializable_transaction_notices_a_short_write(db: EmbeddedDatabase) -> None:
    tx = db.begin_transaction(isolation="serializable")
    assert tx.query("SELECT n FROM p WHERE id = 1") == [(0,)]
    tx.execute("UPDATE p SET n = 1 WHERE id = 2")
    update = "UPDATE p SET n = n + 1 WHERE id = $1"
    assert db.execute(update, (1,)) == 1
    with pytest.raises(errors.SerializationFailure):
        tx.commit()


def test_texts_of_two_threads_are_not_mixed_up(db: EmbeddedDatabase) -> None:
    """Each thread repeats statements of its own while others are made short."""
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(150):
            text = f"SELECT n + {number}, {turn % 7} FROM p WHERE id = $1"
            if db.query(text, (1,)) != [(number, turn % 7)]:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


# -- on a branch -------------------------------------------------------------------------------------------------------


@pytest.fixture
def branch(db: EmbeddedDatabase) -> EmbeddedDatabase:
    """Session on a branch, statements short there."""
    db.database.history.create_timeline("b")
    db.execute("UPDATE p SET n = 50")
    db._session.use_timeline("b")
    assert not db._session.fast
    for _ in range(4):
        db.query("SELECT n FROM p WHERE id = $1", (1,))
        db.execute("UPDATE p SET n = n + 1 WHERE id = $1", (2,))
        db.execute("INSERT INTO p VALUES ($1, 0) ON CONFLICT DO NOTHING", (3,))
        db.execute("DELETE FROM p WHERE id = $1", (3,))
    assert set(db._session.fast) >= {"SELECT n FROM p WHERE id = $1", "UPDATE p SET n = n + 1 WHERE id = $1"}
    return db


def test_short_statements_stay_on_their_timeline(branch: EmbeddedDatabase) -> None:
    assert branch.query("SELECT n FROM p WHERE id = $1", (2,)) == [(8,)]
    other = branch.database.session()
    assert list(other.execute("SELECT id, n FROM p ORDER BY id")[0].rows) == [(1, 50), (2, 50)]
    commit = branch.database.history.commits.get(branch.database.history.published)
    assert commit is not None
    assert commit.author.timeline == "b"


def test_a_short_statement_waits_for_a_change_of_its_table_on_its_timeline_only(branch: EmbeddedDatabase) -> None:
    update = "UPDATE p SET n = n + 1 WHERE id = $1"
    other = branch.database.session()
    other.execute("BEGIN; LOCK TABLE p IN ACCESS EXCLUSIVE MODE")
    assert branch.execute(update, (2,), timeout=30) == 1
    other.execute("ROLLBACK")
    other.use_timeline("b")
    other.execute("BEGIN; LOCK TABLE p IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(errors.QueryCanceled):
        branch.execute(update, (2,), timeout=0.05)


def test_a_short_statement_follows_a_timeline_that_is_renamed_and_ends_with_it(branch: EmbeddedDatabase) -> None:
    history = branch.database.history
    history.rename_timeline("b", "c")
    update = "UPDATE p SET n = n + 1 WHERE id = $1"
    for _ in range(3):
        assert branch.execute(update, (2,)) == 1
        commit = history.commits.get(history.published)
        assert commit is not None
        assert commit.author.timeline == "c"
    assert update in branch._session.fast
    history.drop_timeline("c")
    for text in (update, "SELECT n FROM p WHERE id = $1"):
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            branch.execute(text, (2,))


def test_what_was_short_on_a_branch_is_there_after_reopening(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    with EmbeddedDatabase(path, plugins=[]) as db:
        db.execute("CREATE TABLE p (id int PRIMARY KEY, n int); INSERT INTO p VALUES (1, 0), (2, 0)")
        db.database.history.create_timeline("b")
        db._session.use_timeline("b")
        for number in range(5):
            db.execute("UPDATE p SET n = $1 WHERE id = $2", (number, 1))
            db.execute("INSERT INTO p VALUES ($1, $2)", (10 + number, number))
        db.execute("DELETE FROM p WHERE id = $1", (2,))
        expected = db.query("SELECT * FROM p ORDER BY id")
    with EmbeddedDatabase(path, plugins=[]) as db:
        assert db.query("SELECT * FROM p ORDER BY id") == [(1, 0), (2, 0)]
        db._session.use_timeline("b")
        assert db.query("SELECT * FROM p ORDER BY id") == expected == [(1, 4), *[(10 + n, n) for n in range(5)]]


def test_expressions_as_deep_as_they_come_are_answered() -> None:
    quick, plain = databases(on_branch=False)
    term = "n"
    for _ in range(60):
        term = f"({term} + $2)"
    for _ in range(3):
        assert outcome(quick, f"SELECT {term} FROM p WHERE id = $1", (1, 2)) == [((130,), ("?column?",), [int])]
    constant = term.replace("$2", "3")
    for number in (1, 2, 1):
        text = f"SELECT {constant} FROM p WHERE id = {number}"
        assert outcome(quick, text, ()) == outcome(plain, text, ())


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("UPDATE p SET n = $2 WHERE id = $1", (1, 5)),
        ("INSERT INTO pairs VALUES ($1, $2, 0)", (9, "z")),
        ("DELETE FROM pairs WHERE a = $1 AND b = $2", (1, "a")),
    ],
)
def test_a_function_that_is_under_way_while_its_table_changes_writes_nothing(
    text: str, params: tuple[Any, ...]
) -> None:
    quick, plain = databases(on_branch=False)
    with quick, plain:
        other = params if text.startswith("UPDATE") else (params[0] + 1, params[1])
        for values in (other, (other[0] + 1, other[1])):
            quick.execute(text, values)
        function = quick._session.fast[text]
        quick.execute("ALTER TABLE p ADD COLUMN more int DEFAULT 1; ALTER TABLE pairs ADD COLUMN more int DEFAULT 1")
        before = content(quick)
        assert function(params) is None
        assert content(quick) == before
