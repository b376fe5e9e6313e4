"""Time travel for HeliosDB: tables as they were.

    text ──clause──► value (SCN, transaction, time) ──resolve──► Snapshot(timeline, SCN) ──► the store's read path

The store keeps versions by the number of the commit that made them (SCN). All that this package adds is the grammar,
the way from a time or a transaction to its commit, and the wish that the past be kept.
"""

from __future__ import annotations

__version__ = "0.1.0"
