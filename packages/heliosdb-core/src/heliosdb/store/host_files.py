"""What the directory volume asks of the operating system, and what its errors mean.

The differences between Linux, macOS and Windows end here: reading and writing at an offset, making a file and a
directory durable, and a lock that the system gives back when the process ends, however it ends.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from threading import Lock

from heliosdb.errors import DiskFull, IoError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = [
    "announced_address",
    "free_space",
    "host_error",
    "lock_file",
    "lock_holders",
    "open_file",
    "read_at",
    "remove_file",
    "replace_file",
    "sync_directory",
    "sync_file",
    "truncate_file",
    "unlock_file",
    "write_at",
]

LOCKED_BYTE = 1 << 30
"""Windows locks ranges, and keeps others from reading what is locked: the byte lies behind the file's content."""

MOST = 1 << 30
"""What systems write at once."""

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

_no_positions = Lock()
"""Held on Windows around seek and read: there a handle has one position for all threads."""


def host_error(error: OSError, action: str, name: str) -> DiskFull | IoError:
    """Return what an error of the operating system on a file is for SQL: no space left, or broken."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    message = f'could not {action} file "{name}": {reason}'
    if error.errno in FULL:
        return DiskFull(message, hint="Check free disk space.")
    return IoError(message)


def open_file(path: str, *, write: bool = False, create: bool = False, empty: bool = False) -> int:
    """Open a file and return its descriptor, which programs that this process starts do not inherit."""
    flags = os.O_RDWR if write else os.O_RDONLY
    flags |= (os.O_CREAT if create else 0) | (os.O_TRUNC if empty else 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o666)


def read_at(file: int, offset: int, length: int) -> bytes:
    """Return bytes from an offset on, fewer only at the end of the file."""
    parts = []
    while length:
        part = _read(file, min(length, 1 << 30), offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_at(file: int, offset: int, data: bytes) -> None:
    """Write all bytes at an offset."""
    size = len(data)
    done = _write(file, data, offset) if size <= MOST else 0
    while done < size:
        done += _write(file, memoryview(data)[done : done + MOST], offset + done)


def truncate_file(file: int, size: int) -> None:
    """Cut a file down to a size."""
    os.ftruncate(file, size)


def free_space(path: str) -> int:
    """Return how many bytes there is room for where a path is."""
    return shutil.disk_usage(path).free


def remove_file(path: str) -> None:
    """Remove a file; nothing happens when there is none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def replace_file(source: str, target: str) -> None:
    """Give a file another's name, in one step."""
    os.replace(source, target)


def lock_holders(file: int) -> list[int]:
    """Return the processes that hold a file's lock, as far as they can be known."""
    inode = str(os.fstat(file).st_ino)
    holders = set()
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as locks:
            for line in locks:
                # 1: FLOCK ADVISORY WRITE 4711 fd:01:1048602 0 EOF; waiting ones have an arrow in front.
                fields = line.split()
                if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
                    holders.add(int(fields[4]))
    except (OSError, ValueError):
        pass
    if not holders:
        # The writer's own word. It may be from one that was killed, which nobody would wait for.
        try:
            said = int(read_at(file, 0, 20))
            if _is_alive(said):
                holders.add(said)
        except (OSError, ValueError):
            pass
    return sorted(holder for holder in holders if holder > 0)


def announced_address(file: int, holders: list[int]) -> str | None:
    """Return where the holder of a lock serves what it has locked, as it wrote into the lock's file; None: nowhere.

    What another process left there, one that was killed, says nothing of the holder.
    """
    try:
        who, _, address = read_at(file, 0, 1000).decode("ascii").partition("\n")
        is_of_holder = int(who) in holders
    except (OSError, ValueError):
        return None
    # A line that has no end is still being written.
    complete = address.endswith("\n") and address.strip().isprintable()
    return address.strip() if is_of_holder and complete else None


if sys.platform == "win32":

    def _is_alive(process: int) -> bool:
        # Signal 0 is Ctrl-C there.
        return True

    def _read(file: int, length: int, offset: int) -> bytes:
        with _no_positions:
            os.lseek(file, offset, os.SEEK_SET)
            return os.read(file, length)

    def _write(file: int, data: bytes | memoryview, offset: int) -> int:
        with _no_positions:
            os.lseek(file, offset, os.SEEK_SET)
            return os.write(file, data)

    def sync_file(file: int) -> None:
        """Make a file's bytes and size durable."""
        os.fsync(file)

    def sync_directory(path: str) -> None:
        """Make the names in a directory durable: NTFS has them in its journal."""

    def lock_file(file: int, *, shared: bool) -> bool:
        """Take the lock without waiting; False when another has it. There are no shared ones on Windows."""
        with _no_positions:
            os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EDEADLK):
                    return False
                raise
        return True

    def unlock_file(file: int) -> None:
        """Give the lock back."""
        with _no_positions:
            os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:

    def _is_alive(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    def _read(file: int, length: int, offset: int) -> bytes:
        return os.pread(file, length, offset)

    def _write(file: int, data: bytes | memoryview, offset: int) -> int:
        return os.pwrite(file, data, offset)

    def sync_file(file: int) -> None:
        """Make a file's bytes and size durable."""
        if sys.platform == "darwin":
            # fsync there ends in the device's cache, which a power failure empties.
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(file)

    def sync_directory(path: str) -> None:
        """Make the names in a directory durable."""
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        except OSError as error:
            # Some file systems keep names durable by themselves and cannot be asked to.
            if error.errno not in (errno.EBADF, errno.EINVAL):
                raise
        finally:
            os.close(file)

    def lock_file(file: int, *, shared: bool) -> bool:
        """Take the lock without waiting; False when another has it.

        ``flock`` belongs to the open file, not to the process: a second opener in this process is refused, too, and a
        forked child that closes its copy takes nothing from its parent.
        """
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def unlock_file(file: int) -> None:
        """Give the lock back, even where a forked child still holds a copy of the descriptor."""
        fcntl.flock(file, fcntl.LOCK_UN)
