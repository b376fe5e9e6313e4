"""The rounds of an encrypted database, its keys changed in between: whatever the power failed in, the key opens it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from heliosdb.database import Database
from heliosdb.errors import InvalidPassword
from heliosdb_crypto import EncryptionKey
from heliosdb_crypto.rotation import rotate_data_key, rotate_master_key

from .rounds import Round

__all__ = ["EncryptedRound"]


class EncryptedRound(Round):
    """A round under a key, which is another from time to time."""

    def __init__(self, seed: int, skip: Container[str] = (), focus: Sequence[str] = ()) -> None:
        super().__init__(seed, skip, focus)
        self.keys = [EncryptionKey(self.random.randbytes(32))]
        """The key that opens it, and the one that may, if the power failed while it was being changed."""

    def _database(self, storage: Mapping[str, Any]) -> Database:
        try:
            database = self._with(self.keys[-1], storage)
        except InvalidPassword:
            # It was not changed after all. Opening has closed the volume.
            self.keys.pop()
            self.volume = self.volume.kill()
            return self._with(self.keys[-1], storage)
        self.keys = self.keys[-1:]
        return database

    def _with(self, key: EncryptionKey, storage: Mapping[str, Any]) -> Database:
        return Database(volume=self.volume, plugins=["crypto"], options={"encryption_key": key}, storage=storage)

    def _maintain(self, database: Database) -> None:
        super()._maintain(database)
        draw = self.random.random()
        if draw < 0.03:
            self.history.append("-- new master key")
            self.keys = [self.keys[0], EncryptionKey(self.random.randbytes(32))]
            rotate_master_key(database, self.keys[-1])
            self.keys = self.keys[-1:]
        elif draw < 0.08:
            self.history.append("-- new data key")
            rotate_data_key(database)
            self._settled(self.visible)
