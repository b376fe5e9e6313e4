"""What a client has been told of its session's settings: those that have changed since are told anew."""

from __future__ import annotations

from typing import Any

from heliosdb_server import messages

__all__ = ["ToldSettings"]


class ToldSettings:
    """Of one session. Nothing has been told yet."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._told: dict[str, str] = {}
        self._role: int | None = None
        self._is_superuser = "off"

    def news(self) -> bytes:
        """Return ParameterStatus for each setting that is not as the client has been told."""
        found = []
        for name in messages.REPORTED:
            value = str(self._value(name))
            if self._told.get(name) != value:
                self._told[name] = value
                found.append(messages.parameter_status(name, value))
        return b"".join(found)

    def _value(self, name: str) -> Any:
        session = self._session
        if name == "session_authorization":
            return session.session_user
        if name == "is_superuser":
            # The catalog is asked when the role is another one, not after every statement.
            if session.role != self._role and session.block.status != "E":
                self._role, self._is_superuser = session.role, session.show_setting(name)
            return self._is_superuser
        return session.settings.show(name)
