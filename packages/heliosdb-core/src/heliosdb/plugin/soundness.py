"""What can be said about a single registration before anybody uses it: its implementations can be called, its
meta-command's name is free.

An implementation given by import string is not imported here, for that is the point of import strings; it must be one,
and its module must be there.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from heliosdb.errors import DuplicateObject, InvalidObjectDefinition
from heliosdb.value import types_of

__all__ = ["SHELL_COMMANDS", "check_implementations", "check_meta_command"]

SHELL_COMMANDS: Final = frozenset(
    [
        *"!?acdeghiloprtwx",
        *("cd", "connect", "conninfo", "copy"),
        *("dS", "dT", "df", "dg", "di", "dm", "dn", "ds", "dt", "dti", "dtv", "dtvs", "du", "dv", "dx"),
        *("echo", "edit", "elif", "else", "endif", "errverbose", "gset", "gx", "help", "if", "include"),
        *("include_relative", "ir", "list", "out", "print", "pset", "q", "qecho", "quit", "reset", "restrict", "set"),
        *("timing", "unrestrict", "unset", "warn", "watch", "write"),
    ]
)
"""The names of the shell's own meta-commands. The shell stands above the plugins and is not loaded for them."""

_import_string: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@cache
def _implementation_fields(cls: Hashable) -> tuple[tuple[str, str], ...]:
    assert isinstance(cls, type)
    return tuple((name, type_) for name, type_ in (types_of(cls) or {}).items() if "Implementation" in type_)


def _implementations(value: Any) -> Iterator[tuple[str, Any]]:
    for name, declared in _implementation_fields(type(value)):  # type: ignore[arg-type]
        found = getattr(value, name)
        if declared.startswith("Mapping"):
            yield from ((f"{name}[{key!r}]", item) for key, item in found.items())
        elif found is not None or "None" not in declared:
            yield name, found


def check_implementations(value: Any, kind: str) -> None:
    """Raise InvalidObjectDefinition where something that will be called is neither a function nor the name of one."""
    if types_of(type(value)) is None:
        return
    _check_column_form(value)
    for name, implementation in _implementations(value):
        which = f"{name} of {kind} {getattr(value, 'name', type(value).__name__)}"
        if not isinstance(implementation, str):
            if not callable(implementation):
                raise InvalidObjectDefinition(f"{which} is {implementation!r}, which cannot be called")
            continue
        if _import_string.fullmatch(implementation) is None:
            raise InvalidObjectDefinition(
                f'{which} is "{implementation}", which is no import string', hint='Write "package.module:function".'
            )
        module = implementation.partition(":")[0]
        if not _is_there(module):
            raise InvalidObjectDefinition(f'{which} names module "{module}", which is not there')


def _check_column_form(value: Any) -> None:
    """Raise InvalidObjectDefinition for a column form of a function that is computed row by row for a reason."""
    if getattr(value, "column_form", None) is None:
        return
    for holds, what in (
        (not value.strict, "is not strict"),
        (value.volatility == "volatile", "is volatile"),
        (value.needs_session, "needs the session"),
        (value.specialize, "is made for each call"),
    ):
        if holds:
            raise InvalidObjectDefinition(f"function {value.name} has a column form, but {what}")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def check_meta_command(value: Any, owner: str, others: Mapping[str, Any], owners: Mapping[str, str]) -> None:
    """Raise DuplicateObject where a meta-command's name or alias is taken by the shell or by another plugin.

    ``others`` are the meta-commands that are registered, ``owners`` the plugin of each.
    """
    for name in (value.name, *value.aliases):
        plain = name.replace("+", "").rstrip("S") or name
        if name in SHELL_COMMANDS or name.rstrip("+") in SHELL_COMMANDS or plain in SHELL_COMMANDS:
            raise _clash(name, "core", owner)
        for key, other in others.items():
            if other is not value and name in (other.name, *other.aliases):
                raise _clash(name, owners[key], owner)


def _clash(name: str, first: str, second: str) -> DuplicateObject:
    return DuplicateObject(
        f'meta-command "\\{name}" is registered by plugin "{first}" and by plugin "{second}"',
        hint=f'Disable one of them, for example with HELIOSDB_DISABLE_PLUGINS="{second}".',
    )
