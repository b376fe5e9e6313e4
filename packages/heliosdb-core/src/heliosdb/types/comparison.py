"""The six comparisons of a type, its btree and hash classes: written once, listed by every family.

A family gives the names PostgreSQL has for the six functions, in the order of ``SYMBOLS``, and the source templates
that the code generator inlines; this module makes the ``ScalarFunction``, ``Operator`` and ``OperatorClass`` values
from them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from heliosdb.types.definitions import Implementation, Operator, OperatorClass, ScalarFunction

__all__ = [
    "BTREE_STRATEGIES",
    "NAN_KEY",
    "PLAIN",
    "SYMBOLS",
    "NanKey",
    "comparison_functions",
    "comparison_names",
    "comparison_operators",
    "nan_last",
    "nan_last_comparisons",
    "operator_classes",
]

SYMBOLS = ("=", "<>", "<", "<=", ">", ">=")
BTREE_STRATEGIES = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}
SUFFIXES = ("eq", "ne", "lt", "le", "gt", "ge")
PLAIN = ("({0} == {1})", "({0} != {1})", "({0} < {1})", "({0} <= {1})", "({0} > {1})", "({0} >= {1})")
"""Templates for datums whose Python comparison is the type's own."""

_COMMUTATORS = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATORS = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_SELECTIVITIES = {"=": "eq", "<>": "neq", "<": "lt", "<=": "lt", ">": "gt", ">=": "gt"}
_PYTHON: tuple[Callable[[Any, Any], Any], ...] = (
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
)


def comparison_names(prefix: str) -> tuple[str, ...]:
    """Return the names ``prefix`` + eq, ne, lt, le, gt, ge, in the order of ``SYMBOLS``."""
    return tuple(prefix + suffix for suffix in SUFFIXES)


def comparison_functions(
    left: str,
    right: str,
    names: Sequence[str],
    inlines: Sequence[str | None] = PLAIN,
    implementations: Sequence[Implementation] = _PYTHON,
) -> tuple[ScalarFunction, ...]:
    """Return the six boolean functions over ``(left, right)`` in the order of ``SYMBOLS``."""
    return tuple(
        ScalarFunction(name, (left, right), "bool", implementation, inline=inline)
        for name, inline, implementation in zip(names, inlines, implementations, strict=True)
    )


def comparison_operators(
    left: str, right: str, names: Sequence[str], *, hashes: bool = True, merges: bool = True
) -> tuple[Operator, ...]:
    """Return the six operators over ``(left, right)`` whose functions have ``names``."""
    return tuple(
        Operator(
            symbol,
            left,
            right,
            "bool",
            name,
            commutator=_COMMUTATORS[symbol],
            negator=_NEGATORS[symbol],
            selectivity=_SELECTIVITIES[symbol],
            hashes=hashes and symbol == "=",
            merges=merges and symbol == "=",
        )
        for symbol, name in zip(SYMBOLS, names, strict=True)
    )


def operator_classes(
    type_name: str,
    *,
    identity: bool = True,
    hash_key: Implementation | None = None,
    sort_key: Implementation | None = None,
    name: str | None = None,
) -> tuple[OperatorClass, ...]:
    """Return the default btree and hash classes of a type; ``name`` defaults to ``<type>_ops``."""
    class_name = name or f"{type_name}_ops"
    return (
        OperatorClass(
            class_name,
            "btree",
            type_name,
            operators=BTREE_STRATEGIES,
            identity=identity,
            hash_key=hash_key,
            sort_key=sort_key,
        ),
        OperatorClass(
            class_name, "hash", type_name, operators={1: "="}, identity=identity, hash_key=hash_key, sort_key=sort_key
        ),
    )


class NanKey:
    """The key of NaN: equal to itself and greater than every number, as PostgreSQL orders float and numeric."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is self

    def __hash__(self) -> int:
        return 0x7FF8

    # What is no number (an index's mark for NULL or for an open end) knows its place itself.

    def __lt__(self, other: object) -> bool:
        return False if isinstance(other, _NUMBERS) else NotImplemented

    def __le__(self, other: object) -> bool:
        return other is self if isinstance(other, _NUMBERS) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return other is not self if isinstance(other, _NUMBERS) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return True if isinstance(other, _NUMBERS) else NotImplemented

    def __reduce__(self) -> str:
        # A key that was put aside must come back as the one object.
        return "NAN_KEY"


NAN_KEY = NanKey()
_NUMBERS = (int, float, Decimal, NanKey)


def nan_last(datum: Any) -> Any:
    """Return the hash and sort key of a float or Decimal: itself, or ``NAN_KEY`` for NaN."""
    return datum if datum == datum else NAN_KEY


def _nan_eq(left: Any, right: Any) -> bool:
    return nan_last(left) == nan_last(right)  # type: ignore[no-any-return]


def _nan_ne(left: Any, right: Any) -> bool:
    return nan_last(left) != nan_last(right)  # type: ignore[no-any-return]


def _nan_lt(left: Any, right: Any) -> bool:
    return nan_last(left) < nan_last(right)  # type: ignore[no-any-return]


def _nan_le(left: Any, right: Any) -> bool:
    return nan_last(left) <= nan_last(right)  # type: ignore[no-any-return]


def _nan_gt(left: Any, right: Any) -> bool:
    return nan_last(left) > nan_last(right)  # type: ignore[no-any-return]


def _nan_ge(left: Any, right: Any) -> bool:
    return nan_last(left) >= nan_last(right)  # type: ignore[no-any-return]


nan_last_comparisons: tuple[Callable[[Any, Any], bool], ...] = (_nan_eq, _nan_ne, _nan_lt, _nan_le, _nan_gt, _nan_ge)
