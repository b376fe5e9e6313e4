"""``to_char`` of numbers and ``to_number``, named here and loaded with the first use (``number_format``)."""

from __future__ import annotations

from heliosdb.types.definitions import ScalarFunction, Volatility

__all__ = ["FUNCTIONS"]

FUNCTIONS: tuple[ScalarFunction, ...] = (
    *(
        ScalarFunction(
            "to_char",
            (name, "text"),
            "text",
            f"heliosdb.types.number_format:{name}_to_char",
            volatility=Volatility.STABLE,
        )
        for name in ("int4", "int8", "float4", "float8", "numeric")
    ),
    ScalarFunction(
        "to_number", ("text", "text"), "numeric", "heliosdb.types.number_format:to_number", volatility=Volatility.STABLE
    ),
)
