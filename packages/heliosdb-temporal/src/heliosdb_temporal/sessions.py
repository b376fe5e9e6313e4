"""``SET heliosdb.as_of``: a session that reads everything as it was at one point, and writes nothing.

    SET heliosdb.as_of = '2025-11-20 00:00'     a time
    SET heliosdb.as_of = 'SCN 12'               a commit; a plain number is one, too
    SET heliosdb.as_of = 'TRANSACTION 34'       the commit of a transaction
    SET heliosdb.as_of = ''                     the present, as RESET heliosdb.as_of

It holds from the next transaction on. The value is looked up once, when it is set.
"""

from __future__ import annotations

import re
from typing import Any

from heliosdb.spi import Session
from heliosdb_temporal import points

__all__ = ["point_of", "read_at"]

_NUMBERED = re.compile(r"\s*(scn|transaction|)\s*([0-9]{1,18})\s*", re.IGNORECASE)
_TIME = re.compile(r"\s*timestamp\b\s*'?(.*?)'?\s*", re.IGNORECASE)


def point_of(session: Any) -> str:
    """Return the value of the setting."""
    return "" if session.past is None else f"SCN {session.past}"


def read_at(session: Session, text: str) -> None:
    """Have a session read at the point that a text means; raises as AS OF does, and for what is no point."""
    session.use_point(_scn(session, text))


def _scn(session: Session, text: str) -> int | None:
    if not text.strip():
        return None
    history = session.database.history
    numbered = _NUMBERED.fullmatch(text)
    if numbered is not None:
        number = int(numbered[2])
        if numbered[1].lower() == "transaction":
            return points.scn_of_transaction(history, number)
        return points.scn_of(history, number)
    written = _TIME.fullmatch(text)
    time = session.registries.types.input("timestamptz")(text if written is None else written[1], -1, session)
    return history.scn_at(time)
