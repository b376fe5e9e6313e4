"""The directory volume: its lock, forks, and what it does when the operating system says no."""

from __future__ import annotations

import errno
import gc
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heliosdb.errors import (
    DataCorrupted,
    DiskFull,
    Error,
    InterfaceError,
    IoError,
    ObjectInUse,
)
from heliosdb.store import directory as directory_module
from heliosdb.store.directory import DirectoryVolume


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "database"


@pytest.fixture
def volume(path: Path) -> Iterator[DirectoryVolume]:
    opened = DirectoryVolume(path)
    yield opened
    opened.close()


def in_process(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start Python on some code; a line on its standard input ends what waits for it."""
    prelude = "import sys, os\nfrom heliosdb.store.directory import DirectoryVolume\n"
    command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


def in_child(check: Callable[[], None]) -> None:
    """Run a check in a forked child, and fail when it does."""
    child = os.fork()
    if not child:
        code = 1
        try:
            check()
            code = 0
        except BaseException as error:  # noqa: BLE001 - there is no one else to tell
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0, "see standard error"


# -- the lock


def test_the_second_opener_is_told_who_has_it(path: Path) -> None:
    code = 'volume = DirectoryVolume(sys.argv[1])\nprint("open", flush=True)\nsys.stdin.readline()'
    with in_process(code, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        for read_only in (False, True):
            with pytest.raises(ObjectInUse, match=f'"{path}" is in use by process {holder.pid}$') as raised:
                DirectoryVolume(path, read_only)
            assert raised.value.sqlstate == "55006"
        holder.communicate("\n")
    DirectoryVolume(path).close()


def test_this_process_cannot_open_it_twice(volume: DirectoryVolume) -> None:
    with pytest.raises(ObjectInUse, match=rf"already open in this process \(PID {os.getpid()}\)"):
        DirectoryVolume(volume.path)
    assert volume.append("log-1", b"the first goes on") == 0


def test_a_killed_process_leaves_no_lock(path: Path) -> None:
    code = (
        'volume = DirectoryVolume(sys.argv[1])\nvolume.append("log-1", b"x")\n'
        'print("open", flush=True)\nsys.stdin.readline()'
    )
    with in_process(code, path) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    opened = DirectoryVolume(path)
    assert opened.read("log-1") == b"x"
    opened.close()


def test_many_read_and_none_writes_meanwhile(path: Path) -> None:
    first = DirectoryVolume(path)
    first.append("log-1", b"x")
    first.close()
    readers = [DirectoryVolume(path, read_only=True) for _ in range(3)]
    assert [reader.read("log-1") for reader in readers] == [b"x"] * 3
    with pytest.raises(ObjectInUse):
        DirectoryVolume(path)
    for reader in readers:
        reader.close()
    DirectoryVolume(path).close()


def test_of_many_that_open_at_once_one_gets_it(path: Path) -> None:
    code = (
        "sys.stdin.readline()\n"
        "try:\n    volume = DirectoryVolume(sys.argv[1])\n    print('open', flush=True)\n    sys.stdin.readline()\n"
        "except Exception as error:\n    print(error.sqlstate, error, flush=True)\n"
    )
    racers = [in_process(code, path) for _ in range(5)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    answers = {racer.pid: racer.stdout.readline() for racer in racers if racer.stdout is not None}
    (winner,) = [pid for pid, answer in answers.items() if answer == "open\n"]
    others = {answer for pid, answer in answers.items() if pid != winner}
    assert others == {f'55006 database "{path}" is in use by process {winner}\n'}
    for racer in racers:
        racer.communicate("\n")


def test_a_volume_that_is_dropped_without_closing_gives_the_lock_back(path: Path) -> None:
    dropped = DirectoryVolume(path)
    dropped.append("log-1", b"x")
    del dropped
    gc.collect()
    DirectoryVolume(path).close()


def test_a_program_that_is_started_inherits_nothing(volume: DirectoryVolume) -> None:
    volume.append("log-1", b"x")
    program = (
        "import os\nfor file in os.listdir('/proc/self/fd'):\n"
        "    if os.path.exists(place := '/proc/self/fd/' + file): print(os.readlink(place))\n"
    )
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files are listed elsewhere")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, close_fds=False)
    assert volume.path not in done.stdout


# -- fork


def test_in_a_forked_child_every_call_is_an_error_and_the_parent_keeps_the_lock(volume: DirectoryVolume) -> None:
    volume.append("log-1", b"x")
    volume.replace("manifest", b"m")

    def check() -> None:
        calls: list[Callable[[], object]] = [
            lambda: volume.append("log-1", b"y"),
            lambda: volume.sync("log-1"),
            lambda: volume.truncate("log-1", 0),
            lambda: volume.reserve("log-1", 10),
            lambda: volume.read("log-1"),
            lambda: volume.size("log-1"),
            volume.names,
            lambda: volume.delete("log-1"),
            lambda: volume.whole("manifest"),
            lambda: volume.replace("manifest", b"n"),
        ]
        for call in calls:
            with pytest.raises(InterfaceError, match="opened by another process") as raised:
                call()
            assert "in the child" in str(raised.value.hint)
        volume.close()
        volume.close()
        with pytest.raises(ObjectInUse, match=f"in use by process {os.getppid()}"):
            DirectoryVolume(volume.path)

    in_child(check)
    with pytest.raises(ObjectInUse, match="already open in this process"):
        DirectoryVolume(volume.path)
    assert volume.append("log-1", b"y") == 1
    volume.sync("log-1")
    assert volume.read("log-1") == b"xy"
    assert volume.whole("manifest") == b"m"


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(path: Path) -> None:
    code = (
        "volume = DirectoryVolume(sys.argv[1])\n"
        "if not os.fork():\n    print(os.getpid(), flush=True)\n    sys.stdin.readline()\n    os._exit(0)\n"
        "os._exit(0)\n"
    )
    with in_process(code, path) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert parent.wait() == 0
        DirectoryVolume(path).close()
        parent.communicate("\n")


def test_closing_gives_the_lock_back_while_a_child_lives(path: Path) -> None:
    volume = DirectoryVolume(path)
    ready, tell = os.pipe()
    child = os.fork()
    if not child:
        os.read(ready, 1)
        os._exit(0)
    volume.close()
    DirectoryVolume(path).close()
    os.write(tell, b"x")
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)


# -- when the system says no


class Failing:
    """Stands for the functions of host_files in the volume; the chosen one raises, after so many calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.calls: list[str] = []

    def fail(self, name: str, number: int, after: int = 0, *, effect: bool = False) -> None:
        """Make a function raise, once ``after`` calls went well; with ``effect`` half of a write is done first."""
        real = getattr(directory_module, name)
        left = [after]

        def failing(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            if left[0]:
                left[0] -= 1
                return real(*arguments, **options)
            if effect:
                file, offset, data = arguments
                real(file, offset, data[: len(data) // 2])
            raise OSError(number, os.strerror(number))

        self._patch.setattr(directory_module, name, failing)

    def heal(self) -> None:
        self._patch.undo()


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Failing:
    return Failing(monkeypatch)


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, IoError), (errno.EROFS, IoError)],
)
def test_a_failed_append_leaves_no_trace(
    volume: DirectoryVolume, system: Failing, number: int, error: type[Error]
) -> None:
    volume.append("log-1", b"first")
    pieces = [b"x" * 300_000, b"y" * 300_000]
    for after in (0, 1):
        system.fail("write_at", number, after, effect=True)
        with pytest.raises(error, match=f'could not write file "log-1": {os.strerror(number)}') as raised:
            volume.append("log-1", pieces)
        assert raised.value.sqlstate == ("53100" if error is DiskFull else "58030")
        system.heal()
        assert volume.size("log-1") == 5
    assert volume.append("log-1", b"second") == 5
    volume.sync("log-1")
    assert volume.read("log-1") == b"firstsecond"


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EIO, IoError)])
def test_room_that_cannot_be_made_leaves_no_trace(
    volume: DirectoryVolume, system: Failing, number: int, error: type[Error], after: int
) -> None:
    """Half of it may have been written; the appends go on without any."""
    volume.append("log-1", b"first")
    if after:
        volume.reserve("log-1", 50)
    system.fail("write_at", number, effect=True)
    with pytest.raises(error, match=f'could not write file "log-1": {os.strerror(number)}'):
        volume.reserve("log-1", 1000)
    system.heal()
    assert on_disk(volume) == b"first"
    assert volume.append("log-1", b"second") == 5
    volume.sync("log-1")
    assert on_disk(volume) == volume.read("log-1") == b"firstsecond"


def test_room_is_there_for_the_system(volume: DirectoryVolume) -> None:
    """Only bytes that are in the file make its syncs cheap."""
    volume.append("log-1", b"first")
    volume.reserve("log-1", 5000)
    assert on_disk(volume) == b"first" + bytes(4995)
    volume.append("log-1", b"second")
    volume.reserve("log-1", 5010)
    assert on_disk(volume) == b"firstsecond" + bytes(4999)
    volume.truncate("log-1", 11)
    assert on_disk(volume) == b"firstsecond"


def test_the_last_of_the_space_is_not_for_room(volume: DirectoryVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    volume.append("log-1", b"first")
    for free, fits in ((15_999, False), (16_000, True)):
        monkeypatch.setattr(directory_module, "free_space", lambda path, free=free: free)
        if fits:
            volume.reserve("log-1", 1005)
        else:
            with pytest.raises(DiskFull, match='could not write file "log-1"'):
                volume.reserve("log-1", 1005)
        assert len(on_disk(volume)) == (1005 if fits else 5)


def test_a_failed_sync_cuts_off_what_stands_in_room(volume: DirectoryVolume, system: Failing) -> None:
    volume.append("log-1", b"durable")
    volume.reserve("log-1", 5000)
    volume.sync("log-1")
    volume.append("log-1", b", not durable")
    system.fail("sync_file", errno.EIO)
    with pytest.raises(IoError):
        volume.sync("log-1")
    assert on_disk(volume) == volume.read("log-1") == b"durable"
    assert volume.size("log-1") == 7


def on_disk(volume: DirectoryVolume) -> bytes:
    return Path(volume.path, "log-1").read_bytes()


def test_an_append_that_cannot_be_undone_ends_all_changes(volume: DirectoryVolume, system: Failing) -> None:
    volume.append("log-1", b"first")
    system.fail("write_at", errno.EIO, effect=True)
    system.fail("truncate_file", errno.EIO)
    with pytest.raises(IoError):
        volume.append("log-1", b"second")
    system.heal()
    changes: list[Callable[[], object]] = [
        lambda: volume.append("log-1", b"x"),
        lambda: volume.append("log-2", b"x"),
        lambda: volume.sync("log-1"),
        lambda: volume.truncate("log-1", 0),
        lambda: volume.reserve("log-1", 10),
        lambda: volume.delete("log-1"),
        lambda: volume.replace("manifest", b"x"),
    ]
    for change in changes:
        with pytest.raises(IoError, match="could not truncate") as raised:
            change()
        assert raised.value.detail is not None
    assert volume.read("log-1", 0, 5) == b"first"
    path = volume.path
    volume.close()
    DirectoryVolume(path).close()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_failed_sync_is_not_tried_again_and_what_was_not_durable_is_cut_off(
    volume: DirectoryVolume, system: Failing, number: int
) -> None:
    volume.append("log-1", b"durable")
    volume.sync("log-1")
    volume.append("log-1", b", not durable")
    system.fail("sync_file", number)
    with pytest.raises(IoError, match='could not sync file "log-1"'):
        volume.sync("log-1")
    for _ in range(2):
        with pytest.raises(IoError, match='could not sync file "log-1"'):
            volume.sync("log-1")
    assert system.calls == ["sync_file"]
    with pytest.raises(IoError):
        volume.append("log-1", b"x")
    assert volume.read("log-1") == b"durable"
    system.heal()
    volume.close()
    again = DirectoryVolume(volume.path)
    assert again.read("log-1") == b"durable"
    assert again.append("log-1", b"x") == 7
    again.close()


def test_a_failed_sync_cuts_off_nothing_that_was_there_before(path: Path, system: Failing) -> None:
    first = DirectoryVolume(path)
    first.append("log-1", b"of another life")
    first.close()
    volume = DirectoryVolume(path)
    volume.append("log-1", b", new")
    system.fail("sync_file", errno.EIO)
    with pytest.raises(IoError):
        volume.sync("log-1")
    assert volume.read("log-1") == b"of another life"
    volume.close()


def test_a_directory_that_cannot_be_synced_ends_all_changes(volume: DirectoryVolume, system: Failing) -> None:
    volume.append("log-1", b"x")
    system.fail("sync_directory", errno.EIO)
    with pytest.raises(IoError):
        volume.sync("log-1")
    with pytest.raises(IoError):
        volume.replace("manifest", b"m")
    assert volume.whole("manifest") is None


@pytest.mark.parametrize("step", ["open_file", "write_at", "sync_file", "replace_file", "sync_directory"])
def test_a_manifest_that_could_not_be_replaced_is_the_old_or_the_new_one(
    volume: DirectoryVolume, system: Failing, step: str
) -> None:
    volume.replace("manifest", b"old")
    system.fail(step, errno.EIO)
    with pytest.raises(IoError):
        volume.replace("manifest", b"new")
    system.heal()
    assert volume.whole("manifest") == (b"new" if step == "sync_directory" else b"old")
    if step in ("sync_file", "sync_directory"):
        with pytest.raises(IoError):
            volume.replace("manifest", b"newer")
    else:
        volume.replace("manifest", b"newer")
        assert volume.whole("manifest") == b"newer"


def test_a_full_disk_keeps_the_manifest(volume: DirectoryVolume, system: Failing) -> None:
    volume.replace("manifest", b"old")
    system.fail("write_at", errno.ENOSPC, effect=True)
    with pytest.raises(DiskFull, match=r"heliosdb\.manifest\.new"):
        volume.replace("manifest", b"new" * 1000)
    system.heal()
    assert volume.whole("manifest") == b"old"
    assert sorted(os.listdir(volume.path)) == ["heliosdb.lock", "heliosdb.manifest"]


def test_a_file_size_limit_is_an_error_like_any_other(path: Path) -> None:
    """A real one, from the operating system."""

    def check() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        volume = DirectoryVolume(path)
        volume.append("log-1", b"x" * 90_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(IoError, match="File too large"):
            volume.append("log-1", b"y" * 20_000)
        assert volume.size("log-1") == 90_000
        assert volume.append("log-1", b"z" * 10_000) == 90_000
        volume.sync("log-1")
        volume.close()

    in_child(check)
    opened = DirectoryVolume(path)
    assert opened.read("log-1") == b"x" * 90_000 + b"z" * 10_000
    opened.close()


def test_a_real_full_disk() -> None:
    """/dev/full says that no space is left, whatever is written."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no such device")
    file = os.open("/dev/full", os.O_RDWR)
    try:
        with pytest.raises(OSError) as raised:
            directory_module.write_at(file, 0, b"x")
        assert isinstance(directory_module.host_error(raised.value, "write", "log-1"), DiskFull)
    finally:
        os.close(file)


def test_open_files_are_bounded(path: Path) -> None:
    volume = DirectoryVolume(path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(500):
        volume.append(f"seg-{number}", b"%d" % number)
    for number in random.Random(1).sample(range(500), 500):
        assert volume.read(f"seg-{number}") == b"%d" % number
    if before:
        assert len(os.listdir("/proc/self/fd")) - before <= 64
    volume.close()
    if before:
        assert len(os.listdir("/proc/self/fd")) < before


def test_a_file_that_somebody_cut_is_corrupt(volume: DirectoryVolume) -> None:
    volume.append("seg-1", b"x" * 100)
    os.truncate(os.path.join(volume.path, "seg-1"), 50)
    with pytest.raises(DataCorrupted, match='"seg-1" is too short: cannot read 60 bytes at offset 0'):
        volume.read("seg-1", 0, 60)


def test_files_of_others_in_the_directory_are_not_the_volumes(volume: DirectoryVolume) -> None:
    for name in ("README.md", "log-1~", "heliosdb.lock.bak", "LOG-1"):
        Path(volume.path, name).write_text("x")
    volume.append("log-1", b"x")
    assert volume.names() == ["log-1"]
    path = volume.path
    volume.close()
    again = DirectoryVolume(path)
    assert again.names() == ["log-1"]
    again.close()


def test_closed_is_closed(volume: DirectoryVolume) -> None:
    volume.append("log-1", b"x")
    volume.close()
    for call in (
        volume.names,
        lambda: volume.whole("manifest"),
        lambda: volume.read("log-1"),
        lambda: volume.append("log-1", b"x"),
    ):
        with pytest.raises(InterfaceError, match="the database is closed"):
            call()
