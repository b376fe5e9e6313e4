"""The options of BACKUP and RESTORE: words and values of WITH (...), each read by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from heliosdb.errors import ActiveSqlTransaction, InvalidParameterValue, SqlSyntaxError
from heliosdb.sql import statements as tree

if TYPE_CHECKING:
    from heliosdb.session import Session

__all__ = ["Forks", "boolean", "integer", "names", "outside_transactions", "read_options", "word"]

BOOLEANS: Final = {
    "true": True,
    "on": True,
    "1": True,
    "yes": True,
    "false": False,
    "off": False,
    "0": False,
    "no": False,
}


class Forks:
    """Opens a session that is what this one is (on its branch, with its role) and works for its statement: it stops
    when that is interrupted, or has had its time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def session(self) -> Session:
        """Open the session."""
        made = self._session.fork()
        made.limit_to(self._session.deadline)
        self._session.helper = made
        return made

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.helper = None


def outside_transactions(session: Session, words: str) -> None:
    """Refuse a transaction block: what it has not committed would not be seen, nor would it see what is restored."""
    if session.block.is_explicit:
        raise ActiveSqlTransaction(f"{words} cannot run inside a transaction block")


def read_options(
    given: Sequence[tree.Option], readers: Mapping[str, Callable[[tree.Option], Any]], words: str
) -> dict[str, Any]:
    """Return the values by name; SqlSyntaxError for what there is not, or twice."""
    values: dict[str, Any] = {}
    for option in given:
        name = option.name.lower()
        reader = readers.get(name)
        if reader is None:
            raise SqlSyntaxError(
                f'{words} option "{option.name}" not recognized',
                hint=f"There are: {', '.join(sorted(readers))}.",
                position=option.position or None,
            )
        if name in values:
            raise SqlSyntaxError("conflicting or redundant options", position=option.position or None)
        values[name] = reader(option)
    return values


def boolean(option: tree.Option) -> bool:
    """Read a Boolean; the name alone is true."""
    text = option.text
    if text is None and option.value is None:
        return True
    found = BOOLEANS.get((text or "").lower())
    if found is None:
        raise SqlSyntaxError(f"{option.name} requires a Boolean value", position=option.position or None)
    return found


def word(option: tree.Option) -> str:
    """Read a word or string."""
    text = option.text
    if text is None:
        raise SqlSyntaxError(f"{option.name} requires a parameter", position=option.position or None)
    return text


def integer(option: tree.Option) -> int:
    """Read an integer."""
    try:
        return int(word(option))
    except ValueError:
        raise InvalidParameterValue(
            f"{option.name} requires an integer value", position=option.position or None
        ) from None


def names(option: tree.Option) -> tuple[str, ...]:
    """Read a pattern, or several in parentheses."""
    if isinstance(option.value, tuple):
        return tuple(str(item) for item in option.value)
    return (word(option),)
