"""Who a client is: the methods ``trust``, ``password`` and ``scram-sha-256``.

Passwords are kept as SCRAM verifiers alone, as PostgreSQL keeps them
(``SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey``), whatever the method. A client whose name is not known goes
through the same exchange as one with a wrong password, with a verifier that nothing fits: neither what it is told nor
how long it takes says which of the two it was.
(RFC 5802, RFC 7677; https://www.postgresql.org/docs/15/sasl-authentication.html)
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from hashlib import pbkdf2_hmac, sha256

from heliosdb.errors import InvalidParameterValue, InvalidPassword, ProtocolViolation
from heliosdb_server import messages
from heliosdb_server.messages import Body

__all__ = ["METHODS", "Passwords", "verifier"]

METHODS = ("trust", "password", "scram-sha-256")
ITERATIONS = 4096
_verifier = re.compile(
    r"SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})"
).fullmatch

Exchange = Callable[[bytes], Awaitable[bytes]]
"""Sends a message and returns the body of the client's answer, which must be a PasswordMessage."""

Send = Callable[[bytes], object]
"""Sends a message that nobody answers."""


def verifier(password: str, *, iterations: int = ITERATIONS, salt: bytes | None = None) -> str:
    """Return what is kept of a password."""
    salt = os.urandom(16) if salt is None else salt
    salted = pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


class Passwords:
    """The verifiers of users. ``users`` gives for each a password or a verifier."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {
            name: given if given.startswith("SCRAM-SHA-256$") else verifier(given) for name, given in users.items()
        }
        for name, kept in self._users.items():
            if _verifier(kept) is None:
                raise InvalidParameterValue(f'the verifier of user "{name}" is not valid')
        self._secret = os.urandom(32)

    async def authenticate(self, method: str, user: str, exchange: Exchange, send: Send) -> None:
        """Return when the client has shown who it is; InvalidPassword (28P01) where it has not."""
        if method == "trust":
            return
        mechanism = authenticate_password if method == "password" else authenticate_scram
        if not await mechanism(self._of(user), exchange, send) or user not in self._users:
            raise InvalidPassword(f'password authentication failed for user "{user}"')

    def _of(self, user: str) -> str:
        """Return a user's verifier; of one who does not exist always the same, which nothing fits."""
        known = self._users.get(user)
        if known is not None:
            return known
        made = hmac.digest(self._secret, user.encode(), "sha256")
        return f"SCRAM-SHA-256${ITERATIONS}:{_text(made[:16])}${_text(os.urandom(32))}:{_text(os.urandom(32))}"


async def authenticate_password(kept: str, exchange: Exchange, send: Send) -> bool:
    """Ask for the password itself: for connections that nobody can listen to."""
    body = Body(await exchange(messages.authentication(3)))
    password = body.text()
    body.end()
    iterations, salt, stored, _ = _parts(kept)
    salted = pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    return hmac.compare_digest(sha256(hmac.digest(salted, b"Client Key", "sha256")).digest(), stored)


async def authenticate_scram(kept: str, exchange: Exchange, send: Send) -> bool:
    """SCRAM-SHA-256 without channel binding."""
    body = Body(await exchange(messages.authentication(10, b"SCRAM-SHA-256\0\0")))
    mechanism, first = body.text(), body.value()
    body.end()
    if mechanism != "SCRAM-SHA-256":
        raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
    header, _, bare = (first or b"").partition(b",,")
    if header not in (b"n", b"y"):
        raise ProtocolViolation("malformed SCRAM message", detail="Channel binding is not offered.")
    client_nonce = _attributes(bare).get("r", "")
    if not client_nonce:
        raise ProtocolViolation("malformed SCRAM message", detail="There is no nonce.")
    iterations, salt, stored, server = _parts(kept)
    nonce = client_nonce + _text(os.urandom(18))
    challenge = f"r={nonce},s={_text(salt)},i={iterations}".encode()
    final = await exchange(messages.authentication(11, challenge))
    without_proof, _, proof = final.rpartition(b",p=")
    said = _attributes(without_proof)
    if said.get("r") != nonce or said.get("c") != _text(header + b",,"):
        raise ProtocolViolation("malformed SCRAM message", detail="Nonce or channel binding do not match.")
    signed = b",".join((bare, challenge, without_proof))
    signature = hmac.digest(stored, signed, "sha256")
    try:
        given = b64decode(proof, validate=True)
    except ValueError:
        raise ProtocolViolation("malformed SCRAM message", detail="The proof is not base64.") from None
    key = bytes(a ^ b for a, b in zip(given, signature))
    if len(given) != len(signature) or not hmac.compare_digest(sha256(key).digest(), stored):
        return False
    send(messages.authentication(12, b"v=" + b64encode(hmac.digest(server, signed, "sha256"))))
    return True


def _parts(kept: str) -> tuple[int, bytes, bytes, bytes]:
    found = _verifier(kept)
    assert found is not None
    iterations, salt, stored, server = found.groups()
    return int(iterations), b64decode(salt), b64decode(stored), b64decode(server)


def _attributes(said: bytes) -> dict[str, str]:
    found = {}
    for part in messages.decoded(said).split(","):
        name, is_there, value = part.partition("=")
        if len(name) != 1 or not is_there:
            raise ProtocolViolation("malformed SCRAM message")
        found[name] = value
    return found


def _text(data: bytes) -> str:
    return b64encode(data).decode()
