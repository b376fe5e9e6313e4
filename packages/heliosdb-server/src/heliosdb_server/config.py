"""What a server is told: where it listens, whom it lets in, how much of anything it takes.

A configuration that makes no sense is refused before a database is opened or an address taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from attrs import field, frozen

from heliosdb import errors
from heliosdb_server.authentication import METHODS

__all__ = ["ServerConfig"]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@frozen
class ServerConfig:
    """Where a server listens and whom it lets in.

    ``users``: name to password or SCRAM verifier. ``port`` 0: any that is free. ``tls_cert`` and ``tls_key`` are files
    in PEM; with ``tls_required`` nobody is let in without. Sizes in bytes, times in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 5432
    auth: str = "trust"
    users: Mapping[str, str] = field(factory=dict, repr=lambda users: f"{{{', '.join(users)}}}")
    max_connections: int = 100
    authentication_timeout: float = 60.0
    max_message_size: int = 1 << 28
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_required: bool = False

    def __attrs_post_init__(self) -> None:
        if self.auth not in METHODS:
            raise errors.InvalidParameterValue(
                f'there is no authentication method "{self.auth}"', hint=f"There are {', '.join(METHODS)}."
            )
        if self.auth == "trust" and not _is_loopback(self.host):
            raise errors.InvalidParameterValue(
                f'a server that trusts everybody does not listen at "{self.host}"',
                hint="Choose another method (auth), or listen at 127.0.0.1.",
            )
        if self.auth != "trust" and not self.users:
            raise errors.InvalidParameterValue(f"authentication by {self.auth} needs users")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise errors.InvalidParameterValue("tls_cert and tls_key belong together")
        if self.tls_required and self.tls_cert is None:
            raise errors.InvalidParameterValue("tls_required needs tls_cert and tls_key")
        if not 0 <= self.port < 1 << 16:
            raise errors.InvalidParameterValue(f"port {self.port} is out of range")
        for name in ("max_connections", "authentication_timeout", "max_message_size"):
            if not getattr(self, name) > 0:
                raise errors.InvalidParameterValue(f"{name} must be positive")
