"""Searches by meaning and by words at once, and how two rankings become one.

    reciprocal rank fusion    the sum of 1 / (60 + rank) over both rankings: needs no scores that compare
                              (Cormack, Clarke, Buettcher: Reciprocal Rank Fusion ..., SIGIR 2009)
    weighted                  weight * nearness + (1 - weight) * text score, both between 0 and 1

In SQL they are ``rrf_score(rank)`` and ``weighted_score(distance, text_score, weight)``. ``HybridSearchEngine`` ranks
words by BM25 (the package bm25s, ``pip install heliosdb-vector[text]``) over the rows that satisfy the query's
filters: what it scores is what the table holds when it is asked, at the cost of reading these rows' texts.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import Any, NamedTuple

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb_vector.search import OPERATORS, columns_of, metric_of, quoted, table_of, vector_column

__all__ = [
    "FilterOp",
    "Fusion",
    "HybridQuery",
    "HybridResult",
    "HybridSearchEngine",
    "SearchConfig",
    "rrf_score",
    "weighted_score",
]

RANKED = 4
"""So many times the wanted rows are taken of each ranking before they are fused."""


def rrf_score(rank: int | None, constant: int | None) -> float:
    """Return what a rank, from 1, adds to a row's score; nothing where it has none."""
    if rank is None:
        return 0.0
    if rank < 1:
        raise InvalidParameterValue(f"ranks begin with 1, this is {rank}")
    constant = 60 if constant is None else constant
    if constant < 0:
        raise InvalidParameterValue(f"the constant of rank fusion cannot be negative, but is {constant}")
    return 1.0 / (constant + rank)


def weighted_score(distance: float | None, text_score: float | None, weight: float | None) -> float:
    """Return a score from 0 to 1: of a distance, as 1 / (1 + distance), and a text score from 0 to 1; NULL counts 0."""
    weight = 0.5 if weight is None else weight
    if not 0 <= weight <= 1:
        raise InvalidParameterValue(f"a weight is between 0 and 1, this is {weight}")
    near = 0.0 if distance is None or distance != distance else 1.0 / (1.0 + max(0.0, distance))
    return weight * near + (1.0 - weight) * (text_score or 0.0)


class Fusion(Enum):
    """How two rankings become one."""

    RECIPROCAL_RANK = "rrf"
    WEIGHTED = "weighted"


class _Condition(NamedTuple):
    field: str
    operator: str
    value: Any


class FilterOp:
    """Conditions on columns: ``FilterOp.Eq(field, value)`` and its kin."""

    @staticmethod
    def Eq(field: str, value: Any) -> _Condition:  # noqa: N802 - as programs for HeliosDB spell it
        """The column equals a value."""
        return _Condition(field, "=", value)

    @staticmethod
    def Ne(field: str, value: Any) -> _Condition:  # noqa: N802
        """The column does not equal a value."""
        return _Condition(field, "<>", value)

    @staticmethod
    def Lt(field: str, value: Any) -> _Condition:  # noqa: N802
        """The column is less than a value."""
        return _Condition(field, "<", value)

    @staticmethod
    def Gt(field: str, value: Any) -> _Condition:  # noqa: N802
        """The column is greater than a value."""
        return _Condition(field, ">", value)


class SearchConfig(NamedTuple):
    """Where to search, and how to fuse. ``weight`` is that of the vectors where ``fusion`` is weighted."""

    database: Any
    table: str
    text: str
    vector: str | None = None
    metric: str = "cosine"
    fusion: Fusion = Fusion.RECIPROCAL_RANK
    weight: float = 0.5
    constant: int = 60


class HybridQuery(NamedTuple):
    """What is looked for: a vector, words, or both, among the rows that satisfy all filters."""

    vector: Any = None
    text: str | None = None
    filters: tuple[_Condition, ...] | list[_Condition] = ()
    limit: int = 10


class HybridResult(NamedTuple):
    """A row with its score (greater is better), its distance and its text score, None where it was not ranked so."""

    row: dict[str, Any]
    score: float
    distance: float | None
    text_score: float | None


class HybridSearchEngine:
    """Searches one table by vectors and words."""

    def __init__(self, config: SearchConfig) -> None:
        self.config = config
        self._table = table_of(config.database, config.table)
        self._vector = vector_column(config.database, self._table, config.vector)
        self._operator = OPERATORS[metric_of(config.metric)]
        names = [name for name, _ in columns_of(config.database, self._table)]
        if config.text not in names:
            raise InvalidParameterValue(f'table {self._table} has no column "{config.text}"')
        self._columns = [name for name in names if name != self._vector]

    def search(self, query: HybridQuery) -> list[HybridResult]:
        """Return the best rows, the best first. Raises InvalidParameterValue for a query for nothing."""
        if query.vector is None and query.text is None:
            raise InvalidParameterValue("a hybrid query needs a vector, a text, or both")
        if query.limit < 1:
            raise InvalidParameterValue(f"limit must be at least 1, not {query.limit}")
        count = RANKED * query.limit
        near = [] if query.vector is None else self._nearest(query, count)
        said = [] if query.text is None else self._by_words(query, count)
        distances = {key: distance for key, _, distance in near}
        scores = {key: score for key, _, score in said}
        rows = {key: row for key, row, _ in (*near, *said)}
        near_ranks = {key: rank for rank, (key, _, _) in enumerate(near, 1)}
        said_ranks = {key: rank for rank, (key, _, _) in enumerate(said, 1)}
        config, most = self.config, max(scores.values(), default=0.0) or 1.0
        found = []
        for key, row in rows.items():
            if config.fusion is Fusion.RECIPROCAL_RANK:
                score = rrf_score(near_ranks.get(key), config.constant) + rrf_score(
                    said_ranks.get(key), config.constant
                )
            else:
                score = weighted_score(distances.get(key), scores.get(key, 0.0) / most, config.weight)
            found.append((-score, key, HybridResult(row, score, distances.get(key), scores.get(key))))
        found.sort(key=lambda item: item[:2])
        return [result for _, _, result in found[: query.limit]]

    def _where(self, query: HybridQuery, first: int) -> tuple[str, list[Any]]:
        parts, values = [], []
        for condition in query.filters:
            if condition.field not in self._columns:
                raise InvalidParameterValue(f'table {self._table} has no column "{condition.field}"')
            values.append(condition.value)
            parts.append(f"{quoted(condition.field)} {condition.operator} ${first + len(values) - 1}")
        return "".join(f" AND {part}" for part in parts), values

    def _nearest(self, query: HybridQuery, count: int) -> list[tuple[str, dict[str, Any], float]]:
        where, values = self._where(query, 2)
        distance = f"{quoted(self._vector)} {self._operator} $1"
        rows = self.config.database.query(
            f"SELECT ctid::text, {', '.join(map(quoted, self._columns))}, {distance} FROM {self._table} "
            f"WHERE {quoted(self._vector)} IS NOT NULL{where} ORDER BY {distance} LIMIT {int(count)}",
            [query.vector, *values],
        )
        return [(str(row[0]), dict(zip(self._columns, row[1:-1])), float(row[-1])) for row in rows]

    def _by_words(self, query: HybridQuery, count: int) -> list[tuple[str, dict[str, Any], float]]:
        try:
            bm25s = import_module("bm25s")
        except ImportError as error:
            raise FeatureNotSupported(
                "searching by words needs the package bm25s", hint="pip install heliosdb-vector[text]"
            ) from error
        where, values = self._where(query, 1)
        text = quoted(self.config.text)
        rows = list(
            self.config.database.query(
                f"SELECT ctid::text, {', '.join(map(quoted, self._columns))} FROM {self._table} "
                f"WHERE {text} IS NOT NULL{where}",
                values,
            )
        )
        if not rows:
            return []
        place = self._columns.index(self.config.text) + 1
        words = bm25s.tokenize([str(row[place]) for row in rows], stopwords="en", show_progress=False)
        ranking = bm25s.BM25()
        ranking.index(words, show_progress=False)
        asked = bm25s.tokenize([query.text], stopwords="en", show_progress=False)
        found, scores = ranking.retrieve(asked, k=min(count, len(rows)), show_progress=False)
        ranked = zip(found[0].tolist(), scores[0].tolist())
        return [
            (str(rows[at][0]), dict(zip(self._columns, rows[at][1:])), float(score))
            for at, score in ranked
            if score > 0
        ]
