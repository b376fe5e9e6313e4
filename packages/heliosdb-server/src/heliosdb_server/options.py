"""The section ``[server]`` of the configuration: what a server does where its own options do not say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import Opening

__all__ = ["config_fields", "take_options"]

_OPTIONS: dict[str, tuple[str, type]] = {
    "listen_addr": ("host", str),
    "port": ("port", int),
    "max_connections": ("max_connections", int),
    "connection_timeout_sec": ("authentication_timeout", float),
    "auth_method": ("auth", str),
}


def take_options(opening: Opening) -> dict[str, Any]:
    """Take the options of a database that is being opened, and return the fields of ServerConfig that they state;
    InvalidParameterValue for bad ones."""
    names = [f"server.{name}" for name in _OPTIONS]
    return config_fields({name: opening.take(name) for name in names})


def config_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ServerConfig that a configuration's options state; InvalidParameterValue."""
    found: dict[str, Any] = {}
    for name, (attribute, kind) in _OPTIONS.items():
        value = options.get(f"server.{name}")
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
    return found
