"""Keys: how they are given, compared, wiped; wrapping; managers."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.errors import DataCorrupted, InvalidParameterValue, InvalidPassword
from heliosdb_crypto import EncryptionAlgorithm, EncryptionConfig, EncryptionKey, EncryptionManager, master
from heliosdb_crypto.keys import key_or_passphrase
from heliosdb_crypto.master import LocalKey, MasterKey


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(master.SCRYPT, "n", 1 << 4)


def test_generated_keys_differ_and_come_back_from_text() -> None:
    first, second = EncryptionKey.generate(), EncryptionKey.generate()
    assert first != second
    assert first.id != second.id
    assert EncryptionKey.from_hex(first.hex()) == first
    assert EncryptionKey(first.secret) == first
    assert len({first, EncryptionKey(first.secret), second}) == 2


@pytest.mark.parametrize("secret", [b"", b"x" * 31, b"x" * 33, "x" * 32, None, 7])
def test_a_key_has_32_bytes(secret: object) -> None:
    with pytest.raises(InvalidParameterValue, match="32 bytes"):
        EncryptionKey(secret)  # type: ignore[arg-type]


def test_texts_are_keys_or_passphrases() -> None:
    key = EncryptionKey.generate()
    assert key_or_passphrase(key) is key
    assert key_or_passphrase(key.secret) == key
    assert key_or_passphrase(key.hex()) == key
    assert key_or_passphrase(f" {key.hex().upper()}\n") == key
    for phrase in ("correct horse", "x" * 64, key.hex()[:-1], "your-32-byte-key"):
        assert key_or_passphrase(phrase) == phrase
    for wrong in ("", "  ", 7, None, b"short"):
        with pytest.raises(InvalidParameterValue):
            key_or_passphrase(wrong)


def test_a_closed_key_is_gone() -> None:
    key = EncryptionKey.generate()
    inside = key._secret
    key.close()
    assert bytes(inside) in (b"", bytes(32))
    with pytest.raises(InvalidParameterValue, match="was closed"):
        key.hex()


def test_keys_are_not_pickled() -> None:
    with pytest.raises(TypeError, match="plain sight"):
        pickle.dumps(EncryptionKey.generate())
    with pytest.raises(TypeError):
        copy.copy(EncryptionKey.generate())


@pytest.mark.parametrize("secret", ["a passphrase", EncryptionKey(b"k" * 32)], ids=["passphrase", "key"])
def test_a_master_key_unwraps_what_it_wrapped_for_the_same_purpose(secret: EncryptionKey | str) -> None:
    first = LocalKey(secret)
    assert isinstance(first, MasterKey)
    wrapped = first.wrap(b"data key", b"purpose")
    assert wrapped != first.wrap(b"data key", b"purpose")
    again = LocalKey(secret).matching(first.describe())
    assert again.id == first.id
    assert again.unwrap(wrapped, b"purpose") == b"data key"
    for changed, purpose in ((wrapped, b"another"), (wrapped[:-1], b"purpose"), (b"", b"purpose")):
        with pytest.raises(DataCorrupted):
            again.unwrap(changed, purpose)


def test_another_key_does_not_match() -> None:
    description = LocalKey(EncryptionKey(b"k" * 32)).describe()
    phrase = LocalKey("phrase").describe()
    for other, wanted in (
        (LocalKey(EncryptionKey(b"l" * 32)), description),
        (LocalKey("phrase"), description),
        (LocalKey("another phrase"), phrase),
        (LocalKey(EncryptionKey(b"k" * 32)), phrase),
        (LocalKey("phrase"), {**phrase, "n": 32}),
    ):
        with pytest.raises(InvalidPassword) as raised:
            other.matching(wanted)
        assert "phrase" not in str(raised.value.message)
        assert str(wanted["id"]) in str(raised.value.detail)


def test_a_description_shows_nothing_of_the_secret() -> None:
    key = EncryptionKey.generate()
    assert set(LocalKey(key).describe()) == {"kind", "id"}
    assert key.hex() not in repr(LocalKey(key).describe())
    assert "horse" not in repr(LocalKey("horse").describe())


# -- single values -----------------------------------------------------------------------------------------------------


def test_the_seeds_recipe() -> None:
    encryption = EncryptionManager(
        EncryptionConfig(
            algorithm=EncryptionAlgorithm.AES256_GCM,
            key_rotation_interval=timedelta(seconds=86400 * 30),
            enable_at_rest=True,
            enable_in_transit=True,
        )
    )
    plaintext = b"sensitive data"
    ciphertext = encryption.encrypt(plaintext)
    assert plaintext not in ciphertext
    assert encryption.decrypt(ciphertext) == plaintext
    assert encryption.options() == {"encryption_key": encryption.key, "options": {"server.require_tls": True}}
    assert EncryptionManager(EncryptionConfig(enable_at_rest=False)).options() == {}


@given(st.binary(max_size=1000))
def test_values_come_back(value: bytes) -> None:
    manager = EncryptionManager(key=EncryptionKey(b"k" * 32))
    first, second = manager.encrypt(value), manager.encrypt(value)
    assert first != second
    assert manager.decrypt(first) == manager.decrypt(second) == value


def test_the_key_changes_with_the_period_and_old_values_stay_readable() -> None:
    now = [1_000_000.0]
    manager = EncryptionManager(
        EncryptionConfig(key_rotation_interval=60), EncryptionKey(b"k" * 32), clock=lambda: now[0]
    )
    values = []
    for _ in range(5):
        values.append(manager.encrypt(b"value"))
        now[0] += 61
    assert len({value[:9] for value in values}) == 5
    assert {manager.decrypt(value) for value in values} == {b"value"}
    forged = values[0][:8] + bytes([values[0][8] ^ 1]) + values[0][9:]
    with pytest.raises(DataCorrupted):
        manager.decrypt(forged)


def test_any_change_of_a_value_is_noticed() -> None:
    manager = EncryptionManager()
    value = manager.encrypt(b"value")
    for place in range(len(value)):
        with pytest.raises(DataCorrupted):
            manager.decrypt(value[:place] + bytes([value[place] ^ 0x40]) + value[place + 1 :])
        with pytest.raises(DataCorrupted):
            manager.decrypt(value[:place])
    with pytest.raises(DataCorrupted):
        EncryptionManager().decrypt(value)


@pytest.mark.parametrize("value", ["text", None, 5])
def test_values_are_bytes(value: Any) -> None:
    manager = EncryptionManager()
    for method in (manager.encrypt, manager.decrypt):
        with pytest.raises(TypeError, match=f"as bytes, not {type(value).__name__}"):
            method(value)


def test_a_configuration_that_makes_no_sense_is_refused() -> None:
    assert EncryptionConfig(algorithm="aes-256-gcm").algorithm is EncryptionAlgorithm.AES256_GCM
    for wrong in ({"algorithm": "des"}, {"key_rotation_interval": 0}, {"key_rotation_interval": timedelta(days=-1)},
                  {"key_rotation_interval": "x"}, {"key_rotation_interval": True}):  # fmt: skip
        with pytest.raises(InvalidParameterValue):
            EncryptionConfig(**wrong)  # type: ignore[arg-type]
