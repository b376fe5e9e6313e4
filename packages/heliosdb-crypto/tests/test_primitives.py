"""Known answers: what other implementations compute, this package computes."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heliosdb.errors import DataCorrupted
from heliosdb_crypto.cipher import Aes256Gcm, subkey
from heliosdb_crypto.keys import EncryptionKey, derived
from heliosdb_crypto.master import passphrase_key


def test_derivation_is_hkdf_with_sha256() -> None:
    """RFC 5869, test case 1."""
    found = derived(b"\x0b" * 22, bytes(range(0xF0, 0xFA)), bytes(range(0x0D)), size=42)
    assert found.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


def test_passphrases_go_through_scrypt() -> None:
    """RFC 7914, section 12: of 64 bytes the first 32."""
    parameters = {"salt": b"SodiumChloride".hex(), "n": 16384, "r": 8, "p": 1}
    found = passphrase_key("pleaseletmein", parameters)
    assert found.hex() == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"


def test_the_cipher_is_aes_256_gcm() -> None:
    """NIST's validation vectors for GCM (gcmEncryptExtIV256, 96-bit IV, 128-bit tag), one with associated data."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
        "ba637b39"
    )
    found = AESGCM(key).encrypt(
        bytes.fromhex("cafebabefacedbaddecaf888"), plain, bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    )
    assert found.hex() == (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
        "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
    )


def hkdf(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    """RFC 5869 for 32 bytes, written out."""
    extracted = hmac.digest(salt, secret, hashlib.sha256)
    return hmac.digest(extracted, purpose + b"\x01", hashlib.sha256)


def test_a_chunk_is_what_its_documentation_says() -> None:
    """Counter, ciphertext and tag, under a key derived with the file's salt and the data key's number."""
    codec = Aes256Gcm(b"k" * 32, 7)
    salt = bytes.fromhex(codec.parameters["salt"])
    key = hkdf(b"k" * 32, salt, b"heliosdb file 7")
    assert subkey(b"k" * 32, 7, salt) == key
    for number in (1, 2, 3):
        stored = codec.encode(b"content", b"place")
        assert stored[:8] == number.to_bytes(8, "big")
        assert AESGCM(key).decrypt(bytes(4) + stored[:8], stored[8:], b"place") == b"content"
        assert len(stored) == 8 + 7 + 16
    assert codec.parameters == {"package": "heliosdb-crypto", "key": 7, "salt": salt.hex()}


@pytest.mark.parametrize(
    "changed",
    [
        {"n": 3},
        {"n": 1 << 40},
        {"n": 0},
        {"r": 0},
        {"r": 1 << 20},
        {"p": 10**9},
        {"salt": ""},
        {"salt": "x"},
        {"n": None},
    ],
)
def test_parameters_of_a_passphrase_cannot_take_all_memory(changed: dict[str, object]) -> None:
    with pytest.raises(DataCorrupted, match="passphrase are damaged"):
        passphrase_key("x", {"salt": "00", "n": 2, "r": 8, "p": 1, **changed})


def test_keys_derived_for_different_purposes_have_nothing_in_common() -> None:
    key = EncryptionKey.generate()
    found = {derived(key.secret, purpose) for purpose in (b"heliosdb wrap", b"heliosdb key id", b"heliosdb file 1")}
    assert len(found) == 3
