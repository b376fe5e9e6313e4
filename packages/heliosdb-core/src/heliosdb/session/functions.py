"""Python functions as SQL functions of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb.types.definitions import ScalarFunction, Volatility

if TYPE_CHECKING:
    from heliosdb.session.session import Session

__all__ = ["python_function"]


def python_function(
    session: Session,
    name: str,
    arguments: Sequence[str],
    returns: str,
    function: Callable[..., Any],
    *,
    strict: bool = True,
    volatility: str = "volatile",
) -> ScalarFunction:
    """Return a function's registration: datums become Python objects on the way in and datums again on the way out.

    An exception that is not the database's own becomes ExternalRoutineException (38000) with the exception as its
    cause.
    """
    from heliosdb.sql.binder import bind_type
    from heliosdb.sql.parser import parse_type

    if not callable(function):
        raise errors.InterfaceError(f"{function!r} is not callable")
    if volatility not in ("immutable", "stable", "volatile"):
        raise errors.InvalidParameterValue(
            f'volatility must be "immutable", "stable" or "volatile", not "{volatility}"'
        )
    context = session.bind_context()
    types = [bind_type(parse_type(written), context)[0] for written in (*arguments, returns)]
    adapters = session.database.adapters
    readers = [adapters.writer(type_name, session) for type_name in types[:-1]]
    result = types[-1]

    def call(*values: Any) -> Any:
        objects = [v if read is None or v is None else read(v) for read, v in zip(readers, values, strict=True)]
        try:
            value = function(*objects)
        except errors.Error:
            raise
        except Exception as error:
            raise errors.ExternalRoutineException(
                f'function "{name}" raised {type(error).__name__}: {error}', context=f"Python function {name}"
            ) from error
        return None if value is None else adapters.read(result, value, session)

    return ScalarFunction(
        name.lower(),
        tuple(types[:-1]),
        result,
        call,
        strict=strict,
        volatility=Volatility(volatility),
        bounded=False,
        schema="public",
    )
