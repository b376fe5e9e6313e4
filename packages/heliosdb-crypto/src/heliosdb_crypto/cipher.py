"""The codec ``aes256-gcm``: every chunk encrypted and authenticated, under a key that one writing of one file has.

    data key ──HKDF(salt of the file)──►  subkey;   chunk  ──AES-256-GCM(subkey, nonce = 1, 2, 3 ...)──►  stored

**No nonce twice.** Two chunks under one key and nonce give both away, so nonces must not depend on anything that comes
again: a torn tail is cut off and written anew, a folder is copied and opened twice. Here the subkey is new for every
writing: each file that is begun gets a random salt of 256 bits, in its plain header, and what was written once is
never appended to after it was opened again. Within it the nonce is a counter, stored before the chunk.

**Limits** (NIST SP 800-38D, section 8): with a counter no nonce comes twice; all the same at most 2^32 chunks per
subkey, and chunks far below 2^36 bytes.

**What is authenticated**: the associated data that the store gives, which say the file, its header and the place in
it; and, by the derivation, the data key's number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import count
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heliosdb.errors import DataCorrupted, InternalFailure, InvalidPassword, ProgramLimitExceeded
from heliosdb_crypto.keys import derived
from heliosdb_crypto.opening import NAME

__all__ = ["PACKAGE", "Aes256Gcm", "subkey", "without_keyring"]

PACKAGE = "heliosdb-crypto"

SALT_SIZE = 32
COUNTER_SIZE = 8
MOST_CHUNKS = 1 << 32
_ZEROS = bytes(12 - COUNTER_SIZE)


class Aes256Gcm:
    """The codec of one file. Any number of threads may use it."""

    name = NAME

    def __init__(self, data_key: bytes, number: int, salt: bytes | None = None, **described: Any) -> None:
        """``number`` is the data key's; ``salt`` None: for a new file. ``described`` is what else its header says."""
        self._next = None if salt is not None else count(1).__next__
        salt = os.urandom(SALT_SIZE) if salt is None else salt
        self._gcm = AESGCM(subkey(data_key, number, salt))
        self.parameters: Mapping[str, Any] = {"package": PACKAGE, "key": number, "salt": salt.hex(), **described}

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return counter, ciphertext and tag."""
        if self._next is None:
            raise InternalFailure("a file that was encrypted before is not appended to")
        number = self._next()
        if number > MOST_CHUNKS:
            raise ProgramLimitExceeded(f"a file has at most {MOST_CHUNKS} encrypted chunks")
        nonce = number.to_bytes(12, "big")
        return nonce[-COUNTER_SIZE:] + self._gcm.encrypt(nonce, chunk, associated)

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return what was encrypted; DataCorrupted where it was not, or not here."""
        try:
            return self._gcm.decrypt(_ZEROS + chunk[:COUNTER_SIZE], chunk[COUNTER_SIZE:], associated)
        except (InvalidTag, ValueError):
            raise DataCorrupted("it does not decrypt: it was changed, or stands in another's place") from None


def subkey(data_key: bytes, number: int, salt: bytes) -> bytes:
    """Return the key of one writing of one file."""
    return derived(data_key, b"heliosdb file %d" % number, salt)


def without_keyring(parameters: Mapping[str, Any] | None = None) -> Aes256Gcm:
    """Stand for the codec where no key was given: always InvalidPassword."""
    raise InvalidPassword("the data are encrypted, and no encryption key was given", hint=HOW_TO_GIVE_ONE)


HOW_TO_GIVE_ONE = (
    "heliosdb.Config(encryption_key=...), the variable HELIOSDB_ENCRYPTION_KEY, or [encryption] key_source in "
    "heliosdb.toml."
)
