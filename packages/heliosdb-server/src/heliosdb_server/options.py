"""The section ``[server]`` of the configuration: what a server does where its own options do not say it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heliosdb.errors import InvalidParameterValue
from heliosdb.spi import Opening

__all__ = ["config_fields", "rules_text", "take_options"]

_OPTIONS: dict[str, tuple[str, type]] = {
    "listen_addr": ("host", str),
    "port": ("port", int),
    "max_connections": ("max_connections", int),
    "superuser_reserved_connections": ("superuser_reserved_connections", int),
    "connection_timeout_sec": ("authentication_timeout", float),
    "auth_method": ("auth", str),
    "allowed_ips": ("allowed_ips", list),
    "hba": ("hba", list),
    "hba_file": ("hba", str),
    "tls_cert": ("tls_cert", str),
    "tls_key": ("tls_key", str),
    "tls_ca": ("tls_ca", str),
    "tls_min_version": ("tls_min_version", str),
    "tls_required": ("tls_required", bool),
    "max_message_size": ("max_message_size", int),
    "tcp_keepalives_idle": ("tcp_keepalives_idle", int),
    "tcp_keepalives_interval": ("tcp_keepalives_interval", int),
    "tcp_keepalives_count": ("tcp_keepalives_count", int),
    "tcp_user_timeout": ("tcp_user_timeout", float),
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
        if attribute in found:
            raise InvalidParameterValue(f"server.{name} contradicts another option: both state {attribute}")
        value = _checked(name, kind, value)
        found[attribute] = rules_text(value) if name == "hba_file" else value
    return found


def _checked(name: str, kind: type, value: Any) -> Any:
    try:
        if kind in (list, bool):
            if type(value) is not kind:
                raise ValueError
            return value
        if isinstance(value, bool) or not isinstance(value, str if kind is str else int | float | str):
            raise ValueError
        return kind(value)
    except ValueError:
        raise InvalidParameterValue(
            f"invalid value for server.{name}: {value!r}", hint=f"It must be of type {kind.__name__}."
        ) from None


def rules_text(path: str) -> str:
    """Return what a file of rules says; InvalidParameterValue where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidParameterValue(f'cannot read the rules in "{path}": {error}') from None
