"""Columns with a stored form: rows hold what the plugin makes, and SQL says of it what it says of plain columns.

The toy plugin's forms are as visible as can be: ``SHUFFLED`` stores equal values differently, ``REVERSED`` alike. What
is stored begins with a mark, so that nothing can take a value for its form or the other way round.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

from heliosdb import EmbeddedDatabase, connect
from heliosdb.cli.shell import Shell
from heliosdb.encoding.keys import MAX, MIN, NULL
from heliosdb.errors import (
    CheckViolation,
    Error,
    FeatureNotSupported,
    ForeignKeyViolation,
    InsufficientPrivilege,
    NotNullViolation,
    UniqueViolation,
)
from heliosdb.plugin import hookimpl
from heliosdb.spi import Clause, ColumnForm, StoredForm

MARK = b"\xfeform:"


def to_stored(form: ColumnForm, column: str) -> Any:
    def store(value: Any, session: Any) -> bytes | None:
        if session.memory.get("toy") is not None:
            raise InsufficientPrivilege(f"{column} cannot be written")
        if value is None:
            return None
        salt = b"" if form.deterministic else os.urandom(8).hex().encode()
        return MARK + salt + b":" + repr(value).encode()[::-1]

    return store


def from_stored(form: ColumnForm, column: str, lenient: bool) -> Any:
    def read(data: bytes, session: Any) -> Any:
        assert data.startswith(MARK), f"stored as it is: {data!r}"
        if session.memory.get("toy") == "null" and lenient:
            return None
        if session.memory.get("toy") is not None:
            raise InsufficientPrivilege(f"{column} cannot be read")
        return eval(data.partition(b":")[2].partition(b":")[2][::-1].decode())

    return read


def to_search(form: ColumnForm, column: str, lenient: bool) -> Any:
    store = to_stored(form, column)
    return lambda value, session: None if lenient and session.memory.get("toy") == "null" else store(value, session)


def check(column: Any, session: Any) -> None:
    if column.form.deterministic and column.type not in ("text", "varchar", "int4", "int8"):
        raise FeatureNotSupported(f'type "{column.type}" cannot be stored REVERSED')


def equality_hint(column: Any) -> str:
    return f'Have "{column.name}" REVERSED.'


def clause(word: str, *, deterministic: bool) -> Clause:
    def bind(context: Any, column: Any, payload: Any) -> Any:
        return evolve(column, form=ColumnForm(name="toy", type="bytea", text=word, deterministic=deterministic))

    return Clause(name=word.lower(), point="column", words=(word,), parse=lambda cursor: True, bind=bind)


def toy() -> ModuleType:
    """Return the plugin."""
    module = ModuleType("toyforms")

    def register_stored_forms() -> list[StoredForm]:
        functions = {"to_stored": to_stored, "from_stored": from_stored, "to_search": to_search}
        return [StoredForm(name="toy", check=check, equality_hint=equality_hint, **functions)]  # type: ignore[arg-type]

    def register_clauses() -> list[Clause]:
        return [clause("SHUFFLED", deterministic=False), clause("REVERSED", deterministic=True)]

    for hook in (register_stored_forms, register_clauses):
        setattr(module, hook.__name__, hookimpl(hook))
    return module


@pytest.fixture
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.new_in_memory(plugins=[toy()], strict=True) as opened:
        yield opened


COLUMNS = "(id int PRIMARY KEY, name text {0}, ssn text {1} UNIQUE, n int {1}, d date {0}, tags text[] {0})"
ROWS = """
    (1, 'ann', 's1', 10, '2024-01-05', '{a,b}'), (2, 'bob', 's2', 20, NULL, '{}'), (3, NULL, NULL, NULL, NULL, NULL),
    (4, 'ann', 's4', 10, '1999-12-31', '{b,NULL}'), (5, '', '', -1, '0044-03-15', '{"x y"}')
"""


@pytest.fixture
def twins(database: EmbeddedDatabase) -> EmbeddedDatabase:
    """A database with the same rows in a plain table p and in a table t with forms, and the same with rows that refer
    to them."""
    for table, forms in (("p", ("", "")), ("t", ("SHUFFLED", "REVERSED"))):
        database.execute(f"CREATE TABLE {table} {COLUMNS.format(*forms)}")
        database.execute(f"INSERT INTO {table} VALUES {ROWS}")
        database.execute(
            f"CREATE TABLE {table}_child (id int PRIMARY KEY, ssn text {forms[1]} DEFAULT 's4' "
            f"REFERENCES {table} (ssn) ON UPDATE CASCADE ON DELETE SET NULL)"
        )
        database.execute(f"INSERT INTO {table}_child VALUES (1, 's1'), (2, 's1'), (3, NULL)")
        database.execute(f"CREATE VIEW {table}_view AS SELECT id, ssn AS s, name, n FROM {table} WHERE n > 0")
    return database


def stored(database: EmbeddedDatabase, name: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table as they are stored."""
    session = database.session()
    session.execute("BEGIN")
    relation = session.catalog.lookup_relation("public", name)
    assert relation is not None
    rows = [row for block in session.transaction.view(relation.oid).row_blocks() for row in block]
    session.execute("ROLLBACK")
    return rows


def plan_of(database: EmbeddedDatabase, text: str) -> str:
    return "\n".join(row[0] for row in database.query(f"EXPLAIN {text}"))


def assert_marked(database: EmbeddedDatabase, name: str, *slots: int) -> None:
    rows = stored(database, name)
    assert rows
    for row in rows:
        for slot in slots:
            assert row[slot] is None or (type(row[slot]) is bytes and row[slot].startswith(MARK)), row


QUERIES = [
    "SELECT * FROM {t} ORDER BY id",
    "SELECT x FROM {t} x ORDER BY id",
    "SELECT id FROM {t} WHERE ssn = 's4'",
    "SELECT id FROM {t} WHERE 's4' = ssn",
    "SELECT id FROM {t} WHERE name = 'ann' ORDER BY id",
    "SELECT id FROM {t} WHERE ssn <> 's4' ORDER BY id",
    "SELECT id FROM {t} WHERE ssn IN ('s1', 's2', 'none') ORDER BY id",
    "SELECT id FROM {t} WHERE ssn NOT IN ('s1', 's2') ORDER BY id",
    "SELECT id FROM {t} WHERE name IN ('ann', ssn) ORDER BY id",
    "SELECT id FROM {t} WHERE ssn IN ('s1', name) ORDER BY id",
    "SELECT id FROM {t} WHERE ssn = ANY ('{{s1,NULL,s4}}') ORDER BY id",
    "SELECT id FROM {t} WHERE ssn <> ALL ('{{s1,s4}}') ORDER BY id",
    "SELECT id FROM {t} WHERE ssn = ANY (tags) OR 'a' = ANY (tags) ORDER BY id",
    "SELECT id FROM {t} WHERE ssn IS NULL",
    "SELECT id FROM {t} WHERE name IS NOT NULL ORDER BY id",
    "SELECT id FROM {t} WHERE ssn IS DISTINCT FROM 's1' ORDER BY id",
    "SELECT id FROM {t} WHERE ssn IS NOT DISTINCT FROM NULL",
    "SELECT id FROM {t} WHERE n = 10::bigint ORDER BY id",
    "SELECT id FROM {t} WHERE n = 10.0 ORDER BY id",
    "SELECT id FROM {t} WHERE n > 0 AND n < 15 ORDER BY n, id DESC",
    "SELECT id FROM {t} WHERE (ssn, n) = ('s4', 10)",
    "SELECT id FROM {t} WHERE (ssn, n) > ('s1', 10) ORDER BY id",
    "SELECT id FROM {t} WHERE ssn = 's1' OR ssn = 's2' OR name = '' ORDER BY id",
    "SELECT id FROM {t} WHERE ssn::varchar = 's1'",
    "SELECT id FROM {t} WHERE ssn LIKE 's%' AND name ~ '^a' ORDER BY id",
    "SELECT id FROM {t} WHERE d BETWEEN '1999-01-01' AND '2024-12-31' ORDER BY d",
    "SELECT name, ssn FROM {t} ORDER BY name NULLS FIRST, ssn DESC",
    "SELECT name FROM {t} ORDER BY ssn LIMIT 2 OFFSET 1",
    "SELECT name, count(*), min(ssn), max(d) FROM {t} GROUP BY name ORDER BY name",
    "SELECT upper(ssn) FROM {t} GROUP BY ssn ORDER BY ssn",
    "SELECT name, ssn FROM {t} GROUP BY id ORDER BY id",
    "SELECT DISTINCT name FROM {t} ORDER BY name",
    "SELECT DISTINCT ON (name) name, id FROM {t} ORDER BY name, id",
    "SELECT min(ssn), max(ssn), sum(n), avg(n), array_agg(name ORDER BY id) FROM {t}",
    "SELECT id, row_number() OVER (PARTITION BY name ORDER BY d), lag(ssn) OVER (ORDER BY id) FROM {t} ORDER BY id",
    "SELECT id, CASE ssn WHEN 's1' THEN 'x' ELSE name END FROM {t} ORDER BY 1",
    "SELECT id, nullif(name, 'ann'), coalesce(name, '?') FROM {t} ORDER BY 1",
    "SELECT a.id, b.id FROM {t} a JOIN {t} b ON a.ssn = b.ssn ORDER BY 1",
    "SELECT a.id, b.id FROM {t} a JOIN {t} b USING (name) ORDER BY 1, 2",
    "SELECT a.id, c.id, a.name FROM {t} a LEFT JOIN {t}_child c ON c.ssn = a.ssn ORDER BY 1, 2",
    "SELECT a, c FROM {t} a FULL JOIN {t}_child c ON c.ssn = a.ssn AND a.id > 1 ORDER BY a.id, c.id",
    "SELECT id FROM {t} WHERE ssn IN (SELECT ssn FROM {t}_child) ORDER BY id",
    "SELECT id FROM {t} a WHERE NOT EXISTS (SELECT FROM {t}_child c WHERE c.ssn = a.ssn) ORDER BY id",
    "SELECT id FROM {t} WHERE ssn NOT IN (SELECT ssn FROM {t}_child WHERE ssn IS NOT NULL) ORDER BY id",
    "SELECT id, (SELECT count(*) FROM {t}_child c WHERE c.ssn = a.ssn) FROM {t} a ORDER BY id",
    "SELECT a.id, v.x FROM {t} a, (VALUES ('s1'), ('s2')) v(x) WHERE a.ssn = v.x ORDER BY 1",
    "SELECT a.id, l.u FROM {t} a, LATERAL (SELECT a.name || a.ssn AS u) l ORDER BY 1",
    "SELECT s FROM {t}_view WHERE s = 's4'",
    "SELECT v.name, c.id FROM {t}_view v JOIN {t}_child c ON c.ssn = v.s ORDER BY 2",
    "WITH x AS MATERIALIZED (SELECT ssn, name FROM {t}) SELECT * FROM x WHERE ssn = 's1'",
    "WITH RECURSIVE r(s, depth) AS (SELECT ssn, 1 FROM {t} WHERE id = 1 UNION ALL "
    "SELECT t.ssn, depth + 1 FROM r JOIN {t} t ON t.ssn = r.s WHERE depth < 3) SELECT * FROM r ORDER BY depth",
    "SELECT ssn FROM {t} UNION SELECT name FROM {t} ORDER BY 1",
    "SELECT ssn FROM {t} EXCEPT SELECT ssn FROM {t}_child ORDER BY 1",
    "SELECT to_jsonb(x) FROM {t} x ORDER BY id",
    "SELECT id, tags[1], cardinality(tags) FROM {t} ORDER BY id",
    "SELECT name FROM {t} WHERE id = 1 FOR UPDATE",
]

CHANGES = [
    "INSERT INTO {t} (id, ssn, name) VALUES (9, 'new', 'x') RETURNING ssn, name",
    "INSERT INTO {t} SELECT id + 10, name, ssn || '!', n, d, tags FROM {t}",
    "INSERT INTO {t} VALUES (7, 'dup', 's1') ON CONFLICT DO NOTHING",
    "INSERT INTO {t} VALUES (7, 'up', 's1', 5), (8, 'up', 'fresh', 6) ON CONFLICT (ssn) DO UPDATE "
    "SET name = excluded.name || {t}.name, n = {t}.n + excluded.n WHERE {t}.n > 0 RETURNING id, name, n",
    "INSERT INTO {t} VALUES (1, 'up', 's1b') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn",
    "UPDATE {t} SET name = upper(name), n = n * 2 WHERE ssn = 's1' RETURNING *",
    "UPDATE {t} SET ssn = ssn || 'x', tags[1] = name WHERE n = 10 RETURNING id, ssn, tags",
    "UPDATE {t} SET (name, ssn) = (ssn, name || id)",
    "UPDATE {t} SET name = c.id::text FROM {t}_child c WHERE c.ssn = {t}.ssn AND c.id = 2",
    "UPDATE {t} SET name = DEFAULT, d = NULL",
    "UPDATE {t}_child SET ssn = DEFAULT WHERE id = 3",
    "DELETE FROM {t} WHERE ssn = 's1' RETURNING name, ssn",
    "DELETE FROM {t} USING {t}_child c WHERE c.ssn = {t}.ssn",
    "TRUNCATE {t} CASCADE",
    "INSERT INTO {t}_view (id, s, n) VALUES (9, 'view', 1)",
    "UPDATE {t}_view SET s = s || '?' WHERE s = 's4' RETURNING s",
    "DELETE FROM {t}_view WHERE name = 'bob'",
    "MERGE INTO {t} USING (VALUES ('s1', 'one'), ('s9', 'nine')) AS v(s, x) ON {t}.ssn = v.s "
    "WHEN MATCHED THEN UPDATE SET name = x WHEN NOT MATCHED THEN INSERT (id, ssn, name) VALUES (9, s, x)",
    "MERGE INTO {t} USING {t}_child c ON {t}.ssn = c.ssn AND c.id = 1 WHEN MATCHED AND name = 'ann' THEN DELETE",
    "WITH moved AS (DELETE FROM {t} WHERE ssn = 's2' RETURNING *) INSERT INTO {t} SELECT id + 50, ssn, name FROM moved",
    "ALTER TABLE {t} ALTER n TYPE bigint USING n + length(name)",
    "ALTER TABLE {t} ALTER ssn TYPE varchar(2)",
    "ALTER TABLE {t} RENAME name TO called",
    "ALTER TABLE {t} DROP COLUMN name CASCADE",
    "ALTER TABLE {t} ADD CHECK (length(ssn) < 9), ADD COLUMN more text DEFAULT 'm'",
    "ALTER TABLE {t} ALTER name SET NOT NULL",
    "INSERT INTO {t} VALUES (9, 'x', 's1')",
    "INSERT INTO {t}_child VALUES (9, 'nowhere')",
    "UPDATE {t} SET ssn = 's2' WHERE ssn = 's1'",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_says_of_a_form_what_it_says_of_a_plain_column(twins: EmbeddedDatabase, query: str) -> None:
    expected = twins.query(query.format(t="p"))
    found = twins.query(query.format(t="t"))
    assert [tuple(row) for row in found] == [tuple(row) for row in expected]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_does_to_a_form_what_it_does_to_a_plain_column(twins: EmbeddedDatabase, change: str) -> None:
    def outcome(table: str) -> tuple[Any, ...]:
        try:
            given: Any = [tuple(row) for row in twins.query(change.format(t=table))]
        except Error as error:
            given = type(error), error.message.replace(f'"{table}', '"_')
        rows = [twins.query(f"SELECT * FROM {table}{part} ORDER BY id") for part in ("", "_child")]
        return given, *([tuple(row) for row in found] for found in rows)

    assert outcome("t") == outcome("p")
    for row in [*stored(twins, "t"), *stored(twins, "t_child")]:
        assert all(value is None or type(value) in (int, bytes) for value in row[:6])


def test_rows_hold_the_form_and_equal_values_are_alike_where_it_says_so(twins: EmbeddedDatabase) -> None:
    rows = stored(twins, "t")
    assert_marked(twins, "t", 1, 2, 3, 4, 5)
    first, fourth = rows[0], rows[3]
    assert first[1] != fourth[1]
    assert first[3] == fourth[3] == MARK + b":01"
    assert rows[2] == (3, None, None, None, None, None)


def test_every_row_gets_a_form_of_its_own(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE t (id int, a text SHUFFLED DEFAULT 'same')")
    database.execute("INSERT INTO t SELECT i, 'same' FROM generate_series(1, 50) i")
    database.execute("INSERT INTO t (id) SELECT i FROM generate_series(51, 99) i")
    database.execute("UPDATE t SET a = 'same' WHERE id < 20")
    assert len({row[1] for row in stored(database, "t")}) == 99


def test_an_index_on_a_deterministic_form_is_searched_by_stored_data(twins: EmbeddedDatabase) -> None:
    twins.execute("INSERT INTO t (id, ssn, n) SELECT i, 'k' || i, i FROM generate_series(1000, 3000) i")
    twins.execute("CREATE INDEX ON t (n)")
    for condition in ("ssn = 'k1500'", "ssn IN ('k1500', 'x')", "n = 1500", "ssn = ANY ('{k1500}')", "n = 1500::int8"):
        text = f"SELECT id FROM t WHERE {condition}"
        assert "Index" in plan_of(twins, text).splitlines()[0], text
        assert "Seq Scan" not in plan_of(twins, text), text
        assert twins.query(text) == [(1500,)]
    assert "Seq Scan" in plan_of(twins, "SELECT id FROM t WHERE ssn > 'k1500'")
    assert "Seq Scan" in plan_of(twins, "SELECT ssn FROM t ORDER BY ssn")
    joined = "SELECT t.id FROM t JOIN (VALUES ('k1001'), ('k1002')) v(x) ON v.x = t.ssn"
    assert "Index" in plan_of(twins, joined)
    assert sorted(twins.query(joined)) == [(1001,), (1002,)]


def test_errors_name_the_column_and_do_not_show_what_it_holds(twins: EmbeddedDatabase) -> None:
    twins.execute("ALTER TABLE t ADD CONSTRAINT positive CHECK (n >= -1), ALTER n SET DEFAULT 1, ALTER id SET NOT NULL")
    for text, kind, detail in (
        ("INSERT INTO t VALUES (9, 'secret', 's1')", UniqueViolation, "Key (ssn)=(<toy>) already exists."),
        (
            "INSERT INTO t VALUES (9, 'secret', 'b', -7)",
            CheckViolation,
            "Failing row contains (9, <toy>, <toy>, <toy>, null, null).",
        ),
        (
            "INSERT INTO t VALUES (NULL, 'secret')",
            NotNullViolation,
            "Failing row contains (null, <toy>, null, <toy>, null, null).",
        ),
        (
            "INSERT INTO t_child VALUES (9, 'secret')",
            ForeignKeyViolation,
            'Key (ssn)=(<toy>) is not present in table "t".',
        ),
    ):
        with pytest.raises(kind) as raised:
            twins.execute(text)
        assert raised.value.detail == detail
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "CREATE INDEX ON t (name)",
            'column "name" cannot be indexed because it is stored SHUFFLED: equal values have different stored forms',
        ),
        (
            "CREATE TABLE u (a text SHUFFLED PRIMARY KEY)",
            'column "a" cannot be indexed because it is stored SHUFFLED: equal values have different stored forms',
        ),
        (
            "ALTER TABLE t ADD UNIQUE (id, name)",
            'column "name" cannot be indexed because it is stored SHUFFLED: equal values have different stored forms',
        ),
        (
            "CREATE INDEX ON t (lower(ssn))",
            'cannot use column "ssn" in an index expression because it is stored REVERSED',
        ),
        (
            "CREATE INDEX ON t (id) WHERE name = 'ann'",
            'cannot use column "name" in an index predicate because it is stored SHUFFLED',
        ),
        (
            "CREATE TABLE u (a text SHUFFLED, b text GENERATED ALWAYS AS (a || '.') STORED)",
            'cannot use column "a" in the expression of generated column "b" because it is stored SHUFFLED',
        ),
        (
            "ALTER TABLE t ADD COLUMN b text GENERATED ALWAYS AS (name) STORED",
            'cannot use column "name" in the expression of generated column "b" because it is stored SHUFFLED',
        ),
        (
            "CREATE TABLE u (a text REFERENCES t (ssn))",
            'foreign key constraint "u_a_fkey" cannot be implemented',
        ),
        ("ALTER TABLE t ALTER name SET REVERSED", "a column that is there cannot become REVERSED, nor cease to be"),
        ("ALTER TABLE p ALTER name SET SHUFFLED", "a column that is there cannot become SHUFFLED, nor cease to be"),
        ("ALTER TABLE t ALTER name DROP SHUFFLED", "a column that is there cannot become SHUFFLED, nor cease to be"),
        ("CREATE TABLE u (a numeric REVERSED)", 'type "numeric" cannot be stored REVERSED'),
        ("ALTER TABLE t_child ALTER ssn TYPE numeric USING 1", 'type "numeric" cannot be stored REVERSED'),
    ],
)
def test_what_would_not_hold_for_a_form_is_refused(twins: EmbeddedDatabase, text: str, message: str) -> None:
    with pytest.raises(FeatureNotSupported) as raised:
        twins.execute(text)
    assert raised.value.message == message


@pytest.mark.parametrize(
    "text",
    ["CREATE INDEX ON t (name)", "ALTER TABLE t ADD UNIQUE (name)", "CREATE TABLE u (name text SHUFFLED UNIQUE)"],
)
def test_the_form_says_what_to_do_where_an_index_is_refused(twins: EmbeddedDatabase, text: str) -> None:
    with pytest.raises(FeatureNotSupported) as raised:
        twins.execute(text)
    assert raised.value.hint == 'Have "name" REVERSED.'


def test_the_catalog_tells_how_a_column_is_stored(twins: EmbeddedDatabase) -> None:
    assert twins.query(
        "SELECT attname, heliosdb_stored_form(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
    ) == [("id", None), ("name", "SHUFFLED"), ("ssn", "REVERSED"), ("n", "REVERSED"), ("d", "SHUFFLED"),
          ("tags", "SHUFFLED")]  # fmt: skip
    assert twins.query("SELECT heliosdb_stored_form('t'::regclass, 7), heliosdb_stored_form(0, 1)") == [(None, None)]


def test_the_shell_tells_how_columns_are_stored_where_one_is_not_as_it_is(
    twins: EmbeddedDatabase,
) -> None:
    out = io.StringIO()
    shell = Shell(twins.database, out=out)

    def described(name: str) -> list[list[str]]:
        out.truncate(out.seek(0))
        shell.feed(f"\\d {name}\n")
        lines = out.getvalue().splitlines()
        return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]

    assert described("t")[:3] == [
        ["Column", "Type", "Collation", "Nullable", "Default", "Stored"],
        ["id", "integer", "", "not null", "", ""],
        ["name", "text", "", "", "", "SHUFFLED"],
    ]
    assert described("p")[0] == ["Column", "Type", "Collation", "Nullable", "Default"]
    shell.close()


def test_a_generated_column_may_have_a_form(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE t (a text, b text GENERATED ALWAYS AS (upper(a)) STORED SHUFFLED)")
    database.execute("INSERT INTO t VALUES ('x'), ('y')")
    database.execute("UPDATE t SET a = a || '2'")
    assert database.query("SELECT * FROM t") == [("x2", "X2"), ("y2", "Y2")]
    assert_marked(database, "t", 1)


def test_an_added_column_and_one_of_like_have_the_form(twins: EmbeddedDatabase) -> None:
    twins.execute("ALTER TABLE t ADD COLUMN more text SHUFFLED DEFAULT 'm'")
    assert_marked(twins, "t", 6)
    twins.execute("CREATE TABLE copy (LIKE t INCLUDING ALL)")
    twins.execute("INSERT INTO copy SELECT * FROM t")
    assert_marked(twins, "copy", 1, 2, 3, 4, 5, 6)
    catalog = twins.session()
    catalog.execute("BEGIN")
    forms = [
        column.form
        for name in ("t", "copy")
        for column in catalog.catalog.lookup_relation("public", name).columns  # type: ignore[union-attr]
        if column.form is not None
    ]
    catalog.execute("ROLLBACK")
    assert len({form.id for form in forms}) == len(forms) == 12
    assert 0 not in {form.id for form in forms}
    assert {form.package for form in forms} == {"toyforms"}


def test_copy_brings_and_takes_values(twins: EmbeddedDatabase) -> None:
    with connect(twins) as connection:
        cursor = connection.cursor()
        with cursor.copy("COPY (SELECT id + 20, name, ssn || 'c' FROM t ORDER BY id) TO STDOUT") as copy:
            taken = b"".join(bytes(part) for part in copy)
        assert taken.startswith(b"21\tann\ts1c\n22\tbob\ts2c\n")
        with cursor.copy("COPY t (id, name, ssn) FROM STDIN WHERE name = 'ann'") as copy:
            copy.write(taken)
        connection.commit()
    assert twins.query("SELECT id, ssn FROM t WHERE id > 20 ORDER BY id") == [(21, "s1c"), (24, "s4c")]
    assert_marked(twins, "t", 1, 2)


def test_many_rows_of_parameters_are_stored_in_the_form(twins: EmbeddedDatabase) -> None:
    with connect(twins) as connection:
        rows = [(i, f"n{i}", f"m{i}") for i in range(100, 400)]
        connection.cursor().executemany("INSERT INTO t (id, name, ssn) VALUES (%s, %s, %s)", rows)
        connection.cursor().executemany("UPDATE t SET name = %s WHERE ssn = %s", [("changed", "m200"), ("c", "m201")])
        connection.commit()
    assert twins.query("SELECT name FROM t WHERE id IN (199, 200, 201) ORDER BY id") == [
        ("n199",),
        ("changed",),
        ("c",),
    ]
    assert_marked(twins, "t", 1, 2)


def test_a_session_that_may_not_read_is_refused_or_sees_null(twins: EmbeddedDatabase) -> None:
    session = twins.session()
    session.memory["toy"] = "refuse"
    assert session.execute("SELECT id FROM t WHERE name IS NULL")[0].rows == [(3,)]
    assert session.execute("SELECT count(*) FROM t")[0].rows == [(5,)]
    for text in (
        "SELECT name FROM t",
        "SELECT id FROM t WHERE ssn = 's1'",
        "SELECT 1 FROM t ORDER BY ssn",
        "UPDATE t SET name = 'x'",
        "INSERT INTO t (id, name) VALUES (9, 'x')",
        "DELETE FROM t WHERE ssn = 's1'",
    ):
        with pytest.raises(InsufficientPrivilege, match=r"^(name|ssn) cannot be (read|written)$"):
            session.execute(text)
    session.memory["toy"] = "null"
    assert session.execute("SELECT id, name, ssn FROM t WHERE id < 3 ORDER BY id")[0].rows == [
        (1, None, None),
        (2, None, None),
    ]
    assert session.execute("SELECT id FROM t WHERE ssn = 's1'")[0].rows == []
    session.execute("UPDATE t SET id = 50 WHERE id = 1")
    with pytest.raises(InsufficientPrivilege):
        session.execute("UPDATE t SET name = 'x' WHERE id = 2")
    assert twins.query("SELECT name FROM t WHERE id IN (2, 50) ORDER BY id") == [("bob",), ("ann",)]


def test_statements_on_one_row_are_short_and_ask_the_session_each_time(twins: EmbeddedDatabase) -> None:
    session = twins._session

    def run(text: str, *parameters: Any) -> Any:
        return (twins.query if text.startswith("SELECT") else twins.execute)(text, parameters)

    insert, select = "INSERT INTO t (id, name, ssn) VALUES ($1, $2, $3)", "SELECT name, n FROM t WHERE ssn = $1"
    update, delete = "UPDATE t SET name = $1 WHERE ssn = $2", "DELETE FROM t WHERE ssn = $1"
    for number in range(20, 26):
        assert run(insert, number, f"name {number}", f"ssn {number}") == 1
        assert run(select, f"ssn {number}") == [(f"name {number}", None)]
        assert run(update, f"new {number}", f"ssn {number}") == 1
        assert run(update, "nobody", "nowhere") == 0
        assert run(select, f"ssn {number}") == [(f"new {number}", None)]
        assert run(select, "nowhere") == []
        if number < 24:
            assert run(delete, f"ssn {number}") == 1
            assert run(delete, f"ssn {number}") == 0
    assert {insert, select, update} <= session.points.made.keys()
    assert_marked(twins, "t", 1, 2)
    session.memory["toy"] = "null"
    assert run(select, "ssn 25") == []
    assert run("SELECT name, n FROM t WHERE id = $1", 25) == [(None, None)]
    for text, parameters in ((update, ("x", "ssn 25")), (insert, (30, "x", "y"))):
        with pytest.raises(InsufficientPrivilege):
            run(text, *parameters)
    session.memory["toy"] = "refuse"
    for _ in range(3):
        with pytest.raises(InsufficientPrivilege):
            run(select, "ssn 25")
    del session.memory["toy"]
    assert run(select, "ssn 25") == [("new 25", None)]
    assert twins.query("SELECT name FROM t WHERE id = 25") == [("new 25",)]


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t SET name = upper(name)",
        "UPDATE t SET name = name",
        "UPDATE t SET name = NULLIF(id, id)::text",
        "UPDATE t SET id = id + 100 WHERE coalesce(name, '') = ''",
        "DELETE FROM t WHERE name IS DISTINCT FROM 'ann'",
        "DELETE FROM t WHERE ssn <> ALL ('{s1}')",
        "UPDATE p SET name = 'x' WHERE NOT EXISTS (SELECT FROM t WHERE t.ssn = p.ssn)",
        "INSERT INTO p SELECT id + 100, name FROM t",
        "INSERT INTO t VALUES (9, 'x', 's1') ON CONFLICT (ssn) DO UPDATE SET name = t.name",
        "WITH seen AS (SELECT id FROM t WHERE lower(name) IS NULL) DELETE FROM t USING seen WHERE seen.id = t.id",
        "MERGE INTO p USING t ON p.id = t.id WHEN MATCHED THEN UPDATE SET name = t.name",
        "ALTER TABLE t ALTER name TYPE varchar",
        "ALTER TABLE t ALTER name TYPE varchar USING upper(name)",
    ],
)
def test_a_value_that_is_not_seen_is_never_written_over_by_the_null_that_stands_for_it(
    twins: EmbeddedDatabase, text: str
) -> None:
    before = twins.query("SELECT * FROM t ORDER BY id"), twins.query("SELECT * FROM p ORDER BY id")
    session = twins.session()
    session.memory["toy"] = "null"
    assert session.execute("SELECT count(name) FROM t")[0].rows == [(0,)]
    twins.execute("DROP VIEW t_view")
    with pytest.raises(InsufficientPrivilege):
        session.execute(text)
    assert (twins.query("SELECT * FROM t ORDER BY id"), twins.query("SELECT * FROM p ORDER BY id")) == before


def test_what_is_kept_about_rows_is_made_of_the_form(twins: EmbeddedDatabase) -> None:
    twins.execute("INSERT INTO t (id, name, ssn) SELECT i, 'who' || i % 3, 'w' || i FROM generate_series(10, 2000) i")
    twins.execute("ANALYZE t")
    text = plan_of(twins, "SELECT * FROM t WHERE ssn = 'w77'")
    assert "Index Scan using t_ssn_key" in text
    session = twins.session()
    session.execute("BEGIN")
    relation = session.catalog.lookup_relation("public", "t")
    assert relation is not None
    index = next(index for index in relation.indexes if index.name == "t_ssn_key")
    found = session.transaction.view(relation.oid).index(index.oid)
    keys = [key for block in found.key_blocks((MIN,), (MAX,)) for key in block if key not in (None, NULL)]
    session.execute("ROLLBACK")
    assert keys
    assert all(type(key) is bytes and key.startswith(MARK) for key in keys)


def test_the_definition_outlives_the_process_and_names_the_package(tmp_path: Any) -> None:
    path = str(tmp_path / "forms.hdb")
    with EmbeddedDatabase(path, plugins=[toy()], strict=True) as database:
        database.execute("CREATE TABLE t (id int PRIMARY KEY, a text SHUFFLED, b text REVERSED UNIQUE)")
        database.execute("INSERT INTO t VALUES (1, 'x', 'y')")
    with EmbeddedDatabase(path, plugins=[toy()], strict=True) as database:
        assert database.query("SELECT * FROM t WHERE b = 'y'") == [(1, "x", "y")]
    with EmbeddedDatabase(path, plugins=[]) as database:
        assert database.query("SELECT id FROM t") == [(1,)]
        for text in ("SELECT a FROM t", "SELECT * FROM t WHERE b = 'y'", "INSERT INTO t VALUES (2, 'p', 'q')"):
            with pytest.raises(FeatureNotSupported) as raised:
                database.execute(text)
            assert raised.value.message.endswith("which no plugin of this database reads")
            assert raised.value.hint == "Open the database with the package toyforms."
