"""Files of an encrypted database that somebody changed, on purpose: every change is named, or does no harm."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Any
from zlib import crc32

import pytest

from heliosdb import Config, EmbeddedDatabase
from heliosdb.encoding.codecs import FileCodecs
from heliosdb.errors import DataCorrupted, FeatureNotSupported, InvalidPassword, UndefinedObject
from heliosdb.spi import FileHeader
from heliosdb.store.chunk_file import Chunk, ChunkFileReader, ChunkFileWriter
from heliosdb.store.file_header import parse_file_header
from heliosdb.store.volume import MemoryVolume
from heliosdb_crypto import EncryptionKey
from heliosdb_crypto.keyring import Keyring
from heliosdb_crypto.master import LocalKey

KEY = EncryptionKey(bytes(range(32)))
SENTENCE = "nobody but the owner reads this"


def opened(path: Path, **arguments: Any) -> EmbeddedDatabase:
    return EmbeddedDatabase(str(path), config=Config(encryption_key=KEY, **arguments), strict=True)


def fill(database: EmbeddedDatabase) -> None:
    database.execute("CREATE TABLE telling_name (id int PRIMARY KEY, telling_column text UNIQUE)")
    database.execute("INSERT INTO telling_name SELECT g, $1 || g FROM generate_series(1, 2000) g", (SENTENCE,))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "d"
    with opened(folder) as database:
        fill(database)
        database.execute("CREATE TABLE other AS SELECT * FROM telling_name")
        database.execute("CHECKPOINT")
        database.execute("INSERT INTO other VALUES (0, 'the last')")
        copied = folder.parent / "copy"
        shutil.copytree(folder, copied)
    return copied


def read_all(folder: Path) -> list[Any]:
    with opened(folder, read_only=True) as database:
        return [
            database.query("SELECT count(*), min(telling_column), max(telling_column) FROM telling_name"),
            database.query("SELECT count(*), min(telling_column) FROM other"),
            database.query("SELECT id FROM telling_name WHERE telling_column = $1", (f"{SENTENCE}77",)),
        ]


def test_any_flipped_bit_is_noticed_or_does_no_harm(template: Path, tmp_path: Path) -> None:
    expected = read_all(template)
    chance = random.Random(4)
    noticed = 0
    named: list[bool] = []
    for round_number in range(120):
        folder = tmp_path / str(round_number)
        shutil.copytree(template, folder)
        names = [name for name in sorted(os.listdir(folder)) if name != "heliosdb.lock"]
        file = folder / chance.choice(names)
        content = bytearray(file.read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        try:
            found = read_all(folder)
        except (InvalidPassword, FeatureNotSupported, UndefinedObject):
            noticed += 1
        except DataCorrupted as error:
            noticed += 1
            named.append(file.name.removeprefix("heliosdb.") in f"{error.message} {error.detail}")
        else:
            # A torn end of the log, an index that is built anew, or a part that nobody asked for.
            assert found[0] == expected[0]
            assert found[2] == expected[2]
        shutil.rmtree(folder)
    assert noticed > 30
    assert all(named)


def forged_manifest(folder: Path) -> str:
    file = folder / "heliosdb.manifest"
    header, content = parted(file.read_bytes(), "manifest")
    content[20] ^= 1
    checksum = crc32(content[4:], crc32(header.binding("manifest")))
    file.write_bytes(header.encode() + checksum.to_bytes(4, "little") + content[4:])
    return "manifest"


def forged_record(folder: Path) -> str:
    """Change the last record of a log."""
    file = max(folder.glob("log-*"))
    content = bytearray(file.read_bytes())
    header, _ = parted(content, file.name)
    head, place = Struct("<4sIQQIII"), Struct("<QIQQII")
    offset = at = 4096
    while at + head.size <= len(content) and head.unpack_from(content, at)[0] == b"\xf5REC":
        offset, at = at, at + head.size + head.unpack_from(content, at)[1]
    marker, length, scn, synced_to, previous, *_ = head.unpack_from(content, offset)
    content[offset + head.size + 20] ^= 1
    payload = crc32(content[offset + head.size : offset + head.size + length])
    checked = place.pack(offset, length, scn, synced_to, previous, payload)
    check = crc32(checked, crc32(header.binding(file.name)))
    head.pack_into(content, offset, marker, length, scn, synced_to, previous, payload, check)
    file.write_bytes(content)
    return file.name


def forged_footer(folder: Path) -> str:
    file = largest_segment(folder)
    content = bytearray(file.read_bytes())
    binding = parted(content, file.name)[0].binding(file.name)
    trailer = len(content) - 28
    offset, length, _ = Struct("<QII").unpack_from(content, trailer)
    content[offset + 20] ^= 1
    footer = crc32(content[offset : offset + length], crc32(Struct("<16sqq").pack(binding, -1, 0)))
    fixed = Struct("<QII").pack(offset, length, footer)
    content[trailer : trailer + 20] = fixed + crc32(fixed, crc32(binding)).to_bytes(4, "little")
    file.write_bytes(content)
    return file.name


def forged_chunk(folder: Path) -> str:
    """Add a multiple of its polynomial to a chunk: CRC-32 does not see that, wherever its value is kept."""
    file = largest_segment(folder)
    content = bytearray(file.read_bytes())
    start = len(parted(content, file.name)[0].encode()) + 20
    for number, bit in enumerate(f"1{0x04C11DB7:032b}"):
        content[start + number // 8] ^= int(bit) << number % 8
    assert crc32(content[start - 20 : start + 20]) == crc32(file.read_bytes()[start - 20 : start + 20])
    file.write_bytes(content)
    return file.name


def parted(content: bytes, name: str) -> tuple[FileHeader, bytearray]:
    header = parse_file_header(bytes(content), bytes(content[8:12]), 99, name)
    assert header is not None
    return header, bytearray(content[len(header.encode()) :])


def largest_segment(folder: Path) -> Path:
    return max(folder.glob("segment-*"), key=lambda file: file.stat().st_size)


@pytest.mark.parametrize("forge", [forged_manifest, forged_record, forged_footer, forged_chunk])
def test_what_is_forged_with_right_checksums_is_noticed(
    template: Path, tmp_path: Path, forge: Callable[[Path], str]
) -> None:
    """Checksums are for accidents: whoever changes bytes computes them anew. What is left is the cipher's tag."""
    shutil.copytree(template, tmp_path / "d")
    name = forge(tmp_path / "d")
    with pytest.raises(DataCorrupted, match=name) as failure:
        read_all(tmp_path / "d")
    assert "does not decrypt" in f"{failure.value.message} {failure.value.detail}"


def test_a_chunk_at_the_place_of_another_is_noticed() -> None:
    """Even by whoever could write the footer, where the places and the checksums of chunks are."""
    volume = MemoryVolume()
    keyring = Keyring.create(volume, LocalKey(KEY))
    codecs = FileCodecs(("aes256-gcm",), find=lambda name: keyring)
    writer = ChunkFileWriter(volume, "segment-1", b"TEST", 1, codecs, {})
    first, second = writer.add(b"of one row", 1, 1), writer.add(b"of another", 1, 2)
    writer.finish(b"")
    reader = ChunkFileReader(volume, "segment-1", b"TEST", 1, codecs)
    assert reader.read(second, 1, 2, "the second") == b"of another"
    stored = volume.read("segment-1", second.offset, second.length)
    place = Struct("<16sqq").pack(reader.header.binding("segment-1"), 1, 1)
    with pytest.raises(DataCorrupted, match='"segment-1" is corrupted: the first') as failure:
        reader.read(Chunk(second.offset, first.length, crc32(stored, crc32(place))), 1, 1, "the first")
    assert "does not decrypt" in str(failure.value.detail)


def test_an_old_manifest_put_back_is_noticed(tmp_path: Path) -> None:
    """It names a log that is no longer there."""
    with opened(tmp_path / "d") as database:
        fill(database)
    manifest = tmp_path / "d" / "heliosdb.manifest"
    old = manifest.read_bytes()
    for _ in range(2):
        with opened(tmp_path / "d") as database:
            database.execute("DELETE FROM telling_name WHERE id % 2 = 0")
            database.execute("CHECKPOINT")
    assert manifest.read_bytes() != old
    manifest.write_bytes(old)
    with pytest.raises(DataCorrupted, match=r"log-\d+|segment-\d+"):
        read_all(tmp_path / "d")


def test_swapped_files_and_an_old_keyring_are_noticed(template: Path, tmp_path: Path) -> None:
    shutil.copytree(template, tmp_path / "d")
    first, second = sorted((tmp_path / "d").glob("segment-*"), key=lambda file: file.stat().st_size)[-2:]
    contents_of = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents_of[0])
    first.write_bytes(contents_of[1])
    with pytest.raises(DataCorrupted, match="segment-"):
        read_all(tmp_path / "d")
    shutil.rmtree(tmp_path / "d")
    shutil.copytree(template, tmp_path / "d")
    keyring = json.loads((tmp_path / "d" / "heliosdb.keys").read_text())
    for change in (
        {"current": 2},
        {"at_rest": False},
        {"database": "00" * 16},
        {"columns": keyring["keys"][0]["wrapped"]},
        {"keys": []},
        {"keys": [{**keyring["keys"][0], "created": 0.0}]},
        {"format": "1"},
        {"master": 7},
    ):
        (tmp_path / "d" / "heliosdb.keys").write_text(json.dumps({**keyring, **change}))
        with pytest.raises((DataCorrupted, FeatureNotSupported), match=r"heliosdb\.keys"):
            opened(tmp_path / "d")
    for content in (b"", b"{", b"\xff", b"[]", b"{}"):
        (tmp_path / "d" / "heliosdb.keys").write_bytes(content)
        with pytest.raises(DataCorrupted, match=r"heliosdb\.keys"):
            opened(tmp_path / "d")


def test_a_plain_file_is_not_taken_for_one_of_an_encrypted_database(template: Path, tmp_path: Path) -> None:
    """Whoever cannot encrypt must not be able to add rows either."""
    with EmbeddedDatabase(str(tmp_path / "plain"), strict=True) as database:
        fill(database)
    for name in ("heliosdb.manifest", "log-0000000002"):
        shutil.copytree(template, tmp_path / "d")
        shutil.copy(tmp_path / "plain" / name, tmp_path / "d" / name)
        with pytest.raises(DataCorrupted, match=r"has not passed the codec|corrupt|missing"):
            read_all(tmp_path / "d")
        shutil.rmtree(tmp_path / "d")
