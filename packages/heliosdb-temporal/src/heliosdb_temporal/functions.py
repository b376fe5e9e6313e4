"""Functions in SQL between the three names of a point: SCN, time, transaction. NULL for what is not known."""

from __future__ import annotations

from typing import Any

__all__ = ["commit_timestamp", "current_scn", "scn_at", "scn_of_transaction", "scn_timestamp", "scn_transaction"]


def _commit(scn: int | None, session: Any) -> Any:
    history = session.database.history
    return None if scn is None or not 0 < scn <= history.published else history.commits.get(scn)


def current_scn(session: Any) -> int:
    """Return the SCN of the last commit that the current statement sees."""
    return int(session.transaction.scn)


def scn_at(time: Any, session: Any) -> int:
    """Return the SCN of the last commit at or before a time; see ``History.scn_at`` for the errors."""
    return int(session.database.history.scn_at(time))


def scn_of_transaction(transaction: int, session: Any) -> int | None:
    """Return the SCN that a transaction committed with."""
    history = session.database.history
    found: int | None = history.commits.scn_of_transaction(transaction)
    return None if found is None or found > history.published else found


def scn_timestamp(scn: int, session: Any) -> int | None:
    """Return when a commit was made."""
    found = _commit(scn, session)
    return None if found is None else found.time


def scn_transaction(scn: int, session: Any) -> int | None:
    """Return the id of the transaction that a commit is."""
    found = _commit(scn, session)
    return None if found is None else found.transaction_id


def commit_timestamp(transaction: int, session: Any) -> int | None:
    """Return when a transaction committed."""
    return scn_timestamp_of(scn_of_transaction(transaction, session), session)


def scn_timestamp_of(scn: int | None, session: Any) -> int | None:
    """Return when a commit was made, where there is one."""
    return None if scn is None else scn_timestamp(scn, session)
