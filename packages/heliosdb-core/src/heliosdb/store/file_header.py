"""The plain header that every file of a volume begins with: what it is, and which codecs the rest passed.

     0   8  magic            \\x89 HELIOS \\n: neither text nor any other format; a transfer "as text" breaks it
     8   4  kind             what the file is: "LOG ", ...
    12   2  format version   of that kind; a reader refuses what is newer than itself
    14   2  n                length of the parameters
    16  16  file id          random
    32   n  parameters       JSON: {"codecs": [names in the order in which they encode],
                             "parameters": {name of a codec: {what it says of itself}}, ...}
  32+n   4  checksum         CRC-32 of all bytes before it

Numbers are little-endian. A file is recognised, and its codecs are known, before anything is decoded.

The header itself passes no codec. So that it cannot be another's all the same, and a file cannot stand in the place of
another, everything behind it is bound to it (``FileHeader.binding``): every checksum, and the associated data of every
chunk, begin with a digest of the file's name and its header.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from heliosdb.errors import DataCorrupted, FeatureNotSupported, ProgramLimitExceeded

if TYPE_CHECKING:
    from heliosdb.store.volume import Volume

__all__ = ["FileHeader", "MAGIC", "file_headers", "new_file_header", "parse_file_header", "read_header"]

MAGIC = b"\x89HELIOS\n"

LARGEST = 1 << 17
"""Bytes within which every header ends."""

MAX_VERSION = (1 << 16) - 1

_fixed = Struct("<8s4sHH16s")
_checksum = Struct("<I")


class FileHeader(NamedTuple):
    """What a file says of itself. ``parameters`` holds "codecs" and whatever the kind adds."""

    kind: bytes
    version: int
    file_id: bytes
    parameters: Mapping[str, Any]

    @property
    def codecs(self) -> tuple[str, ...]:
        """The codecs' names, in the order in which they encode."""
        return tuple(self.parameters.get("codecs", ()))

    @property
    def codec_parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """What is said of codecs besides their names, by name."""
        found: Mapping[str, Mapping[str, Any]] = self.parameters.get("parameters", {})
        return found

    def binding(self, name: str) -> bytes:
        """Return 16 bytes that no other file has, nor one of another name: what all checksums and chunks begin with."""
        return sha256(name.encode() + b"\0" + self.encode()).digest()[:16]

    def encode(self, limit: int = 1 << 16) -> bytes:
        """Return the header's bytes; ProgramLimitExceeded when they are more than a limit."""
        parameters = json.dumps(self.parameters, separators=(",", ":"), sort_keys=True).encode()
        size = _fixed.size + len(parameters) + _checksum.size
        if size > limit or len(parameters) >= 1 << 16:
            raise ProgramLimitExceeded(f"the parameters of a file's codecs take {len(parameters)} bytes")
        head = _fixed.pack(MAGIC, self.kind, self.version, len(parameters), self.file_id) + parameters
        return head + _checksum.pack(crc32(head))


def new_file_header(kind: bytes, version: int, parameters: Mapping[str, Any]) -> FileHeader:
    """Return a header with an id of its own."""
    return FileHeader(kind, version, os.urandom(16), dict(parameters))


def file_headers(volume: Volume) -> Iterator[tuple[str, int, FileHeader | None]]:
    """Yield (name, size in bytes, header) of every file of a volume, the manifest included; None: damaged."""
    for name in volume.names():
        try:
            yield name, volume.size(name), read_header(volume, name)
        except DataCorrupted:
            continue  # it was deleted meanwhile
    manifest = volume.whole("manifest")
    if manifest is not None:
        yield "manifest", len(manifest), parse_file_header(manifest, manifest[8:12], MAX_VERSION, "manifest")


def read_header(volume: Volume, name: str) -> FileHeader | None:
    """Return the header of a file, whatever kind it is of; None where it is missing or damaged."""
    try:
        start = volume.read(name, 0, min(volume.size(name), LARGEST))
    except DataCorrupted:
        return None
    return parse_file_header(start, start[8:12], MAX_VERSION, name)


def parse_file_header(data: bytes, kind: bytes, version: int, name: str) -> FileHeader | None:
    """Return the header that bytes begin with, or None when it is damaged or of another kind.

    FeatureNotSupported, naming the file, when its format is newer than ``version``.
    """
    if len(data) < _fixed.size:
        return None
    magic, found, format_version, length, file_id = _fixed.unpack_from(data)
    end = _fixed.size + length
    if magic != MAGIC or found != kind or len(data) < end + _checksum.size:
        return None
    if _checksum.unpack_from(data, end)[0] != crc32(data[:end]):
        return None
    if format_version > version:
        raise FeatureNotSupported(
            f'file "{name}" has format version {format_version}, and this version of heliosdb reads up to {version}',
            hint="pip install --upgrade heliosdb-core",
        )
    return FileHeader(found, format_version, file_id, json.loads(data[_fixed.size : end]))
