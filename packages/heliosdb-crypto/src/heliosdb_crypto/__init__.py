"""Encryption at rest for HeliosDB: everything that a database writes is readable with its key alone.

    EncryptionKey.generate()        a key
    heliosdb.Config(encryption_key=key)
    EncryptionManager               encryption of single values, with keys that change by themselves

Names are imported when they are first used: a database without a key does not import ``cryptography``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliosdb_crypto.keys import EncryptionKey as EncryptionKey
    from heliosdb_crypto.manager import EncryptionAlgorithm as EncryptionAlgorithm
    from heliosdb_crypto.manager import EncryptionConfig as EncryptionConfig
    from heliosdb_crypto.manager import EncryptionManager as EncryptionManager

__version__ = "0.1.0"

_HOMES = {
    "EncryptionKey": "keys",
    "EncryptionAlgorithm": "manager",
    "EncryptionConfig": "manager",
    "EncryptionManager": "manager",
}

__all__ = ["EncryptionAlgorithm", "EncryptionConfig", "EncryptionKey", "EncryptionManager"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
