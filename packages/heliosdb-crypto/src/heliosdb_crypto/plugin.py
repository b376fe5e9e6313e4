"""The hook implementations. Nothing here computes: opening a database without a key imports no cryptography."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import Opening


@hookimpl
def database_opening(opening: Opening) -> None:
    """Take the key, and have all bytes encrypted."""
    from heliosdb_crypto.opening import open_keyring

    open_keyring(opening)
