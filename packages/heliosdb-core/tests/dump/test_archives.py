"""Archives: what goes in comes out, a part of it if wanted, and no damage goes unseen."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest

from heliosdb import EmbeddedDatabase
from heliosdb.dump import DumpOptions, backup, dump_script, restore
from heliosdb.dump.archive import CHUNK, MAGIC, ArchiveReader, ArchiveWriter
from heliosdb.dump.entry import Entry
from heliosdb.encoding.codecs import codec_chain
from heliosdb.errors import (
    DataCorrupted,
    Error,
    FeatureNotSupported,
    InvalidParameterValue,
    UndefinedObject,
    UndefinedTable,
)

fresh = EmbeddedDatabase.new_in_memory


def text_of(database: EmbeddedDatabase) -> str:
    return "".join(dump_script(database))


def archive(database: EmbeddedDatabase, **options: object) -> bytes:
    file = io.BytesIO()
    backup(database, file, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_an_archive_makes_an_equal_database(everything: EmbeddedDatabase, compression: str) -> None:
    content = archive(everything, compression=compression)
    assert content.startswith(MAGIC)
    with fresh() as other:
        report = restore(other, io.BytesIO(content))
        assert text_of(other) == text_of(everything)
    assert (report.tables, report.rows) == (11, 25)


def test_an_archive_is_read_from_a_pipe(everything: EmbeddedDatabase) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *where: int) -> int:
            raise io.UnsupportedOperation("seek")

    with fresh() as other:
        restore(other, Pipe(archive(everything)))
        assert text_of(other) == text_of(everything)


def test_one_table_is_taken_out_of_an_archive(everything: EmbeddedDatabase) -> None:
    content = archive(everything)
    with fresh() as other:
        report = restore(other, io.BytesIO(content), options=DumpOptions(tables=("tree",)))
        assert other.query("SELECT id, parent FROM tree ORDER BY id") == [(1, None), (2, 3), (3, 1)]
        assert [name for (name,) in other.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")] == [
            "tree"
        ]
        assert report.rows == 3
    with fresh() as other:
        # The reference to a table that is not there stays behind, and the report says so.
        report = restore(other, io.BytesIO(content), options=DumpOptions(tables=("hen",)))
        assert report.skipped == {"references to public.egg, which is not there": 1}
        assert other.query("SELECT count(*) FROM hen")[0][0] == 2
    with fresh() as other, pytest.raises(UndefinedTable, match="'absent'"):
        restore(other, io.BytesIO(content), options=DumpOptions(tables=("absent",)))


def test_lost_rows_are_brought_back_into_a_table(everything: EmbeddedDatabase) -> None:
    content = archive(everything)
    before = text_of(everything)
    everything.execute("DELETE FROM kinds")
    restore(everything, io.BytesIO(content), options=DumpOptions(tables=("kinds",), data_only=True))
    assert text_of(everything) == before
    everything.execute("DROP TABLE kinds")
    restore(everything, io.BytesIO(content), options=DumpOptions(tables=("kinds",)))
    restore(everything, io.BytesIO(content), options=DumpOptions(tables=("kinds",), clean=True, if_exists=True))
    assert everything.query("SELECT count(*) FROM kinds")[0][0] == 7


def test_many_rows_are_many_chunks() -> None:
    with fresh() as database:
        database.execute("CREATE TABLE t (a int, b text)")
        database.execute("INSERT INTO t SELECT n, repeat('abc', 20) || n FROM generate_series(1, 40000) n")
        content = archive(database)
        plain = archive(database, compression="none")
        assert len(plain) > 2 * CHUNK
        assert len(content) < len(plain) / 5
        with fresh() as other:
            assert restore(other, io.BytesIO(content)).rows == 40_000
            assert other.query("SELECT count(*), sum(a) FROM t")[0] == (40_000, 800_020_000)


def test_damage_anywhere_is_found(everything: EmbeddedDatabase) -> None:
    content = archive(everything)
    with fresh() as target:
        target.execute("CREATE TABLE kept (a int)")
        before = text_of(target)
        for at in range(0, len(content), max(1, len(content) // 60)):
            damaged = bytearray(content)
            damaged[at] ^= 0x41
            with pytest.raises(Error) as caught:
                restore(target, io.BytesIO(bytes(damaged)))
            # A damaged magic makes it a script, another version a later format.
            assert caught.value.sqlstate in ("XX001", "22021", "0A000", "42601"), (at, caught.value)
        assert text_of(target) == before


def test_an_archive_that_ends_early_is_found(everything: EmbeddedDatabase) -> None:
    content = archive(everything)
    with fresh() as target:
        for length in (9, 12, 50, len(content) // 2, len(content) - 29, len(content) - 1):
            with pytest.raises(DataCorrupted, match=r"early|damaged"):
                restore(target, io.BytesIO(content[:length]))
        with pytest.raises(DataCorrupted):
            restore(target, io.BytesIO(content + b"x"))
        assert target.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0


def test_the_error_names_the_place(everything: EmbeddedDatabase, tmp_path: Path) -> None:
    content = bytearray(archive(everything))
    reader = ArchiveReader(io.BytesIO(bytes(content)))
    number = next(n for n, entry in enumerate(reader.entries) if entry.title == "table data public.kinds")
    ((offset, _),) = reader._chunks[number]
    content[offset + 40] ^= 1
    path = tmp_path / "damaged.hda"
    path.write_bytes(bytes(content))
    with fresh() as target, pytest.raises(DataCorrupted, match=f"at byte {offset} differs") as caught:
        restore(target, str(path))
    assert caught.value.sqlstate == "XX001"
    assert caught.value.context == f"table data public.kinds of {path}"


def test_exchanged_chunks_are_found() -> None:
    with fresh() as database:
        database.execute("CREATE TABLE a (x int)")
        database.execute("CREATE TABLE b (x int)")
        database.execute("INSERT INTO a VALUES (1)")
        database.execute("INSERT INTO b VALUES (2)")
        content = archive(database, compression="none")
        reader = ArchiveReader(io.BytesIO(content))
        (first, _), (second, _) = (places[0] for places in reader._chunks.values())
        size = second - first
        swapped = content[:first] + content[second : second + size] + content[first:second] + content[second + size :]
        with fresh() as target, pytest.raises(DataCorrupted):
            restore(target, io.BytesIO(swapped))


def test_a_later_format_is_refused_with_a_clear_error(everything: EmbeddedDatabase) -> None:
    content = bytearray(archive(everything))
    content[8] = 2
    with fresh() as target, pytest.raises(FeatureNotSupported, match="the archive has format 2"):
        restore(target, io.BytesIO(bytes(content)))


def test_wrong_choices_are_refused(everything: EmbeddedDatabase) -> None:
    with pytest.raises(UndefinedObject, match="brotli"):
        archive(everything, compression="brotli")
    with pytest.raises(InvalidParameterValue):
        archive(everything, level=99)
    with pytest.raises(InvalidParameterValue):
        archive(everything, options=DumpOptions(inserts=True))
    with pytest.raises(InvalidParameterValue):
        archive(everything, file_format="tar")
    with pytest.raises(InvalidParameterValue):
        archive(everything, file_format="sql", compression="zstd")


class Shift:
    """In the place of a cipher: it needs what the header keeps for it, and knows its chunk's place."""

    name = "shift"

    def __init__(self, parameters: dict[str, int] | None = None) -> None:
        self.parameters = {"by": 7} if parameters is None else parameters

    def encode(self, chunk: bytes, associated: bytes) -> bytes:
        return bytes((byte + self.parameters["by"]) % 256 for byte in chunk) + associated[-8:]

    def decode(self, chunk: bytes, associated: bytes) -> bytes:
        if not chunk.endswith(associated[-8:]):
            raise DataCorrupted("another place")
        return bytes((byte - self.parameters["by"]) % 256 for byte in chunk[:-8])


def test_a_cipher_stands_behind_the_compression_and_finds_its_parameters() -> None:
    chain = codec_chain(["zstd", "shift"], find=lambda name: Shift)
    file = io.BytesIO()
    entry = Entry(section="data", kind="TABLE DATA", schema="s", name="secret", columns=("a",))
    writer = ArchiveWriter(file, chain, {})
    writer.add(entry, iter(["hidden text\n" * 100]))
    writer.finish()
    content = file.getvalue()
    assert b"secret" not in content
    assert b"hidden" not in content
    reader = ArchiveReader(io.BytesIO(content), lambda name: Shift)
    assert reader.header["parameters"] == {"shift": {"by": 7}}
    assert reader.entries == [entry]
    assert b"".join(reader.row_pieces(0)) == b"hidden text\n" * 100
    with pytest.raises(UndefinedObject, match='codec "shift" does not exist'):
        ArchiveReader(io.BytesIO(content))


def written(header: bytes, contents: bytes) -> bytes:
    """Return an archive of these texts whose checksums are right."""
    fixed = struct.pack("<8sHHI", MAGIC, 1, 0, len(header))
    content = fixed + header + struct.pack("<I", zlib.crc32(fixed + header))
    offset = len(content)
    head = struct.pack("<4sQII", b"TOC\x00", 0, len(contents), len(contents))
    content += head + struct.pack("<I", zlib.crc32(contents, zlib.crc32(head, zlib.crc32(bytes(16))))) + contents
    place = struct.pack("<QQ", offset, 0)
    return content + place + struct.pack("<I8s", zlib.crc32(place), b"HDBAEND\n")


HEADER = b'{"codecs": ["none"], "file": "00000000000000000000000000000000"}'
ROWS = (
    b'{"entries": [{"section": "data", "kind": "TABLE DATA", "schema": "public", "name": "t", "sql": "", "drop": "",'
    b' "drop_existing": "", "table": null, "references": null, "columns": ["a"], "rows": 1, "chunks": %s}]}'
)


def test_an_archive_made_by_hand_is_read() -> None:
    with fresh() as database:
        assert restore(database, io.BytesIO(written(HEADER, b'{"entries": []}'))).objects == 0


@pytest.mark.parametrize(
    ("header", "contents"),
    [
        (b"", b"{}"),
        (b"[]", b"{}"),
        (b"\xff", b"{}"),
        (b"{}", b"{}"),
        (HEADER.replace(b'"0000', b'"zzzz'), b"{}"),
        (HEADER.replace(b'["none"]', b"7"), b"{}"),
        (HEADER, b"{}"),
        (HEADER, b"nothing"),
        (HEADER, b'{"entries": [1]}'),
        (HEADER, b'{"entries": [{}]}'),
        (HEADER, ROWS % b"[[-5, 0]]"),
        (HEADER, ROWS % b"[[0, 0]]"),
        (HEADER, ROWS % b"[[99999, 0]]"),
        (HEADER, ROWS % b'["x"]'),
    ],
)
def test_what_only_looks_like_an_archive_is_refused(header: bytes, contents: bytes) -> None:
    with fresh() as database:
        database.execute("CREATE TABLE t (a int)")
        with pytest.raises(DataCorrupted):
            restore(database, io.BytesIO(written(header, contents)), options=DumpOptions(data_only=True))
