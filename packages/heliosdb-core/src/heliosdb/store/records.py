"""What the log says about one commit, as bytes and back.

    head        kind, commit time, transaction id, timeline
    author      role, session user, application name, origin, statement
    counters    what changed since the record before
    dropped     relations whose rows may be swept
    changes     for each relation: row ids, and the new row of each (None: deleted)
                or a segment, synced before the record was written, whose blocks are as of this commit: new ones, or
                ones that were there, with the slots that the commit has changed in each

The record holds what the rows are now, not what they were: replaying it twice, or over a state that has it already,
ends in the same state. Kinds that this version does not know are refused, never skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct, error
from typing import NamedTuple

from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted, FeatureNotSupported
from heliosdb.store.block import BLOCK_BITS, SLOT_MASK
from heliosdb.store.commits import Author
from heliosdb.store.counters import Counter
from heliosdb.store.versions import Row

__all__ = [
    "COMMIT",
    "COUNTERS",
    "PREPARED",
    "TOLD",
    "Record",
    "RecordChanges",
    "RecordSegment",
    "decode_record",
    "encode_changes",
    "encode_head",
    "encode_segment",
]

COMMIT, COUNTERS, PREPARED, TIMELINES, HOLDS, TOLD = 1, 2, 3, 4, 5, 6
"""Kinds of records. COUNTERS, TIMELINES and HOLDS have no SCN of their own: a transaction used sequences and changed
nothing else; a timeline was made, renamed or dropped; a pin or a retention was set. PREPARED is reserved for two-phase
commit. TOLD is a COMMIT of which a statement is kept; it is read as one."""

_HEAD = Struct("<BqqIII")
_PART = Struct("<QII")
_PAIR = Struct("<qq?")
_OID = Struct("<Q")
_COUNT = Struct("<I")
_GROWTH = Struct("<q")
_SEGMENT = 0xFFFFFFFF
"""In the place of the length of the row ids: what follows is by how many rows the relation grows, and a name."""
_REPLACING = 0xFFFFFFFE
"""The same for blocks that were there: growth, the SCN as of which the rows are that the commit has not changed, the
length of the name, the name, and the changed slots of each block as bits."""
_REPLACED = Struct("<qqI")


class RecordChanges(NamedTuple):
    """What a commit did to one relation."""

    relation: int
    row_ids: Sequence[int]
    rows: Sequence[Row | None]


class RecordSegment(NamedTuple):
    """Blocks of one relation that a commit has written to a segment. ``rows`` is by how many the relation grows.

    Where the blocks were there before, ``changed`` says of each which slots the commit has changed, a byte a slot; the
    other rows are as of SCN ``base``.
    """

    relation: int
    name: str
    rows: int
    base: int = 0
    changed: Sequence[bytes] | None = None


class Record(NamedTuple):
    """One record. ``time`` is microseconds since 2000-01-01 UTC."""

    kind: int
    time: int
    transaction_id: int
    timeline: int
    author: Author
    counters: Mapping[int, Counter]
    dropped: Sequence[int]
    changes: Sequence[RecordChanges]
    segments: Sequence[RecordSegment] = ()
    payload: bytes = b""
    """What a record of another kind than COMMIT holds."""


def encode_head(
    kind: int,
    time: int,
    transaction_id: int,
    timeline: int,
    author: bytes,
    counters: Mapping[int, Counter],
    dropped: Sequence[int],
) -> bytes:
    """Return the first part of a record; ``author`` is what ``encode_author`` made of one."""
    head = _HEAD.pack(kind, time, transaction_id, timeline, len(counters), len(dropped))
    if not counters and not dropped:
        return head + author
    numbers = b"".join([_PAIR.pack(key, value, given) for key, (value, given) in counters.items()])
    return head + author + numbers + b"".join(map(_OID.pack, dropped))


def encode_author(author: Author) -> bytes:
    """Return what a record says of who committed."""
    texts = [author.role, author.session_user, author.application_name, author.origin]
    if author.statement:
        texts.append(author.statement)
    parts: list[bytes] = []
    for text in texts:
        data = text.encode()
        parts += (_COUNT.pack(len(data)), data)
    return b"".join(parts)


def encode_changes(
    frames: StoredFrames,
    relation: int,
    rows: Mapping[int, Mapping[int, Row | None]],
    bulk: Mapping[int, Sequence[Row | None]],
) -> bytes:
    """Return the part of a record for one relation's changes by block and slot, and whole blocks."""
    row_ids: list[int] = []
    values: list[Row | None] = []
    for number, slots in rows.items():
        first = number << BLOCK_BITS
        row_ids += [first + slot for slot in slots]
        values += slots.values()
    for number, run in bulk.items():
        first = number << BLOCK_BITS
        row_ids += range(first, first + len(run))
        values += run
    return encode_rows(frames, relation, row_ids, values)


def encode_rows(frames: StoredFrames, relation: int, row_ids: Sequence[int], rows: Sequence[Row | None]) -> bytes:
    """Return the part of a record for one relation's new rows."""
    ids, content = frames.encode(row_ids), frames.encode(rows)
    return _PART.pack(relation, len(ids), len(content)) + ids + content


def encode_segment(frames: StoredFrames, segment: RecordSegment) -> bytes:
    """Return the part of a record for blocks that stand in a segment."""
    if segment.changed is not None:
        name, bits = segment.name.encode(), frames.encode(list(map(_packed, segment.changed)))
        content = _REPLACED.pack(segment.rows, segment.base, len(name)) + name + bits
        return _PART.pack(segment.relation, _REPLACING, len(content)) + content
    content = _GROWTH.pack(segment.rows) + segment.name.encode()
    return _PART.pack(segment.relation, _SEGMENT, len(content)) + content


def decode_record(frames: StoredFrames, data: bytes) -> Record:
    """Return a record; DataCorrupted where it is none, 0A000 where its kind is not known."""
    try:
        kind, time, transaction_id, timeline, counter_count, dropped_count = _HEAD.unpack_from(data)
        if kind not in (COMMIT, COUNTERS, TIMELINES, HOLDS, TOLD):
            raise FeatureNotSupported(
                f"log records of kind {kind} are not supported by this version",
                hint="The database was written by a newer version; upgrade heliosdb-core.",
            )
        at = _HEAD.size
        texts = []
        for _ in range(5 if kind == TOLD else 4):
            (length,) = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            texts.append(data[at : at + length].decode())
            at += length
        counters = {}
        for _ in range(counter_count):
            key, value, given = _PAIR.unpack_from(data, at)
            counters[key] = (value, given)
            at += _PAIR.size
        dropped = [_OID.unpack_from(data, at + place * _OID.size)[0] for place in range(dropped_count)]
        at += dropped_count * _OID.size
        changes = []
        segments = []
        payload = b""
        if kind in (TIMELINES, HOLDS):
            payload, data = data[at:], data[:at]
        while at < len(data):
            relation, ids_length, rows_length = _PART.unpack_from(data, at)
            at += _PART.size
            if ids_length == _SEGMENT:
                (growth,) = _GROWTH.unpack_from(data, at)
                name = data[at + _GROWTH.size : at + rows_length].decode()
                segments.append(RecordSegment(relation, name, growth))
                at += rows_length
                continue
            if ids_length == _REPLACING:
                growth, base, length = _REPLACED.unpack_from(data, at)
                end, at = at + rows_length, at + _REPLACED.size
                bits = frames.decode(data[at + length : end])
                segments.append(
                    RecordSegment(relation, data[at : at + length].decode(), growth, base, list(map(_unpacked, bits)))
                )
                at = end
                continue
            row_ids = frames.decode(data[at : at + ids_length])
            rows = frames.decode(data[at + ids_length : at + ids_length + rows_length])
            at += ids_length + rows_length
            if at > len(data) or len(row_ids) != len(rows):
                raise DataCorrupted("a log record ends before its changes do")
            changes.append(RecordChanges(relation, row_ids, rows))
    except (error, ValueError, IndexError) as problem:
        raise DataCorrupted("a log record is not readable", detail=str(problem)) from problem
    role, session_user, application_name, origin, *statement = texts
    author = Author("", role, session_user, application_name, origin, statement="".join(statement))
    kind = COMMIT if kind == TOLD else kind
    return Record(kind, time, transaction_id, timeline, author, counters, dropped, changes, segments, payload)


_DIGITS = bytes.maketrans(b"\0\1", b"01")
_VALUES = bytes.maketrans(b"01", b"\0\1")


def _packed(slots: bytes) -> bytes:
    """Return a bit for each byte, which is 0 or 1: the first is the lowest. What is behind the last 1 is left out."""
    number = int(slots.translate(_DIGITS)[::-1] or b"0", 2)
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def _unpacked(bits: bytes) -> bytes:
    """Return a byte for each bit."""
    return f"{int.from_bytes(bits, 'little'):b}".encode()[::-1].translate(_VALUES) if bits else b""


def by_block(changes: RecordChanges) -> dict[int, dict[int, Row | None]]:
    """Return a relation's changes by block and slot."""
    found: dict[int, dict[int, Row | None]] = {}
    for row_id, row in zip(changes.row_ids, changes.rows, strict=True):
        number = row_id >> BLOCK_BITS
        slots = found.get(number)
        if slots is None:
            slots = found[number] = {}
        slots[row_id & SLOT_MASK] = row
    return found
