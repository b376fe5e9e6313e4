"""The volume ``directory``: a database is a directory, each file of the volume a file in it.

    heliosdb.lock           locked by the process that has the database open; says its process id and, where a server
                            serves the database, its address
    heliosdb.manifest       the manifest; so are other files named that are replaced as a whole
    heliosdb.manifest.new   the next one, until it takes the old one's place
    log-..., seg-..., ...   files of the store

**What is durable when.** ``sync`` calls fdatasync on the file and, once for a new name, fsync on the directory.
The first ``sync`` does so in any case: what a killed process left may be there to be read and not be durable.
``replace`` writes the new file beside the old one, syncs it, renames it and syncs the directory: whatever moment the
power fails at, one of the two is there, whole.

**When the device says no.** A sync that failed is not tried again: the system may have dropped what it could not write
and say yes the second time. What was not yet durable of the file is cut off, so that nobody reads it from memory after
reopening and takes it for committed, and the volume refuses all further changes. An append that failed is undone by
cutting the file back to where it was; where even that fails, the volume refuses further changes, too.

**Room** is zeros that are written. Space that the file system only promises (``fallocate``, a larger size) is little
better than none: when it is first written to, that has to go to the file system's own journal, sync by sync.

**One writer.** The lock is the operating system's: it goes with the process, however that ends, and nobody takes it
from a process that lives. A forked child has copies of everything and may use none; closing there closes its copies.
"""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Iterator, Sequence
from threading import Lock

from heliosdb.errors import (
    DiskFull,
    InsufficientPrivilege,
    InterfaceError,
    IoError,
    ObjectInUse,
    ReadOnlySqlTransaction,
)
from heliosdb.store.descriptors import Descriptor, Descriptors
from heliosdb.store.directory_path import LOCK, MANIFEST, NEW, PREFIX, database_directory
from heliosdb.store.host_files import (
    announced_address,
    free_space,
    host_error,
    lock_file,
    lock_holders,
    open_file,
    read_at,
    remove_file,
    replace_file,
    sync_directory,
    sync_file,
    truncate_file,
    write_at,
)
from heliosdb.store.temporary import is_temporary
from heliosdb.store.volume import check_name, check_word, is_name, missing_file, short_file

__all__ = ["DirectoryVolume"]

PIECE = 1 << 18
"""Small pieces of an append are written together up to this size."""

SCARCE = 16
"""Room is made where the disk has this many times as much."""


class DirectoryVolume:
    """A directory that this process has locked, exclusively or, for reading only, together with other readers."""

    keeps_log = True

    def __init__(self, path: str | os.PathLike[str], read_only: bool = False) -> None:
        """Open a directory, made when missing; ObjectInUse (55006) when another has it open."""
        self.read_only = read_only
        self.given_path = os.fspath(path)
        self.path = database_directory(path, read_only=read_only)
        self.scratch = None if read_only else self.path
        self._process = os.getpid()
        self._closed = False
        self._failure: DiskFull | IoError | None = None
        """Why the volume takes no more changes."""
        self._files = Descriptors(self.path, write=not read_only)
        self._give_back = weakref.finalize(self, self._files.close)
        if hasattr(os, "register_at_fork"):
            # By a weak reference: what is registered here stays for as long as the process lives.
            close = weakref.WeakMethod(self._files.close)
            os.register_at_fork(after_in_child=lambda: (method := close()) is not None and method())
        try:
            self._take_lock()
            self._names_to_sync: set[str] = set()
            """Files whose names may not be durable."""
            self._found_unsynced = True
            """Whether names and manifest that were found here, perhaps from a process that was killed, may not be."""
            if not read_only:
                for name in os.listdir(self.path):
                    if (name.startswith(PREFIX) and name.endswith(NEW)) or is_temporary(name):
                        remove_file(self._place(name))
                if not os.path.exists(self._place(MANIFEST)):
                    # Before anything else is in it: without the lock's name nobody would know it for a database.
                    sync_directory(self.path)
                    self._sync_parent()
        except OSError as error:
            self._give_back()
            raise host_error(error, "open", self.given_path) from None
        except BaseException:
            self._give_back()
            raise
        self._names_lock = Lock()
        self._sizes: dict[str, int] = {}
        self._durable: dict[str, int] = {}
        """How much of a file this process knows to be durable, or found when it first changed it."""
        self._with_room: set[str] = set()
        """Files that may have room behind their content."""

    def append(self, name: str, data: bytes | Sequence[bytes]) -> int:
        """Append to a file, made when missing, and return the offset where the data begins."""
        descriptor, size = self._use_to_change(name, create=True)
        try:
            end = size
            for piece in (data,) if isinstance(data, bytes) else _pieces(data):
                write_at(descriptor.file, end, piece)
                end += len(piece)
            self._sizes[name] = end
        except BaseException as error:
            self._undo_append(name, descriptor, size)
            if isinstance(error, OSError):
                raise host_error(error, "write", name) from None
            raise
        finally:
            self._files.release(descriptor)
        return size

    def reserve(self, name: str, size: int) -> bool:
        """Make room behind a file's end, up to this size."""
        descriptor, end = self._use_to_change(name)
        try:
            if end < size:
                if free_space(self.path) < SCARCE * (size - end):
                    raise OSError(errno.ENOSPC, "")
                self._with_room.add(name)
                write_at(descriptor.file, end, bytes(size - end))
            return True
        except BaseException as error:
            self._undo_append(name, descriptor, end)
            if isinstance(error, OSError):
                raise host_error(error, "write", name) from None
            raise
        finally:
            self._files.release(descriptor)

    def _undo_append(self, name: str, descriptor: Descriptor, size: int) -> None:
        self._sizes[name] = size
        try:
            truncate_file(descriptor.file, size)
        except OSError as error:
            self._fail(host_error(error, "truncate", name))

    def sync(self, name: str) -> None:
        """Make a file's bytes and its name durable."""
        descriptor, size = self._use_to_change(name)
        try:
            sync_file(descriptor.file)
        except OSError as error:
            self._fail(host_error(error, "sync", name))
            durable = self._durable[name]
            try:
                truncate_file(descriptor.file, durable)
                self._sizes[name] = durable
            except OSError:
                pass
            raise self._refusal() from None
        finally:
            self._files.release(descriptor)
        self._durable[name] = max(size, self._durable[name])
        if self._found_unsynced or name in self._names_to_sync:
            self._sync_names(name)

    def _sync_names(self, name: str) -> None:
        with self._names_lock:
            synced = tuple(self._names_to_sync)
            try:
                sync_directory(self.path)
            except OSError as error:
                raise self._fail(host_error(error, "sync", name)) from None
            self._found_unsynced = False
            self._names_to_sync.difference_update(synced)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file down to a size, and give back the room behind it."""
        descriptor, found = self._use_to_change(name)
        try:
            if size < found or name in self._with_room:
                size = min(size, found)
                truncate_file(descriptor.file, size)
                self._with_room.discard(name)
                self._sizes[name] = size
                self._durable[name] = min(size, self._durable[name])
        except OSError as error:
            raise host_error(error, "truncate", name) from None
        finally:
            self._files.release(descriptor)

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file (default: to its end)."""
        descriptor = self._use(name)
        try:
            if not length or name in self._with_room:
                size = self._end(name, descriptor)
                if offset + (length or 0) > size:
                    raise short_file(name, offset, length, size)
                if length is None:
                    length = size - offset
            found = read_at(descriptor.file, offset, length)
            if len(found) < length:
                raise short_file(name, offset, length, self._end(name, descriptor))
        except OSError as error:
            raise host_error(error, "read", name) from None
        finally:
            self._files.release(descriptor)
        return found

    def size(self, name: str) -> int:
        """Return a file's size."""
        descriptor = self._use(name)
        try:
            return self._end(name, descriptor)
        finally:
            self._files.release(descriptor)

    def _end(self, name: str, descriptor: Descriptor) -> int:
        """Return where the content of a file ends."""
        return self._sizes[name] if name in self._with_room else os.fstat(descriptor.file).st_size

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        self._require_open()
        try:
            return sorted(name for name in os.listdir(self.path) if is_name(name))
        except OSError as error:
            raise host_error(error, "list", self.given_path) from None

    def plugin_files(self) -> list[str]:
        """Return the words of the files that are replaced as a whole and are plugins' own."""
        self._require_open()
        try:
            found = sorted(os.listdir(self.path))
        except OSError as error:
            raise host_error(error, "list", self.given_path) from None
        words = [name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX) and not name.endswith(NEW)]
        return [word for word in words if PREFIX + word not in (LOCK, MANIFEST)]

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens when there is none."""
        self._require_writable(name)
        self._files.forget(name)
        try:
            remove_file(self._place(name))
        except OSError as error:
            raise host_error(error, "remove", name) from None
        self._with_room.discard(name)
        self._sizes.pop(name, None)
        self._durable.pop(name, None)
        self._names_to_sync.discard(name)

    def whole(self, name: str) -> bytes | None:
        """Return a file that is replaced as a whole, None when there is none."""
        self._require_open()
        file_name = PREFIX + check_word(name)
        try:
            with open(self._place(file_name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise host_error(error, "read", file_name) from None

    def replace(self, name: str, content: bytes) -> None:
        """Replace such a file durably: after a crash on the way the old or the new one is there, whole."""
        self._require_writable()
        file_name = PREFIX + check_word(name)
        new_name = file_name + NEW
        new = self._place(new_name)
        try:
            file = open_file(new, write=True, create=True, empty=True)
            try:
                write_at(file, 0, content)
                try:
                    sync_file(file)
                except OSError as error:
                    raise self._fail(host_error(error, "sync", new_name)) from None
            finally:
                os.close(file)
            replace_file(new, self._place(file_name))
        except OSError as error:
            try:
                remove_file(new)
            except OSError:
                pass
            raise host_error(error, "write", new_name) from None
        try:
            sync_directory(self.path)
        except OSError as error:
            raise self._fail(host_error(error, "sync", file_name)) from None

    def close(self) -> None:
        """Release the lock and every handle."""
        self._closed = True
        self._give_back()

    # -- opening

    def _take_lock(self) -> None:
        path = self._place(LOCK)
        while True:
            try:
                file = self._open_lock(path)
            except PermissionError:
                raise InsufficientPrivilege(
                    f'could not open database "{self.given_path}": {os.strerror(errno.EACCES)}',
                    hint=None if self.read_only else "Open it for reading only.",
                ) from None
            if file is None:
                return
            if not lock_file(file, shared=self.read_only):
                try:
                    raise self._in_use(file)
                finally:
                    os.close(file)
            # Somebody may have removed the file in between: then the lock is one that others do not see.
            try:
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    break
            except FileNotFoundError:
                pass
            os.close(file)
        self._files.lock = file
        if not self.read_only:
            self._say_who(file)

    def _say_who(self, file: int, address: str = "") -> None:
        try:
            truncate_file(file, 0)
            write_at(file, 0, b"%d\n%s" % (self._process, address.encode()))
        except OSError:
            # A full disk: the database can be read, and whoever else asks is told no number.
            pass

    def announce(self, address: str | None) -> None:
        """Say in the lock's file where what is here is served (``Announces``)."""
        self._require_open()
        if not self.read_only and self._files.lock is not None:
            self._say_who(self._files.lock, "" if address is None else f"{address}\n")

    def _open_lock(self, path: str) -> int | None:
        """Open the lock's file; None where there is none and nobody can write."""
        if not self.read_only:
            return open_file(path, write=True, create=True)
        try:
            return open_file(path)
        except FileNotFoundError:
            try:
                return open_file(path, write=True, create=True)
            except OSError as error:
                if error.errno == errno.EROFS:
                    return None
                raise

    def _in_use(self, file: int) -> ObjectInUse:
        holders = lock_holders(file)
        if holders == [self._process]:
            return ObjectInUse(f'database "{self.given_path}" is already open in this process (PID {self._process})')
        who = f"process {', '.join(map(str, holders))}" if holders else "another process"
        address = announced_address(file, holders)
        if address is not None:
            return ObjectInUse(
                f'database "{self.given_path}" is in use by {who}, which serves it at {address}',
                hint=f"Connect to the server: {address}",
            )
        return ObjectInUse(
            f'database "{self.given_path}" is in use by {who}',
            hint="A database is open in one process at a time; for reading only, in any number of them.",
        )

    def _sync_parent(self) -> None:
        try:
            sync_directory(os.path.dirname(self.path))
        except PermissionError:
            # A directory that may be entered and not read: its names cannot be synced by us.
            pass

    # -- what every call asks first

    def _require_open(self) -> None:
        if os.getpid() != self._process:
            raise InterfaceError(
                "the database was opened by another process",
                hint="Open it after fork(), in the child.",
            )
        if self._closed:
            raise InterfaceError("the database is closed")

    def _require_writable(self, name: str | None = None) -> None:
        self._require_open()
        if name is not None:
            check_name(name)
        if self.read_only:
            raise ReadOnlySqlTransaction(f'database "{self.given_path}" is open for reading only')
        if self._failure is not None:
            raise self._refusal()

    def _fail(self, error: DiskFull | IoError) -> IoError:
        if self._failure is None:
            self._failure = error
        return self._refusal()

    def _refusal(self) -> IoError:
        assert self._failure is not None
        return IoError(
            self._failure.message,
            detail="The database takes no more changes. What was committed before can be read.",
            hint="Open the database again once the device is in order.",
        )

    def _use(self, name: str) -> Descriptor:
        self._require_open()
        return self._opened(check_name(name))

    def _opened(self, name: str, *, create: bool = False) -> Descriptor:
        try:
            return self._files.use(name, create=create)
        except FileNotFoundError:
            raise missing_file(name) from None
        except OSError as error:
            raise host_error(error, "open", name) from None

    def _use_to_change(self, name: str, *, create: bool = False) -> tuple[Descriptor, int]:
        """Return an open file that may be changed, and its size."""
        self._require_writable()
        size = self._sizes.get(name)
        if size is None and not os.path.exists(self._place(check_name(name))) and create:
            self._names_to_sync.add(name)
        descriptor = self._opened(name, create=create)
        if size is None:
            try:
                size = os.fstat(descriptor.file).st_size
            except OSError as error:
                self._files.release(descriptor)
                raise host_error(error, "open", name) from None
            self._sizes[name] = self._durable[name] = size
        return descriptor, size

    def _place(self, name: str) -> str:
        return os.path.join(self.path, name)


def _pieces(data: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the pieces of an append, small ones together."""
    waiting: list[bytes] = []
    size = 0
    for piece in data:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting = []
            size = 0
    if waiting:
        yield b"".join(waiting)
