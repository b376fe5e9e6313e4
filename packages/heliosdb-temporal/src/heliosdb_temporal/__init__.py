"""Time travel for HeliosDB: tables as they were.

    text ──clause──► value (SCN, transaction, time) ──resolve──► Snapshot(timeline, SCN) ──► the store's read path

The store keeps versions by the number of the commit that made them (SCN). All that this package adds is the grammar,
the way from a time or a transaction to its commit, and the wish that the past be kept.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_temporal.engine import TemporalEngine as TemporalEngine
    from heliosdb_temporal.engine import TemporalRow as TemporalRow

__all__ = ["TemporalEngine", "TemporalRow"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from heliosdb_temporal import engine  # what SQL needs of this package does not need it

    return getattr(engine, name)
