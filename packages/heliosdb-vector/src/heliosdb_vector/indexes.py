"""Vector indexes without a database: ``HnswIndex`` and ``IvfIndex``, over ids and vectors in memory.

They are what ``USING hnsw`` and ``USING ivf`` are made of, and keep the vectors besides: results are sorted by exact
distances, and there are k of them wherever there are k vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliosdb.errors import DataException, InvalidParameterValue, ObjectNotInPrerequisiteState
from heliosdb.spi import ColumnValues, LikelySearch
from heliosdb_vector import bits, columns
from heliosdb_vector.dense import VECTOR
from heliosdb_vector.distances import VECTORS
from heliosdb_vector.index.measures import MEASURES
from heliosdb_vector.index.methods import chosen_backend
from heliosdb_vector.index.structures import Plan
from heliosdb_vector.index.vector_index import VectorIndex

__all__ = [
    "DimensionMismatch",
    "DistanceMetric",
    "HnswIndex",
    "IndexNotTrained",
    "InvalidParameter",
    "IvfIndex",
    "QuantizationType",
    "cosine_distance",
    "dot_product",
    "euclidean_distance",
]

NOW = 2**62
"""An SCN behind all others: these indexes have no past."""


class DistanceMetric(Enum):
    """What is near. The value is the operator class that compares so."""

    L2 = "vector_l2_ops"
    Cosine = COSINE = "vector_cosine_ops"
    InnerProduct = INNER_PRODUCT = "vector_ip_ops"
    Manhattan = MANHATTAN = "vector_l1_ops"
    Hamming = HAMMING = "bit_hamming_ops"
    Jaccard = JACCARD = "bit_jaccard_ops"


class QuantizationType(Enum):
    """How coarsely vectors are kept while searching; the value is that of ``WITH (quantization = ...)``."""

    NoQuantization = NONE = "none"
    ProductQuantization = PRODUCT = "product"
    ScalarQuantization = SCALAR = "scalar"
    BinaryQuantization = BINARY = "binary"


class DimensionMismatch(DataException):
    """A vector of other dimensions than the index has."""


class InvalidParameter(InvalidParameterValue):
    """A parameter that an index cannot have."""


class IndexNotTrained(ObjectNotInPrerequisiteState):
    """An index with lists was used before it knew where they are."""


_FUNCTIONS: dict[DistanceMetric, tuple[Callable[[Any, Any], float], Callable[..., Any]]] = {
    DistanceMetric.L2: (VECTORS.l2_distance, columns.VECTORS.l2_distance),
    DistanceMetric.Cosine: (VECTORS.cosine_distance, columns.VECTORS.cosine_distance),
    DistanceMetric.InnerProduct: (VECTORS.negative_inner_product, columns.VECTORS.negative_inner_product),
    DistanceMetric.Manhattan: (VECTORS.l1_distance, columns.VECTORS.l1_distance),
    DistanceMetric.Hamming: (bits.hamming_distance, columns.hamming_distance),
    DistanceMetric.Jaccard: (bits.jaccard_distance, columns.jaccard_distance),
}


def _checked(metric: DistanceMetric) -> DistanceMetric:
    if not isinstance(metric, DistanceMetric):
        names = ", ".join(f"DistanceMetric.{name.name}" for name in DistanceMetric)
        raise InvalidParameter(f"{metric!r} is no metric", hint=f"There are: {names}.")
    return metric


class _Index:
    """What both have in common. One thread changes an index at a time; any number may search it."""

    def __init__(self, dimensions: int, plan: Plan, metric: DistanceMetric, effort: int) -> None:
        if dimensions < 1:
            raise InvalidParameter(f"an index cannot have {dimensions} dimensions")
        self.dimensions = dimensions
        self.metric = metric
        self._effort = effort
        single, column = _FUNCTIONS[metric]
        support = {"distance": single, "distances": column}
        backend = chosen_backend(plan, None)
        self._index = VectorIndex(
            plan, backend, MEASURES[metric.value], support, lambda setting: self._effort, dimensions
        )
        self._data: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._data)

    def _datum(self, vector: Any) -> Any:
        if self._index.measure.is_binary:
            datum: Any = "".join(str(int(bool(number))) for number in vector)
        else:
            datum = VECTOR.datum(np.asarray(vector))
        dimensions = MEASURES[self.metric.value].dimensions(datum)
        if dimensions != self.dimensions:
            raise DimensionMismatch(f"expected {self.dimensions} dimensions, not {dimensions}")
        return datum

    def insert(self, key: int, vector: Any) -> None:
        """Enter a vector under an id, in place of the one that it had. Raises DimensionMismatch, and DataException for
        NaN and infinity.
        """
        if not isinstance(key, int | np.integer):
            raise InvalidParameter(f"the id of a vector is an int, not {type(key).__name__}")
        datum = self._datum(vector)
        before = self._data.get(key)
        if before == datum:
            return
        self._index.apply([(key, () if before is None else (before,), self._index.extract((datum,)))], 1)
        if before is not None:
            self._index.forget([(before, key)])
        self._data[key] = datum

    def remove(self, key: int) -> bool:
        """Take an id out; return whether it was there."""
        datum = self._data.pop(key, None)
        if datum is None:
            return False
        self._index.forget([(datum, key)])
        return True

    def search(self, query: Any, k: int) -> list[tuple[int, float]]:
        """Return (id, distance) of the k nearest vectors, the nearest first; of all, where there are fewer.

        Distances are those of the operators: of the inner product the negative.
        """
        if k < 1:
            raise InvalidParameter(f"k must be at least 1, not {k}")
        datum = self._datum(query)
        wanted = min(k, len(self._data))
        found: set[int] = set()
        for count, ids, _ in self._index.likely(LikelySearch("", datum, wanted, NOW, lambda name: 0.0)):
            found.update(ids)
            if min(count, len(found)) >= wanted:
                break
        keys = list(found) if len(found) >= wanted else list(self._data)
        distances = self._index.ordering_values("", datum, ColumnValues([(self._data[key],) for key in keys], 0))
        return sorted(zip(keys, distances), key=lambda pair: (pair[1] != pair[1], pair[1], pair[0]))[:k]


class HnswIndex(_Index):
    """A graph of neighbours. ``m`` links a vector, ``ef_construction`` the effort to find them.

    High recall: ``m=32, ef_construction=400`` and ``set_ef(500)``; speed: ``m=8, ef_construction=100`` and
    ``set_ef(50)``.
    """

    def __init__(
        self,
        dimensions: int,
        m: int = 16,
        ef_construction: int = 200,
        metric: DistanceMetric = DistanceMetric.L2,
    ) -> None:
        if m < 2 or ef_construction < 1:
            raise InvalidParameter(f"m = {m} and ef_construction = {ef_construction} make no graph")
        measure = MEASURES[_checked(metric).value]
        super().__init__(
            dimensions, Plan("hnsw", measure.metric, measure.unit, links=m, effort=ef_construction), metric, 40
        )

    def set_ef(self, ef: int) -> None:
        """Set the effort of searches: more find more of the nearest."""
        if ef < 1:
            raise InvalidParameter(f"ef must be at least 1, not {ef}")
        self._effort = ef


class IvfIndex(_Index):
    """Lists around middles, which ``train`` finds; typically as many as the root of the number of vectors."""

    def __init__(
        self,
        dimensions: int,
        num_clusters: int,
        quantization: QuantizationType = QuantizationType.NONE,
        metric: DistanceMetric = DistanceMetric.L2,
    ) -> None:
        if num_clusters < 1:
            raise InvalidParameter(f"num_clusters must be at least 1, not {num_clusters}")
        measure = MEASURES[_checked(metric).value]
        plan = Plan("ivf", measure.metric, measure.unit, lists=num_clusters, quantization=quantization.value)
        super().__init__(dimensions, plan, metric, max(1, num_clusters // 8))

    def train(self, training_vectors: Iterable[Any]) -> None:
        """Find the lists' middles from a sample; as many vectors as lists at least, 10,000 are better."""
        rows: NDArray[Any] = MEASURES[self.metric.value].rows([self._datum(vector) for vector in training_vectors])
        self._index.train(rows)

    def set_probes(self, probes: int) -> None:
        """Set how many lists a search looks into; at first an eighth of them."""
        if probes < 1:
            raise InvalidParameter(f"probes must be at least 1, not {probes}")
        self._effort = probes

    def insert(self, key: int, vector: Any) -> None:
        """Enter a vector; IndexNotTrained before ``train``."""
        if self._index.structure is None and self._index.trouble is None:
            raise IndexNotTrained("the index has not been trained", hint="Call train with a sample of the vectors.")
        super().insert(key, vector)


def euclidean_distance(left: Any, right: Any) -> float:
    """Return the Euclidean distance of two rows of numbers."""
    return VECTORS.l2_distance(VECTOR.datum(np.asarray(left)), VECTOR.datum(np.asarray(right)))


def cosine_distance(left: Any, right: Any) -> float:
    """Return 1 less the cosine of the angle between two rows of numbers."""
    return VECTORS.cosine_distance(VECTOR.datum(np.asarray(left)), VECTOR.datum(np.asarray(right)))


def dot_product(left: Any, right: Any) -> float:
    """Return the inner product of two rows of numbers."""
    return VECTORS.inner_product(VECTOR.datum(np.asarray(left)), VECTOR.datum(np.asarray(right)))
