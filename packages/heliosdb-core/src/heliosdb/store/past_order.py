"""The keys that rows have had, in order, found by when they had them.

Keys of the present are in one order (``key_order``), so that who reads now meets no others. Keys of the past come in
batches of a thousand or more, oldest first, and the batches number the time:

    batch          0        1        2        3
    SCNs        1 .. 40  .. 70    .. 71    .. 130

    node (2, 0)  |----------- a row had k from 30 to 115 -----------|
    node (1, 1)                    |--- from 45 to 80 ---|
    node (0, 2)                    | 70-71 |

A key that a row had from one batch to another stands in the least node that covers both: nodes of level n are 2 ** n
batches long, and none begins within another. A reader looks at one node of each level, the one his SCN is in. A row had
a single key in the middle of a node, so he meets at most one wrong key for each row and level, however many it has had.

Nodes hold sorted runs and nothing but elements; the rows, and from when to when, stand in the tree's ``past``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

__all__ = ["BATCH", "Ended", "PastOrder"]

BATCH = 1024
"""Keys that make a batch; until there are as many, readers look through them."""

Ended = tuple[int, int, int, Any]
"""(begin SCN, end SCN, row id, element)."""
_END = itemgetter(1)


class _Part:
    """Sorted elements, as ``KeyOrder.windows`` merges them in."""

    __slots__ = ("state",)

    def __init__(self, runs: tuple[list[Any], ...] = (), recent: Iterable[Any] = ()) -> None:
        self.state: tuple[tuple[list[Any], ...], list[Any]] = (runs, sorted(recent))

    def add(self, elements: list[Any]) -> None:
        """Take in elements, in any order."""
        elements.sort()
        run = _distinct(elements)
        runs = list(self.state[0])
        while runs and len(runs[-1]) < 2 * len(run):
            run = runs.pop() + run
            run.sort()  # two sorted parts: one linear merge
            run = _distinct(run)
        self.state = ((*runs, run), [])

    @staticmethod
    def sorted_recent(recent: list[Any]) -> list[Any]:
        """Return the elements that are in no run, which are sorted."""
        return recent


class PastOrder:
    """See the module. All but ``parts`` is called by one thread at a time."""

    __slots__ = ("_bounds", "_nodes", "_size", "state", "waste")

    def __init__(self) -> None:
        self._bounds: list[int] = []
        """The last SCN at which a key of each batch ended."""
        self._nodes: dict[tuple[int, int], _Part] = {}
        self._size = 0
        self.waste = 0
        """About how many elements of nodes belong to keys that nobody asks for any more."""
        self.state: tuple[int, list[Ended]] = (0, [])
        """How many batches there are, and what is in none yet, by end. Replaced when both are in place."""

    def note(self, ended: Ended) -> None:
        """Take in that a row has lost a key; ``settle`` is called when the commit has entered all of its."""
        self.state[1].append(ended)

    def take_back(self, element: Any) -> None:
        """Forget the last that was noted."""
        waiting = self.state[1]
        if waiting and waiting[-1][3] is element:
            waiting.pop()
        else:
            self.waste += 1

    def settle(self) -> None:
        """Make a batch of what was noted if it is enough for one."""
        if len(self.state[1]) >= BATCH:
            self._place(self.state[1])
            self.state = (len(self._bounds), [])

    def note_all(self, ended: list[Ended]) -> None:
        """Take in many, of any time before now."""
        if ended:
            self._place(ended)
            self.state = (len(self._bounds), self.state[1])

    def _place(self, ended: list[Ended]) -> None:
        bounds, nodes = self._bounds, self._nodes
        placed: dict[tuple[int, int], list[Any]] = {}
        before = (-1, -1)
        elements: list[Any] = []
        for begin, end, _, element in ended:
            if before != (begin, end):
                before = (begin, end)
                first, last = bisect_right(bounds, begin), bisect_right(bounds, end - 1)
                level = (first ^ last).bit_length()
                elements = placed.setdefault((level, last >> level), [])
            elements.append(element)
        for place, elements in placed.items():
            part = nodes.get(place)
            if part is None:
                part = nodes[place] = _Part()
            part.add(elements)
        self._size += len(ended)
        # Which batch an earlier SCN is in is fixed by now.
        last = max(map(_END, ended))
        if not bounds or last > bounds[-1]:
            bounds.append(last)

    def parts(self, scn: int | None) -> list[_Part]:
        """Return what has the elements of keys that rows had at an SCN, among others; None: at any."""
        count, waiting = self.state
        waiting = waiting[:]
        if scn is None:
            return [*self._nodes.values(), _Part(recent=[element for _, _, _, element in waiting])]
        found = []
        batch = bisect_right(self._bounds, scn, 0, count)
        if batch < count:
            for level in range(count.bit_length() + 1):
                part = self._nodes.get((level, batch >> level))
                if part is not None:
                    found.append(part)
        here = []
        for begin, end, _, element in reversed(waiting):
            if end <= scn:
                break
            if begin <= scn:
                here.append(element)
        if here:
            found.append(_Part(recent=here))
        return found

    def sweep(self, is_past: Callable[[Any], bool], horizon: int) -> None:
        """Leave out, when they are many, elements that are no longer past, and all of what ended before ``horizon``."""
        if self.waste <= max(BATCH, self._size // 2):
            return
        bounds = self._bounds
        size = 0
        for place, part in list(self._nodes.items()):
            level, number = place
            after = (number + 1) << level
            runs: Sequence[list[Any]] = ()
            if after > len(bounds) or bounds[after - 1] >= horizon:
                runs = [kept for run in part.state[0] if (kept := list(filter(is_past, run)))]
            if runs:
                part.state = (tuple(runs), [])
                size += sum(map(len, runs))
            else:
                del self._nodes[place]
        self._size, self.waste = size, 0


def _distinct(elements: list[Any]) -> list[Any]:
    """Return sorted elements without repetitions."""
    result = elements[:1]
    for element in elements:
        if element is not result[-1] and element != result[-1]:
            result.append(element)
    return result
