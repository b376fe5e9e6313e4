"""What the store relies on in a codec: chunks come back as they were, damage is found or does no harm."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from heliosdb.errors import DataCorrupted
from heliosdb.spi import Codec, driver

__all__ = ["CodecSuite"]


class CodecSuite:
    """Subclass it and give the driver's name.

    ``detects_damage``: no other chunk comes of damaged bytes (ciphers; a compression may not notice).
    ``authenticates``: bytes are refused with other associated data than they were encoded with.
    """

    codec_name: ClassVar[str]
    detects_damage: ClassVar[bool] = False
    authenticates: ClassVar[bool] = False

    @pytest.fixture
    def make(self) -> Callable[..., Codec]:
        """What makes a codec: the driver. Called without arguments for a new file, and with the ``parameters`` that
        were stored for one that is read."""
        found: Callable[..., Codec] = driver("heliosdb.codecs", self.codec_name)
        return found

    @pytest.fixture
    def codec(self, make: Callable[..., Codec]) -> Codec:
        """A codec for a new file."""
        return make()

    def reader(self, make: Callable[..., Codec], codec: Codec) -> Codec:
        """Return the codec that reads what another wrote, given what the file's header says."""
        parameters: Any = getattr(codec, "parameters", None)
        return make() if parameters is None else make(parameters)

    def chunks(self) -> list[bytes]:
        """Return chunks of all kinds."""
        noise = random.Random(7)
        return [
            b"",
            b"\x00",
            b"a" * 100_000,
            bytes(range(256)) * 20,
            noise.randbytes(1),
            noise.randbytes(70_000),
            "größer als ein Byte".encode() * 300,
        ]

    def test_the_name_is_the_drivers(self, codec: Codec) -> None:
        """Headers name codecs; whoever reads one looks the driver up by that name."""
        assert codec.name == self.codec_name

    def test_chunks_come_back_as_they_were(self, make: Callable[..., Codec], codec: Codec) -> None:
        """In any order, each alone, by the codec that wrote them and by another one for the same file."""
        stored = [codec.encode(chunk, b"place %d" % place) for place, chunk in enumerate(self.chunks())]
        for reader in (codec, self.reader(make, codec)):
            for place, chunk in reversed(list(enumerate(self.chunks()))):
                assert reader.decode(stored[place], b"place %d" % place) == chunk

    def test_parameters_can_stand_in_a_header(self, codec: Codec) -> None:
        """They are written as JSON, and are not large."""
        import json

        parameters = getattr(codec, "parameters", {})
        assert json.loads(json.dumps(parameters)) == parameters
        assert len(json.dumps(parameters)) < 4096

    def test_a_chunk_that_is_cut_off_is_refused(self, codec: Codec) -> None:
        """Torn writes happen; what is left gives nothing else than the chunk, unless chunks stand as they are."""
        for chunk in self.chunks():
            stored = codec.encode(chunk, b"place")
            if stored == chunk:
                continue
            for size in {0, 1, len(stored) // 2, len(stored) - 1}:
                try:
                    assert codec.decode(stored[:size], b"place") == chunk
                except DataCorrupted:
                    continue
                assert not self.detects_damage

    def test_damaged_bytes_raise_nothing_but_corruption(self, codec: Codec) -> None:
        """A flipped bit is DataCorrupted, or goes unnoticed where a checksum is to find it; never another error."""
        chance = random.Random(11)
        for chunk in self.chunks():
            stored = codec.encode(chunk, b"place")
            for _ in range(50 if stored else 0):
                place = chance.randrange(len(stored))
                damaged = bytearray(stored)
                damaged[place] ^= 1 << chance.randrange(8)
                try:
                    found = codec.decode(bytes(damaged), b"place")
                except DataCorrupted:
                    continue
                assert not self.detects_damage, f"byte {place} was changed"
                assert len(found) <= 1 << 30

    def test_associated_data_are_part_of_what_is_checked(self, codec: Codec) -> None:
        """A chunk moved to another place is refused by a codec that authenticates, and others do not look at it."""
        chunk = b"a chunk that says something" * 10
        stored = codec.encode(chunk, b"here")
        if self.authenticates:
            with pytest.raises(DataCorrupted):
                codec.decode(stored, b"there")
        else:
            assert codec.decode(stored, b"there") == chunk

    def test_threads_may_share_a_codec(self, codec: Codec) -> None:
        """Any number of them, encoding and decoding at once."""
        chunks = [random.Random(n).randbytes(2000) * 5 for n in range(64)]

        def there_and_back(chunk: bytes) -> bool:
            return codec.decode(codec.encode(chunk, b"x"), b"x") == chunk

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(there_and_back, chunks))
