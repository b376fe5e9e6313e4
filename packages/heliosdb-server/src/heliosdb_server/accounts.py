"""Whom the server knows: users by name, with what is kept of their passwords."""

from __future__ import annotations

import os
from collections.abc import Mapping

from heliosdb_server.verifiers import is_verifier, mock_verifier, verifier

__all__ = ["Accounts"]


class Accounts:
    """``users`` gives for each a password or what is kept of one."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._kept = {name: given if is_verifier(given) else verifier(given) for name, given in users.items()}
        self._secret = os.urandom(32)

    def kept(self, user: str) -> str:
        """Return what is kept of a user's password; of one who does not exist something that nothing fits."""
        return self._kept.get(user) or mock_verifier(self._secret, user)
