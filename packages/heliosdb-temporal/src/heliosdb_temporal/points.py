"""Points of the past: from a transaction or a number to the SCN of a commit, or an error that says why not. Times are
``History.scn_at``'s."""

from __future__ import annotations

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import History

__all__ = ["scn_of", "scn_of_transaction"]


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
