"""Encrypted columns: ciphertext wherever it is kept, values for who has the key, and the answers of plain columns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from heliosdb import Config, EmbeddedDatabase, connect
from heliosdb.cli.main import cli
from heliosdb.errors import (
    DataCorrupted,
    FeatureNotSupported,
    ForeignKeyViolation,
    InsufficientPrivilege,
    InvalidPassword,
    ObjectNotInPrerequisiteState,
    UniqueViolation,
)
from heliosdb_crypto import EncryptionKey

KEY = EncryptionKey(b"k" * 32)
SECRET = "plainly visible"
USERS = """
    CREATE TABLE users (
        id int PRIMARY KEY, username text, email text ENCRYPTED, ssn text ENCRYPTED DETERMINISTIC UNIQUE,
        born date ENCRYPTED
    )
"""


def columns_only(key: Any = KEY) -> Config:
    """Configure a database whose files are as they are, but for encrypted columns."""
    return Config(encryption_key=key, options={"encryption.at_rest": False})


Open = Callable[..., EmbeddedDatabase]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "users.hdb")


@pytest.fixture
def database(path: str) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(path, config=columns_only()) as opened:
        opened.execute(USERS)
        opened.execute(
            "INSERT INTO users VALUES (1, 'ann', 'ann@x.org', '111', '1990-05-01'), (2, 'bob', NULL, NULL, NULL)"
        )
        yield opened


def files(path: str) -> bytes:
    """Return everything that is in a database's folder, and the names."""
    found = []
    for name in Path(path).rglob("*"):
        if name.is_file():
            found.append(str(name).encode())
            found.append(name.read_bytes())
    return b"\n".join(found)


def relation_of(session: Any, name: str) -> Any:
    return session.catalog.lookup_relation("public", name)


def stored(database: EmbeddedDatabase, name: str) -> list[tuple[Any, ...]]:
    session = database.session()
    session.execute("BEGIN")
    view = session.transaction.view(relation_of(session, name).oid)
    rows = [row for block in view.row_blocks() for row in block]
    session.execute("ROLLBACK")
    return rows


def overwrite(database: EmbeddedDatabase, name: str, change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
    """Change the first row as somebody would who writes to the store itself."""
    session = database.session()
    session.execute("BEGIN")
    oid = relation_of(session, name).oid
    row_ids, rows = next(iter(session.transaction.view(oid).item_blocks()))
    session.transaction.update(oid, row_ids[0], rows[0], change(rows[0]))
    session.execute("COMMIT")


# -- who reads ---------------------------------------------------------------------------------------------------------


def test_who_has_the_key_reads_values_and_who_has_not_everything_else(path: str) -> None:
    with EmbeddedDatabase(path, config=columns_only()) as database:
        database.execute(USERS)
        database.execute("INSERT INTO users VALUES (1, 'ann', 'ann@x.org', '111', '1990-05-01')")
        assert database.query("SELECT email, ssn FROM users WHERE ssn = '111' AND email LIKE 'ann@%'") == [
            ("ann@x.org", "111")
        ]
    with EmbeddedDatabase(path) as database:
        assert database.query("SELECT username FROM users WHERE id = 1 AND email IS NOT NULL") == [("ann",)]
        for column in ("email", "ssn"):
            with pytest.raises(InsufficientPrivilege) as raised:
                database.query(f"SELECT {column} FROM users")
            assert raised.value.sqlstate == "42501"
            assert raised.value.message == f'column "{column}" is encrypted, and this session does not have the key'
        for text in (
            "SELECT id FROM users WHERE ssn = '111'",
            "SELECT count(*) FROM users GROUP BY email",
            "INSERT INTO users (id, email) VALUES (2, 'x')",
            "UPDATE users SET ssn = '1'",
        ):
            with pytest.raises(InsufficientPrivilege):
                database.execute(text)
        database.execute("UPDATE users SET username = 'anna' WHERE id = 1")
        database.execute("INSERT INTO users (id, username) VALUES (2, 'bob')")
    with EmbeddedDatabase(path, config=columns_only()) as database:
        assert database.query("SELECT username, email FROM users ORDER BY id") == [("anna", "ann@x.org"), ("bob", None)]


def test_another_key_does_not_open_the_database(path: str, database: EmbeddedDatabase) -> None:
    database.close()
    with pytest.raises(InvalidPassword):
        EmbeddedDatabase(path, config=columns_only(EncryptionKey(b"o" * 32)))


def test_a_session_is_given_the_key_and_gives_it_back(path: str, database: EmbeddedDatabase) -> None:
    database.close()
    with EmbeddedDatabase(path) as opened:
        first, second = opened.session(), opened.session()
        assert first.execute("SELECT heliosdb_unlock($1)", (KEY.hex(),))[0].rows == [(True,)]
        assert first.execute("SELECT email FROM users WHERE ssn = '111'")[0].rows == [("ann@x.org",)]
        first.execute("INSERT INTO users VALUES (3, 'cyd', 'cyd@x.org')")
        with pytest.raises(InsufficientPrivilege):
            second.execute("SELECT email FROM users")
        with pytest.raises(InvalidPassword):
            second.execute("SELECT heliosdb_unlock($1)", (EncryptionKey(b"o" * 32).hex(),))
        with pytest.raises(InsufficientPrivilege):
            second.execute("SELECT email FROM users")
        first.execute("DISCARD ALL")
        with pytest.raises(InsufficientPrivilege):
            first.execute("SELECT email FROM users")
        first.execute("SELECT heliosdb_unlock($1)", (KEY.hex(),))
        assert first.execute("SELECT heliosdb_lock()")[0].rows == [(True,)]
        assert first.execute("SELECT heliosdb_lock()")[0].rows == [(False,)]
        with pytest.raises(InsufficientPrivilege):
            first.execute("SELECT email FROM users WHERE id = 3")


def test_transactions_and_backups_of_a_session_have_the_key_that_it_has(
    path: str, database: EmbeddedDatabase, tmp_path: Path
) -> None:
    database.query("SELECT heliosdb_lock()")
    with pytest.raises(InsufficientPrivilege), database.begin_transaction() as transaction:
        transaction.query("SELECT email FROM users")
    with pytest.raises(InsufficientPrivilege):
        database.execute(f"BACKUP TO '{tmp_path / 'a.sql'}' WITH (plain)")
    database.close()
    with EmbeddedDatabase(path) as opened:
        opened.query("SELECT heliosdb_unlock($1)", (KEY.hex(),))
        with opened.begin_transaction() as transaction:
            assert transaction.query("SELECT email FROM users WHERE id = 1") == [("ann@x.org",)]
        opened.execute(f"BACKUP TO '{tmp_path / 'b.sql'}' WITH (plain)")
    assert "ann@x.org" in (tmp_path / "b.sql").read_text()


def test_what_is_salvaged_is_read_with_the_same_key(path: str, database: EmbeddedDatabase, tmp_path: Path) -> None:
    database.close()
    new = str(tmp_path / "mended.hdb")
    done = CliRunner().invoke(cli, ["salvage", path, new])
    assert done.exit_code == 0, done.output
    with EmbeddedDatabase(new, config=columns_only()) as mended:
        assert mended.query("SELECT email FROM users WHERE ssn = '111'") == [("ann@x.org",)]


def test_a_check_without_the_key_says_what_it_did_not_look_at(
    path: str, database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE TABLE t (a text ENCRYPTED CONSTRAINT long CHECK (length(a) > 3), b int REFERENCES users)")
    database.execute("INSERT INTO t VALUES ('long enough', 1)")
    database.close()
    monkeypatch.setenv("NO_COLOR", "1")
    done = CliRunner().invoke(cli, ["check", path])
    assert (done.exit_code, done.stdout) == (0, "")
    said = done.stderr.splitlines()
    assert said[-2] == (
        'not checked: check long of table public.t: column "a" is encrypted, and this session does not have the key'
    )
    assert "constraints: no problems, 1 not checked, " in said[-1]

    monkeypatch.setenv("HELIOSDB_ENCRYPTION_KEY", KEY.hex())
    done = CliRunner().invoke(cli, ["check", path])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "not checked" not in done.stderr

    with EmbeddedDatabase(path, config=columns_only()) as opened:
        overwrite(opened, "t", lambda row: (row[0], 7))
    done = CliRunner().invoke(cli, ["check", path, "-q"], env={"HELIOSDB_ENCRYPTION_KEY": None})
    assert (done.exit_code, done.stdout.count("reference t_b_fkey of table public.t")) == (1, 1)
    assert done.stderr.startswith("not checked: check long of table public.t: ")


@pytest.mark.parametrize(
    ("type_", "hint"),
    [("text", "Use ENCRYPTED DETERMINISTIC"), ("numeric", "There is no ENCRYPTED DETERMINISTIC for this type")],
)
def test_who_wants_a_key_on_an_encrypted_column_is_told_what_would_do(
    database: EmbeddedDatabase, type_: str, hint: str
) -> None:
    with pytest.raises(FeatureNotSupported) as raised:
        database.execute(f"CREATE TABLE t (a {type_} ENCRYPTED UNIQUE)")
    assert raised.value.message.startswith('column "a" cannot be indexed because it is stored ENCRYPTED')
    assert (raised.value.hint or "").startswith(hint)


def test_without_the_key_a_query_may_give_null_and_a_change_may_not(database: EmbeddedDatabase) -> None:
    database.query("SELECT heliosdb_lock()")
    database.execute("SET encryption.without_key = 'null'")
    assert database.query("SELECT * FROM users WHERE id = 1") == [(1, "ann", None, None, None)]
    assert database.query("SELECT id FROM users WHERE ssn = '111'") == []
    for text in ("UPDATE users SET email = email", "DELETE FROM users WHERE coalesce(email, '') = ''"):
        with pytest.raises(InsufficientPrivilege):
            database.execute(text)
    with pytest.raises(InsufficientPrivilege):
        database.execute("UPDATE users SET email = $1 WHERE id = 1", (None,))
    database.query("SELECT heliosdb_unlock($1)", (KEY.hex(),))
    assert database.query("SELECT email FROM users WHERE id = 1") == [("ann@x.org",)]


def test_a_database_without_a_key_makes_no_encrypted_columns(path: str) -> None:
    with EmbeddedDatabase(path) as database:
        with pytest.raises(ObjectNotInPrerequisiteState, match="the database has no encryption key"):
            database.execute(USERS)
        with pytest.raises(ObjectNotInPrerequisiteState, match="the database has no encryption key"):
            database.query("SELECT heliosdb_unlock('whatever')")


def test_encrypted_columns_are_in_an_encrypted_database_as_well(path: str) -> None:
    with EmbeddedDatabase(path, config=Config(encryption_key=KEY)) as database:
        database.execute(USERS)
        database.execute("INSERT INTO users VALUES (1, 'ann', 'ann@x.org', '111', NULL)")
        assert stored(database, "users")[0][2][:1] == b"\x01"
    with EmbeddedDatabase(path, config=Config(encryption_key=KEY)) as database:
        assert database.query("SELECT email FROM users WHERE ssn = '111'") == [("ann@x.org",)]


def test_another_master_key_reads_the_same_columns(path: str, database: EmbeddedDatabase) -> None:
    from heliosdb_crypto.opening import ATTACHED
    from heliosdb_crypto.providers import master_key

    database.database.attached[ATTACHED].change_master(master_key("a long new passphrase"))
    assert database.query("SELECT email FROM users WHERE id = 1") == [("ann@x.org",)]
    database.close()
    with EmbeddedDatabase(path, config=columns_only("a long new passphrase")) as opened:
        assert opened.query("SELECT email FROM users WHERE ssn = '111'") == [("ann@x.org",)]


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_nothing_in_the_files_shows_a_value(path: str) -> None:
    marks = [f"{SECRET} {number}" for number in range(5)]
    with EmbeddedDatabase(path, config=columns_only()) as database:
        database.execute(USERS)
        database.execute("CREATE INDEX by_ssn ON users (ssn, id)")
        database.execute(
            "CREATE TABLE other (ssn text ENCRYPTED DETERMINISTIC REFERENCES users (ssn) ON UPDATE CASCADE)"
        )
        database.execute("ALTER TABLE users ADD COLUMN tags text[] ENCRYPTED, ADD COLUMN doc jsonb ENCRYPTED")
        with connect(database) as connection:
            connection.cursor().executemany(
                "INSERT INTO users VALUES (%s, 'name', %s, %s, NULL, %s, %s)",
                [(i, marks[0], f"{marks[1]} {i}", [marks[2]], f'{{"a": "{marks[3]}"}}') for i in range(3000)],
            )
            with connection.cursor().copy("COPY users (id, email, ssn) FROM STDIN") as copy:
                copy.write(f"9000\t{marks[4]}\t{marks[4]} 9000\n")
            connection.commit()
        database.execute(f"INSERT INTO other VALUES ('{marks[1]} 7')")
        database.execute("UPDATE users SET ssn = ssn || '!' WHERE id < 1000")
        database.execute("ANALYZE")
        database.execute("CHECKPOINT")
        database.execute(f"INSERT INTO users (id, email) VALUES (9001, '{marks[0]}')")
        assert SECRET.encode() not in files(path)
    content = files(path)
    assert SECRET.encode() not in content
    with EmbeddedDatabase(path, config=columns_only()) as database:
        assert database.query("SELECT count(*) FROM users WHERE email = $1", (marks[0],)) == [(3001,)]
        assert database.query("SELECT ssn FROM other") == [(f"{marks[1]} 7!",)]


def test_the_search_of_files_would_find_a_value(path: str) -> None:
    with EmbeddedDatabase(path, config=columns_only()) as database:
        database.execute("CREATE TABLE open (a text)")
        database.execute(f"INSERT INTO open VALUES ('{SECRET}')")
    assert SECRET.encode() in files(path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into files that have no name")
@pytest.mark.parametrize("is_given", [True, False])
def test_temporary_files_show_no_value(path: str, database: EmbeddedDatabase, is_given: bool) -> None:
    database.execute(f"INSERT INTO users SELECT i, 'n', '{SECRET} ' || i FROM generate_series(10, 9000) i")
    database.close()

    def open_files() -> bytes:
        found = []
        for number in os.listdir("/proc/self/fd"):
            target = f"/proc/self/fd/{number}"
            try:
                if "heliosdb-temporary" in os.readlink(target):
                    found.append(Path(target).read_bytes())
            except OSError:
                continue
        return b"".join(found)

    with EmbeddedDatabase(path, config=columns_only() if is_given else None) as opened:
        session = opened.session()
        session.execute("SELECT heliosdb_unlock($1)", (KEY.hex(),))
        session.execute("SET work_mem = 64")
        session.execute("BEGIN")
        session.execute("DECLARE c CURSOR FOR SELECT email FROM users ORDER BY email DESC NULLS LAST")
        (row,) = session.execute("FETCH 1 FROM c")[0].rows
        assert row == (f"{SECRET} 999",)
        content = open_files()
        assert len(content) > 100_000
        assert SECRET.encode() not in content
        session.execute("ROLLBACK")


def test_equal_values_are_alike_in_one_domain_and_nowhere_else(database: EmbeddedDatabase) -> None:
    database.execute(
        "CREATE TABLE t (a text ENCRYPTED, b text ENCRYPTED DETERMINISTIC, c varchar ENCRYPTED DETERMINISTIC, "
        "d text ENCRYPTED DETERMINISTIC DOMAIN other, e int8 ENCRYPTED DETERMINISTIC, f int2 ENCRYPTED DETERMINISTIC)"
    )
    database.execute("INSERT INTO t VALUES ('x', 'x', 'x', 'x', 7, 7), ('x', 'x', 'y', 'x', 8, 9)")
    one, two = stored(database, "t")
    assert one[0] != two[0]
    assert one[1] == two[1] == one[2]
    assert one[3] == two[3] != one[1]
    assert one[4] == one[5] != two[4]
    assert all(data[:1] == (b"\x01" if number == 0 else b"\x02") for number, data in enumerate(one))
    assert database.query("SELECT count(*) FROM t x JOIN t y ON x.b = y.d") == [(4,)]
    assert database.query("SELECT count(*) FROM t x JOIN t y ON x.b = y.c") == [(2,)]


def test_a_ciphertext_is_no_other_columns_and_no_changed_one_is_read(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE t (a text ENCRYPTED, b text ENCRYPTED, c text ENCRYPTED DETERMINISTIC)")
    database.execute("INSERT INTO t VALUES ('one', 'two', 'three')")
    for change, column in (
        (lambda row: (row[1], row[1], row[2]), "a"),
        (lambda row: (row[2], row[1], row[2]), "a"),
        (lambda row: (row[0], row[1], row[1]), "c"),
        (lambda row: (row[0][:-1] + bytes([row[0][-1] ^ 1]), row[1], row[2]), "a"),
        (lambda row: (row[0][:20], row[1], row[2]), "a"),
        (lambda row: (b"", row[1], row[2]), "a"),
        (lambda row: (row[0], row[1], b"\x02"), "c"),
    ):
        before = stored(database, "t")[0]
        overwrite(database, "t", change)
        with pytest.raises(DataCorrupted) as raised:
            database.query(f"SELECT {column} FROM t")
        assert raised.value.message.startswith(f'a value of encrypted column "{column}" does not decrypt')
        overwrite(database, "t", lambda row, before=before: before)  # type: ignore[misc]
    assert database.query("SELECT * FROM t") == [("one", "two", "three")]


def test_errors_plans_and_catalogs_show_no_value(database: EmbeddedDatabase) -> None:
    database.execute(f"INSERT INTO users SELECT i, 'n', '{SECRET}', '{SECRET} ' || i FROM generate_series(10, 500) i")
    database.execute("ANALYZE users")
    database.execute("ALTER TABLE users ADD CHECK (length(email) < 40)")
    parameters = {"ssn": f"{SECRET} 10", "email": SECRET * 9}
    for column, kind in (("ssn", UniqueViolation), ("email", Exception)):
        with pytest.raises(kind) as raised:
            database.execute(f"INSERT INTO users (id, {column}) VALUES (8000, $1)", (parameters[column],))
        assert SECRET not in "".join(map(str, vars(raised.value).values())) + str(raised.value)
        assert "<encrypted>" in str(raised.value.detail)  # type: ignore[attr-defined]
    plan = database.query("EXPLAIN ANALYZE SELECT * FROM users WHERE ssn = 'x'")
    assert [line for (line,) in plan if "Index Cond" in line] == ["  Index Cond: (ssn = 'x')"]
    views = database.query("SELECT schemaname, viewname FROM pg_views WHERE schemaname IN ('pg_catalog')")
    assert len(views) > 20
    for schema, name in views:
        if name not in ("pg_stat_activity", "pg_cursors", "pg_prepared_statements"):
            assert SECRET not in str(database.query(f'SELECT * FROM {schema}."{name}"')), name


def test_a_view_says_which_columns_are_encrypted(database: EmbeddedDatabase) -> None:
    database.execute("CREATE SCHEMA s")
    database.execute('CREATE TABLE s.t (a varchar(9) ENCRYPTED DETERMINISTIC DOMAIN "my Days", b int, c int ENCRYPTED)')
    database.execute("ALTER TABLE s.t DROP COLUMN c")
    text = "SELECT * FROM heliosdb_encrypted_columns ORDER BY 1, 2, 3"
    assert database.query(text) == [
        ("public", "users", "born", "date", False, None, True),
        ("public", "users", "email", "text", False, None, True),
        ("public", "users", "ssn", "text", True, "default", True),
        ("s", "t", "a", "character varying(9)", True, "my Days", True),
    ]
    database.query("SELECT heliosdb_lock()")
    assert {row[6] for row in database.query(text)} == {False}


# -- what works --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("text", ["''", "'x'", "'é😀'", "repeat('long ', 5000)"]),
        ("varchar(5)", ["'x'", "'12345'"]),
        ("char(4)", ["'x'", "''"]),
        ("int", ["0", "-5", "2147483647"]),
        ("numeric(20, 4)", ["1.5", "0.0001", "'NaN'"]),
        ("float8", ["1.5", "'-Infinity'", "'-0'", "1e-300"]),
        ("bool", ["true", "false"]),
        ("date", ["'1999-12-31'", "'0044-01-01'"]),
        ("timestamptz", ["'2024-02-29 12:00:00.123456+00'"]),
        ("interval", ["'1 mon -3 days 00:00:01.5'"]),
        ("uuid", ["'12345678-1234-5678-1234-567812345678'"]),
        ("bytea", [r"'\x'", r"'\x00ff'"]),
        ("jsonb", ["""'{"a": [1, 2.50, null, {"b": "x"}]}'""", "'null'"]),
        ("json", ["""'{"a":  1}'"""]),
        ("text[]", ["'{}'", "'{a,NULL,\"b c\"}'", "'[2:3]={x,y}'"]),
        ("mood", ["'fine'"]),
        ("pair", ["ROW(1, 'x')", "ROW(NULL, '')"]),
        ("small", ["3"]),
    ],
)
def test_any_type_comes_back_as_it_was(database: EmbeddedDatabase, type_: str, values: list[str]) -> None:
    database.execute("CREATE TYPE mood AS ENUM ('fine', 'bad'); CREATE TYPE pair AS (a int, b text)")
    database.execute("CREATE DOMAIN small AS int CHECK (VALUE < 10)")
    database.execute(f"CREATE TABLE t (id int, e {type_} ENCRYPTED, p {type_})")
    for number, value in enumerate([*values, "NULL"]):
        database.execute(f"INSERT INTO t VALUES ({number}, {value}, {value})")
    found = database.query("SELECT e::text, p::text FROM t ORDER BY id")
    assert len(found) == len(values) + 1
    assert all(e == p for e, p in found)
    kinds = [(type(row[1]), type(row[2])) for row in stored(database, "t")]
    assert all(kind is bytes for kind, _ in kinds[:-1])
    assert database.query("SELECT count(*) FROM t WHERE e IS NULL") == [(1,)]


@pytest.mark.parametrize("type_", ["numeric", "float8", "jsonb", "interval", "char(3)", "text[]"])
def test_types_whose_equal_values_differ_are_not_deterministic(database: EmbeddedDatabase, type_: str) -> None:
    with pytest.raises(FeatureNotSupported, match="cannot be ENCRYPTED DETERMINISTIC"):
        database.execute(f"CREATE TABLE t (a {type_} ENCRYPTED DETERMINISTIC)")


def test_references_and_keys_are_held(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE visits (id int, ssn text ENCRYPTED DETERMINISTIC REFERENCES users (ssn))")
    database.execute("INSERT INTO visits VALUES (1, '111')")
    with pytest.raises(ForeignKeyViolation) as raised:
        database.execute("INSERT INTO visits VALUES (2, '222')")
    assert raised.value.detail == 'Key (ssn)=(<encrypted>) is not present in table "users".'
    with pytest.raises(ForeignKeyViolation):
        database.execute("DELETE FROM users WHERE id = 1")
    with pytest.raises(UniqueViolation):
        database.execute("INSERT INTO users (id, ssn) VALUES (9, '111')")
    with pytest.raises(FeatureNotSupported, match="cannot be implemented"):
        database.execute("CREATE TABLE x (ssn text ENCRYPTED DETERMINISTIC DOMAIN elsewhere REFERENCES users (ssn))")
    with pytest.raises(FeatureNotSupported, match="equal values have different stored forms"):
        database.execute("CREATE UNIQUE INDEX ON users (email)")


def test_a_script_is_restored_encrypted_and_wants_to_be_asked_for(database: EmbeddedDatabase, tmp_path: Path) -> None:
    script = tmp_path / "dump.sql"
    with pytest.raises(FeatureNotSupported, match="a script is plain text"):
        database.execute(f"BACKUP TO '{script}'")
    database.execute(f"BACKUP TO '{script}' WITH (plain)")
    text = script.read_text()
    assert "email text ENCRYPTED" in text
    assert "ssn text ENCRYPTED DETERMINISTIC" in text
    assert "ann@x.org" in text
    with EmbeddedDatabase(str(tmp_path / "copy.hdb"), config=columns_only(EncryptionKey.generate())) as copy:
        copy.execute(f"RESTORE FROM '{script}'")
        assert copy.query("SELECT * FROM users ORDER BY id") == database.query("SELECT * FROM users ORDER BY id")
        assert stored(copy, "users")[0][2] != stored(database, "users")[0][2]
        assert stored(copy, "users")[0][2][:1] == b"\x01"


def test_an_archive_shows_no_value_and_is_restored_with_the_key(database: EmbeddedDatabase, tmp_path: Path) -> None:
    database.execute("INSERT INTO users SELECT i, 'n', $1 FROM generate_series(10, 200) i", (SECRET,))
    place = tmp_path / "users.archive"
    database.execute(f"BACKUP TO '{place}' WITH (format archive, compression none)")
    assert SECRET.encode() not in place.read_bytes()
    with EmbeddedDatabase(str(tmp_path / "copy.hdb"), config=columns_only()) as copy:
        copy.execute(f"RESTORE FROM '{place}'")
        assert copy.query("SELECT count(*) FROM users WHERE email = $1", (SECRET,)) == [(191,)]
        assert stored(copy, "users")[0][2][:1] == b"\x01"


def test_a_backup_without_the_key_fails_and_leaves_nothing_out(path: str, database: EmbeddedDatabase) -> None:
    database.close()
    with EmbeddedDatabase(path) as opened:
        opened.execute("SET encryption.without_key = 'null'")
        with pytest.raises(InsufficientPrivilege):
            opened.execute(f"BACKUP TO '{path}.sql' WITH (plain)")
    assert not Path(f"{path}.sql").exists()


def test_the_past_is_read_after_the_type_was_changed(database: EmbeddedDatabase) -> None:
    database.execute("ALTER TABLE users ALTER email TYPE varchar(20), ALTER ssn TYPE int USING ssn::int")
    assert database.query("SELECT email, ssn + 1 FROM users WHERE ssn = 111") == [("ann@x.org", 112)]
    assert {type(row[3]) for row in stored(database, "users")} == {bytes, type(None)}


def test_threads_read_and_write_side_by_side(database: EmbeddedDatabase) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work(number: int) -> int:
        with closing(database.session()) as session:
            for i in range(20):
                key = number * 100 + i + 1000
                session.execute("INSERT INTO users (id, email, ssn) VALUES ($1, $2, $3)", (key, f"e{key}", f"s{key}"))
            return len(session.execute("SELECT email FROM users WHERE ssn LIKE 's%'")[0].rows)

    with ThreadPoolExecutor(4) as pool:
        assert all(count >= 20 for count in pool.map(work, range(4)))
    assert database.query(
        "SELECT count(DISTINCT email) FROM users WHERE id >= 1000 AND substr(email, 2) = substr(ssn, 2)"
    ) == [(80,)]
