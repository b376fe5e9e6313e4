"""What is kept of a statement with the commits that it makes: its text, a question mark in the place of each constant.

No value of a row and no password is in it. ``heliosdb.history_statements`` says whether a session's commits have it;
``heliosdb_history`` gives it back.
"""

from __future__ import annotations

from typing import Any

__all__ = ["statement"]


def statement(session: Any, pieces: tuple[str, ...]) -> str | None:
    """Return what is kept, given the text around the constants."""
    return " ".join("?".join(pieces).split()) if session.setting("heliosdb.history_statements") else None
