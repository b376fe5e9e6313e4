"""Open files of a directory volume: at most so many at once, those that were used last.

A descriptor that somebody reads through is not closed under him: it is counted, and closed by whoever is last. Were
it closed before, the system might give its number to another file.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock

from heliosdb.store.host_files import open_file, unlock_file

__all__ = ["Descriptor", "Descriptors"]

MOST = 64


class Descriptor:
    """An open file and how many are using it."""

    __slots__ = ("doomed", "file", "users")

    def __init__(self, file: int) -> None:
        self.file = file
        self.users = 1
        self.doomed = False


class Descriptors:
    """The open files of one volume, its lock among them. They live and die apart from the volume object, so that a
    volume that is dropped without being closed gives its lock back."""

    def __init__(self, path: str, *, write: bool, most: int = MOST) -> None:
        self.path = path
        self.process = os.getpid()
        self.lock: int | None = None
        """The descriptor that holds the volume's lock."""
        self._write = write
        self._most = most
        self._mutex = Lock()
        self._open: OrderedDict[str, Descriptor] = OrderedDict()

    def use(self, name: str, *, create: bool = False) -> Descriptor:
        """Return an open file; whoever got it calls ``release``. Raises OSError."""
        with self._mutex:
            found = self._open.get(name)
            if found is not None:
                found.users += 1
                self._open.move_to_end(name)
                return found
            made = Descriptor(open_file(os.path.join(self.path, name), write=self._write, create=create))
            self._open[name] = made
            if len(self._open) > self._most:
                self._close_unused()
            return made

    def release(self, descriptor: Descriptor) -> None:
        """Stop using a file."""
        with self._mutex:
            descriptor.users -= 1
            if descriptor.doomed and not descriptor.users:
                os.close(descriptor.file)

    def forget(self, name: str) -> None:
        """Close a file as soon as nobody uses it: another may come under its name."""
        with self._mutex:
            found = self._open.pop(name, None)
            if found is not None:
                found.doomed = True
                if not found.users:
                    os.close(found.file)

    def _close_unused(self) -> None:
        for name in [name for name, descriptor in self._open.items() if not descriptor.users]:
            if len(self._open) <= self._most:
                return
            os.close(self._open.pop(name).file)

    def close(self) -> None:
        """Close everything and give the lock back. In a forked child only its own copies go; the lock stays."""
        lock, self.lock = self.lock, None
        if os.getpid() != self.process:
            # Without the mutex: a thread that the child has not may hold it.
            files = [descriptor.file for descriptor in self._open.values()]
            self._open = OrderedDict()
            for file in files + ([] if lock is None else [lock]):
                try:
                    os.close(file)
                except OSError:
                    pass
            return
        for name in list(self._open):
            self.forget(name)
        if lock is not None:
            if self._write:
                try:
                    os.ftruncate(lock, 0)  # who held it
                except OSError:
                    pass
            unlock_file(lock)
            os.close(lock)
