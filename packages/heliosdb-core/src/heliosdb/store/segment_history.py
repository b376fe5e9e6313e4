"""Superseded versions of a block's rows as bytes (their form in memory: ``versions``).

frame   slots
frame   for each how many triples it is, newest first
frame   what comes before them: 0 nothing, 1 PRUNED, n + 2 a list of n
frame   SCNs of all these versions, one behind the other
frame   their rows: None is "deleted"
frame   whether the row is PRUNED (and None here)
"""

from __future__ import annotations

from typing import Any

from heliosdb.encoding.stored_frames import StoredFrames
from heliosdb.errors import DataCorrupted
from heliosdb.store.versions import PRUNED, Older

__all__ = ["decode_history", "encode_history"]


def encode_history(history: dict[int, Older], frames: StoredFrames) -> bytes:
    """Return history as bytes."""
    triples: list[int] = []
    rests: list[int] = []
    scns: list[int] = []
    rows: list[Any] = []
    for older in history.values():
        count = 0
        while type(older) is tuple:
            scns.append(older[0])
            rows.append(older[1])
            older = older[2]
            count += 1
        triples.append(count)
        if type(older) is list:
            rests.append(len(older) + 2)
            scns += [scn for scn, _ in older]
            rows += [row for _, row in older]
        else:
            rests.append(1 if older is PRUNED else 0)
    pruned = [row is PRUNED for row in rows]
    rows = [None if row is PRUNED else row for row in rows]
    return b"".join(map(frames.encode, (list(history), triples, rests, scns, rows, pruned)))


def decode_history(data: bytes, frames: StoredFrames) -> dict[int, Older]:
    """Return what ``encode_history`` was given."""
    slots, triples, rests, scns, rows, pruned = frames.decode_each(data, 6)
    counts = sum(triples) + sum(rest - 2 for rest in rests if rest > 1)
    if len({len(slots), len(triples), len(rests)}) > 1 or {len(scns), len(rows), len(pruned)} != {counts}:
        raise DataCorrupted("superseded versions do not fit together")
    versions = [(scn, PRUNED if gone else row) for scn, row, gone in zip(scns, rows, pruned)]
    history = {}
    at = 0
    for slot, count, rest in zip(slots, triples, rests):
        end = at + count
        older: Older = None
        if rest > 1:
            older = versions[end : end + rest - 2]
            following = end + rest - 2
        else:
            older = PRUNED if rest else None
            following = end
        for scn, row in reversed(versions[at:end]):
            older = (scn, row, older)
        history[slot] = older
        at = following
    return history
