"""What a backend gives: a structure that finds the vectors that are likely the nearest.

A structure knows labels and rows of numbers (singles, or packed bits; see ``measures``), and nothing of versions or
tables. Whoever searches it leaves out what he may not see, and compares again with the vectors themselves; so it may
keep them as coarsely as it likes. One thread changes a structure, and nobody searches meanwhile.

Backends are drivers of the group ``heliosdb.vector_backends``, chosen by ``WITH (backend = ...)``: a driver is called
without arguments and gives a ``Backend``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

__all__ = ["Backend", "Found", "Plan", "Structure"]


@dataclass(frozen=True)
class Plan:
    """What an index is to be.

    ``method``: "hnsw" or "ivf". ``metric``: see ``Measure``. ``links`` (m) and ``effort`` (ef_construction) are a
    graph's, ``lists`` those of ivf, None for the root of the number of vectors. ``quantization``: "none", "scalar" (a
    byte a number), "product" (``subquantizers`` codes of ``centroids`` values each) or "binary" (about a bit a
    number). ``sample``: how many vectors are looked at to train it. ``unit``: all vectors have length one.
    """

    method: str
    metric: str
    unit: bool = False
    links: int = 16
    effort: int = 64
    lists: int | None = None
    quantization: str = "none"
    subquantizers: int | None = None
    centroids: int = 256
    sample: int = 10_000


Found = tuple[NDArray[Any], "NDArray[Any] | None"]
"""Labels, and numbers that they were ranked by, where these are as exact as single precision goes: the square of the
distance ("l2"), or 1 less the inner product ("ip"). None where they are not, or are something else."""


class Structure(Protocol):
    """Vectors under labels."""

    needed: int
    """How many vectors ``train`` wants at least; 0 where there is nothing to train."""
    code_size: int
    """Bytes that it keeps of each vector, the links of a graph apart."""

    def train(self, rows: NDArray[Any]) -> None:
        """Learn from a sample, before anything is added."""
        ...

    def add(self, labels: NDArray[Any], rows: NDArray[Any]) -> None:
        """Add vectors under labels that it does not have."""
        ...

    def remove(self, labels: NDArray[Any]) -> None:
        """Take vectors out, or do nothing: labels that are no more are left out of what ``search`` gives."""
        ...

    def search(self, row: NDArray[Any], count: int, effort: int) -> Found:
        """Return the labels of about so many vectors, the nearest first; ``effort`` is ef_search, or probes."""
        ...

    def rows(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return vectors by label, as exactly as they are kept."""
        ...

    def size_bytes(self) -> int:
        """Return about how much memory it takes."""
        ...

    def blobs(self) -> dict[str, bytes]:
        """Return it as named pieces."""
        ...

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Become what ``blobs`` returned; ValueError where that is something else."""
        ...


class Backend(Protocol):
    """Makes structures by one library."""

    name: str

    def refusal(self, plan: Plan) -> str | None:
        """Return what of a plan the library cannot do, in a few words; None where it can do it."""
        ...

    def structure(self, plan: Plan, dimensions: int, expected: int) -> Structure:
        """Return an empty structure, for about so many vectors; ValueError where the dimensions do not fit."""
        ...
