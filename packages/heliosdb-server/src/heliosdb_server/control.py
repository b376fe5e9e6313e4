"""Asking a server how it is, and to end: what ``heliosdb status`` and ``heliosdb stop`` do.

    heliosdb.server      beside the database, for its owner alone: process, address and a secret of the server
    control request      a startup packet with a code of its own, as a cancellation has; the secret and a word in it
    answer               JSON, and the connection ends

Whoever may read the file may stop the server; nobody else learns even that there is such a request. The file goes with
the server. One that a killed process left behind is known by this: nobody answers at its address who knows the secret.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from typing import Any

from attrs import asdict, frozen

from heliosdb import errors
from heliosdb_server import messages

__all__ = ["FILE", "Contact", "ask", "forget", "note", "noted", "request"]

FILE = "heliosdb.server"
"""Its name in the database's directory; whoever opens a database removes ``heliosdb.*.new``, a half-written one."""

LONGEST = 1 << 16
"""Bytes of an answer."""


@frozen
class Contact:
    """How a server is reached: its process, where it listens, the URL for its clients, the secret."""

    process: int
    host: str
    port: int
    url: str
    secret: str


class NotThereError(Exception):
    """Nobody answers who knows the secret."""


def note(path: str, contact: Contact) -> None:
    """Write the file; IoError."""
    new = f"{path}.new"
    try:
        with suppress(FileNotFoundError):
            os.unlink(new)
        # Made here and by nobody before, who could read the secret in it.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(contact), file)
        os.replace(new, path)
    except OSError as error:
        raise errors.IoError(f'could not write file "{path}": {error.strerror}') from None


def noted(path: str) -> Contact | None:
    """Return what the file says; None where there is none. DataCorrupted for one that is none of ours."""
    try:
        with open(path, encoding="utf-8") as file:
            return Contact(**json.load(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.IoError(f'could not read file "{path}": {error.strerror}') from None
    except (ValueError, TypeError):
        raise errors.DataCorrupted(f'file "{path}" does not say where a server is') from None


def forget(path: str, secret: str) -> None:
    """Remove the file, if it is still that of the server with this secret."""
    try:
        contact = noted(path)
    except errors.Error:
        return
    if contact is not None and contact.secret == secret:
        os.unlink(path)


def request(secret: str, words: str) -> bytes:
    """Return the startup packet that asks."""
    body = messages.CONTROL_REQUEST.to_bytes(4, "big") + messages.text(secret) + messages.text(words)
    return (len(body) + 4).to_bytes(4, "big") + body


def ask(contact: Contact, words: str, timeout: float) -> dict[str, Any]:
    """Return a server's answer to "status" or "stop MODE".

    Raises NotThereError, or TimeoutError where somebody listens and says nothing for so many seconds.
    """
    received = b""
    try:
        with socket.create_connection((contact.host, contact.port), timeout) as connection:
            connection.sendall(request(contact.secret, words))
            while len(received) < LONGEST and (piece := connection.recv(LONGEST)):
                received += piece
        answer = json.loads(received)
    except TimeoutError:
        raise
    except (OSError, ValueError):
        raise NotThereError from None
    if not isinstance(answer, dict):
        raise NotThereError
    return answer
