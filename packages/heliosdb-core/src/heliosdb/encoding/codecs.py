"""Codecs: what turns the bytes of a chunk into the bytes that are stored, and back.

A file names its codecs in its plain header, in the order in which they encode: compression first, a cipher behind it.
``Chain`` composes them once per file. A codec works on one chunk at a time and keeps nothing between chunks, so any
chunk can be read alone. What is *associated* with a chunk (which file it is of, where it stands) is not stored by the
codec; a cipher authenticates it, a compression ignores it.

The core ships ``none``, ``zstd`` and ``lz4``; others are drivers of the group ``heliosdb.codecs``. This module is the
only importer of zstandard and lz4, and imports them when a codec is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from threading import local
from typing import Any, Protocol, runtime_checkable

from heliosdb.errors import DataCorrupted, FeatureNotSupported, InvalidParameterValue, UndefinedObject

__all__ = ["CODECS", "Chain", "Codec", "FileCodecs", "Lz4", "Parametrized", "Unchanged", "Zstd", "codec_chain"]

_package_name = re.compile(r"[a-z0-9](-?[a-z0-9]){0,60}").fullmatch

LARGEST_CHUNK = 1 << 30
"""A chunk that claims to be larger when decoded is damaged: nothing is allocated for it."""


@runtime_checkable
class Codec(Protocol):
    """Encodes and decodes whole chunks. Any number of threads may use one codec at once."""

    name: str

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk as it is stored."""
        ...

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return what was encoded; DataCorrupted where it cannot have been."""
        ...


@runtime_checkable
class Parametrized(Protocol):
    """A codec that a file's header says more of than its name: what a cipher needs to find its key again."""

    parameters: Mapping[str, Any]
    """What JSON can say. The driver is called with it for a file that is read, and without for a new one. Where
    ``package`` is in it, that is what one who does not have the codec is told to install."""


class Unchanged:
    """The codec ``none``: chunks are stored as they are."""

    name = "none"

    def __init__(self, level: int | None = None) -> None:
        _without_level(self.name, level)

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk."""
        return chunk

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk."""
        return chunk


SMALL = 2048
"""Bytes below which nothing is compressed."""

_SMALL_FRAMES = tuple(
    b"\x28\xb5\x2f\xfd"
    + (b"\x20%c" % n if n < 256 else b"\x60" + (n - 256).to_bytes(2, "little"))
    + (n << 3 | 1).to_bytes(3, "little")
    for n in range(SMALL)
)
"""What stands before n bytes in a frame of one segment and one raw block (RFC 8878, 3.1.1)."""


class Zstd:
    """The codec ``zstd``: Zstandard frames (RFC 8878) that say how long their content is."""

    name = "zstd"

    def __init__(self, level: int | None = None) -> None:
        if level is not None and not 1 <= level <= 22:
            raise InvalidParameterValue(f"the level of zstd must be from 1 to 22, not {level}")
        self._zstandard = _package("zstandard", self.name)
        self._level = 3 if level is None else level
        # A compressor's context belongs to one thread at a time.
        self._contexts = local()

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk compressed; a small one as a frame of one raw block.

        Of the record of a few rows compression would take away little, and it lets other threads run, which is more
        than the rest of a commit costs where many of them commit.
        """
        if len(chunk) < len(_SMALL_FRAMES):
            return _SMALL_FRAMES[len(chunk)] + chunk
        compressor = getattr(self._contexts, "compressor", None)
        if compressor is None:
            compressor = self._contexts.compressor = self._zstandard.ZstdCompressor(level=self._level)
        encoded: bytes = compressor.compress(chunk)
        return encoded

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk decompressed."""
        decompressor = getattr(self._contexts, "decompressor", None)
        if decompressor is None:
            decompressor = self._contexts.decompressor = self._zstandard.ZstdDecompressor()
        try:
            size = self._zstandard.frame_content_size(chunk)
            if not 0 <= size <= LARGEST_CHUNK:
                raise DataCorrupted(f"a zstd chunk claims to hold {size} bytes")
            decoded: bytes = decompressor.decompress(chunk)
        except self._zstandard.ZstdError as error:
            raise DataCorrupted(f"a zstd chunk does not decompress: {error}") from None
        return decoded


class Lz4:
    """The codec ``lz4``: LZ4 frames that say how long their content is."""

    name = "lz4"

    def __init__(self, level: int | None = None) -> None:
        if level is not None and not 0 <= level <= 16:
            raise InvalidParameterValue(f"the level of lz4 must be from 0 to 16, not {level}")
        self._frame = _package("lz4.frame", self.name)
        self._level = 0 if level is None else level

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk compressed."""
        encoded: bytes = self._frame.compress(chunk, compression_level=self._level, store_size=True)
        return encoded

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk decompressed."""
        try:
            size = self._frame.get_frame_info(chunk)["content_size"]
            if not 0 <= size <= LARGEST_CHUNK:
                raise DataCorrupted(f"an lz4 chunk claims to hold {size} bytes")
            decoded: bytes = self._frame.decompress(chunk)
        except (RuntimeError, EOFError) as error:
            raise DataCorrupted(f"an lz4 chunk does not decompress: {error}") from None
        return decoded


CODECS: Mapping[str, Callable[[int | None], Codec]] = {"none": Unchanged, "zstd": Zstd, "lz4": Lz4}
"""The core's codecs: name -> what makes one of a level (None: its own default)."""


class Chain:
    """Codecs one behind the other. ``names`` are what a file's header says."""

    def __init__(self, codecs: Sequence[Codec]) -> None:
        self._codecs = tuple(codecs)
        self.names = tuple(codec.name for codec in self._codecs)
        self.parameters = {
            codec.name: dict(codec.parameters) for codec in self._codecs if isinstance(codec, Parametrized)
        }
        """What the header says besides the names, by name."""

    def described(self) -> dict[str, Any]:
        """Return what the header of a file says of its codecs: ``codecs``, and ``parameters`` where there are any."""
        described: dict[str, Any] = {"codecs": list(self.names)}
        if self.parameters:
            described["parameters"] = self.parameters
        return described

    @property
    def is_for_one_writing(self) -> bool:
        """Whether nothing may be appended with it once a file has been opened anew.

        Parameters belong to one writer of one file: a cipher's nonces would come again where a torn tail was cut off.
        """
        return bool(self.parameters)

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return the chunk as it is stored."""
        for codec in self._codecs:
            chunk = codec.encode(chunk, associated)
        return chunk

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        """Return what was encoded; DataCorrupted where it cannot have been."""
        for codec in reversed(self._codecs):
            chunk = codec.decode(chunk, associated)
        return chunk


def codec_chain(
    names: Sequence[str],
    *,
    level: int | None = None,
    find: Callable[[str], Callable[..., Codec]] | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> Chain:
    """Return the chain of codecs with these names, in the order in which they encode.

    ``level`` is the first codec's, the compression's. ``find`` looks up what the core does not have; without it such a
    name is UndefinedObject. ``parameters`` are those of the file's header.
    """
    parameters = parameters or {}
    made: list[Codec] = []
    for name in names:
        maker = CODECS.get(name)
        if maker is not None:
            made.append(maker(None if made else level))
        elif find is not None:
            given = parameters.get(name)
            make = _found(find, name, given)
            made.append(make() if given is None else make(given))
        else:
            raise UndefinedObject(f'codec "{name}" does not exist', hint=f"There are: {', '.join(sorted(CODECS))}.")
    return Chain(made)


class FileCodecs:
    """The codecs of a database's files: which ones new files get, and those that a file's header names.

    Nothing is imported before the first file is written or read. Files without parameters share one chain.
    """

    def __init__(
        self,
        names: Sequence[str] = ("zstd",),
        *,
        level: int | None = None,
        find: Callable[[str], Callable[..., Codec]] | None = None,
        required: Sequence[str] = (),
    ) -> None:
        """``required``: codecs that a file must have passed; another file was not written by this database."""
        self.names = tuple(names)
        self._required = frozenset(required)
        self.level = level
        self._find = find
        self._shared: dict[tuple[str, ...], Chain] = {}

    def new(self) -> Chain:
        """Return the chain for a new file. Its ``parameters`` go into the header."""
        shared = self._shared.get(self.names)
        if shared is None:
            shared = codec_chain(self.names, level=self.level, find=self._find)
            if not shared.parameters:
                self._shared[self.names] = shared
        return shared

    def of(self, names: Sequence[str], parameters: Mapping[str, Mapping[str, Any]] | None = None) -> Chain:
        """Return the chain that a header names; DataCorrupted where one is missing that every file has passed."""
        key = tuple(names)
        for name in self._required.difference(key):
            raise DataCorrupted(f'it has not passed the codec "{name}", as everything has in this database')
        if parameters or key not in self._shared:
            chain = codec_chain(
                key, level=self.level if key == self.names else None, find=self._find, parameters=parameters
            )
            if parameters:
                return chain
            self._shared[key] = chain
        return self._shared[key]

    def is_current(self, names: Sequence[str], parameters: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether a header says what that of a new file would: the same codecs, as ``is_current`` of their makers sees
        it where they have that."""
        if tuple(names) != self.names:
            return False
        for name, given in parameters.items():
            judge = getattr(None if self._find is None else self._find(name), "is_current", None)
            if judge is not None and not judge(given):
                return False
        return True


def _found(
    find: Callable[[str], Callable[..., Codec]], name: str, parameters: Mapping[str, Any] | None
) -> Callable[..., Codec]:
    try:
        return find(name)
    except UndefinedObject:
        package = None if parameters is None else parameters.get("package")
        if not isinstance(package, str) or _package_name(package) is None:
            raise
        raise FeatureNotSupported(
            f'the codec "{name}" is in the package {package}, which is not installed', hint=f"pip install {package}"
        ) from None


def _without_level(name: str, level: int | None) -> None:
    if level is not None:
        raise InvalidParameterValue(f'the codec "{name}" has no levels')


def _package(module: str, codec: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        package = module.partition(".")[0]
        raise FeatureNotSupported(
            f'the codec "{codec}" needs the package {package}', hint=f"pip install {package}"
        ) from None
