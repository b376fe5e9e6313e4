"""The archive format: one compact file that holds a database, and from which one table can be taken.

    header      magic, format version, codec names, the file's number          plain
    chunks      rows of tables in COPY's text format, about 1 MB each           through the codec chain
    contents    every object's SQL, and which chunks hold which rows            a chunk as the others
    trailer     where the contents begin, magic                                 plain

Every chunk has a checksum of its own and says where it stands, so a damaged or exchanged one is found when it is read,
and the error names its place. docs/architecture/archive.md describes every byte.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from heliosdb.dump.entry import Entry
from heliosdb.encoding.codecs import LARGEST_CHUNK, Chain, Codec, codec_chain
from heliosdb.errors import DataCorrupted, FeatureNotSupported

__all__ = ["CHUNK", "MAGIC", "ArchiveReader", "ArchiveWriter", "is_archive"]

MAGIC: Final = b"\x89HDBA\r\n\x1a"
"""As in PNG: no text begins so, and what changes line ends or cuts the eighth bit breaks it visibly."""
END_MAGIC: Final = b"HDBAEND\n"
VERSION: Final = 1
CHUNK: Final = 1 << 20
"""Bytes of rows in a chunk before encoding, about."""

_fixed: Final = struct.Struct("<8sHHI")
"""Header: magic, format version, zero, length of the JSON behind it."""
_chunk: Final = struct.Struct("<4sQIII")
"""Chunk: mark, ordinal, length as stored, length when decoded, CRC-32 of what comes before and of the stored bytes."""
_trailer: Final = struct.Struct("<QQI8s")
"""Trailer: offset of the contents' chunk, its ordinal, CRC-32 of both, magic."""
_crc: Final = struct.Struct("<I")
ROWS_MARK: Final = b"ROWS"
CONTENTS_MARK: Final = b"TOC\x00"


def is_archive(beginning: bytes) -> bool:
    """Return whether a file that begins so is an archive."""
    return beginning.startswith(MAGIC)


class ArchiveWriter:
    """Writes an archive from its beginning to its end; the file need not be seekable."""

    def __init__(self, file: BinaryIO, chain: Chain, about: dict[str, Any]) -> None:
        self._file = file
        self._chain = chain
        self._offset = 0
        self._ordinal = 0
        self._number = os.urandom(16)
        header = {**chain.described(), "file": self._number.hex(), **about}
        text = json.dumps(header, sort_keys=True).encode()
        fixed = _fixed.pack(MAGIC, VERSION, 0, len(text))
        self._write(fixed + text + _crc.pack(zlib.crc32(fixed + text)))
        self._entries: list[dict[str, Any]] = []

    def _write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._offset += len(piece)

    def _write_chunk(self, mark: bytes, content: bytes) -> tuple[int, int]:
        """Write a chunk and return its offset and ordinal."""
        offset, ordinal = self._offset, self._ordinal
        stored = self._chain.encode(content, _associated(self._number, mark, ordinal))
        head = _chunk.pack(mark, ordinal, len(stored), len(content), 0)[:-4]
        self._write(head + _crc.pack(_checksum(self._number, head, stored)) + stored)
        self._ordinal += 1
        return offset, ordinal

    def add(self, entry: Entry, pieces: Iterator[str] | None = None) -> int:
        """Add an object; of rows, with the rows. Return how many rows there were."""
        described = entry.to_json()
        rows = 0
        if pieces is not None:
            # Rows without values are known by their number alone.
            described["chunks"], rows = (
                self._rows(pieces) if entry.columns else ([], sum(piece.count("\n") for piece in pieces))
            )
            described["rows"] = rows
        self._entries.append(described)
        return rows

    def _rows(self, pieces: Iterator[str]) -> tuple[list[tuple[int, int]], int]:
        places: list[tuple[int, int]] = []
        waiting: list[str] = []
        size = rows = 0
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            rows += piece.count("\n")
            if size >= CHUNK:
                places.append(self._write_chunk(ROWS_MARK, "".join(waiting).encode()))
                waiting.clear()
                size = 0
        if waiting:
            places.append(self._write_chunk(ROWS_MARK, "".join(waiting).encode()))
        return places, rows

    def finish(self) -> None:
        """Write the contents and the trailer."""
        offset, ordinal = self._write_chunk(CONTENTS_MARK, json.dumps({"entries": self._entries}).encode())
        place = struct.pack("<QQ", offset, ordinal)
        self._write(_trailer.pack(offset, ordinal, zlib.crc32(place), END_MAGIC))


def _checksum(number: bytes, head: bytes, stored: bytes) -> int:
    """Return a chunk's checksum: the file's number is in it, so that a chunk of another archive is none of this one."""
    return zlib.crc32(stored, zlib.crc32(head, zlib.crc32(number)))


def _associated(number: bytes, mark: bytes, ordinal: int) -> bytes:
    """Return what binds a chunk to its file and its place in it."""
    return number + mark + struct.pack("<Q", ordinal)


class ArchiveReader:
    """Reads an archive; ``entries`` are its objects in order. The file must be seekable.

    ``find_codec`` looks up codecs that the core does not ship.
    """

    def __init__(self, file: BinaryIO, find_codec: Callable[[str], Callable[..., Codec]] | None = None) -> None:
        self._file = file
        self.header = self._read_header()
        try:
            self._number = bytes.fromhex(self.header["file"])
            names = [str(name) for name in self.header["codecs"]]
            parameters = dict(self.header.get("parameters", {}))
        except (KeyError, TypeError, ValueError):
            raise DataCorrupted("the archive's header is damaged: it says neither its number nor its codecs") from None
        self._chain = codec_chain(names, find=find_codec, parameters=parameters)
        described = self._read_contents()
        self.entries: list[Entry] = []
        self._chunks: dict[int, list[tuple[int, int]]] = {}
        self.rows: dict[int, int] = {}
        """How many rows an entry has, by its number."""
        for number, given in enumerate(described):
            try:
                self.entries.append(Entry.from_json(given))
                if given["kind"] == "TABLE DATA":
                    self._chunks[number] = [(int(offset), int(ordinal)) for offset, ordinal in given["chunks"]]
                    self.rows[number] = int(given["rows"])
            except (KeyError, TypeError, ValueError, IndexError):
                raise DataCorrupted(f"the archive's contents are damaged, at object {number}") from None

    def _exactly(self, size: int, what: str) -> bytes:
        offset = self._file.tell()
        content = self._file.read(size)
        if len(content) != size:
            raise DataCorrupted(
                f"the archive ends early: {what} at byte {offset} needs {size} bytes, not {len(content)}"
            )
        return content

    def _read_header(self) -> dict[str, Any]:
        fixed = self._exactly(_fixed.size, "the header")
        magic, version, zero, size = _fixed.unpack(fixed)
        if magic != MAGIC:
            raise DataCorrupted("this is no archive of HeliosDB: the first bytes are others")
        if version != VERSION:
            raise FeatureNotSupported(
                f"the archive has format {version}, which this version does not read",
                hint=f"This version reads format {VERSION}; a later one made the archive.",
            )
        if size > LARGEST_CHUNK:
            raise DataCorrupted("the archive's header is damaged, at byte 12")
        text = self._exactly(size, "the header")
        (checksum,) = _crc.unpack(self._exactly(_crc.size, "the header's checksum"))
        if zero or zlib.crc32(fixed + text) != checksum:
            raise DataCorrupted("the archive's header is damaged: its checksum differs")
        header = _object(text)
        if header is None:
            raise DataCorrupted("the archive's header is damaged: it is no JSON object")
        return header

    def _read_contents(self) -> list[dict[str, Any]]:
        size = self._file.seek(0, os.SEEK_END)
        begin = size - _trailer.size
        if begin <= 0:
            raise DataCorrupted(f"the archive ends early, at byte {size}")
        self._file.seek(begin)
        offset, ordinal, checksum, magic = _trailer.unpack(self._exactly(_trailer.size, "the trailer"))
        if magic != END_MAGIC:
            raise DataCorrupted(f"the archive ends early, at byte {size}: it has no trailer")
        if zlib.crc32(struct.pack("<QQ", offset, ordinal)) != checksum or offset >= begin:
            raise DataCorrupted(f"the archive's trailer is damaged, at byte {begin}")
        content, end = self._chunk(offset, ordinal, CONTENTS_MARK)
        if end != begin:
            raise DataCorrupted(
                f"the archive's contents are damaged, at byte {offset}: they do not reach to the trailer"
            )
        contents = _object(content)
        entries = None if contents is None else contents.get("entries")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataCorrupted(f"the archive's contents are damaged, at byte {offset}")
        return entries

    def _chunk(self, offset: int, ordinal: int, wanted: bytes) -> tuple[bytes, int]:
        """Return a chunk's content and where it ends; DataCorrupted where anything is not as it was."""
        if offset < 0:
            raise DataCorrupted(f"the archive is damaged: no chunk begins at byte {offset}")
        self._file.seek(offset)
        head = self._exactly(_chunk.size, "a chunk")
        mark, found, stored_size, size, checksum = _chunk.unpack(head)
        if mark != wanted or found != ordinal or max(stored_size, size) > LARGEST_CHUNK:
            raise DataCorrupted(f"the archive is damaged: chunk {ordinal} does not begin at byte {offset}")
        stored = self._exactly(stored_size, "a chunk")
        if _checksum(self._number, head[:-4], stored) != checksum:
            raise DataCorrupted(f"the archive is damaged: the checksum of chunk {ordinal} at byte {offset} differs")
        try:
            content = self._chain.decode(stored, _associated(self._number, mark, ordinal))
        except DataCorrupted as error:
            raise DataCorrupted(f"chunk {ordinal} at byte {offset}: {error.message}") from None
        if len(content) != size:
            raise DataCorrupted(f"chunk {ordinal} at byte {offset} holds {len(content)} bytes, not {size}")
        return content, self._file.tell()

    def row_pieces(self, number: int) -> Iterator[bytes]:
        """Yield the rows of an entry in COPY's text format, in pieces of whole lines."""
        found = 0
        for offset, ordinal in self._chunks[number]:
            content, _ = self._chunk(offset, ordinal, ROWS_MARK)
            found += content.count(b"\n")
            yield content
        if found != self.rows[number]:
            title = self.entries[number].title
            raise DataCorrupted(f"the archive is damaged: {title} has {found} rows, not {self.rows[number]}")

    def verify(self) -> None:
        """Read every chunk; DataCorrupted for the first damaged one."""
        for number in self._chunks:
            for _ in self.row_pieces(number):
                pass


def _object(text: bytes) -> dict[str, Any] | None:
    """Return what a JSON object says, None for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
