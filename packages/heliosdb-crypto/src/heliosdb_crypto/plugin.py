"""The hook implementations. Nothing here computes: opening a database without a key imports no cryptography."""

from __future__ import annotations

from heliosdb.plugin import hookimpl
from heliosdb.spi import (
    CatalogView,
    Clause,
    Command,
    Database,
    DatabaseMethod,
    Demo,
    Opening,
    ScalarFunction,
    Setting,
    StoredForm,
    Volatility,
)
from heliosdb_crypto.opening import ATTACHED, ROTATION, open_keyring


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
    if ROTATION in database.attached:
        database.attached[ROTATION].stop()


@hookimpl
def register_catalog_views() -> list[CatalogView]:
    """``heliosdb_encryption`` and ``heliosdb_encrypted_columns``."""
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
        ),
        CatalogView(
            name="heliosdb_encrypted_columns",
            columns=(
                ("table_schema", "text"),
                ("table_name", "text"),
                ("column_name", "text"),
                ("data_type", "text"),
                ("is_deterministic", "bool"),
                ("domain", "text"),
                ("is_readable", "bool"),
            ),
            rows="heliosdb_crypto.columns:encrypted_columns",
            description="which columns are encrypted, and whether this session has the key",
        ),
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


@hookimpl
def register_stored_forms() -> list[StoredForm]:
    """What rows hold of an encrypted column."""
    home = "heliosdb_crypto.columns"
    return [
        StoredForm(
            name="encrypted",
            to_stored=f"{home}:to_stored",
            from_stored=f"{home}:from_stored",
            to_search=f"{home}:to_search",
            check=f"{home}:check_column",
            equality_hint=f"{home}:equality_hint",
            description="values encrypted by the database's key for columns",
        )
    ]


@hookimpl
def register_clauses() -> list[Clause]:
    """``ENCRYPTED [DETERMINISTIC [DOMAIN name]]`` at a column."""
    return [
        Clause(
            name="encrypted",
            point="column",
            words=("ENCRYPTED",),
            parse="heliosdb_crypto.columns:parse_encrypted",
            bind="heliosdb_crypto.columns:bind_encrypted",
            description="the column's values are encrypted",
        )
    ]


@hookimpl
def register_functions() -> list[ScalarFunction]:
    """``heliosdb_unlock`` and ``heliosdb_lock``."""
    return [
        ScalarFunction(
            "heliosdb_unlock",
            ("text",),
            "bool",
            "heliosdb_crypto.columns:unlock",
            volatility=Volatility.VOLATILE,
            needs_session=True,
            bounded=False,
            argument_names=("key",),
            description="let this session read encrypted columns",
        ),
        ScalarFunction(
            "heliosdb_lock",
            (),
            "bool",
            "heliosdb_crypto.columns:lock",
            volatility=Volatility.VOLATILE,
            needs_session=True,
            description="let this session read no encrypted column",
        ),
    ]


@hookimpl
def register_settings() -> list[Setting]:
    """``encryption.without_key``."""
    return [
        Setting(
            name="encryption.without_key",
            kind="enum",
            default="error",
            values=("error", "null"),
            description="What a query gives for an encrypted value without the key: an error, or NULL. What changes "
            "rows gets the error in any case.",
            reader="heliosdb_crypto.columns:from_stored",
        )
    ]


@hookimpl
def register_demos() -> list[Demo]:
    """A database under a key."""
    return [
        Demo(name="encryption", title="Encryption: nothing readable without the key", run="heliosdb_crypto.demo:show")
    ]
