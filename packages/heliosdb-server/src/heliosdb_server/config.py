"""What a server is told: where it listens, whom it lets in, how much of anything it takes.

A configuration that makes no sense is refused before a database is opened or an address taken. Rules decide who comes
in (``access``); ``auth``, ``allowed_ips`` and ``tls_required`` are a short way to write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from attrs import field, fields, frozen

from heliosdb import errors
from heliosdb_server import accounts
from heliosdb_server.access import Rule, read_rules, rule
from heliosdb_server.authentication import PASSWORD_METHODS
from heliosdb_server.keepalive import check_keep_alive
from heliosdb_server.tls import VERSIONS, Encryption, encryption

__all__ = ["SPELLINGS", "ServerConfig", "fields_of", "refuse_strangers"]

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

    ``users``: roles that are made where they are not there, as superusers, and their passwords (or verifiers), which
    roles without one are given. ``port`` 0: any that is free. ``hba``: rules, as ``access`` reads them; in
    their place ``auth``, one method for everybody, ``allowed_ips``, for whom, and ``tls_required``, only if encrypted.
    ``tls_cert``, ``tls_key`` and ``tls_ca`` (whose certificates clients may show) are files in PEM. The options
    of TCP are PostgreSQL's: when a silent client is asked whether it is there, how often, how many times, and how long
    what it was sent may stay unanswered; 0 leaves it to the operating system. Sizes in bytes, times in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 5432
    auth: str | None = None
    allowed_ips: Sequence[str] | None = None
    hba: Any = field(default=None, repr=False)  # options of methods may be secret
    users: Mapping[str, str] = field(factory=dict, repr=lambda users: f"{{{', '.join(users)}}}")
    max_connections: int = 100
    superuser_reserved_connections: int | None = None
    authentication_timeout: float = 60.0
    max_message_size: int = 1 << 28
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None
    tls_min_version: str = "TLSv1.2"
    tls_required: bool = False
    tcp_keepalives_idle: int = 0
    tcp_keepalives_interval: int = 0
    tcp_keepalives_count: int = 0
    tcp_user_timeout: float = 0
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
        if not 0 <= self.reserved < self.max_connections:
            raise errors.InvalidParameterValue("superuser_reserved_connections must be less than max_connections")
        check_keep_alive(self)
        tls = None
        if self.tls_cert is not None and self.tls_key is not None:
            tls = encryption(self.tls_cert, self.tls_key, self.tls_ca, self.tls_min_version)
        object.__setattr__(self, "tls", tls)

    @property
    def reserved(self) -> int:
        """How many places are for superusers: three, where not said otherwise and there are more."""
        stated = self.superuser_reserved_connections
        return stated if stated is not None else 3 if self.max_connections > 3 else 0

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
        for name, kept in self.users.items():
            if not kept:
                raise errors.InvalidParameterValue(f'the password of user "{name}" is empty')

    @property
    def asks_for_passwords(self) -> bool:
        """Whether nobody gets in without a password that the database knows."""
        methods = {each.method for each in self.rules} - {"reject"}
        return bool(methods) and methods <= PASSWORD_METHODS

    def require_accounts(self, is_new: bool) -> None:
        """Raise InvalidParameterValue where a database is new and nobody could log in: before it is made."""
        if is_new and self.asks_for_passwords and not self.users:
            raise accounts.nobody()


def fields_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of ServerConfig from arguments, which may have other names; InvalidParameterValue."""
    given = dict(options)
    if (encrypts := given.pop("enable_ssl", None)) is not None and encrypts != (
        given.get("ssl_cert", given.get("tls_cert")) is not None
    ):
        raise errors.InvalidParameterValue("enable_ssl goes with ssl_cert and ssl_key, and these with it")
    for name, stated in SPELLINGS.items():
        if name in given:
            if stated in given:
                raise errors.InvalidParameterValue(f"{name} is another name of {stated}: give one of them")
            given[stated] = given.pop(name)
    known = {each.name for each in fields(ServerConfig) if each.init}
    for name in given:
        if name not in known:
            raise errors.InvalidParameterValue(f"a server has no option {name!r}")
    return given


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
