from __future__ import annotations

import sys
from pathlib import Path

import pytest

from heliosdb.errors import HostSystemError, UndefinedObject
from heliosdb.plugin.drivers import driver, driver_names


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path into which a distribution with drivers is installed."""
    info = tmp_path / "floppy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.3\nName: floppy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[heliosdb.storage]\nfloppy = heliosdb_floppy_driver:Floppy\nbroken = heliosdb_broken_driver:Broken\n"
    )
    (tmp_path / "heliosdb_floppy_driver.py").write_text("class Floppy:\n    tracks = 80\n")
    (tmp_path / "heliosdb_broken_driver.py").write_text("raise RuntimeError('no disk')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_cores_drivers_need_no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stevedore", None)
    assert driver("heliosdb.storage", "memory").__name__ == "MemoryVolume"


def test_installed_drivers_are_found_by_name_and_listed_without_importing(site: Path) -> None:
    assert driver_names("heliosdb.storage") == ("broken", "directory", "floppy", "memory")
    assert "heliosdb_floppy_driver" not in sys.modules
    assert driver("heliosdb.storage", "floppy").tracks == 80


def test_an_unknown_driver_lists_those_there_are(site: Path) -> None:
    with pytest.raises(UndefinedObject, match='volume "tape" does not exist') as raised:
        driver("heliosdb.storage", "tape")
    assert raised.value.hint == "There are: broken, directory, floppy, memory."


def test_a_driver_that_cannot_be_imported_says_whose_it_is(site: Path) -> None:
    with pytest.raises(HostSystemError, match='volume "broken" of floppy could not be loaded: RuntimeError: no disk'):
        driver("heliosdb.storage", "broken")


def test_an_unknown_group_is_an_error() -> None:
    with pytest.raises(UndefinedObject, match=r'driver group "heliosdb\.tape" does not exist'):
        driver("heliosdb.tape", "x")
    with pytest.raises(UndefinedObject):
        driver_names("heliosdb.tape")
