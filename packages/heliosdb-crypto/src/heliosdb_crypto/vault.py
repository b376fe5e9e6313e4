"""The key provider ``vault``: the master key lives in the transit engine of HashiCorp Vault or OpenBao.

    key_source = { vault = "database", url = "https://vault:8200", token = { environment = "VAULT_TOKEN" } }

The data keys are sent there to be wrapped and unwrapped; the master key never leaves it. The database's id and the
key's number go along as ``associated_data``. What another key management system needs is a class like this one.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from heliosdb.errors import DataCorrupted, InvalidParameterValue, InvalidPassword, IoError, UndefinedObject

__all__ = ["VaultKey"]

TIMEOUT = 10.0
LARGEST_ANSWER = 1 << 16


class _Unredirected(urllib.request.HTTPRedirectHandler):
    """Follows nobody: the token is for the vault alone."""

    def redirect_request(self, *arguments: Any) -> None:
        """Take the redirection for the answer."""


_opener = urllib.request.build_opener(_Unredirected)


class VaultKey:
    """A named key of a transit engine."""

    def __init__(self, name: str, url: str | None = None, token: Any = None, mount: str = "transit") -> None:
        """``url`` None: what ``VAULT_ADDR`` says. ``token``: ``{environment: name}`` or ``{file: path}``; None: the
        variable ``VAULT_TOKEN``."""
        url = url or os.environ.get("VAULT_ADDR", "")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidParameterValue(f'the URL of a vault must begin with https://, and is "{url}"')
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise InvalidParameterValue(
                f"a vault at {parts.hostname} over http would send the keys in plain sight", hint="Use https."
            )
        self._base = f"{url.rstrip('/')}/v1/{quote(mount)}"
        self._name = name
        self._token = _token({"environment": "VAULT_TOKEN"} if token is None else token)

    @property
    def id(self) -> str:
        """The key's name."""
        return self._name

    def describe(self) -> Mapping[str, Any]:
        """Return the name; where the vault is may change."""
        return {"kind": "vault", "id": self._name}

    def matching(self, description: Mapping[str, Any]) -> VaultKey:
        """Return this key, if it is the one."""
        if dict(description) != self.describe():
            raise InvalidPassword(
                "the encryption key is not the one that the data are encrypted with",
                detail=f"They need {description.get('kind')} {description.get('id')}.",
            )
        return self

    def wrap(self, secret: bytes, purpose: bytes) -> bytes:
        """Return what the vault makes of a secret."""
        data = self._ask("encrypt", {"plaintext": _text(secret), "associated_data": _text(purpose)})
        return str(data["ciphertext"]).encode()

    def unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        """Return the secret."""
        sent = wrapped.decode("ascii", "replace")
        data = self._ask("decrypt", {"ciphertext": sent, "associated_data": _text(purpose)})
        return base64.b64decode(data["plaintext"])

    def close(self) -> None:
        """Forget the token."""
        self._token = ""

    def _ask(self, action: str, content: Mapping[str, str]) -> Mapping[str, Any]:
        request = urllib.request.Request(
            f"{self._base}/{action}/{quote(self._name, safe='')}",
            json.dumps(content).encode(),
            {"X-Vault-Token": self._token, "Content-Type": "application/json"},
        )
        try:
            with _opener.open(request, timeout=TIMEOUT) as answer:
                data: Mapping[str, Any] = json.loads(answer.read(LARGEST_ANSWER))["data"]
                return data
        except urllib.error.HTTPError as error:
            if error.code == 403:
                raise InvalidPassword(f'the vault does not allow to {action} with key "{self._name}"') from None
            if error.code == 400 and action == "decrypt":
                raise DataCorrupted(f'key "{self._name}" of the vault did not wrap this for this place') from None
            raise IoError(f"the vault answered {error.code} to {action}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IoError(f"the vault could not be asked to {action}: {type(error).__name__}") from None


def _token(source: Any) -> str:
    from heliosdb_crypto.keys import EncryptionKey
    from heliosdb_crypto.providers import provided

    try:
        found = provided(source)
    except UndefinedObject as error:
        raise UndefinedObject(
            f"there is no token for the vault: {error.message.replace(', which should hold the encryption key,', '')}",
            hint="key_source = { vault = ..., token = { environment = ... } } or { file = ... } says where it is.",
        ) from None
    return found.hex() if isinstance(found, EncryptionKey) else str(found)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
