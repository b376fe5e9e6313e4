"""PostgreSQL's wire protocol for HeliosDB: ``heliosdb start``, and ``start_server`` inside a program."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

__all__ = ["Authenticator", "RunningServer", "ServerConfig", "Visitor", "__version__", "start_server", "verifier"]

_HOMES = {
    "RunningServer": "heliosdb_server.server",
    "ServerConfig": "heliosdb_server.config",
    "start_server": "heliosdb_server.server",
    "Authenticator": "heliosdb_server.authentication",
    "Visitor": "heliosdb_server.authentication",
    "verifier": "heliosdb_server.verifiers",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_server.authentication import Authenticator as Authenticator
    from heliosdb_server.authentication import Visitor as Visitor
    from heliosdb_server.config import ServerConfig as ServerConfig
    from heliosdb_server.server import RunningServer as RunningServer
    from heliosdb_server.server import start_server as start_server
    from heliosdb_server.verifiers import verifier as verifier


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
