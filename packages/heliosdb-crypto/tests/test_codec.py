"""The codec by the testkit's suite, and what is its own: counters, limits, one writing alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from heliosdb.errors import DataCorrupted, InternalFailure, InvalidPassword, ProgramLimitExceeded
from heliosdb.spi import Codec, driver
from heliosdb_crypto import EncryptionKey, cipher
from heliosdb_crypto.cipher import Aes256Gcm
from heliosdb_testkit import CodecSuite


class TestCodec(CodecSuite):
    codec_name = "aes256-gcm"
    detects_damage = True
    authenticates = True

    @pytest.fixture
    def make(self) -> Callable[..., Codec]:
        def made(parameters: Mapping[str, Any] | None = None) -> Codec:
            return Aes256Gcm(b"s" * 32, 1, None if parameters is None else bytes.fromhex(parameters["salt"]))

        return made


def test_without_a_keyring_the_driver_asks_for_a_key() -> None:
    with pytest.raises(InvalidPassword, match="no encryption key was given"):
        driver("heliosdb.codecs", "aes256-gcm")({"key": 1, "salt": "00"})


def test_a_codec_that_reads_does_not_write() -> None:
    writer = Aes256Gcm(b"s" * 32, 1)
    reader = Aes256Gcm(b"s" * 32, 1, bytes.fromhex(writer.parameters["salt"]))
    assert reader.decode(writer.encode(b"x", b""), b"") == b"x"
    with pytest.raises(InternalFailure):
        reader.encode(b"x", b"")


def test_threads_get_different_nonces() -> None:
    codec = Aes256Gcm(b"s" * 32, 1)
    with ThreadPoolExecutor(8) as pool:
        nonces = list(pool.map(lambda number: codec.encode(b"", b"")[:8], range(2000)))
    assert len(set(nonces)) == 2000


def test_two_codecs_of_one_key_share_nothing() -> None:
    first, second = Aes256Gcm(b"s" * 32, 1), Aes256Gcm(b"s" * 32, 1)
    assert first.parameters["salt"] != second.parameters["salt"]
    with pytest.raises(DataCorrupted):
        second.decode(first.encode(b"content", b"place"), b"place")
    other_number = Aes256Gcm(b"s" * 32, 2, bytes.fromhex(first.parameters["salt"]))
    with pytest.raises(DataCorrupted):
        other_number.decode(first.encode(b"content", b"place"), b"place")


def test_a_file_has_no_more_chunks_than_its_key_is_good_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "MOST_CHUNKS", 3)
    codec = Aes256Gcm(b"s" * 32, 1)
    for _ in range(3):
        codec.encode(b"", b"")
    with pytest.raises(ProgramLimitExceeded):
        codec.encode(b"", b"")


def test_keys_do_not_show_themselves() -> None:
    key = EncryptionKey.generate()
    codec = Aes256Gcm(key.secret, 1)
    for shown in (repr(key), str(key), repr(codec), repr(codec.parameters), f"{key}"):
        assert key.hex() not in shown
        assert repr(key.secret) not in shown
    assert key.id in repr(key)
