"""The section ``[server]`` of the configuration: what ``heliosdb start`` does where its own options do not say it."""

from __future__ import annotations

from typing import Any

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import Opening

__all__ = ["ATTACHED", "take_options"]

ATTACHED = "heliosdb-server"
"""The name by which the database keeps them: fields of ServerConfig."""

_OPTIONS: dict[str, tuple[str, type]] = {
    "listen_addr": ("host", str),
    "port": ("port", int),
    "max_connections": ("max_connections", int),
    "connection_timeout_sec": ("authentication_timeout", float),
    "auth_method": ("auth", str),
}


def take_options(opening: Opening) -> None:
    """Take the options, and check what kind of values they have; InvalidParameterValue."""
    found: dict[str, Any] = {}
    for name, (attribute, kind) in _OPTIONS.items():
        value = opening.take(f"server.{name}")
        if value is None:
            continue
        try:
            if isinstance(value, bool) or (kind is not str and not isinstance(value, int | float | str)):
                raise ValueError
            found[attribute] = kind(value)
        except ValueError:
            raise InvalidParameterValue(
                f"invalid value for server.{name}: {value!r}", hint=f"It must be of type {kind.__name__}."
            ) from None
    opening.attach(ATTACHED, found)
