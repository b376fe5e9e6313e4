"""How a setting's text becomes its value and how SHOW prints it: PostgreSQL's rules for booleans, numbers with units
and enums.

``parse_setting`` is what SET, ``set_config``, configuration files and connection options share, so that a text means
the same everywhere; ``show_setting`` is its inverse for SHOW. Where settings are kept, and for how long (SET LOCAL),
is the session's.

The rules and words are those of PostgreSQL 15 (https://www.postgresql.org/docs/15/config-setting.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from heliosdb.catalog.definitions import Role
from heliosdb.catalog.registries import Setting
from heliosdb.errors import CantChangeRuntimeParam, InvalidParameterValue, UndefinedObject
from heliosdb.types.definitions import resolve_implementation

__all__ = [
    "TRANSACTION_SETTINGS",
    "find_setting",
    "initial_values",
    "parse_setting",
    "require_changeable",
    "role_settings",
    "show_setting",
]

TRANSACTION_SETTINGS = frozenset({"transaction_isolation", "transaction_read_only", "transaction_deferrable"})
"""What holds for one transaction: the transaction block keeps it, not the session's settings."""

MEMORY_UNITS = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
TIME_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
MEMORY_HINT = 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
TIME_HINT = 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'

_BOOLEANS = {"on": True, "off": False, "of": False, "1": True, "0": False}
_NUMBER = re.compile(r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)\s*")


def find_setting(settings: Mapping[str, Setting], name: str) -> Setting:
    """Return the setting with this name, in any case; UndefinedObject when there is none."""
    found = settings.get(name.lower())
    if found is None:
        raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
    return found


def initial_values(settings: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a database's own settings by lower-case name, from texts (of a configuration) or values.

    UndefinedObject for a name that no setting has, CantChangeRuntimeParam for one that can only be shown or is a
    transaction's.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        setting = settings.get(name.lower())
        if setting is None:
            raise _unknown(settings, name)
        require_changeable(setting)
        if name.lower() in TRANSACTION_SETTINGS:
            raise CantChangeRuntimeParam(
                f'parameter "{setting.name}" cannot be set for a whole database',
                hint=f"Set default_{setting.name}.",
            )
        if isinstance(value, bool):
            value = "on" if value else "off"
        values[name.lower()] = parse_setting(setting, str(value), setting.default)
    return values


def role_settings(settings: Mapping[str, Setting], role: Role) -> dict[str, Any]:
    """Return the values that a role's sessions begin with. What no installed plugin knows is left out."""
    known = {name: text for name, text in role.settings if name in settings}
    return initial_values(settings, known)


def _unknown(settings: Mapping[str, Setting], name: str) -> UndefinedObject:
    from difflib import get_close_matches

    similar = get_close_matches(name.lower(), settings, 1)
    return UndefinedObject(
        f'unrecognized configuration parameter "{name}"',
        hint=f'Perhaps "{settings[similar[0]].name}" was meant.' if similar else None,
    )


def require_changeable(setting: Setting) -> None:
    """Raise CantChangeRuntimeParam for a setting that can only be shown."""
    if setting.context == "internal":
        raise CantChangeRuntimeParam(f'parameter "{setting.name}" cannot be changed')


def parse_setting(setting: Setting, text: str, current: Any = None) -> Any:
    """Return the value that a text gives a setting whose value is now ``current``; InvalidParameterValue for a wrong
    one."""
    match setting.kind:
        case "bool":
            value: Any = _boolean(setting, text)
        case "integer" | "real":
            value = _number(setting, text)
        case "enum":
            value = _member(setting, text)
        case _:
            value = text
    if setting.check is not None:
        value = resolve_implementation(setting.check)(value, current)
    return value


def show_setting(setting: Setting, value: Any) -> str:
    """Return a value as SHOW prints it: ``on``, ``4MB``, ``2min``."""
    if setting.display is not None:
        return str(resolve_implementation(setting.display)(value))
    if setting.kind == "bool":
        return "on" if value else "off"
    if setting.unit is not None and setting.kind == "integer" and value > 0:
        return _with_unit(int(value), setting.unit)
    if setting.kind == "real":
        return f"{value:g}"
    return str(value)


def _boolean(setting: Setting, text: str) -> bool:
    word = text.lower()
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    for full, value in (("true", True), ("false", False), ("yes", True), ("no", False)):
        if word and full.startswith(word):
            return value
    raise InvalidParameterValue(f'parameter "{setting.name}" requires a Boolean value')


def _member(setting: Setting, text: str) -> str:
    word = text.lower()
    for value in setting.values:
        if value.lower() == word:
            return value
    # synchronous_commit and kin take booleans too, but list only the words.
    truth = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}.get(word)
    if truth is not None and truth in setting.values:
        return truth
    raise InvalidParameterValue(
        f'invalid value for parameter "{setting.name}": "{text}"',
        hint=f"Available values: {', '.join(setting.values)}.",
    )


def _number(setting: Setting, text: str) -> int | float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _invalid(setting, text)
    amount = Decimal(int(match[1], 16)) if "x" in match[1].lower() else _decimal(setting, match[1], text)
    if match[2]:
        amount = _converted(setting, amount, match[2], text)
    if setting.kind == "real":
        _check_range(setting, float(amount))
        return float(amount)
    value = int(amount.to_integral_value(ROUND_HALF_EVEN)) if abs(amount) < 1 << 70 else 1 << 70
    if not -(1 << 31) <= value < 1 << 31:
        raise _invalid(setting, text, "Value exceeds integer range.")
    _check_range(setting, value)
    return value


def _decimal(setting: Setting, digits: str, text: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise _invalid(setting, text) from None


def _converted(setting: Setting, amount: Decimal, unit: str, text: str) -> Decimal:
    units, hint = (MEMORY_UNITS, MEMORY_HINT) if setting.unit in MEMORY_UNITS else (TIME_UNITS, TIME_HINT)
    if setting.unit is None or unit not in units:
        raise _invalid(setting, text, None if setting.unit is None else hint)
    return amount * units[unit] / units[setting.unit]


def _check_range(setting: Setting, value: float) -> None:
    low, high = setting.minimum, setting.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        unit = f" {setting.unit}" if setting.unit else ""
        raise InvalidParameterValue(
            f'{value:g}{unit} is outside the valid range for parameter "{setting.name}" ({low:.10g} .. {high:.10g})'
            if isinstance(value, float)
            else f'{value}{unit} is outside the valid range for parameter "{setting.name}" ({low} .. {high})'
        )


def _invalid(setting: Setting, text: str, hint: str | None = None) -> InvalidParameterValue:
    return InvalidParameterValue(f'invalid value for parameter "{setting.name}": "{text}"', hint=hint)


def _with_unit(value: int, unit: str) -> str:
    """Return the value in the largest unit that leaves no fraction."""
    units = MEMORY_UNITS if unit in MEMORY_UNITS else TIME_UNITS
    total = value * units[unit]
    for name, size in sorted(units.items(), key=lambda item: -item[1]):
        if size >= units[unit] and total % size == 0:
            return f"{total // size}{name}"
    return f"{value}{unit}"
