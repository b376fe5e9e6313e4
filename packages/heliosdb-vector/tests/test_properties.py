"""What holds of all vectors: forms undo each other, keys agree with the order written out, distances with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from heliosdb.errors import DataError, ProgramLimitExceeded
from heliosdb_vector import HalfVector, SparseVector, Vector
from heliosdb_vector.dense import HALFVEC, VECTOR
from heliosdb_vector.distances import HALFVECS, SPARSEVECS, VECTORS
from heliosdb_vector.sparse import SPARSEVEC

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
SMALL = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.5])


def rows(numbers: st.SearchStrategy[float], size: int | None = None) -> st.SearchStrategy[Any]:
    return arrays.arrays(np.float32, size or st.integers(1, 12), elements=numbers)


@given(rows(FINITE))
def test_text_and_binary_form_give_the_same_vector(numbers: Any) -> None:
    datum = VECTOR.datum(numbers)
    assert VECTOR.input(VECTOR.output(datum)) == datum
    assert VECTOR.receive(VECTOR.send(datum)) == datum
    assert Vector(numbers).to_list() == numbers.tolist()
    assert VECTOR._input_slowly(VECTOR.output(datum)) == datum


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=12).map(str), min_size=1, max_size=5))
def test_usual_text_is_read_as_the_slow_way_reads_it(texts: list[str]) -> None:
    text = f"[{', '.join(texts)}]"
    try:
        expected: Any = VECTOR._input_slowly(text)
    except DataError as error:
        with pytest.raises(type(error)):
            VECTOR.input(text)
        return
    assert VECTOR.input(text) == expected


@given(st.text(alphabet="[]{},:/0123456789.eE+-naif x", max_size=20))
def test_any_text_is_a_vector_or_an_error_of_ours(text: str) -> None:
    for form in (VECTOR, HALFVEC, SPARSEVEC):
        try:
            datum = form.input(text)
        except (DataError, ProgramLimitExceeded):
            continue
        assert form.input(form.output(datum)) == datum
        assert form.receive(form.send(datum)) == datum


@given(st.binary(max_size=40))
def test_any_bytes_are_a_vector_or_an_error_of_ours(data: bytes) -> None:
    for form in (VECTOR, HALFVEC, SPARSEVEC):
        try:
            datum = form.receive(data)
        except (DataError, ProgramLimitExceeded):
            continue
        assert form.send(datum) == data


@given(rows(SMALL), rows(SMALL))
def test_keys_order_vectors_as_lists_of_their_numbers(left: Any, right: Any) -> None:
    for form in (VECTOR, HALFVEC):
        first, second = form.datum(left), form.datum(right)
        assert (form.sort_key(first) < form.sort_key(second)) == (left.tolist() < right.tolist())
        assert (form.hash_key(first) == form.hash_key(second)) == (left.tolist() == right.tolist())
    first, second = SPARSEVEC.from_numbers(left), SPARSEVEC.from_numbers(right)
    assert (SPARSEVEC.sort_key(first) < SPARSEVEC.sort_key(second)) == (left.tolist() < right.tolist())
    assert (first == second) == (left.tolist() == right.tolist())


@given(st.integers(1, 40).flatmap(lambda size: st.tuples(rows(SMALL, size), rows(SMALL, size))))
def test_distances_are_the_same_in_every_type(pair: tuple[Any, Any]) -> None:
    left, right = pair
    expected = {
        "l2_distance": float(np.linalg.norm(left - right)),
        "inner_product": float(left @ right),
        "l1_distance": float(np.abs(left - right).sum()),
    }
    for distances, make in ((VECTORS, VECTOR.datum), (HALFVECS, HALFVEC.datum), (SPARSEVECS, SPARSEVEC.from_numbers)):
        first, second = make(left), make(right)
        for name, distance in expected.items():
            assert getattr(distances, name)(first, second) == pytest.approx(distance, rel=1e-6, abs=1e-6)
        cosine = distances.cosine_distance(first, second)
        assert np.isnan(cosine) if not (left.any() and right.any()) else -1e-6 <= cosine <= 2 + 1e-6


@given(rows(SMALL))
def test_the_python_classes_undo_each_other(numbers: Any) -> None:
    vector, half, sparse = Vector(numbers), HalfVector(numbers), SparseVector(numbers)
    assert Vector(half) == vector
    assert HalfVector(vector) == half
    assert SparseVector(vector) == sparse
    assert SparseVector.from_text(sparse.to_text()) == sparse
    assert SparseVector.from_binary(sparse.to_binary()) == sparse
    assert SparseVector(dict(zip(sparse.indices(), sparse.values())), len(numbers)) == sparse
    assert sparse.to_list() == (numbers + 0).tolist()
    assert vector == Vector(sparse)
    assert hash(vector) == hash(Vector(sparse))


def test_the_binary_form_is_the_one_that_pgvector_sends() -> None:
    for form, text, sent in (
        (VECTOR, "[1,2]", "000200003f80000040000000"),
        (HALFVEC, "[1,2.5,-0]", "000300003c0041008000"),
        (SPARSEVEC, "{1:1,3:2}/4", "00000004000000020000000000000000000000023f80000040000000"),
    ):
        assert form.send(form.input(text)).hex() == sent
        assert form.output(form.receive(bytes.fromhex(sent))) == text
