"""What the hook ``transaction_committed`` is told of a commit."""

from __future__ import annotations

from attrs import frozen

from heliosdb.value import Shown

__all__ = ["Commit"]


@frozen(kw_only=True, eq=False, repr=False)
class Commit(Shown):
    """A commit that is durable and visible.

    ``scn`` counts the database's commits; ``timeline`` is the name of the timeline it is on, ``time`` microseconds
    since 2000-01-01 UTC; ``relations`` are the OIDs of the relations whose rows changed, the catalog's own among them.
    """

    scn: int
    timeline: str
    time: int
    transaction_id: int | None
    relations: tuple[int, ...]
