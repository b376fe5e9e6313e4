"""Which plugins are installed: entry points of group ``heliosdb``, with their distribution's name, version and range
on the core.

The standard library's ``importlib.metadata`` does this too, but importing it costs 15 ms (it parses metadata with the
``email`` package) where a whole ``connect`` may take 90. Entry points stand in one small file per distribution, so
this reads those files, and the metadata only of the few distributions that have the group. Where ``sys.path`` holds
something else than folders (zip files), ``importlib.metadata`` is asked after all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from heliosdb.plugin.requirements import normalized_name

__all__ = ["GROUP", "EntryPoint", "installed_plugins"]

GROUP = "heliosdb"


@frozen
class EntryPoint:
    """An installed plugin: its name, ``module[:attribute]``, and its distribution's name, version and
    ``Requires-Dist`` lines."""

    name: str
    value: str
    package: str
    version: str
    requirements: tuple[str, ...] = ()


def installed_plugins(path: Sequence[str] | None = None, group: str = GROUP) -> list[EntryPoint]:
    """Return the entry points of a group on ``path`` (default ``sys.path``), sorted by name.

    Of two copies of a distribution the first on the path counts, as when importing. Two distributions may
    declare the same name: both are returned, and the host reports the conflict.
    """
    seen: set[str] = set()
    found: list[EntryPoint] = []
    for folder in sys.path if path is None else path:
        for distribution in _distributions(folder or os.curdir):
            if distribution.key not in seen:
                seen.add(distribution.key)
                found += distribution.entry_points(group)
    return sorted(found, key=lambda entry: (entry.name, entry.package))


@frozen
class _Distribution:
    """A ``*.dist-info`` or ``*.egg-info`` folder."""

    key: str
    folder: str

    def entry_points(self, group: str) -> Iterator[EntryPoint]:
        text = _read(os.path.join(self.folder, "entry_points.txt"))
        if text is None or f"[{group}]" not in text:
            return
        metadata = _read(os.path.join(self.folder, "METADATA")) or _read(os.path.join(self.folder, "PKG-INFO")) or ""
        name, version, requirements = _parsed_metadata(metadata)
        for entry, value in _entries(text, group):
            yield EntryPoint(entry, value, name or self.key, version, requirements)


def _distributions(folder: str) -> Iterable[_Distribution]:
    try:
        names = os.listdir(folder)
    except NotADirectoryError:
        return _from_standard_library(folder)
    except OSError:
        return ()
    infos = sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))
    return [_Distribution(normalized_name(name.partition("-")[0]), os.path.join(folder, name)) for name in infos]


def _from_standard_library(archive: str) -> Iterable[_Distribution]:
    """Return the distributions inside an archive on the path; they are rare, so the import may cost what it costs."""
    from importlib.metadata import distributions

    for distribution in distributions(path=[archive]):
        yield _Archived(normalized_name(distribution.name), archive, distribution)


@frozen
class _Archived(_Distribution):
    """A distribution in an archive, read through ``importlib.metadata``."""

    distribution: object

    def entry_points(self, group: str) -> Iterator[EntryPoint]:
        from importlib.metadata import Distribution

        assert isinstance(self.distribution, Distribution)
        requirements = tuple(self.distribution.requires or ())
        for entry in self.distribution.entry_points.select(group=group):
            yield EntryPoint(entry.name, entry.value, self.distribution.name, self.distribution.version, requirements)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _entries(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Parse the lines of one section of ``entry_points.txt`` (an INI file without escapes or continuation lines)."""
    section = None
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            # Extras in brackets after the value are obsolete and mean nothing here.
            yield name.strip(), value.partition("[")[0].strip()


def _parsed_metadata(text: str) -> tuple[str, str, tuple[str, ...]]:
    """Return name, version and requirements from the header of a ``METADATA`` file."""
    name = version = ""
    requirements: list[str] = []
    for line in text.splitlines():
        if not line:
            break  # the description follows
        key, _, value = line.partition(":")
        match key.lower():
            case "name":
                name = value.strip()
            case "version":
                version = value.strip()
            case "requires-dist":
                requirements.append(value.strip())
    return name, version, tuple(requirements)
