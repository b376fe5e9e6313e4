"""The keyring: a database's data keys, wrapped by its master key, in a small file that is replaced as a whole.

    {"format": 1, "database": id, "algorithm": "aes256-gcm", "at_rest": true, "master": {kind, id, ...},
     "keys": [{"number": 1, "created": seconds, "wrapped": base64}, ...], "current": 1,
     "columns": base64, "check": hex}

The **current** key encrypts whatever is written; the others only read, until nothing is left that needs them. ``check``
authenticates all the rest under the current data key, so that neither a key nor a name can be changed by who does not
have the master key. Where ``at_rest`` is false the files are not encrypted, only columns that say so; theirs is the key
``columns``, which stays for ever, for their values go wherever rows go.

Changing the master key wraps the same data keys anew: it takes no time, and no file but this one.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from collections.abc import Callable, Container, Mapping
from threading import Lock
from typing import Any
from weakref import WeakSet

from attrs import field, frozen

from heliosdb.errors import DataCorrupted, FeatureNotSupported, InvalidPassword
from heliosdb.spi import Volume
from heliosdb_crypto.cipher import Aes256Gcm
from heliosdb_crypto.keys import KEY_SIZE, derived
from heliosdb_crypto.master import MasterKey
from heliosdb_crypto.opening import FILE, NAME

__all__ = ["DataKey", "Keyring", "is_at_rest"]

FORMAT = 1


@frozen
class DataKey:
    """A data key: its number in the database, when it was made (seconds since 1970), and the secret."""

    number: int
    created: float
    secret: bytearray = field(repr=False)


class Keyring:
    """The keys of one open database."""

    def __init__(
        self,
        volume: Volume,
        master: MasterKey,
        database: str,
        keys: Mapping[int, DataKey],
        current: int,
        columns: bytes,
        *,
        at_rest: bool,
    ) -> None:
        self._volume = volume
        self._master = master
        self._keys = dict(keys)
        self._lock = Lock()
        self._writers: WeakSet[Aes256Gcm] = WeakSet()
        """Codecs of files that may still be written."""
        self.database = database
        """A random id: what wrapped keys are bound to."""
        self.current = current
        """The number of the key under which everything new is encrypted."""
        self.columns = bytearray(columns)
        """The key of encrypted columns."""
        self.at_rest = at_rest
        """Whether files are encrypted."""

    # -- making and opening

    @classmethod
    def create(cls, volume: Volume, master: MasterKey, *, at_rest: bool = True) -> Keyring:
        """Make the keyring of a database; it has to be saved before anything is encrypted under it."""
        first = DataKey(1, time.time(), bytearray(os.urandom(KEY_SIZE)))
        return cls(volume, master, os.urandom(16).hex(), {1: first}, 1, os.urandom(KEY_SIZE), at_rest=at_rest)

    @classmethod
    def open(cls, volume: Volume, content: bytes, master: MasterKey) -> Keyring:
        """Read a keyring; InvalidPassword for another master key, DataCorrupted for a damaged file."""
        fields = _fields(content)
        opened = master.matching(fields["master"])
        try:
            keys = {}
            for item in fields["keys"]:
                number = int(item["number"])
                wrapped = base64.b64decode(item["wrapped"], validate=True)
                secret = opened.unwrap(wrapped, _purpose(fields["database"], number))
                keys[number] = DataKey(number, float(item["created"]), bytearray(secret))
            current = keys[fields["current"]]
            columns = opened.unwrap(base64.b64decode(fields["columns"], validate=True), _purpose(fields["database"], 0))
            check = bytes.fromhex(fields.pop("check"))
        except InvalidPassword:
            raise
        except DataCorrupted as error:
            raise _damaged(error.message) from error
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(f"its content is not as it should be ({type(error).__name__})") from None
        if not hmac.compare_digest(check, _check(fields, current)):
            raise _damaged("it was changed by somebody who does not have the key")
        return cls(volume, opened, fields["database"], keys, current.number, columns, at_rest=fields["at_rest"])

    def save(self) -> None:
        """Write the file; it is durable when this returns."""
        columns = self._master.wrap(bytes(self.columns), _purpose(self.database, 0))
        fields: dict[str, Any] = {
            "format": FORMAT,
            "database": self.database,
            "algorithm": NAME,
            "at_rest": self.at_rest,
            "columns": base64.b64encode(columns).decode(),
            "master": dict(self._master.describe()),
            "keys": [
                {
                    "number": key.number,
                    "created": key.created,
                    "wrapped": base64.b64encode(
                        self._master.wrap(bytes(key.secret), _purpose(self.database, key.number))
                    ).decode(),
                }
                for key in self.data_keys()
            ],
            "current": self.current,
        }
        check = _check(fields, self._keys[self.current]).hex()
        self._volume.replace(FILE, json.dumps({**fields, "check": check}, indent=1).encode())

    # -- what it says

    @property
    def master_id(self) -> str:
        """What the master key is called."""
        return self._master.id

    @property
    def master_kind(self) -> str:
        """What kind of master key it is: "key", "passphrase", or a key management system's."""
        return str(self._master.describe()["kind"])

    def data_keys(self) -> list[DataKey]:
        """Return the data keys, oldest first."""
        return [self._keys[number] for number in sorted(self._keys)]

    # -- codecs

    def __call__(self, parameters: Mapping[str, Any] | None = None) -> Aes256Gcm:
        """Make the codec of a new file, or of one with these parameters."""
        if parameters is None:
            with self._lock:
                key = self._keys[self.current]
                made = Aes256Gcm(bytes(key.secret), key.number)
                self._writers.add(made)
            return made
        try:
            number, salt = int(parameters["key"]), bytes.fromhex(parameters["salt"])
            wrapped = parameters.get("wrapped")
            if wrapped is not None:
                purpose = _purpose(str(parameters["database"]), number)
                if not isinstance(parameters["master"], dict):
                    raise TypeError
                master = self._master.matching(parameters["master"])
                return Aes256Gcm(master.unwrap(base64.b64decode(wrapped, validate=True), purpose), number, salt)
        except (KeyError, TypeError, ValueError):
            raise DataCorrupted("what its header says of the encryption is damaged") from None
        found = self._keys.get(number)
        if found is None:
            raise DataCorrupted(f"it is encrypted under data key {number}, which the keyring does not have")
        return Aes256Gcm(bytes(found.secret), number, salt)

    def portable(self, parameters: Mapping[str, Any] | None = None) -> Aes256Gcm:
        """Make the codec of an archive: it has a data key of its own, wrapped by the master key, in its header."""
        if parameters is not None:
            return self(parameters)
        secret = os.urandom(KEY_SIZE)
        wrapped = self._master.wrap(secret, _purpose(self.database, -1))
        described: dict[str, Any] = {
            "wrapped": base64.b64encode(wrapped).decode(),
            "master": dict(self._master.describe()),
            "database": self.database,
        }
        return Aes256Gcm(secret, -1, **described)

    def is_current(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a file is encrypted under the current key."""
        return parameters.get("key") == self.current

    # -- changes

    def change_master(self, master: MasterKey) -> None:
        """Wrap the data keys by another master key; the file is durable when this returns."""
        with self._lock:
            before, self._master = self._master, master
            try:
                self.save()
            except BaseException:
                self._master = before
                master.close()
                raise
            before.close()

    def add_key(self) -> DataKey:
        """Make a new data key the current one; it is durable when this returns."""
        with self._lock:
            made = DataKey(max(self._keys) + 1, time.time(), bytearray(os.urandom(KEY_SIZE)))
            before = self.current
            self._keys[made.number] = made
            self.current = made.number
            try:
                self.save()
            except BaseException:
                self.current = before
                del self._keys[made.number]
                raise
            return made

    def retire(self, needed: Callable[[], Container[int] | None]) -> list[int]:
        """Drop the keys that are not current and that nothing needs any more; return their numbers.

        ``needed`` gives those of files, None where that is not known. It is asked after those who write, for what they
        wrote is a file then.
        """
        with self._lock:
            writing = {writer.parameters["key"] for writer in tuple(self._writers)}
            still = needed()
            if still is None:
                return []
            gone = [
                number
                for number in self._keys
                if number != self.current and number not in writing and number not in still
            ]
            if gone:
                kept = {number: key for number, key in self._keys.items() if number not in gone}
                dropped, self._keys = self._keys, kept
                try:
                    self.save()
                except BaseException:
                    self._keys = dropped
                    raise
                for number in gone:
                    _wipe(dropped[number].secret)
            return gone

    def close(self) -> None:
        """Overwrite the keys in memory."""
        self._master.close()
        _wipe(self.columns)
        for key in self._keys.values():
            _wipe(key.secret)


def _purpose(database: str, number: int) -> bytes:
    """Return what a wrapped key is bound to; number 0 is the columns' key, -1 that of an archive."""
    return f"heliosdb data key {number} of {database}".encode()


def _check(fields: Mapping[str, Any], key: DataKey) -> bytes:
    said = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(derived(bytes(key.secret), b"heliosdb keyring"), said, "sha256")


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
        if fields["format"] != FORMAT or fields["algorithm"] != NAME:
            raise FeatureNotSupported(
                f'the keyring "heliosdb.keys" has format {fields["format"]} and algorithm {fields["algorithm"]}, '
                f"and this version of heliosdb-crypto reads {FORMAT} and {NAME}",
                hint="pip install --upgrade heliosdb-crypto",
            )
        if type(fields["at_rest"]) is not bool or not isinstance(fields["master"], dict):
            raise TypeError
        if not isinstance(fields["database"], str):
            raise TypeError
        bytes.fromhex(fields["database"])
    except (ValueError, KeyError, TypeError):
        raise _damaged("it is not readable") from None
    return dict(fields)


def is_at_rest(content: bytes) -> bool:
    """Whether the files of a keyring's database are encrypted; DataCorrupted for a damaged one."""
    return bool(_fields(content)["at_rest"])


def _damaged(why: str) -> DataCorrupted:
    return DataCorrupted(
        f'the keyring "heliosdb.keys" is damaged: {why}',
        hint="Without it nothing of the database can be read: put back a copy of this file.",
    )


def _wipe(secret: bytearray) -> None:
    secret[:] = bytes(len(secret))
