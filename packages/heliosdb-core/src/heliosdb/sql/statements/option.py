"""Syntax of options: ``name = value`` in the lists of WITH, EXPLAIN, COPY and of definitions."""

from __future__ import annotations

from typing import Literal as OneOf

from heliosdb.sql.statements.base import Node, QualifiedName
from heliosdb.sql.statements.expressions import Literal, TypeName
from heliosdb.value import frozen

__all__ = ["Option", "RoleName"]


@frozen(eq=False, repr=False)
class RoleName(Node):
    """A role: by name, or one of ``current_user``, ``current_role``, ``session_user``, ``public`` in ``special``."""

    name: str | None
    special: OneOf["current_user", "current_role", "session_user", "public"] | None = None

    @property
    def called(self) -> str:
        """How it was written."""
        return self.name or self.special or ""


@frozen(eq=False, repr=False)
class Option(Node):
    """``name = value`` in WITH (...) and other option lists; a bare name has no value.

    Words (``on``, ``false``, ``plain``) come as string literals without slot, type names that are more than a word as
    TypeName, operators and names as QualifiedName, lists as tuples; roles come as RoleName. ``namespace`` is the
    ``toast`` of ``toast.autovacuum_enabled``; ``action`` is ``set``, ``add`` or ``drop`` where ALTER has them.
    """

    name: str
    value: Literal | TypeName | QualifiedName | tuple[str | Literal | TypeName | RoleName, ...] | None = None
    namespace: str | None = None
    action: OneOf["set", "add", "drop"] | None = None

    @property
    def text(self) -> str | None:
        """The value as plain text: ``70``, ``on``, ``plain``; None without one."""
        value = self.value
        if value is None:
            return None
        if isinstance(value, Literal):
            return value.value
        if isinstance(value, TypeName):
            return ".".join(value.names)
        if isinstance(value, QualifiedName):
            return str(value)
        words = (
            item
            if isinstance(item, str)
            else item.called
            if isinstance(item, RoleName)
            else Option("", item).text or ""
            for item in value
        )
        return ", ".join(words)
