"""Statements that Parse made, portals that Bind made, and how far their rows have been read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field

from heliosdb.spi import LiveRows

if TYPE_CHECKING:
    from heliosdb.spi import OutputColumn, Result
    from heliosdb_server.encoding import Rows
    from heliosdb_server.short import Short

__all__ = ["Portal", "Statement", "batches"]


def batches(result: Result) -> Iterator[Sequence[Any]]:
    """Return the rows of a result in batches."""
    return result.rows if isinstance(result.rows, LiveRows) else iter((list(result.rows),))


@define(eq=False)
class Statement:
    """A statement that Parse made; ``text`` is None for an empty one."""

    text: Any
    types: tuple[str | None, ...]
    columns: tuple[OutputColumn, ...] | None
    declared: tuple[str | None, ...] = ()
    encoders: dict[tuple[int, ...], Rows] = field(factory=dict)
    """What makes the bytes of its rows by their formats, where no setting has a say in them."""
    described: dict[tuple[int, ...], bytes] = field(factory=dict)
    """RowDescription by the formats that were asked for."""
    prepared_at: int = field(factory=time.time_ns)
    short: Short | None = None
    """How it is answered at once."""


@define(eq=False)
class Portal:
    """A statement with values for its parameters, and how far its rows have been read."""

    statement: Statement
    values: tuple[Any, ...]
    formats: list[int]
    result: Result | None = None
    rows: list[Any] | None = None
    at: int = 0
    live: LiveRows | None = None
    """Where the rows come from that are not in ``rows`` yet."""

    def close(self) -> None:
        """Read no more."""
        if self.live is not None:
            self.live.close()
            self.live = None
