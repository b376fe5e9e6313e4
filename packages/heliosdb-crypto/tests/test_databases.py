"""A whole database under a key: nothing readable anywhere, no key but the right one, damage named, no nonce twice."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase, connect, load_config
from heliosdb.errors import (
    Error,
    FeatureNotSupported,
    InterfaceError,
    InvalidParameterValue,
    InvalidPassword,
    ObjectNotInPrerequisiteState,
    UndefinedObject,
)
from heliosdb.spi import file_headers
from heliosdb_crypto import EncryptionKey, cipher, master
from heliosdb_crypto.cipher import Aes256Gcm

KEY = EncryptionKey(bytes(range(32)))
SENTENCE = "nobody but the owner reads this"


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(master.SCRYPT, "n", 1 << 4)


def opened(path: Path, key: Any = KEY, **arguments: Any) -> EmbeddedDatabase:
    return EmbeddedDatabase(str(path), config=Config(encryption_key=key, **arguments), strict=True)


def fill(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE telling_name (id int PRIMARY KEY, telling_column text UNIQUE)")
    database.execute("CREATE INDEX telling_index ON telling_name (lower(telling_column))")
    database.execute("CREATE VIEW telling_view AS SELECT 'telling literal' AS x")
    database.execute("COMMENT ON TABLE telling_name IS 'telling comment'")
    database.execute("INSERT INTO telling_name SELECT g, $1 || g FROM generate_series(1, 2000) g", (SENTENCE,))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def assert_nothing_readable(folder: Path) -> None:
    """Look for texts, names and keys; for those in UTF-16, too, and compressed they would not be found: see below."""
    secrets = [SENTENCE, "telling", "owner", KEY.hex(), KEY.secret.hex()]
    wanted = [encoded for secret in secrets for encoded in (secret.encode(), secret.encode("utf-16-le"))]
    for name, content in contents(folder).items():
        for secret in [*wanted, KEY.secret]:
            assert secret not in content, name


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_no_file_holds_anything_readable_at_any_time(tmp_path: Path, compression: str) -> None:
    """Without compression whatever is not encrypted stands there as it is."""
    path = tmp_path / "d"
    with opened(path, compression=compression) as database:
        fill(database)
        assert_nothing_readable(path)
        database.execute("CHECKPOINT")
        assert_nothing_readable(path)
        database.execute("UPDATE telling_name SET telling_column = telling_column || '!' WHERE id % 3 = 0")
        database.execute("SET work_mem = '64kB'")
        with database.stream("SELECT telling_column FROM telling_name ORDER BY telling_column DESC") as rows:
            assert next(rows)[0].startswith(SENTENCE)
            assert_nothing_readable(path)
        database.execute("VACUUM")
        database.execute(f"BACKUP TO '{path / 'backup'}' WITH (compression = none)")
        assert_nothing_readable(path)
    assert_nothing_readable(path)
    plain = tmp_path / "plain"
    with EmbeddedDatabase(str(plain), config=Config(compression=compression), strict=True) as database:
        fill(database)
    if compression == "none":
        assert any(b"telling_name" in content for content in contents(plain).values()), "the search must find something"


def test_every_file_passes_the_cipher(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        database.execute("CHECKPOINT")
        headers = {name: header for name, _, header in file_headers(database.database.volume)}
    kinds = {name.partition("-")[0] for name in headers}
    assert kinds == {"log", "segment", "run", "manifest"}
    for header in headers.values():
        assert header is not None
        assert header.codecs == ("zstd", "aes256-gcm")
        assert set(header.codec_parameters["aes256-gcm"]) == {"package", "key", "salt"}


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (KEY, KEY),
        (KEY, KEY.secret),
        (KEY.hex(), KEY),
        ("a passphrase", "a passphrase"),
        (KEY.secret, KEY.hex()),
    ],
)
def test_the_key_opens_it_again_however_it_is_given(tmp_path: Path, first: Any, again: Any) -> None:
    with opened(tmp_path / "d", first) as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with opened(tmp_path / "d", again) as database:
        assert database.query("SELECT a FROM t") == [(1,)]
    with opened(tmp_path / "d", again, read_only=True) as database:
        assert database.query("SELECT a FROM t") == [(1,)]


@pytest.mark.parametrize("wrong", [EncryptionKey(b"x" * 32), "a passphrase", b"y" * 32, None])
def test_a_wrong_or_missing_key_is_refused_before_anything_is_read(
    tmp_path: Path, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
    before = contents(tmp_path / "d")
    monkeypatch.setattr(Aes256Gcm, "decode", None)
    with pytest.raises(InvalidPassword) as raised:
        opened(tmp_path / "d", wrong)
    monkeypatch.undo()
    assert raised.value.sqlstate == "28P01"
    shown = f"{raised.value.message} {raised.value.detail} {raised.value.hint}"
    assert not any(secret in shown for secret in ("a passphrase", "yyyy", KEY.hex()))
    assert {**contents(tmp_path / "d"), "heliosdb.lock": b""} == {**before, "heliosdb.lock": b""}
    with opened(tmp_path / "d") as database:
        assert database.query("SELECT count(*) FROM telling_name") == [(2000,)]


def test_without_the_package_one_is_told_which_to_install(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
    with pytest.raises(FeatureNotSupported, match="needs heliosdb-crypto"):
        connect(str(tmp_path / "d"), config=Config(encryption_key=KEY), plugins=[])
    code = (
        "import heliosdb.plugin.discovery as d, heliosdb.plugin.drivers as r, heliosdb\n"
        "r.installed_plugins = lambda group='heliosdb': []\n"
        f"heliosdb.connect({str(tmp_path / 'd')!r}, plugins=[])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "heliosdb-crypto, which is not installed" in done.stderr


def test_an_opening_that_is_refused_leaves_no_keyring(tmp_path: Path) -> None:
    with pytest.raises(UndefinedObject, match="no_such"):
        opened(tmp_path / "d", options={"no_such.option": 1})
    assert not (tmp_path / "d" / "heliosdb.keys").exists()
    opened(tmp_path / "d", EncryptionKey(b"another".ljust(32))).close()


def test_a_database_that_is_not_encrypted_is_not_taken_for_one_that_is(tmp_path: Path) -> None:
    EmbeddedDatabase(str(tmp_path / "d")).close()
    with pytest.raises(ObjectNotInPrerequisiteState, match="is not encrypted, and an encryption key was given"):
        opened(tmp_path / "d")
    assert not (tmp_path / "d" / "heliosdb.keys").exists()


# -- where keys come from ---------------------------------------------------------------------------------------------


def configured(tmp_path: Path, text: str, **environment: str) -> EmbeddedDatabase:
    file = tmp_path / "heliosdb.toml"
    file.write_text(text)
    config = load_config(str(file), environment=environment)
    return EmbeddedDatabase(str(tmp_path / "d"), config=config, strict=True)


def test_the_configuration_of_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOSDB_KEY", KEY.hex())
    source = 'algorithm = "aes256-gcm"\nkey_source = { environment = "HELIOSDB_KEY" }\n'
    with configured(tmp_path, "[encryption]\nenabled = true\n" + source) as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with configured(tmp_path, "[encryption]\n" + source.replace("aes256", "aes-256")) as database:
        assert database.query("SELECT a FROM t") == [(1,)]
    with configured(tmp_path, "[encryption]\nenabled = false\n" + source) as database:
        assert database.query("SELECT a FROM t") == [(1,)], "what is encrypted stays encrypted"
    monkeypatch.delenv("HELIOSDB_KEY")
    with pytest.raises(UndefinedObject, match='variable "HELIOSDB_KEY"'):
        configured(tmp_path, "[encryption]\n" + source)
    shutil.rmtree(tmp_path / "d")
    configured(tmp_path, "[encryption]\nenabled = false\n" + source).close()
    assert not (tmp_path / "d" / "heliosdb.keys").exists()


def test_a_variable_may_hold_the_key_itself(tmp_path: Path) -> None:
    with configured(tmp_path, "", HELIOSDB_ENCRYPTION_KEY="your-32-byte-key") as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(InvalidPassword):
        configured(tmp_path, "")
    with opened(tmp_path / "d", "your-32-byte-key") as database:
        assert database.query("SELECT a FROM t") == [(1,)]


def test_files_and_functions_provide_keys(tmp_path: Path) -> None:
    for number, content in enumerate((KEY.secret, KEY.hex().encode() + b"\n", b"a passphrase\r\n")):
        file = tmp_path / f"key{number}"
        file.write_bytes(content)
        file.chmod(0o600)
        shutil.rmtree(tmp_path / "d", ignore_errors=True)
        with configured(tmp_path, f"[encryption]\nkey_source = {{ file = '{file}' }}\n") as database:
            database.execute("CREATE TABLE t AS SELECT 1 AS a")
        with opened(tmp_path / "d", "a passphrase" if number == 2 else KEY) as database:
            assert database.query("SELECT a FROM t") == [(1,)]
    config = Config(options={"encryption.key_source": {"callable": lambda: "a passphrase"}})
    EmbeddedDatabase(str(tmp_path / "d"), config=config, strict=True).close()
    config = Config(options={"encryption.key_source": {"callable": "os:getcwd"}})
    with pytest.raises(InvalidPassword):
        EmbeddedDatabase(str(tmp_path / "d"), config=config, strict=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("enabled = 1", '"encryption.enabled" must be a boolean'),
        ("enabled = true", "no key is stated"),
        ('algorithm = "des"', '"des" is not supported'),
        ("key_source = 7", "must be a table"),
        ("key_source = {}", "must be a table"),
        ('key_source = "x"', "must be a table"),
        ('key_source = { no_such = "x" }', 'key provider "no_such" does not exist'),
        ('key_source = { environment = "NOT_SET" }', '"NOT_SET", which should hold the encryption key, is not set'),
        (
            'key_source = { environment = "X", more = 1 }',
            """"environment": got an unexpected keyword argument 'more'""",
        ),
        (
            'key_source = { vault = "x", url = "http://127.0.0.1:1" }',
            'no token for the vault.*"VAULT_TOKEN" is not set',
        ),
        ('key_source = { file = "nowhere" }', "could not read the encryption key"),
        ('key_sauce = "x"', 'unrecognized configuration key "encryption.key_sauce"'),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Error, match=message):
        configured(tmp_path, f"[encryption]\n{text}\n")


def test_a_key_file_that_others_write_to_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY.secret)
    file.chmod(0o666)
    with pytest.raises(InvalidParameterValue, match="everybody may write to it"):
        configured(tmp_path, f"[encryption]\nkey_source = {{ file = '{file}' }}\n")
    for content in (b"x" * 5000, b"\xff" * 31, b"\n"):
        file.chmod(0o600)
        file.write_bytes(content)
        with pytest.raises(InvalidParameterValue):
            configured(tmp_path, f"[encryption]\nkey_source = {{ file = '{file}' }}\n")


# -- secrets stay secret ----------------------------------------------------------------------------------------------


def test_keys_are_shown_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shown: list[Any] = [repr(Config(encryption_key=KEY)), repr(Config(options={"encryption.key": KEY.hex()}))]
    with caplog.at_level(logging.DEBUG), opened(tmp_path / "d", KEY.hex()) as database:
        fill(database)
        for query in ("SHOW ALL", "TABLE heliosdb_encryption", "TABLE heliosdb_plugins", "TABLE pg_settings"):
            shown += database.query(query)
        shown += database.query("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM telling_name")
        shown += [repr(vars(database.database)), repr(database.database.attached)]
    shown += [record.getMessage() for record in caplog.records]
    text = repr(shown)
    assert KEY.hex() not in text
    assert repr(KEY.secret) not in text


def test_keys_are_overwritten_when_the_database_closes(tmp_path: Path) -> None:
    database = opened(tmp_path / "d")
    keyring = database.database.attached["heliosdb-crypto"]
    secrets = [key.secret for key in keyring.data_keys()]
    assert any(any(secret) for secret in secrets)
    database.close()
    assert not any(any(secret) for secret in secrets)
    assert not any(keyring.columns)
    with pytest.raises(InvalidParameterValue, match="was closed"):
        keyring._master.wrap(b"x", b"y")


# -- no nonce twice ---------------------------------------------------------------------------------------------------


@pytest.fixture
def nonces(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[bytes, bytes]]]:
    """All (subkey, nonce) pairs that are used for encryption."""
    found: list[tuple[bytes, bytes]] = []

    class Watched:
        def __init__(self, key: bytes) -> None:
            self._key = key
            self._gcm = original(key)

        def encrypt(self, nonce: bytes, chunk: bytes, associated: bytes) -> bytes:
            found.append((self._key, nonce))
            return self._gcm.encrypt(nonce, chunk, associated)

        def decrypt(self, nonce: bytes, chunk: bytes, associated: bytes) -> bytes:
            return self._gcm.decrypt(nonce, chunk, associated)

    original = cipher.AESGCM
    monkeypatch.setattr(cipher, "AESGCM", Watched)
    yield found
    assert len(found) > 20
    assert len(set(found)) == len(found)


def test_a_tail_that_is_cut_off_and_rewritten_repeats_no_nonce(
    tmp_path: Path, nonces: list[tuple[bytes, bytes]]
) -> None:
    path = tmp_path / "d"
    for size in (100, 60, 20, 0):
        with opened(path) as database:
            database.execute("CREATE TABLE IF NOT EXISTS t (a int)")
            for number in range(10):
                database.execute("INSERT INTO t VALUES ($1)", (number,))
            copied = tmp_path / "copy"
            shutil.copytree(path, copied)
        shutil.rmtree(path)
        os.rename(copied, path)
        log = max(path.glob("log-*"))
        os.truncate(log, log.stat().st_size - size)


def test_a_copied_folder_that_is_opened_twice_repeats_no_nonce(
    tmp_path: Path, nonces: list[tuple[bytes, bytes]]
) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
    shutil.copytree(tmp_path / "d", tmp_path / "copy")
    for folder in ("d", "copy"):
        with opened(tmp_path / folder) as database:
            database.execute("INSERT INTO telling_name VALUES (0, 'the same in both')")
            database.execute("CHECKPOINT")


def test_a_backup_that_is_restored_twice_repeats_no_nonce(tmp_path: Path, nonces: list[tuple[bytes, bytes]]) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        database.execute(f"BACKUP TO '{tmp_path / 'backup'}'")
    for folder in ("first", "second"):
        with opened(tmp_path / folder) as database:
            database.execute(f"RESTORE FROM '{tmp_path / 'backup'}'")
            database.execute("INSERT INTO telling_name VALUES (0, 'the same in both')")
            database.execute(f"BACKUP TO '{tmp_path / folder}.backup'")


WRITE = """
import json, sys
from heliosdb import Config, EmbeddedDatabase
from heliosdb_crypto import EncryptionKey
from heliosdb_crypto.cipher import Aes256Gcm
used, original = [], Aes256Gcm.encode
def encode(self, chunk, associated):
    stored = original(self, chunk, associated)
    used.append([self.parameters["salt"], stored[:8].hex()])
    return stored
Aes256Gcm.encode = encode
with EmbeddedDatabase(sys.argv[1], config=Config(encryption_key=EncryptionKey(bytes(range(32)))), strict=True) as db:
    db.execute("CREATE TABLE IF NOT EXISTS t (a int)")
    db.execute("INSERT INTO t VALUES (1)")
print(json.dumps(used))
"""


def test_two_processes_repeat_no_nonce(tmp_path: Path) -> None:
    opened(tmp_path / "d").close()
    shutil.copytree(tmp_path / "d", tmp_path / "copy")
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path / folder)], stdout=subprocess.PIPE, text=True)
        for folder in ("d", "copy")
    ]
    used = [tuple(pair) for process in processes for pair in json.loads(process.communicate(timeout=60)[0])]
    assert len(used) > 8
    assert len(set(used)) == len(used)


# -- backups ----------------------------------------------------------------------------------------------------------


def test_a_backup_stays_encrypted_and_is_restored_with_the_same_key(tmp_path: Path) -> None:
    archive = tmp_path / "backup"
    with opened(tmp_path / "d") as database:
        fill(database)
        expected = database.query("SELECT * FROM telling_name ORDER BY id")
        database.execute(f"BACKUP TO '{archive}'")
        with pytest.raises(FeatureNotSupported, match="plain text"):
            database.execute(f"BACKUP TO '{tmp_path / 'script.sql'}'")
    assert not any(secret in archive.read_bytes() for secret in (b"telling", SENTENCE.encode(), KEY.secret))
    with opened(tmp_path / "other") as database:
        database.execute(f"RESTORE FROM '{archive}'")
        assert database.query("SELECT * FROM telling_name ORDER BY id") == expected
    for key in (EncryptionKey(b"x" * 32), None):
        with opened(tmp_path / f"third{key is None}", key) as database, pytest.raises(InvalidPassword):
            database.execute(f"RESTORE FROM '{archive}'")


def test_a_backup_of_a_passphrase_is_restored_with_the_passphrase(tmp_path: Path) -> None:
    with opened(tmp_path / "d", "a passphrase") as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
        database.execute(f"BACKUP TO '{tmp_path / 'backup'}'")
    with opened(tmp_path / "other", "a passphrase") as database:
        database.execute(f"RESTORE FROM '{tmp_path / 'backup'}'")
        assert database.query("SELECT a FROM t") == [(1,)]


def test_in_memory_only_what_is_put_aside_is_written_and_it_is_encrypted() -> None:
    with EmbeddedDatabase(":memory:", config=Config(encryption_key=KEY), strict=True) as database:
        fill(database)
        database.execute("SET work_mem = '64kB'")
        assert database.database.temporary.codecs.names == ("aes256-gcm",)
        rows = database.query("SELECT telling_column FROM telling_name ORDER BY 1 DESC")
        assert rows == sorted(rows, reverse=True)


connect_with = partial(connect, strict=True)


def test_a_key_may_be_an_argument(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "d"), encryption_key=KEY, strict=True) as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS a")
    with connect(str(tmp_path / "d"), encryption_key=KEY.hex()) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]
    config = Config(encryption_key=EncryptionKey(b"x" * 32))
    with connect(str(tmp_path / "d"), config=config, encryption_key=KEY) as connection:
        assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]
    with EmbeddedDatabase.new_in_memory() as database, pytest.raises(InterfaceError):
        connect(database, encryption_key=KEY)


def test_the_dbapi_takes_the_same_key(tmp_path: Path) -> None:
    with connect_with(str(tmp_path / "d"), config=Config(encryption_key=KEY)) as connection:
        connection.execute("CREATE TABLE t (a int)")
    with pytest.raises(InvalidPassword):
        connect_with(str(tmp_path / "d"))
