"""The versioned store: timelines, relations, blocks, versions, indexes. It knows no SQL, no catalog and no session."""

from __future__ import annotations

from heliosdb.store.access_method import AccessMethod, Index, IndexChange, IndexDefinition, IndexSpec
from heliosdb.store.commits import Author, Commit
from heliosdb.store.feed import Change
from heliosdb.store.holds import Pin, Retention
from heliosdb.store.store import Store
from heliosdb.store.timeline import Timeline
from heliosdb.store.volume import MemoryVolume, Volume

__all__ = [
    "AccessMethod",
    "Author",
    "Change",
    "Commit",
    "Index",
    "IndexChange",
    "IndexDefinition",
    "IndexSpec",
    "MemoryVolume",
    "Pin",
    "Retention",
    "Store",
    "Timeline",
    "Volume",
]
