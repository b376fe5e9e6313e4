"""The defaults of the settings that say how much effort a search is worth."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["USUAL_EFFORT"]

USUAL_EFFORT: Mapping[str, int] = {"hnsw.ef_search": 40, "ivfflat.probes": 1}
