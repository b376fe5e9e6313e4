"""What the indexes register: access methods, operator classes, settings. Import strings only."""

from __future__ import annotations

from collections.abc import Iterator

from heliosdb.spi import AccessMethodFactory, CatalogView, DatabaseMethod, OperatorClass, ScalarFunction, Setting
from heliosdb_vector.index.stats import COLUMNS

__all__ = ["access_methods", "catalog_views", "database_methods", "functions", "operator_classes", "settings"]

HOME = "heliosdb_vector"
METHODS = ("hnsw", "ivf", "ivfflat")
ORDERINGS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>"}
DISTANCES = {
    "l2": "l2_distance",
    "ip": "negative_inner_product",
    "cosine": "cosine_distance",
    "l1": "l1_distance",
}


def access_methods() -> Iterator[AccessMethodFactory]:
    """Yield ``hnsw``, ``ivf`` and ``ivfflat``."""
    yield AccessMethodFactory("hnsw", f"{HOME}.index.methods:HnswMethod", "nearest vectors by a graph of neighbours")
    yield AccessMethodFactory("ivf", f"{HOME}.index.methods:IvfMethod", "nearest vectors by lists around middles")
    yield AccessMethodFactory("ivfflat", f"{HOME}.index.methods:IvfFlatMethod", "the same as ivf")


def operator_classes() -> Iterator[OperatorClass]:
    """Yield pgvector's classes, for each method."""
    for method in METHODS:
        for type_name in ("vector", "halfvec"):
            for measure, operator in ORDERINGS.items():
                yield OperatorClass(
                    f"{type_name}_{measure}_ops",
                    method,
                    type_name,
                    default=measure == "l2",
                    ordering_operators=(operator,),
                    functions={
                        "distance": f"{HOME}.distances:{type_name.upper()}S.{DISTANCES[measure]}",
                        "distances": f"{HOME}.columns:{type_name.upper()}S.{DISTANCES[measure]}",
                    },
                    schema="public",
                )
        yield OperatorClass(
            "distance_ops",
            method,
            "vector",
            default=False,
            ordering_operators=(ORDERINGS["l2"],),
            functions={
                "distance": f"{HOME}.distances:VECTORS.l2_distance",
                "distances": f"{HOME}.columns:VECTORS.l2_distance",
            },
            schema="public",
        )
        for measure, operator in (("hamming", "<~>"), ("jaccard", "<%>")):
            if method == "hnsw" or measure == "hamming":
                yield OperatorClass(
                    f"bit_{measure}_ops",
                    method,
                    "bit",
                    default=measure == "hamming",
                    ordering_operators=(operator,),
                    functions={
                        "distance": f"{HOME}.bits:{measure}_distance",
                        "distances": f"{HOME}.columns:{measure}_distance",
                    },
                    schema="public",
                )


def settings() -> Iterator[Setting]:
    """Yield how much effort searches are worth."""
    reader = f"{HOME}.index.vector_index:VectorIndex.likely"
    yield Setting(
        name="hnsw.ef_search",
        kind="integer",
        default=40,
        minimum=1,
        maximum=100_000,
        description="How many vectors a search of a graph keeps in view: more find more of the nearest.",
        reader=reader,
    )
    yield Setting(
        name="ivfflat.probes",
        kind="integer",
        default=1,
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
        description="1: rows are ordered by distance exactly, without a vector index; 0: as hnsw.ef_search and "
        "ivfflat.probes say. Nothing in between.",
        reader=reader,
        check=f"{HOME}.index.vector_index:checked_recall",
    )


def catalog_views() -> Iterator[CatalogView]:
    """Yield ``pg_vector_index_stats``."""
    yield CatalogView(
        name="pg_vector_index_stats",
        schema="public",
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
        schema="public",
        description="part of a row's score by reciprocal rank fusion; 0 without a rank",
    )
    yield ScalarFunction(
        "weighted_score",
        ("float8", "float8", "float8"),
        "float8",
        f"{HOME}.hybrid:weighted_score",
        strict=False,
        defaults=("0.5",),
        schema="public",
        description="score of a row from its distance and its text score",
    )
