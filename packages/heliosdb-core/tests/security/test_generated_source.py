"""No text of a statement becomes source: generated code is made of keywords, made-up names and installed templates.

Each test writes a marker into every place where a user's text may stand, runs the statement, and looks for the marker
in whatever was compiled: statements, point statements, functions of rows. A payload that would do something if it were
ever run as Python creates a file; the file must not appear.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase, errors

MARKER = "Zq7Marker"

PAYLOADS = [
    MARKER,
    f"{MARKER}'",
    f'{MARKER}"',
    f'{MARKER}"""',
    f"{MARKER}'''",
    f"{MARKER}\\",
    f"{MARKER}\\'",
    f"{MARKER}\nimport os",
    f"{MARKER}\r\nimport os",
    f"{MARKER}{{}}",
    f"{MARKER}{{f}}",
    f"{MARKER}{{0}}{{1}}{{t}}",
    f"{MARKER}{{0.__class__}}",
    f"{MARKER}%s%(name)s%n",
    f"{MARKER}$1$$",
    f"{MARKER}); __import__('os').abort(); (",
    f"{MARKER}\u2028\u2029\x85\x0c",
    f"{MARKER}\u202e\ufeff",
    f"{MARKER}é𝔘",
    f"{MARKER}#",
    f"{MARKER};--",
    f"{MARKER}*/",
    f"{MARKER}/*",
    f"{MARKER} if True else None for r in ()",
    f"__import__('os').system('{MARKER}')",
    f"lambda: {MARKER}",
]


def name(text: str) -> str:
    """Return a quoted identifier."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a quoted string."""
    return "'" + text.replace("'", "''") + "'"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is compiled to Python while the test runs."""
    texts: list[str] = []
    compile_ = builtins.compile

    def noting(source: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(source, str):
            texts.append(source)
        return compile_(source, *arguments, **options)

    monkeypatch.setattr(builtins, "compile", noting)
    return texts


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[]) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, v text, n int)")
        database.execute("INSERT INTO t VALUES (1, 'one', 10), (2, 'two', NULL)")
        yield database


def free_of_marker(texts: list[str]) -> bool:
    return not any(MARKER in text for text in texts)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_of_objects_stay_out_of_the_source(payload: str, compiled: list[str]) -> None:
    table, column, other = name(payload), name(payload + "c"), name(payload + "d")
    with EmbeddedDatabase.new_in_memory(plugins=[]) as db:
        db.execute(f"CREATE SCHEMA {name(payload + 's')}")
        db.execute(
            f"CREATE TABLE {table} ({column} int CONSTRAINT {name(payload + 'p')} PRIMARY KEY, {other} text"
            f" DEFAULT {literal(payload)} CONSTRAINT {name(payload + 'n')} NOT NULL,"
            f" g text GENERATED ALWAYS AS ({other} || {literal(payload)}) STORED,"
            f" CONSTRAINT {name(payload + 'k')} CHECK ({other} <> {literal(payload + 'no')}))"
        )
        db.execute(f"CREATE INDEX {name(payload + 'i')} ON {table} ({other}, (lower({other})))")
        db.execute(f"CREATE INDEX ON {table} ({other}) WHERE {other} LIKE {literal(payload + '%')}")
        db.execute(f"CREATE VIEW {name(payload + 'v')} AS SELECT {column} AS {other}, {other} AS {column} FROM {table}")
        assert db.execute(f"INSERT INTO {table} ({column}) VALUES (1), (2)") == 2
        assert db.execute(f"INSERT INTO {table} ({column}, {other}) VALUES ($1, $2)", (3, payload + "x")) == 1
        for _ in range(4):
            rows = db.query(f"SELECT {other} FROM {table} AS {other} WHERE {column} = $1", (1,))
            assert rows == [(payload,)]
            assert rows[0][payload + "d"] == payload
            assert db.execute(f"UPDATE {table} SET {other} = {other} || '' WHERE {column} = $1", (2,)) == 1
        assert db.query(
            f"WITH {name(payload + 'w')} AS (SELECT * FROM {name(payload + 'v')})"
            f" SELECT count(*) OVER {name(payload + 'o')} FROM {name(payload + 'w')} AS {name('a' + payload)}"
            f" GROUP BY {column} HAVING {column} = {literal(payload)} WINDOW {name(payload + 'o')} AS ()"
        ) == [(1,)]
        assert db.query(f"SELECT g FROM {table} WHERE {column} = 3") == [(payload + "x" + payload,)]
        with pytest.raises(errors.CheckViolation) as failure:
            db.execute(f"INSERT INTO {table} ({column}, {other}) VALUES (9, {literal(payload + 'no')})")
        assert payload + "k" in str(failure.value)
        with pytest.raises(errors.NotNullViolation):
            db.execute(f"UPDATE {table} SET {other} = NULL")
        with pytest.raises(errors.UniqueViolation):
            db.execute(f"INSERT INTO {table} ({column}) VALUES (1)")
        with db.begin_transaction() as tx:
            tx.execute(f"SAVEPOINT {table}")
            tx.execute(f"PREPARE {table} (int) AS SELECT {other} FROM {table} WHERE {column} = $1")
            assert tx.query(f"EXECUTE {table} (1)") == [(payload,)]
            tx.execute(f"DECLARE {table} CURSOR FOR SELECT {other} FROM {table} ORDER BY {column}")
            assert tx.query(f"FETCH 1 FROM {table}") == [(payload,)]
            tx.execute(f"ROLLBACK TO {table}")
        db.execute(f"DELETE FROM {table} USING {name(payload + 'v')} WHERE {table}.{column} = 3")
        db.execute(f"TRUNCATE {table}; ALTER TABLE {table} RENAME COLUMN {other} TO {name(payload + 'e')}")
        assert db.query(f"SELECT {name(payload + 'e')} FROM {table}") == []
    assert compiled
    assert free_of_marker(compiled)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_literals_and_comments_stay_out_of_the_source(
    payload: str, shared: EmbeddedDatabase, compiled: list[str]
) -> None:
    text = literal(payload)
    escaped = "E'" + payload.replace("\\", "\\\\").replace("'", "\\'") + "'"
    dollars = f"$q${payload}$q$"
    comment = "/* " + payload.replace("*/", "").replace("/*", "") + " */ "
    line = "-- " + payload.replace("\n", " ").replace("\r", " ") + "\n"
    (row,) = shared.query(f"SELECT {text}, {escaped}, {dollars} {comment}, {line} 1")
    assert row == (payload, payload, payload, 1)
    queries = [
        f"SELECT v FROM t WHERE v = {text} OR v LIKE {text} OR v ~ '^{MARKER}' OR v IN ({text}, 'one') ORDER BY id",
        f"SELECT CASE v WHEN 'one' THEN 'one' ELSE {text} END FROM t WHERE n = 10 GROUP BY v HAVING max(v) <> {text}",
        f"SELECT coalesce(nullif(v, {text}), {text}) FROM t WHERE id = 1 ORDER BY v || {text}",
        f"SELECT x FROM (VALUES ('one'), ({text})) AS s(x) WHERE x <> {text}",
        f"SELECT (SELECT v FROM t u WHERE u.id = t.id AND u.v <> {text}) FROM t WHERE id = 1",
        f"SELECT lag(v, 1, {text}) OVER (ORDER BY id) FROM t ORDER BY id OFFSET 1",
        f"SELECT string_agg(v, {text} ORDER BY v) FILTER (WHERE v <> 'two') FROM t WHERE v <> {text}",
    ]
    for query in queries:
        assert shared.query(query) == [("one",)], query
    assert shared.query("SELECT $1::text || $2", (payload, payload)) == [(payload * 2,)]
    assert compiled
    assert free_of_marker(compiled)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_settings_function_names_and_sessions_stay_out_of_the_source(
    payload: str, shared: EmbeddedDatabase, compiled: list[str]
) -> None:
    session = shared.session()
    session.execute(f"SET my.marker = {literal(payload)}")
    (result,) = session.execute("SELECT current_setting('my.marker'), id FROM t WHERE id = 1")
    assert result.rows == [(payload, 1)]
    session.execute(f"SET application_name = {literal(MARKER)}")
    session.execute(f"SET search_path = {name(payload)}, public")
    (result,) = session.execute("SELECT count(*) FROM t")
    assert result.rows == [(2,)]
    with shared.begin_transaction() as tx:
        tx._session.create_function(
            payload.lower(), ["text"], "text", lambda value: value, strict=True, volatility="volatile"
        )
        assert tx.query(f"SELECT {name(payload.lower())}($1)", (payload,)) == [(payload,)]
    with pytest.raises(errors.UndefinedFunction) as failure:
        shared.query(f"SELECT {name(payload)}(1)")
    assert payload in str(failure.value)
    session.close()
    assert free_of_marker(compiled)


HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from("'\"\\{}%$()\n\r\t#;:,=[]!*/-_"),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    max_size=20,
)


@given(HOSTILE, HOSTILE)
def test_any_text_comes_back_as_it_went_in(shared: EmbeddedDatabase, value: str, alias: str) -> None:
    alias = "a" + alias[:10]
    (row,) = shared.query(f"SELECT {literal(value)} AS {name(alias)}, $1::text, v FROM t WHERE id = 1", (value,))
    assert row == (value, value, "one")
    assert row.keys()[0].encode() == alias.encode()[:63]
    plan = shared._session.last_plan
    assert plan is not None
    # Names in generated source are letters and a number; nothing beyond ASCII, no quotes but those of templates.
    assert plan.compiled.text.isascii()


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_text_that_cannot_be_stored_is_refused(text: str, shared: EmbeddedDatabase) -> None:
    for run in (
        lambda: shared.query("SELECT $1::text", (text,)),
        lambda: shared.query(f"SELECT '{text}'"),
        lambda: shared.query(f'SELECT 1 AS "{text}"'),
        lambda: shared.execute("INSERT INTO t VALUES (5, $1)", (text,)),
        lambda: shared.query("SELECT $1::jsonb", ([text],)),
        lambda: shared.query("SELECT $1::text[]", ([text],)),
        lambda: shared.prepare(f"SELECT '{text}'"),
    ):
        with pytest.raises(errors.Error) as failure:
            run()
        assert failure.value.sqlstate in ("22021", "42601", "22P02", "22P05"), failure.value
    assert shared.query("SELECT count(*) FROM t") == [(2,)]


def test_error_messages_are_not_format_strings(shared: EmbeddedDatabase) -> None:
    for text in ("%s %d {0} {x.__class__}", "{", "}", "%", "%%", "{{}}"):
        with pytest.raises(errors.InvalidTextRepresentation) as failure:
            shared.query("SELECT $1::int", (text,))
        assert str(failure.value).startswith(f'invalid input syntax for type integer: "{text}"')
        with pytest.raises(errors.UndefinedColumn) as undefined:
            shared.query(f"SELECT {name('c' + text)} FROM t")
        assert f'column "c{text}" does not exist' in str(undefined.value)


def test_repr_of_a_database_shows_no_values(shared: EmbeddedDatabase) -> None:
    secret = "correct horse battery"
    shared.query("SELECT $1::text", (secret,))
    statement = shared.prepare("SELECT $1::text")
    for thing in (shared, statement, shared._session, shared.database):
        assert secret not in repr(thing)
