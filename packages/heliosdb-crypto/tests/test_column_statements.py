"""Random statements give the same answers, and the same errors, of an encrypted table and of a plain one."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import Error
from heliosdb_crypto import EncryptionKey

KEY = EncryptionKey(b"k" * 32)
COLUMNS = "(id int PRIMARY KEY, a text {0}, b text {1} UNIQUE, n int {1}, m numeric {0}, d date {1})"

texts = st.sampled_from(["NULL", "''", "'a'", "'b'", "'ab'", "'A'", "'é'"])
numbers = st.sampled_from(["NULL", "0", "1", "-1", "2", "100"])
numerics = st.sampled_from(["NULL", "1", "1.0", "1.00", "-2.5"])
dates = st.sampled_from(["NULL", "'2024-01-01'", "'1999-12-31'"])
VALUES = {"id": st.integers(0, 9).map(str), "a": texts, "b": texts, "n": numbers, "m": numerics, "d": dates}
names = st.sampled_from(list(VALUES))
comparisons = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2, alias: str = "") -> str:
    name = draw(names)
    column = alias + name
    kind = draw(st.integers(0, 8 if depth else 6))
    if kind == 0:
        return f"{column} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    if kind == 1:
        listed = ", ".join(draw(st.lists(VALUES[name], min_size=1, max_size=3)))
        return f"{column} {draw(st.sampled_from(['', 'NOT ']))}IN ({listed})"
    if kind == 2:
        return f"{column} IS {draw(st.sampled_from(['', 'NOT ']))}DISTINCT FROM {draw(VALUES[name])}"
    if kind == 3:
        return f"{alias}a {draw(comparisons)} {alias}b"
    if kind == 4:
        return f"{alias}b LIKE '{draw(st.sampled_from(['a%', '%b', '_']))}'"
    if kind in (5, 6):
        return f"{column} {draw(comparisons)} {draw(VALUES[name])}"
    parts = [draw(conditions(depth=depth - 1, alias=alias)) for _ in range(2)]
    return (
        f"NOT ({parts[0]})"
        if kind == 7 and draw(st.booleans())
        else f"({parts[0]} {'OR' if kind == 7 else 'AND'} {parts[1]})"
    )


@st.composite
def statements(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 9))
    condition = draw(conditions())
    if kind < 3:
        row = ", ".join(draw(values) for values in VALUES.values())
        conflict = draw(
            st.sampled_from(
                ["", "", " ON CONFLICT DO NOTHING", " ON CONFLICT (b) DO UPDATE SET a = excluded.a, n = {t}.n + 1"]
            )
        )
        return f"INSERT INTO {{t}} VALUES ({row}){conflict}"
    if kind < 5:
        name = draw(names)
        value = draw(st.one_of(VALUES[name], st.just(name), st.just("b || a") if name in "ab" else st.just(name)))
        return f"UPDATE {{t}} SET {name} = {value} WHERE {condition} RETURNING id, a, b"
    if kind == 5:
        return f"DELETE FROM {{t}} WHERE {condition} RETURNING *"
    if kind == 6:
        name = draw(names)
        return f"SELECT {name}, count(*), min(b), sum(n) FROM {{t}} WHERE {condition} GROUP BY {name} ORDER BY {name}"
    if kind == 7:
        left, right = draw(st.sampled_from([("b", "b"), ("b", "a"), ("n", "id"), ("n", "n"), ("d", "d"), ("m", "n")]))
        join = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
        where = draw(conditions(alias="x."))
        return f"SELECT x.id, y.id FROM {{t}} x {join} {{t}} y ON x.{left} = y.{right} WHERE {where} ORDER BY 1, 2"
    if kind == 8:
        return f"SELECT id FROM {{t}} WHERE b IN (SELECT a FROM {{t}} WHERE {condition}) ORDER BY id"
    return f"SELECT * FROM {{t}} WHERE {condition} ORDER BY id"


def outcome(database: EmbeddedDatabase, text: str) -> Any:
    try:
        return sorted(map(repr, database.query(text)))
    except Error as error:
        return type(error), error.sqlstate


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(statements(), min_size=4, max_size=25), st.booleans())
def test_random_statements_say_the_same_of_an_encrypted_table(texts: list[str], has_index: bool) -> None:
    config = Config(encryption_key=KEY)
    with EmbeddedDatabase(":memory:", config=config) as database:
        database.execute(f"CREATE TABLE plain {COLUMNS.format('', '')}")
        database.execute(f"CREATE TABLE hidden {COLUMNS.format('ENCRYPTED', 'ENCRYPTED DETERMINISTIC')}")
        if has_index:
            database.execute("CREATE INDEX ON plain (n, d); CREATE INDEX ON hidden (n, d)")
        for text in texts:
            expected, found = (outcome(database, text.format(t=table)) for table in ("plain", "hidden"))
            assert found == expected, text
        assert database.query("SELECT * FROM hidden ORDER BY id") == database.query("SELECT * FROM plain ORDER BY id")
