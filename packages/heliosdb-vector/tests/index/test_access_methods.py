"""What the store relies on, for every backend: the testkit's suite over histories of changes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from heliosdb_testkit import AccessMethodSuite
from heliosdb_vector.dense import VECTOR

VECTORS: tuple[tuple[Any, ...], ...] = (
    (None,),
    *((VECTOR.input(text),) for text in ("[0,0]", "[1,0]", "[0,1]", "[5,5]", "[-1,-1]", "[1,1]", "[2,2]")),
)


class Suite(AccessMethodSuite):
    plugin = "vector"
    method = "hnsw"
    operator_class = "vector_l2_ops"
    values = VECTORS
    searches = ()
    orderings = (("<->", VECTOR.input("[0,0]")),)


class TestFaiss(Suite):
    options = {"backend": "faiss"}


@pytest.mark.skipif(find_spec("hnswlib") is None, reason="hnswlib is not installed")
class TestHnswlib(Suite):
    options = {"backend": "hnswlib"}


@pytest.mark.skipif(find_spec("usearch") is None, reason="usearch is not installed")
class TestUsearch(Suite):
    options = {"backend": "usearch"}


class TestLists(Suite):
    method = "ivf"
    options = {"lists": 2}


class TestCosine(Suite):
    operator_class = "vector_cosine_ops"
    values = tuple(vector for vector in VECTORS if vector[0] != VECTOR.input("[0,0]"))
    orderings = (("<=>", VECTOR.input("[1,2]")),)


class TestBits(Suite):
    operator_class = "bit_jaccard_ops"
    values = ((None,), ("1000",), ("1100",), ("1111",), ("0000",), ("0001",))
    orderings = (("<%>", "1110"),)
