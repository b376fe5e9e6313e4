"""Graphs by hnswlib: quick to build, deletes by itself, keeps the vectors as they are."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import hnswlib
import numpy as np
from numpy.typing import NDArray

from heliosdb_vector.index.structures import Found, Plan, Structure

__all__ = ["HnswlibBackend"]

SPACES = {"l2": "l2", "ip": "ip"}


class HnswlibBackend:
    """The driver ``hnswlib``."""

    name = "hnswlib"

    def refusal(self, plan: Plan) -> str | None:
        """Return what of a plan hnswlib cannot do."""
        if plan.method != "hnsw":
            return "lists (ivf)"
        if plan.metric not in SPACES:
            return f"the metric {plan.metric}"
        return None if plan.quantization == "none" else f"quantization = '{plan.quantization}'"

    def structure(self, plan: Plan, dimensions: int, expected: int) -> Structure:
        """Return an empty graph."""
        return _Graph(plan, dimensions, expected)


class _Graph:
    needed = 0

    def __init__(self, plan: Plan, dimensions: int, expected: int) -> None:
        self._plan = plan
        self._dimensions = dimensions
        self.code_size = 4 * dimensions
        self._index = hnswlib.Index(SPACES[plan.metric], dimensions)
        self._index.init_index(
            max(1024, expected), M=plan.links, ef_construction=max(plan.effort, plan.links), random_seed=1
        )
        self._effort = 0

    def train(self, rows: NDArray[Any]) -> None:
        """There is nothing to learn."""

    def add(self, labels: NDArray[Any], rows: NDArray[Any]) -> None:
        """Link vectors into the graph."""
        index = self._index
        room = index.get_max_elements()
        if index.get_current_count() + len(labels) > room:
            # By little: the system moves pages, and copies nothing.
            index.resize_index(max(index.get_current_count() + len(labels), room + room // 8))
        index.add_items(rows, labels, num_threads=-1 if len(labels) >= 64 else 1)

    def remove(self, labels: NDArray[Any]) -> None:
        """Mark vectors: searches pass them and do not name them."""
        for label in labels.tolist():
            self._index.mark_deleted(label)

    def search(self, row: NDArray[Any], count: int, effort: int) -> Found:
        """Return the nearest."""
        index = self._index
        effort = max(effort, count)
        if effort != self._effort:
            # The graph has one effort for all threads. Whoever is searching meanwhile may get that of another session.
            self._effort = effort
            index.set_ef(effort)
        while True:
            try:
                labels, ranks = index.knn_query(row, count, 1)  # by one thread
            except RuntimeError:  # fewer are left than were asked for
                if count <= 1:
                    return np.empty(0, np.int64), None
                count //= 2
            else:
                return labels[0].view(np.int64), ranks[0]

    def rows(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return vectors."""
        return np.array(self._index.get_items(labels, return_type="numpy"), np.float32).reshape(len(labels), -1)

    def size_bytes(self) -> int:
        """Return what the graph takes: vectors, and twice m links on the lowest level, which has nearly all."""
        each = 4 * self._dimensions + 8 * self._plan.links + 24
        return int(self._index.get_max_elements()) * each

    def blobs(self) -> dict[str, bytes]:
        """Return the graph's arrays and numbers."""
        state = self._index.__getstate__()[0]
        numbers = {name: value for name, value in state.items() if not isinstance(value, np.ndarray)}
        blobs = {"numbers": json.dumps(numbers).encode()}
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                content = io.BytesIO()
                np.save(content, value, allow_pickle=False)
                blobs[name] = content.getvalue()
        return blobs

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Take up a graph's arrays and numbers."""
        state: dict[str, Any] = json.loads(blobs["numbers"])
        if state.get("dim") != self._dimensions or state.get("space") != SPACES[self._plan.metric]:
            raise ValueError("a graph over other vectors")
        for name, blob in blobs.items():
            if name != "numbers":
                state[name] = np.load(io.BytesIO(blob), allow_pickle=False)
        index = hnswlib.Index.__new__(hnswlib.Index)
        index.__setstate__((state,))
        self._index, self._effort = index, 0
