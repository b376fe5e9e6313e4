"""Changing keys while the database is used.

    master key    the data keys are wrapped anew: one small file, at once
    data key      a new one is current from here on; what older ones encrypted is written anew, file by file

A data key leaves the keyring when no file needs it any more. Until then a rotation may be stopped by anything, a crash
included: it goes on, in the background, whenever the database is open with its key.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from heliosdb.errors import Error, ObjectNotInPrerequisiteState, ReadOnlySqlTransaction
from heliosdb.spi import file_headers
from heliosdb_crypto.opening import ATTACHED, NAME, ROTATION

if TYPE_CHECKING:
    from heliosdb.spi import Database, Volume
    from heliosdb_crypto.keyring import Keyring

__all__ = ["go_on", "Rotation", "keyring_of", "rotate_data_key", "rotate_master_key", "start"]

OnProgress = Callable[[int, int], None]
PATIENCE = 5.0
"""Seconds until what somebody was still reading is tried again."""


def keyring_of(database: Database) -> Keyring:
    """Return the keyring of an open database; ObjectNotInPrerequisiteState where it was not opened with a key."""
    found: Keyring | None = database.attached.get(ATTACHED)
    if found is None:
        raise ObjectNotInPrerequisiteState("the database was not opened with an encryption key")
    return found


def rotate_master_key(database: Database, key: Any) -> None:
    """Have the data keys wrapped by another master key; the old one opens the database no more.

    ``key`` is what ``encryption_key`` may be, or a ``MasterKey``. It is durable when this returns.
    """
    from heliosdb_crypto.providers import master_key

    keyring = keyring_of(database)
    _require_writable(database)
    keyring.change_master(master_key(key))


def rotate_data_key(
    database: Database, *, wait: bool = True, on_progress: OnProgress = lambda done, files: None
) -> None:
    """Make a new data key, and write anew what older ones encrypted.

    ``wait`` False: in the background. ``on_progress`` gets how many files are done, of how many.
    """
    keyring = keyring_of(database)
    _require_writable(database)
    if not keyring.at_rest:
        raise ObjectNotInPrerequisiteState("the files of the database are not encrypted")
    keyring.add_key()
    # What somebody was still reading is left to the background.
    if not (wait and go_on(database, on_progress)):
        start(database)


def go_on(database: Database, on_progress: OnProgress = lambda done, files: None) -> bool:
    """Write anew what is encrypted under an older key, and drop the keys that nothing needs; return whether all is."""
    keyring = keyring_of(database)
    maintenance = database.store.maintenance
    if maintenance is not None:
        maintenance.rewrite(on_progress)
    keyring.retire(lambda: numbers_in_use(database.volume))
    return len(keyring.data_keys()) == 1


def numbers_in_use(volume: Volume) -> set[int] | None:
    """Return the numbers of the data keys that some file of a volume is encrypted under; None where a header is damaged
    and does not say it."""
    headers = [header for _, _, header in file_headers(volume)]
    if None in headers:
        return None
    return {
        header.codec_parameters[NAME].get("key", 0) for header in headers if header and NAME in header.codec_parameters
    }


def _require_writable(database: Database) -> None:
    if database.volume.read_only:
        raise ReadOnlySqlTransaction("keys cannot be changed in a database that is open for reading only")


# -- in the background -------------------------------------------------------------------------------------------------


class Rotation:
    """What goes on in the background for one database, in a thread that ends when no older key is needed."""

    def __init__(self) -> None:
        self._stopping = Event()
        self._again = Event()
        self._thread: Thread | None = None
        self.error: str | None = None
        """Why it stopped, where it did not end."""

    def start(self, database: Database) -> None:
        """Go on, where there is something to do."""
        self._again.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, args=(database,), name="heliosdb-rotation", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._stopping.set()
        self._again.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self, database: Database) -> None:
        self.error = None
        try:
            while not self._stopping.is_set():
                self._again.clear()
                if go_on(database, self._stop_between):
                    return
                self._again.wait(PATIENCE)
        except _Stopped:
            pass
        except Error as error:
            # The view shows it; what is done is done, and the next opening goes on.
            self.error = error.message

    def _stop_between(self, done: int, files: int) -> None:
        if self._stopping.is_set():
            raise _Stopped


class _Stopped(Exception):
    pass


def start(database: Database) -> None:
    """Go on with a rotation in the background, where there is one."""
    if not database.volume.read_only and len(keyring_of(database).data_keys()) > 1:
        database.attached[ROTATION].start(database)
