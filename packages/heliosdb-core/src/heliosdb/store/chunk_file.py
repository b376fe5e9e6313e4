"""Files that are written once, chunk by chunk, and read chunk by chunk: segments and index runs.

    header      plain (see ``file_header``): kind, codecs, file id, what the file is of
    chunk*      each as the codecs left it, one behind the other
    footer      a chunk, too: where the others are
    trailer     28 bytes: where the footer is

    trailer     0  8  offset of the footer          16  4  the trailer's checksum: file id and the bytes before
                8  4  its length                    20  8  \\x89 HELEND
               12  4  its checksum

All numbers are little-endian. A chunk's checksum is CRC-32 over its *place*, which is the file's id and two numbers
that say what the chunk is, and the stored bytes; the same place is what the codecs get as associated data. So a chunk
that stands elsewhere, or in another file, is not taken for the right one. Checksums are compared before codecs see the
bytes: what is damaged is DataCorrupted (XX001) and names the file and what of it is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

from heliosdb.encoding.codecs import Chain, FileCodecs
from heliosdb.errors import DataCorrupted
from heliosdb.store.file_header import FileHeader, new_file_header, parse_file_header
from heliosdb.store.pace import Pay
from heliosdb.store.volume import Volume

__all__ = ["FOOTER", "Chunk", "ChunkFileReader", "ChunkFileWriter"]

FOOTER = -1
"""The first number of the footer's place; the second is 0."""

APPEND_AT = 1 << 20
"""Bytes that are collected before the volume gets them."""

FIRST_READ = 4096

_place = Struct("<16sqq")
_trailer = Struct("<QII")
_checksum = Struct("<I")
_END = b"\x89HELEND\n"
TRAILER = _trailer.size + _checksum.size + len(_END)


class Chunk(NamedTuple):
    """Where a chunk is."""

    offset: int
    length: int
    checksum: int


class ChunkFileWriter:
    """Writes one file. Nothing of it counts before ``finish`` has returned."""

    def __init__(
        self,
        volume: Volume,
        name: str,
        kind: bytes,
        version: int,
        codecs: FileCodecs,
        parameters: Mapping[str, Any],
        pay: Pay | None = None,
    ) -> None:
        self.name = name
        self._pay = pay
        self._volume = volume
        self._codecs = codecs
        self._chain = codecs.new()
        self._header = header = new_file_header(kind, version, {**self._chain.described(), **parameters})
        self._id = header.binding(name)
        start = header.encode()
        self._waiting = [start]
        self._waiting_size = len(start)
        self.size = len(start)

    def add(self, data: bytes, first: int, second: int) -> Chunk:
        """Append a chunk; the two numbers are its place."""
        place = _place.pack(self._id, first, second)
        stored = self._chain.encode(data, place)
        chunk = Chunk(self.size, len(stored), crc32(stored, crc32(place)))
        self._append(stored)
        return chunk

    def _append(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_size += len(data)
        self.size += len(data)
        if self._waiting_size >= APPEND_AT:
            self._flush()

    def _flush(self) -> None:
        self._volume.append(self.name, self._waiting)
        size, self._waiting, self._waiting_size = self._waiting_size, [], 0
        if self._pay is not None:
            self._pay(size)

    def reader(self) -> ChunkFileReader:
        """Return what reads the chunks that were appended so far, those too that the volume has no room for; it has no
        footer, and nobody appends while it reads."""
        header = self._header
        reader = ChunkFileReader(self._volume, self.name, header.kind, header.version, self._codecs)
        reader._opened = header, self._id, self._chain, Chunk(0, 0, 0)
        reader._read = self._read
        return reader

    def _read(self, offset: int, length: int) -> bytes:
        flushed = self.size - self._waiting_size
        start, end = offset - flushed, offset + length - flushed
        found = self._volume.read(self.name, offset, min(length, -start)) if start < 0 else b""
        if end <= 0:
            return found
        if len(self._waiting) > 1:
            self._waiting = [b"".join(self._waiting)]
        return found + self._waiting[0][max(start, 0) : end]

    def finish(self, footer: bytes) -> int:
        """Append footer and trailer, make the file durable and return its size."""
        trailer = _trailer.pack(*self.add(footer, FOOTER, 0))
        self._append(trailer + _checksum.pack(crc32(trailer, crc32(self._id))) + _END)
        self._flush()
        self._volume.sync(self.name)
        return self.size

    def abandon(self) -> None:
        """Delete what was written."""
        self._waiting = []
        self._volume.delete(self.name)


class ChunkFileReader:
    """Reads one file, from any number of threads. The file is opened when something of it is wanted."""

    def __init__(self, volume: Volume, name: str, kind: bytes, version: int, codecs: FileCodecs) -> None:
        self.name = name
        self._volume = volume
        self._kind = kind
        self._version = version
        self._codecs = codecs
        self._read: Callable[[int, int], bytes] = partial(volume.read, name)
        self._opened: tuple[FileHeader, bytes, Chain, Chunk] | None = None

    @property
    def header(self) -> FileHeader:
        """What the file says of itself."""
        return self._open()[0]

    def _open(self) -> tuple[FileHeader, bytes, Chain, Chunk]:
        opened = self._opened
        if opened is None:
            # Two threads may do this at once, and find the same.
            opened = self._opened = self._read_ends()
        return opened

    def _read_ends(self) -> tuple[FileHeader, bytes, Chain, Chunk]:
        size = self._volume.size(self.name)
        start = self._read(0, min(size, FIRST_READ))
        header = parse_file_header(start, self._kind, self._version, self.name)
        if header is None and size > FIRST_READ:
            start = self._read(0, min(size, 1 << 17))
            header = parse_file_header(start, self._kind, self._version, self.name)
        if header is None:
            raise self.damaged("its header at offset 0")
        if size < TRAILER:
            raise self.damaged(f"its trailer at offset {size}")
        binding = header.binding(self.name)
        end = self._read(size - TRAILER, TRAILER)
        fixed = end[: _trailer.size]
        (checksum,) = _checksum.unpack_from(end, _trailer.size)
        if end[-len(_END) :] != _END or checksum != crc32(fixed, crc32(binding)):
            raise self.damaged(f"its trailer at offset {size - TRAILER}")
        try:
            chain = self._codecs.of(header.codecs, header.codec_parameters)
        except DataCorrupted as error:
            raise self.damaged("its header", error.message) from error
        return header, binding, chain, Chunk(*_trailer.unpack(fixed))

    def footer(self) -> bytes:
        """Return the footer."""
        return self.read(self._open()[3], FOOTER, 0, "its footer")

    def read(self, chunk: Chunk, first: int, second: int, what: str) -> bytes:
        """Return a chunk; ``what`` is what errors call it."""
        return self.decode(self._read(chunk.offset, chunk.length), chunk, first, second, what)

    def read_span(self, offset: int, length: int) -> bytes:
        """Return stored bytes: several chunks, for ``decode``."""
        return self._read(offset, length)

    def decode(self, stored: bytes, chunk: Chunk, first: int, second: int, what: str) -> bytes:
        """Return the chunk of which these are the stored bytes."""
        _, binding, chain, _ = self._open()
        place = _place.pack(binding, first, second)
        if crc32(stored, crc32(place)) != chunk.checksum:
            raise self.damaged(f"{what} at offset {chunk.offset}")
        try:
            return chain.decode(stored, place)
        except DataCorrupted as error:
            raise self.damaged(f"{what} at offset {chunk.offset}", error.message) from error

    def damaged(self, what: str, detail: str | None = None) -> DataCorrupted:
        """Return the error for a part of the file."""
        return DataCorrupted(
            f'file "{self.name}" is corrupted: {what} is damaged',
            detail=detail,
            hint="heliosdb salvage reads what is left.",
        )
