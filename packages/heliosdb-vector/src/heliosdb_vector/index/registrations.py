"""What the indexes register: access methods, operator classes, settings. Import strings only."""

from __future__ import annotations

from collections.abc import Iterator

from heliosdb.spi import AccessMethodFactory, CatalogView, DatabaseMethod, OperatorClass, ScalarFunction, Setting
from heliosdb_vector.definitions import BIT_DISTANCES, DISTANCES, HOME, SCHEMA
from heliosdb_vector.index.efforts import USUAL_EFFORT
from heliosdb_vector.index.stats import COLUMNS, METHODS

__all__ = ["access_methods", "catalog_views", "database_methods", "functions", "operator_classes", "settings"]


def access_methods() -> Iterator[AccessMethodFactory]:
    """Yield ``hnsw``, ``ivf`` and ``ivfflat``."""
    yield AccessMethodFactory("hnsw", f"{HOME}.index.methods:HnswMethod", "nearest vectors by a graph of neighbours")
    yield AccessMethodFactory("ivf", f"{HOME}.index.methods:IvfMethod", "nearest vectors by lists around middles")
    yield AccessMethodFactory("ivfflat", f"{HOME}.index.methods:IvfFlatMethod", "the same as ivf")


def operator_classes() -> Iterator[OperatorClass]:
    """Yield pgvector's classes, for each method; ``distance_ops`` is another name of ``vector_l2_ops``."""
    for method in METHODS:
        for type_name in ("vector", "halfvec", "sparsevec"):
            for measure, (operator, function) in DISTANCES.items():
                name, place = f"{type_name}_{measure}_ops", f"{type_name.upper()}S.{function}"
                yield _class(name, method, type_name, operator, f"distances:{place}", place, default=measure == "l2")
        operator, function = DISTANCES["l2"]
        yield _class("distance_ops", method, "vector", operator, f"distances:VECTORS.{function}", f"VECTORS.{function}")
        for measure, (operator, function) in BIT_DISTANCES.items():
            if method == "hnsw" or measure == "hamming":
                name, default = f"bit_{measure}_ops", measure == "hamming"
                yield _class(name, method, "bit", operator, f"bits:{function}", function, default=default)


def _class(
    name: str, method: str, type_name: str, operator: str, single: str, column: str, *, default: bool = False
) -> OperatorClass:
    """Return a class that orders by an operator: what it computes of two data, and in the module columns of many."""
    return OperatorClass(
        name,
        method,
        type_name,
        default=default,
        ordering_operators=(operator,),
        functions={"distance": f"{HOME}.{single}", "distances": f"{HOME}.columns:{column}"},
        schema=SCHEMA,
    )


def settings() -> Iterator[Setting]:
    """Yield how much effort searches are worth."""
    reader = f"{HOME}.index.vector_index:VectorIndex.likely"
    yield Setting(
        name="hnsw.ef_search",
        kind="integer",
        default=USUAL_EFFORT["hnsw.ef_search"],
        minimum=1,
        maximum=100_000,
        description="How many vectors a search of a graph keeps in view: more find more of the nearest.",
        reader=reader,
    )
    yield Setting(
        name="ivfflat.probes",
        kind="integer",
        default=USUAL_EFFORT["ivfflat.probes"],
        minimum=1,
        maximum=32768,
        description="How many lists a search looks into: more find more of the nearest.",
        reader=reader,
    )
    yield Setting(
        name="heliosdb.vector_recall",
        kind="real",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        description="The part of the nearest rows that searches are to find. 1: rows are ordered by distance exactly, "
        "without a vector index; less: with the effort that an index has measured to be enough; 0: with that of "
        "hnsw.ef_search and ivfflat.probes.",
        reader=reader,
        affects_plans=True,
    )


def catalog_views() -> Iterator[CatalogView]:
    """Yield ``pg_vector_index_stats``."""
    yield CatalogView(
        name="pg_vector_index_stats",
        columns=COLUMNS,
        rows=f"{HOME}.index.stats:vector_index_stats",
        description="What each vector index holds and takes.",
    )


def database_methods() -> Iterator[DatabaseMethod]:
    """Yield ``db.create_vector_index`` and ``db.vector_search``."""
    yield DatabaseMethod(
        name="create_vector_index",
        implementation=f"{HOME}.search:create_vector_index",
        description="make a vector index",
    )
    yield DatabaseMethod(
        name="vector_search", implementation=f"{HOME}.search:vector_search", description="the nearest rows of a table"
    )


def functions() -> Iterator[ScalarFunction]:
    """Yield what fuses two rankings."""
    yield ScalarFunction(
        "rrf_score",
        ("int8", "int4"),
        "float8",
        f"{HOME}.hybrid:rrf_score",
        strict=False,
        defaults=("60",),
        schema=SCHEMA,
        description="part of a row's score by reciprocal rank fusion; 0 without a rank",
    )
    yield ScalarFunction(
        "weighted_score",
        ("float8", "float8", "float8"),
        "float8",
        f"{HOME}.hybrid:weighted_score",
        strict=False,
        defaults=("0.5",),
        schema=SCHEMA,
        description="score of a row from its distance and its text score",
    )
