"""How much effort a search needs for a recall: a curve that an index measures of itself.

What is nearest to some questions is computed of all vectors; then the structure is searched with more and more effort,
and the part of these that it finds is noted, less what so small a sample may be wrong by:

    10 nearest     effort 10    20    40    80 ...
                   recall .71   .88   .96   .99

Vectors that are stored make questions that are too easy, for a graph leads to each of its own: of one with recall .28
for others they found .50. So a question lies as far behind a vector as one of its nearest is before it, which found
.29 there, and a little less than others do in most. Questions that are unlike what is stored find less still: it is a
measure and no promise. The curve holds until the structure has half as many vectors more, or fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MEASURED", "Curve", "Curves", "measured", "measured_of_codes", "steps"]

QUESTIONS = 64
NEIGHBOUR = 6
"""Which of the nearest a question is on the other side of."""
PART = 1 << 15
"""Vectors that are compared with the questions at a time."""

MEASURED = (10, 100, 1000)
"""Numbers of nearest rows for which recall is measured."""

Rows = NDArray[Any]
Curve = list[tuple[int, float]]
"""(effort, recall), with growing effort."""
Search = Callable[[Rows, int, int], Rows]


class Curves:
    """The curves of one index, made when they are asked for."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Curve]] = {}
        """For so many nearest: how many vectors there were when it was measured, and what was found."""

    def effort(self, count: int, recall: float, held: int, measure: Callable[[int, float], Curve]) -> int | None:
        """Return the least effort that finds this part of ``count`` nearest among ``held`` vectors; None where none
        does, or more are wanted than is measured.
        """
        near = next((most for most in MEASURED if count <= most), None)
        if near is None:
            return None
        then, curve = self._known.get(near, (0, []))
        if not curve or not 2 * then <= 3 * held <= 4.5 * then or (curve[-1][1] < recall and curve[-1][0] < held):
            curve = measure(near, recall)
            self._known[near] = held, curve
        return next((effort for effort, found in curve if found >= recall), None)


def steps(least: int, most: int) -> Iterator[int]:
    """Yield the efforts to try: twice as much each time, up to all there is."""
    effort = least
    while effort < most:
        yield effort
        effort *= 2
    yield most


def measured(
    labels: Rows,
    rows: Callable[[Rows], Rows],
    distances: Callable[[Rows, Rows], Rows],
    search: Search,
    count: int,
    efforts: Iterator[int],
    recall: float,
    *,
    unit: bool,
) -> Curve:
    """Return the curve for so many nearest, as far as to a recall.

    ``rows(labels)`` gives vectors, ``distances(row, rows)`` ranks them, ``search(row, count, effort)`` gives labels.
    ``unit``: all vectors have length one.
    """
    questions = _questions(labels, rows, search, unit=unit)
    best: list[tuple[Rows, Rows]] = [(np.empty(0, np.float32), np.empty(0, np.int64)) for _ in questions]
    for start in range(0, len(labels), PART):
        part = labels[start : start + PART]
        known = rows(part)
        for number, question in enumerate(questions):
            ranks = np.concatenate([best[number][0], distances(question, known)])
            names = np.concatenate([best[number][1], part])
            if len(ranks) > count:
                nearest = np.argpartition(ranks, count - 1)[:count]
                ranks, names = ranks[nearest], names[nearest]
            best[number] = ranks, names
    curve: Curve = []
    for effort in efforts:
        shares = [
            np.isin(names, search(question, count, effort)).mean() for question, (_, names) in zip(questions, best)
        ]
        error = float(np.std(shares)) / len(shares) ** 0.5
        curve.append((effort, float(np.mean(shares)) - error))
        if curve[-1][1] >= recall:
            break
    return curve


def measured_of_codes(
    labels: Rows, rows: Rows, distances: Callable[[Rows, Rows], Rows], search: Callable[[Rows], Rows], *, unit: bool
) -> float:
    """Return which part of the 10 nearest is among those that a search names and that are then compared exactly.

    ``rows`` are the vectors themselves; ``search(row)`` gives labels of what is likely near by their codes.
    """
    places = np.argsort(labels)

    def of_labels(some: Rows) -> Rows:
        found: Rows = rows[places[np.searchsorted(labels, some, sorter=places)]]
        return found

    def nearest(question: Rows, count: int, _effort: int = 0) -> Rows:
        ranks = distances(question, rows)
        count = min(count, len(rows))
        chosen = np.argpartition(ranks, count - 1)[:count]
        ordered: Rows = labels[chosen[np.argsort(ranks[chosen], kind="stable")]]
        return ordered

    questions = _questions(labels, of_labels, nearest, unit=unit)
    shares = [np.isin(nearest(question, MEASURED[0]), search(question)).mean() for question in questions]
    return float(np.mean(shares))


def _questions(labels: Rows, rows: Callable[[Rows], Rows], search: Search, *, unit: bool) -> Rows:
    chosen = np.random.default_rng(1).choice(labels, min(QUESTIONS, len(labels)), replace=False)
    vectors = rows(chosen)
    near = [search(vector, NEIGHBOUR, 4 * NEIGHBOUR) for vector in vectors]
    others = rows(np.array([found[-1] if len(found) else label for found, label in zip(near, chosen)]))
    if vectors.dtype == np.uint8:
        # Bits: each differs from its vector as much as another vector does from its neighbour.
        return np.asarray(vectors ^ np.roll(vectors ^ others, 1, axis=0))
    questions = 2 * vectors - others
    if unit:
        lengths = np.linalg.norm(questions, axis=1, keepdims=True)
        questions = questions / np.where(lengths == 0, 1, lengths)
    return np.ascontiguousarray(questions, np.float32)
