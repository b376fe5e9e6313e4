"""The directory volume calls fsync where it must: what the system may lose otherwise, is lost here.

What the volume does to the operating system goes through a recorder, which knows what of it is durable. When the power
fails, a directory is made of what may be left, and opened again. Without any one of the calls something is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heliosdb.errors import WrongObjectType
from heliosdb.store import directory as directory_module
from heliosdb.store.directory import DirectoryVolume
from heliosdb_testkit import PowerLoss
from heliosdb_testkit.faulty_volume import SimulatedFile


class Recorder:
    """Stands between a volume and the system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: str, skip: tuple[str, str] | None = None) -> None:
        self.folder = folder
        self.skip = skip
        self.steps_left = -1
        self._files: dict[int, SimulatedFile] = {}
        self.names: dict[str, SimulatedFile] = {}
        self.durable_names: dict[str, SimulatedFile] = {}
        self._pending: list[tuple[str, SimulatedFile | None]] = []
        for name in ("open_file", "write_at", "truncate_file", "sync_file", "sync_directory"):
            monkeypatch.setattr(directory_module, name, self._recording(name, getattr(directory_module, name)))
        for name in ("replace_file", "remove_file"):
            monkeypatch.setattr(directory_module, name, self._recording(name, getattr(directory_module, name)))
        descriptors = sys.modules["heliosdb.store.descriptors"]
        monkeypatch.setattr(descriptors, "open_file", self._recording("open_file", descriptors.open_file))

    def _recording(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        note: Callable[..., None] = getattr(self, f"_note_{name}")

        def recording(*arguments: Any, **options: Any) -> Any:
            caller = sys._getframe(1).f_code.co_name
            if self.steps_left == 0:
                raise PowerLoss
            if name != "open_file" or options.get("create"):
                self.steps_left -= 1
            if self.skip == (name, caller):
                return None
            if self.steps_left == 0 and name.startswith("sync"):
                raise PowerLoss
            found = real(*arguments, **options)
            note(found, *arguments, **options)
            if self.steps_left == 0:
                raise PowerLoss
            return found

        return recording

    def _name(self, path: str) -> str:
        return os.path.basename(path)

    def _rename(self, name: str, file: SimulatedFile | None) -> None:
        _enter(self.names, name, file)
        self._pending.append((name, file))

    def _note_open_file(self, file: int, path: str, *, empty: bool = False, **options: Any) -> None:
        name = self._name(path)
        if name not in self.names:
            self._rename(name, SimulatedFile())
        self._files[file] = self.names[name]
        if empty:
            self.names[name].truncate(0)

    def _note_write_at(self, _: object, file: int, offset: int, data: bytes) -> None:
        self._files[file].write(offset, bytes(data))

    def _note_truncate_file(self, _: object, file: int, size: int) -> None:
        self._files[file].truncate(size)

    def _note_sync_file(self, _: object, file: int) -> None:
        self._files[file].sync()

    def _note_sync_directory(self, _: object, path: str) -> None:
        if path == self.folder:
            self.durable_names = dict(self.names)
            self._pending = []

    def _note_replace_file(self, _: object, source: str, target: str) -> None:
        self._rename(self._name(target), self.names[self._name(source)])
        del self.names[self._name(source)]

    def _note_remove_file(self, _: object, path: str) -> None:
        if self._name(path) in self.names:
            self._rename(self._name(path), None)

    def crash(self, random: Random, folder: Path) -> None:
        """Make a directory of what may be left."""
        names = dict(self.durable_names)
        kept = random.choice((0.0, 0.5, 1.0))
        for name, file in self._pending:
            if random.random() < kept:
                _enter(names, name, file)
        folder.mkdir()
        for name, file in names.items():
            (folder / name).write_bytes(file.after_crash(random))


def _enter(names: dict[str, SimulatedFile], name: str, file: SimulatedFile | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


class Run:
    """A volume that does random things until the power fails, and what must be there afterwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, seed: int, skip: tuple[str, str] | None) -> None:
        self.random = Random(seed)
        self.folder = folder
        with monkeypatch.context() as patch:
            self.recorder = Recorder(patch, str(folder / "before"), skip)
            self.volume = DirectoryVolume(folder / "before")
            self.durable: dict[str, bytes] = {}
            """What must be found of each file, at its beginning."""
            self.manifests: list[bytes | None] = [None]
            """What may be found."""
            self.recorder.steps_left = self.random.randint(1, 40)
            try:
                while True:
                    self._change()
            except PowerLoss:
                pass
            self.volume.close()

    def _change(self) -> None:
        random, volume = self.random, self.volume
        name = f"log-{random.randrange(3)}"
        kind = random.choice((*["append"] * 3, *["sync"] * 2, "manifest", "truncate", "delete", "reserve"))
        if kind == "append":
            volume.append(name, random.randbytes(random.choice((10, 5000))))
        elif kind == "manifest":
            content = random.randbytes(random.choice((10, 5000)))
            self.manifests.append(content)
            volume.replace("manifest", content)
            self.manifests = [content]
        elif kind == "delete":
            self.durable.pop(name, None)
            volume.delete(name)
        elif name in volume.names():
            size = volume.size(name)
            if kind == "reserve":
                volume.reserve(name, size + random.choice((10, 5000)))
            elif kind == "truncate":
                size = random.randint(0, size)
                if name in self.durable:
                    self.durable[name] = self.durable[name][:size]
                volume.truncate(name, size)
            else:
                content = volume.read(name)
                volume.sync(name)
                self.durable[name] = content

    def problem(self) -> str | None:
        """Return what is missing after the crash."""
        self.recorder.crash(self.random, self.folder / "after")
        try:
            found = DirectoryVolume(self.folder / "after")
        except WrongObjectType:
            return "it is not known for a database"
        try:
            if found.whole("manifest") not in self.manifests:
                return "the manifest is neither the old nor the new one"
            for name, content in self.durable.items():
                if name not in found.names():
                    return f"{name} is missing"
                if not found.read(name).startswith(content):
                    return f"{name} is damaged"
        finally:
            found.close()
        return None


def test_what_was_synced_is_there_after_any_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for seed in range(300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert Run(monkeypatch, folder, seed, None).problem() is None, seed


@pytest.mark.parametrize(
    "call",
    [
        ("sync_file", "sync"),
        ("sync_directory", "_sync_names"),
        ("sync_file", "replace"),
        ("sync_directory", "replace"),
        ("sync_directory", "__init__"),
    ],
    ids=" in ".join,
)
def test_without_any_of_the_calls_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: tuple[str, str]
) -> None:
    for seed in range(300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        if Run(monkeypatch, folder, seed, call).problem() is not None:
            return
    pytest.fail("nothing was missing")


def test_a_new_directory_is_durable_in_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And one that a killed process made is made durable by the next."""
    synced: list[str] = []
    monkeypatch.setattr(directory_module, "sync_directory", synced.append)
    for _ in range(2):
        DirectoryVolume(tmp_path / "db").close()
        assert synced == [str(tmp_path / "db"), str(tmp_path)]
        synced.clear()
    opened = DirectoryVolume(tmp_path / "db")
    opened.replace("manifest", b"m")
    opened.close()
    synced.clear()
    DirectoryVolume(tmp_path / "db").close()
    assert synced == []
