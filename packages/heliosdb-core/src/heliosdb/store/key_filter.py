"""Bloom filters of index pages: whether a key may be in a page, for a byte or so a key.

    filter      8,192 bits for a page of 1,024 keys; each key sets two of them

A key that is not there is taken for one that may be in one case of twenty (B. Bloom, "Space/time trade-offs in hash
coding with allowable errors", CACM 1970). The hash of a key must be the same in every process: that of Python is for
numbers, where equal ones of different classes have the same one; texts and byte strings have their CRC-32; a tuple has
that of its items. A key of which anything else is part has none, and a run with such a key has no filters.

A page whose keys are all the integers from one to another has a filter that refuses nothing: there is none between
them that is not in it.

Python's hashes of numbers are those of integers modulo a prime, which depends on the machine's word: a run says by
which it was made, and elsewhere does without its filters.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from heliosdb.encoding.columns import write_bits
from heliosdb.encoding.keys import NULL, NULL_FIRST, Descending

__all__ = ["FILTER_BYTES", "MODULUS", "hash_of", "make_filter", "may_hold"]

FILTER_BITS = 1 << 13
FILTER_BYTES = FILTER_BITS >> 3
EVERYTHING = b"\xff" * FILTER_BYTES
"""The filter that refuses nothing."""
MODULUS = sys.hash_info.modulus
_MASK = FILTER_BITS - 1
_WORD = (1 << 64) - 1
_MIX = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio: spreads numbers that follow each other (Knuth, volume 3, section 6.4)."""


def hash_of(key: Any) -> int | None:
    """Return a key's hash of 64 bits, None for a key of which one is not known."""
    kind = type(key)
    if kind is int or kind is float or kind is Decimal or kind is bool:
        number = hash(key)
    elif kind is str:
        number = crc32(key.encode("utf-8", "surrogatepass"))
    elif kind is bytes:
        number = crc32(key)
    elif isinstance(key, tuple):
        number = len(key)
        for item in key:
            part = hash_of(item)
            if part is None:
                return None
            number = (number * _MIX ^ part) & _WORD
    elif key is NULL or key is NULL_FIRST:
        number = 3 if key is NULL else 5
    elif kind is Descending:
        return hash_of(key.value)
    else:
        return None
    return number * _MIX & _WORD


def _hashes(keys: Sequence[Any]) -> list[int] | None:
    kinds = set(map(type, keys))
    if kinds == {int}:
        return [hash(key) * _MIX & _WORD for key in keys]
    if kinds == {str}:
        return [crc32(key.encode("utf-8", "surrogatepass")) * _MIX & _WORD for key in keys]
    hashes = []
    for key in keys:
        number = hash_of(key)
        if number is None:
            return None
        hashes.append(number)
    return hashes


def make_filter(keys: Sequence[Any]) -> bytes | None:
    """Return the filter of a page's keys, in their order, None where one of them has no hash."""
    if keys and type(keys[0]) is int is type(keys[-1]) and keys[-1] - keys[0] + 1 == len(keys):
        return EVERYTHING
    hashes = _hashes(keys)
    if hashes is None:
        return None
    flags = bytearray(FILTER_BITS)
    for number in hashes:
        flags[number >> 51] = 1
        flags[number >> 38 & _MASK] = 1
    return write_bits(bytes(flags))


def may_hold(filters: bytes, place: int, number: int) -> bool:
    """Whether a key with this hash may be in the page whose filter stands at a place."""
    bit = number >> 51
    if not filters[place + (bit >> 3)] << (bit & 7) & 0x80:
        return False
    bit = number >> 38 & _MASK
    return filters[place + (bit >> 3)] << (bit & 7) & 0x80 != 0
