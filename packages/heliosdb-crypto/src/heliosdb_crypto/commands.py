"""The commands ``heliosdb generate-key`` and ``heliosdb rotate-key``."""

from __future__ import annotations

import os

import click

__all__ = ["generate_key", "rotate_key"]


@click.command(epilog="\b\nExamples:\n  heliosdb generate-key\n  heliosdb generate-key /run/secrets/heliosdb")
@click.argument("file", metavar="[FILE]", required=False)
def generate_key(file: str | None) -> None:
    """Print a new encryption key, or write it to FILE, which nobody else can read.

    Without the key nobody can read what is encrypted under it: keep a copy where the database is not.
    """
    from heliosdb_crypto.keys import EncryptionKey

    key = EncryptionKey.generate()
    if file is None:
        click.echo(key.hex())
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.ClickException(f'"{file}" exists already') from None
    except OSError as error:
        raise click.ClickException(f'could not write "{file}": {error.strerror}') from None
    with os.fdopen(descriptor, "w") as output:
        output.write(key.hex() + "\n")
    click.echo(f"key {key.id}", err=True)


@click.command(
    epilog="\b\nExamples:\n"
    "  HELIOSDB_ENCRYPTION_KEY=... heliosdb rotate-key secure.db --to environment=NEW_DB_KEY\n"
    "  heliosdb rotate-key secure.db --config heliosdb.toml --data"
)
@click.argument("database", metavar="PATH", type=click.Path(exists=True))
@click.option("--to", "new", metavar="PROVIDER=VALUE", help="The new master key: environment=NAME, file=PATH, ...")
@click.option("--data", is_flag=True, help="Make a new data key, and write everything anew under it.")
@click.option("--config", "config_file", metavar="FILE", help="Read the configuration from this TOML file.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def rotate_key(database: str, new: str | None, data: bool, config_file: str | None, quiet: bool) -> None:
    """Change the keys of the encrypted database at PATH.

    The key that it has is what the configuration or HELIOSDB_ENCRYPTION_KEY says. A new master key takes effect at
    once; a new data key when all files are written anew, which goes on at the next opening if it is stopped.
    """
    if new is None and not data:
        raise click.UsageError("--to, --data or both are needed")
    import heliosdb
    from heliosdb_crypto.providers import master_key, provided
    from heliosdb_crypto.rotation import keyring_of, rotate_data_key, rotate_master_key

    config = heliosdb.load_config(config_file, overrides={"path": database})
    with heliosdb.EmbeddedDatabase(database, config=config, strict=True) as opened:
        if new is not None:
            rotate_master_key(opened.database, master_key(provided(new)))
            click.echo(f"master key {keyring_of(opened.database).master_id}", err=True)
        if data:
            with click.progressbar(length=1, label=database, hidden=quiet) as bar:

                def show(done: int, files: int) -> None:
                    bar.length = max(files, 1)
                    bar.update(done - bar.pos)

                rotate_data_key(opened.database, on_progress=show)
            left = [key.number for key in keyring_of(opened.database).data_keys()]
            click.echo(f"data key {left[-1]}" + (", not everywhere yet" if len(left) > 1 else ""), err=True)
