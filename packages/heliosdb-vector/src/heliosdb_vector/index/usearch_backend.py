"""Graphs by usearch: deletes by itself, packed bits with both of their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from heliosdb_vector.index.structures import Found, Plan, Structure

__all__ = ["UsearchBackend"]

METRICS = {"l2": "l2sq", "ip": "ip", "hamming": "hamming", "jaccard": "tanimoto"}


class UsearchBackend:
    """The driver ``usearch``."""

    name = "usearch"

    def refusal(self, plan: Plan) -> str | None:
        """Return what of a plan usearch cannot do."""
        if plan.method != "hnsw":
            return "lists (ivf)"
        if plan.metric not in METRICS:
            return f"the metric {plan.metric}"
        return None if plan.quantization == "none" else f"quantization = '{plan.quantization}'"

    def structure(self, plan: Plan, dimensions: int, expected: int) -> Structure:
        """Return an empty graph."""
        return _Graph(plan, dimensions)


class _Graph:
    needed = 0

    def __init__(self, plan: Plan, dimensions: int) -> None:
        self._binary = plan.metric in ("hamming", "jaccard")
        self._dimensions = (dimensions + 7) // 8 * 8 if self._binary else dimensions
        self.code_size = self._dimensions // 8 if self._binary else 4 * dimensions
        self._index = Index(
            ndim=self._dimensions,
            metric=METRICS[plan.metric],
            dtype="b1" if self._binary else "f32",
            connectivity=plan.links,
            expansion_add=plan.effort,
        )

    def train(self, rows: NDArray[Any]) -> None:
        """There is nothing to learn."""

    def add(self, labels: NDArray[Any], rows: NDArray[Any]) -> None:
        """Link vectors into the graph."""
        self._index.add(labels.astype(np.uint64), rows)

    def remove(self, labels: NDArray[Any]) -> None:
        """Take vectors out."""
        for label in labels.tolist():
            self._index.remove(label)

    def search(self, row: NDArray[Any], count: int, effort: int) -> Found:
        """Return the nearest."""
        if not len(self._index):
            return np.empty(0, np.int64), None
        # As in hnswlib there is one effort for all threads.
        self._index.expansion_search = max(effort, count)
        found = self._index.search(row, min(count, len(self._index)), threads=1)
        return found.keys.astype(np.int64), None if self._binary else found.distances

    def rows(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return vectors."""
        rows = self._index.get(labels.astype(np.uint64))
        return np.array(rows, np.uint8 if self._binary else np.float32).reshape(len(labels), -1)

    def size_bytes(self) -> int:
        """Return what usearch says that it takes."""
        return int(self._index.memory_usage)

    def blobs(self) -> dict[str, bytes]:
        """Return usearch's own form."""
        return {"index": bytes(self._index.save())}

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Take up what usearch has written."""
        try:
            self._index.load(blobs["index"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(str(error)) from error
        if self._index.ndim != self._dimensions:
            raise ValueError("a graph over other vectors")
