"""``sum`` and ``avg`` of vectors.

As in pgvector ``sum`` adds in the type's own precision and ``avg`` in double precision. The state of both is a list of
the number of rows and the sums, changed in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from heliosdb.errors import DataException
from heliosdb_vector.arithmetic import overflow
from heliosdb_vector.dense import HALFVEC, VECTOR, Dense

__all__ = ["HALFVECS", "VECTORS", "Aggregates"]

State = list[Any]


class Aggregates:
    """The aggregates of one type."""

    def __init__(self, form: Dense) -> None:
        self._form = form

    def initial(self) -> State:
        """Begin without a row."""
        return [0, None]

    def sum_step(self, state: State, datum: bytes) -> State:
        """Add a vector."""
        numbers = self._form.numbers(datum)
        if state[1] is None:
            state[1] = numbers.copy()
        else:
            if len(numbers) != len(state[1]):
                self._form.check_same_size(state[1].tobytes(), datum)
            with np.errstate(over="ignore"):
                state[1] += numbers
            if not np.isfinite(state[1]).all():
                raise overflow()
        return state

    def sum_final(self, state: State) -> bytes | None:
        """Return the sum, NULL of no rows."""
        return None if state[1] is None else state[1].tobytes()

    def avg_step(self, state: State, datum: bytes) -> State:
        """Add a vector, and count it."""
        numbers = self._form.numbers(datum)
        if state[1] is None:
            state[1] = numbers.astype(np.float64)
        else:
            if len(numbers) != len(state[1]):
                raise DataException(f"expected {len(state[1])} dimensions, not {len(numbers)}")
            state[1] += numbers
        state[0] += 1
        return state

    def avg_final(self, state: State) -> bytes | None:
        """Return the mean, NULL of no rows."""
        return None if state[1] is None else self._form.datum(state[1] / state[0])


VECTORS = Aggregates(VECTOR)
HALFVECS = Aggregates(HALFVEC)
