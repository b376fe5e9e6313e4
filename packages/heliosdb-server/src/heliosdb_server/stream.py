"""What comes from a client: to whoever can answer it at once, else to the reader, as asyncio's streams have it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["ClientStream"]


class ClientStream(asyncio.StreamReaderProtocol):
    """A connection's protocol. ``answer`` is asked first, while it is set, and says whether it has answered.

    Once it has not, what arrives is the reader's, in order, until ``answer`` is set again.
    """

    answer: Callable[[bytes], bool] | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        answer = self.answer
        if answer is None or not answer(data):
            self.answer = None
            super().data_received(data)
