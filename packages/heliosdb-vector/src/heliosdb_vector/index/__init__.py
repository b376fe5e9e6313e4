"""Indexes over vectors: the access methods ``hnsw`` and ``ivf`` (see ``vector_index``)."""

from __future__ import annotations
