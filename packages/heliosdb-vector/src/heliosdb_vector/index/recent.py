"""The vectors of an index that its structure does not have yet, which searches compare one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
