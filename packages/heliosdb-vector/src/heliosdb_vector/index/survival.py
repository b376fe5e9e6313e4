"""How an index outlives its backend's library: where that raises, the index is broken and the database goes on.

A commit that has begun to enter rows cannot be taken back, and a table has to open, whatever an index needs for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["survival"]


@contextmanager
def survival(name: str, let_go: Callable[[str], None], *refusals: type[Exception]) -> Iterator[None]:
    """Call ``let_go`` with the reason where something is raised in here that is none of the refusals, and warn."""
    try:
        yield
    except refusals:
        raise
    except Exception as error:  # noqa: BLE001 - of a library that others may have written
        trouble = f"broken until REINDEX by {type(error).__name__}: {error}"
        let_go(trouble)
        logging.getLogger("heliosdb").warning("%s: %s", name, trouble)
