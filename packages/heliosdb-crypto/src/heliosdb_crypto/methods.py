"""Methods of the embedded API: ``db.rotate_master_key(new_key)``, ``db.rotate_data_key()``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliosdb_crypto import rotation

__all__ = ["rotate_data_key", "rotate_master_key"]


def rotate_master_key(db: Any, key: Any) -> None:
    """Have the data keys wrapped by another master key: from now on ``key`` opens the database, and the old one does
    not."""
    rotation.rotate_master_key(db.database, key)


def rotate_data_key(
    db: Any, *, wait: bool = True, on_progress: Callable[[int, int], None] = lambda done, files: None
) -> None:
    """Make a new data key, and write anew what older ones encrypted, while the database is used.

    ``wait`` False: in the background; the view ``heliosdb_encryption`` shows how far it is. ``on_progress`` gets how
    many files are done, of how many.
    """
    rotation.rotate_data_key(db.database, wait=wait, on_progress=on_progress)
