"""Opening a database: what of its configuration is for packages, and what its bytes pass on their way to a file.

    Config ──options──►  Opening  ──hook database_opening──►  codecs; options that somebody took

A package that changes how bytes are stored must act before the first of them is read. So each plugin gets the
``Opening``: it takes the options that are its own, keeps small files of its own in the volume, and adds codecs. An
option that nobody took is an error: nothing that was asked for is left undone in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from heliosdb.config import PACKAGES, SECTIONS, package_of
from heliosdb.encoding.codecs import Chain, Codec, FileCodecs, codec_chain
from heliosdb.errors import DuplicateObject, FeatureNotSupported, UndefinedObject
from heliosdb.plugin.drivers import driver

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries
    from heliosdb.store.holds import Retention
    from heliosdb.store.volume import Volume

__all__ = ["DatabaseCodecs", "Opening", "prepare"]

CodecMaker = Callable[..., Codec]

USES = ("files", "temporary", "archives")
"""What passes codecs."""


class DatabaseCodecs:
    """What everything that is written for a database passes: a compression, and behind it what packages added."""

    def __init__(self, added: Mapping[str, CodecMaker], limited: Mapping[str, Collection[str]] | None = None) -> None:
        self._added = dict(added)
        self._limited = dict(limited or {})

    def find(self, name: str) -> CodecMaker:
        """Return what makes a codec: one that a package added for this database, else a driver."""
        return self._added.get(name) or driver("heliosdb.codecs", name)

    def files(self, compression: str = "zstd", level: int | None = None) -> FileCodecs:
        """Return the codecs of the database's own files."""
        added = self._of("files")
        names = (*_compression(compression), *added)
        return FileCodecs(names, level=level, find=self.find, required=added)

    def temporary(self) -> FileCodecs:
        """Return those of temporary files, which statements wait for: no compression."""
        return FileCodecs(self._of("temporary"), find=self.find)

    def archive(self, compression: str = "zstd", level: int | None = None, *, plain: bool = False) -> Chain:
        """Return those of an archive, which is read elsewhere; ``plain``: without what packages added."""

        def find(name: str) -> CodecMaker:
            make = self.find(name)
            return getattr(make, "portable", make)

        names = (compression,) if plain else (*_compression(compression), *self.added)
        return codec_chain(names, level=level, find=find)

    @property
    def added(self) -> tuple[str, ...]:
        """The names of the codecs that packages added for what leaves the database: archives."""
        return self._of("archives")

    def _of(self, use: str) -> tuple[str, ...]:
        return tuple([name for name in self._added if use in self._limited.get(name, USES)])


def _compression(name: str) -> tuple[str, ...]:
    return () if name == "none" else (name,)


class Opening:
    """A database that is being opened; nothing of it has been read.

    ``path`` is None in memory. ``volume`` is where its bytes live: a plugin may keep small files of its own in it
    (``whole``, ``replace``).
    """

    def __init__(self, path: str | None, volume: Volume, options: Mapping[str, Any]) -> None:
        self.path = path
        self.volume = volume
        self._options = dict(options)
        self._added: dict[str, CodecMaker] = {}
        self._limited: dict[str, frozenset[str]] = {}
        self._attached: dict[str, Any] = {}
        self._closers: list[Callable[[], object]] = []
        self._begun: list[Callable[[], object]] = []
        self.retention: Retention | None = None
        """What ``retain`` was given."""

    @property
    def is_new(self) -> bool:
        """Whether there is nothing in the volume yet."""
        return self.volume.whole("manifest") is None and not self.volume.names()

    def take(self, name: str) -> Any:
        """Return an option and count it as heeded; None where it is not stated.

        ``name`` is an argument of ``heliosdb.Config``, as ``retention_days``, or a key of its file with its section,
        as ``temporal.retention``. What its value may be the plugin checks.
        """
        return self._options.pop(name, None)

    def add_codec(self, name: str, make: CodecMaker, *, uses: Collection[str] = USES) -> None:
        """Have all that is written from now on pass a codec, behind the compression.

        ``make()`` gives one for a new file, ``make(parameters)`` one for a file whose header says them. Where it has
        an attribute ``portable``, that makes the codec of archives, which are read where this database is not. Where it
        has ``is_current``, that is asked whether parameters are those of a new file; others are written anew when the
        database is told to (``Maintenance.rewrite``). ``uses`` says of what all: the database's own "files",
        "temporary" files, and "archives"; a script is refused, unless it is asked for in plain text, where archives
        pass a codec.
        """
        unknown = set(uses).difference(USES)
        if unknown:
            raise ValueError(f"codecs have no use {', '.join(sorted(unknown))}")
        if name in self._added:
            raise DuplicateObject(f'codec "{name}" was added to the database twice')
        self._added[name] = make
        self._limited[name] = frozenset(uses)

    def attach(self, name: str, value: Any) -> None:
        """Keep something for as long as the database is open: ``database.attached[name]``."""
        if name in self._attached:
            raise DuplicateObject(f'"{name}" was attached to the database twice')
        self._attached[name] = value

    def retain(self, retention: Retention) -> None:
        """Say what is kept of the past where the database does not say so itself: one that is made is told so, one that
        was made without it keeps it for as long as it is open now. ``History.retain`` tells it for good."""
        if self.retention is not None:
            raise DuplicateObject("what the database keeps of its past was said twice")
        self.retention = retention

    def on_begin(self, function: Callable[[], object]) -> None:
        """Call a function when all plugins have agreed, before anything is read or written: what it leaves in the
        volume is left there by no opening that is refused."""
        self._begun.append(function)

    def begin(self) -> None:
        """Call what was to be called."""
        for function in self._begun:
            function()

    def on_close(self, function: Callable[[], object]) -> None:
        """Call a function when the last byte has been written, or when the opening fails."""
        self._closers.append(function)

    def close(self) -> None:
        """Call what was to be called. Harmless a second time."""
        while self._closers:
            self._closers.pop()()

    @property
    def attached(self) -> dict[str, Any]:
        """What plugins keep with the database."""
        return self._attached

    def codecs(self) -> DatabaseCodecs:
        """Return what has been added."""
        return DatabaseCodecs(self._added, self._limited)

    def require_all_taken(self, active: Collection[str | None] = ()) -> None:
        """Raise UndefinedObject or FeatureNotSupported for an option that nobody took; ``active``: packages that might
        have."""
        for name in self._options:
            kind = "key" if "." in name else "argument"
            package = package_of(name)
            if package is None or package in active:
                raise UndefinedObject(f'unrecognized configuration {kind} "{name}"', hint=_meant(name))
            raise FeatureNotSupported(
                f'configuration {kind} "{name}" needs {package}, which is not installed',
                hint=f"pip install {package}",
            )


def _meant(name: str) -> str | None:
    from difflib import get_close_matches

    section, _, key = name.partition(".")
    similar = get_close_matches(section, [*SECTIONS, *PACKAGES], 1)
    return f'Perhaps "{similar[0]}.{key}" was meant.' if similar and similar[0] != section else None


def prepare(registries: Registries, path: str | None, volume: Volume, options: Mapping[str, Any]) -> Opening:
    """Let the plugins prepare the opening of a database."""
    opening = Opening(path, volume, options)
    try:
        for listener in registries.lifecycle.get("database_opening", ()):
            listener(opening)
        opening.require_all_taken({found.package for found in registries.plugins if found.status == "active"})
        opening.begin()
    except BaseException:
        opening.close()
        raise
    return opening
