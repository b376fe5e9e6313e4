"""The method ``oidc``: a token that an issuer has signed says who somebody is.

    issuer      https://id.example.org: its document of discovery names the keys (jwks_uri) that it signs with
    audience    what the token must be for
    claim       which claim is the user's name (sub)
    exchange    password: the token comes where a password would; oauthbearer: by SASL, as libpq 18 does

A token counts when it is signed with a key of the issuer, by an algorithm with two keys, names issuer and audience, has
not ended, and has the scopes that are asked for. Keys are fetched when the first visitor comes and kept for five
minutes; for a key that is not among them they are fetched again, at most every ten seconds. A token is as good as a
password to whoever sees it, so it may come only encrypted, or from this machine.
(OpenID Connect Discovery 1.0; RFC 7519, RFC 7628, RFC 8725)
"""

from __future__ import annotations

import json
import logging
import re
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from heliosdb.errors import Error, FeatureNotSupported, InvalidParameterValue, ProtocolViolation
from heliosdb_server import messages
from heliosdb_server.access import address_of
from heliosdb_server.authentication import Visitor
from heliosdb_server.scram import initial_response

__all__ = ["Tokens"]

log = logging.getLogger("heliosdb.server")

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Those with a key to sign and another to verify: with one key for both, who can verify could sign."""

LEEWAY = 30
"""Seconds by which clocks may differ."""

SECONDS = 10
"""How long the issuer may take for an answer."""

PAUSE = 10
"""Seconds between two fetches for keys that are not known."""

LIFETIME = 300
"""Seconds for which keys are kept."""

LARGEST = 1 << 20
"""Bytes of an answer that are read."""

_bearer = re.compile(rb"[ny],,\x01((?:[A-Za-z]+=[^\x01]*\x01)*)\x01").fullmatch


class Tokens:
    """Tokens of one issuer."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        claim: str = "sub",
        scope: str = "",
        exchange: str = "password",
        cafile: str | None = None,
    ) -> None:
        if exchange not in ("password", "oauthbearer"):
            raise InvalidParameterValue(f'invalid exchange: "{exchange}"', hint="There are password and oauthbearer.")
        self._jwt = _package()
        self._issuer = _checked(issuer)
        self._audience = audience
        self._claim = claim
        self._scopes = frozenset(scope.split())
        self._exchange = exchange
        try:
            self._context = ssl.create_default_context(cafile=cafile)
        except (OSError, ssl.SSLError) as error:
            raise InvalidParameterValue(f"cannot use the cafile of oidc: {error}") from None
        self._lock = threading.Lock()
        self._keys: dict[Any, Any] = {}
        self._fetched = float("-inf")

    async def authenticate(self, visitor: Visitor) -> None:
        """Ask for a token, and look whether it is the user's."""
        if not visitor.is_encrypted and not address_of(visitor.address).is_loopback:
            raise visitor.refused("OIDC")
        by_sasl = self._exchange == "oauthbearer"
        token = await self._bearer(visitor) if by_sasl else await visitor.password()
        if token and await visitor.in_thread(self._is_of, visitor.user, token):
            return
        if by_sasl:
            # RFC 7628, 3.2.3: what is wrong, then the client has one more word, then it ends.
            said = {"status": "invalid_token", "openid-configuration": self._discovery, "scope": self._scope}
            await visitor.ask(messages.authentication(11, json.dumps(said).encode()))
        raise visitor.refused("OIDC")

    @property
    def _discovery(self) -> str:
        return f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"

    @property
    def _scope(self) -> str:
        return " ".join(sorted(self._scopes | {"openid"}))

    async def _bearer(self, visitor: Visitor) -> str:
        """Return the token of the exchange OAUTHBEARER; an empty one from a client that asks what is wanted."""
        _, first = await initial_response(visitor.ask, "OAUTHBEARER")
        found = _bearer(first)
        if found is None:
            raise ProtocolViolation("malformed OAUTHBEARER message")
        pairs = [pair.partition(b"=")[::2] for pair in found[1].split(b"\x01")[:-1]]
        values = [value for name, value in pairs if name == b"auth"]
        if len(values) != 1:
            raise ProtocolViolation("malformed OAUTHBEARER message", detail="There is no auth value, or more than one.")
        scheme, _, token = messages.decoded(values[0]).partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def _is_of(self, user: str, token: str) -> bool:
        jwt = self._jwt
        try:
            claims = jwt.decode(
                token,
                self._key(jwt.get_unverified_header(token).get("kid")),
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", self._claim]},
            )
        except (jwt.PyJWTError, OSError, ValueError, Error) as error:
            # Not the error's text: it may hold parts of the token.
            log.warning("a token was refused: %s", type(error).__name__)
            return False
        granted = claims.get("scope") or ""
        scopes = frozenset(granted.split() if isinstance(granted, str) else ())
        return bool(claims[self._claim] == user) and scopes >= self._scopes

    def _key(self, name: Any) -> Any:
        """Return the issuer's key of a name; ValueError where it has none."""
        with self._lock:
            age = time.monotonic() - self._fetched
            if age > LIFETIME or (age > PAUSE and name not in self._keys):
                self._fetched = time.monotonic()  # also where it fails: nobody can make us ask all the time
                self._keys = self._fetched_keys()
            key = self._keys.get(name)
        if key is None:
            raise ValueError("the issuer has no such key")
        return key

    def _fetched_keys(self) -> dict[Any, Any]:
        document = self._get(self._discovery)
        if document.get("issuer") != self._issuer:
            raise ValueError("the document of discovery is another issuer's")
        found = self._jwt.PyJWKSet.from_dict(self._get(_checked(str(document.get("jwks_uri")))))
        return {key.key_id: key for key in found.keys if key.public_key_use in (None, "sig")}

    def _get(self, url: str) -> Any:
        context = self._context if url.startswith("https:") else None
        with urlopen(url, timeout=SECONDS, context=context) as answer:
            found = json.loads(answer.read(LARGEST))
        if not isinstance(found, dict):
            raise ValueError("the issuer's answer is no object")
        return found


def _checked(url: str) -> str:
    """Return an address that nobody on the way can forge: https, or of this machine."""
    try:
        parts = urlsplit(url)
        is_good = bool(parts.hostname) and (
            parts.scheme == "https"
            or (
                parts.scheme == "http"
                and (parts.hostname == "localhost" or address_of(parts.hostname or "").is_loopback)
            )
        )
    except ValueError:
        is_good = False
    if not is_good:
        raise InvalidParameterValue(f'the issuer "{url}" is not reached by https')
    return url


def _package() -> Any:
    try:
        import jwt
        import jwt.algorithms
    except ModuleNotFoundError:
        jwt = None  # type: ignore[assignment]
    if jwt is None or not jwt.algorithms.has_crypto:
        raise FeatureNotSupported(
            'the method oidc needs the package "pyjwt[crypto]"', hint="pip install heliosdb-server[oidc]"
        )
    return jwt
