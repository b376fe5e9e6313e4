"""Whom the server knows: the roles of its database.

A role may connect when it may log in (28000) and is below its limit of connections (53300). Its password counts until
the role says; afterwards, and where it has none, it is as wrong as any other.

A database begins with one role, a superuser without a password. The first password comes from whoever starts the
server (``users``), or from ALTER ROLE by whoever has the database open.
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.spi import Login, is_password, make_verifier, parse_scram

if TYPE_CHECKING:
    from heliosdb_server.config import ServerConfig

log = logging.getLogger("heliosdb.server")

__all__ = ["Accounts", "mock_verifier", "verifier"]

ITERATIONS = 4096
"""Those of verifiers that the core makes."""


class Accounts:
    """The roles of a database. All methods are quick, and may be called on the event loop."""

    def __init__(self, database: Any, config: ServerConfig) -> None:
        """Make the roles that the configuration names; InvalidParameterValue where nobody could log in."""
        self._database = database
        self._secret = os.urandom(32)
        if config.users:
            self._make(config.users)
        if config.asks_for_passwords and not self._has_passwords():
            raise nobody()

    def kept(self, user: str) -> str:
        """Return what is kept of a role's password, where that counts; else something that nothing fits."""
        found = self._database.login(user)
        if found is None or found.verifier is None:
            return mock_verifier(self._secret, user)
        if found.valid_until is not None and found.valid_until <= time.time():
            return mock_verifier(self._secret, user)
        return str(found.verifier)

    def admitted(self, user: str) -> Login:
        """Return the role of one who has shown who it is; InvalidAuthorizationSpecification where it may not log in."""
        found: Login | None = self._database.login(user)
        if found is None:
            raise errors.InvalidAuthorizationSpecification(f'role "{user}" does not exist')
        if not found.login:
            raise errors.InvalidAuthorizationSpecification(f'role "{user}" is not permitted to log in')
        return found

    def require_room(self, role: Login) -> None:
        """Raise TooManyConnections where a role has more sessions than it may, the one that has just begun included."""
        limit = role.connection_limit
        if limit >= 0 and not role.superuser and self._database.sessions_of(role.oid) > limit:
            raise errors.TooManyConnections(f'too many connections for role "{role.name}"')

    def _make(self, users: Mapping[str, str]) -> None:
        """Make roles that are not there, superusers, and give passwords to those that have none."""
        with closing(self._database.session()) as session:
            for name, password in users.items():
                found = self._database.login(name)
                if found is None:
                    text = "CREATE ROLE %I LOGIN SUPERUSER PASSWORD %L"
                elif found.verifier is None:
                    text = "ALTER ROLE %I PASSWORD %L"
                elif password == found.verifier or is_password(password, name, found.verifier):
                    continue
                else:
                    # Not refused: whoever changed it by ALTER ROLE could not start the server again as it was started.
                    log.warning("role %r keeps the password that it has: the one that was given is another", name)
                    continue
                encryption = session.settings.show("password_encryption")
                values = (text, name, make_verifier(password, name, encryption))
                (result,) = session.execute("SELECT format($1, $2::text, $3::text)", values)
                session.execute(next(iter(result.rows))[0])

    def _has_passwords(self) -> bool:
        with closing(self._database.session()) as session:
            (result,) = session.execute("SELECT 1 FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL LIMIT 1")
            return bool(list(result.rows))


def nobody() -> errors.Error:
    """Return the error for a server that asks for passwords in a database that has none."""
    return errors.InvalidParameterValue(
        "no role has a password, so nobody could connect",
        hint="Start it with --user NAME and the password in PGPASSWORD (users of start_server), or ALTER ROLE helios "
        "PASSWORD '...' in the open database.",
    )


def verifier(password: str) -> str:
    """Return what is kept of a password: a SCRAM verifier."""
    return make_verifier(password, "", "scram-sha-256")


def mock_verifier(secret: bytes, user: str) -> str:
    """Return what is kept of the password of somebody who does not exist: for one secret always the same salt, and
    keys that nothing fits."""
    salt = hmac.digest(secret, user.encode(), "sha256")[:16]
    made = [b64encode(part).decode() for part in (salt, os.urandom(32), os.urandom(32))]
    kept = f"SCRAM-SHA-256${ITERATIONS}:{made[0]}${made[1]}:{made[2]}"
    assert parse_scram(kept) is not None
    return kept
