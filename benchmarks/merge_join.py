"""What a merge join would gain: ``python benchmarks/merge_join.py``.

Both joins as code generation would write them, over tuples in lists that come in key order for nothing. That is the
best that can happen to a merge join: in the engine an ordered input has to be read through an index, or sorted.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

Row = tuple[int, int]


def hash_join(left: Sequence[Row], right: Sequence[Row]) -> int:
    """Join by a hash table of the right side, whose keys are unique."""
    table = {}
    for row in right:
        table[row[0]] = row
    find, total = table.get, 0
    for row in left:
        match = find(row[0])
        if match is not None:
            total += match[1]
    return total


def merge_join(left: Sequence[Row], right: Sequence[Row]) -> int:
    """Join by walking both sides at once."""
    rest, total = iter(right), 0
    match = next(rest, None)
    for row in left:
        key = row[0]
        while match is not None and match[0] < key:
            match = next(rest, None)
        if match is None:
            break
        if match[0] == key:
            total += match[1]
    return total


def seconds(join: Callable[[Sequence[Row], Sequence[Row]], int], left: Sequence[Row], right: Sequence[Row]) -> float:
    """Return the processor time of the best of some runs."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        join(left, right)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Print the times of both for several sizes."""
    chance = random.Random(1)
    print(f"{'left':>10}{'right':>10}{'hash':>12}{'merge':>12}  merge takes")
    for many, few in ((1_000_000, 1_000_000), (1_000_000, 100_000), (100_000, 100_000), (100_000, 1_000)):
        right = [(key, key % 20) for key in range(few)]
        left = sorted((chance.randrange(few), number) for number in range(many))
        assert hash_join(left, right) == merge_join(left, right)
        one, other = seconds(hash_join, left, right), seconds(merge_join, left, right)
        print(f"{many:>10}{few:>10}{one * 1e3:>9.1f} ms{other * 1e3:>9.1f} ms  {other / one:.2f} of the time")


if __name__ == "__main__":
    main()
