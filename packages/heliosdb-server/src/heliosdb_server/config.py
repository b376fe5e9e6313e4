"""What a server is told: where it listens, whom it lets in, how much of anything it takes.

A configuration that makes no sense is refused before a database is opened or an address taken. Rules decide who comes
in (``access``); ``auth``, ``allowed_ips`` and ``tls_required`` are a short way to write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from attrs import field, frozen

from heliosdb import errors
from heliosdb_server.access import Rule, read_rules, rule
from heliosdb_server.authentication import PASSWORD_METHODS
from heliosdb_server.tls import VERSIONS, Encryption, encryption
from heliosdb_server.verifiers import is_verifier, scram_keys

__all__ = ["SPELLINGS", "ServerConfig", "refuse_strangers"]

SPELLINGS = {
    "auth_method": "auth",
    "connection_timeout": "authentication_timeout",
    "ssl_cert": "tls_cert",
    "ssl_key": "tls_key",
    "ssl_ca": "tls_ca",
}
"""Other names of fields, as arguments of ``start_server``."""


@frozen
class ServerConfig:
    """Where a server listens and whom it lets in.

    ``users``: name to password or verifier. ``port`` 0: any that is free. ``hba``: rules, as ``access`` reads them; in
    their place ``auth``, one method for everybody, ``allowed_ips``, for whom, and ``tls_required``, only if encrypted.
    ``tls_cert``, ``tls_key`` and ``tls_ca`` (whose certificates clients may show) are files in PEM. Sizes in bytes,
    times in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 5432
    auth: str | None = None
    allowed_ips: Sequence[str] | None = None
    hba: Any = None
    users: Mapping[str, str] = field(factory=dict, repr=lambda users: f"{{{', '.join(users)}}}")
    max_connections: int = 100
    authentication_timeout: float = 60.0
    max_message_size: int = 1 << 28
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None
    tls_min_version: str = "TLSv1.2"
    tls_required: bool = False
    rules: tuple[Rule, ...] = field(init=False, repr=False, eq=False)
    tls: Encryption | None = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._check_tls()
        object.__setattr__(self, "rules", self._rules())
        self._check_rules()
        if not 0 <= self.port < 1 << 16:
            raise errors.InvalidParameterValue(f"port {self.port} is out of range")
        for name in ("max_connections", "authentication_timeout", "max_message_size"):
            if not getattr(self, name) > 0:
                raise errors.InvalidParameterValue(f"{name} must be positive")
        tls = None
        if self.tls_cert is not None and self.tls_key is not None:
            tls = encryption(self.tls_cert, self.tls_key, self.tls_ca, self.tls_min_version)
        object.__setattr__(self, "tls", tls)

    def _check_tls(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise errors.InvalidParameterValue("tls_cert and tls_key belong together")
        if self.tls_min_version not in VERSIONS:
            raise errors.InvalidParameterValue(
                f'invalid value for tls_min_version: "{self.tls_min_version}"', hint=f"There are {', '.join(VERSIONS)}."
            )
        for name in ("tls_required", "tls_ca"):
            if getattr(self, name) and self.tls_cert is None:
                raise errors.InvalidParameterValue(f"{name} needs tls_cert and tls_key")

    def _rules(self) -> tuple[Rule, ...]:
        if self.hba is not None:
            short = {"auth": self.auth is not None, "allowed_ips": self.allowed_ips is not None}
            for name, is_there in (short | {"tls_required": self.tls_required}).items():
                if is_there:
                    raise errors.InvalidParameterValue(
                        f"hba and {name} contradict each other", hint=f"{name} is a short way to write rules."
                    )
            return read_rules(self.hba)
        method = self.auth or "trust"
        addresses = "all" if self.allowed_ips is None else self.allowed_ips
        kind = "hostssl" if self.tls_required or method in ("cert", "certificate") else "host"
        if isinstance(addresses, str) and self.allowed_ips is not None:
            raise errors.InvalidParameterValue("allowed_ips must be a list of addresses")
        return (rule(type=kind, address=addresses, method=method),)

    def _check_rules(self) -> None:
        if not _is_loopback(self.host):
            refuse_strangers(self.rules, self.host)
        for each in self.rules:
            if each.kind == "hostssl" and self.tls_cert is None:
                raise errors.InvalidParameterValue(
                    f"encrypted connections ({each.method}) need tls_cert and tls_key", hint="Nobody could connect."
                )
            if each.client_certificate is not None and self.tls_ca is None:
                raise errors.InvalidParameterValue(
                    "client certificates need tls_ca", hint="It names the authorities that sign them."
                )
            if each.method in PASSWORD_METHODS and not self.users:
                raise errors.InvalidParameterValue(f"authentication by {each.method} needs users")
        for name, kept in self.users.items():
            if not kept:
                raise errors.InvalidParameterValue(f'the password of user "{name}" is empty')
            if is_verifier(kept) and kept[:3] != "md5" and scram_keys(kept) is None:
                raise errors.InvalidParameterValue(f'the verifier of user "{name}" is not valid')


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"  # what that stands for the server sees when it listens


def refuse_strangers(rules: Sequence[Rule], host: str) -> None:
    """Raise InvalidParameterValue where rules trust whoever reaches a host from elsewhere."""
    if any(each.trusts_strangers for each in rules):
        raise errors.InvalidParameterValue(
            f'a server that trusts everybody does not listen at "{host}"',
            hint="Choose another method (auth, hba), or listen at 127.0.0.1.",
        )
