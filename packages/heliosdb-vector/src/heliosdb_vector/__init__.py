"""Vectors for HeliosDB: types, distances and nearest neighbours, as in pgvector.

plugin          what is registered
floats          numbers as text: what stands between the brackets
dense           vector and halfvec: text, binary and Python forms, dimensions, order
values          the Python classes of results: Vector
distances       <-> and its kin, of two data
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_vector.values import Vector

__all__ = ["Vector"]


def __getattr__(name: str) -> object:
    # On first use, for opening a database must not import NumPy.
    if name in __all__:
        from heliosdb_vector import values

        return getattr(values, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
