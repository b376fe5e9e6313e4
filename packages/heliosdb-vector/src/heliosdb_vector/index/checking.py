"""What an index lacks of what its table has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from heliosdb_vector.index.entries import NEVER, Entries, digest_of

if TYPE_CHECKING:
    from heliosdb_vector.index.recent import Recent
    from heliosdb_vector.index.structures import Structure

__all__ = ["missing"]


def missing(
    entries: Entries, recent: Recent, structure: Structure | None, rows: Iterable[tuple[int, Sequence[Any]]]
) -> list[str]:
    """Return what is missing, in words: entries of the (row id, vectors) of a table, and vectors of entries."""
    problems = []
    found: list[int] = []
    for row_id, keys in rows:
        for datum in keys:
            label = entries.find(row_id, digest_of(datum))
            if label is None:
                problems.append(f"row {row_id} has no entry for its vector")
            elif entries.end[label] != NEVER:
                problems.append(f"the entry of row {row_id} ended with SCN {entries.end[label]}")
            else:
                found.append(label)
    held = set(recent.labels.tolist())
    if structure is not None:
        rest = np.array([label for label in found if label not in held], np.int64)
        if len(rest):
            try:
                structure.rows(rest)
            except Exception as error:  # noqa: BLE001 - of a library that others may have written
                problems.append(f"the structure lacks vectors: {error}")
    elif len(held) < len(set(found)):
        problems.append("vectors of entries are missing")
    return problems
