"""The rows of a block that are not in memory, as a sequence: whoever asks for one has all of them read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, overload

__all__ = ["RowsElsewhere"]


class RowsElsewhere(Sequence[Any]):
    """Of so many rows, which ``read`` gives."""

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        self._length = length

    @abstractmethod
    def read(self) -> list[Any]:
        """Return the rows; the list must not be changed."""

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, slot: int) -> Any: ...

    @overload
    def __getitem__(self, slot: slice) -> list[Any]: ...

    def __getitem__(self, slot: int | slice) -> Any:
        return self.read()[slot]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.read())
