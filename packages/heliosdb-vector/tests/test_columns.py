"""Distances of whole columns are those of each row, to the last bit; the nearest are the nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliosdb import EmbeddedDatabase
from heliosdb.spi import ColumnValues, StoredFrames
from heliosdb_testkit.surroundings import registries_of
from heliosdb_vector import bits, columns, distances
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense

NAMES = ("l2_distance", "inner_product", "negative_inner_product", "cosine_distance", "l1_distance")
MAGNITUDES = (1e-30, 1e-22, 1e-3, 1.0, 1e4, 1e20, 3e38)


@pytest.fixture
def heliosdb_plugins() -> list[Any]:
    return ["vector"]


def column(data: list[Any]) -> ColumnValues:
    return ColumnValues([(value,) for value in data], 0)


def vectors(seed: int, count: int, dimensions: int, form: Dense = VECTOR) -> list[bytes]:
    """Return vectors of all magnitudes, some equal, some zero, some close to each other."""
    chance = np.random.default_rng(seed)
    most = 6e4 if form is HALFVEC else 3e38
    rows = chance.standard_normal((count, dimensions)) * chance.choice(MAGNITUDES, (count, 1))
    rows[::7] = 0
    if count > 3:
        rows[1::5] = rows[2] * (1 + 1e-7 * chance.standard_normal((len(rows[1::5]), 1)))
    return [form.datum(np.clip(row, -most, most)) for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 70))
def test_a_column_has_the_distances_of_its_rows(seed: int, count: int, dimensions: int) -> None:
    for form, of_column, of_row in (
        (VECTOR, columns.VECTORS, distances.VECTORS),
        (HALFVEC, columns.HALFVECS, distances.HALFVECS),
    ):
        data = vectors(seed, count, dimensions, form)
        (other,) = vectors(seed + 1, 3, dimensions, form)[2:]
        for name in NAMES:
            row = getattr(of_row, name)
            for given_, expected in (
                ((column(data), other), [row(value, other) for value in data]),
                ((other, column(data)), [row(other, value) for value in data]),
                ((column(data), column(data[::-1])), list(map(row, data, data[::-1]))),
            ):
                found = getattr(of_column, name)(*given_)
                assert list(map(repr, found.tolist())) == list(map(repr, expected)), name
                places = [*range(0, count, 3)]
                assert list(map(repr, found.take(places).tolist())) == [repr(expected[place]) for place in places]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 200))
def test_what_a_bound_leaves_out_is_not_below_it(seed: int, count: int, dimensions: int) -> None:
    data = vectors(seed, count, dimensions)
    other = data[seed % count]
    found = columns.VECTORS.l2_distance(column(data), other)
    exact = np.array([distances.VECTORS.l2_distance(value, other) for value in data])
    for bound in {0.0, -1.0, *exact.tolist()}:
        assert not (np.asarray(found >= bound) & ~(exact >= bound)).any()
        assert not (np.asarray(found > bound) & ~(exact > bound)).any()
        assert ((found <= bound) == (exact <= bound)).all()
        assert ((found < bound) == (exact < bound)).all()


def test_a_bound_leaves_out_nearly_all_that_is_behind_it() -> None:
    chance = np.random.default_rng(1)
    data = [VECTOR.datum(row) for row in chance.standard_normal((2000, 128))]
    found = columns.VECTORS.l2_distance(column(data), data[0])
    assert found is not None
    exact = found.exact()
    bound = float(np.sort(exact)[10])
    assert 1980 <= np.count_nonzero(found >= bound) <= np.count_nonzero(exact >= bound)


def test_a_column_of_different_dimensions_is_left_to_its_rows() -> None:
    data = [VECTOR.datum([1, 2]), VECTOR.datum([1, 2, 3]), VECTOR.datum([1])]
    for name in NAMES:
        assert getattr(columns.VECTORS, name)(column(data), data[0]) is None
        assert getattr(columns.VECTORS, name)(column(data[:1]), data[1]) is None
    assert columns.VECTORS.vector_distance(column(data[:1]), data[0], "angle") is None
    assert columns.VECTORS.vector_distance(column(data[:1]), data[0], column(["l2"])) is None
    assert columns.hamming_distance(column(["10", "1"]), "10") is None
    assert columns.hamming_distance(column(["10"]), "1") is None


@given(st.integers(1, 20).flatmap(lambda n: st.lists(st.text("01", min_size=n, max_size=n), min_size=1, max_size=9)))
def test_a_column_of_bits_has_the_distances_of_its_rows(data: list[str]) -> None:
    for of_column, of_row in (
        (columns.hamming_distance, bits.hamming_distance),
        (columns.jaccard_distance, bits.jaccard_distance),
    ):
        found = of_column(column(data), data[0])
        assert found is not None
        assert found.tolist() == [of_row(value, data[0]) for value in data]


@pytest.mark.parametrize(("operator", "name"), [("<->", "l2"), ("<=>", "cosine"), ("<#>", "dot"), ("<+>", "manhattan")])
def test_the_nearest_of_a_table_are_the_nearest(database: EmbeddedDatabase, operator: str, name: str) -> None:
    chance = np.random.default_rng(5)
    rows = chance.standard_normal((9000, 16)).astype(np.float32)
    rows[::11] = rows[4]
    database.execute("CREATE TABLE t (id int PRIMARY KEY, kind int, v vector(16))")
    database.prepare("INSERT INTO t VALUES ($1, $2, $3)").execute_many(
        [(n, n % 10, None if n % 17 == 3 else row) for n, row in enumerate(rows)]
    )
    for question in (rows[4], rows[4] + 1e-4, chance.standard_normal(16), np.full(16, 50.0)):
        ordered = f"ORDER BY v {operator} $1, id"
        wanted = [row[0] for row in database.query(f"SELECT id FROM t WHERE v IS NOT NULL {ordered}", (question,))]
        one_by_one = sorted(
            (getattr(distances.VECTORS, distances.METRICS[name])(VECTOR.datum(row), VECTOR.datum(question)), n)
            for n, row in enumerate(rows)
            if n % 17 != 3
        )
        assert wanted == [n for _, n in one_by_one]
        for query, expected in (
            (f"SELECT id FROM t {ordered} LIMIT 20", wanted[:20]),
            (f"SELECT id FROM t {ordered} LIMIT 20 OFFSET 300", wanted[300:320]),
            (f"SELECT id FROM t WHERE kind = 3 {ordered} LIMIT 20", [n for n in wanted if n % 10 == 3][:20]),
            (f"SELECT id FROM t WHERE kind > 1 {ordered} LIMIT 20", [n for n in wanted if n % 10 > 1][:20]),
            (f"SELECT id FROM t ORDER BY vector_distance(v, $1, '{name}'), id LIMIT 20", wanted[:20]),
        ):
            for _ in range(2):
                assert [row[0] for row in database.query(query, (question,))] == expected, query


def test_a_stored_column_is_a_matrix_as_it_stands() -> None:
    frames = StoredFrames(registries_of("vector").types.stored_classes)
    rows = np.random.default_rng(2).standard_normal((300, 8)).astype(np.float32)
    data: list[Any] = [VECTOR.datum(row) for row in rows]
    stored = frames.column(frames.encode([*data[:5], None, *data[5:]]))
    matrix = columns.VECTORS.stored_matrix(stored)
    assert matrix is not None
    assert (stored.width, stored.values, matrix.base is not None) == (32, None, True)
    assert (matrix == rows).all()
    same = columns.VECTORS.stored_matrix(frames.column(frames.encode(data[:1] * 50)))
    assert same is not None
    assert (same == rows[[0] * 50]).all()
    mixed = [*data[:3], VECTOR.datum([1])]
    assert columns.VECTORS.stored_matrix(frames.column(frames.encode(mixed))) is None
    assert columns.VECTORS.stored_matrix(frames.column(frames.encode([None]))) is None
