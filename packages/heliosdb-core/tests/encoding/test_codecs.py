"""Chunks come back as they were; what is no chunk is a clear error."""

from __future__ import annotations

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.encoding.codecs import CODECS, codec_chain
from heliosdb.errors import DataCorrupted, InvalidParameterValue, UndefinedObject

NAMES = sorted(CODECS)


@pytest.mark.parametrize("name", NAMES)
@given(chunk=st.binary(max_size=5000))
def test_a_chunk_comes_back_as_it_was(name: str, chunk: bytes) -> None:
    chain = codec_chain([name])
    assert chain.decode(chain.encode(chunk, b"place"), b"place") == chunk


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_repetition_is_compressed(name: str) -> None:
    chain = codec_chain([name])
    assert len(chain.encode(b"heliosdb" * 10_000, b"")) < 2_000


@pytest.mark.parametrize("name", ["zstd", "lz4"])
@pytest.mark.parametrize("junk", [b"", b"\x00", b"not a frame at all", b"\xff" * 100])
def test_junk_is_refused(name: str, junk: bytes) -> None:
    with pytest.raises(DataCorrupted):
        codec_chain([name]).decode(junk, b"")


@pytest.mark.parametrize("size", [0, 1, 31, 32, 127, 128, 254, 255, 256, 257, 300, 2047, 2048, 3000])
def test_small_chunks_are_frames_that_zstandard_reads(size: int) -> None:
    chunk = bytes(n * 7 % 256 for n in range(size))
    encoded = codec_chain(["zstd"]).encode(chunk, b"")
    assert zstandard.ZstdDecompressor().decompress(encoded) == chunk
    assert zstandard.frame_content_size(encoded) == size
    assert len(encoded) <= size + 13


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_a_cut_chunk_is_refused(name: str) -> None:
    chain = codec_chain([name])
    encoded = chain.encode(bytes(range(256)) * 50, b"")
    for length in (1, len(encoded) // 2, len(encoded) - 1):
        with pytest.raises(DataCorrupted):
            chain.decode(encoded[:length], b"")


def test_codecs_encode_in_the_order_of_their_names_and_decode_in_the_other() -> None:
    class Reversing:
        name = "reversing"

        def encode(self, chunk: bytes, associated: bytes) -> bytes:
            return chunk[::-1] + associated

        def decode(self, chunk: bytes, associated: bytes) -> bytes:
            assert chunk.endswith(associated)
            return chunk[: len(chunk) - len(associated)][::-1]

    chain = codec_chain(["zstd", "reversing"], find=lambda name: Reversing)
    stored = chain.encode(b"abc", b"here")
    assert chain.names == ("zstd", "reversing")
    assert stored == codec_chain(["zstd"]).encode(b"abc", b"")[::-1] + b"here"
    assert chain.decode(stored, b"here") == b"abc"


def test_unknown_codecs_and_levels_are_refused() -> None:
    with pytest.raises(UndefinedObject, match='codec "brotli" does not exist'):
        codec_chain(["brotli"])
    for name, level in (("zstd", 0), ("zstd", 23), ("lz4", 17), ("none", 1)):
        with pytest.raises(InvalidParameterValue):
            codec_chain([name], level=level)
