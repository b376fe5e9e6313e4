"""The functions that write and read dates by a template: ``to_char``, ``to_date``, ``to_timestamp``.

They are named, not imported: templates load with the first use.
"""

from __future__ import annotations

from heliosdb.types.definitions import ScalarFunction, Volatility

__all__ = ["FUNCTIONS"]


def _stable(name: str, first: str, returns: str, implementation: str, *, needs_session: bool = False) -> ScalarFunction:
    return ScalarFunction(
        name,
        (first, "text"),
        returns,
        f"heliosdb.types.{implementation}",
        volatility=Volatility.STABLE,
        needs_session=needs_session,
    )


FUNCTIONS: tuple[ScalarFunction, ...] = (
    _stable("to_char", "timestamp", "text", "datetime_format_output:to_char_timestamp"),
    _stable("to_char", "timestamptz", "text", "datetime_format_output:to_char_timestamptz", needs_session=True),
    _stable("to_char", "interval", "text", "datetime_format_output:to_char_interval"),
    _stable("to_date", "text", "date", "datetime_format_input:to_date"),
    _stable("to_timestamp", "text", "timestamptz", "datetime_format_input:to_timestamp_text", needs_session=True),
)
