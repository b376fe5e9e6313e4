"""Points of the past: from a time, a transaction or a number to the SCN of a commit, or an error that says why not.

A time means the last commit at or before it. What is known of commits may begin late (a retention with a period): a
time before that leads to no commit, and is an error that names the first one that is known.
"""

from __future__ import annotations

from typing import Any

from heliosdb.errors import InvalidParameterValue, ObjectNotInPrerequisiteState
from heliosdb.spi import History

__all__ = ["scn_at", "scn_of", "scn_of_transaction"]


def written(time: int) -> str:
    """Return a time (microseconds since 2000-01-01 UTC) for a message."""
    from datetime import UTC, datetime, timedelta

    return str(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=time))


def scn_at(history: History, time: Any) -> int:
    """Return the SCN of the last commit at or before a time, 0 before the first commit of all.

    Raises InvalidParameterValue for the future, ObjectNotInPrerequisiteState for a time of which no commit is known.
    """
    commits = history.commits
    if time > commits.clock():
        raise InvalidParameterValue("AS OF a time in the future", hint="The past can be read, up to now.")
    scn = commits.scn_at(time)
    first = commits.first_scn()
    if scn < first and first > 1:
        known = commits.get(first)
        raise ObjectNotInPrerequisiteState(
            "the time is before the horizon: commits of then are no longer known",
            detail=None if known is None else f"The first known commit is SCN {first} of {written(known.time)}.",
        )
    return min(scn, history.published)


def scn_of(history: History, scn: int) -> int:
    """Return an SCN that has been reached; InvalidParameterValue for another number."""
    if scn < 0:
        raise InvalidParameterValue(f"SCN {scn} is negative")
    if scn > history.published:
        raise InvalidParameterValue(
            f"SCN {scn} is in the future", detail=f"The last commit is SCN {history.published}."
        )
    return scn


def scn_of_transaction(history: History, transaction: int) -> int:
    """Return the SCN that a transaction committed with; InvalidParameterValue where none is known."""
    found = history.commits.scn_of_transaction(transaction)
    if found is None or found > history.published:
        raise InvalidParameterValue(
            f"no commit of transaction {transaction} is known",
            detail="It has not committed, has changed nothing, or is older than what is kept.",
        )
    return found
