"""The hook implementations. Only registrations and import strings stand here: opening a database imports no NumPy."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import (
    Cast,
    CastContext,
    Operator,
    OperatorClass,
    ScalarFunction,
    Type,
)

HOME = "heliosdb_vector"

COMPARISONS = {"=": "eq", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
COMMUTATORS = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NEGATORS = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
SELECTIVITIES = {"=": "eq", "<>": "neq", "<": "lt", "<=": "lt", ">": "gt", ">=": "gt"}
BTREE = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}


@hookimpl
def register_types() -> list[Type]:
    """The type ``vector``."""
    forms = f"{HOME}.dense:VECTOR"
    return [
        Type(
            "vector",
            "vector",
            input=f"{forms}.input",
            output=f"{forms}.output",
            receive=f"{forms}.receive",
            send=f"{forms}.send",
            typmod_in=f"{forms}.typmod_in",
            typmod_out=f"{HOME}.dense:typmod_out",
            coerce_typmod=f"{forms}.coerce",
            to_python=f"{HOME}.values:vector_to_python",
            from_python=f"{HOME}.values:vector_from_python",
            python_types=(f"{HOME}.values:Vector", "numpy:ndarray"),
            schema="public",
            description="numbers of single precision, for similarity search",
        )
    ]


@hookimpl
def register_casts() -> list[Cast]:
    """Arrays become vectors, and vectors arrays of real."""
    forms = f"{HOME}.dense:VECTOR"
    return [
        *(
            Cast(source, "vector", CastContext.IMPLICIT, f"{forms}.from_array", takes_typmod=True)
            for source in ("_int4", "_float4", "_float8", "_numeric")
        ),
        Cast("vector", "_float4", CastContext.IMPLICIT, f"{forms}.to_array"),
    ]


@hookimpl
def register_functions() -> list[ScalarFunction]:
    """Comparisons and distances."""

    def scalar(name: str, arguments: tuple[str, ...], returns: str, function: str) -> ScalarFunction:
        return ScalarFunction(name, arguments, returns, f"{HOME}.{function}", schema="public")

    return [
        *(
            scalar(f"vector_{suffix}", ("vector", "vector"), "bool", f"comparison:vector_{suffix}")
            for suffix in COMPARISONS.values()
        ),
        scalar("l2_distance", ("vector", "vector"), "float8", "distances:l2_distance"),
    ]


@hookimpl
def register_operators() -> list[Operator]:
    """Comparisons and distances."""
    return [
        *(
            Operator(
                symbol,
                "vector",
                "vector",
                "bool",
                f"vector_{suffix}",
                commutator=COMMUTATORS[symbol],
                negator=NEGATORS[symbol],
                selectivity=SELECTIVITIES[symbol],
                hashes=symbol == "=",
                merges=symbol == "=",
                schema="public",
            )
            for symbol, suffix in COMPARISONS.items()
        ),
        Operator("<->", "vector", "vector", "float8", "l2_distance", commutator="<->", schema="public"),
    ]


@hookimpl
def register_operator_classes() -> list[OperatorClass]:
    """How vectors are sorted, grouped and indexed by btree and hash."""
    hash_key, sort_key = f"{HOME}.dense:VECTOR.hash_key", f"{HOME}.dense:VECTOR.sort_key"
    return [
        OperatorClass(
            "vector_ops", method, "vector", operators=operators, hash_key=hash_key, sort_key=sort_key, schema="public"
        )
        for method, operators in (("btree", BTREE), ("hash", {1: "="}))
    ]
