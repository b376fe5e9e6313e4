"""Vectors for HeliosDB: types, distances and nearest neighbours, as in pgvector.

plugin          the hooks
definitions     what is registered, type by type
floats          numbers as text: what stands between the brackets
dense           vector and halfvec: text, binary form, dimensions, order
sparse          the same of sparsevec
values          the Python classes of results and parameters
sparse_values   that of sparsevec
sparse_sums     sums over many sparse vectors
comparison      =, < and their kin
distances       <->, <#>, <=>, <+>, and by name
bits            <~> and <%>
arithmetic      +, -, *, ||, parts, lengths
aggregates      sum, avg
index           the access methods hnsw and ivf
indexes         the same without a database
search          db.create_vector_index, db.vector_search
hybrid          by meaning and by words at once
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_vector.hybrid import (
        FilterOp,
        Fusion,
        HybridQuery,
        HybridResult,
        HybridSearchEngine,
        SearchConfig,
    )
    from heliosdb_vector.indexes import (
        DimensionMismatch,
        DistanceMetric,
        HnswIndex,
        IndexNotTrained,
        InvalidParameter,
        IvfIndex,
        QuantizationType,
        cosine_distance,
        dot_product,
        euclidean_distance,
    )
    from heliosdb_vector.search import SearchResult, VectorIndexConfig
    from heliosdb_vector.sparse_values import SparseVector
    from heliosdb_vector.values import HalfVector, Vector

__all__ = [
    "DimensionMismatch",
    "DistanceMetric",
    "FilterOp",
    "Fusion",
    "HalfVector",
    "HnswIndex",
    "HybridQuery",
    "HybridResult",
    "HybridSearchEngine",
    "IndexNotTrained",
    "InvalidParameter",
    "IvfIndex",
    "QuantizationType",
    "SearchConfig",
    "SearchResult",
    "SparseVector",
    "Vector",
    "VectorIndexConfig",
    "cosine_distance",
    "dot_product",
    "euclidean_distance",
]
_HOMES = {
    "DimensionMismatch": "indexes",
    "DistanceMetric": "indexes",
    "FilterOp": "hybrid",
    "Fusion": "hybrid",
    "HalfVector": "values",
    "HnswIndex": "indexes",
    "HybridQuery": "hybrid",
    "HybridResult": "hybrid",
    "HybridSearchEngine": "hybrid",
    "IndexNotTrained": "indexes",
    "InvalidParameter": "indexes",
    "IvfIndex": "indexes",
    "QuantizationType": "indexes",
    "SearchConfig": "hybrid",
    "SearchResult": "search",
    "SparseVector": "sparse_values",
    "Vector": "values",
    "VectorIndexConfig": "search",
    "cosine_distance": "indexes",
    "dot_product": "indexes",
    "euclidean_distance": "indexes",
}


def __getattr__(name: str) -> object:
    # On first use, for opening a database must not import NumPy.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
