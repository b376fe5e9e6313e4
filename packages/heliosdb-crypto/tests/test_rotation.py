"""Keys that change while the database is used; what the view and the commands say of it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.errors import (
    DiskFull,
    Error,
    InvalidPassword,
    IoError,
    ObjectNotInPrerequisiteState,
    ReadOnlySqlTransaction,
)
from heliosdb_crypto import EncryptionKey, master, rotation
from heliosdb_crypto.rotation import keyring_of, numbers_in_use
from heliosdb_testkit import FaultyVolume, PowerLoss

KEY, NEW = EncryptionKey(b"o" * 32), EncryptionKey(b"n" * 32)
ROWS = [(g, f"row {g}") for g in range(1, 3001)]


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(master.SCRYPT, "n", 1 << 4)


def opened(path: Path | str, key: Any = KEY, **arguments: Any) -> EmbeddedDatabase:
    return EmbeddedDatabase(str(path), config=Config(encryption_key=key, **arguments), strict=True)


def fill(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, body text UNIQUE)")
    database.execute("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 3000) g")
    database.execute("CHECKPOINT")


def rows(database: EmbeddedDatabase) -> list[Any]:
    return database.query("SELECT * FROM t ORDER BY id")


def inode_numbers(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_ino for file in folder.iterdir() if file.name not in ("heliosdb.keys",)}


def test_a_new_master_key_takes_effect_at_once_and_rewrites_one_small_file(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        before = inode_numbers(tmp_path / "d")
        database.rotate_master_key(NEW)
        assert inode_numbers(tmp_path / "d") == before
        assert rows(database) == ROWS
        database.execute("INSERT INTO t VALUES (0, 'after')")
    with pytest.raises(InvalidPassword):
        opened(tmp_path / "d", KEY)
    with opened(tmp_path / "d", NEW) as database:
        assert rows(database) == [(0, "after"), *ROWS]
        database.rotate_master_key("now a passphrase")
    with pytest.raises(InvalidPassword):
        opened(tmp_path / "d", NEW)
    with opened(tmp_path / "d", "now a passphrase") as database:
        assert rows(database) == [(0, "after"), *ROWS]


def test_a_new_data_key_is_everywhere_and_the_old_one_is_gone(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with opened(tmp_path / "d") as database:
        fill(database)
        engine = database.database
        assert numbers_in_use(engine.volume) == {1}
        database.rotate_data_key(on_progress=lambda done, files: told.append((done, files)))
        assert [key.number for key in keyring_of(engine).data_keys()] == [2]
        assert numbers_in_use(engine.volume) == {2}
        assert told[-1][0] == told[-1][1] > 2
        assert rows(database) == ROWS
        database.execute("INSERT INTO t VALUES (0, 'after')")
    with opened(tmp_path / "d") as database:
        assert rows(database) == [(0, "after"), *ROWS]
        assert database.query("SELECT id FROM t WHERE body = 'row 77'") == [(77,)]


def test_it_goes_on_while_others_write(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        stopped = threading.Event()
        written: list[int] = []

        def write() -> None:
            session = database.session()
            number = 10_000
            while not stopped.is_set():
                session.execute("INSERT INTO t VALUES ($1, 'new ' || $1)", (number,))
                session.execute("UPDATE t SET body = body || '.' WHERE id = $1", (number % 3000 + 1,))
                written.append(number)
                number += 1
            session.close()

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(3):
                database.rotate_data_key()
        finally:
            stopped.set()
            thread.join()
        rotation.go_on(database.database)
        assert len(keyring_of(database.database).data_keys()) == 1
        expected = database.query("SELECT count(*), sum(length(body)) FROM t")
        assert expected[0][0] == 3000 + len(written)
    with opened(tmp_path / "d") as database:
        assert database.query("SELECT count(*), sum(length(body)) FROM t") == expected


def test_a_rotation_that_was_stopped_goes_on_at_the_next_opening(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        keyring_of(database.database).add_key()
        assert sorted(numbers_in_use(database.database.volume)) == [1]
    with opened(tmp_path / "d") as database:
        deadline = time.monotonic() + 60
        while len(keyring_of(database.database).data_keys()) > 1 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert [key.number for key in keyring_of(database.database).data_keys()] == [2]
        assert rows(database) == ROWS


def test_in_the_background_a_rotation_returns_at_once_and_closing_stops_it(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        database.rotate_data_key(wait=False)
        assert keyring_of(database.database).current == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "heliosdb-rotation"]
    with opened(tmp_path / "d") as database:
        rotation.go_on(database.database)
        assert rows(database) == ROWS


def test_keys_are_kept_as_long_as_a_file_is_being_written_under_them(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        keyring = keyring_of(database.database)
        writer = keyring()
        keyring.add_key()
        rotation.go_on(database.database)
        assert [key.number for key in keyring.data_keys()] == [1, 2]
        del writer
        rotation.go_on(database.database)
        assert [key.number for key in keyring.data_keys()] == [2]


def test_what_a_transaction_still_holds_is_left_to_the_background(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        keyring = keyring_of(database.database)
        writer = keyring()  # somebody writes a file under the key that is current
        database.rotate_data_key()
        assert len(keyring.data_keys()) == 2
        assert [thread for thread in threading.enumerate() if thread.name == "heliosdb-rotation"]
        del writer
        # Woken, it does not wait for its turn.
        rotation.start(database.database)
        deadline = time.monotonic() + 60
        while len(keyring.data_keys()) > 1:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)


def test_no_key_is_dropped_while_a_file_does_not_say_which_it_needs(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        (tmp_path / "d" / "segment-9999999999").write_bytes(b"damaged")
        assert numbers_in_use(database.database.volume) is None
        keyring = keyring_of(database.database)
        keyring.add_key()
        assert keyring.retire(lambda: numbers_in_use(database.database.volume)) == []
        assert [key.number for key in keyring.data_keys()] == [1, 2]


def test_a_passphrase_is_stretched_once_for_an_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "d", "a passphrase") as database:
        fill(database)
    # What a new database would ask of scrypt is more than it is let do: nobody may try with that.
    monkeypatch.setitem(master.SCRYPT, "n", 1 << 40)
    with opened(tmp_path / "d", "a passphrase") as database:
        assert rows(database) == ROWS


def test_what_cannot_be_rotated_says_so(tmp_path: Path) -> None:
    with EmbeddedDatabase(str(tmp_path / "plain"), strict=True) as database:
        for rotate in (lambda: database.rotate_master_key(NEW), database.rotate_data_key):
            with pytest.raises(ObjectNotInPrerequisiteState, match="was not opened with an encryption key"):
                rotate()
    with opened(tmp_path / "d") as database:
        fill(database)
    with opened(tmp_path / "d", read_only=True) as database:
        for rotate in (lambda: database.rotate_master_key(NEW), database.rotate_data_key):
            with pytest.raises(ReadOnlySqlTransaction):
                rotate()


def test_only_columns_may_be_encrypted(tmp_path: Path) -> None:
    options = {"encryption.at_rest": False}
    EmbeddedDatabase(str(tmp_path / "d"), strict=True).close()
    with opened(tmp_path / "d", options=options) as database:
        fill(database)
        assert not keyring_of(database.database).at_rest
        with pytest.raises(ObjectNotInPrerequisiteState, match="files of the database are not encrypted"):
            database.rotate_data_key()
        database.rotate_master_key(NEW)
    with EmbeddedDatabase(str(tmp_path / "d"), strict=True) as database:
        assert rows(database) == ROWS
    with pytest.raises(InvalidPassword):
        opened(tmp_path / "d", KEY)
    opened(tmp_path / "d", NEW).close()
    with pytest.raises(ObjectNotInPrerequisiteState, match="at_rest says otherwise"):
        opened(tmp_path / "d", NEW, options={"encryption.at_rest": True})


# -- crashes ----------------------------------------------------------------------------------------------------------


def on(volume: FaultyVolume, key: EncryptionKey) -> Any:
    from heliosdb.database import Database

    return Database(volume=volume, options={"encryption_key": key}, strict=True)


def content(database: Any) -> list[Any]:
    session = database.session()
    try:
        return [tuple(row) for row in session.execute("SELECT * FROM t ORDER BY id")[0].rows]
    finally:
        session.close()


# Threads in the background are in the middle of something, too, when the power goes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("seed", range(12))
def test_a_crash_at_any_step_of_a_rotation_loses_nothing(seed: int) -> None:
    chance = Random(seed)
    volume = FaultyVolume()
    database = on(volume, KEY)
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, body text)")
    session.execute("INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 300) g")
    session.execute("CHECKPOINT")
    expected = [(g, f"row {g}") for g in range(1, 301)]
    keys = [KEY]
    for number in range(6):
        volume.crash_at(chance.randrange(1, 40))
        wanted = keys[-1]
        try:
            session.execute("INSERT INTO t VALUES ($1, 'more')", (1000 + number,))
            expected.append((1000 + number, "more"))
            wanted = EncryptionKey(bytes([number]) * 32)
            rotation.rotate_master_key(database, wanted)
            keys.append(wanted)
            rotation.rotate_data_key(database)
            session.execute("CHECKPOINT")
        except PowerLoss:
            pass
        volume = volume.crash(chance)
        try:
            database = on(volume, wanted)
        except InvalidPassword:
            # The keyring is replaced as a whole: it is the one before.
            volume = volume.kill()
            wanted = keys[-1]
            database = on(volume, wanted)
        keys.append(wanted)
        found = content(database)
        assert found in (expected, [*expected, (1000 + number, "more")])
        expected = found
        session = database.session()


@pytest.mark.parametrize("step", range(1, 10))
def test_a_crash_while_a_database_is_opened_that_was_closed_loses_nothing(step: int) -> None:
    volume = FaultyVolume()
    database = on(volume, KEY)
    database.session().execute("CREATE TABLE t (id int PRIMARY KEY)")
    database.session().execute("INSERT INTO t VALUES (1)")
    database.close()
    for turn in range(4):
        volume = volume.kill()
        volume.crash_at(step)
        try:
            database = on(volume, KEY)
            assert content(database) == [(1,)]
            database.close()
        except PowerLoss:
            pass
        volume = volume.crash(Random(turn))
    assert content(on(volume, KEY)) == [(1,)]


@pytest.mark.parametrize("error", [IoError("the device says no"), DiskFull("no room")])
@pytest.mark.parametrize("kind", ["replace write", "replace sync", "append segment", "sync log"])
def test_a_device_that_fails_leaves_the_keys_that_were(kind: str, error: Error) -> None:
    volume = FaultyVolume()
    database = on(volume, KEY)
    session = database.session()
    session.execute("CREATE TABLE t (id int PRIMARY KEY, body text)")
    session.execute("INSERT INTO t VALUES (1, 'one')")
    volume.fail(error, kind)

    def rotate() -> None:
        rotation.rotate_data_key(database)
        rotation.rotate_master_key(database, NEW)

    with pytest.raises(type(error)):
        rotate()
    assert content(database) == [(1, "one")]
    volume.lose_power()
    assert content(on(volume.crash(Random(1)), KEY)) == [(1, "one")]


# -- what is said of it -----------------------------------------------------------------------------------------------


def test_the_view_says_what_is_encrypted_under_which_key_since_when(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
        found = database.query("SELECT part, algorithm, key_id, state FROM heliosdb_encryption")
        assert found == [
            ("master key", None, f"key {KEY.id}", "current"),
            ("data key", "aes256-gcm", "1", "current"),
            ("indexes", "aes256-gcm", "1", "current"),
            ("log", "aes256-gcm", "1", "current"),
            ("manifest", "aes256-gcm", "1", "current"),
            ("tables", "aes256-gcm", "1", "current"),
        ]
        ((since, files, size),) = database.query(
            "SELECT since, files, bytes FROM heliosdb_encryption WHERE part = 'tables'"
        )
        assert datetime.now(UTC) - since < timedelta(minutes=5)
        segments = list((tmp_path / "d").glob("segment-*"))
        assert (files, size) == (len(segments), sum(file.stat().st_size for file in segments))
        keyring_of(database.database).add_key()
        states = dict(database.query("SELECT part || ' ' || key_id, state FROM heliosdb_encryption"))
        assert states["data key 1"] == "being replaced"
        assert states["data key 2"] == "current"
        assert states["tables 1"] == "to be written anew"
        rotation.go_on(database.database)
        assert {row[0] for row in database.query("SELECT key_id FROM heliosdb_encryption WHERE algorithm <> ''")} == {
            "2"
        }
    with EmbeddedDatabase(str(tmp_path / "plain"), strict=True) as database:
        found = database.query("SELECT DISTINCT algorithm, key_id, state FROM heliosdb_encryption")
        assert found == [(None, None, "not encrypted")]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from heliosdb.cli.main import main; main()", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_keys_are_generated_on_the_command_line(tmp_path: Path) -> None:
    done = run("generate-key")
    assert EncryptionKey.from_hex(done.stdout.strip()).id
    assert run("generate-key").stdout != done.stdout
    file = tmp_path / "key"
    done = run("generate-key", str(file))
    assert done.stdout == ""
    assert EncryptionKey.from_hex(file.read_text().strip()).id in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    done = run("generate-key", str(file))
    assert (done.returncode, file.read_text()) == (1, before)
    assert "exists already" in done.stderr


def test_keys_are_changed_on_the_command_line(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
    path = str(tmp_path / "d")
    keys = {"HELIOSDB_ENCRYPTION_KEY": KEY.hex(), "NEW_DB_KEY": NEW.hex()}
    done = run("rotate-key", path, "--to", "environment=NEW_DB_KEY", "--data", **keys)
    said = re.findall(r"(?:master|data) key \w+", done.stderr)
    assert (done.returncode, said) == (0, [f"master key {NEW.id}", "data key 2"])
    assert not any(secret in done.stdout + done.stderr for secret in (KEY.hex(), NEW.hex()))
    with opened(tmp_path / "d", NEW) as database:
        assert rows(database) == ROWS
    for arguments, environment, message in (
        ((path, "--data"), {}, "no encryption key was given\nHINT:  "),
        ((path, "--data"), {"HELIOSDB_ENCRYPTION_KEY": KEY.hex()}, "is not the one"),
        ((path,), {}, "--to, --data or both are needed"),
        ((path, "--to", "environment=NOT_SET"), {"HELIOSDB_ENCRYPTION_KEY": NEW.hex()}, '"NOT_SET"'),
        ((path, "--to", "x"), {"HELIOSDB_ENCRYPTION_KEY": NEW.hex()}, "must be a table"),
        ((str(tmp_path / "nowhere"), "--data"), {}, "does not exist"),
    ):
        done = run("rotate-key", *arguments, **environment)
        assert done.returncode in (1, 2)
        assert message in done.stderr


def test_the_other_commands_take_the_key_from_the_environment_too(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
    key = {"HELIOSDB_ENCRYPTION_KEY": KEY.hex()}
    path = str(tmp_path / "d")
    assert run("check", path, "--quiet", **key).returncode == 0
    done = run("dump", path, "--plain", **key)
    assert (done.returncode, "row 77" in done.stdout) == (0, True)
    done = run("dump", path, **key)
    assert (done.returncode, done.stdout) == (1, "")
    assert "plain" in done.stderr
    assert "no encryption key was given" in run("check", path).stderr


def test_what_is_salvaged_of_an_encrypted_database_is_encrypted(tmp_path: Path) -> None:
    with opened(tmp_path / "d") as database:
        fill(database)
    (tmp_path / "d" / "heliosdb.manifest").write_bytes(b"damaged")
    path, new = str(tmp_path / "d"), tmp_path / "new"
    done = run("salvage", path, str(new), HELIOSDB_ENCRYPTION_KEY=KEY.hex())
    assert (done.returncode, "3,000 rows" in done.stderr or "rows, " in done.stderr) == (3, True)
    with pytest.raises(InvalidPassword):
        EmbeddedDatabase(str(new), strict=True)
    with opened(new) as database:
        assert rows(database) == ROWS
        assert {row[0] for row in database.query("SELECT state FROM heliosdb_encryption")} == {"current"}
    done = run("salvage", path, str(tmp_path / "other"))
    assert done.returncode == 1
    assert "no encryption key was given" in done.stderr
