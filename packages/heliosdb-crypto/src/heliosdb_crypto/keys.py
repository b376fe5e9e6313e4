"""Keys: the secret that a user holds, and how one is told from another without showing it.

A **master key** is the user's: 256 bits (``EncryptionKey``), or a passphrase, of which scrypt makes as many. It
encrypts nothing but the **data keys**, which are random, live in the database's keyring wrapped by the master key, and
are what files are encrypted under. So the master key changes in an instant, and need not be where the files are.

Sources: HKDF, RFC 5869; scrypt, RFC 7914; AES-GCM, NIST SP 800-38D.
"""

from __future__ import annotations

import hmac
import os
from typing import Any

from heliosdb.errors import InvalidParameterValue

__all__ = ["EncryptionKey", "derived", "key_or_passphrase"]

KEY_SIZE = 32
ID_SIZE = 8


class EncryptionKey:
    """A master key of 256 bits. What is printed of it is its id, which tells it from others and nothing of it."""

    __slots__ = ("_id", "_secret")

    def __init__(self, secret: bytes) -> None:
        """``secret`` has 32 bytes; InvalidParameterValue where it has not."""
        if not isinstance(secret, bytes | bytearray) or len(secret) != KEY_SIZE:
            size = f"{len(secret)} bytes" if isinstance(secret, bytes | bytearray) else type(secret).__name__
            raise InvalidParameterValue(f"an encryption key has {KEY_SIZE} bytes, not {size}")
        self._secret = bytearray(secret)
        self._id = derived(secret, b"heliosdb key id", size=ID_SIZE).hex()

    @classmethod
    def generate(cls) -> EncryptionKey:
        """Return a new random key. Keep it: without it nobody reads what was encrypted, not even its owner."""
        return cls(os.urandom(KEY_SIZE))

    @classmethod
    def from_hex(cls, text: str) -> EncryptionKey:
        """Return the key that ``hex()`` gave as text."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError:
            raise InvalidParameterValue("an encryption key as text has 64 hexadecimal digits") from None

    @property
    def id(self) -> str:
        """What the key is called in views and errors: 16 hexadecimal digits."""
        return self._id

    @property
    def secret(self) -> bytes:
        """The 32 bytes; InvalidParameterValue after ``close``."""
        if not self._secret:
            raise InvalidParameterValue(f"encryption key {self._id} was closed")
        return bytes(self._secret)

    def hex(self) -> str:
        """Return the key as text, for a file or a variable. This is the secret itself."""
        return self.secret.hex()

    def close(self) -> None:
        """Overwrite the key in memory."""
        self._secret[:] = bytes(len(self._secret))
        del self._secret[:]

    def __repr__(self) -> str:
        return f"EncryptionKey(id={self._id})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncryptionKey) and hmac.compare_digest(self.secret, other.secret)

    def __hash__(self) -> int:
        return hash(self._id)

    def __reduce__(self) -> Any:
        raise TypeError("an encryption key is not pickled: that would write it in plain sight")


def derived(secret: bytes, purpose: bytes, salt: bytes = b"", size: int = KEY_SIZE) -> bytes:
    """Return bytes derived from a secret for one purpose alone (HKDF with SHA-256, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), size, salt, purpose).derive(secret)


def key_or_passphrase(value: Any) -> EncryptionKey | str:
    """Return what a user gives as a key: an EncryptionKey, 32 bytes, 64 hexadecimal digits, or else a passphrase."""
    if isinstance(value, EncryptionKey):
        return value
    if isinstance(value, bytes | bytearray):
        return EncryptionKey(bytes(value))
    if not isinstance(value, str):
        raise InvalidParameterValue(
            f"an encryption key is an EncryptionKey, 32 bytes or a text, not {type(value).__name__}"
        )
    text = value.strip()
    if len(text) == 2 * KEY_SIZE and all(character in "0123456789abcdefABCDEF" for character in text):
        return EncryptionKey.from_hex(text)
    if not text:
        raise InvalidParameterValue("the encryption key is empty")
    return text
