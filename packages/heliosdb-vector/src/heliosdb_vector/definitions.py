"""What is registered, type by type: names, argument types, and import strings of what computes.

Names and signatures are pgvector's. Beyond it there is ``l2_norm`` of a ``vector``, ``vector_subtract`` (its
``vector_sub``), ``vector_distance``, and ``<~>`` of two vectors, which is their inner product: nearest first is
descending. Arrays become vectors wherever one is wanted, not in assignments only.
"""

from __future__ import annotations

from collections.abc import Iterator

from heliosdb.spi import Aggregate, Cast, CastContext, Operator, OperatorClass, ScalarFunction, Type

__all__ = [
    "BIT_DISTANCES",
    "DISTANCES",
    "HOME",
    "SCHEMA",
    "aggregates",
    "casts",
    "functions",
    "operator_classes",
    "operators",
    "types",
]

HOME = "heliosdb_vector"
SCHEMA = "public"
NAMES = ("vector", "halfvec", "sparsevec")
DENSE = ("vector", "halfvec")
FORMS = {"vector": "dense:VECTOR", "halfvec": "dense:HALFVEC", "sparsevec": "sparse:SPARSEVEC"}

SUFFIXES = {"=": "eq", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
COMMUTATORS = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NEGATORS = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
SELECTIVITIES = {"=": "eq", "<>": "neq", "<": "lt", "<=": "lt", ">": "gt", ">=": "gt"}
BTREE = {1: "<", 2: "<=", 3: "=", 4: ">=", 5: ">"}
ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "||": "concat"}
DISTANCES = {
    "l2": ("<->", "l2_distance"),
    "ip": ("<#>", "negative_inner_product"),
    "cosine": ("<=>", "cosine_distance"),
    "l1": ("<+>", "l1_distance"),
}
"""What operator classes call a distance: its operator, and what computes it."""
BIT_DISTANCES = {"hamming": ("<~>", "hamming_distance"), "jaccard": ("<%>", "jaccard_distance")}
ARRAYS = ("_int4", "_float4", "_float8", "_numeric")


def types() -> Iterator[Type]:
    """Yield the types."""
    descriptions = {
        "vector": "numbers of single precision, for similarity search",
        "halfvec": "numbers of half precision, for similarity search",
        "sparsevec": "numbers of single precision of which most are zero, for similarity search",
    }
    classes = {"vector": "values:Vector", "halfvec": "values:HalfVector", "sparsevec": "sparse_values:SparseVector"}
    for name in NAMES:
        form, module = f"{HOME}.{FORMS[name]}", f"{HOME}.{classes[name].partition(':')[0]}"
        yield Type(
            name,
            name,
            input=f"{form}.input",
            output=f"{form}.output",
            receive=f"{form}.receive",
            send=f"{form}.send",
            typmod_in=f"{form}.typmod_in",
            typmod_out=f"{HOME}.dense:typmod_out",
            coerce_typmod=f"{form}.coerce",
            to_python=f"{module}:{name}_to_python",
            from_python=f"{module}:{name}_from_python",
            to_arrow=f"{form}.to_arrow" if name in DENSE else None,
            python_types=(f"{HOME}.{classes[name]}", *(("numpy:ndarray",) if name == "vector" else ())),
            schema=SCHEMA,
            description=descriptions[name],
        )


def casts() -> Iterator[Cast]:
    """Yield the casts among the types, from arrays and to arrays."""

    def cast(source: str, target: str, context: CastContext, function: str) -> Cast:
        return Cast(source, target, context, f"{HOME}.{function}", takes_typmod=True)

    for name in NAMES:
        # To more than one type an array would not know where to go.
        context = CastContext.IMPLICIT if name == "vector" else CastContext.ASSIGNMENT
        for array in ARRAYS:
            yield cast(array, name, context, f"{FORMS[name]}.from_array")
    yield Cast("vector", "_float4", CastContext.IMPLICIT, f"{HOME}.dense:VECTOR.to_array")
    yield Cast("halfvec", "_float4", CastContext.ASSIGNMENT, f"{HOME}.dense:HALFVEC.to_array")
    yield cast("vector", "halfvec", CastContext.IMPLICIT, "dense:vector_to_halfvec")
    yield cast("halfvec", "vector", CastContext.ASSIGNMENT, "dense:halfvec_to_vector")
    yield cast("vector", "sparsevec", CastContext.IMPLICIT, "sparse:vector_to_sparsevec")
    yield cast("halfvec", "sparsevec", CastContext.IMPLICIT, "sparse:halfvec_to_sparsevec")
    yield cast("sparsevec", "vector", CastContext.ASSIGNMENT, "sparse:sparsevec_to_vector")
    yield cast("sparsevec", "halfvec", CastContext.ASSIGNMENT, "sparse:sparsevec_to_halfvec")


def _scalar(name: str, arguments: tuple[str, ...], returns: str, function: str, about: str = "") -> ScalarFunction:
    return ScalarFunction(name, arguments, returns, f"{HOME}.{function}", schema=SCHEMA, description=about)


def _distance(
    name: str, arguments: tuple[str, ...], function: str, about: str, by_literal: str | None = None
) -> ScalarFunction:
    """Return a distance, which is computed column by column, too."""
    column_form = f"{HOME}.columns:{function.rpartition(':')[2]}"
    home = f"{HOME}.{function}" if ":" in function else f"{HOME}.distances:{function}"
    return ScalarFunction(
        name,
        arguments,
        "float8",
        home,
        column_form=column_form,
        by_literal=None if by_literal is None else f"{HOME}.distances:{by_literal}",
        schema=SCHEMA,
        cost=10.0,
        description=about,
    )


def functions() -> Iterator[ScalarFunction]:
    """Yield the scalar functions."""
    for name in NAMES:
        yield from _of_every_type(name)
    for name in DENSE:
        yield from _of_dense_types(name)
    yield _scalar("vector_norm", ("vector",), "float8", "arithmetic:VECTORS.l2_norm", "Euclidean length")
    yield _scalar("vector_subtract", ("vector", "vector"), "vector", "arithmetic:VECTORS.subtract", "a - b")
    yield _scalar("l2_norm", ("sparsevec",), "float8", "arithmetic:sparse_l2_norm", "Euclidean length")
    yield _scalar("l2_normalize", ("sparsevec",), "sparsevec", "arithmetic:sparse_l2_normalize", "same direction")
    yield _distance("hamming_distance", ("bit", "bit"), "bits:hamming_distance", "bits that differ")
    yield _distance("jaccard_distance", ("bit", "bit"), "bits:jaccard_distance", "bits not shared")
    yield ScalarFunction(
        "vector_distance",
        ("bit", "bit", "text"),
        "float8",
        f"{HOME}.distances:bit_distance",
        by_literal=f"{HOME}.distances:function_of_bits",
        schema=SCHEMA,
        description="distance by name",
    )


def _of_every_type(name: str) -> Iterator[ScalarFunction]:
    both, plural = (name, name), f"{name.upper()}S"
    for suffix in SUFFIXES.values():
        yield _scalar(f"{name}_{suffix}", both, "bool", f"comparison:{plural}.{suffix}")
    for function, about in (
        ("l2_distance", "Euclidean distance"),
        ("inner_product", "inner product"),
        ("cosine_distance", "cosine distance"),
        ("l1_distance", "taxicab distance"),
    ):
        yield _distance(function, both, f"{plural}.{function}", about)
    negative = f"{plural}.negative_inner_product"
    yield _distance(f"{name}_negative_inner_product", both, negative, "negative inner product")
    by_name = f"{plural}.vector_distance", "distance by name", f"{plural}.function_of"
    yield _distance("vector_distance", (*both, "text"), *by_name)


def _of_dense_types(name: str) -> Iterator[ScalarFunction]:
    both, home = (name, name), f"arithmetic:{name.upper()}S"
    yield _scalar("vector_dims", (name,), "int4", f"{FORMS[name]}.dimensions", "number of dimensions")
    yield _scalar("l2_norm", (name,), "float8", f"{home}.l2_norm", "Euclidean length")
    yield _scalar("l2_normalize", (name,), name, f"{home}.l2_normalize", "same direction, length 1")
    yield _scalar("binary_quantize", (name,), "bit", f"{home}.binary_quantize", "a bit for each number above zero")
    yield _scalar("subvector", (name, "int4", "int4"), name, f"{home}.subvector", "part of a vector")
    yield _scalar(f"{name}_add", both, name, f"{home}.add", "a + b")
    yield _scalar(f"{name}_sub", both, name, f"{home}.subtract", "a - b")
    yield _scalar(f"{name}_mul", both, name, f"{home}.multiply", "number by number")
    yield _scalar(f"{name}_concat", both, name, f"{home}.concatenate", "the numbers of both")


def aggregates() -> Iterator[Aggregate]:
    """Yield ``sum`` and ``avg``."""
    for name in DENSE:
        home = f"{HOME}.aggregates:{name.upper()}S"
        for function in ("sum", "avg"):
            yield Aggregate(
                function,
                (name,),
                name,
                initial=f"{home}.initial",
                step=f"{home}.{function}_step",
                final=f"{home}.{function}_final",
                schema=SCHEMA,
                description={"sum": "sum of vectors", "avg": "mean of vectors"}[function],
            )


def operators() -> Iterator[Operator]:
    """Yield comparisons, distances and arithmetic."""
    for name in NAMES:
        for symbol, suffix in SUFFIXES.items():
            yield Operator(
                symbol,
                name,
                name,
                "bool",
                f"{name}_{suffix}",
                commutator=COMMUTATORS[symbol],
                negator=NEGATORS[symbol],
                selectivity=SELECTIVITIES[symbol],
                hashes=symbol == "=",
                merges=symbol == "=",
                schema=SCHEMA,
            )
        for symbol, function in (*DISTANCES.values(), ("<~>", "inner_product")):
            yield _of_two(symbol, name, f"{name}_{function}" if function == "negative_inner_product" else function)
    for symbol, function in BIT_DISTANCES.values():
        yield _of_two(symbol, "bit", function)
    for name in DENSE:
        for symbol, suffix in ARITHMETIC.items():
            commutator = symbol if symbol in "+*" else None
            yield Operator(symbol, name, name, name, f"{name}_{suffix}", commutator=commutator, schema=SCHEMA)


def _of_two(symbol: str, name: str, function: str) -> Operator:
    return Operator(symbol, name, name, "float8", function, commutator=symbol, schema=SCHEMA)


def operator_classes() -> Iterator[OperatorClass]:
    """Yield how the types are sorted, grouped and indexed by btree and hash."""
    for name in NAMES:
        form = f"{HOME}.{FORMS[name]}"
        for method, strategies in (("btree", BTREE), ("hash", {1: "="})):
            yield OperatorClass(
                f"{name}_ops",
                method,
                name,
                operators=strategies,
                hash_key=f"{form}.hash_key",
                sort_key=f"{form}.sort_key",
                schema=SCHEMA,
            )
