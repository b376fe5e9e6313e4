"""The hook implementations. Nothing here computes: opening a database without a key imports no cryptography."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import CatalogView, Command, Database, DatabaseMethod, Opening
from heliosdb_crypto.opening import ATTACHED, open_keyring


@hookimpl
def database_opening(opening: Opening) -> None:
    """Take the key, and have all bytes encrypted."""
    open_keyring(opening)


@hookimpl
def database_opened(database: Database) -> None:
    """Go on with a rotation that was stopped."""
    if ATTACHED in database.attached:
        from heliosdb_crypto.rotation import start

        start(database)


@hookimpl
def database_closing(database: Database) -> None:
    """Stop a rotation; it goes on at the next opening."""
    if ATTACHED in database.attached:
        from heliosdb_crypto.rotation import stop

        stop(database)


@hookimpl
def register_catalog_views() -> list[CatalogView]:
    """``heliosdb_encryption``."""
    return [
        CatalogView(
            name="heliosdb_encryption",
            columns=(
                ("part", "text"),
                ("algorithm", "text"),
                ("key_id", "text"),
                ("since", "timestamptz"),
                ("files", "int8"),
                ("bytes", "int8"),
                ("state", "text"),
            ),
            rows="heliosdb_crypto.view:rows",
            description="what is encrypted, under which key, since when, and how far a rotation is",
        )
    ]


@hookimpl
def register_database_methods() -> list[DatabaseMethod]:
    """``rotate_master_key`` and ``rotate_data_key``."""
    return [
        DatabaseMethod(
            name="rotate_master_key",
            implementation="heliosdb_crypto.methods:rotate_master_key",
            description="have the data keys wrapped by another master key",
        ),
        DatabaseMethod(
            name="rotate_data_key",
            implementation="heliosdb_crypto.methods:rotate_data_key",
            description="make a new data key, and write anew what older ones encrypted",
        ),
    ]


@hookimpl
def register_commands() -> list[Command]:
    """``heliosdb generate-key`` and ``heliosdb rotate-key``."""
    return [
        Command(
            name="generate-key",
            command="heliosdb_crypto.commands:generate_key",
            description="print a new encryption key",
        ),
        Command(
            name="rotate-key",
            command="heliosdb_crypto.commands:rotate_key",
            description="change the keys of an encrypted database",
        ),
    ]
