"""Advisory locks: numbers that mean what the application wants them to mean.

``pg_advisory_lock(bigint)`` and ``(int, int)`` have key spaces of their own. Locks of the session stay until they are
unlocked as often as they were taken, whatever becomes of the transaction; those of the transaction (``xact``) go with
it, or with the savepoint behind which they were taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb.types.definitions import ScalarFunction, Volatility

if TYPE_CHECKING:
    from heliosdb.types.definitions import SessionContext

__all__ = ["FUNCTIONS"]

KEYS: tuple[tuple[str, ...], ...] = (("int8",), ("int4", "int4"))


VOID = ""
"""The result of functions that return nothing; it is not NULL."""


def _taken(exclusive: bool, wait: str, of_transaction: bool) -> Callable[..., bool | str]:
    def lock(*arguments: Any) -> bool | str:
        session: SessionContext = arguments[-1]
        taken = session.lock_advisory(arguments[:-1], exclusive=exclusive, wait=wait, of_transaction=of_transaction)
        return VOID if wait == "block" else taken

    return lock


def _released(exclusive: bool) -> Callable[..., bool]:
    def unlock(*arguments: Any) -> bool:
        session: SessionContext = arguments[-1]
        released = session.unlock_advisory(arguments[:-1], exclusive=exclusive)
        if not released:
            mode = "ExclusiveLock" if exclusive else "ShareLock"
            session.notice(f"you don't own a lock of type {mode}", severity="WARNING")
        return released

    return unlock


def unlock_all(session: SessionContext) -> str:
    """Release every lock of the session."""
    session.unlock_all_advisory()
    return VOID


def _function(name: str, arguments: tuple[str, ...], returns: str, body: Callable[..., Any]) -> ScalarFunction:
    return ScalarFunction(
        name, arguments, returns, body, volatility=Volatility.VOLATILE, needs_session=True, bounded=False
    )


def _functions() -> tuple[ScalarFunction, ...]:
    made = [_function("pg_advisory_unlock_all", (), "void", unlock_all)]
    for keys in KEYS:
        for exclusive, shared in ((True, ""), (False, "_shared")):
            made.append(_function(f"pg_advisory_unlock{shared}", keys, "bool", _released(exclusive)))
            for of_transaction, scope in ((False, ""), (True, "xact_")):
                for wait, attempt, returns in (("block", "", "void"), ("skip", "try_", "bool")):
                    name = f"pg_{attempt}advisory_{scope}lock{shared}"
                    made.append(_function(name, keys, returns, _taken(exclusive, wait, of_transaction)))
    return tuple(made)


FUNCTIONS: tuple[ScalarFunction, ...] = _functions()
