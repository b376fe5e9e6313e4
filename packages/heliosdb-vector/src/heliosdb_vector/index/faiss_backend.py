"""Graphs and inverted lists by faiss: every metric and every quantization, no deletes.

A structure of faiss numbers its vectors as they come; ``_labels`` says whose they are. Binary structures want whole
bytes, so bits come packed. Jaccard distance is only known over numbers, so there bits become zeros and ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any

import faiss as faiss_library
import numpy as np
from numpy.typing import NDArray

from heliosdb_vector.index.structures import Found, Plan, Structure
from heliosdb_vector.index.training import codebooks

__all__ = ["FaissBackend"]

faiss: Any = faiss_library  # its stubs know less than half of it

METRICS = {
    "l2": faiss.METRIC_L2,
    "ip": faiss.METRIC_INNER_PRODUCT,
    "l1": faiss.METRIC_L1,
    "jaccard": faiss.METRIC_Jaccard,
}


class FaissBackend:
    """The driver ``faiss``."""

    name = "faiss"

    def refusal(self, plan: Plan) -> str | None:
        """Return what of a plan faiss cannot do."""
        quantized = plan.quantization != "none"
        if plan.metric in ("hamming", "jaccard", "l1") and quantized:
            return f"quantization = '{plan.quantization}' with the metric {plan.metric}"
        if plan.method == "ivf" and plan.metric == "jaccard":
            return "lists (ivf) with the metric jaccard"
        if plan.method == "hnsw" and plan.metric == "ip" and not plan.unit and plan.quantization == "product":
            return "quantization = 'product' in a graph with the metric ip"
        return None

    def structure(self, plan: Plan, dimensions: int, expected: int) -> Structure:
        """Return an empty structure."""
        return _Structure(plan, dimensions, expected)


class _Structure:
    def __init__(self, plan: Plan, dimensions: int, expected: int) -> None:
        self._plan = plan
        self._dimensions = dimensions
        self._labels = np.empty(0, np.int64)
        self._count = 0
        self._binary = plan.metric == "hamming"
        lists = plan.lists or max(1, isqrt(max(expected, 1)))
        self._lists = lists
        trained = plan.method == "ivf" or plan.quantization != "none"
        self.needed = 0
        if trained:
            self.needed = max(1, lists) if plan.method == "ivf" else 1
            if plan.quantization == "product":
                self.needed = max(self.needed, plan.centroids)
        self._subquantizers = plan.subquantizers or _subquantizers(dimensions)
        if plan.quantization == "product" and dimensions % self._subquantizers:
            raise ValueError(f"pq_subquantizers = {self._subquantizers} does not divide {dimensions} dimensions")
        self._index: Any = self._made()
        self.code_size = {
            "none": (dimensions + 7) // 8 if plan.metric == "hamming" else 4 * dimensions,
            "scalar": dimensions,
            "product": (self._subquantizers * self._code_bits + 7) // 8,
            "binary": (dimensions + 7) // 8 + 8,
        }[plan.quantization]

    def _made(self) -> Any:
        # By their classes, not by index_factory: its regular expressions crash where another library has brought its
        # own C++ runtime along.
        plan, dimensions = self._plan, self._dimensions
        if self._binary:
            bits = (dimensions + 7) // 8 * 8
            if plan.method == "hnsw":
                index = faiss.IndexBinaryHNSW(bits, plan.links)
            else:
                index = faiss.IndexBinaryIVF(_kept(faiss.IndexBinaryFlat(bits)), bits, self._lists)
                index.own_fields = True
        else:
            # Over vectors of length one both metrics rank alike, and codes of products are made for this one.
            metric = METRICS["l2"] if plan.unit and plan.quantization == "product" else METRICS[plan.metric]
            index = self._lists_of(metric) if plan.method == "ivf" else self._graph_of(metric)
        if plan.method == "hnsw":
            index.hnsw.efConstruction = plan.effort
        return index

    def _graph_of(self, metric: int) -> Any:
        dimensions, links = self._dimensions, self._plan.links
        match self._plan.quantization:
            case "none":
                return faiss.IndexHNSWFlat(dimensions, links, metric)
            case "scalar":
                return faiss.IndexHNSWSQ(dimensions, faiss.ScalarQuantizer.QT_8bit, links, metric)
            case "product":
                return faiss.IndexHNSWPQ(dimensions, self._subquantizers, links, self._code_bits, metric)
        index = faiss.IndexHNSW(_kept(faiss.IndexRaBitQ(dimensions, metric)), links)
        index.own_fields = True
        index.is_trained = False
        return index

    def _lists_of(self, metric: int) -> Any:
        dimensions, lists = self._dimensions, self._lists
        middles = _kept(faiss.IndexFlat(dimensions, metric))
        match self._plan.quantization:
            case "none":
                index = faiss.IndexIVFFlat(middles, dimensions, lists, metric)
            case "scalar":
                code = faiss.ScalarQuantizer.QT_8bit
                index = faiss.IndexIVFScalarQuantizer(middles, dimensions, lists, code, metric)
            case "product":
                index = faiss.IndexIVFPQ(middles, dimensions, lists, self._subquantizers, self._code_bits, metric)
            case _:
                index = faiss.IndexIVFRaBitQ(middles, dimensions, lists, metric)
        index.own_fields = True
        return index

    @property
    def _code_bits(self) -> int:
        return self._plan.centroids.bit_length() - 1

    def _given(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return rows as faiss wants them."""
        if self._plan.metric == "jaccard":
            return np.unpackbits(rows, axis=1, count=self._dimensions).astype(np.float32)
        return np.ascontiguousarray(rows)

    def train(self, rows: NDArray[Any]) -> None:
        """Find the middles of lists, and what codes stand for."""
        given, index, plan = self._given(rows), self._index, self._plan
        if plan.quantization != "product":
            if not index.is_trained:
                if plan.method == "ivf":
                    index.cp.min_points_per_centroid = 1  # or it complains to stderr
                index.train(given)
            return
        books = codebooks(given, self._subquantizers, plan.centroids)
        if plan.method == "ivf":
            middles = faiss.Kmeans(self._dimensions, self._lists, niter=10, seed=1, min_points_per_centroid=1)
            middles.train(given)
            index.quantizer.add(middles.centroids)
            index.by_residual = False
            coder = index.pq
        else:
            storage = faiss.downcast_index(index.storage)
            coder = storage.pq
            storage.is_trained = True
        faiss.copy_array_to_vector(books.ravel(), coder.centroids)
        if plan.method == "hnsw":
            coder.compute_sdc_table()
        index.is_trained = True

    def add(self, labels: NDArray[Any], rows: NDArray[Any]) -> None:
        """Add vectors."""
        count = self._count + len(labels)
        if count > len(self._labels):
            longer = np.empty(max(1024, count, len(self._labels) * 2), np.int64)
            longer[: self._count] = self._labels[: self._count]
            self._labels = longer
        self._labels[self._count : count] = labels
        self._index.add(self._given(rows))
        self._count = count

    def remove(self, labels: NDArray[Any]) -> None:
        """Leave them where they are: faiss has no way to take a vector out of a graph."""

    def search(self, row: NDArray[Any], count: int, effort: int) -> Found:
        """Return the nearest, without ranks: these are of another form in each kind of structure."""
        count = min(count, self._count)
        if not count:
            return np.empty(0, np.int64), None
        given = self._given(row[np.newaxis])
        if self._plan.method == "hnsw":
            chosen = faiss.SearchParametersHNSW(efSearch=max(effort, count))
        else:
            chosen = faiss.SearchParametersIVF(nprobe=min(max(1, effort), self._lists))
        if self._binary:
            # Binary structures take no parameters of one search.
            if self._plan.method == "hnsw":
                self._index.hnsw.efSearch = max(effort, count)
            else:
                self._index.nprobe = min(max(1, effort), self._lists)
            _, places = self._index.search(given, count)
        else:
            _, places = self._index.search(given, count, params=chosen)
        found = places[0]
        return self._labels[found[found >= 0]], None

    def rows(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return vectors as their codes say."""
        places = np.argsort(self._labels[: self._count])
        at = places[np.searchsorted(self._labels[: self._count], labels, sorter=places)]
        if self._plan.method == "ivf":
            self._index.make_direct_map()
        if self._binary:
            packed = np.empty((len(at), self._index.d // 8), np.uint8)
            for place, row in zip(at.tolist(), packed):
                self._index.reconstruct(place, faiss.swig_ptr(row))
            return packed
        rows: NDArray[Any] = self._index.reconstruct_batch(at)
        return np.packbits(rows.astype(np.uint8), axis=1) if self._plan.metric == "jaccard" else rows

    def size_bytes(self) -> int:
        """Return what codes, links and labels take."""
        if self._plan.method == "hnsw":
            return self._count * (self.code_size + 8 * self._plan.links + 16)
        return self._count * (self.code_size + 16) + self._lists * 4 * self._dimensions

    def blobs(self) -> dict[str, bytes]:
        """Return faiss's own form, and the labels."""
        write = faiss.serialize_index_binary if self._binary else faiss.serialize_index
        return {"index": write(self._index).tobytes(), "labels": self._labels[: self._count].tobytes()}

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Take up what faiss has written."""
        read = faiss.deserialize_index_binary if self._binary else faiss.deserialize_index
        try:
            index = read(np.frombuffer(blobs["index"], np.uint8))
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        labels = np.frombuffer(blobs["labels"], np.int64).copy()
        if index.ntotal != len(labels) or index.d != self._index.d:
            raise ValueError("a structure over other vectors")
        self._index, self._labels, self._count = index, labels, len(labels)
        if self._plan.method == "ivf":
            self._lists = index.nlist


def _kept(part: Any) -> Any:
    """Return a part of a structure, which is going to own it."""
    part.this.disown()
    return part


def _subquantizers(dimensions: int) -> int:
    """Return a quarter of the dimensions, or what comes next and divides them."""
    return next(count for count in range(max(1, dimensions // 4), 0, -1) if dimensions % count == 0)
