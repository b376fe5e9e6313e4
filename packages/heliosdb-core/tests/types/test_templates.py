"""An inline template and the function it stands for give the same result, or the same error, for hostile arguments."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from heliosdb import errors
from heliosdb.types.builtin import FAMILIES
from heliosdb.types.definitions import Cast, ScalarFunction, resolve_implementation

INTEGERS = [0, 1, -1, 7, -13, 2, 3]
SAMPLES: dict[str, list[Any]] = {
    "bool": [True, False],
    "int2": [*INTEGERS, 32767, -32768],
    "int4": [*INTEGERS, 2147483647, -2147483648, 46341],
    "int8": [*INTEGERS, 2**63 - 1, -(2**63), 3037000500],
    "float4": [0.0, -0.0, 1.5, -2.5, 3.4e38, 1e-45, math.nan, math.inf, -math.inf],
    "float8": [0.0, -0.0, 1.5, -2.5, 1.7e308, 5e-324, math.nan, math.inf, -math.inf, 1e200],
    "numeric": [Decimal(text) for text in ("0", "1", "-1.50", "0.00", "1e-20", "NaN", "Infinity", "-Infinity")],
    "text": ["", "a", "abc", " x ", "äöü", "abcabc"],
    "bpchar": ["", "a", "a  ", " b"],
    "name": ["", "a", "abc"],
    "char": ["", "a", "b"],
    "bytea": [b"", b"\0", b"abc", b"\xff"],
    "uuid": [bytes(16), b"\xff" * 16],
    "oid": [0, 1, 4294967295],
}


def values(name: str) -> list[Any]:
    return [value for family in FAMILIES for value in getattr(import_module(family), name, ())]


def outcome(function: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        result = function(*arguments)
    except errors.Error as error:
        return error.sqlstate, error.message
    if result != result:
        return "NaN"
    return type(result), result, math.copysign(1, result) if isinstance(result, float) else None


def evaluated(template: str, implementation: Any, count: int) -> Any:
    names = [f"a{i}" for i in range(count)]
    source = template.format(*names, f="f", t="t")
    scope = {"f": implementation}
    exec(f"def run({', '.join(names)}):\n    return {source}\n", scope)
    return scope["run"]


INLINED = [f for f in values("FUNCTIONS") if f.inline is not None and all(a in SAMPLES for a in f.arguments)]


def test_the_samples_cover_most_templates() -> None:
    assert len(INLINED) > 250


def test_every_template_does_what_its_function_does() -> None:
    for function in INLINED:
        assert isinstance(function, ScalarFunction)
        implementation = resolve_implementation(function.implementation)
        inlined = evaluated(function.inline or "", implementation, len(function.arguments))
        for arguments in itertools.product(*(SAMPLES[name] for name in function.arguments)):
            expected = outcome(implementation, arguments)
            assert outcome(inlined, arguments) == expected, (function.name, function.arguments, arguments)


def test_every_cast_template_does_what_its_function_does() -> None:
    for cast in values("CASTS"):
        assert isinstance(cast, Cast)
        if cast.inline is None or cast.implementation is None or cast.source not in SAMPLES:
            continue
        implementation = resolve_implementation(cast.implementation)
        inlined = evaluated(cast.inline, implementation, 1)
        for value in SAMPLES[cast.source]:
            assert outcome(inlined, (value,)) == outcome(implementation, (value,)), (cast.source, cast.target, value)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
@example(-(2**63), -1)
def test_bigint_arithmetic_is_exact_or_out_of_range(a: int, b: int) -> None:
    functions = {f.name: f for f in INLINED if f.arguments == ("int8", "int8")}
    exact = {"int8pl": a + b, "int8mi": a - b, "int8mul": a * b}
    if b:
        exact["int8div"] = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        exact["int8mod"] = abs(a) % abs(b) * (-1 if a < 0 else 1)
    for name, value in exact.items():
        inlined = evaluated(functions[name].inline, functions[name].implementation, 2)
        if -(2**63) <= value < 2**63:
            assert inlined(a, b) == value
        else:
            with pytest.raises(errors.NumericValueOutOfRange):
                inlined(a, b)
