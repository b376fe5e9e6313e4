"""What a client says before it is known: which encryption, which protocol, as whom and to which database.

    SSLRequest, GSSENCRequest   S and a TLS handshake, or N; the client goes on
    CancelRequest               done, and the connection ends
    control request             answered (control.py), and the connection ends
    StartupMessage              user, database, options and settings: a Request

All of it comes from somebody whom nobody knows yet. What is said before encryption begins does not count behind it.
(https://www.postgresql.org/docs/15/protocol-flow.html, "Start-up" and "SSL Session Encryption")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from attrs import frozen

from heliosdb import errors
from heliosdb_server import messages
from heliosdb_server.messages import Body

__all__ = ["Line", "Request", "read_request"]


class Line(Protocol):
    """A connection to somebody who is not known yet."""

    is_encrypted: bool

    async def startup(self) -> bytes:
        """Return the body of the next message without a type."""

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more."""

    async def encrypt(self) -> None:
        """Answer that encryption begins, and begin it; ProtocolViolation where something came before it."""


@frozen
class Request:
    """What a StartupMessage asks for. ``database`` has no branch in it; ``settings`` are those of the session."""

    user: str
    database: str
    settings: dict[str, str]


async def read_request(
    line: Line, offers_tls: bool, cancel: Callable[[int, int], object], control: Callable[[Body], bytes]
) -> Request | None:
    """Return what a client asks for; None where it came to cancel, which ``cancel(number, secret)`` does, or for
    something that ``control`` has answered."""
    while True:
        body = Body(await line.startup())
        code = body.int4()
        if code == messages.SSL_REQUEST and not line.is_encrypted:
            if offers_tls:
                await line.encrypt()
            else:
                await line.send(b"N")
        elif code == messages.GSS_REQUEST:
            await line.send(b"N")
        elif code == messages.CANCEL_REQUEST:
            cancel(body.int4(), body.int4() & 0xFFFFFFFF)
            return None
        elif code == messages.CONTROL_REQUEST:
            await line.send(control(body))
            return None
        elif code >> 16 != 3:
            raise errors.FeatureNotSupported(
                f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0 to 3.0"
            )
        else:
            return await _parameters(line, body, code & 0xFFFF)


async def _parameters(line: Line, body: Body, minor: int) -> Request:
    found: dict[str, str] = {}
    while name := body.text():
        found[name] = body.text()
    unknown = [name for name in found if name.startswith("_pq_.")]
    if minor or unknown:
        listed = b"".join(map(messages.text, unknown))
        await line.send(messages.message(b"v", (0).to_bytes(4, "big") + len(unknown).to_bytes(4, "big") + listed))
    return _request({name: value for name, value in found.items() if name not in unknown})


def _request(said: dict[str, str]) -> Request:
    user = said.pop("user", "")
    if not user:
        raise errors.InvalidAuthorizationSpecification("no PostgreSQL user name specified in startup packet")
    # One server, one database, whatever a client calls it; behind an @ stands a branch of it.
    database, is_branch, branch = said.pop("database", user).partition("@")
    if is_branch:
        said["heliosdb.branch"] = branch
    if said.pop("replication", "false").lower() not in ("false", "off", "no", "0"):
        raise errors.FeatureNotSupported("replication is not supported")
    said.update(_options(said.pop("options", "")))
    return Request(user, database, said)


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Yield the settings of a connection's "options": ``-c name=value``, with backslashes before spaces."""
    words = [word.replace("\0", " ") for word in text.replace("\\ ", "\0").split()]
    place = 0
    while place < len(words):
        word = words[place]
        if word == "-c" and place + 1 < len(words):
            place += 1
            word = words[place]
        elif word.startswith(("--", "-c")):
            word = word[2:]
        else:
            raise errors.SqlSyntaxError(f"invalid command-line argument for server process: {word}")
        name, is_there, value = word.partition("=")
        if not is_there:
            raise errors.SqlSyntaxError(f"-c {word} requires a value")
        yield name.replace("-", "_"), value
        place += 1
