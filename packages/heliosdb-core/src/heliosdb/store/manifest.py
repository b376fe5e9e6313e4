"""The manifest: what makes a database, as of its last checkpoint.

    plain header (kind "MANI")  |  checksum of the rest  |  JSON, as the codecs left it

It names the files that are the database and says nothing about what is in them, so its size and the time to open
follow the number of relations, not of rows. What a manifest does not name is not part of the database: files left over
by a crash are deleted at opening.
"""

from __future__ import annotations

import json
from struct import Struct
from typing import Any
from zlib import crc32

from attrs import asdict, define, field

from heliosdb.encoding.codecs import FileCodecs
from heliosdb.errors import DataCorrupted
from heliosdb.store.file_header import new_file_header, parse_file_header

__all__ = ["Manifest", "StoredIndex", "StoredRelation", "StoredTimeline", "decode_manifest", "encode_manifest"]

KIND = b"MANI"
VERSION = 1
NAME = "manifest"

_CHECK = Struct("<I")


@define
class StoredTimeline:
    """A timeline: ``parent`` is another's id, None for main. ``dropped``: it has no name any more, and stays for those
    that start from it. ``properties`` are what its maker noted of it."""

    id: int
    name: str
    parent: int | None = None
    fork: int = 0
    dropped: bool = False
    created: int = 0
    properties: dict[str, Any] = field(factory=dict)


@define
class StoredIndex:
    """An index: a btree's runs, oldest first, or another's file of blobs, and the SCN up to which they have the keys.
    Not ``whole``: the parent timeline's index has those that were there before."""

    oid: int
    scn: int
    whole: bool = True
    runs: list[str] = field(factory=list)


@define
class StoredRelation:
    """A relation in a timeline. Of blocks that stand in several segments the one in the last is current. ``dropped``:
    the SCN that dropped it; it stays for those that read what was before."""

    timeline: int
    oid: int
    count: int = 0
    blocks: int = 0
    pruned_to: int = 0
    segments: list[str] = field(factory=list)
    indexes: list[StoredIndex] = field(factory=list)
    dropped: int = 0
    begins: dict[str, int] = field(factory=dict)
    """By segment: the SCN from which all of its rows are, where they were written before they had one."""


@define
class Manifest:
    """A checkpoint: everything up to ``scn`` is in the files named here; what follows is in the logs from ``log``.

    ``closed``: the last thing that was done before the database was closed.
    """

    scn: int = 0
    time: int = 0
    log: int = 1
    transaction_id: int = 3
    next_file: int = 1
    next_timeline: int = 1
    closed: bool = False
    counters: dict[int, tuple[int, bool]] = field(factory=dict)
    row_ids: dict[int, int] = field(factory=dict)
    timelines: list[StoredTimeline] = field(factory=list)
    holds: dict[str, Any] = field(factory=dict)
    relations: list[StoredRelation] = field(factory=list)

    def files(self) -> set[str]:
        """Return the names of all files but the logs."""
        return {
            name
            for relation in self.relations
            for name in (*relation.segments, *(run for index in relation.indexes for run in index.runs))
        }


def encode_manifest(manifest: Manifest, codecs: FileCodecs) -> bytes:
    """Return a manifest's bytes."""
    chain = codecs.new()
    header = new_file_header(KIND, VERSION, chain.described())
    text = json.dumps(asdict(manifest), separators=(",", ":")).encode()
    binding = header.binding(NAME)
    content = chain.encode(text, binding)
    return header.encode() + _CHECK.pack(crc32(content, crc32(binding))) + content


def decode_manifest(data: bytes, codecs: FileCodecs) -> Manifest:
    """Return the manifest; DataCorrupted where it is damaged, FeatureNotSupported where its format is newer."""
    header = parse_file_header(data, KIND, VERSION, NAME)
    if header is None:
        raise _damaged("its header is not readable")
    binding = header.binding(NAME)
    start = len(header.encode())
    content = data[start + _CHECK.size :]
    if len(data) < start + _CHECK.size or _CHECK.unpack_from(data, start)[0] != crc32(content, crc32(binding)):
        raise _damaged("its checksum is wrong")
    try:
        text = codecs.of(header.codecs, header.codec_parameters).decode(content, binding)
    except DataCorrupted as error:
        raise _damaged(error.message) from error
    fields: dict[str, Any] = json.loads(text)
    try:
        fields["counters"] = {int(key): (value, given) for key, (value, given) in fields["counters"].items()}
        fields["row_ids"] = {int(oid): number for oid, number in fields["row_ids"].items()}
        fields["timelines"] = [StoredTimeline(**item) for item in fields["timelines"]]
        fields["relations"] = [_relation(item) for item in fields["relations"]]
        return Manifest(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"its content is not as it should be ({error})") from error


def _relation(item: dict[str, Any]) -> StoredRelation:
    return StoredRelation(**{**item, "indexes": [StoredIndex(**index) for index in item["indexes"]]})


def _damaged(why: str) -> DataCorrupted:
    return DataCorrupted(f"the manifest of the database is damaged: {why}", hint="heliosdb salvage reads what is left.")
