"""Texts of statements as they may be shown to others and logged: without the passwords in them."""

from __future__ import annotations

import re

from heliosdb.sql.lexer import scan

__all__ = ["holds_password", "without_passwords"]

HIDDEN = "'********'"

holds_password = re.compile("password", re.IGNORECASE).search
"""Whether a text may have a password in it."""


def without_passwords(text: str) -> str:
    """Return a text with stars in the place of each string behind the word PASSWORD; of a text that is no SQL, what
    stands before that word."""
    if holds_password(text) is None:
        return text
    found = scan(text)
    shown: list[str] = []
    done = 0
    secret = False
    for kind, start, end in zip(found.kinds, found.positions, found.ends, strict=False):
        if kind == "ERROR" and secret:
            return "".join([*shown, text[done : start - 1], "..."])
        if kind == "SCONST" and secret:
            shown += [text[done : start - 1], HIDDEN]
            done = end - 1
        secret = kind == "password" or (secret and kind in ("SCONST", "="))
    return "".join([*shown, text[done:]])
