"""Who a client is: the methods, and the contract that a method of somebody else's fulfils.

A rule of ``access`` names a method and its options. The method is a driver, looked for among those of this module and
then in the entry-point group ``heliosdb.authenticators``: called with the options as keyword arguments, once, when the
server is configured, it returns an Authenticator, whose ``authenticate`` each visitor passes.

Passwords are kept as verifiers alone. A client whose name is not known goes through the same exchange as one with a
wrong password, with a verifier that nothing fits: neither what it is told nor how long it takes says which of the two
it was.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from hashlib import md5
from inspect import signature
from typing import Any, Protocol

from attrs import define

from heliosdb import errors
from heliosdb.spi import driver, driver_names, is_password, parse_scram
from heliosdb_server import messages, scram
from heliosdb_server.accounts import mock_verifier
from heliosdb_server.messages import Body

__all__ = ["GROUP", "METHODS", "Authenticator", "Visitor", "authenticator"]

GROUP = "heliosdb.authenticators"


@define
class Visitor:
    """Somebody who says to be a user.

    ``address`` is an IP address. ``common_name`` is that of the certificate the client has shown, which an authority of
    ours has signed. ``kept`` is what is kept of the user's password, of a user who does not exist something that no
    password fits. ``binding`` is the digest of our certificate that a client may bind its proof to (RFC 5929).
    """

    user: str
    database: str
    address: str
    is_encrypted: bool
    common_name: str | None
    binding: bytes | None
    kept: str
    ask: Callable[[bytes], Awaitable[bytes]]
    """Sends a message and returns the body of the client's answer, which must be a PasswordMessage."""
    say: Callable[[bytes], object]
    """Sends a message that nobody answers."""
    in_thread: Callable[..., Awaitable[Any]]
    """Calls a function that waits or computes, with its arguments, away from the event loop."""

    async def password(self) -> str:
        """Ask for the password itself; InvalidPassword (28P01) for an empty one."""
        body = Body(await self.ask(messages.authentication(3)))
        password = body.text()
        body.end()
        if not password:
            raise errors.InvalidPassword("empty password returned by client")
        return password

    def refused(self, method: str = "password") -> errors.Error:
        """Return the error for one who is not the user."""
        kind = errors.InvalidPassword if method == "password" else errors.InvalidAuthorizationSpecification
        return kind(f'{method} authentication failed for user "{self.user}"')


class Authenticator(Protocol):
    """Looks at visitors. One object serves all visitors of a rule, many at a time, on the server's event loop."""

    async def authenticate(self, visitor: Visitor) -> None:
        """Return when the visitor has shown that it is its user; else raise an error: ``visitor.refused()``."""


class Trust:
    """Lets everybody in."""

    async def authenticate(self, visitor: Visitor) -> None:
        """Believe it."""


class Reject:
    """Lets nobody in."""

    async def authenticate(self, visitor: Visitor) -> None:
        """Refuse it."""
        raise errors.InvalidAuthorizationSpecification(
            f'pg_hba.conf rejects connection for host "{visitor.address}", user "{visitor.user}", '
            f'database "{visitor.database}", {"SSL encryption" if visitor.is_encrypted else "no encryption"}'
        )


class Password:
    """Asks for the password itself: for lines that nobody can listen to."""

    async def authenticate(self, visitor: Visitor) -> None:
        """Compare the password with what is kept."""
        password = await visitor.password()
        if not await visitor.in_thread(is_password, password, visitor.user, visitor.kept):
            raise visitor.refused()


class Scram:
    """SCRAM-SHA-256, bound to the channel where it is encrypted."""

    async def authenticate(self, visitor: Visitor) -> None:
        """Exchange proofs."""
        keys = parse_scram(visitor.kept) or parse_scram(mock_verifier(os.urandom(32), visitor.user))
        assert keys is not None
        end = await scram.exchange_proofs(keys, visitor.ask, visitor.binding)
        if end is None:
            raise visitor.refused()
        visitor.say(end)


class Md5:
    """A digest of password, name and salt, where the password is kept in that way; where it is not, SCRAM."""

    async def authenticate(self, visitor: Visitor) -> None:
        """Compare digests, or exchange proofs."""
        if parse_scram(visitor.kept) is not None:
            await Scram().authenticate(visitor)
            return
        salt = os.urandom(4)
        body = Body(await visitor.ask(messages.authentication(5, salt)))
        said = body.text()
        body.end()
        expected = "md5" + md5(visitor.kept[3:].encode() + salt, usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(said.encode(), expected.encode()):
            raise visitor.refused()


METHODS: Mapping[str, Callable[[], Authenticator]] = {
    "trust": Trust,
    "reject": Reject,
    "password": Password,
    "md5": Md5,
    "scram-sha-256": Scram,
    "cert": Trust,
}
"""The methods that need nothing else. A rule with "cert" has looked at the certificate before it asks its method."""

PASSWORD_METHODS = frozenset({"password", "md5", "scram-sha-256"})
"""Those that compare with what is kept of passwords."""


def authenticator(method: str, options: Mapping[str, str]) -> Authenticator:
    """Return the authenticator of a method; InvalidParameterValue where there is none, or for wrong options."""
    make: Callable[..., Authenticator] | None = METHODS.get(method)
    if make is None:
        try:
            make = driver(GROUP, method)
        except errors.UndefinedObject:
            names = ", ".join([*METHODS, *driver_names(GROUP)])
            raise errors.InvalidParameterValue(
                f'there is no authentication method "{method}"', hint=f"There are {names}."
            ) from None
    assert make is not None
    try:
        signature(make).bind(**options)
    except TypeError as error:
        raise errors.InvalidParameterValue(f'authentication method "{method}": {error}') from None
    return make(**options)
