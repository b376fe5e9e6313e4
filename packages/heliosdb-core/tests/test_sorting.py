"""Sorting in pieces is what list.sort does, and stops when it is told to."""

from __future__ import annotations

import random
from functools import cmp_to_key
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb import sorting
from heliosdb.errors import QueryCanceled
from heliosdb.interrupts import ask
from heliosdb.sorting import sort_rows

first = itemgetter(0)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "BUCKET", 16)
    monkeypatch.setattr(sorting, "OVERSAMPLED", 4)
    monkeypatch.setattr(sorting, "LONG", 20)


@given(st.lists(st.integers(0, 40) | st.integers(), max_size=400), st.booleans())
def test_it_sorts_as_list_sort_does_equal_keys_included(keys: list[int], reverse: bool) -> None:
    rows = [(key, number) for number, key in enumerate(keys)]
    expected = sorted(rows, key=first, reverse=reverse)
    sort_rows(rows, first, reverse)
    assert rows == expected


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", ["random", "sorted", "backwards", "equal", "two", "saw", "nearly"])
def test_shapes(shape: str, reverse: bool) -> None:
    draw = random.Random(7)
    size = 3_000
    keys: Any = {
        "random": [draw.random() for _ in range(size)],
        "sorted": range(size),
        "backwards": range(size, 0, -1),
        "equal": [5] * size,
        "two": [draw.randrange(2) for _ in range(size)],
        "saw": [number % 37 for number in range(size)],
        "nearly": [*range(size - 1), -1],
    }[shape]
    rows = [((key, "x"), number) for number, key in enumerate(keys)]
    expected = sorted(rows, key=first, reverse=reverse)
    sort_rows(rows, first, reverse)
    assert rows == expected


def test_keys_that_only_know_less_than() -> None:
    key = cmp_to_key(lambda a, b: (a[0] > b[0]) - (a[0] < b[0]))
    rows = [(random.Random(number).randrange(50), number) for number in range(500)]
    expected = sorted(rows, key=first)
    sort_rows(rows, key)
    assert rows == expected


def test_it_asks_whether_to_stop() -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 40:
            raise QueryCanceled("enough")

    ask(check)
    try:
        with pytest.raises(QueryCanceled):
            sort_rows([(number * 7919 % 1009, number) for number in range(1_000)], first)
    finally:
        ask(None)
    assert asked == 40
