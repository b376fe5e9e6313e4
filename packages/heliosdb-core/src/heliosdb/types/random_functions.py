"""``random()`` and ``setseed()``: PostgreSQL 15's generator, xoroshiro128** seeded by splitmix64.

Each session has its own state, which it keeps for us (``SessionContext.memory``): after ``setseed(x)`` the numbers
are the ones that PostgreSQL gives after the same call; before, the seed is the operating system's.
"""

from __future__ import annotations

import os

from heliosdb.errors import InvalidParameterValue
from heliosdb.types.definitions import ScalarFunction, SessionContext, Volatility
from heliosdb.types.float import double_text

__all__ = ["FUNCTIONS", "Xoroshiro128"]

WORD = (1 << 64) - 1
MEMORY_KEY = "random"


def _rotated(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (64 - bits))) & WORD


class Xoroshiro128:
    """The generator xoroshiro128** (Blackman and Vigna), as in ``pg_prng.c``."""

    def __init__(self, seed: int) -> None:
        self._first, seed = self._split_mix(seed)
        self._second, _ = self._split_mix(seed)
        if not self._first and not self._second:
            self._first, self._second = 0x5851F42D4C957F2D, 0x14057B7EF767814F

    @staticmethod
    def _split_mix(state: int) -> tuple[int, int]:
        state = (state + 0x9E3779B97F4A7C15) & WORD
        word = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & WORD
        return word ^ (word >> 31), state

    def word(self) -> int:
        """Return 64 random bits."""
        first, mixed = self._first, self._second ^ self._first
        result = (_rotated((first * 5) & WORD, 7) * 9) & WORD
        self._first = _rotated(first, 24) ^ mixed ^ ((mixed << 16) & WORD)
        self._second = _rotated(mixed, 37)
        return result

    def number(self) -> float:
        """Return a number from 0 to below 1, with 52 random bits."""
        return (self.word() >> 12) / (1 << 52)


def _generator(session: SessionContext) -> Xoroshiro128:
    generator = session.memory.get(MEMORY_KEY)
    if generator is None:
        generator = session.memory[MEMORY_KEY] = Xoroshiro128(int.from_bytes(os.urandom(8), "big"))
    assert isinstance(generator, Xoroshiro128)
    return generator


def random(session: SessionContext) -> float:
    """Return a random number from 0 to below 1."""
    return _generator(session).number()


def setseed(seed: float, session: SessionContext) -> str:
    """Seed the session's generator with a number from -1 to 1; the result is void, which is not NULL."""
    if not -1 <= seed <= 1:
        raise InvalidParameterValue(f"setseed parameter {double_text(seed)} is out of allowed range [-1,1]")
    session.memory[MEMORY_KEY] = Xoroshiro128(int(float((1 << 52) - 1) * seed) & WORD)
    return ""


FUNCTIONS: tuple[ScalarFunction, ...] = (
    ScalarFunction("random", (), "float8", random, needs_session=True, volatility=Volatility.VOLATILE),
    ScalarFunction("setseed", ("float8",), "void", setseed, needs_session=True, volatility=Volatility.VOLATILE),
)
