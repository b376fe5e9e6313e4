"""CREATE BRANCH ... WITH (...): what an option means, and what is noted of it with the branch.

ephemeral = true             the branch goes when the last session that has worked on it ends
ttl = '7 days'               it goes when that time is over and nobody works on it
replication_factor, region   for more than one node: kept and shown, with a notice that they do nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliosdb.errors import InvalidParameterValue, SqlSyntaxError
from heliosdb.spi import Session, Timeline, statements

__all__ = ["EPHEMERAL", "expires", "is_ephemeral", "properties_of", "shown_options"]

EPHEMERAL = {"ephemeral": True}
_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def properties_of(session: Session, options: Sequence[statements.Option]) -> dict[str, Any]:
    """Return what to note of a branch; InvalidParameterValue for an option or a value that there is not."""
    found: dict[str, Any] = {}
    for option in options:
        if option.name in found:
            raise SqlSyntaxError(f'option "{option.name}" is given more than once')
        found[option.name] = _value(session, option)
    for name in ("replication_factor", "region"):
        if name in found:
            session.notice(f'option "{name}" is kept with the branch, and has no effect on a single node')
    if "ttl" in found:
        found["expires"] = session.database.history.commits.clock() + _period(session, found["ttl"])
    return found


def _value(session: Session, option: statements.Option) -> Any:
    text = getattr(option.value, "value", None)
    match option.name:
        case "ephemeral":
            found: Any = True if option.value is None else _BOOLEANS.get(str(text).lower())
        case "replication_factor":
            found = int(text) if isinstance(text, str) and text.isdecimal() and int(text) > 0 else None
        case "region" | "ttl":
            found = text or None
        case _:
            raise InvalidParameterValue(f'unrecognized branch option "{option.name}"')
    if found is None:
        raise InvalidParameterValue(f'invalid value for branch option "{option.name}"')
    return found


def _period(session: Session, text: str) -> int:
    """Return an interval in microseconds."""
    rows: list[tuple[Any, ...]] = session.run_internal(
        "SELECT (extract(epoch FROM $1::text::interval) * 1000000)::int8", (text,)
    )
    period = int(rows[0][0])
    if period <= 0:
        raise InvalidParameterValue(f'ttl "{text}" is not a positive time')
    return period


def is_ephemeral(line: Timeline) -> bool:
    """Whether a branch goes with its sessions."""
    return bool(line.properties.get("ephemeral"))


def expires(line: Timeline) -> int | None:
    """Return when a branch may go, in microseconds since 2000-01-01 UTC, or None."""
    return line.properties.get("expires")


def shown_options(line: Timeline) -> dict[str, Any]:
    """Return the options with which a branch was made."""
    return {name: value for name, value in line.properties.items() if name != "expires"}
