"""Master keys: what wraps the data keys of a keyring.

A master key may be a secret in this process (``LocalKey``: a key, or a passphrase through scrypt) or live in a key
management system that wraps and unwraps on demand and never gives it away (``vault``). What the keyring must remember
to find it again, its *description*, is public: a name, an id, the parameters of scrypt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from heliosdb.errors import DataCorrupted, InvalidPassword
from heliosdb_crypto.keys import EncryptionKey, derived

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["LocalKey", "MasterKey", "passphrase_key"]

NONCE = 12
SALT = 16

SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}
"""What OWASP's cheat sheet for password storage asks for: 128 MB and about 0.3 s for each guess."""

LARGEST_N = 1 << 20
LARGEST_R = 32
LARGEST_P = 16


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
        self._passphrase = secret if isinstance(secret, str) else None
        self._description: dict[str, Any] = {}
        if isinstance(secret, EncryptionKey):
            self._key = EncryptionKey(secret.secret)
        else:
            stated = {"salt": os.urandom(SALT).hex(), **SCRYPT} if description is None else description
            self._description = {name: stated[name] for name in ("salt", "n", "r", "p")}
            self._key = passphrase_key(secret, stated)

    @property
    def id(self) -> str:
        """What the key is called."""
        return self._key.id

    def describe(self) -> Mapping[str, Any]:
        """Return the kind, the id, and of a passphrase the parameters of scrypt."""
        return {"kind": "key" if self._passphrase is None else "passphrase", "id": self.id, **self._description}

    def matching(self, description: Mapping[str, Any]) -> LocalKey:
        """Return this key, or the one that its passphrase gives with the description's parameters."""
        kind, salt = description.get("kind"), self._description.get("salt")
        found = self
        if kind == "passphrase" and self._passphrase is not None and description.get("salt") != salt:
            found = LocalKey(self._passphrase, description)
        if kind != found.describe()["kind"] or found.id != description.get("id"):
            raise InvalidPassword(
                "the encryption key is not the one that the data are encrypted with",
                detail=f"They need a {_KINDS.get(str(kind), str(kind))} with the id {description.get('id')}; "
                f"the one given has the id {found.id}.",
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
        self._key.close()
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
    if not (1 < n <= LARGEST_N and n & (n - 1) == 0 and 1 <= r <= LARGEST_R and 1 <= p <= LARGEST_P and salt):
        raise DataCorrupted(f"the parameters of a passphrase are damaged: n={n}, r={r}, p={p}")
    return EncryptionKey(Scrypt(salt, 32, n, r, p).derive(passphrase.encode()))
