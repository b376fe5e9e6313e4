"""Files of chunks name their codecs, and give them what they need to read a file again."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping
from hashlib import blake2b, shake_256
from typing import Any

import pytest

from heliosdb.encoding.classes import ClassTable
from heliosdb.encoding.codecs import Codec, FileCodecs, codec_chain
from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted, FeatureNotSupported, UndefinedObject
from heliosdb.store.chunk_file import Chunk, ChunkFileReader, ChunkFileWriter
from heliosdb.store.file_header import new_file_header
from heliosdb.store.segment import BlockImage, SegmentReader, SegmentWriter
from heliosdb.store.volume import MemoryVolume
from heliosdb_testkit import CodecSuite

KIND = b"TEST"
NAME = "test-1"


class Sealed:
    """A codec in the place of a cipher: a key for each file, and a tag over chunk and associated data."""

    name = "sealed"

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        self.parameters = dict(parameters or {"salt": os.urandom(8).hex()})
        self._key = bytes.fromhex(self.parameters["salt"])

    def _mixed(self, chunk: bytes, nonce: bytes) -> bytes:
        stream = shake_256(self._key + nonce).digest(len(chunk))
        return bytes(a ^ b for a, b in zip(chunk, stream))

    def _tag(self, nonce: bytes, mixed: bytes, associated: bytes) -> bytes:
        return blake2b(nonce + len(associated).to_bytes(8, "big") + associated + mixed, key=self._key).digest()[:16]

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        nonce = os.urandom(12)
        mixed = self._mixed(chunk, nonce)
        return nonce + self._tag(nonce, mixed, associated) + mixed

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        nonce, tag, mixed = chunk[:12], chunk[12:28], chunk[28:]
        if not hmac.compare_digest(tag, self._tag(nonce, mixed, associated)):
            raise DataCorrupted("a sealed chunk is not what was sealed")
        return self._mixed(mixed, nonce)


class TestSealed(CodecSuite):
    codec_name = "sealed"
    detects_damage = True
    authenticates = True

    @pytest.fixture
    def make(self) -> Callable[..., Codec]:
        return Sealed


def find(name: str) -> Callable[..., Codec]:
    """Look a driver up, as the plugin host does."""
    if name != "sealed":
        raise UndefinedObject(f'codec "{name}" does not exist')
    return Sealed


def sealed() -> FileCodecs:
    """Return the codecs of a database whose files are compressed and sealed."""
    return FileCodecs(("zstd", "sealed"), find=find)


def write(volume: MemoryVolume, codecs: FileCodecs, name: str = NAME) -> list[Chunk]:
    """Write a file of three chunks."""
    writer = ChunkFileWriter(volume, name, KIND, 1, codecs, {"relation": 7})
    chunks = [writer.add(b"chunk %d " % number * 100, number, 5) for number in range(3)]
    assert writer.finish(b"the footer") == volume.size(name)
    return chunks


def reader(volume: MemoryVolume, codecs: FileCodecs, name: str = NAME) -> ChunkFileReader:
    """Return a reader of the file."""
    return ChunkFileReader(volume, name, KIND, 1, codecs)


def test_whoever_knows_the_drivers_reads_what_the_header_names() -> None:
    volume = MemoryVolume()
    chunks = write(volume, sealed())
    assert b"chunk" not in volume.read(NAME)
    for codecs in (sealed(), FileCodecs(("none",), find=find)):
        file = reader(volume, codecs)
        assert file.footer() == b"the footer"
        assert file.header.codecs == ("zstd", "sealed")
        assert file.header.parameters["relation"] == 7
        assert len(file.header.parameters["parameters"]["sealed"]["salt"]) == 16
        for number, chunk in enumerate(chunks):
            assert file.read(chunk, number, 5, "a chunk") == b"chunk %d " % number * 100


def test_each_file_has_parameters_of_its_own() -> None:
    volume, codecs = MemoryVolume(), sealed()
    write(volume, codecs)
    write(volume, codecs, "test-2")
    salts = [reader(volume, codecs, name).header.parameters["parameters"]["sealed"]["salt"] for name in volume.names()]
    assert len(set(salts)) == 2
    assert reader(volume, codecs).footer() == reader(volume, codecs, "test-2").footer()


def test_files_without_parameters_share_a_chain() -> None:
    codecs = FileCodecs(("zstd",))
    assert codecs.new() is codecs.new()
    assert codecs.of(("zstd",)) is codecs.new()
    assert codecs.of(("none",)) is codecs.of(["none"])
    assert codecs.of(("none",)) is not codecs.new()


def test_a_codec_that_is_not_there_is_an_error_when_the_file_is_read() -> None:
    volume = MemoryVolume()
    write(volume, sealed())
    file = reader(volume, FileCodecs())
    with pytest.raises(UndefinedObject, match='codec "sealed" does not exist'):
        file.footer()


def test_a_chunk_in_anothers_place_is_refused() -> None:
    volume = MemoryVolume()
    chunks = write(volume, sealed())
    file = reader(volume, sealed())
    for first, second in ((1, 5), (0, 6), (0, -5)):
        with pytest.raises(DataCorrupted, match='file "test-1" is corrupted: a chunk at offset'):
            file.read(chunks[0], first, second, "a chunk")
    # Not only the checksum says so.
    stored = file.read_span(chunks[0].offset, chunks[0].length)
    with pytest.raises(DataCorrupted, match="not what was sealed"):
        Sealed(file.header.parameters["parameters"]["sealed"]).decode(stored, b"another place")


def test_a_file_of_another_kind_or_a_newer_version_is_refused() -> None:
    volume = MemoryVolume()
    write(volume, FileCodecs())
    with pytest.raises(DataCorrupted, match="its header at offset 0 is damaged"):
        ChunkFileReader(volume, NAME, b"SEGM", 1, FileCodecs()).footer()
    newer = MemoryVolume()
    newer.append(NAME, new_file_header(KIND, 2, {"codecs": []}).encode() + bytes(100))
    with pytest.raises(FeatureNotSupported, match="format version 2"):
        reader(newer, FileCodecs()).footer()


def test_headers_larger_than_the_first_read() -> None:
    class Wordy(Sealed):
        def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
            super().__init__(parameters)
            self.parameters.setdefault("more", "x" * 20_000)

    volume, codecs = MemoryVolume(), FileCodecs(("sealed",), find=lambda name: Wordy)
    write(volume, codecs)
    assert reader(volume, codecs).footer() == b"the footer"


def test_segments_pass_the_codecs() -> None:
    volume, frames = MemoryVolume(), StoredFrames(ClassTable())
    writer = SegmentWriter(volume, "segment-1", 1, 1, sealed(), frames)
    rows: list[Any] = [(number, "a secret") for number in range(5000)]
    for number in range(2):
        writer.add(BlockImage(number, rows[number * 4096 : number * 4096 + 4096], 3))
    writer.finish()
    assert b"secret" not in volume.read("segment-1")
    segment = SegmentReader(volume, "segment-1", sealed(), frames)
    assert [row for number in segment.numbers for row in segment.read(number).rows] == rows
    assert segment.verify() == []


def test_drivers_are_called_with_what_the_header_says() -> None:
    chain = codec_chain(["sealed"], find=find, parameters={"sealed": {"salt": "00ff"}})
    assert chain.parameters == {"sealed": {"salt": "00ff"}}
    assert codec_chain(["none", "zstd"]).parameters == {}
