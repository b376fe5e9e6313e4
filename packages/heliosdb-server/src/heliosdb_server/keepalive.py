"""Clients that vanish without a word: what TCP asks them, so that their sessions and locks do not stay for hours.

A connection whose other end lost its power looks like one where nobody says anything. TCP asks (keepalive), and gives
up where nothing comes back. (https://www.postgresql.org/docs/15/runtime-config-connection.html)
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue

if TYPE_CHECKING:
    from heliosdb_server.config import ServerConfig

__all__ = ["check_keep_alive", "keep_alive"]

_OPTIONS = {
    "tcp_keepalives_idle": ("TCP_KEEPIDLE", 1),
    "tcp_keepalives_interval": ("TCP_KEEPINTVL", 1),
    "tcp_keepalives_count": ("TCP_KEEPCNT", 1),
    "tcp_user_timeout": ("TCP_USER_TIMEOUT", 1000),
}
"""Field to the socket's option, and how many of its units are one of ours."""

LARGEST = 32_767
"""What Linux takes of the first two; of the third 127."""


def check_keep_alive(config: ServerConfig) -> None:
    """Raise InvalidParameterValue for numbers that mean nothing, FeatureNotSupported for what this system has not."""
    for name, (option, _) in _OPTIONS.items():
        value = getattr(config, name)
        if not 0 <= value <= (127 if name == "tcp_keepalives_count" else LARGEST):
            raise InvalidParameterValue(f"{name} is out of range: {value}")
        if value and not hasattr(socket, option):
            raise FeatureNotSupported(f"{name} is not supported by this operating system")


def keep_alive(connection: Any, config: ServerConfig) -> None:
    """Have TCP ask whether a client is still there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, (option, units) in _OPTIONS.items():
        if value := getattr(config, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), round(value * units))
