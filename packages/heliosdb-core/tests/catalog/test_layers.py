"""Copies of a mapping share what they have in common, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.catalog.layers import SMALLEST_LIMIT, Layers

KEYS = st.integers(0, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 9), KEYS, st.one_of(st.none(), st.integers())),
        st.tuples(st.just("delete"), st.integers(0, 9), KEYS),
        st.tuples(st.just("copy"), st.integers(0, 9)),
    ),
    max_size=60,
)


def check(made: Layers[int, Any], model: dict[int, Any]) -> None:
    assert list(made.items()) == list(model.items())
    assert list(made.values()) == list(model.values())
    assert list(made) == list(model)
    assert len(made) == len(model)
    for key in range(13):
        assert (key in made) is (key in model)
        assert made.find(key) == model.get(key)
        if key in model:
            assert made[key] == model[key]
        else:
            with pytest.raises(KeyError):
                made[key]


@given(STEPS)
def test_copies_are_what_dicts_would_be_but_for_the_place_of_what_came_again(steps: list[Any]) -> None:
    copies: list[tuple[Layers[int, Any], dict[int, Any]]] = [(Layers(), {})]
    for kind, which, *rest in steps:
        made, model = copies[which % len(copies)]
        if kind == "copy":
            copies.append((made.copy(), dict(model)))
        elif kind == "set":
            made[rest[0]] = model[rest[0]] = rest[1]
        elif rest[0] in model:
            del made[rest[0]]
            del model[rest[0]]
        else:
            with pytest.raises(KeyError):
                del made[rest[0]]
    for made, model in copies:
        assert dict(made.items()) == model
        check(made, {key: model[key] for key in made})


def test_what_is_set_anew_keeps_its_place() -> None:
    first: Layers[int, str] = Layers()
    for key in range(5):
        first[key] = "old"
    second = first.copy()
    second[2] = "new"
    second[9] = "last"
    assert list(second.items()) == [(0, "old"), (1, "old"), (2, "new"), (3, "old"), (4, "old"), (9, "last")]
    assert list(first.values()) == ["old"] * 5


def test_a_long_line_of_copies_with_a_change_each_copies_little() -> None:
    made: Layers[int, int] = Layers()
    moved = 0
    for key in range(20_000):
        before = made
        made = before.copy()
        moved += len(made._top) if made._shares else len(made._base)
        made[key] = key
    assert dict(made.items()) == {key: key for key in range(20_000)}
    assert moved < 20_000 * 4 * (SMALLEST_LIMIT + 4 * 142)
