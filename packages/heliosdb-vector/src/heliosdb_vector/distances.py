"""Distances of two vectors of single precision.

As in pgvector they are added up in single precision, and given as a double.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from heliosdb.errors import DataException
from heliosdb_vector.dense import VECTOR

__all__ = ["l2_distance"]

_frombuffer = np.frombuffer
_SINGLE = np.dtype("<f4")


def check_dimensions(left: bytes, right: bytes) -> None:
    """Raise DataException unless both vectors have as many dimensions."""
    if len(left) != len(right):
        raise DataException(f"different vector dimensions {VECTOR.dimensions(left)} and {VECTOR.dimensions(right)}")


def l2_distance(left: bytes, right: bytes) -> float:
    """``<->``: the Euclidean distance."""
    check_dimensions(left, right)
    difference = _frombuffer(left, _SINGLE) - _frombuffer(right, _SINGLE)
    return sqrt(difference.dot(difference))
