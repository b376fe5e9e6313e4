"""Types of system columns (``xid``, ``xid8``, ``cid``, ``tid``) and the pseudo-types that only signatures use.

A ``tid`` is a pair (block, offset). The polymorphic pseudo-types have no values: the binder replaces them by concrete
types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from struct import Struct
from struct import error as struct_error
from typing import Any

from attrs import evolve

from heliosdb.errors import (
    FeatureNotSupported,
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
)
from heliosdb.types.boolean import BLANKS
from heliosdb.types.comparison import (
    PLAIN,
    comparison_functions,
    comparison_names,
    comparison_operators,
    operator_classes,
)
from heliosdb.types.definitions import Cast, CastContext, Operator, OperatorClass, ScalarFunction, Type
from heliosdb.types.stored_classes import ARRAYS

__all__ = ["CASTS", "FUNCTIONS", "OPERATORS", "OPERATOR_CLASSES", "TYPES"]

_NUMBER = r"[+-]?[0-9]+"
_TID = r"\(([0-9]+),([0-9]+)\)"
_TID_WIRE = Struct(">IH")


def _counter_input(name: str, bits: int) -> Callable[..., int]:
    """Return the input of an unsigned counter: as in PostgreSQL, what follows the digits is ignored, no range is
    checked."""
    mask = (1 << bits) - 1

    def counter_input(text: str, typmod: int = -1) -> int:
        match = re.match(_NUMBER, text.strip(BLANKS))
        return int(match.group()) & mask if match is not None else 0

    return counter_input


def _receive(form: Struct) -> Callable[[bytes], int]:
    def receive(data: bytes) -> int:
        if len(data) != form.size:
            raise InvalidBinaryRepresentation("incorrect binary data format")
        value: int = form.unpack(data)[0]
        return value

    return receive


def tid_input(text: str, typmod: int = -1) -> tuple[int, int]:
    """Parse ``(block,offset)``."""
    match = re.fullmatch(_TID, text)
    if match is None or int(match.group(1)) > 0xFFFFFFFF or int(match.group(2)) > 0xFFFF:
        raise InvalidTextRepresentation(f'invalid input syntax for type tid: "{text}"')
    return int(match.group(1)), int(match.group(2))


def tid_output(datum: tuple[int, int]) -> str:
    """Write ``(block,offset)``."""
    return f"({datum[0]},{datum[1]})"


def tid_receive(data: bytes) -> tuple[int, int]:
    """Read six bytes."""
    try:
        block, offset = _TID_WIRE.unpack(data)
    except struct_error:
        raise InvalidBinaryRepresentation("incorrect binary data format") from None
    return block, offset


def tid_send(datum: tuple[int, int]) -> bytes:
    """Write six bytes."""
    return _TID_WIRE.pack(*datum)


def void_input(text: str, typmod: int = -1) -> str:
    """Read nothing out of any text."""
    return ""


def void_output(datum: Any) -> str:
    """Write the empty string."""
    return ""


def _no_input(name: str) -> Callable[..., Any]:
    def refuse(text: str, typmod: int = -1) -> Any:
        raise FeatureNotSupported(f"cannot accept a value of type {name}")

    return refuse


def _no_output(name: str) -> Callable[[Any], str]:
    def refuse(datum: Any) -> str:
        raise FeatureNotSupported(f"cannot display a value of type {name}")

    return refuse


_PSEUDO_TYPES = (
    ("any", 2276, '"any"'),
    ("anyelement", 2283, "anyelement"),
    ("anyarray", 2277, "anyarray"),
    ("anynonarray", 2776, "anynonarray"),
    ("anyenum", 3500, "anyenum"),
    ("anyrange", 3831, "anyrange"),
    ("anymultirange", 4537, "anymultirange"),
    ("anycompatible", 5077, "anycompatible"),
    ("anycompatiblearray", 5078, "anycompatiblearray"),
    ("anycompatiblenonarray", 5079, "anycompatiblenonarray"),
    ("anycompatiblerange", 5080, "anycompatiblerange"),
    ("anycompatiblemultirange", 4538, "anycompatiblemultirange"),
    ("trigger", 2279, "trigger"),
    ("event_trigger", 3838, "event_trigger"),
    ("language_handler", 2280, "language_handler"),
    ("internal", 2281, "internal"),
    ("fdw_handler", 3115, "fdw_handler"),
    ("index_am_handler", 325, "index_am_handler"),
    ("table_am_handler", 269, "table_am_handler"),
    ("tsm_handler", 3310, "tsm_handler"),
)

_VARIABLE_LENGTH = ("anyarray", "anyrange", "anymultirange") + tuple(
    f"anycompatible{kind}" for kind in ("array", "range", "multirange")
)

_COUNTERS = (
    ("xid", 28, 1011, Struct(">I"), "transaction id"),
    ("cid", 29, 1012, Struct(">I"), "command identifier type, sequence in transaction id"),
    ("xid8", 5069, 271, Struct(">Q"), "full transaction id"),
)


def _types() -> Iterator[Type]:
    for name, oid, array_oid, form, description in _COUNTERS:
        yield Type(
            name,
            name,
            oid=oid,
            array_oid=array_oid,
            length=form.size,
            input=_counter_input(name, form.size * 8),
            output=str,
            receive=_receive(form),
            send=form.pack,
            description=description,
        )
    yield Type(
        "tid",
        "tid",
        oid=27,
        array_oid=1010,
        length=6,
        input=tid_input,
        output=tid_output,
        receive=tid_receive,
        send=tid_send,
        description="(block, offset), physical location of tuple",
    )
    yield Type(
        "void",
        "void",
        oid=2278,
        category="P",
        length=4,
        kind="pseudo",
        input=void_input,
        output=void_output,
        send=lambda datum: b"",
        receive=lambda data: "",
        description="pseudo-type for the result of a function with no real result",
    )
    for name, oid, display in _PSEUDO_TYPES:
        yield Type(
            name,
            display,
            oid=oid,
            category="P",
            length=-1 if name in _VARIABLE_LENGTH else 4,
            kind="pseudo",
            input=_no_input(name),
            output=_no_output(name),
            stored=ARRAYS if name == "anyarray" else (),
        )


def xid_from_xid8(datum: int) -> int:
    """Return the low 32 bits."""
    return datum & 0xFFFFFFFF


_EQUALITIES = (("xid", "xid", "xideq", "xidneq"), ("xid", "int4", "xideqint4", "xidneqint4"), ("cid", "cid", "cideq"))
"""Types without an order: the operand types, and the functions for ``=`` and ``<>``."""


def _same_bits(left: int, right: int) -> bool:
    return left == right & 0xFFFFFFFF


def _other_bits(left: int, right: int) -> bool:
    return left != right & 0xFFFFFFFF


def _equal(left: str, right: str, *names: str) -> Iterator[tuple[ScalarFunction, Operator]]:
    padded = (*names, *([""] * (6 - len(names))))
    inlines = PLAIN if right != "int4" else tuple(f"({{0}} {symbol} {{1}} & 4294967295)" for symbol in ("==", "!=") * 3)
    implementations = (_same_bits, _other_bits) * 3
    functions = comparison_functions(left, right, padded, inlines, implementations)[: len(names)]
    for function, operator in zip(functions, comparison_operators(left, right, padded, merges=False), strict=False):
        # pg_operator knows no commutator across types, and a negator only where there is one.
        yield (
            function,
            evolve(
                operator,
                commutator=operator.commutator if left == right else None,
                negator=operator.negator if len(names) == 2 else None,
            ),
        )


_NAMES = {name: comparison_names(name) for name in ("xid8", "tid")}

TYPES: tuple[Type, ...] = tuple(_types())
CASTS: tuple[Cast, ...] = (Cast("xid8", "xid", CastContext.EXPLICIT, xid_from_xid8),)
FUNCTIONS: tuple[ScalarFunction, ...] = (
    *(function for equality in _EQUALITIES for function, _ in _equal(*equality)),
    *(function for name in ("xid8", "tid") for function in comparison_functions(name, name, _NAMES[name])),
)
OPERATORS: tuple[Operator, ...] = (
    *(operator for equality in _EQUALITIES for _, operator in _equal(*equality)),
    *(operator for name in ("xid8", "tid") for operator in comparison_operators(name, name, _NAMES[name])),
)
OPERATOR_CLASSES: tuple[OperatorClass, ...] = (
    OperatorClass("xid_ops", "hash", "xid", operators={1: "="}, identity=True),
    OperatorClass("cid_ops", "hash", "cid", operators={1: "="}, identity=True),
    *operator_classes("xid8"),
    *operator_classes("tid"),
)
