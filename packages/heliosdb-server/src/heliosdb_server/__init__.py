"""PostgreSQL's wire protocol for HeliosDB: ``heliosdb start``, and ``start_server`` inside a program."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

__all__ = ["RunningServer", "ServerConfig", "__version__", "start_server", "verifier"]

_HOMES = {
    "RunningServer": "heliosdb_server.server",
    "ServerConfig": "heliosdb_server.config",
    "start_server": "heliosdb_server.server",
    "verifier": "heliosdb_server.authentication",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliosdb_server.authentication import verifier as verifier
    from heliosdb_server.config import ServerConfig as ServerConfig
    from heliosdb_server.server import RunningServer as RunningServer
    from heliosdb_server.server import start_server as start_server


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
