"""The vectors of an index that its structure does not have yet, which searches compare one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from heliosdb_vector.index.measures import Measure

__all__ = ["Recent"]


class Recent:
    """Vectors that the structure does not have: a list of labels and a matrix."""

    def __init__(self, like: NDArray[Any] | None = None) -> None:
        self.labels = np.empty(0, np.int64)
        self.rows: NDArray[Any] | None = like

    def add(self, labels: Sequence[int], rows: NDArray[Any]) -> Recent:
        """Return these vectors and more."""
        made = Recent(rows if self.rows is None else np.concatenate([self.rows, rows]))
        made.labels = np.concatenate([self.labels, np.array(labels, np.int64)])
        return made

    def rest(self, start: int) -> Recent:
        """Return all but the first so many."""
        made = Recent(None if self.rows is None else self.rows[start:])
        made.labels = self.labels[start:]
        return made

    def blobs(self) -> dict[str, bytes]:
        """Return labels and rows."""
        rows = {} if self.rows is None else {"rows": self.rows.tobytes()}
        return {"labels": self.labels.tobytes(), **rows}

    @classmethod
    def loaded(cls, blobs: Mapping[str, bytes], measure: Measure, dimensions: int | None) -> Recent:
        """Return what ``blobs`` returned; KeyError or ValueError for something else."""
        made = cls()
        made.labels = np.frombuffer(blobs["labels"], np.int64)
        if "rows" in blobs:
            if dimensions is None:
                raise ValueError("rows without dimensions")
            width = measure.width(dimensions)
            if measure.is_binary:
                made.rows = np.frombuffer(blobs["rows"], np.uint8).reshape(-1, (width + 7) // 8)
            else:
                made.rows = np.frombuffer(blobs["rows"], np.float32).reshape(-1, width)
        return made
