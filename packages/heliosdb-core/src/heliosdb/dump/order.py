"""The order in which objects can be made: everything behind what it needs.

Of all that could come next, what ranks first comes next; within a rank, what was made first. Objects that need each
other in a circle (foreign keys of data, never definitions) come in that same order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

__all__ = ["in_order"]

Key = TypeVar("Key", bound=Hashable)


def in_order(needs: Mapping[Key, Iterable[Key]], rank: Mapping[Key, Any]) -> list[Key]:
    """Return the keys of ``needs`` in order; what is needed but no key itself is there already."""
    missing = {key: {other for other in others if other in needs and other != key} for key, others in needs.items()}
    waiting: dict[Key, list[Key]] = {}
    for key, others in missing.items():
        for other in others:
            waiting.setdefault(other, []).append(key)
    numbers = {key: number for number, key in enumerate(sorted(needs, key=lambda key: rank[key]))}
    by_number = {number: key for key, number in numbers.items()}
    ready = [numbers[key] for key, others in missing.items() if not others]
    heapify(ready)
    done: list[Key] = []
    left = sorted(numbers.values())
    entered = set(ready)
    while len(done) < len(numbers):
        if not ready:
            # A circle: it is broken at its first member.
            while left[0] in entered:
                left.pop(0)
            entered.add(left[0])
            ready.append(left[0])
        key = by_number[heappop(ready)]
        done.append(key)
        for other in waiting.get(key, ()):
            missing[other].discard(key)
            if not missing[other] and numbers[other] not in entered:
                entered.add(numbers[other])
                heappush(ready, numbers[other])
    return done
