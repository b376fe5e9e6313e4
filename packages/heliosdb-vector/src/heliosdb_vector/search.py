"""``db.create_vector_index(...)`` and ``db.vector_search(...)``: what SQL says, for programs that do not write any.

Names of tables are looked up as SQL does, and put into statements as the catalog spells them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from heliosdb.errors import AmbiguousColumn, InvalidParameterValue, UndefinedColumn, UndefinedTable
from heliosdb_vector.definitions import DISTANCES
from heliosdb_vector.index.measures import MEASURES

__all__ = ["SearchResult", "VectorIndexConfig", "create_vector_index", "vector_search"]

OPERATORS = {measure: operator for measure, (operator, _) in DISTANCES.items()}
METRICS = {
    "l2": "l2",
    "euclidean": "l2",
    "cosine": "cosine",
    "ip": "ip",
    "inner_product": "ip",
    "l1": "l1",
    "manhattan": "l1",
}
OPTIONS = ("m", "ef_construction", "lists", "quantization", "pq_subquantizers", "pq_centroids", "backend")


class VectorIndexConfig(NamedTuple):
    """What an index is to be; None leaves the default. ``index_type``: "hnsw" or "ivf"; ``metric``: "l2", "cosine",
    "inner_product" or "l1".
    """

    index_type: str = "hnsw"
    metric: str = "cosine"
    m: int | None = None
    ef_construction: int | None = None
    lists: int | None = None
    quantization: str | None = None
    pq_subquantizers: int | None = None
    pq_centroids: int | None = None
    backend: str | None = None
    name: str | None = None


class SearchResult(NamedTuple):
    """A row that was found: its columns but for the vector, and how far it is."""

    row: dict[str, Any]
    distance: float


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def table_of(db: Any, name: str) -> str:
    """Return a table's name as it stands in statements; UndefinedTable where there is none."""
    (row,) = db.query("SELECT to_regclass($1)::text", [name])
    if row[0] is None:
        raise UndefinedTable(f'relation "{name}" does not exist')
    return str(row[0])


def columns_of(db: Any, table: str) -> list[tuple[str, str]]:
    """Return (name, type) of a table's columns."""
    rows = db.query(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [table],
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def vector_column(db: Any, table: str, column: str | None) -> str:
    """Return the column to search: the one that is named, or the only one of vectors."""
    found = [name for name, type_name in columns_of(db, table) if type_name in ("vector", "halfvec", "sparsevec")]
    if column is not None:
        if column not in found:
            raise UndefinedColumn(f'table {table} has no column "{column}" of vectors')
        return column
    if not found:
        raise UndefinedColumn(f"table {table} has no column of vectors")
    if len(found) > 1:
        raise AmbiguousColumn(f"table {table} has several columns of vectors", hint="Say which: column='...'.")
    return found[0]


def metric_of(name: str) -> str:
    """Return what operator classes call a metric."""
    found = METRICS.get(name.lower())
    if found is None:
        raise InvalidParameterValue(f'metric "{name}" is unknown', hint=f"There are: {', '.join(METRICS)}.")
    return found


def create_vector_index(db: Any, table: str, column: str, config: VectorIndexConfig | None = None) -> None:
    """Make an index over a column of vectors. Raises what CREATE INDEX raises."""
    config = config or VectorIndexConfig()
    target = table_of(db, table)
    vector_column(db, target, column)
    if config.index_type not in ("hnsw", "ivf", "ivfflat"):
        raise InvalidParameterValue(f'index type "{config.index_type}" is unknown', hint="There are: hnsw, ivf.")
    types = dict(columns_of(db, target))
    stated = [(name, getattr(config, name)) for name in OPTIONS if getattr(config, name) is not None]
    options = ", ".join(f"{name} = {_literal(value)}" for name, value in stated)
    db.execute(
        f"CREATE INDEX {'' if config.name is None else quoted(config.name)} ON {target} USING {config.index_type} "
        f"({quoted(column)} {types[column]}_{metric_of(config.metric)}_ops)" + (f" WITH ({options})" if options else "")
    )


def _literal(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def vector_search(
    db: Any, store: str, query: Any, top_k: int = 10, *, column: str | None = None, metric: str | None = None
) -> list[SearchResult]:
    """Return the rows of a table whose vectors are the nearest, the nearest first.

    ``query``: a row of numbers. ``column``: where the table has several of vectors. ``metric``: "l2", "cosine",
    "inner_product" or "l1"; None takes that of the column's index, and cosine where it has none.
    """
    if not isinstance(top_k, int):
        raise InvalidParameterValue(f"top_k must be an integer, not {top_k!r}")
    if query is None:
        raise InvalidParameterValue("the query must be a row of numbers, not None")
    if top_k < 0:
        raise InvalidParameterValue(f"top_k must not be negative, but is {top_k}")
    table = table_of(db, store)
    name = vector_column(db, table, column)
    operator = OPERATORS[_metric_of_index(db, table, name) if metric is None else metric_of(metric)]
    others = [other for other, _ in columns_of(db, table) if other != name]
    rows = db.query(
        f"SELECT {''.join(quoted(other) + ', ' for other in others)}{quoted(name)} {operator} $1 FROM {table} "
        f"WHERE {quoted(name)} IS NOT NULL ORDER BY {quoted(name)} {operator} $1 LIMIT $2",
        [query, top_k],
    )
    return [SearchResult(dict(zip(others, row)), float(row[len(others)])) for row in rows]


def _metric_of_index(db: Any, table: str, column: str) -> str:
    rows = db.query(
        "SELECT c.opcname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
        "JOIN pg_opclass c ON c.oid = i.indclass[0] WHERE i.indrelid = $1::regclass AND a.attname = $2",
        [table, column],
    )
    return next((MEASURES[row[0]].name for row in rows if row[0] in MEASURES), "cosine")
