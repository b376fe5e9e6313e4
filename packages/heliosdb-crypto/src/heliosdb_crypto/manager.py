"""``EncryptionManager``: encryption of single values, by keys that change by themselves.

    manager = EncryptionManager(EncryptionConfig(key_rotation_interval=30 * 86400))
    ciphertext = manager.encrypt(b"sensitive data")
    assert manager.decrypt(ciphertext) == b"sensitive data"

What is encrypted begins with the number of the period in which it was: its key is derived from the master key and that
number, so nothing has to be kept but the master key, and whatever was encrypted in any period can be read.

    version (1 byte)  |  period (8)  |  nonce (12, random)  |  ciphertext and tag

A nonce is drawn at random, so one period is good for 2^32 values (NIST SP 800-38D, 8.3), from all processes together:
who encrypts more than 1,600 values a second all the time chooses a period shorter than 30 days.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heliosdb.errors import DataCorrupted, InvalidParameterValue
from heliosdb_crypto.keys import EncryptionKey, derived

__all__ = ["EncryptionAlgorithm", "EncryptionConfig", "EncryptionManager"]

VERSION = b"\x01"
HEAD = 9
NONCE = 12

MONTH = timedelta(days=30)


class EncryptionAlgorithm(Enum):
    """What values are encrypted with."""

    AES256_GCM = "aes256-gcm"


def _seconds(value: timedelta | float) -> float:
    if not isinstance(value, timedelta | int | float) or isinstance(value, bool):
        kind = type(value).__name__
        raise InvalidParameterValue(f"key_rotation_interval must be a timedelta or a number of seconds, not {kind}")
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not seconds >= 1:
        raise InvalidParameterValue(f"key_rotation_interval must be at least a second, not {value}")
    return seconds


def _require_bytes(value: Any) -> None:
    if not isinstance(value, bytes | bytearray | memoryview):
        hint = "; encode the text first" if isinstance(value, str) else ""
        raise TypeError(f"values are encrypted as bytes, not {type(value).__name__}{hint}")


def _algorithm(value: EncryptionAlgorithm | str) -> EncryptionAlgorithm:
    try:
        return EncryptionAlgorithm("aes256-gcm" if value == "aes-256-gcm" else value)
    except ValueError:
        raise InvalidParameterValue(f'algorithm "{value}" does not exist', hint="There is: aes256-gcm.") from None


@frozen(kw_only=True)
class EncryptionConfig:
    """How an ``EncryptionManager`` works.

    ``key_rotation_interval`` is in seconds, or a timedelta: how long values are encrypted under one key.
    ``enable_at_rest`` and ``enable_in_transit`` say what ``EncryptionManager.options`` asks of a database: that its
    files are encrypted under the manager's key, and that its server takes no connection without TLS.
    """

    algorithm: EncryptionAlgorithm = field(default=EncryptionAlgorithm.AES256_GCM, converter=_algorithm)
    key_rotation_interval: float = field(default=MONTH.total_seconds(), converter=_seconds)
    enable_at_rest: bool = True
    enable_in_transit: bool = False


class EncryptionManager:
    """Encrypts and decrypts values. Any number of threads may use it."""

    def __init__(
        self,
        config: EncryptionConfig | None = None,
        key: EncryptionKey | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``key`` None: a new one, which ``key`` shows. ``clock`` gives seconds since 1970."""
        self.config = EncryptionConfig() if config is None else config
        self.key = EncryptionKey.generate() if key is None else key
        self._clock = clock

    def options(self) -> dict[str, Any]:
        """Return arguments of ``heliosdb.Config`` for a database that is protected as the configuration says."""
        found: dict[str, Any] = {}
        if self.config.enable_at_rest:
            found["encryption_key"] = self.key
        if self.config.enable_in_transit:
            found["options"] = {"server.require_tls": True}
        return found

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return a value encrypted; twice the same value gives two ciphertexts. TypeError for what is no bytes."""
        _require_bytes(plaintext)
        head = VERSION + int(self._clock() // self.config.key_rotation_interval).to_bytes(8, "big")
        nonce = os.urandom(NONCE)
        return head + nonce + self._cipher(head).encrypt(nonce, plaintext, head)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the value; DataCorrupted where this key did not encrypt it, or it was changed; TypeError for what is
        no bytes."""
        _require_bytes(ciphertext)
        head, nonce = ciphertext[:HEAD], ciphertext[HEAD : HEAD + NONCE]
        try:
            if head[:1] != VERSION:
                raise ValueError
            return self._cipher(head).decrypt(nonce, ciphertext[HEAD + NONCE :], head)
        except (InvalidTag, ValueError):
            raise DataCorrupted("the value was not encrypted by this key, or it was changed") from None

    def _cipher(self, head: bytes) -> AESGCM:
        return AESGCM(derived(self.key.secret, b"heliosdb value", head))
