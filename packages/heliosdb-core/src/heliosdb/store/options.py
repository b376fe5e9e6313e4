"""What is chosen when a durable store is opened."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from heliosdb.encoding.classes import ClassTable
    from heliosdb.encoding.codecs import FileCodecs
    from heliosdb.store.holds import Retention

__all__ = ["StorageOptions"]


@frozen(kw_only=True)
class StorageOptions:
    """Sizes are bytes.

    ``cache_size``: blocks and pages that were read from files and may be read again. A checkpoint begins when the log
    has ``checkpoint_log_size`` or ``checkpoint_commits`` commits; it bounds the time that opening takes after a crash.
    Every ``compact_interval_hours`` superseded versions are dropped and files put in order; None: never by itself.
    What is written by itself in doing so, and in checkpoints, is at most ``background_write_rate`` bytes a second as
    long as the log is not twice as long as it should be; None: as fast as it goes.
    A commit that fills whole blocks with ``large_commit`` rows or more writes them to a segment itself: two files to
    sync instead of one, and half of the bytes. ``codecs`` None: zstd. ``classes`` says how values of classes of their
    own are stored. ``clock`` gives the seconds that background work goes by, from any beginning.
    """

    cache_size: int = 256 << 20
    checkpoint_log_size: int = 16 << 20
    checkpoint_commits: int = 20_000
    large_commit: int = 1 << 14
    compact_interval_hours: int | None = None
    background_write_rate: int | None = None
    codecs: FileCodecs | None = None
    classes: ClassTable | None = None
    retention: Retention | None = None
    clock: Callable[[], float] = monotonic
