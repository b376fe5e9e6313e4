"""SCRAM-SHA-256, and SCRAM-SHA-256-PLUS: the client shows that it knows a password, the server that it knew it too.

    server   AuthenticationSASL           SCRAM-SHA-256-PLUS where the line is encrypted, SCRAM-SHA-256
    client   n,,n=,r=nonce                its flag: n cannot bind, y could but thinks that we cannot, p= binds
    server   r=nonce+ours,s=salt,i=count
    client   c=binding,r=...,p=proof
    server   v=signature

With PLUS the proof covers a digest of the server's certificate (tls-server-end-point): who stands between the two with
a certificate of its own can pass it on to nobody. A client that says y while we offer PLUS was shown another list than
ours, and is refused. (RFC 5802, RFC 7677, RFC 5929; https://www.postgresql.org/docs/15/sasl-authentication.html)
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256

from heliosdb.errors import FeatureNotSupported, ProtocolViolation
from heliosdb.spi import ScramVerifier
from heliosdb_server import messages
from heliosdb_server.messages import Body

__all__ = ["PLAIN", "PLUS", "exchange_proofs", "initial_response"]

PLAIN, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
BINDING = b"p=tls-server-end-point"

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a message and returns the body of the client's answer, which must be a PasswordMessage."""


async def initial_response(ask: Ask, *mechanisms: str) -> tuple[str, bytes]:
    """Offer SASL mechanisms; return the one that the client chose, and what it says first."""
    offered = b"".join(map(messages.text, mechanisms)) + b"\0"
    body = Body(await ask(messages.authentication(10, offered)))
    mechanism, first = body.text(), body.value()
    body.end()
    if mechanism not in mechanisms:
        raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
    return mechanism, first or b""


async def exchange_proofs(keys: ScramVerifier, ask: Ask, binding: bytes | None) -> bytes | None:
    """Return the message that ends the exchange, None where the client has not shown that it knows the password.

    ``binding`` is the digest of our certificate; None where the line is not encrypted, or it has none.
    """
    mechanism, first = await initial_response(ask, *((PLAIN,) if binding is None else (PLUS, PLAIN)))
    header, bare = _split(first)
    bound = _checked(header, mechanism, binding)
    client_nonce = _attribute(bare.split(b",")[1:2], b"r")
    if not bare.startswith(b"n=") or not client_nonce:
        raise _malformed("There is no name or no nonce.")
    nonce = client_nonce + b64encode(os.urandom(18))
    challenge = b"r=" + nonce + b",s=" + b64encode(keys.salt) + b",i=%d" % keys.iterations
    final = await ask(messages.authentication(11, challenge))
    without_proof, _, proof = final.rpartition(b",p=")
    parts = without_proof.split(b",")
    if _attribute(parts[:1], b"c") != b64encode(bound) or _attribute(parts[1:2], b"r") != nonce:
        raise _malformed("Nonce or channel binding do not match.")
    signed = b",".join((bare, challenge, without_proof))
    signature = hmac.digest(keys.stored_key, signed, "sha256")
    try:
        given = b64decode(proof, validate=True)
    except ValueError:
        raise _malformed("The proof is not base64.") from None
    key = bytes(a ^ b for a, b in zip(given, signature))
    if len(given) != len(signature) or not hmac.compare_digest(sha256(key).digest(), keys.stored_key):
        return None
    return messages.authentication(12, b"v=" + b64encode(hmac.digest(keys.server_key, signed, "sha256")))


def _split(first: bytes) -> tuple[bytes, bytes]:
    """Return the header, with both its commas, and what follows."""
    flag, comma, rest = first.partition(b",")
    authorized, second, bare = rest.partition(b",")
    if not comma or not second:
        raise _malformed("There is no header.")
    if authorized:
        raise FeatureNotSupported("client uses authorization identity, but it is not supported")
    return flag, bare


def _checked(flag: bytes, mechanism: str, binding: bytes | None) -> bytes:
    """Return what the client's ``c=`` has to hold."""
    if mechanism == PLUS:
        if flag != BINDING:
            raise _malformed("SCRAM-SHA-256-PLUS needs the channel binding tls-server-end-point.")
        assert binding is not None
        return flag + b",," + binding
    if flag == b"y" and binding is not None:
        raise ProtocolViolation(
            "SCRAM channel binding negotiation error",
            detail="The client supports SCRAM channel binding but thinks the server does not. "
            "However, this server does support channel binding.",
        )
    if flag not in (b"n", b"y"):
        raise _malformed("The client binds the channel without SCRAM-SHA-256-PLUS.")
    return flag + b",,"


def _attribute(parts: list[bytes], name: bytes) -> bytes | None:
    return parts[0][2:] if parts and parts[0][:2] == name + b"=" else None


def _malformed(detail: str) -> ProtocolViolation:
    return ProtocolViolation("malformed SCRAM message", detail=detail)
