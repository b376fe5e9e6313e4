"""Master keys: what wraps the data keys of a keyring.

A master key may be a secret in this process (``LocalKey``: a key, or a passphrase through scrypt) or live in a key
management system that wraps and unwraps on demand and never gives it away (``vault``). What the keyring must remember
to find it again, its *description*, is public: a name, an id, the parameters of scrypt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from heliosdb.errors import DataCorrupted, InvalidParameterValue, InvalidPassword
from heliosdb_crypto.keys import EncryptionKey, derived

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["LocalKey", "MasterKey", "passphrase_key"]

NONCE = 12
SALT = 16

SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}
"""What OWASP's cheat sheet for password storage asks for: 128 MB and about 0.3 s for each guess."""

LARGEST_R = 32
LARGEST_MEMORY = 1 << 29
LARGEST_WORK = 1 << 24
"""The r, the bytes (128 n r) and the n r p that are accepted of a file: four times, four times
and sixteen times what ``SCRYPT`` takes."""


@runtime_checkable
class MasterKey(Protocol):
    """Wraps data keys. One thread at a time calls it."""

    @property
    def id(self) -> str:
        """What the key is called in views and errors."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return what is stored in plain sight, as JSON can say it: ``kind``, ``id``, and what else the kind needs."""
        ...

    def matching(self, description: Mapping[str, Any]) -> MasterKey:
        """Return the key that a description is of, as far as this one's secret gives it; InvalidPassword otherwise."""
        ...

    def wrap(self, secret: bytes, purpose: bytes) -> bytes:
        """Return a secret encrypted and bound to a purpose."""
        ...

    def unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        """Return the secret; DataCorrupted where it was not wrapped by this key for this purpose."""
        ...

    def close(self) -> None:
        """Forget the secret."""
        ...


class LocalKey:
    """A master key in this process: a key of 256 bits, or one that scrypt makes of a passphrase."""

    def __init__(self, secret: EncryptionKey | str, description: Mapping[str, Any] | None = None) -> None:
        """``description``: where a passphrase was used before; None: its first use. scrypt runs when the key is needed
        first, for that is meant to take long."""
        self._passphrase = secret if isinstance(secret, str) else None
        self._parameters: dict[str, Any] = {}
        if self._passphrase is not None:
            first = {"salt": os.urandom(SALT).hex(), **SCRYPT}
            self._parameters = first if description is None else {name: description.get(name) for name in first}
        self._made = EncryptionKey(secret.secret) if isinstance(secret, EncryptionKey) else None

    @property
    def _key(self) -> EncryptionKey:
        if self._made is None:
            if self._passphrase is None:
                raise InvalidParameterValue("the passphrase was closed")
            self._made = passphrase_key(self._passphrase, self._parameters)
        return self._made

    @property
    def id(self) -> str:
        """What the key is called."""
        return self._key.id

    def describe(self) -> Mapping[str, Any]:
        """Return the kind, the id, and of a passphrase the parameters of scrypt."""
        return {"kind": "passphrase" if self._parameters else "key", "id": self.id, **self._parameters}

    def matching(self, description: Mapping[str, Any]) -> LocalKey:
        """Return this key, or the one that its passphrase gives with the description's parameters."""
        kind, found = description.get("kind"), self
        if kind == "passphrase" and self._passphrase is not None:
            given = LocalKey(self._passphrase, description)
            if given._parameters != self._parameters:
                found = given
        if kind != ("passphrase" if self._parameters else "key") or found.id != description.get("id"):
            raise InvalidPassword(
                "the encryption key is not the one that the data are encrypted with",
                detail=f"They need a {_KINDS.get(str(kind), str(kind))} with the id {description.get('id')}"
                + ("." if self._parameters else f"; the one given has the id {self.id}."),
            )
        return found

    def wrap(self, secret: bytes, purpose: bytes) -> bytes:
        """Return nonce and ciphertext, with AES-256-GCM under a key derived for wrapping."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher().encrypt(nonce, secret, purpose)

    def unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        """Return the secret."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher().decrypt(wrapped[:NONCE], wrapped[NONCE:], purpose)
        except (InvalidTag, ValueError):
            raise DataCorrupted("a wrapped key was not wrapped by this master key for this place") from None

    def close(self) -> None:
        """Forget the secret."""
        if self._made is not None:
            self._made.close()
        self._passphrase = None

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(derived(self._key.secret, b"heliosdb wrap"))


_KINDS = {"key": "key", "passphrase": "passphrase", "vault": "key of a vault"}


def passphrase_key(passphrase: str, parameters: Mapping[str, Any]) -> EncryptionKey:
    """Return the key that scrypt (RFC 7914) makes of a passphrase; DataCorrupted for parameters that nobody stores."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    try:
        salt = bytes.fromhex(parameters["salt"])
        n, r, p = int(parameters["n"]), int(parameters["r"]), int(parameters["p"])
    except (KeyError, TypeError, ValueError):
        raise DataCorrupted("the parameters of a passphrase are damaged") from None
    # A file that anybody may have written must not make opening take all memory.
    sound = salt and n > 1 and n & (n - 1) == 0 and 1 <= r <= LARGEST_R and p > 0
    if not (sound and 128 * n * r <= LARGEST_MEMORY and n * r * p <= LARGEST_WORK):
        raise DataCorrupted(f"the parameters of a passphrase are damaged: n={n}, r={r}, p={p}")
    return EncryptionKey(Scrypt(salt, 32, n, r, p).derive(passphrase.encode()))
