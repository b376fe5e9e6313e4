"""Vectors for HeliosDB: types, distances and nearest neighbours, as in pgvector.

plugin          the hooks
definitions     what is registered, type by type
floats          numbers as text: what stands between the brackets
dense           vector and halfvec: text, binary form, dimensions, order
sparse          the same of sparsevec
values          the Python classes of results and parameters
sparse_values   that of sparsevec
comparison      =, < and their kin
distances       <->, <#>, <=>, <+>, and by name
bits            <~> and <%>
arithmetic      +, -, *, ||, parts, lengths
aggregates      sum, avg
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_vector.sparse_values import SparseVector
    from heliosdb_vector.values import HalfVector, Vector

__all__ = ["HalfVector", "SparseVector", "Vector"]
_HOMES = {"Vector": "values", "HalfVector": "values", "SparseVector": "sparse_values"}


def __getattr__(name: str) -> object:
    # On first use, for opening a database must not import NumPy.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
