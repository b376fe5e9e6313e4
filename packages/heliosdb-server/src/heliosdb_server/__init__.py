"""PostgreSQL's wire protocol for HeliosDB: ``heliosdb start``, and ``start_server`` inside a program."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Authenticator",
    "RunningServer",
    "ServerConfig",
    "ServerInfo",
    "ServerStatus",
    "Visitor",
    "__version__",
    "start_server",
    "verifier",
]

_HOMES = {
    "RunningServer": "heliosdb_server.running",
    "ServerConfig": "heliosdb_server.config",
    "ServerInfo": "heliosdb_server.lifecycle",
    "ServerStatus": "heliosdb_server.lifecycle",
    "start_server": "heliosdb_server.running",
    "Authenticator": "heliosdb_server.authentication",
    "Visitor": "heliosdb_server.authentication",
    "verifier": "heliosdb_server.accounts",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_server.accounts import verifier as verifier
    from heliosdb_server.authentication import Authenticator as Authenticator
    from heliosdb_server.authentication import Visitor as Visitor
    from heliosdb_server.config import ServerConfig as ServerConfig
    from heliosdb_server.lifecycle import ServerInfo as ServerInfo
    from heliosdb_server.lifecycle import ServerStatus as ServerStatus
    from heliosdb_server.running import RunningServer as RunningServer
    from heliosdb_server.running import start_server as start_server


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
